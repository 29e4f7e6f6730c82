/* What a server stores for SCRAM (RFC 5802 section 3), in the form that Dovecot writes:
 * iterations,salt,StoredKey,ServerKey with the last three in base64. (The form of RFC 5803 has the
 * same four parts, but its colons cannot stand in a passwd line.)
 */
#ifndef PASSWD_SCRAM_H
#define PASSWD_SCRAM_H

#include <stdint.h>
#include "scheme.h"

enum { SCRAM_SALT_MAX = 64, SCRAM_KEY_MAX = 64, SCRAM_ITERATIONS_MAX = 10000000 };

struct scram_keys {
	uint32_t iterations, salt_len, key_len;
	unsigned char salt[SCRAM_SALT_MAX], stored[SCRAM_KEY_MAX], server[SCRAM_KEY_MAX];
};

/* Reads value for a digest ("SHA256"). 0, or -1 when it is not of that form. */
int scram_parse(const char *digest, const char *value, struct scram_keys *out);

/* Fills in stored, server and key_len from a password and the salt and iterations in *keys.
 * 0, or -1 out of memory. */
int scram_derive(const char *digest, const char *password, struct scram_keys *keys);

/* Keys for a user whose password is known. The salt follows from the user's name and salt_key, so
 * that it is the same at each login and tells nothing. 0, or -1 out of memory. */
int scram_from_plain(const char *digest, const unsigned char salt_key[32], const char *user,
	const char *password, struct scram_keys *out);

/* The functions of the scheme's row: see struct scheme. */
const char *scram_check(const struct scheme *, const char *value);
enum scheme_result scram_verify(const struct scheme *, const char *value, const char *password);
int scram_make(
	const struct scheme *, const char *password, unsigned long cost, char *out, size_t size);
size_t scram_cost(const char *value);

#endif
