/* PLAIN, LOGIN, EXTERNAL, OAUTHBEARER, XOAUTH2 and APOP: core/auth/mech.c, mech_oauth.c,
 * mech_apop.c. SCRAM is in scram_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <restante/plugin.h>
#include "auth/mech.h"

/* A literal with its length, NULs and all. */
#define STEP(x, text) mech_step((x), (text), sizeof(text) - 1)
#define CHALLENGE(x, text)                                      \
	assert_int_equal((x)->challenge.len, sizeof(text) - 1); \
	assert_memory_equal(buf_str(&(x)->challenge), (text), sizeof(text) - 1)

/* Forgotten when the test returns. */
#define EXCHANGE __attribute__((cleanup(mech_forget))) struct exchange

static struct exchange begin(const char *mech)
{
	const struct mech_client client = {
		.banner = "<1896.697170952@dbc.mtview.ca.us>", .certificate = "tim"};
	static struct mech_mask mask;
	struct exchange x;

	mech_begin(&x, mech_find(mech), &client, &mask);
	assert_non_null(x.mech);
	return x;
}

static void mechanisms_are_found_in_any_case_and_no_others(void **state)
{
	(void)state;
	assert_ptr_equal(mech_find("plain"), mech_find("PLAIN"));
	assert_ptr_equal(mech_find("Login"), mech_find("LOGIN"));
	assert_null(mech_find(""));
	assert_null(mech_find("PLAIN2"));
	assert_null(mech_find("CRAM-MD5"));
}

/* RFC 4616 section 4. */
static void plain_takes_user_and_password(void **state)
{
	EXCHANGE x = begin("PLAIN");

	(void)state;
	assert_int_equal(STEP(&x, "\0tim\0tanstaaftanstaaf"), MECH_ASK);
	assert_int_equal(x.what, VERIFY_PASSWORD);
	assert_string_equal(x.user, "tim");
	assert_string_equal(x.secret, "tanstaaftanstaaf");
}

/* RFC 5034 section 4: without an initial response the server sends an empty challenge. */
static void plain_without_an_initial_response_asks_with_an_empty_challenge(void **state)
{
	EXCHANGE x = begin("PLAIN");

	(void)state;
	assert_int_equal(mech_step(&x, NULL, 0), MECH_CONTINUE);
	CHALLENGE(&x, "");
	x.round++;
	assert_int_equal(STEP(&x, "\0tim\0secret"), MECH_ASK);
	assert_string_equal(x.user, "tim");
}

/* RFC 4616 section 2: an authorization identity asks to act for somebody, which nobody may here. */
static void plain_takes_an_authzid_only_when_it_is_the_user(void **state)
{
	EXCHANGE x = begin("PLAIN");

	(void)state;
	assert_int_equal(STEP(&x, "tim\0tim\0secret"), MECH_ASK);
	mech_forget(&x);
	x = begin("PLAIN");
	assert_int_equal(STEP(&x, "root\0tim\0secret"), MECH_BAD);
	assert_string_equal(x.why, "authzid");
	mech_forget(&x);
	x = begin("PLAIN");
	assert_int_equal(STEP(&x, "ti\0tim\0secret"), MECH_BAD);
}

static void plain_refuses_what_is_malformed(void **state)
{
	struct exchange x;

	(void)state;
#define BAD(text)                                   \
	x = begin("PLAIN");                         \
	assert_int_equal(STEP(&x, text), MECH_BAD); \
	assert_string_equal(x.why, "syntax");       \
	mech_forget(&x)
	BAD("");
	BAD("tim");
	BAD("\0tim");
	BAD("\0\0secret");
	BAD("\0tim\0");
	BAD("\0tim\0sec\0ret");
	BAD("\0\0\0");
#undef BAD
}

/* popa3d cut long lines in silence, so that long passwords failed: the limit is a clear one. */
static void a_name_or_password_up_to_the_limit_is_taken_and_longer_ones_are_refused(void **state)
{
	char in[2 + MECH_USER_MAX + 1 + MECH_SECRET_MAX + 1];
	EXCHANGE x = begin("PLAIN");

	(void)state;
	memset(in, 'x', sizeof(in));
	in[0] = '\0';
	in[1 + MECH_USER_MAX] = '\0';
	assert_int_equal(mech_step(&x, in, 2 + MECH_USER_MAX + MECH_SECRET_MAX), MECH_ASK);
	assert_int_equal(strlen(x.user), MECH_USER_MAX);
	assert_int_equal(strlen(x.secret), MECH_SECRET_MAX);
	mech_forget(&x);
	x = begin("PLAIN");
	assert_int_equal(mech_step(&x, in, 3 + MECH_USER_MAX + MECH_SECRET_MAX), MECH_BAD);
	in[1 + MECH_USER_MAX] = 'x';
	in[2 + MECH_USER_MAX] = '\0';
	mech_forget(&x);
	x = begin("PLAIN");
	assert_int_equal(mech_step(&x, in, 10 + MECH_USER_MAX), MECH_BAD);
}

static void login_asks_for_the_user_and_then_for_the_password(void **state)
{
	EXCHANGE x = begin("LOGIN");

	(void)state;
	assert_int_equal(mech_step(&x, NULL, 0), MECH_CONTINUE);
	CHALLENGE(&x, "Username:");
	x.round++;
	assert_int_equal(STEP(&x, "tim"), MECH_CONTINUE);
	CHALLENGE(&x, "Password:");
	x.round++;
	assert_int_equal(STEP(&x, "secret"), MECH_ASK);
	assert_string_equal(x.user, "tim");
	assert_string_equal(x.secret, "secret");
}

static void login_takes_an_initial_response_for_the_user(void **state)
{
	EXCHANGE x = begin("LOGIN");

	(void)state;
	assert_int_equal(STEP(&x, "tim"), MECH_CONTINUE);
	x.round++;
	assert_int_equal(STEP(&x, ""), MECH_BAD);
}

/* RFC 1939 section 7, the example: secret tanstaaf. */
static void apop_computes_the_digest_of_its_rfc(void **state)
{
	EXCHANGE x = begin("APOP");

	(void)state;
	assert_int_equal(STEP(&x, "mrose c4c9334bac560ecc979e58001b3e22fb"), MECH_ASK);
	assert_int_equal(x.what, VERIFY_APOP);
	assert_string_equal(x.user, "mrose");
	assert_int_equal(
		mech_answer(&x, RESTANTE_OK, (const unsigned char *)"tanstaaf", 8), MECH_GOOD);
}

static void apop_refuses_another_secret_and_another_digest(void **state)
{
	EXCHANGE x = begin("APOP");

	(void)state;
	assert_int_equal(STEP(&x, "mrose c4c9334bac560ecc979e58001b3e22fb"), MECH_ASK);
	assert_int_equal(
		mech_answer(&x, RESTANTE_OK, (const unsigned char *)"tanstaa", 7), MECH_BAD);
	assert_int_equal(mech_answer(&x, RESTANTE_OK, (const unsigned char *)"", 0), MECH_BAD);
	mech_forget(&x);
	x = begin("APOP");
	assert_int_equal(STEP(&x, "mrose c4c9334bac560ecc979e58001b3e22fc"), MECH_ASK);
	assert_int_equal(
		mech_answer(&x, RESTANTE_OK, (const unsigned char *)"tanstaaf", 8), MECH_BAD);
}

static void apop_refuses_what_is_malformed(void **state)
{
	EXCHANGE x = begin("APOP");

	(void)state;
	assert_int_equal(mech_step(&x, NULL, 0), MECH_BAD);
	assert_int_equal(STEP(&x, " c4c9334bac560ecc979e58001b3e22fb"), MECH_BAD);
	assert_int_equal(STEP(&x, "mrosec4c9334bac560ecc979e58001b3e22fb"), MECH_BAD);
	assert_int_equal(STEP(&x, "mrose c4c9"), MECH_BAD);
	assert_int_equal(STEP(&x, "mr\0se c4c9334bac560ecc979e58001b3e22fb"), MECH_BAD);
	x.client.banner[0] = '\0'; /* no timestamp was in the greeting */
	assert_int_equal(STEP(&x, "mrose c4c9334bac560ecc979e58001b3e22fb"), MECH_BAD);
}

/* RFC 4422 appendix A. */
static void external_is_whom_the_certificate_names(void **state)
{
	EXCHANGE x = begin("EXTERNAL");

	(void)state;
	assert_int_equal(mech_step(&x, NULL, 0), MECH_CONTINUE);
	CHALLENGE(&x, "");
	x.round++;
	assert_int_equal(STEP(&x, ""), MECH_ASK);
	assert_int_equal(x.what, VERIFY_LOOKUP);
	assert_string_equal(x.user, "tim");
	assert_int_equal(mech_answer(&x, RESTANTE_OK, NULL, 0), MECH_GOOD);
	assert_int_equal(mech_answer(&x, RESTANTE_NONE, NULL, 0), MECH_BAD);
	mech_forget(&x);
	mech_forget(&x);
	x = begin("EXTERNAL");
	assert_int_equal(STEP(&x, "tim"), MECH_ASK);
	mech_forget(&x);
}

static void external_acts_for_nobody_else_and_for_nobody_without_a_certificate(void **state)
{
	EXCHANGE x = begin("EXTERNAL");

	(void)state;
	assert_int_equal(STEP(&x, "root"), MECH_BAD);
	assert_string_equal(x.why, "authzid");
	mech_forget(&x);
	x = begin("EXTERNAL");
	x.client.certificate[0] = '\0';
	assert_int_equal(STEP(&x, ""), MECH_BAD);
	assert_string_equal(x.why, "certificate");
}

/* RFC 7628 section 4.1, the example. */
static void oauthbearer_takes_the_message_of_its_rfc(void **state)
{
	EXCHANGE x = begin("OAUTHBEARER");

	(void)state;
	assert_int_equal(STEP(&x, "n,a=user@example.com,\1host=server.example.com\1port=143\1"
				  "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"),
		MECH_ASK);
	assert_int_equal(x.what, VERIFY_TOKEN);
	assert_string_equal(x.user, "user@example.com");
	assert_string_equal(x.secret, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
	assert_int_equal(mech_answer(&x, RESTANTE_OK, NULL, 0), MECH_GOOD);
	mech_forget(&x);
	mech_forget(&x);
	x = begin("OAUTHBEARER");
	assert_int_equal(STEP(&x, "n,,\1auth=bearer abc\1\1"), MECH_ASK);
	assert_string_equal(x.user, "");
	mech_forget(&x);
}

/* RFC 7628 section 3.2.3: the error in JSON, an answer to it, and only then the failure. */
static void a_refused_token_is_told_in_json_before_the_end(void **state)
{
	EXCHANGE x = begin("OAUTHBEARER");

	(void)state;
	assert_int_equal(STEP(&x, "n,,\1auth=Bearer abc\1\1"), MECH_ASK);
	assert_int_equal(mech_answer(&x, RESTANTE_DENY, NULL, 0), MECH_CONTINUE);
	CHALLENGE(&x, "{\"status\":\"invalid_token\"}");
	assert_int_equal(STEP(&x, "\1"), MECH_BAD);
	assert_string_equal(x.why, "refused");
	mech_forget(&x);
	mech_forget(&x);
	x = begin("OAUTHBEARER"); /* RFC 7628 section 4.3 */
	assert_int_equal(STEP(&x, "n,,\1\1"), MECH_CONTINUE);
	assert_int_equal(STEP(&x, "\1"), MECH_BAD);
	mech_forget(&x);
}

static void xoauth2_takes_user_and_token(void **state)
{
	EXCHANGE x = begin("XOAUTH2");

	(void)state;
	assert_int_equal(STEP(&x, "user=tim@example.org\1auth=Bearer ya29.vF9\1\1"), MECH_ASK);
	assert_string_equal(x.user, "tim@example.org");
	assert_string_equal(x.secret, "ya29.vF9");
	assert_int_equal(mech_answer(&x, RESTANTE_NONE, NULL, 0), MECH_CONTINUE);
	assert_int_equal(STEP(&x, ""), MECH_BAD);
	assert_string_equal(x.why, "unknown");
	mech_forget(&x);
}

static void a_malformed_bearer_message_is_refused(void **state)
{
	struct exchange x;

	(void)state;
#define BAD(mech, text)                             \
	x = begin(mech);                            \
	assert_int_equal(STEP(&x, text), MECH_BAD); \
	assert_string_equal(x.why, "syntax");       \
	mech_forget(&x)
	BAD("OAUTHBEARER", "");
	BAD("OAUTHBEARER", "n,,");
	BAD("OAUTHBEARER", "n,,\1");
	BAD("OAUTHBEARER", "n,,\1auth=Bearer abc\1");
	BAD("OAUTHBEARER", "n,,\1auth=Bearer abc\1\1x");
	BAD("OAUTHBEARER", "n,,\1auth=Bearer abc\1auth=Bearer abc\1\1");
	BAD("OAUTHBEARER", "n,,\1auth=Bearer a b\1\1");
	BAD("OAUTHBEARER", "n,,\1auth=Bearer \1\1");
	BAD("OAUTHBEARER", "n,,\1auth=Basic abc\1\1");
	BAD("OAUTHBEARER", "n,,\1auth=Bearer a\0c\1\1");
	BAD("OAUTHBEARER", "p=tls-exporter,,\1auth=Bearer abc\1\1");
	BAD("OAUTHBEARER", "n,a=a=b,\1auth=Bearer abc\1\1");
	BAD("XOAUTH2", "user=\1auth=Bearer abc\1\1");
	BAD("XOAUTH2", "user=tim\1auth=Bearer abc");
#undef BAD
}

static void a_token_of_16_kib_is_taken_and_a_longer_one_is_not(void **state)
{
	static const char head[] = "n,,\1auth=Bearer ";
	size_t n = sizeof(head) - 1;
	char *in = malloc(n + MECH_TOKEN_MAX + 3);
	EXCHANGE x = begin("OAUTHBEARER");

	(void)state;
	assert_non_null(in);
	memcpy(in, head, n);
	memset(in + n, 'x', MECH_TOKEN_MAX + 1);
	in[n + MECH_TOKEN_MAX] = in[n + MECH_TOKEN_MAX + 1] = 1;
	assert_int_equal(mech_step(&x, in, n + MECH_TOKEN_MAX + 2), MECH_ASK);
	assert_int_equal(strlen(x.secret), MECH_TOKEN_MAX);
	mech_forget(&x);
	mech_forget(&x);
	x = begin("OAUTHBEARER");
	in[n + MECH_TOKEN_MAX] = 'x';
	in[n + MECH_TOKEN_MAX + 2] = 1;
	assert_int_equal(mech_step(&x, in, n + MECH_TOKEN_MAX + 3), MECH_BAD);
	mech_forget(&x);
	free(in);
}

static void a_forgotten_exchange_holds_no_secret(void **state)
{
	EXCHANGE x = begin("PLAIN");

	(void)state;
	assert_int_equal(STEP(&x, "\0tim\0secret"), MECH_ASK);
	mech_asked(&x);
	assert_null(x.secret);
	mech_forget(&x);
	assert_string_equal(x.user, "tim");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mechanisms_are_found_in_any_case_and_no_others),
		cmocka_unit_test(plain_takes_user_and_password),
		cmocka_unit_test(plain_without_an_initial_response_asks_with_an_empty_challenge),
		cmocka_unit_test(plain_takes_an_authzid_only_when_it_is_the_user),
		cmocka_unit_test(plain_refuses_what_is_malformed),
		cmocka_unit_test(
			a_name_or_password_up_to_the_limit_is_taken_and_longer_ones_are_refused),
		cmocka_unit_test(login_asks_for_the_user_and_then_for_the_password),
		cmocka_unit_test(login_takes_an_initial_response_for_the_user),
		cmocka_unit_test(apop_computes_the_digest_of_its_rfc),
		cmocka_unit_test(apop_refuses_another_secret_and_another_digest),
		cmocka_unit_test(apop_refuses_what_is_malformed),
		cmocka_unit_test(external_is_whom_the_certificate_names),
		cmocka_unit_test(
			external_acts_for_nobody_else_and_for_nobody_without_a_certificate),
		cmocka_unit_test(oauthbearer_takes_the_message_of_its_rfc),
		cmocka_unit_test(a_refused_token_is_told_in_json_before_the_end),
		cmocka_unit_test(xoauth2_takes_user_and_token),
		cmocka_unit_test(a_malformed_bearer_message_is_refused),
		cmocka_unit_test(a_token_of_16_kib_is_taken_and_a_longer_one_is_not),
		cmocka_unit_test(a_forgotten_exchange_holds_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
