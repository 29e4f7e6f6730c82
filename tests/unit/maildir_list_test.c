/* storage-maildir: which messages there are, their order, identity and octets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "maildir_box.h"

/* --- opening, order, identity --- */

static void a_missing_maildir_is_made_empty(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(rename("box", "away"), 0);
	assert_string_equal(see(), "");
	assert_true(there("box/new") && there("box/cur") && there("box/tmp"));
	assert_int_equal(stat("box", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void a_missing_new_or_tmp_is_made_too(void **state)
{
	(void)state;
	put("box/cur/1.a", "x\n");
	assert_int_equal(rmdir("box/new") | rmdir("box/tmp"), 0);
	assert_string_equal(see(), "1.a 3|");
	assert_true(there("box/new") && there("box/tmp"));
}

static void a_maildir_that_cannot_be_made_is_a_permanent_error(void **state)
{
	struct session s = {0};

	(void)state;
	assert_int_equal(rename("box", "away"), 0);
	put("box", "a file");
	assert_int_equal(try_open(&s, RESTANTE_SESSION), RESTANTE_PERM);
	assert_true(plugin_host_logged(&s.host, "Not a directory"));
}

static void messages_are_in_the_order_of_delivery(void **state)
{
	(void)state;
	put("box/cur/1000000000.b:2,S", "");
	put("box/new/999999999.z", "");
	put("box/new/1000000000.a", "");
	put("box/cur/20.x:2,", "");
	put("box/new/readme", "");
	assert_string_equal(see(), "readme 0|20.x 0|999999999.z 0|1000000000.a 0|1000000000.b 0|");
}

static void received_is_the_time_in_the_name_or_the_files(void **state)
{
	struct session s;

	(void)state;
	put("box/new/1700000000.a", "");
	put("box/new/readme", "");
	age("box/new/readme", 500);
	begin(&s);
	assert_in_range(s.m[0].received, time(NULL) - 510, time(NULL) - 490);
	assert_int_equal(s.m[1].received, 1700000000);
	end(&s);
}

/* RFC 1939 section 7: the UIDL never changes. */
static void the_uidl_survives_flags_moves_and_hints(void **state)
{
	(void)state;
	put("box/new/1.a", "x\n");
	assert_string_equal(see(), "1.a 3|");
	assert_int_equal(rename("box/new/1.a", "box/cur/1.a:2,"), 0);
	assert_string_equal(see(), "1.a 3|");
	assert_int_equal(rename("box/cur/1.a:2,", "box/cur/1.a:2,FRS"), 0);
	assert_string_equal(see(), "1.a 3|");
	assert_int_equal(rename("box/cur/1.a:2,FRS", "box/cur/1.a,S=2,W=3:2,FRS"), 0);
	assert_string_equal(see(), "1.a 3|");
}

static void names_that_are_no_uidl_are_hashed(void **state)
{
	static const char *const names[] = {"1.a b", "2.\xc3\xa4",
		"3.0123456789012345678901234567890123456789012345678901234567890123456789", "~x"};
	struct session s;
	char first[4][80], path[200];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "box/new/%s", names[i]);
		put(path, "x\n");
	}
	begin(&s);
	assert_int_equal(s.n, 4);
	for (size_t i = 0; i < 4; i++) {
		snprintf(first[i], sizeof(first[i]), "%s", s.m[i].uid);
		assert_int_equal(strlen(first[i]), 33);
		assert_int_equal(strspn(first[i], "~0123456789abcdef"), 33);
	}
	end(&s);
	unlink("box/restante.index");
	begin(&s);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(s.m[i].uid, first[i]);
	end(&s);
}

static void two_files_with_one_unique_part_are_two_messages(void **state)
{
	char before[200];

	(void)state;
	put("box/cur/1.a:2,S", "old\n");
	age("box/cur/1.a:2,S", 100);
	put("box/new/1.a", "newer\n");
	snprintf(before, sizeof(before), "%s", see());
	assert_memory_equal(before, "1.a 5|~", 7);
	assert_string_equal(see(), before);
	assert_int_equal(rename("box/cur/1.a:2,S", "box/cur/1.a:2,RS"), 0);
	assert_string_equal(see(), before);
	assert_int_equal(unlink("box/restante.index"), 0);
	assert_string_equal(see(), before);
	assert_int_equal(unlink("box/cur/1.a:2,RS"), 0);
	assert_string_equal(see(), strchr(before, '|') + 1);
}

static void a_twin_that_comes_later_takes_no_uidl_away(void **state)
{
	const char *both;

	(void)state;
	put("box/cur/1.a:2,S", "first\n");
	assert_string_equal(see(), "1.a 7|");
	put("box/new/1.a", "x\n");
	age("box/new/1.a", 5000);
	both = see();
	assert_memory_equal(both, "~", 1);
	assert_string_equal(strchr(both, ' '), " 3|1.a 7|");
}

static void one_file_with_two_names_is_one_message(void **state)
{
	struct session s;

	(void)state;
	put("box/new/1.a", "x\n");
	assert_int_equal(link("box/new/1.a", "box/cur/1.a:2,S"), 0);
	assert_string_equal(see(), "1.a 3|");
	assert_int_equal(unlink("box/new/1.a"), 0);
	begin(&s);
	assert_int_equal(s.n, 1);
	assert_string_equal(text(&s, 0), "x\n");
	end(&s);
}

static void whichever_of_two_names_goes_the_message_stays(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		put("box/new/1.a", "x\n");
		assert_int_equal(link("box/new/1.a", "box/cur/1.a:2,S"), 0);
		settle();
		assert_string_equal(see(), "1.a 3|");
		assert_int_equal(unlink(i ? "box/new/1.a" : "box/cur/1.a:2,S"), 0);
		assert_string_equal(see(), "1.a 3|");
		assert_int_equal(unlink(i ? "box/cur/1.a:2,S" : "box/new/1.a"), 0);
	}
}

/* DESIGN section 9: Dovecot's md5 UIDLs collide. */
static void the_same_text_twice_has_two_uidls(void **state)
{
	(void)state;
	put("box/new/1.a", "X-UIDL: \x01\nx\n");
	put("box/new/1.b", "X-UIDL: \x01\nx\n");
	assert_string_equal(see(), "1.a 14|1.b 14|");
}

static int same_uid(void *arg, const struct restante_message *m)
{
	assert_ptr_equal(m->uid, arg);
	return 1;
}

static void a_uid_stays_where_it_is_until_close(void **state)
{
	struct session s;
	char *uid;

	(void)state;
	put("box/cur/1.a:2,", "x\n");
	begin(&s);
	uid = (char *)(uintptr_t)s.m[0].uid;
	assert_int_equal(rename("box/cur/1.a:2,", "box/cur/1.a:2,S"), 0);
	text(&s, 0);
	assert_int_equal(
		storage->list(s.st, same_uid, uid), 1); /* list() stops with each()'s value */
	assert_string_equal(uid, "1.a");
	end(&s);
}

/* --- octets --- */

/* RFC 1939 section 11; DESIGN section 9: no final newline, CRLF stored. */
static void octets_are_those_on_the_wire(void **state)
{
	static const struct {
		const char *text;
		size_t len, octets;
		uint32_t flags;
	} cases[] = {
		{"", 0, 0, RESTANTE_BODY_CRLF | RESTANTE_BODY_NODOT},
		{"a\nb\n", 4, 6, 0},
		{"a\nb", 3, 6, 0},
		{"a\r\nb\r\n", 6, 6, RESTANTE_BODY_CRLF | RESTANTE_BODY_NODOT},
		{"a\r\nb\n", 5, 6, 0},
		{"a\r\nb", 4, 6, 0},
		{"a\rb\r\r\n", 6, 6, RESTANTE_BODY_CRLF | RESTANTE_BODY_NODOT},
		{"a\0b\xff\n", 5, 6, 0},
		{".a\r\n", 4, 4, RESTANTE_BODY_CRLF},
		{"a\r\n.\r\n", 6, 6, RESTANTE_BODY_CRLF},
		{"a.\r\n", 4, 4, RESTANTE_BODY_CRLF | RESTANTE_BODY_NODOT},
		{"a\r", 2, 4, 0},
	};
	struct session s;
	char path[100];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(path, sizeof(path), "box/new/%zu.a", i + 1);
		put_octets(path, cases[i].text, cases[i].len);
	}
	begin(&s);
	assert_int_equal(s.n, sizeof(cases) / sizeof(cases[0]));
	for (size_t i = 0; i < s.n; i++) {
		struct restante_body b = body(&s, i);

		assert_int_equal(s.m[i].octets, cases[i].octets);
		assert_int_equal(b.octets, cases[i].octets);
		assert_int_equal(b.len, cases[i].len);
		assert_int_equal(b.flags, cases[i].flags);
		b.release(b.b);
	}
	end(&s);
}

/* Longer than the buffer, with a dot and a CRLF where two pieces meet. */
static void a_long_message_is_measured_across_pieces(void **state)
{
	enum { PIECE = 128 * 1024, LEN = 3 * PIECE };
	char *p = malloc(LEN);
	struct session s;
	struct restante_body b;

	(void)state;
	for (size_t i = 0; i < LEN; i++)
		p[i] = "xyz\r\n"[i % 5];
	memcpy(p + LEN - 2, "\r\n", 2);
	put_octets("box/new/1.a", p, LEN);
	memcpy(p + PIECE - 2, "\r\n.", 3);
	put_octets("box/new/2.a", p, LEN);
	memcpy(p + PIECE - 2, "xx\n", 3);
	put_octets("box/new/3.a", p, LEN);
	free(p);
	begin(&s);
	b = body(&s, 0);
	assert_int_equal(b.flags & RESTANTE_BODY_CRLF, RESTANTE_BODY_CRLF);
	assert_int_equal(b.octets, LEN);
	b.release(b.b);
	b = body(&s, 1);
	assert_int_equal(b.flags, RESTANTE_BODY_CRLF);
	b.release(b.b);
	b = body(&s, 2);
	assert_int_equal(b.flags, 0);
	assert_int_equal(b.octets, LEN + 1);
	b.release(b.b);
	end(&s);
}

/* DESIGN section 9: Dovecot's W= of a message without a final newline is 2 too few. */
static void wrong_sizes_in_names_are_not_believed(void **state)
{
	(void)state;
	put("box/new/1.a,S=3,W=4", "a\nb");
	put("box/new/2.a,S=7,W=9", "a\nb\n");
	assert_string_equal(see(), "1.a 6|2.a 6|");
}

static void beyond_the_limit_sizes_are_believed_until_retr(void **state)
{
	struct session s;
	struct restante_body b;

	(void)state;
	values[CHECK_SIZES] = "0";
	put("box/new/1.a,S=3,W=4", "a\nb");
	put("box/new/2.a,S=7,W=9", "a\nb\n"); /* the file is not that long */
	put("box/new/3.a", "a\nb\n");
	begin(&s);
	assert_int_equal(s.m[0].octets, 4);
	assert_int_equal(s.m[1].octets, 6);
	assert_int_equal(s.m[2].octets, 6);
	b = body(&s, 0);
	assert_int_equal(b.octets, 6);
	b.release(b.b);
	end(&s);
	assert_string_equal(see(), "1.a 6|2.a 6|3.a 6|");
	values[CHECK_SIZES] = "2MB";
}

/* Octets are frozen at login: half a message must not pass for a whole one. */
static void a_message_that_was_written_to_is_refused_until_the_next_session(void **state)
{
	struct restante_body b = {.size = sizeof(b)};
	struct session s;

	(void)state;
	put("box/new/1.a", "abc\n");
	settle();
	assert_string_equal(see(), "1.a 5|");
	put("box/new/1.a", "a");
	begin(&s);
	assert_int_equal(storage->body(s.st, s.m[0].key, &b), RESTANTE_TEMP);
	assert_int_equal(storage->body(s.st, s.m[0].key, &b), RESTANTE_TEMP);
	assert_true(plugin_host_logged(&s.host, "new/1.a has changed"));
	end(&s);
	begin(&s);
	assert_int_equal(s.m[0].octets, 3);
	assert_string_equal(s.m[0].uid, "1.a");
	assert_string_equal(text(&s, 0), "a");
	end(&s);
}

/* As after a restore from a backup. */
static void a_message_that_is_another_file_of_the_same_octets_is_served(void **state)
{
	struct session s;

	(void)state;
	put("box/new/1.a", "abc\n");
	settle();
	assert_string_equal(see(), "1.a 5|");
	put("box/new/1.a", "xyz\n");
	begin(&s);
	assert_string_equal(text(&s, 0), "xyz\n");
	end(&s);
}

/* --- what is no message --- */

static void junk_is_skipped_and_never_hangs(void **state)
{
	struct session s;

	(void)state;
	put("box/new/1.a", "x\n");
	put("secret", "not yours\n");
	assert_int_equal(mkfifo("box/new/2.fifo", 0600), 0);
	assert_int_equal(mkdir("box/cur/3.folder", 0700) | mkdir("box/.Sent", 0700), 0);
	assert_int_equal(symlink("nowhere", "box/new/4.dangling"), 0);
	assert_int_equal(symlink("../../secret", "box/new/5.foreign"), 0);
	assert_int_equal(symlink("1.a", "box/new/6.inside"), 0);
	put("box/new/.7.hidden", "x\n");
	put("box/tmp/8.unfinished", "x\n");
	begin(&s);
	assert_int_equal(s.n, 1);
	assert_true(plugin_host_logged(&s.host, "skipped 5 names"));
	end(&s);
}

static void junk_is_skipped_with_sizes_in_its_name_too(void **state)
{
	(void)state;
	values[CHECK_SIZES] = "0";
	put("box/new/1.a", "x\n");
	assert_int_equal(mkfifo("box/new/2.a,S=0,W=0", 0600), 0);
	assert_int_equal(symlink("1.a", "box/new/3.a,S=3,W=3"), 0);
	put("box/new/4.a,S=2,W=3", "x\n");
	assert_int_equal(chmod("box/new/4.a,S=2,W=3", 0), 0);
	assert_string_equal(see(), "1.a 3|");
	values[CHECK_SIZES] = "2MB";
}

static void an_unreadable_file_is_skipped_until_it_can_be_read(void **state)
{
	struct session s;

	(void)state;
	put("box/new/1.a", "x\n");
	put("box/new/2.a,S=2,W=3", "x\n");
	put("box/new/3.a", "x\n");
	assert_int_equal(chmod("box/new/1.a", 0) | chmod("box/new/2.a,S=2,W=3", 0), 0);
	settle();
	begin(&s);
	assert_int_equal(s.n, 1);
	assert_true(plugin_host_logged(&s.host, "1.a: Permission denied"));
	end(&s);
	assert_int_equal(chmod("box/new/1.a", 0600) | chmod("box/new/2.a,S=2,W=3", 0600), 0);
	assert_string_equal(see(), "1.a 3|2.a 3|3.a 3|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_missing_maildir_is_made_empty),
		T(a_missing_new_or_tmp_is_made_too),
		T(a_maildir_that_cannot_be_made_is_a_permanent_error),
		T(messages_are_in_the_order_of_delivery),
		T(received_is_the_time_in_the_name_or_the_files),
		T(the_uidl_survives_flags_moves_and_hints),
		T(names_that_are_no_uidl_are_hashed),
		T(two_files_with_one_unique_part_are_two_messages),
		T(a_twin_that_comes_later_takes_no_uidl_away),
		T(one_file_with_two_names_is_one_message),
		T(whichever_of_two_names_goes_the_message_stays),
		T(the_same_text_twice_has_two_uidls),
		T(a_uid_stays_where_it_is_until_close),
		T(octets_are_those_on_the_wire),
		T(a_long_message_is_measured_across_pieces),
		T(wrong_sizes_in_names_are_not_believed),
		T(beyond_the_limit_sizes_are_believed_until_retr),
		T(a_message_that_was_written_to_is_refused_until_the_next_session),
		T(a_message_that_is_another_file_of_the_same_octets_is_served),
		T(junk_is_skipped_and_never_hangs),
		T(junk_is_skipped_with_sizes_in_its_name_too),
		T(an_unreadable_file_is_skipped_until_it_can_be_read),
	};

	if (!box_ready())
		return 1;
	return cmocka_run_group_tests_name("maildir_list", tests, NULL, NULL);
}
