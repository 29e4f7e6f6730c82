/* A JSON Web Token (RFC 7519) signed as RFC 7515 has it: is it one, from whom, for whom, and good
 * now? */
#ifndef OAUTH2_JWT_H
#define OAUTH2_JWT_H

#include <stdint.h>
#include "jwks.h"

enum { JWT_NAME_MAX = 255 };

enum jwt_result {
	JWT_GOOD,
	JWT_FOREIGN, /* no JWT, or of another issuer */
	JWT_REFUSED  /* of this issuer, or it says so: *why */
};

struct jwt_policy {
	const char *issuer;           /* of "iss" */
	const char *const *audiences; /* one of these is in "aud"; ended by NULL */
	const char *claim;            /* names the user */
	int64_t now, leeway;          /* seconds; leeway for clocks that differ */
};

/* Checks a token. On JWT_GOOD user is the claim's value, of printable characters and at most
 * JWT_NAME_MAX octets. why: constant text, for the log. */
enum jwt_result jwt_check(const char *token, const struct jwks *, const struct jwt_policy *,
	char user[JWT_NAME_MAX + 1], const char **why);

#endif
