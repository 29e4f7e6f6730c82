/* storage-mbox: UIDLs that deliveries bring (RFC 1939 section 7). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mbox_box.h"

#define INDEX "state/mbox.index"
#define RECORD "state/mbox.uidl"
#define UIDL_OF_A "21c2b285557d23bc6bc52b71c72735c8"
#define A FROM "Subject: a\n\nfirst\n\n"
#define TIME 1795397409 /* of FROM */

/* What a session sees: the UIDLs, each with a space behind it. */
static const char *uidls(void)
{
	static char line[8192];
	struct session s;
	size_t len = 0;

	begin(&s);
	line[0] = '\0';
	for (size_t i = 0; i < s.n; i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s ", s.m[i].uid);
	end(&s);
	return line;
}

/* With the index as it is, and without it. */
static void uidls_are(const char *expected)
{
	assert_string_equal(uidls(), expected);
	unlink(INDEX);
	assert_string_equal(uidls(), expected);
}

static int put_one(void *st, const char *text, const char *uid)
{
	const struct restante_put what = {
		.size = sizeof(what), .sender = "a@example.org", .uid = uid, .received = TIME};
	void *p;
	int bad = storage->put_begin(st, &what, &p);

	if (bad)
		return bad;
	bad = storage->put_data(p, text, strlen(text));
	return bad ? (storage->put_end(p, 0), bad) : storage->put_end(p, 1);
}

static int deliver(const char *text, const char *uid)
{
	struct session s;
	int bad;

	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	bad = put_one(s.st, text, uid);
	end(&s);
	return bad;
}

static void remove_one(const char *uid)
{
	struct session s;
	size_t i = 0;

	begin(&s);
	while (i < s.n && strcmp(s.m[i].uid, uid) != 0)
		i++;
	assert_true(i < s.n);
	assert_int_equal(storage->remove(s.st, &s.m[i].key, 1), RESTANTE_OK);
	end(&s);
}

static size_t lines_of_record(void)
{
	FILE *f = fopen(RECORD, "r");
	size_t n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void a_delivery_keeps_the_uidl_that_it_brings(void **state)
{
	(void)state;
	put(MBOX, A);
	assert_int_equal(deliver("Subject: k\n\nk\n", "000001.mail"), RESTANTE_OK);
	uidls_are(UIDL_OF_A " 000001.mail ");
	append(MBOX, FROM "Subject: mta\n\n\n");
	assert_int_equal(deliver("Subject: l\n\nl\n", "!~"), RESTANTE_OK);
	assert_memory_equal(uidls() + 33, "000001.mail ", 12);
	assert_string_equal(strrchr(uidls(), '!'), "!~ ");
	remove_one(UIDL_OF_A);
	assert_memory_equal(uidls(), "000001.mail ", 12);
	unlink(INDEX);
	assert_memory_equal(uidls(), "000001.mail ", 12);
}

static void a_mailbox_that_is_not_there_yet_keeps_them_too(void **state)
{
	(void)state;
	assert_int_equal(deliver("Subject: k\n\nk\n", "k"), RESTANTE_OK);
	uidls_are("k ");
}

static void a_uidl_lives_as_long_as_its_message(void **state)
{
	(void)state;
	put(MBOX, A);
	assert_int_equal(deliver("Subject: k\n\nk\n", "k"), RESTANTE_OK);
	assert_int_equal(deliver("Subject: l\n\nl\n", "l"), RESTANTE_OK);
	remove_one("k");
	uidls_are(UIDL_OF_A " l ");
	assert_int_equal(lines_of_record(), 1);
	assert_int_equal(deliver("Subject: m\n\nm\n", "k"), RESTANTE_OK);
	uidls_are(UIDL_OF_A " l k ");
}

static void a_uidl_that_is_illegal_or_in_use_is_not_kept(void **state)
{
	static const char long_one[] =
		"12345678901234567890123456789012345678901234567890123456789012345678901";
	static const char *const bad[] = {
		"", "a b", "a\n", "\x7f", "\xc3\xa4", long_one, UIDL_OF_A, "k"};
	char text[64];

	(void)state;
	put(MBOX, A);
	assert_int_equal(deliver("Subject: k\n\nk\n", "k"), RESTANTE_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *last;

		snprintf(text, sizeof(text), "Subject: %zu\n\n\n", i);
		assert_int_equal(deliver(text, bad[i]), RESTANTE_OK);
		last = uidls();
		assert_int_equal(strlen(last), 33 + 2 + 33 * (i + 1)); /* its hash */
	}
	assert_int_equal(deliver("Subject: z\n\n\n", long_one + 1), RESTANTE_OK);
	assert_memory_equal(uidls() + 33 + 2 + 33 * 8, long_one + 1, 70);
	assert_int_equal(lines_of_record(), 2);
}

static void identical_messages_keep_each_its_own(void **state)
{
	static const char same[] = "Subject: same\n\nsame\n";

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(deliver(same, i == 0 ? "x" : i == 1 ? "y" : "z"), RESTANTE_OK);
	uidls_are("x y z ");
	remove_one("y");
	uidls_are("x z ");
	remove_one("x");
	uidls_are("z ");
}

/* UIDLs are never given to two: the one that came first has it. */
static void a_message_whose_hash_is_anothers_uidl_gets_another(void **state)
{
	(void)state;
	assert_int_equal(deliver("Subject: k\n\nk\n", UIDL_OF_A), RESTANTE_OK);
	append(MBOX, A);
	uidls_are(UIDL_OF_A " " UIDL_OF_A ".1 ");
	remove_one(UIDL_OF_A);
	uidls_are(UIDL_OF_A ".1 ");
}

static void deliveries_of_one_handle_know_of_each_other_and_of_an_mta(void **state)
{
	struct session s;

	(void)state;
	put(MBOX, A);
	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	assert_int_equal(put_one(s.st, "Subject: k\n\nk\n", "k"), RESTANTE_OK);
	assert_int_equal(put_one(s.st, "Subject: l\n\nl\n", "k"), RESTANTE_OK);
	append(MBOX, FROM "Subject: mta\n\n\n");
	assert_int_equal(put_one(s.st, "Subject: m\n\nm\n", "k"), RESTANTE_OK);
	assert_int_equal(put_one(s.st, "Subject: n\n\nn\n", NULL), RESTANTE_OK);
	for (int i = 0; i < 100; i++) {
		char text[32], again[32], uid[32];

		snprintf(text, sizeof(text), "Subject: %d\n\n\n", i);
		snprintf(again, sizeof(again), "Subject: again %d\n\n\n", i);
		snprintf(uid, sizeof(uid), "uid-%d", i);
		assert_int_equal(put_one(s.st, text, uid), RESTANTE_OK);
		assert_int_equal(put_one(s.st, again, uid), RESTANTE_OK);
	}
	end(&s);
	assert_int_equal(lines_of_record(), 101);
	assert_memory_equal(uidls() + 33, "k ", 2);
	assert_non_null(strstr(uidls(), " uid-0 "));
	assert_non_null(strstr(uidls(), " uid-99 "));
}

/* A line is written before its message: what a crash leaves of either changes nothing. */
static void what_a_crash_leaves_of_a_line_is_not_believed(void **state)
{
	(void)state;
	put(MBOX, A);
	assert_int_equal(deliver("Subject: k\n\nk\n", "k"), RESTANTE_OK);
	append(RECORD, UIDL_OF_A " to"); /* of "torn" */
	uidls_are(UIDL_OF_A " k ");
	append(RECORD, UIDL_OF_A " to");
	assert_int_equal(deliver("Subject: l\n\nl\n", "l"), RESTANTE_OK);
	uidls_are(UIDL_OF_A " k l ");
}

static void a_line_whose_message_never_came_yields_to_a_later_one(void **state)
{
	(void)state;
	put(MBOX, A);
	assert_int_equal(deliver("Subject: k\n\nk\n", "k"), RESTANTE_OK);
	put(RECORD, "0123456789abcdef0123456789abcdef k\n");
	assert_int_equal(deliver("Subject: l\n\nl\n", "l"), RESTANTE_OK);
	append(RECORD, "0123456789abcdef0123456789abcdef m\n");
	assert_int_equal(deliver("Subject: m\n\nm\n", "m"), RESTANTE_OK);
	assert_string_equal(strrchr(uidls(), 'l'), "l m ");
	unlink(INDEX);
	assert_string_equal(strrchr(uidls(), 'l'), "l m ");
}

static void a_record_of_garbage_takes_lines_still(void **state)
{
	char garbage[1001];

	(void)state;
	memset(garbage, 'a', sizeof(garbage) - 1);
	garbage[sizeof(garbage) - 1] = '\0';
	put(MBOX, A);
	put(RECORD, garbage);
	assert_int_equal(deliver("Subject: k\n\nk\n", "k"), RESTANTE_OK);
	uidls_are(UIDL_OF_A " k ");
}

/* As mutt does it. */
static void a_status_line_of_another_program_changes_no_uidl(void **state)
{
	(void)state;
	assert_int_equal(deliver("Subject: k\n\nk\n", "k"), RESTANTE_OK);
	put(MBOX, "From a@example.org Mon Nov 23 01:30:09 2026\nSubject: k\nStatus: RO\n\nk\n\n");
	uidls_are("k ");
}

static void a_uidl_stays_where_x_uidl_counts(void **state)
{
	(void)state;
	values[UIDL] = "xuidl";
	assert_int_equal(deliver("Subject: k\nX-UIDL: theirs\n\nk\n", "k"), RESTANTE_OK);
	assert_int_equal(deliver("Subject: l\nX-UIDL: l\n\nl\n", NULL), RESTANTE_OK);
	uidls_are("k l ");
	values[UIDL] = "hash";
	assert_memory_equal(uidls(), "k ", 2);
}

static void a_delivery_that_fails_leaves_no_line(void **state)
{
	(void)state;
	put(MBOX, A);
	assert_int_equal(deliver("Subject: k\n\nk\n", "k"), RESTANTE_OK);
	assert_int_equal(chmod(MBOX, 0400), 0);
	assert_int_not_equal(deliver("Subject: l\n\nl\n", "l"), RESTANTE_OK);
	assert_int_equal(lines_of_record(), 1);
	assert_int_equal(chmod(MBOX, 0600), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_delivery_keeps_the_uidl_that_it_brings),
		T(a_mailbox_that_is_not_there_yet_keeps_them_too),
		T(a_uidl_lives_as_long_as_its_message),
		T(a_uidl_that_is_illegal_or_in_use_is_not_kept),
		T(identical_messages_keep_each_its_own),
		T(a_message_whose_hash_is_anothers_uidl_gets_another),
		T(deliveries_of_one_handle_know_of_each_other_and_of_an_mta),
		T(what_a_crash_leaves_of_a_line_is_not_believed),
		T(a_line_whose_message_never_came_yields_to_a_later_one),
		T(a_record_of_garbage_takes_lines_still),
		T(a_status_line_of_another_program_changes_no_uidl),
		T(a_uidl_stays_where_x_uidl_counts),
		T(a_delivery_that_fails_leaves_no_line),
	};

	return box_ready() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
