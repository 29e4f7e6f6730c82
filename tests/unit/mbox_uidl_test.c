/* storage-mbox: UIDLs (RFC 1939 section 7). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mbox_box.h"

#define INDEX "state/mbox.index"
/* SipHash-2-4-128 of FROM "Subject: a\n" and so on, computed by another program. */
#define UIDL_OF_A "21c2b285557d23bc6bc52b71c72735c8"
#define UIDL_OF_B "fd5561dda87eb877b49a0dcfbe992cf1"
#define UIDL_OF_C "309e1d011d7c3bdca582e6c7d4b49542"

#define A FROM "Subject: a\n\nfirst\n\n"
#define B FROM "Subject: b\n\nsecond\n\n"
#define C FROM "Subject: c\n\nthird\n\n"

/* The UIDLs that a session sees, in one string. */
static const char *uidls(void)
{
	static char text[8][4096];
	static int turn;
	char *line = text[turn = (turn + 1) % 8];
	struct session s;
	size_t len = 0;

	begin(&s);
	line[0] = '\0';
	for (size_t i = 0; i < s.n; i++)
		len += (size_t)snprintf(line + len, sizeof(text[0]) - len, "%s ", s.m[i].uid);
	end(&s);
	return line;
}

static const char *uidls_of(const char *file)
{
	put(MBOX, file);
	age(MBOX, 100);
	return uidls();
}

static const char *uidls_without_index(void)
{
	unlink(INDEX);
	return uidls();
}

/* The n-th word of a string of words. */
static const char *word(const char *words, int n)
{
	static char text[8][128];
	static int turn;
	char *to = text[turn = (turn + 1) % 8];

	for (; n; n--)
		words = strchr(words, ' ') + 1;
	snprintf(to, sizeof(text[0]), "%.*s", (int)strcspn(words, " "), words);
	return to;
}

static void uidls_are_the_same_for_ever(void **state)
{
	const char *first;

	(void)state;
	first = uidls_of(A B C);
	assert_string_not_equal(word(first, 0), word(first, 1));
	assert_int_equal(strlen(word(first, 0)), 32);
	assert_string_equal(uidls(), first);
	assert_string_equal(uidls_without_index(), first);
	assert_string_equal(uidls_of(B C), first + 33);
	assert_string_equal(word(uidls_of(FROM "Subject: x\n\n" C), 1), word(first, 2));
}

/* The value is fixed, not only stable: an update of the program must not change it. */
static void the_hash_is_siphash_of_from_line_and_header(void **state)
{
	(void)state;
	assert_string_equal(uidls_of(A), UIDL_OF_A " ");
}

static void fields_that_other_programs_rewrite_do_not_count(void **state)
{
	static const char *const fields[] = {"Status: RO\n", "X-Status: A\n", "X-UID: 1\n",
		"X-IMAPbase: 1 2\n", "X-IMAP: 1 2\n", "X-Keywords: a\n\tb\n c\n",
		"Content-Length: 6\n", "Lines: 1\n", "sTaTuS:O\n", "X-UIDL: x\n"};
	char file[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		snprintf(file, sizeof(file), FROM "%sSubject: a\n\nfirst\n\n", fields[i]);
		assert_string_equal(uidls_of(file), UIDL_OF_A " ");
		snprintf(file, sizeof(file), FROM "Subject: a\n%s\nfirst\n\n", fields[i]);
		assert_string_equal(uidls_of(file), UIDL_OF_A " ");
	}
}

static void other_fields_and_the_from_line_count(void **state)
{
	(void)state;
	assert_string_not_equal(
		uidls_of(FROM "Subject: a\nX-Status-2: x\n\nfirst\n\n"), UIDL_OF_A " ");
	assert_string_not_equal(
		uidls_of(FROM "Subject: a\n Status: x\n\nfirst\n\n"), UIDL_OF_A " ");
	assert_string_not_equal(
		uidls_of("From b Mon Nov 23 01:30:09 2026\nSubject: a\n\nfirst\n\n"),
		UIDL_OF_A " ");
}

static void a_rewritten_status_keeps_the_uidl_and_is_measured_anew(void **state)
{
	struct session s;

	(void)state;
	assert_string_equal(uidls_of(A), UIDL_OF_A " ");
	put(MBOX, FROM "Subject: a\nStatus: RO\n\nfirst\n\n");
	begin(&s);
	assert_string_equal(s.m[0].uid, UIDL_OF_A);
	assert_int_equal(s.m[0].octets, 21 + 12);
	assert_string_equal(text(&s, 0), "Subject: a\nStatus: RO\n\nfirst\n");
	end(&s);
}

/* --- twins --- */

static void identical_messages_get_different_uidls(void **state)
{
	(void)state;
	assert_string_equal(
		uidls_of(A A B A), UIDL_OF_A " " UIDL_OF_A ".1 " UIDL_OF_B " " UIDL_OF_A ".2 ");
	assert_string_equal(
		uidls_without_index(), UIDL_OF_A " " UIDL_OF_A ".1 " UIDL_OF_B " " UIDL_OF_A ".2 ");
	append(MBOX, A);
	assert_string_equal(word(uidls(), 4), UIDL_OF_A ".3");
}

static void a_twin_that_others_remove_is_known_by_its_neighbours(void **state)
{
	(void)state;
	uidls_of(A B A C);
	assert_string_equal(uidls_of(B A C), UIDL_OF_B " " UIDL_OF_A ".1 " UIDL_OF_C " ");
	assert_string_equal(uidls_without_index(), UIDL_OF_B " " UIDL_OF_A ".1 " UIDL_OF_C " ");
	assert_string_equal(uidls_of(B C), UIDL_OF_B " " UIDL_OF_C " ");
	assert_false(there("state/mbox.uidl"));
}

static void remove_one(size_t i, size_t n)
{
	struct session s;

	begin(&s);
	assert_int_equal(s.n, n);
	assert_int_equal(storage->remove(s.st, &s.m[i].key, 1), RESTANTE_OK);
	end(&s);
}

static void the_uidl_of_a_twin_survives_the_removal_of_the_other(void **state)
{
	(void)state;
	for (int without = 0; without < 2; without++)
		for (size_t i = 0; i < 3; i++) {
			const char *all = uidls_of(A A A), *left;

			remove_one(i, 3);
			left = without ? uidls_without_index() : uidls();
			assert_string_equal(word(left, 0), word(all, i == 0));
			assert_string_equal(word(left, 1), word(all, i == 2 ? 1 : 2));
			assert_string_equal(uidls_without_index(), left);
			put(MBOX, "");
			assert_string_equal(uidls(), "");
			unlink(INDEX);
			unlink("state/mbox.uidl");
		}
}

/* After a removal only the record tells which of two twins was left. */
static void nothing_is_removed_while_the_record_cannot_be_written(void **state)
{
	struct session s;
	const char *all;

	(void)state;
	put(MBOX, A A B);
	assert_int_equal(mkdir("state/mbox.uidl.new", 0700), 0);
	for (int again = 0; again < 2; again++) {
		begin(&s);
		assert_int_equal(s.n, 3);
		assert_int_equal(storage->remove(s.st, &s.m[0].key, 1), RESTANTE_TEMP);
		end(&s);
	}
	assert_int_equal(rmdir("state/mbox.uidl.new"), 0);
	all = uidls();
	assert_string_equal(all, UIDL_OF_A " " UIDL_OF_A ".1 " UIDL_OF_B " ");
	remove_one(0, 3);
	assert_string_equal(uidls(), UIDL_OF_A ".1 " UIDL_OF_B " ");
}

static void all_is_removed_without_a_record(void **state)
{
	struct session s;

	(void)state;
	put(MBOX, A A);
	assert_int_equal(mkdir("state/mbox.uidl.new", 0700), 0);
	begin(&s);
	assert_int_equal(s.n, 2);
	assert_int_equal(
		storage->remove(s.st, (uint64_t[]){s.m[0].key, s.m[1].key}, 2), RESTANTE_OK);
	end(&s);
	assert_string_equal(uidls(), "");
	assert_int_equal(rmdir("state/mbox.uidl.new"), 0);
}

static void a_removal_that_did_not_happen_changes_no_uidl(void **state)
{
	const char *all;

	(void)state;
	all = uidls_of(A A);
	put("state/mbox.uidl", "-" UIDL_OF_A " " UIDL_OF_A "\n" UIDL_OF_A " " UIDL_OF_A ".1\n");
	assert_string_equal(uidls_without_index(), all);
}

static void a_damaged_record_is_as_good_as_none(void **state)
{
	const char *all;

	(void)state;
	all = uidls_of(A A);
	put("state/mbox.uidl",
		"x\n-\n" UIDL_OF_A "\n" UIDL_OF_A " \n\n" UIDL_OF_A " a b\n" UIDL_OF_A " x");
	assert_string_equal(uidls_without_index(), all);
}

/* --- X-UIDL --- */

static void a_legal_and_unique_x_uidl_is_the_uidl_where_that_is_set(void **state)
{
	char file[1000], seventy[72];

	(void)state;
	memset(seventy, 'x', 71);
	seventy[71] = '\0';
	snprintf(file, sizeof(file),
		FROM "X-UIDL: %.70s\n\n\n" FROM "x-uidl:\t!~ \r\nd: e\n\n\n" FROM
		     "X-UIDL: %s\nSubject: a\n\nfirst\n\n" FROM "X-UIDL: a b\nSubject: b\n\n\n" FROM
		     "X-UIDL:\nSubject: c\n\n\n",
		seventy, seventy);
	values[UIDL] = "xuidl";
	assert_string_equal(word(uidls_of(file), 0), &seventy[1]);
	assert_string_equal(word(uidls(), 1), "!~");
	assert_string_equal(word(uidls(), 2), UIDL_OF_A);
	assert_string_equal(word(uidls(), 3), UIDL_OF_B);
	assert_string_equal(word(uidls(), 4), UIDL_OF_C);
	values[UIDL] = "hash";
	assert_string_equal(word(uidls(), 2), UIDL_OF_A);
	assert_int_equal(strlen(word(uidls(), 1)), 32);
}

static void an_x_uidl_that_two_have_is_believed_of_none_that_comes_later(void **state)
{
	const char *both;

	(void)state;
	values[UIDL] = "xuidl";
	both = uidls_of(
		FROM "X-UIDL: x\nSubject: z\n\n\n" FROM "X-UIDL: x\nSubject: a\n\nfirst\n\n");
	assert_string_equal(both, "x " UIDL_OF_A " ");
	both = uidls_of(A FROM "X-UIDL: " UIDL_OF_A "\nSubject: b\n\n\n");
	assert_string_equal(both, UIDL_OF_A " " UIDL_OF_B " ");
	values[UIDL] = "hash";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(uidls_are_the_same_for_ever),
		T(the_hash_is_siphash_of_from_line_and_header),
		T(fields_that_other_programs_rewrite_do_not_count),
		T(other_fields_and_the_from_line_count),
		T(a_rewritten_status_keeps_the_uidl_and_is_measured_anew),
		T(identical_messages_get_different_uidls),
		T(a_twin_that_others_remove_is_known_by_its_neighbours),
		T(the_uidl_of_a_twin_survives_the_removal_of_the_other),
		T(nothing_is_removed_while_the_record_cannot_be_written),
		T(all_is_removed_without_a_record),
		T(a_removal_that_did_not_happen_changes_no_uidl),
		T(a_damaged_record_is_as_good_as_none),
		T(a_legal_and_unique_x_uidl_is_the_uidl_where_that_is_set),
		T(an_x_uidl_that_two_have_is_believed_of_none_that_comes_later),
	};

	return box_ready() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
