/* Stored octets to wire octets: the cases that servers get wrong, and then all others at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include "encode_reference.h"

static uint64_t seed = 88172645463325252u;

/* Asserts what n stored octets become, in one piece and octet by octet. */
static void assert_wire_n(
	const char *stored, size_t n, int64_t top, const char *wire, uint64_t octets)
{
	for (size_t piece = 0; piece < 2; piece++) {
		struct encoded e =
			in_pieces((const unsigned char *)stored, n, top, &seed, piece, piece);

		assert_int_equal(e.len, strlen(wire));
		assert_memory_equal(e.p, wire, e.len);
		assert_int_equal(e.octets, octets);
		free(e.p);
	}
}

static void assert_wire(const char *stored, const char *wire, uint64_t octets)
{
	assert_wire_n(stored, strlen(stored), WHOLE, wire, octets);
	assert_int_equal(measured((const unsigned char *)stored, strlen(stored), &seed, 0), octets);
	assert_int_equal(measured((const unsigned char *)stored, strlen(stored), &seed, 1), octets);
}

static void assert_top(const char *stored, uint32_t lines, const char *wire)
{
	size_t dots = strstr(wire, "..") ? 1 : 0;

	assert_wire_n(stored, strlen(stored), lines, wire, strlen(wire) - dots);
}

static void lf_becomes_crlf(void **state)
{
	(void)state;
	assert_wire("a\nb\n\n", "a\r\nb\r\n\r\n", 8);
}

/* DESIGN section 9: Courier and popa3d send CR CR LF. */
static void crlf_stays_crlf(void **state)
{
	(void)state;
	assert_wire("a\r\nb\r\n\r\n", "a\r\nb\r\n\r\n", 8);
}

static void mixed_line_ends_become_crlf(void **state)
{
	(void)state;
	assert_wire("a\nb\r\nc\n", "a\r\nb\r\nc\r\n", 9);
}

/* DESIGN section 5 */
static void a_bare_cr_passes(void **state)
{
	(void)state;
	assert_wire("a\rb\n\r\r\n", "a\rb\r\n\r\r\n", 8);
}

static void nul_and_8_bit_octets_pass(void **state)
{
	const char stored[] = "a\0\200\377\n";
	struct encoded e =
		in_pieces((const unsigned char *)stored, sizeof(stored) - 1, WHOLE, &seed, 0, 0);

	(void)state;
	assert_int_equal(e.len, 6);
	assert_memory_equal(e.p, "a\0\200\377\r\n", 6);
	free(e.p);
}

/* DESIGN section 9: Dovecot and Courier do not stuff it, and the reply ends there. */
static void a_dot_that_begins_the_message_is_stuffed(void **state)
{
	(void)state;
	assert_wire(".\nSTAT\n", "..\r\nSTAT\r\n", 9);
}

/* RFC 1939 section 3 */
static void a_dot_that_begins_a_line_is_stuffed_and_others_are_not(void **state)
{
	(void)state;
	assert_wire("a.\n.b\n..\n\r.\n \n.", "a.\r\n..b\r\n...\r\n\r.\r\n \r\n..\r\n", 22);
}

/* DESIGN section 9: Dovecot and Courier declare 2 octets fewer than they send. */
static void a_last_line_without_newline_is_completed_and_counted(void **state)
{
	(void)state;
	assert_wire("a\nb", "a\r\nb\r\n", 6);
	assert_wire("a\r\nb\r", "a\r\nb\r\r\n", 7);
}

static void an_empty_message_stays_empty(void **state)
{
	(void)state;
	assert_wire("", "", 0);
}

/* DESIGN section 9: Stalwart sends the whole message. */
static void top_0_is_the_header_and_the_blank_line(void **state)
{
	(void)state;
	assert_top("A: 1\nB: 2\n\nbody\nmore\n", 0, "A: 1\r\nB: 2\r\n\r\n");
	assert_top("A: 1\r\n\r\nbody\r\n", 0, "A: 1\r\n\r\n");
}

static void top_n_is_that_and_n_lines_of_the_body(void **state)
{
	(void)state;
	assert_top("A: 1\n\none\n.two\nthree\n", 1, "A: 1\r\n\r\none\r\n");
	assert_top("A: 1\n\none\n.two\nthree\n", 2, "A: 1\r\n\r\none\r\n..two\r\n");
	assert_top("A: 1\n\n\n\nthree\n", 2, "A: 1\r\n\r\n\r\n\r\n");
}

static void top_of_more_lines_than_there_are_is_the_whole_message(void **state)
{
	(void)state;
	assert_top("A: 1\n\none\ntwo", 100, "A: 1\r\n\r\none\r\ntwo\r\n");
	assert_top("A: 1\n\none\n", UINT32_MAX, "A: 1\r\n\r\none\r\n");
}

static void top_of_a_message_without_blank_line_is_all_of_it(void **state)
{
	(void)state;
	assert_top("A: 1\nB: 2\n", 0, "A: 1\r\nB: 2\r\n");
	assert_top("A: 1\nB: 2", 0, "A: 1\r\nB: 2\r\n");
	assert_top("A: 1\n \nB: 2\n\r\r\nC: 3\n", 0, "A: 1\r\n \r\nB: 2\r\n\r\r\nC: 3\r\n");
}

static void top_of_a_message_without_header_begins_with_the_blank_line(void **state)
{
	(void)state;
	assert_top("\nbody\n", 0, "\r\n");
	assert_top("\r\nbody\n", 0, "\r\n");
}

static void top_tells_when_reading_can_stop(void **state)
{
	unsigned char out[64];
	struct encoder e;
	size_t used;

	(void)state;
	encode_init_top(&e, 1);
	encode(&e, (const unsigned char *)"A: 1\n\none", 9, &used, out, sizeof(out));
	assert_int_equal(used, 9);
	assert_false(encode_done(&e));
	encode(&e, (const unsigned char *)"\ntwo\n", 5, &used, out, sizeof(out));
	assert_int_equal(used, 1);
	assert_true(encode_done(&e));
	assert_int_equal(encode(&e, (const unsigned char *)"x", 1, &used, out, sizeof(out)), 0);
	assert_int_equal(used, 0);
	assert_int_equal(encode_finish(&e, out), 0);
}

static bool verbatim(const char *stored)
{
	unsigned char out[200];
	struct encoder e;
	size_t used;

	encode_init(&e);
	encode(&e, (const unsigned char *)stored, strlen(stored), &used, out, sizeof(out));
	encode_finish(&e, out);
	return encode_verbatim(&e);
}

static void only_what_is_stored_in_wire_form_is_verbatim(void **state)
{
	(void)state;
	assert_true(verbatim("a\r\nb.\r\n"));
	assert_true(verbatim(""));
	assert_false(verbatim("a\n"));
	assert_false(verbatim("a\r\nb"));
	assert_false(verbatim("a\r\n.b\r\n"));
}

static void the_worst_case_fits_in_the_room_that_is_documented(void **state)
{
	static const char *const worst[] = {"\n", ".", ".\n"};
	unsigned char in[1000], out[ENCODE_WORST(sizeof(in))];

	(void)state;
	for (size_t w = 0; w < sizeof(worst) / sizeof(worst[0]); w++) {
		struct encoder e;
		size_t used;

		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (unsigned char)worst[w][i % strlen(worst[w])];
		encode_init(&e);
		encode(&e, in, sizeof(in), &used, out, sizeof(out));
		assert_int_equal(used, sizeof(in));
	}
}

/* Lines of any length around the windows of the fast path, ended in any way. */
static size_t random_message(unsigned char *p, size_t cap)
{
	static const char odd[] = "\r\n.\0\r\n\377 ";
	size_t n = 0, lines = next_random(&seed, 40);

	for (size_t l = 0; l < lines; l++) {
		size_t len = next_random(&seed, next_random(&seed, 8) ? 100 : 400);

		if (n + len + 2 > cap)
			break;
		for (size_t i = 0; i < len; i++)
			p[n++] = next_random(&seed, 30)
					 ? (unsigned char)('a' + i % 26)
					 : (unsigned char)odd[next_random(&seed, sizeof(odd) - 1)];
		if (next_random(&seed, 3) == 0)
			p[n++] = '\r';
		if (next_random(&seed, 10))
			p[n++] = '\n';
	}
	return n;
}

/* All cuts of a message give what the reference gives, and measure() agrees. */
static void check_message(const unsigned char *in, size_t n)
{
	static const size_t pieces[][2] = {{0, 0}, {3, 3}, {100, 150}, {700, 70}};
	struct encoded whole = reference(in, n, WHOLE);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		int64_t top = (int64_t)next_random(&seed, 12);

		assert_true(as_reference(in, n, WHOLE, &seed, pieces[i][0], pieces[i][1]));
		assert_true(as_reference(in, n, top, &seed, pieces[i][0], pieces[i][1]));
		assert_int_equal(measured(in, n, &seed, pieces[i][0]), whole.octets);
	}
	free(whole.p);
}

static void random_messages_in_random_pieces_are_as_the_reference_has_them(void **state)
{
	unsigned char in[8000];

	(void)state;
	for (int i = 0; i < 3000; i++)
		check_message(in, random_message(in, sizeof(in)));
}

/* Where a newline, a CR LF or a dot meets the end of a window or of a piece. */
static void every_line_length_around_a_window_is_as_the_reference_has_it(void **state)
{
	static const char *const ends[] = {"\n", "\r\n", "\n.", "\r\n.\r\n", "\r\r\n"};
	unsigned char in[400];

	(void)state;
	for (size_t first = 0; first < 140; first++)
		for (size_t second = 0; second < 140; second += 3)
			for (size_t e = 0; e < sizeof(ends) / sizeof(ends[0]); e++) {
				size_t n = 0, len = strlen(ends[e]);

				memset(in, 'x', sizeof(in));
				memcpy(in + (n += first), ends[e], len);
				memcpy(in + (n += len + second), ends[e], len);
				n += len + 70;
				assert_true(as_reference(in, n, WHOLE, &seed, 0, 0));
				assert_true(as_reference(in, n, WHOLE, &seed, 200, 300));
			}
}

static void a_count_does_not_wrap_within_a_long_run_of_newlines(void **state)
{
	enum { N = 255 * 32 * 4 + 17 };
	unsigned char *in = malloc(N);

	(void)state;
	memset(in, '\n', N);
	assert_int_equal(measured(in, N, &seed, 0), 2 * N);
	free(in);
}

static void check_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	long size;
	unsigned char *in;

	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	rewind(f);
	in = malloc((size_t)size + 1);
	assert_int_equal(fread(in, 1, (size_t)size, f), size);
	check_message(in, (size_t)size);
	free(in);
	fclose(f);
}

/* Checks all files that match; returns how many. */
static size_t check_files(const char *folder, const char *pattern)
{
	char path[4096];
	glob_t found;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, pattern);
	if (glob(path, 0, NULL, &found))
		return 0;
	for (n = 0; n < found.gl_pathc; n++)
		check_file(found.gl_pathv[n]);
	globfree(&found);
	return n;
}

static const char *source_folder(void)
{
	const char *source = getenv("RESTANTE_SOURCE");

	return source ? source : ".";
}

/* Real messages too, where they are at hand; without cmocka's skip(), which TAP takes for a failure. */
static void messages_in_random_pieces_are_as_the_reference_has_them(void **state)
{
	const char *corpus = getenv("RESTANTE_CORPUS");

	(void)state;
	assert_true(check_files(source_folder(), "tests/samples/*.eml") > 0);
	if (corpus)
		assert_true(check_files(corpus, "*/*.eml") > 0);
	else
		(void)check_files(source_folder(), "../shared/corpus/*/*.eml");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lf_becomes_crlf),
		cmocka_unit_test(crlf_stays_crlf),
		cmocka_unit_test(mixed_line_ends_become_crlf),
		cmocka_unit_test(a_bare_cr_passes),
		cmocka_unit_test(nul_and_8_bit_octets_pass),
		cmocka_unit_test(a_dot_that_begins_the_message_is_stuffed),
		cmocka_unit_test(a_dot_that_begins_a_line_is_stuffed_and_others_are_not),
		cmocka_unit_test(a_last_line_without_newline_is_completed_and_counted),
		cmocka_unit_test(an_empty_message_stays_empty),
		cmocka_unit_test(top_0_is_the_header_and_the_blank_line),
		cmocka_unit_test(top_n_is_that_and_n_lines_of_the_body),
		cmocka_unit_test(top_of_more_lines_than_there_are_is_the_whole_message),
		cmocka_unit_test(top_of_a_message_without_blank_line_is_all_of_it),
		cmocka_unit_test(top_of_a_message_without_header_begins_with_the_blank_line),
		cmocka_unit_test(top_tells_when_reading_can_stop),
		cmocka_unit_test(only_what_is_stored_in_wire_form_is_verbatim),
		cmocka_unit_test(the_worst_case_fits_in_the_room_that_is_documented),
		cmocka_unit_test(random_messages_in_random_pieces_are_as_the_reference_has_them),
		cmocka_unit_test(every_line_length_around_a_window_is_as_the_reference_has_it),
		cmocka_unit_test(a_count_does_not_wrap_within_a_long_run_of_newlines),
		cmocka_unit_test(messages_in_random_pieces_are_as_the_reference_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
