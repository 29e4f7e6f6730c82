/* Lines out of what a client sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pop3/line.h"

enum { LIMIT = 255 };

/* A reader with a buffer of just the limit. */
struct fixture {
	struct line_reader r;
	char buf[LIMIT];
	struct slice line;
};

static void start(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	line_attach(&f->r, f->buf, sizeof(f->buf));
}

static void feed(struct fixture *f, const void *p, size_t n)
{
	size_t room;
	char *space = line_space(&f->r, &room);

	assert_true(n <= room);
	memcpy(space, p, n);
	line_fill(&f->r, n);
}

static void feed_text(struct fixture *f, const char *text)
{
	feed(f, text, strlen(text));
}

static void assert_line(struct fixture *f, const char *text)
{
	assert_int_equal(line_next(&f->r, LIMIT, &f->line), LINE_READY);
	assert_int_equal(f->line.len, strlen(text));
	assert_string_equal(f->line.at, text);
}

static void assert_more(struct fixture *f)
{
	assert_int_equal(line_next(&f->r, LIMIT, &f->line), LINE_MORE);
}

static void a_line_ends_with_crlf_or_with_a_bare_lf(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	feed_text(&f, "USER a\r\nPASS b\nQUIT\r\n");
	assert_line(&f, "USER a");
	assert_line(&f, "PASS b");
	assert_line(&f, "QUIT");
	assert_more(&f);
}

static void only_the_cr_before_the_lf_is_stripped(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	feed_text(&f, "a\rb\r\r\n\r\n\n");
	assert_line(&f, "a\rb\r");
	assert_line(&f, "");
	assert_line(&f, "");
	assert_more(&f);
}

static void a_line_may_come_octet_by_octet(void **state)
{
	const char *text = "STAT\r\n";
	struct fixture f;

	(void)state;
	start(&f);
	for (; *text; text++) {
		assert_more(&f);
		feed(&f, text, 1);
	}
	assert_line(&f, "STAT");
}

static void a_thousand_pipelined_commands_come_in_order(void **state)
{
	struct fixture f;
	char text[16];

	(void)state;
	start(&f);
	for (int i = 0; i < 1000; i += 10) {
		for (int k = i; k < i + 10; k++) {
			snprintf(text, sizeof(text), "RETR %d\r\n", k);
			feed_text(&f, text);
		}
		for (int k = i; k < i + 10; k++) {
			snprintf(text, sizeof(text), "RETR %d", k);
			assert_line(&f, text);
		}
	}
	assert_more(&f);
}

/* RFC 2449 section 4: 255 octets with the CRLF. popa3d cut long lines silently. */
static void a_line_of_just_the_limit_is_taken_whole(void **state)
{
	char text[LIMIT + 1];
	struct fixture f;

	(void)state;
	start(&f);
	memset(text, 'x', sizeof(text));
	memcpy(text, "PASS ", 5);
	memcpy(text + LIMIT - 2, "\r\n", 3);
	feed_text(&f, text);
	text[LIMIT - 2] = '\0';
	assert_line(&f, text);
}

static void one_octet_more_is_too_long_and_never_run(void **state)
{
	char text[LIMIT + 2];
	struct fixture f;

	(void)state;
	start(&f);
	memset(text, 'x', sizeof(text));
	memcpy(text + LIMIT - 1, "\r\n", 3);
	feed(&f, text, LIMIT);
	assert_int_equal(line_next(&f.r, LIMIT, &f.line), LINE_TOO_LONG);
	feed_text(&f, "\n");
	feed_text(&f, "NOOP\r\n");
	assert_line(&f, "NOOP");
	assert_more(&f);
}

/* The same where the buffer has room for more: the limit counts. */
static void a_limit_below_the_buffer_counts_with_and_without_the_newline(void **state)
{
	char buf[2 * LIMIT], text[LIMIT + 1];
	struct line_reader r = {0};
	struct slice line;
	size_t room;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t newline = LIMIT - 2; newline <= LIMIT; newline++) {
		line_attach(&r, buf, sizeof(buf));
		text[newline] = '\n';
		memcpy(line_space(&r, &room), text, newline + 1);
		line_fill(&r, newline + 1);
		assert_int_equal(
			line_next(&r, LIMIT, &line), newline < LIMIT ? LINE_READY : LINE_TOO_LONG);
		text[newline] = 'x';
	}
	memcpy(line_space(&r, &room), text, LIMIT);
	line_fill(&r, LIMIT - 1);
	assert_int_equal(line_next(&r, LIMIT, &line), LINE_MORE);
	line_fill(&r, 1);
	assert_int_equal(line_next(&r, LIMIT, &line), LINE_TOO_LONG);
}

static void a_line_that_fills_the_buffer_is_too_long_whatever_the_limit(void **state)
{
	struct fixture f;
	char text[LIMIT];

	(void)state;
	start(&f);
	memset(text, 'x', sizeof(text));
	feed(&f, text, sizeof(text));
	assert_int_equal(line_next(&f.r, LINE_AUTH, &f.line), LINE_TOO_LONG);
}

/* The tail of the line looks like a command. */
static void ten_megabytes_without_newline_are_one_event_in_a_fixed_buffer(void **state)
{
	size_t total = 10 * 1024 * 1024, room;
	struct fixture f;
	int events = 0;

	(void)state;
	start(&f);
	while (total > 0) {
		char *space = line_space(&f.r, &room);

		assert_true(room > 0);
		memset(space, 'x', room);
		line_fill(&f.r, room);
		while (line_next(&f.r, LIMIT, &f.line) != LINE_MORE)
			events++;
		total -= room < total ? room : total;
	}
	assert_int_equal(events, 1);
	feed_text(&f, "DELE 1\r\nNOOP\r\n");
	assert_line(&f, "NOOP");
	assert_more(&f);
}

static void two_lines_that_are_too_long_are_two_events(void **state)
{
	char text[301];
	struct line_reader r = {0};
	char buf[1024];
	struct slice line;
	size_t room;

	(void)state;
	line_attach(&r, buf, sizeof(buf));
	memset(text, 'x', sizeof(text));
	text[300] = '\n';
	for (int i = 0; i < 2; i++) {
		memcpy(line_space(&r, &room), text, sizeof(text));
		line_fill(&r, sizeof(text));
	}
	assert_int_equal(line_next(&r, LIMIT, &line), LINE_TOO_LONG);
	assert_int_equal(line_next(&r, LIMIT, &line), LINE_TOO_LONG);
	assert_int_equal(line_next(&r, LIMIT, &line), LINE_MORE);
}

static void a_nul_makes_a_bad_line_not_a_shorter_one(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	feed(&f, "DELE 1\0 2\r\nNOOP\r\n", 17);
	assert_int_equal(line_next(&f.r, LIMIT, &f.line), LINE_NUL);
	assert_int_equal(f.line.len, 9);
	assert_line(&f, "NOOP");
}

/* AUTH: the same reader with a larger buffer for as long as the exchange takes. */
static void the_limit_and_the_buffer_change_with_what_is_expected(void **state)
{
	char *large = malloc(LINE_AUTH), *data = malloc(LINE_AUTH);
	struct fixture f;
	size_t room;

	(void)state;
	start(&f);
	feed_text(&f, "AUTH PLAIN\r\nQUJD");
	assert_line(&f, "AUTH PLAIN");
	line_attach(&f.r, large, LINE_AUTH);
	memset(data, 'x', LINE_AUTH);
	memcpy(data + LINE_AUTH - 4 - 2, "\r\n", 2);
	assert_true(line_space(&f.r, &room) == large + 4);
	assert_int_equal(room, LINE_AUTH - 4);
	feed(&f, data, room);
	assert_int_equal(line_next(&f.r, LINE_AUTH, &f.line), LINE_READY);
	assert_int_equal(f.line.len, LINE_AUTH - 2);
	assert_memory_equal(f.line.at, "QUJDxxx", 7);
	line_attach(&f.r, f.buf, sizeof(f.buf));
	feed_text(&f, "QUIT\r\n");
	assert_line(&f, "QUIT");
	free(large);
	free(data);
}

static void an_idle_reader_needs_no_buffer(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	feed_text(&f, "NOOP\r\n");
	assert_line(&f, "NOOP");
	line_attach(&f.r, NULL, 0);
	assert_more(&f);
	assert_int_equal(line_rest(&f.r).len, 0);
	line_attach(&f.r, f.buf, sizeof(f.buf));
	feed_text(&f, "STAT\r\n");
	assert_line(&f, "STAT");
}

/* DESIGN section 5: data pipelined across the login boundary is handed over, not lost. */
static void what_was_not_taken_can_be_handed_over(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	feed_text(&f, "PASS x\r\nSTAT\r\nLI");
	assert_line(&f, "PASS x");
	assert_int_equal(line_rest(&f.r).len, 8);
	assert_memory_equal(line_rest(&f.r).at, "STAT\r\nLI", 8);
}

/* RFC 2595 section 4, CVE-2011-0411 and its kin: what came before the handshake is not run after.
 */
static void what_was_read_before_the_handshake_is_dropped(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	feed_text(&f, "STLS\r\nUSER evil\r\nPA");
	assert_line(&f, "STLS");
	line_drop(&f.r);
	assert_more(&f);
	feed_text(&f, "SS\r\n");
	assert_line(&f, "SS");
}

static void a_dropped_reader_is_as_a_new_one(void **state)
{
	struct fixture f;
	char text[LIMIT];

	(void)state;
	start(&f);
	memset(text, 'x', sizeof(text));
	feed(&f, text, sizeof(text));
	assert_int_equal(line_next(&f.r, LIMIT, &f.line), LINE_TOO_LONG);
	line_drop(&f.r);
	feed_text(&f, "CAPA\r\n");
	assert_line(&f, "CAPA");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_ends_with_crlf_or_with_a_bare_lf),
		cmocka_unit_test(only_the_cr_before_the_lf_is_stripped),
		cmocka_unit_test(a_line_may_come_octet_by_octet),
		cmocka_unit_test(a_thousand_pipelined_commands_come_in_order),
		cmocka_unit_test(a_line_of_just_the_limit_is_taken_whole),
		cmocka_unit_test(one_octet_more_is_too_long_and_never_run),
		cmocka_unit_test(a_limit_below_the_buffer_counts_with_and_without_the_newline),
		cmocka_unit_test(a_line_that_fills_the_buffer_is_too_long_whatever_the_limit),
		cmocka_unit_test(ten_megabytes_without_newline_are_one_event_in_a_fixed_buffer),
		cmocka_unit_test(two_lines_that_are_too_long_are_two_events),
		cmocka_unit_test(a_nul_makes_a_bad_line_not_a_shorter_one),
		cmocka_unit_test(the_limit_and_the_buffer_change_with_what_is_expected),
		cmocka_unit_test(an_idle_reader_needs_no_buffer),
		cmocka_unit_test(what_was_not_taken_can_be_handed_over),
		cmocka_unit_test(what_was_read_before_the_handshake_is_dropped),
		cmocka_unit_test(a_dropped_reader_is_as_a_new_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
