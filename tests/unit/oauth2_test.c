/* auth-oauth2: tokens and sets of keys. Signatures that others made are those of RFC 7515 appendix
 * A.2 and A.3; the rest are OpenSSL's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include "jwks.h"
#include "jwt.h"

enum { NOW = 1800000000, TEXT_MAX = 8192 };

/* --- making tokens --- */

static void base64url(const void *p, size_t n, char *out)
{
	size_t len = (size_t)EVP_EncodeBlock((unsigned char *)out, p, (int)n);

	while (len > 0 && out[len - 1] == '=')
		len--;
	out[len] = '\0';
	for (; *out != '\0'; out++)
		*out = *out == '+' ? '-' : *out == '/' ? '_' : *out;
}

struct issuer {
	EVP_PKEY *rsa, *ec, *other;
	char jwks[TEXT_MAX];
	struct jwks *keys;
};

static void print_bn(const EVP_PKEY *key, const char *param, int len, char *out)
{
	unsigned char octets[1024];
	BIGNUM *bn = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(key, param, &bn), 1);
	if (len == 0)
		len = BN_num_bytes(bn);
	assert_int_equal(BN_bn2binpad(bn, octets, len), len);
	base64url(octets, (size_t)len, out);
	BN_free(bn);
}

static int setup(void **state)
{
	struct issuer *i = calloc(1, sizeof(*i));
	char n[1024], e[16], x[64], y[64];
	const char *why;

	i->rsa = EVP_RSA_gen(2048);
	i->ec = EVP_EC_gen("P-256");
	i->other = EVP_EC_gen("P-256");
	print_bn(i->rsa, OSSL_PKEY_PARAM_RSA_N, 0, n);
	print_bn(i->rsa, OSSL_PKEY_PARAM_RSA_E, 0, e);
	print_bn(i->ec, OSSL_PKEY_PARAM_EC_PUB_X, 32, x);
	print_bn(i->ec, OSSL_PKEY_PARAM_EC_PUB_Y, 32, y);
	snprintf(i->jwks, sizeof(i->jwks),
		"{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"},"
		"{\"kty\":\"RSA\",\"kid\":\"r\",\"use\":\"sig\",\"alg\":\"RS256\",\"n\":\"%s\","
		"\"e\":\"%s\"},"
		"{\"kty\":\"EC\",\"kid\":\"e\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}]}",
		n, e, x, y);
	i->keys = jwks_read(i->jwks, strlen(i->jwks), &why);
	assert_non_null(i->keys);
	*state = i;
	return 0;
}

static int teardown(void **state)
{
	struct issuer *i = *state;

	jwks_free(i->keys);
	EVP_PKEY_free(i->rsa);
	EVP_PKEY_free(i->ec);
	EVP_PKEY_free(i->other);
	free(i);
	return 0;
}

/* A signature as JWS has it: ES256 is not in DER. */
static size_t sign(EVP_PKEY *key, const char *text, unsigned char sig[1024])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n = 1024;

	assert_int_equal(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestSign(c, sig, &n, (const unsigned char *)text, strlen(text)), 1);
	EVP_MD_CTX_free(c);
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
		const unsigned char *p = sig;
		ECDSA_SIG *rs = d2i_ECDSA_SIG(NULL, &p, (long)n);

		assert_non_null(rs);
		BN_bn2binpad(ECDSA_SIG_get0_r(rs), sig, 32);
		BN_bn2binpad(ECDSA_SIG_get0_s(rs), sig + 32, 32);
		ECDSA_SIG_free(rs);
		n = 64;
	}
	return n;
}

static void make(char token[TEXT_MAX], EVP_PKEY *key, const char *header, const char *payload)
{
	unsigned char sig[1024];
	size_t n;

	base64url(header, strlen(header), token);
	n = strlen(token);
	token[n] = '.';
	base64url(payload, strlen(payload), token + n + 1);
	n = sign(key, token, sig);
	strncat(token, ".", TEXT_MAX - strlen(token) - 1);
	base64url(sig, n, token + strlen(token));
}

/* --- asking --- */

static const char *const audiences[] = {"pop.example", "mail.example", NULL};

static enum jwt_result ask(
	const struct issuer *i, const char *token, char user[JWT_NAME_MAX + 1], const char **why)
{
	const struct jwt_policy policy = {.issuer = "https://issuer.example",
		.audiences = audiences,
		.claim = "email",
		.now = NOW,
		.leeway = 60};

	return jwt_check(token, i->keys, &policy, user, why);
}

#define RS "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"JWT\"}"
#define ES "{\"alg\":\"ES256\",\"kid\":\"e\"}"
#define ISS "\"iss\":\"https://issuer.example\""
#define AUD ",\"aud\":\"mail.example\""
#define EXP ",\"exp\":1800000300"
#define ANN ",\"email\":\"ann@example.org\""
#define GOOD "{" ISS AUD EXP ANN "}"

static void good(const struct issuer *i, EVP_PKEY *key, const char *header, const char *payload)
{
	char token[TEXT_MAX], user[JWT_NAME_MAX + 1];
	const char *why;

	make(token, key, header, payload);
	assert_int_equal(ask(i, token, user, &why), JWT_GOOD);
	assert_string_equal(user, "ann@example.org");
}

static void bad(const struct issuer *i, EVP_PKEY *key, const char *header, const char *payload,
	const char *reason)
{
	char token[TEXT_MAX], user[JWT_NAME_MAX + 1];
	const char *why;

	make(token, key, header, payload);
	assert_int_equal(ask(i, token, user, &why), JWT_REFUSED);
	assert_string_equal(why, reason);
}

#define NO_KEY "no key of the set has signed it"
#define NO_ALG "its algorithm is neither RS256 nor ES256"

static void tokens_of_both_algorithms_are_good(void **state)
{
	struct issuer *i = *state;

	good(i, i->rsa, RS, GOOD);
	good(i, i->ec, ES, GOOD);
	good(i, i->rsa, "{\"alg\":\"RS256\"}", GOOD); /* without kid: any key that fits */
	good(i, i->ec, "{\"alg\":\"ES256\",\"typ\":\"application/at+jwt\"}", GOOD);
	good(i, i->ec, ES, "{" ISS EXP ANN ",\"aud\":[\"x\",\"pop.example\"]}");
	good(i, i->ec, ES, "{" ISS AUD ANN ",\"exp\":1800000000.5,\"email_verified\":true}");
	good(i, i->ec, ES, "{" ISS AUD EXP ANN ",\"nbf\":1799999000,\"iat\":1799999000}");
}

/* RFC 8725 section 2.1: none; HMAC with the public key; sections 3.1, 3.11. */
static void a_header_that_wants_something_else_is_refused(void **state)
{
	struct issuer *i = *state;

	bad(i, i->rsa, "{\"alg\":\"none\"}", GOOD, NO_ALG);
	bad(i, i->rsa, "{\"alg\":\"HS256\",\"kid\":\"r\"}", GOOD, NO_ALG);
	bad(i, i->rsa, "{\"alg\":\"RS512\",\"kid\":\"r\"}", GOOD, NO_ALG);
	bad(i, i->rsa, "{\"alg\":[\"RS256\"]}", GOOD, NO_ALG);
	bad(i, i->rsa, "{}", GOOD, NO_ALG);
	bad(i, i->rsa, "{\"alg\":\"RS256\",\"crit\":[\"exp\"],\"exp\":1}", GOOD,
		"it has critical extensions");
	bad(i, i->rsa, "{\"alg\":\"RS256\",\"typ\":\"JWE\"}", GOOD, "it is of another type");
	bad(i, i->rsa, "{\"alg\":\"RS256\",\"kid\":1}", GOOD, "its key id is no string");
}

static void a_forged_signature_is_refused(void **state)
{
	struct issuer *i = *state;
	char token[TEXT_MAX], other[TEXT_MAX], user[JWT_NAME_MAX + 1];
	const char *why;

	bad(i, i->other, ES, GOOD, NO_KEY);
	bad(i, i->rsa, "{\"alg\":\"RS256\",\"kid\":\"e\"}", GOOD, NO_KEY);
	bad(i, i->rsa, "{\"alg\":\"RS256\",\"kid\":\"unknown\"}", GOOD, NO_KEY);
	bad(i, i->rsa, "{\"alg\":\"ES256\"}", GOOD, NO_KEY);
	bad(i, i->ec, "{\"alg\":\"RS256\"}", GOOD, NO_KEY);
	make(token, i->ec, ES, GOOD); /* another payload under a good signature */
	make(other, i->ec, ES, "{" ISS AUD EXP ",\"email\":\"root@example.org\"}");
	snprintf(strrchr(other, '.'), 200, "%s", strrchr(token, '.'));
	assert_int_equal(ask(i, other, user, &why), JWT_REFUSED);
	assert_string_equal(why, NO_KEY);
	strrchr(token, '.')[1] = '\0'; /* no signature at all */
	assert_int_equal(ask(i, token, user, &why), JWT_REFUSED);
	assert_string_equal(why, NO_KEY);
}

static void claims_that_do_not_fit_are_refused(void **state)
{
	struct issuer *i = *state;

#define BAD(claims, reason) bad(i, i->ec, ES, "{" ISS claims "}", reason)
	BAD(EXP ANN, "it is for another audience");
	BAD(EXP ANN ",\"aud\":\"other.example\"", "it is for another audience");
	BAD(EXP ANN ",\"aud\":[]", "it is for another audience");
	BAD(AUD ANN, "it does not expire");
	BAD(AUD ANN ",\"exp\":\"1800000300\"", "it does not expire");
	BAD(AUD ANN ",\"exp\":1799999940", "it has expired");
	BAD(AUD ANN EXP ",\"nbf\":1800000061", "it is not valid yet");
	BAD(AUD ANN EXP ",\"nbf\":null", "it is not valid yet");
	BAD(AUD ANN EXP ",\"iat\":1800000061", "it was issued in the future");
	BAD(AUD EXP, "the claim that names the user is missing");
	BAD(AUD EXP ",\"email\":\"\"", "the claim that names the user is missing");
	BAD(AUD EXP ",\"email\":\"a\\nb\"", "the user's name has control characters");
	BAD(AUD EXP ANN ",\"email_verified\":false", "the address is not verified");
	BAD(AUD EXP ANN ",\"email_verified\":\"true\"", "the address is not verified");
#undef BAD
}

/* plugin.h: NONE = not a token of this plugin's issuer. */
static void what_is_no_token_of_this_issuer_is_left_to_others(void **state)
{
	static const char *const texts[] = {"", ".", "..", "...", "a", "a.b.c", "e30.e30.",
		"e30.e30", "eyJhbGciOiJSUzI1NiJ9.W10.AA", "e30=.e30.e30"};
	struct issuer *i = *state;
	char token[TEXT_MAX], user[JWT_NAME_MAX + 1];
	const char *why;

	for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++)
		assert_int_equal(ask(i, texts[n], user, &why), JWT_FOREIGN);
	make(token, i->ec, ES, "{\"iss\":\"https://issuer.example/\"" AUD EXP ANN "}");
	assert_int_equal(ask(i, token, user, &why), JWT_FOREIGN);
	make(token, i->ec, ES, "{\"iss\":\"x\"," ISS AUD EXP ANN "}"); /* which of the two? */
	assert_int_equal(ask(i, token, user, &why), JWT_FOREIGN);
}

/* RFC 7515 appendix A.2 and A.3. These tokens have no audience: that is looked at behind the
 * signature. */
#define RFC_PAYLOAD                                                                                \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0" \
	"cn"                                                                                       \
	"VlfQ"
static const char rfc_rs256[] =
	"eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD
	".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2"
	"Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQ"
	"BMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6Ie"
	"YI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
static const char rfc_es256[] =
	"eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD
	".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
static const char rfc_keys[] =
	"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26m"
	"PddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47s"
	"oMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMT"
	"BQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD"
	"TW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1"
	"Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]"
	"}";

static void signatures_of_the_rfc_are_good(void **state)
{
	static const char *const tokens[] = {rfc_rs256, rfc_es256};
	const struct jwt_policy policy = {
		.issuer = "joe", .audiences = audiences, .claim = "email"};
	char user[JWT_NAME_MAX + 1], changed[sizeof(rfc_rs256)];
	const char *why;
	struct jwks *keys = jwks_read(rfc_keys, strlen(rfc_keys), &why);

	(void)state;
	assert_non_null(keys);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(jwt_check(tokens[i], keys, &policy, user, &why), JWT_REFUSED);
		assert_string_equal(why, "it is for another audience");
		snprintf(changed, sizeof(changed), "%s", tokens[i]);
		strrchr(changed, '.')[5] ^= 1;
		assert_int_equal(jwt_check(changed, keys, &policy, user, &why), JWT_REFUSED);
		assert_string_equal(why, NO_KEY);
	}
	jwks_free(keys);
}

/* --- sets of keys --- */

static int readable(const char *text)
{
	const char *why;
	struct jwks *keys = jwks_read(text, strlen(text), &why);

	jwks_free(keys);
	return keys != NULL;
}

static void a_set_without_a_key_of_use_is_refused(void **state)
{
	struct issuer *i = *state;
	char text[TEXT_MAX], *at;

	assert_true(readable(i->jwks));
	assert_false(readable(""));
	assert_false(readable("[]"));
	assert_false(readable("{\"keys\":{}}"));
	assert_false(readable("{\"keys\":[]}"));
	assert_false(readable("{\"keys\":[1,null,{}]}"));
	assert_false(readable("{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}"));
	assert_false(readable("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}"));
	assert_false(readable("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":"
			      "\"AQAB\"}]}"));
	/* a point that is not on the curve */
	at = strstr(i->jwks, "{\"kty\":\"EC\"");
	snprintf(text, sizeof(text), "{\"keys\":[%s", at);
	assert_true(readable(text));
	*(strstr(text, "\"y\":\"") + 6) ^= 1;
	assert_false(readable(text));
	/* for encryption, for another algorithm */
	snprintf(text, sizeof(text), "{\"keys\":[{\"use\":\"enc\",%s", at + 1);
	assert_false(readable(text));
	snprintf(text, sizeof(text), "{\"keys\":[{\"alg\":\"ES384\",%s", at + 1);
	assert_false(readable(text));
	snprintf(text, sizeof(text), "{\"keys\":[{\"key_ops\":[\"sign\"],%s", at + 1);
	assert_false(readable(text));
	snprintf(text, sizeof(text), "{\"keys\":[{\"key_ops\":[\"verify\"],%s", at + 1);
	assert_true(readable(text));
}

static void base64url_is_taken_strictly(void **state)
{
	static const char *const texts[] = {"A", "AA==", "AA+/", "AB", "AAB", "AA A", "AAAAA"};
	size_t n;
	unsigned char *p = jwks_base64url("_-8", 3, &n);

	(void)state;
	assert_non_null(p);
	assert_int_equal(n, 2);
	assert_memory_equal(p, "\xff\xef", 2);
	free(p);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_null(jwks_base64url(texts[i], strlen(texts[i]), &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_of_both_algorithms_are_good),
		cmocka_unit_test(a_header_that_wants_something_else_is_refused),
		cmocka_unit_test(a_forged_signature_is_refused),
		cmocka_unit_test(claims_that_do_not_fit_are_refused),
		cmocka_unit_test(what_is_no_token_of_this_issuer_is_left_to_others),
		cmocka_unit_test(signatures_of_the_rfc_are_good),
		cmocka_unit_test(a_set_without_a_key_of_use_is_refused),
		cmocka_unit_test(base64url_is_taken_strictly),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
