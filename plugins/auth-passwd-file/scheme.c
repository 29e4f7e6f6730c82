/* The table of password schemes.
 *
 * A scheme is a row: how its value is checked, verified and made. All names of crypt(3) hashes are
 * one scheme, since the hash itself says what it is; the name only chooses what `restantectl
 * passwd` makes.
 */
#include "scheme.h"
#include "equal.h"
#include "scram.h"

#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <openssl/evp.h>

/* --- PLAIN ------------------------------------------------------------------------------------ */

static const char *plain_check(const struct scheme *s, const char *value)
{
	(void)s;
	return *value ? NULL : "a password";
}

static enum scheme_result plain_verify(
	const struct scheme *s, const char *value, const char *password)
{
	(void)s;
	return equal_strings(password, value, strlen(value)) ? SCHEME_MATCH : SCHEME_NO_MATCH;
}

static int plain_make(
	const struct scheme *s, const char *password, unsigned long cost, char *out, size_t size)
{
	size_t n = strlen(password);

	(void)s;
	if (n + 1 > size || cost || strpbrk(password, ":\n")) {
		errno = n + 1 > size ? EMSGSIZE : EINVAL;
		return -1;
	}
	memcpy(out, password, n + 1);
	return 0;
}

/* --- CRYPT ------------------------------------------------------------------------------------ */

/* Traditional DES takes any two characters for a salt, and "$6$" is a salt: only the length shows
 * that something else was put where a hash should be. */
static const char *crypt_check(const struct scheme *s, const char *value)
{
	size_t n = strlen(value);
	int salt = crypt_checksalt(value);
	bool whole = value[0] == '$' ? n > 20 : n == 13 || (value[0] == '_' && n == 20);

	(void)s;
	if (salt == CRYPT_SALT_METHOD_DISABLED)
		return "a hash of a kind that this libcrypt has not disabled";
	if (salt == CRYPT_SALT_INVALID || !whole)
		return "{SCHEME}value or a crypt(5) hash";
	return NULL;
}

static enum scheme_result crypt_verify(
	const struct scheme *s, const char *value, const char *password)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	enum scheme_result result = SCHEME_NO_MATCH;
	const char *hash;

	(void)s;
	if (!data)
		return SCHEME_TROUBLE;
	hash = crypt_rn(password, value, data, (int)sizeof(*data));
	if (!hash)
		result = errno == ENOMEM ? SCHEME_TROUBLE : SCHEME_NO_MATCH;
	else if (equal_strings(hash, value, strlen(value)))
		result = SCHEME_MATCH;
	explicit_bzero(data, sizeof(*data));
	free(data);
	return result;
}

static int crypt_make(
	const struct scheme *s, const char *password, unsigned long cost, char *out, size_t size)
{
	char salt[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *data;
	const char *hash = NULL;
	int rc = -1;

	if (!crypt_gensalt_rn(s->param, cost ? cost : s->usual, NULL, 0, salt, (int)sizeof(salt))) {
		errno = cost ? EINVAL : ENOTSUP;
		return -1;
	}
	data = calloc(1, sizeof(*data));
	if (data)
		hash = crypt_rn(password, salt, data, (int)sizeof(*data));
	if (hash && strlen(hash) < size) {
		memcpy(out, hash, strlen(hash) + 1);
		rc = 0;
	} else if (hash) {
		errno = EMSGSIZE;
	}
	if (data)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return rc;
}

/* $2b$12$... and $id$parameters$salt$hash say their cost in the second field, $id$salt$hash has
 * the kind's default, $7$ (scrypt) eleven characters of parameters before its salt. */
static size_t crypt_cost(const char *value)
{
	const char *field[4] = {value};
	int n = 0;

	if (value[0] != '$')
		return value[0] == '_' ? 5 : 0;
	for (const char *p = value; n < 4 && (p = strchr(p, '$')); p++)
		field[n++] = p + 1;
	if (n > 1 && strncmp(value, "$7$", 3) == 0)
		return strnlen(value, 3 + 11);
	if (n > 3 || (n > 2 && value[1] == '2'))
		return (size_t)(field[2] - value);
	return n > 1 ? (size_t)(field[1] - value) : 0;
}

/* --- digests: base64(H(password, salt) salt) ---------------------------------------------------
 */

enum { DIGEST_SALT_MAX = 64, DIGEST_NEW_SALT = 16 };

/* The digest's length; the decoded value is in out, *n octets. -1: not of that form. */
static int digest_parse(
	const struct scheme *s, const char *value, unsigned char *out, size_t size, int *n)
{
	const EVP_MD *md = EVP_get_digestbyname(s->param);
	int len = md ? EVP_MD_get_size(md) : -1;

	*n = b64_decode(value, strlen(value), out, size);
	if (len < 1 || *n < len || *n > len + DIGEST_SALT_MAX || (*n > len) != s->salted)
		return -1;
	return len;
}

static int digest_compute(const char *name, const char *password, const unsigned char *salt,
	size_t n, unsigned char *out)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int rc = -1;

	if (c && EVP_DigestInit_ex(c, EVP_get_digestbyname(name), NULL) &&
		EVP_DigestUpdate(c, password, strlen(password)) && EVP_DigestUpdate(c, salt, n) &&
		EVP_DigestFinal_ex(c, out, NULL))
		rc = 0;
	EVP_MD_CTX_free(c);
	return rc;
}

static const char *digest_check(const struct scheme *s, const char *value)
{
	unsigned char buf[EVP_MAX_MD_SIZE + DIGEST_SALT_MAX];
	int n, len = digest_parse(s, value, buf, sizeof(buf), &n);

	explicit_bzero(buf, sizeof(buf));
	if (len >= 0)
		return NULL;
	return s->salted ? "the base64 of digest and salt" : "the base64 of the digest";
}

static enum scheme_result digest_verify(
	const struct scheme *s, const char *value, const char *password)
{
	unsigned char have[EVP_MAX_MD_SIZE + DIGEST_SALT_MAX], got[EVP_MAX_MD_SIZE];
	enum scheme_result result = SCHEME_TROUBLE;
	int n, len = digest_parse(s, value, have, sizeof(have), &n);

	if (len < 0)
		return SCHEME_NO_MATCH;
	if (digest_compute(s->param, password, have + len, (size_t)(n - len), got) == 0)
		result = equal_octets(have, got, (size_t)len) ? SCHEME_MATCH : SCHEME_NO_MATCH;
	explicit_bzero(have, sizeof(have));
	explicit_bzero(got, sizeof(got));
	return result;
}

static int digest_make(
	const struct scheme *s, const char *password, unsigned long cost, char *out, size_t size)
{
	unsigned char salt[DIGEST_NEW_SALT], buf[EVP_MAX_MD_SIZE + DIGEST_NEW_SALT];
	size_t n = s->salted ? sizeof(salt) : 0;
	int len = EVP_MD_get_size(EVP_get_digestbyname(s->param));
	int rc = -1;

	if (cost || len < 1) {
		errno = EINVAL;
		return -1;
	}
	if (getrandom(salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return -1;
	memcpy(buf + len, salt, n);
	if (digest_compute(s->param, password, salt, n, buf) < 0)
		errno = ENOMEM;
	else if (b64_encode(buf, (size_t)len + n, out, size) < 0)
		errno = EMSGSIZE;
	else
		rc = 0;
	explicit_bzero(buf, sizeof(buf));
	return rc;
}

/* --- the table -------------------------------------------------------------------------------- */

#define PLAIN plain_check, plain_verify, plain_make, NULL
#define CRYPT crypt_check, crypt_verify, crypt_make, crypt_cost
#define DIGEST digest_check, digest_verify, digest_make, NULL
#define SCRAM scram_check, scram_verify, scram_make, scram_cost

/* The first is what a field without a name is; its NULL makes the best that this libcrypt has.
 * Its usual cost of bcrypt is 5, a figure of 1999. */
static const struct scheme schemes[] = {
	{"CRYPT", NULL, true, 0, CRYPT},
	{"YESCRYPT", "$y$", true, 0, CRYPT},
	{"BLF-CRYPT", "$2b$", true, 10, CRYPT},
	{"SHA512-CRYPT", "$6$", true, 0, CRYPT},
	{"SHA256-CRYPT", "$5$", true, 0, CRYPT},
	{"MD5-CRYPT", "$1$", true, 0, CRYPT},
	{"DES-CRYPT", "", true, 0, CRYPT},
	{"SSHA512", "SHA512", true, 0, DIGEST},
	{"SSHA256", "SHA256", true, 0, DIGEST},
	{"SSHA", "SHA1", true, 0, DIGEST},
	{"SHA512", "SHA512", false, 0, DIGEST},
	{"SHA256", "SHA256", false, 0, DIGEST},
	{"SHA1", "SHA1", false, 0, DIGEST},
	{"SHA", "SHA1", false, 0, DIGEST},
	{"SCRAM-SHA-256", "SHA256", true, 4096, SCRAM},
	{"SCRAM-SHA-1", "SHA1", true, 4096, SCRAM},
	{"PLAIN", NULL, false, 0, PLAIN},
	{"CLEARTEXT", NULL, false, 0, PLAIN},
	{"CLEAR", NULL, false, 0, PLAIN},
};
enum { NSCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

const struct scheme *scheme_at(size_t i)
{
	return i < NSCHEMES ? &schemes[i] : NULL;
}

const struct scheme *scheme_find(const char *name, size_t len)
{
	for (size_t i = 0; i < NSCHEMES; i++)
		if (strlen(schemes[i].name) == len && strncasecmp(schemes[i].name, name, len) == 0)
			return &schemes[i];
	return NULL;
}

const struct scheme *scheme_split(const char *field, const char **value)
{
	const char *end;

	*value = field;
	if (*field != '{')
		return &schemes[0];
	end = strchr(field, '}');
	if (!end)
		return NULL;
	*value = end + 1;
	return scheme_find(field + 1, (size_t)(end - field - 1));
}

bool scheme_locked(const char *field)
{
	return *field == '\0' || *field == '!' || *field == '*' || strcmp(field, "x") == 0;
}

const char *scheme_check(const char *field)
{
	const char *value;
	const struct scheme *s;

	if (scheme_locked(field))
		return NULL;
	s = scheme_split(field, &value);
	return s ? s->check(s, value) : "a scheme of restante-auth-passwd-file(7) in braces";
}

enum scheme_result scheme_verify(const char *field, const char *password)
{
	const char *value;
	const struct scheme *s = scheme_split(field, &value);

	if (scheme_locked(field) || !s || s->check(s, value))
		return SCHEME_NO_MATCH;
	return s->verify(s, value, password);
}

int scheme_make(
	const struct scheme *s, const char *password, unsigned long cost, char *out, size_t size)
{
	int n = snprintf(out, size, "{%s}", s->name);

	if (n < 0 || (size_t)n >= size) {
		errno = EMSGSIZE;
		return -1;
	}
	return s->make(s, password, cost, out + n, size - (size_t)n);
}
