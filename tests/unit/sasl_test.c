/* Base64 and the lines of an AUTH exchange. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "pop3/base64.h"
#include "pop3/sasl.h"

static bool decodes_to(const char *text, const char *octets)
{
	unsigned char out[300];
	size_t len;

	return base64_decode(text, strlen(text), out, sizeof(out), &len) && len == strlen(octets) &&
	       memcmp(out, octets, len) == 0;
}

/* RFC 4648 section 10 */
static void the_examples_of_the_rfc_go_both_ways(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = base64_encode(rows[i][0], strlen(rows[i][0]), text, sizeof(text));

		assert_int_equal(n, strlen(rows[i][1]));
		assert_memory_equal(text, rows[i][1], n);
		assert_true(decodes_to(rows[i][1], rows[i][0]));
	}
}

static void every_octet_value_comes_back(void **state)
{
	unsigned char in[256], out[258];
	char text[BASE64_ENCODED(256)];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)i;
	assert_int_equal(base64_encode(in, sizeof(in), text, sizeof(text)), sizeof(text));
	assert_true(base64_decode(text, sizeof(text), out, sizeof(out), &len));
	assert_int_equal(len, sizeof(in));
	assert_memory_equal(out, in, sizeof(in));
}

static void exactly_the_64_letters_of_the_alphabet_are_taken(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char out[3];
	size_t len;

	(void)state;
	for (int c = 0; c < 256; c++) {
		char text[4] = {(char)c, 'A', 'A', 'A'};
		const char *at = c ? strchr(alphabet, c) : NULL;

		assert_int_equal(base64_decode(text, 4, out, sizeof(out), &len), at != NULL);
		if (at)
			assert_int_equal(out[0] >> 2, at - alphabet);
	}
}

/* RFC 4648 sections 3.1 to 3.5: leniency makes two texts out of one secret. */
static void whatever_is_not_canonical_is_refused(void **state)
{
	static const char *const bad[] = {
		"Z",
		"Zg",
		"Zg=",
		"Zg===",
		"=",
		"==",
		"====",
		"Z===",
		"Zh==",
		"Zm9=",
		"Zg==Zg==",
		"Zm 9v",
		"Zm9v\n",
		" Zm9v",
		"Zm9v=",
		"Zm-_",
		"Zg=A",
		"=Zg=",
		"*",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned char out[16];
		size_t len = 99;

		assert_false(base64_decode(bad[i], strlen(bad[i]), out, sizeof(out), &len));
		assert_int_equal(len, 0);
	}
}

static void a_buffer_too_small_is_left_alone(void **state)
{
	unsigned char out[6] = "#####";
	char text[8] = "#######";
	size_t len;

	(void)state;
	assert_false(base64_decode("Zm9vYmFy", 8, out, 5, &len));
	assert_string_equal(out, "#####");
	assert_int_equal(base64_encode("foobar", 6, text, 7), 0);
	assert_string_equal(text, "#######");
}

static enum sasl_line line(enum sasl_line (*read)(struct slice, void *, size_t, size_t *),
	const char *text, size_t *len)
{
	unsigned char out[64];

	return read((struct slice){text, strlen(text)}, out, sizeof(out), len);
}

/* RFC 5034 section 4 */
static void an_equals_sign_is_an_empty_initial_response_and_nothing_else(void **state)
{
	size_t len = 99;

	(void)state;
	assert_int_equal(line(sasl_initial, "=", &len), SASL_DATA);
	assert_int_equal(len, 0);
	assert_int_equal(line(sasl_response, "=", &len), SASL_BAD);
	assert_int_equal(line(sasl_initial, "Zm9v", &len), SASL_DATA);
	assert_int_equal(len, 3);
}

static void a_star_cancels_only_as_a_response(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(line(sasl_response, "*", &len), SASL_CANCEL);
	assert_int_equal(line(sasl_response, "**", &len), SASL_BAD);
	assert_int_equal(line(sasl_initial, "*", &len), SASL_BAD);
}

static void an_empty_line_is_an_empty_response(void **state)
{
	size_t len = 99;

	(void)state;
	assert_int_equal(line(sasl_response, "", &len), SASL_DATA);
	assert_int_equal(len, 0);
}

static void a_challenge_is_a_line_with_a_plus(void **state)
{
	char out[SASL_CHALLENGE(3) + 1] = {0};

	(void)state;
	assert_int_equal(sasl_challenge("foo", 3, out, SASL_CHALLENGE(3)), 8);
	assert_string_equal(out, "+ Zm9v\r\n");
	assert_int_equal(sasl_challenge("foo", 3, out, SASL_CHALLENGE(3) - 1), 0);
	memset(out, 0, sizeof(out));
	assert_int_equal(sasl_challenge("", 0, out, sizeof(out)), 4);
	assert_string_equal(out, "+ \r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc_go_both_ways),
		cmocka_unit_test(every_octet_value_comes_back),
		cmocka_unit_test(exactly_the_64_letters_of_the_alphabet_are_taken),
		cmocka_unit_test(whatever_is_not_canonical_is_refused),
		cmocka_unit_test(a_buffer_too_small_is_left_alone),
		cmocka_unit_test(an_equals_sign_is_an_empty_initial_response_and_nothing_else),
		cmocka_unit_test(a_star_cancels_only_as_a_response),
		cmocka_unit_test(an_empty_line_is_an_empty_response),
		cmocka_unit_test(a_challenge_is_a_line_with_a_plus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
