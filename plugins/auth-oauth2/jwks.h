/* The keys of an issuer: a JSON Web Key Set (RFC 7517 section 5) and what checks with them. */
#ifndef OAUTH2_JWKS_H
#define OAUTH2_JWKS_H

#include <stdbool.h>
#include <stddef.h>

enum jwks_alg { JWKS_RS256, JWKS_ES256, JWKS_OTHER };

struct jwks;

/* Reads a set from n octets of JSON. NULL, with what was expected in *why (constant text), when it
 * is none. Keys that cannot check RS256 or ES256 signatures (RFC 7518 section 3) are left out:
 * other kinds, other uses, RSA below 2048 bits, points that are not on P-256. A set without any is
 * NULL too. */
struct jwks *jwks_read(const char *text, size_t n, const char **why);
void jwks_free(struct jwks *);

/* "RS256" and "ES256" as they are in the header of a token. */
enum jwks_alg jwks_alg(const char *name);

/* Has a key of the set signed n octets? kid NULL: any key of that algorithm may have. */
bool jwks_verify(const struct jwks *, enum jwks_alg, const char *kid, const void *p, size_t n,
	const unsigned char *signature, size_t signature_len);

/* Decodes base64url without padding (RFC 7515 section 2), strictly, into memory for free(); a NUL
 * stands behind it. NULL: it is none, or there is no memory. */
unsigned char *jwks_base64url(const char *in, size_t n, size_t *len);

#endif
