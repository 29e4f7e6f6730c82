/* Password schemes: {NAME}value as Dovecot writes it, and bare crypt(3) hashes.
 *
 * Used by the plugin and by `restantectl passwd`, which lists $(passwd_scheme_sources) among its
 * sources and links $(passwd_file_libs); see local.mk. Depends on libc, libcrypt and OpenSSL's
 * libcrypto only; keeps no state; blocks on nothing but the processor.
 */
#ifndef PASSWD_SCHEME_H
#define PASSWD_SCHEME_H

#include <stdbool.h>
#include <stddef.h>

enum scheme_result {
	SCHEME_MATCH = 1,
	SCHEME_NO_MATCH = 0,
	SCHEME_TROUBLE = -1 /* out of memory or entropy: nothing is known about the password */
};

enum { SCHEME_SECRET_MAX = 1024 }; /* octets that scheme_make() needs at most, NUL included */

struct scheme {
	const char *name;
	const char *param; /* prefix of crypt_gensalt(3), or name of the digest */
	bool salted;
	unsigned long usual; /* the cost that make takes for 0; 0 = libcrypt's own, or none */
	/* NULL when value is well-formed, else what was expected (constant text, no secret in it).
	 */
	const char *(*check)(const struct scheme *, const char *value);
	enum scheme_result (*verify)(
		const struct scheme *, const char *value, const char *password);
	/* Writes the value for a password. cost: rounds, iterations or crypt's count; 0 = the
	 * default. */
	int (*make)(const struct scheme *, const char *password, unsigned long cost, char *out,
		size_t size);
	/* The octets at the start of value that decide how long verify takes; NULL = none do. */
	size_t (*cost)(const char *value);
};

/* The schemes in the order of the table; NULL after the last. */
const struct scheme *scheme_at(size_t i);

/* By name, whatever its case; NULL = unknown. */
const struct scheme *scheme_find(const char *name, size_t len);

/* Splits a password field: the scheme, with *value pointing behind its name. A field without {NAME}
 * is CRYPT. NULL = the scheme is unknown or its brace is not closed. */
const struct scheme *scheme_split(const char *field, const char **value);

/* NULL, or what was expected of a password field. A locked field is well-formed. */
const char *scheme_check(const char *field);

/* Does no password match: an empty field, "*", "x", or one that starts with "!" or "*"? */
bool scheme_locked(const char *field);

/* Does the password match the field? A field that is locked or ill-formed matches nothing. */
enum scheme_result scheme_verify(const char *field, const char *password);

/* Writes "{SCHEME}value" for a password into out. 0 = done; -1 = errno says why: EINVAL for a cost
 * that the scheme does not take, ENOTSUP for a scheme that this libcrypt cannot make, EMSGSIZE for
 * an out that is too small (SCHEME_SECRET_MAX suffices for every scheme but PLAIN). */
int scheme_make(
	const struct scheme *, const char *password, unsigned long cost, char *out, size_t size);

#endif
