/* The SASL mechanisms and APOP: core/auth/mech.c, mech_apop.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "auth/mech.h"

/* A literal with its length, NULs and all. */
#define STEP(x, text) (x)->mech->step((x), (text), sizeof(text) - 1)

static struct exchange begin(const char *mech)
{
	struct exchange x;

	mech_begin(&x, mech_find(mech), "<1896.697170952@dbc.mtview.ca.us>");
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
	struct exchange x = begin("PLAIN");

	(void)state;
	assert_int_equal(STEP(&x, "\0tim\0tanstaaftanstaaf"), MECH_ASK);
	assert_int_equal(x.what, VERIFY_PASSWORD);
	assert_string_equal(x.user, "tim");
	assert_string_equal(x.secret, "tanstaaftanstaaf");
}

/* RFC 5034 section 4: without an initial response the server sends an empty challenge. */
static void plain_without_an_initial_response_asks_with_an_empty_challenge(void **state)
{
	struct exchange x = begin("PLAIN");

	(void)state;
	assert_int_equal(x.mech->step(&x, NULL, 0), MECH_CONTINUE);
	assert_int_equal(x.challenge_len, 0);
	x.round++;
	assert_int_equal(STEP(&x, "\0tim\0secret"), MECH_ASK);
	assert_string_equal(x.user, "tim");
}

/* RFC 4616 section 2: an authorization identity asks to act for somebody, which nobody may here. */
static void plain_takes_an_authzid_only_when_it_is_the_user(void **state)
{
	struct exchange x = begin("PLAIN");

	(void)state;
	assert_int_equal(STEP(&x, "tim\0tim\0secret"), MECH_ASK);
	x = begin("PLAIN");
	assert_int_equal(STEP(&x, "root\0tim\0secret"), MECH_BAD);
	assert_string_equal(x.why, "authzid");
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
	assert_string_equal(x.why, "syntax")
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
	struct exchange x = begin("PLAIN");

	(void)state;
	memset(in, 'x', sizeof(in));
	in[0] = '\0';
	in[1 + MECH_USER_MAX] = '\0';
	assert_int_equal(x.mech->step(&x, in, 2 + MECH_USER_MAX + MECH_SECRET_MAX), MECH_ASK);
	assert_int_equal(strlen(x.user), MECH_USER_MAX);
	assert_int_equal(strlen(x.secret), MECH_SECRET_MAX);
	x = begin("PLAIN");
	assert_int_equal(x.mech->step(&x, in, 3 + MECH_USER_MAX + MECH_SECRET_MAX), MECH_BAD);
	in[1 + MECH_USER_MAX] = 'x';
	in[2 + MECH_USER_MAX] = '\0';
	x = begin("PLAIN");
	assert_int_equal(x.mech->step(&x, in, 10 + MECH_USER_MAX), MECH_BAD);
}

static void login_asks_for_the_user_and_then_for_the_password(void **state)
{
	struct exchange x = begin("LOGIN");

	(void)state;
	assert_int_equal(x.mech->step(&x, NULL, 0), MECH_CONTINUE);
	assert_memory_equal(x.challenge, "Username:", x.challenge_len);
	x.round++;
	assert_int_equal(STEP(&x, "tim"), MECH_CONTINUE);
	assert_memory_equal(x.challenge, "Password:", x.challenge_len);
	x.round++;
	assert_int_equal(STEP(&x, "secret"), MECH_ASK);
	assert_string_equal(x.user, "tim");
	assert_string_equal(x.secret, "secret");
}

static void login_takes_an_initial_response_for_the_user(void **state)
{
	struct exchange x = begin("LOGIN");

	(void)state;
	assert_int_equal(STEP(&x, "tim"), MECH_CONTINUE);
	x.round++;
	assert_int_equal(STEP(&x, ""), MECH_BAD);
}

/* RFC 1939 section 7, the example: secret tanstaaf. */
static void apop_computes_the_digest_of_its_rfc(void **state)
{
	struct exchange x = begin("APOP");

	(void)state;
	assert_int_equal(STEP(&x, "mrose c4c9334bac560ecc979e58001b3e22fb"), MECH_ASK);
	assert_int_equal(x.what, VERIFY_APOP);
	assert_string_equal(x.user, "mrose");
	assert_int_equal(x.mech->answer(&x, (const unsigned char *)"tanstaaf", 8), MECH_GOOD);
}

static void apop_refuses_another_secret_and_another_digest(void **state)
{
	struct exchange x = begin("APOP");

	(void)state;
	assert_int_equal(STEP(&x, "mrose c4c9334bac560ecc979e58001b3e22fb"), MECH_ASK);
	assert_int_equal(x.mech->answer(&x, (const unsigned char *)"tanstaa", 7), MECH_BAD);
	assert_int_equal(x.mech->answer(&x, (const unsigned char *)"", 0), MECH_BAD);
	x = begin("APOP");
	assert_int_equal(STEP(&x, "mrose c4c9334bac560ecc979e58001b3e22fc"), MECH_ASK);
	assert_int_equal(x.mech->answer(&x, (const unsigned char *)"tanstaaf", 8), MECH_BAD);
}

static void apop_refuses_what_is_malformed(void **state)
{
	struct exchange x = begin("APOP");

	(void)state;
	assert_int_equal(x.mech->step(&x, NULL, 0), MECH_BAD);
	assert_int_equal(STEP(&x, " c4c9334bac560ecc979e58001b3e22fb"), MECH_BAD);
	assert_int_equal(STEP(&x, "mrosec4c9334bac560ecc979e58001b3e22fb"), MECH_BAD);
	assert_int_equal(STEP(&x, "mrose c4c9"), MECH_BAD);
	assert_int_equal(STEP(&x, "mr\0se c4c9334bac560ecc979e58001b3e22fb"), MECH_BAD);
	x.banner[0] = '\0'; /* no timestamp was in the greeting */
	assert_int_equal(STEP(&x, "mrose c4c9334bac560ecc979e58001b3e22fb"), MECH_BAD);
}

static void a_forgotten_exchange_holds_no_secret(void **state)
{
	struct exchange x = begin("PLAIN");
	static const char none[sizeof(x.secret)];

	(void)state;
	assert_int_equal(STEP(&x, "\0tim\0secret"), MECH_ASK);
	mech_forget(&x);
	assert_memory_equal(x.secret, none, sizeof(none));
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
		cmocka_unit_test(a_forgotten_exchange_holds_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
