/* SCRAM: core/auth/mech_scram.c and mech_gs2.c, with the examples of RFC 5802 and RFC 7677. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <restante/plugin.h>
#include "auth/mech.h"
#include "pop3/base64.h"

#define STEP(x, text) mech_step((x), (text), sizeof(text) - 1)
#define CHALLENGE(x, text)                                      \
	assert_int_equal((x)->challenge.len, sizeof(text) - 1); \
	assert_memory_equal(buf_str(&(x)->challenge), (text), sizeof(text) - 1)

/* What a worker sends for the user of an example; "pencil" is his password in both. */
struct keys {
	unsigned char octets[256];
	size_t n;
};

static void add(struct keys *k, const void *p, size_t n)
{
	memcpy(k->octets + k->n, p, n);
	k->n += n;
}

static struct keys keys(const char *salt64, const void *stored, const void *server, uint32_t len)
{
	unsigned char salt[64];
	uint32_t iterations = 4096, salt_len;
	struct keys k = {.n = 0};
	size_t n;

	assert_true(base64_decode(salt64, strlen(salt64), salt, sizeof(salt), &n));
	salt_len = (uint32_t)n;
	add(&k, &iterations, sizeof(iterations));
	add(&k, &salt_len, sizeof(salt_len));
	add(&k, &len, sizeof(len));
	add(&k, salt, salt_len);
	add(&k, stored, len);
	add(&k, server, len);
	return k;
}

static struct keys keys_sha1(void)
{
	return keys("QSXCR+Q6sek8bf92",
		"\xe9\xd9\x46\x60\xc3\x9d\x65\xc3\x8f\xba\xd9\x1c\x35\x8f\x14\xda\x0e\xef\x2b\xd6",
		"\x0f\xe0\x92\x58\xb3\xac\x85\x2b\xa5\x02\xcc\x62\xba\x90\x3e\xaa\xcd\xbf\x7d\x31",
		20);
}

static struct keys keys_sha256(void)
{
	return keys("W22ZaJ0SNY7soEsUEjb6gQ==",
		"\x58\x6e\x5d\xf2\x83\xe6\xdc\xeb\x5c\x3e\x79\x1d\x8b\x85\x28\xec\x19\x1e\x66\x40"
		"\x45\xce\x97\x17\x92\xe2\xe6\xb5\xbb\x13\xe2\xa6",
		"\xc1\xf3\xcb\xc1\xc1\x3a\x9d\x35\xa1\x4c\x09\x90\xee\xd9\x76\x29\xea\x22\x58\x63"
		"\xe5\x66\xa4\x31\x4a\xb9\x9f\x3f\x00\xe5\xd9\xd5",
		32);
}

static struct mech_mask mask;

static struct exchange begin(const char *mech, const struct mech_client *client)
{
	const struct mech_client nothing = {.plus = 0};
	struct exchange x;

	mech_begin(&x, mech_find(mech), client != NULL ? client : &nothing, &mask);
	x.nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
	return x;
}

static struct mech_client over_tls(void)
{
	struct mech_client c = {.exporter_len = MECH_EXPORTER_LEN, .end_point_len = 32, .plus = 1};

	memset(c.exporter, 'e', sizeof(c.exporter));
	memset(c.end_point, 'p', sizeof(c.end_point));
	return c;
}

/* --- the examples --- */

/* RFC 7677 section 3 */
static void scram_sha_256_says_what_its_rfc_has(void **state)
{
	struct exchange x = begin("SCRAM-SHA-256", NULL);
	struct keys k = keys_sha256();

	(void)state;
	assert_int_equal(STEP(&x, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), MECH_ASK);
	assert_int_equal(x.what, VERIFY_SCRAM);
	assert_string_equal(x.user, "user");
	assert_string_equal(mech_question(&x), "SHA-256");
	mech_asked(&x);
	assert_int_equal(mech_answer(&x, RESTANTE_OK, k.octets, k.n), MECH_CONTINUE);
	CHALLENGE(&x, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		      "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
	assert_int_equal(STEP(&x, "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
		MECH_CONTINUE);
	CHALLENGE(&x, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
	assert_int_equal(STEP(&x, ""), MECH_GOOD);
	mech_forget(&x);
}

/* RFC 5802 section 5 */
static void scram_sha_1_says_what_its_rfc_has(void **state)
{
	struct exchange x = begin("SCRAM-SHA-1", NULL);
	struct keys k = keys_sha1();

	(void)state;
	x.nonce = "3rfcNHYJY1ZVvWVs7j";
	assert_int_equal(mech_step(&x, NULL, 0), MECH_CONTINUE);
	CHALLENGE(&x, "");
	x.round++;
	assert_int_equal(STEP(&x, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"), MECH_ASK);
	assert_int_equal(mech_answer(&x, RESTANTE_OK, k.octets, k.n), MECH_CONTINUE);
	CHALLENGE(&x, "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
	assert_int_equal(STEP(&x, "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
				  "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="),
		MECH_CONTINUE);
	CHALLENGE(&x, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
	assert_int_equal(STEP(&x, "x"), MECH_BAD); /* RFC 5034 section 4: nothing is left to say */
	mech_forget(&x);
}

/* --- what must fail --- */

static struct exchange asked(const char *mech, const struct mech_client *client, const char *first)
{
	struct exchange x = begin(mech, client);
	struct keys k = keys_sha256();

	assert_int_equal(mech_step(&x, first, strlen(first)), MECH_ASK);
	assert_int_equal(mech_answer(&x, RESTANTE_OK, k.octets, k.n), MECH_CONTINUE);
	return x;
}

#define FIRST "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
#define NONCES "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define PROOF "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="

static void refused(const char *final, const char *why)
{
	struct exchange x = asked("SCRAM-SHA-256", NULL, FIRST);

	assert_int_equal(mech_step(&x, final, strlen(final)), MECH_BAD);
	assert_string_equal(x.why, why);
	mech_forget(&x);
}

static void a_wrong_proof_nonce_or_header_is_refused(void **state)
{
	(void)state;
	refused("c=biws,r=" NONCES ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "refused");
	refused("c=biws,r=" NONCES "x," PROOF, "nonce");
	refused("c=biws,r=rOprNGfwEbeRWgbNEkqO," PROOF, "nonce");
	refused("c=eSws,r=" NONCES "," PROOF, "binding"); /* "y,," */
	refused("c=biws,r=" NONCES ",x=extension," PROOF, "refused");
}

static void a_malformed_final_message_is_refused(void **state)
{
	(void)state;
	refused("", "syntax");
	refused("c=biws", "syntax");
	refused("c=biws,r=" NONCES, "syntax");
	refused("c=biws,r=" NONCES ",p=", "syntax");
	refused("c=biws,r=" NONCES ",p=AAAA", "syntax");
	refused("c=biws,r=" NONCES "," PROOF ",x=y", "syntax");
	refused("r=" NONCES ",c=biws," PROOF, "syntax");
	refused("c=biws,r=" NONCES ",p=!!!!", "syntax");
}

static void a_malformed_first_message_is_refused(void **state)
{
	struct exchange x;

	(void)state;
#define BAD(text, reason)                           \
	x = begin("SCRAM-SHA-256", NULL);           \
	assert_int_equal(STEP(&x, text), MECH_BAD); \
	assert_string_equal(x.why, reason);         \
	mech_forget(&x)
	BAD("", "syntax");
	BAD("n,,", "syntax");
	BAD("n,,n=user", "syntax");
	BAD("n,,n=user,r=", "syntax");
	BAD("n,,n=,r=abc", "syntax");
	BAD("n,,n=us=er,r=abc", "syntax");
	BAD("n,,n=us=2cer,r=abc", "syntax");
	BAD("n,,n=us\0er,r=abc", "syntax");
	BAD("n,,n=user,r=a\x7f", "syntax");
	BAD("n,,m=x,n=user,r=abc", "syntax"); /* RFC 5802 section 5.1: mandatory extension */
	BAD("n,b=x,n=user,r=abc", "syntax");
	BAD("x,,n=user,r=abc", "syntax");
	BAD("nn,,n=user,r=abc", "syntax");
	BAD("p=,,n=user,r=abc", "syntax");
	BAD("p,,n=user,r=abc", "syntax");
	BAD("n,a=root,n=user,r=abc", "authzid");
#undef BAD
}

static void names_are_unescaped(void **state)
{
	struct exchange x = begin("SCRAM-SHA-256", NULL);

	(void)state;
	assert_int_equal(STEP(&x, "n,a=a=2Cb=3Dc,n=a=2Cb=3Dc,r=abc"), MECH_ASK);
	assert_string_equal(x.user, "a,b=c");
	mech_forget(&x);
}

/* --- channel binding: RFC 5802 section 6 --- */

#define BINDING(name, header64)                                                             \
	x = asked("SCRAM-SHA-256-PLUS", &tls, "p=" name ",,n=user,r=rOprNGfwEbeRWgbNEkqO"); \
	assert_int_equal(STEP(&x, "c=" header64 ",r=" NONCES "," PROOF), MECH_BAD)

/* The proof is that of another exchange, so what is asked here is whether it comes to the proof. */
static void each_binding_is_compared_with_this_connection(void **state)
{
	struct mech_client tls = over_tls();
	struct exchange x;

	(void)state;
	BINDING("tls-exporter", "cD10bHMtZXhwb3J0ZXIsLGVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVl");
	assert_string_equal(x.why, "refused");
	mech_forget(&x);
	BINDING("tls-exporter", "cD10bHMtZXhwb3J0ZXIsLGVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVm");
	assert_string_equal(x.why, "binding");
	mech_forget(&x);
	BINDING("tls-server-end-point",
		"cD10bHMtc2VydmVyLWVuZC1wb2ludCwscHBwcHBwcHBwcHBwcHBwcHBwcHBwc"
		"HBwcHBwcHBwcHA=");
	assert_string_equal(x.why, "refused");
	mech_forget(&x);
	BINDING("tls-server-end-point", "cD10bHMtc2VydmVyLWVuZC1wb2ludCws");
	assert_string_equal(x.why, "binding");
	mech_forget(&x);
}

static void bound(
	const char *mech, const struct mech_client *client, const char *first, const char *why)
{
	struct exchange x = begin(mech, client);

	assert_int_equal(mech_step(&x, first, strlen(first)), why != NULL ? MECH_BAD : MECH_ASK);
	if (why != NULL)
		assert_string_equal(x.why, why);
	mech_forget(&x);
}

static void a_client_that_was_kept_from_binding_is_refused(void **state)
{
	struct mech_client tls = over_tls(), clear = {.plus = 0};

	(void)state;
	bound("SCRAM-SHA-256", &tls, "y,,n=user,r=abc", "downgrade");
	bound("SCRAM-SHA-256-PLUS", &tls, "y,,n=user,r=abc", "downgrade");
	bound("SCRAM-SHA-256", &clear, "y,,n=user,r=abc", NULL);
	bound("SCRAM-SHA-256", &tls, "n,,n=user,r=abc", NULL);
}

static void plus_needs_a_binding_that_is_known_and_nothing_else_takes_one(void **state)
{
	struct mech_client tls = over_tls(), half = over_tls();

	(void)state;
	half.exporter_len = 0;
	bound("SCRAM-SHA-256-PLUS", &tls, "n,,n=user,r=abc", "binding");
	bound("SCRAM-SHA-256-PLUS", &tls, "p=tls-unique,,n=user,r=abc", "binding");
	bound("SCRAM-SHA-256-PLUS", &half, "p=tls-exporter,,n=user,r=abc", "binding");
	bound("SCRAM-SHA-256-PLUS", &half, "p=tls-server-end-point,,n=user,r=abc", NULL);
	bound("SCRAM-SHA-256", &tls, "p=tls-exporter,,n=user,r=abc", "binding");
}

/* --- users that do not exist --- */

static void challenge_for(const char *user, char to[256], int result)
{
	struct exchange x = begin("SCRAM-SHA-256", NULL);
	char first[128];
	size_t n = strlen(user);

	memcpy(first, "n,,n=", 5);
	memcpy(first + 5, user, n);
	memcpy(first + 5 + n, ",r=abc", 7);
	assert_int_equal(mech_step(&x, first, 5 + n + 6), MECH_ASK);
	assert_int_equal(mech_answer(&x, result, NULL, 0), MECH_CONTINUE);
	assert_int_equal(str_copy(to, 256, buf_str(&x.challenge)), 0);
	mech_forget(&x);
}

static void an_unknown_user_gets_a_salt_of_his_own_that_stays_the_same(void **state)
{
	char ann[256], again[256], refused_ann[256], ben[256];

	(void)state;
	challenge_for("ann", ann, RESTANTE_NONE);
	challenge_for("ann", again, RESTANTE_NONE);
	challenge_for("ann", refused_ann, RESTANTE_DENY);
	challenge_for("ben", ben, RESTANTE_NONE);
	assert_string_equal(ann, again);
	assert_string_equal(ann, refused_ann);
	assert_string_not_equal(ann, ben);
	assert_int_equal(strlen(ann), strlen(ben));
	mask.key[0] ^= 1;
	challenge_for("ann", again, RESTANTE_NONE);
	assert_string_not_equal(ann, again);
}

static void an_unknown_user_fails_with_the_proof_whatever_it_is(void **state)
{
	struct exchange x = begin("SCRAM-SHA-256", NULL);

	(void)state;
	assert_int_equal(STEP(&x, FIRST), MECH_ASK);
	assert_int_equal(mech_answer(&x, RESTANTE_NONE, NULL, 0), MECH_CONTINUE);
	assert_int_equal(STEP(&x, "c=biws,r=" NONCES "," PROOF), MECH_BAD);
	assert_string_equal(x.why, "unknown");
	mech_forget(&x);
}

static void keys_that_do_not_fit_together_are_refused(void **state)
{
	struct keys k = keys_sha1(); /* of the other hash */
	struct exchange x = begin("SCRAM-SHA-256", NULL);

	(void)state;
	assert_int_equal(STEP(&x, FIRST), MECH_ASK);
	assert_int_equal(mech_answer(&x, RESTANTE_OK, k.octets, k.n), MECH_BAD);
	assert_string_equal(x.why, "backend");
	mech_forget(&x);
	x = begin("SCRAM-SHA-256", NULL);
	k = keys_sha256();
	assert_int_equal(STEP(&x, FIRST), MECH_ASK);
	assert_int_equal(mech_answer(&x, RESTANTE_OK, k.octets, k.n - 1), MECH_BAD);
	mech_forget(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scram_sha_256_says_what_its_rfc_has),
		cmocka_unit_test(scram_sha_1_says_what_its_rfc_has),
		cmocka_unit_test(a_wrong_proof_nonce_or_header_is_refused),
		cmocka_unit_test(a_malformed_final_message_is_refused),
		cmocka_unit_test(a_malformed_first_message_is_refused),
		cmocka_unit_test(names_are_unescaped),
		cmocka_unit_test(each_binding_is_compared_with_this_connection),
		cmocka_unit_test(a_client_that_was_kept_from_binding_is_refused),
		cmocka_unit_test(plus_needs_a_binding_that_is_known_and_nothing_else_takes_one),
		cmocka_unit_test(an_unknown_user_gets_a_salt_of_his_own_that_stays_the_same),
		cmocka_unit_test(an_unknown_user_fails_with_the_proof_whatever_it_is),
		cmocka_unit_test(keys_that_do_not_fit_together_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
