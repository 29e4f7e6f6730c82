/* jwks - JSON by jansson, signatures by OpenSSL.
 *
 * A key is bound to one algorithm: what a token's header says chooses among keys and never how a
 * key is used, so that nobody can have a public RSA key taken for an HMAC secret. */
#include "jwks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

enum { KEYS_MAX = 64, RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, COORDINATE = 32 };

struct key {
	enum jwks_alg alg;
	char *kid; /* NULL = it has none */
	EVP_PKEY *pkey;
};

struct jwks {
	size_t n;
	struct key keys[KEYS_MAX];
};

/* --- base64url --- */

static int digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

unsigned char *jwks_base64url(const char *in, size_t n, size_t *len)
{
	unsigned char *out = n % 4 == 1 ? NULL : malloc(n / 4 * 3 + 3);
	uint32_t bits = 0;
	unsigned have = 0;

	*len = 0;
	for (size_t i = 0; out != NULL && i < n; i++) {
		int d = digit(in[i]);

		if (d < 0) {
			free(out);
			return NULL;
		}
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[(*len)++] = (unsigned char)(bits >> have);
		}
	}
	if (out != NULL &&
		(bits & ((1u << have) - 1)) != 0) { /* another text for the same octets */
		free(out);
		return NULL;
	}
	if (out != NULL)
		out[*len] = '\0';
	return out;
}

/* --- keys --- */

static unsigned char *member_octets(const json_t *key, const char *name, size_t *len)
{
	const json_t *s = json_object_get(key, name);

	*len = 0;
	return json_is_string(s) ? jwks_base64url(json_string_value(s), json_string_length(s), len)
				 : NULL;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (params == NULL || c == NULL || EVP_PKEY_fromdata_init(c) != 1 ||
		EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(params);
	return pkey;
}

/* RFC 7518 section 6.3.1 */
static EVP_PKEY *rsa_key(const json_t *key)
{
	size_t n_len, e_len;
	unsigned char *n = member_octets(key, "n", &n_len), *e = member_octets(key, "e", &e_len);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *bn = NULL, *be = NULL;
	EVP_PKEY *pkey = NULL;

	if (n != NULL && e != NULL && n_len <= RSA_BITS_MAX / 8 && e_len <= 8 && e_len > 0) {
		bn = BN_bin2bn(n, (int)n_len, NULL);
		be = BN_bin2bn(e, (int)e_len, NULL);
	}
	if (build != NULL && bn != NULL && be != NULL && BN_num_bits(bn) >= RSA_BITS_MIN &&
		BN_is_odd(be) && !BN_is_one(be) &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be) == 1)
		pkey = from_params("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_free(bn);
	BN_free(be);
	free(n);
	free(e);
	return pkey;
}

/* RFC 7518 section 6.2.1; OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *ec_key(const json_t *key)
{
	const char *curve = json_string_value(json_object_get(key, "crv"));
	size_t x_len, y_len;
	unsigned char *x = member_octets(key, "x", &x_len), *y = member_octets(key, "y", &y_len);
	unsigned char point[1 + 2 * COORDINATE] = {POINT_CONVERSION_UNCOMPRESSED};
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;

	if (build != NULL && curve != NULL && strcmp(curve, "P-256") == 0 && x != NULL &&
		y != NULL && x_len == COORDINATE && y_len == COORDINATE) {
		memcpy(point + 1, x, COORDINATE);
		memcpy(point + 1 + COORDINATE, y, COORDINATE);
		if (OSSL_PARAM_BLD_push_utf8_string(
			    build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
			OSSL_PARAM_BLD_push_octet_string(
				build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1)
			pkey = from_params("EC", build);
	}
	OSSL_PARAM_BLD_free(build);
	free(x);
	free(y);
	return pkey;
}

/* An optional member that, where it is, has to have one value. */
static bool is_or_missing(const json_t *key, const char *name, const char *value)
{
	const json_t *s = json_object_get(key, name);

	return s == NULL || (json_is_string(s) && strcmp(json_string_value(s), value) == 0);
}

/* RFC 7517 section 4.3 */
static bool may_verify(const json_t *key)
{
	const json_t *ops = json_object_get(key, "key_ops");

	for (size_t i = 0; i < json_array_size(ops); i++) {
		const char *op = json_string_value(json_array_get(ops, i));

		if (op != NULL && strcmp(op, "verify") == 0)
			return true;
	}
	return ops == NULL;
}

static void add_key(struct jwks *set, const json_t *key)
{
	const char *type = json_string_value(json_object_get(key, "kty"));
	const json_t *kid = json_object_get(key, "kid");
	struct key k = {.alg = JWKS_OTHER};

	if (type == NULL || set->n == KEYS_MAX || !is_or_missing(key, "use", "sig") ||
		!may_verify(key) || (kid != NULL && !json_is_string(kid)))
		return;
	if (strcmp(type, "RSA") == 0 && is_or_missing(key, "alg", "RS256")) {
		k.alg = JWKS_RS256;
		k.pkey = rsa_key(key);
	} else if (strcmp(type, "EC") == 0 && is_or_missing(key, "alg", "ES256")) {
		k.alg = JWKS_ES256;
		k.pkey = ec_key(key);
	}
	if (k.pkey == NULL)
		return;
	if (kid != NULL) {
		k.kid = strdup(json_string_value(kid));
		if (k.kid == NULL) {
			EVP_PKEY_free(k.pkey);
			return;
		}
	}
	set->keys[set->n++] = k;
}

struct jwks *jwks_read(const char *text, size_t n, const char **why)
{
	json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *keys = json_object_get(root, "keys");
	struct jwks *set = calloc(1, sizeof(*set));

	*why = set == NULL ? "more memory" : "a JSON object with the list \"keys\"";
	if (set != NULL && json_is_array(keys)) {
		for (size_t i = 0; i < json_array_size(keys); i++)
			add_key(set, json_array_get(keys, i));
		*why = "a key for RS256 (RSA of 2048 bits at least) or ES256 (P-256)";
	}
	json_decref(root);
	if (set != NULL && set->n > 0)
		return set;
	free(set);
	return NULL;
}

void jwks_free(struct jwks *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->n; i++) {
		EVP_PKEY_free(set->keys[i].pkey);
		free(set->keys[i].kid);
	}
	free(set);
}

/* --- signatures --- */

enum jwks_alg jwks_alg(const char *name)
{
	if (strcmp(name, "RS256") == 0)
		return JWKS_RS256;
	return strcmp(name, "ES256") == 0 ? JWKS_ES256 : JWKS_OTHER;
}

static bool verify(EVP_PKEY *pkey, const void *p, size_t n, const unsigned char *sig, size_t len)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = c != NULL && EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, pkey) == 1 &&
		    EVP_DigestVerify(c, sig, len, p, n) == 1;

	EVP_MD_CTX_free(c);
	return good;
}

/* RFC 7518 section 3.4: r and s as they are; OpenSSL wants them in DER. */
static bool verify_es256(
	EVP_PKEY *pkey, const void *p, size_t n, const unsigned char *sig, size_t len)
{
	ECDSA_SIG *rs = ECDSA_SIG_new();
	unsigned char *der = NULL;
	BIGNUM *r, *s;
	bool good = false;
	int der_len;

	if (len != 2 * COORDINATE || rs == NULL) {
		ECDSA_SIG_free(rs);
		return false;
	}
	r = BN_bin2bn(sig, COORDINATE, NULL);
	s = BN_bin2bn(sig + COORDINATE, COORDINATE, NULL);
	if (r == NULL || s == NULL || ECDSA_SIG_set0(rs, r, s) != 1) {
		BN_free(r);
		BN_free(s);
	} else {
		der_len = i2d_ECDSA_SIG(rs, &der);
		good = der_len > 0 && verify(pkey, p, n, der, (size_t)der_len);
	}
	OPENSSL_free(der);
	ECDSA_SIG_free(rs);
	return good;
}

bool jwks_verify(const struct jwks *set, enum jwks_alg alg, const char *kid, const void *p,
	size_t n, const unsigned char *signature, size_t signature_len)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct key *k = &set->keys[i];

		if (k->alg != alg || (kid != NULL && (k->kid == NULL || strcmp(k->kid, kid) != 0)))
			continue;
		if ((alg == JWKS_ES256 ? verify_es256 : verify)(
			    k->pkey, p, n, signature, signature_len))
			return true;
	}
	return false;
}
