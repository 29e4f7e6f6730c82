/* SCRAM secrets: read, made, and used to verify a plain password.
 *
 * StoredKey is H(HMAC(SaltedPassword, "Client Key")), and SaltedPassword is PBKDF2 of the password:
 * whoever has the password can compute it, so a SCRAM secret serves PLAIN and USER/PASS too.
 */
#include "scram.h"
#include "equal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* RFC 7677 section 4 asks for at least 4096. */
enum { DEFAULT_ITERATIONS = 4096, NEW_SALT = 16 };

/* The length of the part of *p before c, or -1; *p moves behind c. c == 0: the rest. */
static int part(const char **p, char c)
{
	const char *start = *p, *end = strchr(start, c);

	if (!end || end - start > INT_MAX)
		return -1;
	*p = c ? end + 1 : end;
	return (int)(end - start);
}

static int base64_part(const char **p, char end, unsigned char *out, size_t size)
{
	const char *start = *p;
	int n = part(p, end);

	return n < 0 ? -1 : b64_decode(start, (size_t)n, out, size);
}

int scram_parse(const char *digest, const char *value, struct scram_keys *out)
{
	const EVP_MD *md = EVP_get_digestbyname(digest);
	unsigned long iterations = 0;
	size_t digits = strspn(value, "0123456789");
	int want = md ? EVP_MD_get_size(md) : -1;
	int salt;

	if (digits < 1 || digits > 8 || value[digits] != ',' || want < 1 || want > SCRAM_KEY_MAX)
		return -1;
	iterations = strtoul(value, NULL, 10);
	if (iterations < 1 || iterations > SCRAM_ITERATIONS_MAX)
		return -1;
	value += digits + 1;
	salt = base64_part(&value, ',', out->salt, sizeof(out->salt));
	if (salt < 1 || base64_part(&value, ',', out->stored, sizeof(out->stored)) != want ||
		base64_part(&value, '\0', out->server, sizeof(out->server)) != want)
		return -1;
	out->iterations = (uint32_t)iterations;
	out->salt_len = (uint32_t)salt;
	out->key_len = (uint32_t)want;
	return 0;
}

static int keyed(
	const EVP_MD *md, const unsigned char *key, int len, const char *text, unsigned char *out)
{
	return HMAC(md, key, len, (const unsigned char *)text, strlen(text), out, NULL) ? 0 : -1;
}

int scram_derive(const char *digest, const char *password, struct scram_keys *keys)
{
	const EVP_MD *md = EVP_get_digestbyname(digest);
	int len = md ? EVP_MD_get_size(md) : -1;
	size_t n = strlen(password);
	unsigned char salted[SCRAM_KEY_MAX], client[SCRAM_KEY_MAX];
	int rc = -1;

	if (len < 1 || len > SCRAM_KEY_MAX || n > INT_MAX)
		return -1;
	keys->key_len = (uint32_t)len;
	if (PKCS5_PBKDF2_HMAC(password, (int)n, keys->salt, (int)keys->salt_len,
		    (int)keys->iterations, md, len, salted) &&
		keyed(md, salted, len, "Client Key", client) == 0 &&
		keyed(md, salted, len, "Server Key", keys->server) == 0 &&
		EVP_Digest(client, (size_t)len, keys->stored, NULL, md, NULL))
		rc = 0;
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	return rc;
}

int scram_from_plain(const char *digest, const unsigned char salt_key[32], const char *user,
	const char *password, struct scram_keys *out)
{
	if (keyed(EVP_sha256(), salt_key, 32, user, out->salt) < 0)
		return -1;
	out->salt_len = NEW_SALT;
	out->iterations = DEFAULT_ITERATIONS;
	return scram_derive(digest, password, out);
}

const char *scram_check(const struct scheme *s, const char *value)
{
	struct scram_keys keys;
	int rc = scram_parse(s->param, value, &keys);

	explicit_bzero(&keys, sizeof(keys));
	return rc == 0 ? NULL : "iterations,salt,StoredKey,ServerKey, the last three in base64";
}

enum scheme_result scram_verify(const struct scheme *s, const char *value, const char *password)
{
	struct scram_keys have, got;
	enum scheme_result result = SCHEME_TROUBLE;

	if (scram_parse(s->param, value, &have) < 0)
		return SCHEME_NO_MATCH;
	got = have;
	if (scram_derive(s->param, password, &got) == 0)
		result = equal_octets(have.stored, got.stored, got.key_len) ? SCHEME_MATCH
									    : SCHEME_NO_MATCH;
	explicit_bzero(&have, sizeof(have));
	explicit_bzero(&got, sizeof(got));
	return result;
}

static int write_keys(const struct scram_keys *keys, char *out, size_t size)
{
	const struct {
		const unsigned char *p;
		size_t n;
	} parts[] = {{keys->salt, keys->salt_len}, {keys->stored, keys->key_len},
		{keys->server, keys->key_len}};
	int at = snprintf(out, size, "%u", keys->iterations);

	for (size_t i = 0; i < 3; i++) {
		int n;

		if (at < 0 || (size_t)at + 1 >= size)
			return -1;
		out[at++] = ',';
		n = b64_encode(parts[i].p, parts[i].n, out + at, size - (size_t)at);
		if (n < 0)
			return -1;
		at += n;
	}
	return 0;
}

int scram_make(
	const struct scheme *s, const char *password, unsigned long cost, char *out, size_t size)
{
	struct scram_keys keys = {.salt_len = NEW_SALT};
	int rc = -1;

	if (cost > SCRAM_ITERATIONS_MAX) {
		errno = EINVAL;
		return -1;
	}
	keys.iterations = (uint32_t)(cost ? cost : s->usual);
	if (getrandom(keys.salt, NEW_SALT, 0) != NEW_SALT)
		return -1;
	if (scram_derive(s->param, password, &keys) < 0)
		errno = ENOMEM;
	else if (write_keys(&keys, out, size) < 0)
		errno = EMSGSIZE;
	else
		rc = 0;
	explicit_bzero(&keys, sizeof(keys));
	return rc;
}

size_t scram_cost(const char *value)
{
	return strspn(value, "0123456789");
}
