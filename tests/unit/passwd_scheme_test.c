/* Password schemes of auth-passwd-file: plugins/auth-passwd-file/scheme.c, scram.c, equal.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../plugins/auth-passwd-file/equal.h"
#include "../../plugins/auth-passwd-file/scheme.h"
#include "../../plugins/auth-passwd-file/scram.h"

#define KEYS                                                                     \
	"W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=," \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define KEYS_SHA_1 "4096,QSXCR+Q6sek8bf92,6dlGYMOdZcOPutkcNY8U2g7vK9Y=,D+CSWLOshSulAsxiupA+qs2/fTE="

/* The password of all: pencil. Made by Python's hashlib, and crypt(3) of the GNU C library's own
 * time; SCRAM-SHA-256 and SCRAM-SHA-1 are the examples of RFC 7677 and RFC 5802. */
static const char *const fields[] = {
	"{PLAIN}pencil",
	"{cleartext}pencil",
	"{SHA256}E4CWaPtDY4Zwb2fcsFLtWEoEuhaowCoX1m00ww/O2iE=",
	"{SSHA}M0YXe+4K7AXJbpIQR++HGoshE8JzYWx0c2FsdA==",
	"{SSHA256}V9JAnh4LXKDVr5nXdkqPSOpFTLqdpyR4d7xzU3GdHE9zYWx0c2FsdA==",
	("{SSHA512}EM/"
	 "40PpOwDFyRBvlEBPAPcAotwYXhUelFtA2c9wqybUh7KPyAKJRMdmih7JvDHLIZX4mudDr3ExMpxduNEz0"
	 "VXNhbHRzYWx0"),
	("{SCRAM-SHA-256}4096," KEYS),
	("{SCRAM-SHA-1}" KEYS_SHA_1),
	("{SHA512-CRYPT}$6$saltsalt$rD9fW1BwIrjB90WCgCTdIQc3phTBhf04I6Iw/"
	 "XlgKD9E9aEbzqGZipjiFxGo/4wWXDA6jV6/vZO.kKdDSfUJb0"),
	"$5$rounds=1000$saltsalt$1E80wIeNUk6Tw.cvgykgsGLDhE7YCS/mO7gtCEoKze9",
	"{BLF-CRYPT}$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2",
	"$1$saltsalt$wCrc3hcrR95SV83Xh8Z.41",
	"abJ32bJMdTsnY",
};
enum { NFIELDS = sizeof(fields) / sizeof(fields[0]) };

static void every_scheme_takes_the_right_password(void **state)
{
	(void)state;
	for (size_t i = 0; i < NFIELDS; i++) {
		assert_null(scheme_check(fields[i]));
		assert_int_equal(scheme_verify(fields[i], "pencil"), SCHEME_MATCH);
	}
}

static void every_scheme_refuses_a_wrong_shorter_longer_or_empty_password(void **state)
{
	static const char *const wrong[] = {"Pencil", "penci", "pencil ", "", "pencilpencilpencil"};

	(void)state;
	for (size_t i = 0; i < NFIELDS; i++)
		for (size_t j = 0; j < sizeof(wrong) / sizeof(wrong[0]); j++)
			assert_int_equal(scheme_verify(fields[i], wrong[j]), SCHEME_NO_MATCH);
}

static void what_is_made_verifies(void **state)
{
	char field[SCHEME_SECRET_MAX];
	const struct scheme *s;

	(void)state;
	for (size_t i = 0; (s = scheme_at(i)); i++) {
		assert_int_equal(scheme_make(s, "correct horse", 0, field, sizeof(field)), 0);
		assert_null(scheme_check(field));
		assert_int_equal(scheme_verify(field, "correct horse"), SCHEME_MATCH);
		assert_int_equal(scheme_verify(field, "wrong horse"), SCHEME_NO_MATCH);
	}
}

static void a_salt_is_never_made_twice(void **state)
{
	char one[SCHEME_SECRET_MAX], two[SCHEME_SECRET_MAX];
	const struct scheme *s;

	(void)state;
	for (size_t i = 0; (s = scheme_at(i)); i++) {
		if (!s->salted || strcmp(s->name, "DES-CRYPT") == 0)
			continue;
		assert_int_equal(scheme_make(s, "x", 0, one, sizeof(one)), 0);
		assert_int_equal(scheme_make(s, "x", 0, two, sizeof(two)), 0);
		assert_string_not_equal(one, two);
	}
}

static void a_cost_is_taken_or_refused(void **state)
{
	char field[SCHEME_SECRET_MAX];

	(void)state;
	assert_int_equal(scheme_make(scheme_find("BLF-CRYPT", 9), "x", 4, field, sizeof(field)), 0);
	assert_memory_equal(field, "{BLF-CRYPT}$2b$04$", 18);
	assert_int_equal(
		scheme_make(scheme_find("scram-sha-256", 13), "x", 5000, field, sizeof(field)), 0);
	assert_memory_equal(field, "{SCRAM-SHA-256}5000,", 20);
	assert_int_equal(
		scheme_make(scheme_find("BLF-CRYPT", 9), "x", 99, field, sizeof(field)), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(scheme_make(scheme_find("SSHA", 4), "x", 7, field, sizeof(field)), -1);
	assert_int_equal(errno, EINVAL);
}

static void a_plain_password_that_cannot_stand_in_a_line_is_not_made(void **state)
{
	char field[SCHEME_SECRET_MAX];

	(void)state;
	assert_int_equal(scheme_make(scheme_find("PLAIN", 5), "a:b", 0, field, sizeof(field)), -1);
	assert_int_equal(scheme_make(scheme_find("PLAIN", 5), "a\nb", 0, field, sizeof(field)), -1);
}

static void a_buffer_too_small_is_an_error_and_not_a_cut_hash(void **state)
{
	char field[40];
	const struct scheme *s;

	(void)state;
	for (size_t i = 0; (s = scheme_at(i)); i++)
		for (size_t size = 0; size < 17; size++)
			assert_int_equal(scheme_make(s, "a password", 0, field, size), -1);
}

static void locked_fields_match_nothing(void **state)
{
	static const char *const locked[] = {
		"", "*", "!", "!!", "x", "*LK*", "!$1$saltsalt$wCrc3hcrR95SV83Xh8Z.41"};

	(void)state;
	for (size_t i = 0; i < sizeof(locked) / sizeof(locked[0]); i++) {
		assert_null(scheme_check(locked[i]));
		assert_true(scheme_locked(locked[i]));
		assert_int_equal(scheme_verify(locked[i], ""), SCHEME_NO_MATCH);
		assert_int_equal(scheme_verify(locked[i], "x"), SCHEME_NO_MATCH);
		assert_int_equal(scheme_verify(locked[i], locked[i]), SCHEME_NO_MATCH);
	}
}

static void ill_formed_fields_are_named_and_match_nothing(void **state)
{
	static const char *const bad[] = {
		"secret",         /* in the clear without {PLAIN}: "se" is a salt of DES */
		"secretsecretse", /* fourteen octets */
		"{PLAIN}",        /* nothing */
		"{PLAIN",         /* not closed */
		"{}x",            /* no name */
		"{MD5-CRAM}abc",  /* unknown */
		"{SSHA256}",      /* nothing */
		"{SSHA256}E4CWaPtDY4Zwb2fcsFLtWEoEuhaowCoX1m00ww/O2iE=",            /* no salt */
		"{SHA256}V9JAnh4LXKDVr5nXdkqPSOpFTLqdpyR4d7xzU3GdHE9zYWx0c2FsdA==", /* a salt */
		"{SSHA}M0YXe+4K7AXJbpIQR++HGoshE8JzYWx0c2FsdA",                     /* not padded */
		"{SSHA}M0YXe+4K7AXJbpIQR++HGoshE8Jz WWx0c2FsdA=",                   /* a space */
		"{SCRAM-SHA-256}4096",
		("{SCRAM-SHA-256}0," KEYS),        /* no iterations */
		("{SCRAM-SHA-256}99999999," KEYS), /* minutes of work */
		("{SCRAM-SHA-256}" KEYS_SHA_1),
		"$6$",
		"$99$abc$def",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_non_null(scheme_check(bad[i]));
		assert_int_equal(scheme_verify(bad[i], "secret"), SCHEME_NO_MATCH);
		assert_int_equal(scheme_verify(bad[i], ""), SCHEME_NO_MATCH);
	}
}

/* What makes verifying slow must be the same for two fields of one kind, and differ for two costs.
 */
static void the_cost_is_read_from_the_hash(void **state)
{
	static const struct {
		const char *field;
		const char *cost;
	} rows[] = {
		{"$2b$12$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2", "$2b$12$"},
		{"$6$saltsalt$hash", "$6$"},
		{"$6$rounds=9000$saltsalt$hash", "$6$rounds=9000$"},
		{"$y$j9T$salt$hash", "$y$j9T$"},
		{"$7$CU..../....salt$hash", "$7$CU..../...."},
		{"abJ32bJMdTsnY", ""},
		{"_J9..rasmBYk8r9AiWNc", "_J9.."},
		{"{SCRAM-SHA-256}4096,a,b,c", "4096"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *value;
		const struct scheme *s = scheme_split(rows[i].field, &value);

		assert_non_null(s);
		assert_int_equal(s->cost(value), strlen(rows[i].cost));
		assert_memory_equal(value, rows[i].cost, strlen(rows[i].cost));
	}
}

/* RFC 5802 section 5: the same salt at each login, or a client would know that something is odd. */
static void scram_keys_of_a_plain_secret_are_stable_for_a_user(void **state)
{
	struct scram_keys one, two, other;
	static const unsigned char key[32] = {1, 2, 3};

	(void)state;
	assert_int_equal(scram_from_plain("SHA256", key, "anna", "pencil", &one), 0);
	assert_int_equal(scram_from_plain("SHA256", key, "anna", "pencil", &two), 0);
	assert_int_equal(scram_from_plain("SHA256", key, "ben", "pencil", &other), 0);
	assert_memory_equal(one.stored, two.stored, one.key_len);
	assert_memory_not_equal(one.salt, other.salt, one.salt_len);
	assert_int_equal(one.key_len, 32);
}

/* RFC 4648 section 10. */
static void base64_decodes_the_vectors_of_its_rfc(void **state)
{
	static const char *const rows[][2] = {{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"},
		{"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"Zm9vYmE=", "fooba"},
		{"Zm9vYmFy", "foobar"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char out[8];
		char back[16];
		size_t n = strlen(rows[i][1]);

		assert_int_equal(b64_decode(rows[i][0], strlen(rows[i][0]), out, n), n);
		assert_memory_equal(out, rows[i][1], n);
		assert_int_equal(
			b64_encode((const unsigned char *)rows[i][1], n, back, sizeof(back)),
			strlen(rows[i][0]));
		assert_string_equal(back, rows[i][0]);
		if (n > 0)
			assert_int_equal(
				b64_decode(rows[i][0], strlen(rows[i][0]), out, n - 1), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_scheme_takes_the_right_password),
		cmocka_unit_test(every_scheme_refuses_a_wrong_shorter_longer_or_empty_password),
		cmocka_unit_test(what_is_made_verifies),
		cmocka_unit_test(a_salt_is_never_made_twice),
		cmocka_unit_test(a_cost_is_taken_or_refused),
		cmocka_unit_test(a_plain_password_that_cannot_stand_in_a_line_is_not_made),
		cmocka_unit_test(a_buffer_too_small_is_an_error_and_not_a_cut_hash),
		cmocka_unit_test(locked_fields_match_nothing),
		cmocka_unit_test(ill_formed_fields_are_named_and_match_nothing),
		cmocka_unit_test(the_cost_is_read_from_the_hash),
		cmocka_unit_test(scram_keys_of_a_plain_secret_are_stable_for_a_user),
		cmocka_unit_test(base64_decodes_the_vectors_of_its_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
