/* The LMTP dialogue, the text behind DATA, and what a delivery does to a message's front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "deliver/data.h"
#include "deliver/lmtp.h"
#include "mail/trace.h"

/* --- the dialogue ------------------------------------------------------------------------------
 */

static struct lmtp session(void)
{
	struct lmtp l = {.hostname = "test.example", .size_limit = 1000};
	struct buf out = {0};

	assert_int_equal(lmtp_line(&l, "LHLO me", 7, &out), LMTP_SAY);
	buf_free(&out);
	return l;
}

/* Says a line and expects the beginning of the reply. */
static enum lmtp_act says(struct lmtp *l, const char *line, const char *reply)
{
	struct buf out = {0};
	enum lmtp_act act = lmtp_line(l, line, strlen(line), &out);

	if (strncmp(buf_str(&out), reply, strlen(reply)) != 0)
		fail_msg("%s -> %s, expected %s", line, buf_str(&out), reply);
	if (out.len > 0)
		assert_memory_equal(out.p + out.len - 2, "\r\n", 2);
	buf_free(&out);
	return act;
}

static void found(struct lmtp *l, enum mail_result result, const char *reply)
{
	struct buf out = {0};

	lmtp_found(l, result, &out);
	assert_memory_equal(buf_str(&out), reply, strlen(reply));
	buf_free(&out);
}

static void lhlo_offers_what_rfc_2033_asks_for(void **state)
{
	struct lmtp l = {.hostname = "test.example", .size_limit = 1000};
	struct buf out = {0};

	(void)state;
	lmtp_line(&l, "lhlo me", 7, &out);
	assert_string_equal(buf_str(&out),
		"250-test.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n"
		"250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 1000\r\n");
	buf_free(&out);
}

static void helo_and_ehlo_are_not_lmtp(void **state)
{
	struct lmtp l = session();

	(void)state;
	says(&l, "HELO me", "500 ");
	says(&l, "EHLO me", "500 ");
	says(&l, "LHLO", "501 ");
}

static void commands_have_an_order(void **state)
{
	struct lmtp l = {.hostname = "test.example"};

	(void)state;
	says(&l, "MAIL FROM:<a@x>", "503 ");
	says(&l, "LHLO me", "250");
	says(&l, "RCPT TO:<a@x>", "503 ");
	says(&l, "DATA", "503 5.5.1");
	says(&l, "MAIL FROM:<a@x>", "250 ");
	says(&l, "MAIL FROM:<a@x>", "503 ");
	says(&l, "DATA", "503 5.5.1"); /* RFC 2033 section 4.2: no recipient */
	assert_int_equal(says(&l, "RCPT TO:<b@x>", ""), LMTP_LOOK_UP);
	found(&l, MAIL_NO_USER, "550 5.1.1");
	says(&l, "DATA", "503 ");
	assert_int_equal(says(&l, "RCPT TO:<b@x>", ""), LMTP_LOOK_UP);
	found(&l, MAIL_OK, "250 2.1.5");
	says(&l, "DATA now", "501 ");
	assert_int_equal(says(&l, "DATA", "354 "), LMTP_DATA);
	says(&l, "RSET", "250 ");
	says(&l, "RCPT TO:<b@x>", "503 ");
	assert_int_equal(says(&l, "QUIT", "221 "), LMTP_QUIT);
	says(&l, "NOOP x", "250 ");
	says(&l, "VRFY a", "252 ");
	says(&l, "TURN", "500 5.5.2");
	says(&l, "", "500 5.5.2");
	says(&l, "DATAX", "500 5.5.2");
}

static void an_error_that_passes_is_told_as_one(void **state)
{
	struct lmtp l = session();

	(void)state;
	found(&l, MAIL_TEMP, "451 4.3.0");
	found(&l, MAIL_REFUSED, "550 5.2.1");
	found(&l, MAIL_SETUP, "451 4.3.5");
	assert_int_equal(l.recipients, 0);
}

static void reverse_paths(void **state)
{
	static const struct {
		const char *line, *sender; /* NULL: refused */
	} rows[] = {
		{"MAIL FROM:<>", ""},
		{"mail from:<a@x>", "a@x"},
		{"MAIL FROM: <a@x>", "a@x"},
		{"MAIL FROM:<a@x> SIZE=1000 BODY=8BITMIME", "a@x"},
		{"MAIL FROM:<a@x> BODY=7BIT  SMTPUTF8", "a@x"},
		{"MAIL FROM:<@r1,@r2:a@x>", "a@x"},
		{"MAIL FROM:<\"a b\\\"c\"@x>", "\"a b\\\"c\"@x"},
		{"MAIL FROM:<\"a@b\"@[127.0.0.1]>", "\"a@b\"@[127.0.0.1]"},
		{"MAIL FROM:<\xc3\xa4@x> SMTPUTF8", "\xc3\xa4@x"},
		{"MAIL FROM:<\xc3\xa4@x>", NULL},
		{"MAIL FROM:<a@x> SIZE=1001", NULL},
		{"MAIL FROM:<a@x> SIZE=99999999999999999999", NULL},
		{"MAIL FROM:<a@x> SIZE=", NULL},
		{"MAIL FROM:<a@x> BODY=BINARYMIME", NULL},
		{"MAIL FROM:<a@x> RET=FULL", NULL},
		{"MAIL FROM:a@x", NULL},
		{"MAIL FROM:<a@x", NULL},
		{"MAIL FROM:<a b@x>", NULL},
		{"MAIL FROM:<a<b@x>", NULL},
		{"MAIL FROM:<a\rb@x>", NULL},
		{"MAIL FROM:<\"a@x>", NULL},
		{"MAIL FROM:<\"a\\", NULL},
		{"MAIL FROM:<@r1>", NULL},
		{"MAIL FROM:", NULL},
		{"MAIL", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lmtp l = session();

		says(&l, rows[i].line, rows[i].sender != NULL ? "250 2.1.0" : "5");
		if (rows[i].sender != NULL)
			assert_string_equal(l.sender, rows[i].sender);
		assert_int_equal(l.mail, rows[i].sender != NULL);
	}
}

static void a_recipient_is_looked_up_without_its_quotes(void **state)
{
	struct lmtp l = session();

	(void)state;
	says(&l, "MAIL FROM:<>", "250 ");
	assert_int_equal(says(&l, "RCPT TO:<\"a \\b\"@x>", ""), LMTP_LOOK_UP);
	assert_string_equal(l.plain, "a b@x");
	assert_string_equal(l.address, "\"a \\b\"@x");
	says(&l, "RCPT TO:<>", "501 ");
	says(&l, "RCPT TO:<a@x> NOTIFY=NEVER", "555 ");
	says(&l, "RCPT TO:<\xc3\xa4@x>", "553 ");
}

static void an_address_that_is_too_long_is_none(void **state)
{
	struct lmtp l = session();
	char line[2 * MAIL_ADDRESS] = "MAIL FROM:<";

	(void)state;
	memset(line + 11, 'a', MAIL_ADDRESS - 1);
	line[11 + MAIL_ADDRESS - 1] = '>';
	says(&l, line, "250 ");
	says(&l, "RSET", "250 ");
	line[11 + MAIL_ADDRESS - 1] = 'a';
	line[11 + MAIL_ADDRESS] = '>';
	says(&l, line, "501 ");
}

static void recipients_are_bounded(void **state)
{
	struct lmtp l = session();

	(void)state;
	says(&l, "MAIL FROM:<>", "250 ");
	for (int i = 0; i < LMTP_RECIPIENTS; i++) {
		assert_int_equal(says(&l, "RCPT TO:<a>", ""), LMTP_LOOK_UP);
		found(&l, MAIL_OK, "250 ");
	}
	says(&l, "RCPT TO:<a>", "452 4.5.3");
}

/* --- the text behind DATA ----------------------------------------------------------------------
 */

/* Decodes the octets in pieces of that size. How many were taken; out gets what is stored. */
static size_t decode(const char *in, size_t n, size_t piece, struct buf *out, int *end)
{
	struct data d = {.state = DATA_START};
	size_t at = 0;

	while (at < n && !d.end) {
		size_t part = n - at < piece ? n - at : piece, made, took;
		char *to = buf_room(out, part + DATA_MORE);

		took = data_take(&d, in + at, part, to, &made);
		assert_true(made <= part + DATA_MORE);
		assert_true(took == part || d.end);
		out->len += made;
		at += took;
	}
	buf_add(out, "", 0); /* ends the text with a NUL */
	*end = d.end;
	return at;
}

static void text_is_stored_as_an_mta_would_store_it(void **state)
{
	static const struct {
		const char *in, *out;
		size_t left; /* octets behind the end */
	} rows[] = {
		{".\r\n", "", 0},
		{"a\r\n.\r\nQUIT\r\n", "a\n", 6},
		{"a\r\n..\r\n..b\r\n.\r\n", "a\n.\n.b\n", 0},
		{".a\r\n.\r\n", "a\n", 0},
		{"a\r\r\n.\r\n", "a\r\r\n", 0},
		{"\r\r\r\n.\r\n", "\r\r\r\n", 0},
		{"a\rb\n.\nc\n.\r\nd\r\n.\r\n", "a\rb\n.\nc\n.\nd\n", 0}, /* smuggling */
		{"a\r\n.\n\r\n.\r\n", "a\n\n\n", 0},
		{"a\r\n.\r.\r\n\r\n.\r\n", "a\n\r.\n\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t piece = 1; piece < 12; piece++) {
			struct buf out = {0};
			size_t n = strlen(rows[i].in);
			int end;

			assert_int_equal(
				decode(rows[i].in, n, piece, &out, &end), n - rows[i].left);
			assert_true(end);
			assert_string_equal(buf_str(&out), rows[i].out);
			buf_free(&out);
		}
}

static void text_without_its_dot_has_no_end(void **state)
{
	static const char *const rows[] = {"a\r\n.", "a\r\n.\r", "a\r\n\r\n", "a\n.\n", "a\r.\r"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = {0};
		int end;

		decode(rows[i], strlen(rows[i]), 100, &out, &end);
		assert_false(end);
		buf_free(&out);
	}
}

/* --- addresses and users -----------------------------------------------------------------------
 */

static void a_recipient_may_mean_these_users(void **state)
{
	static const struct {
		const char *address, *delimiters, *names;
	} rows[] = {
		{"ann@x", "+", "ann@x ann"},
		{"ann+list@x", "+", "ann@x ann"},
		{"ann+a+b", "+", "ann"},
		{"ann-list@x", "+-", "ann@x ann"},
		{"ann+list@x", "", "ann+list@x ann+list"},
		{"+list@x", "+", "+list@x +list"},
		{"Ann+L@X", "+", "Ann@X Ann ann@x ann"},
		{"ann", "+", "ann"},
		{"@x", "+", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char names[MAIL_CANDIDATES][MAIL_ADDRESS];
		size_t n = mail_candidates(rows[i].address, rows[i].delimiters, names);
		struct buf all = {0};

		for (size_t j = 0; j < n; j++)
			buf_printf(&all, "%s%s", j > 0 ? " " : "", names[j]);
		assert_string_equal(buf_str(&all), rows[i].names);
		buf_free(&all);
	}
}

static void an_extension_stands_before_the_domain(void **state)
{
	char address[MAIL_ADDRESS], longest[MAIL_ADDRESS] = {0};

	(void)state;
	assert_int_equal(mail_extend("ann@x", "list", "+", address), 0);
	assert_string_equal(address, "ann+list@x");
	assert_int_equal(mail_extend("ann", "list", "-+", address), 0);
	assert_string_equal(address, "ann-list");
	assert_int_equal(mail_extend("ann", "", "+", address), 0);
	assert_string_equal(address, "ann");
	memset(longest, 'a', sizeof(longest) - 1);
	assert_int_equal(mail_extend(longest, "b", "+", address), -1);
}

/* --- the front of a message --------------------------------------------------------------------
 */

static void trace(const char *text, const char *front, const char *msgid)
{
	struct trace t;
	struct buf out = {0};

	trace_read(text, strlen(text), "ann", &t);
	trace_write(&t, "s@x", "ann", &out);
	buf_add(&out, text + t.skip, strlen(text) - t.skip);
	assert_string_equal(out.p, front);
	assert_int_equal(t.msgid_len, strlen(msgid));
	assert_memory_equal(t.msgid, msgid, t.msgid_len);
	buf_free(&out);
}

#define HEAD "Return-Path: <s@x>\nDelivered-To: ann\n"

static void the_front_of_a_message(void **state)
{
	(void)state;
	trace("A: b\n\nc", HEAD "A: b\n\nc", "");
	trace("From a b\nA: b\n\n", HEAD "A: b\n\n", "");
	trace("From a b\nreturn-path: <x>\n y\nA: b\n\n", HEAD "A: b\n\n", "");
	trace("A: b\nReturn-Path: <x>\n\n", HEAD "A: b\nReturn-Path: <x>\n\n", "");
	trace("Message-ID:\n <1@x> \nA: b\n\nMessage-ID: <2@x>\n",
		HEAD "Message-ID:\n <1@x> \nA: b\n\nMessage-ID: <2@x>\n", "<1@x>");
	trace("\nbody", HEAD "\nbody", "");
	trace("no header", HEAD "\nno header", "");
	trace(" folded: what?\n", HEAD "\n folded: what?\n", "");
	trace("From a b", HEAD, "");
	trace("", HEAD, "");
	trace("A: b\r\n\r\n", "Return-Path: <s@x>\r\nDelivered-To: ann\r\nA: b\r\n\r\n", "");
}

static int loops(const char *text)
{
	struct trace t;

	trace_read(text, strlen(text), "ann", &t);
	return t.loop;
}

static void a_loop_is_the_same_address_in_the_header(void **state)
{
	(void)state;
	assert_true(loops("Delivered-To: ann\n\n"));
	assert_true(loops("A: b\r\ndelivered-to:ann \r\nC: d\r\n\r\n"));
	assert_true(loops("A: b\nDelivered-To:\n\tann"));
	assert_false(loops("Delivered-To: anna\n\n"));
	assert_false(loops("Delivered-To: Ann\n\n"));
	assert_false(loops("X-Delivered-To: ann\n\n"));
	assert_false(loops("A: b\n\nDelivered-To: ann\n"));
	assert_false(loops("A: b\n Delivered-To: ann\n\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lhlo_offers_what_rfc_2033_asks_for),
		cmocka_unit_test(helo_and_ehlo_are_not_lmtp),
		cmocka_unit_test(commands_have_an_order),
		cmocka_unit_test(an_error_that_passes_is_told_as_one),
		cmocka_unit_test(reverse_paths),
		cmocka_unit_test(a_recipient_is_looked_up_without_its_quotes),
		cmocka_unit_test(an_address_that_is_too_long_is_none),
		cmocka_unit_test(recipients_are_bounded),
		cmocka_unit_test(text_is_stored_as_an_mta_would_store_it),
		cmocka_unit_test(text_without_its_dot_has_no_end),
		cmocka_unit_test(a_recipient_may_mean_these_users),
		cmocka_unit_test(an_extension_stands_before_the_domain),
		cmocka_unit_test(the_front_of_a_message),
		cmocka_unit_test(a_loop_is_the_same_address_in_the_header),
	};

	return cmocka_run_group_tests_name("lmtp", tests, NULL, NULL);
}
