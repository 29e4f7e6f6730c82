/* storage-mbox: the index on disk, a cache that must never be wrong; and others who change the
 * file. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "index.h"
#include "mbox_box.h"

#define INDEX "state/mbox.index"
#define A FROM "Subject: a\n\nfirst\n\n"
#define B FROM "Subject: b\n\nsecond\n\n"
#define C FROM "Subject: c\n\nthird\n\n"

/* Writes octets into a file in place, keeping its times. */
static void write_at(const char *path, off_t off, const char *octets)
{
	struct stat st;
	int fd = open(path, O_WRONLY);

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, octets, strlen(octets), off), strlen(octets));
	assert_int_equal(futimens(fd, (struct timespec[]){st.st_atim, st.st_mtim}), 0);
	close(fd);
}

static struct stat stat_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st;
}

static void put_old(const char *text)
{
	put(MBOX, text);
	age(MBOX, 100);
}

/* --- the index --- */

static void a_file_that_did_not_change_is_neither_scanned_nor_locked(void **state)
{
	struct session s;

	(void)state;
	put_old(A B);
	assert_string_equal(see_octets(), "21 22 ");
	put("spool/u.lock", "1\n"); /* another program's dotlock */
	begin(&s);
	assert_int_equal(s.n, 2);
	end(&s);
}

static void a_session_that_deletes_nothing_leaves_the_file_as_it_is(void **state)
{
	struct stat before, after;
	struct session s;

	(void)state;
	put_old(A B);
	before = stat_of(MBOX);
	begin(&s);
	text(&s, 0);
	assert_int_equal(storage->remove(s.st, NULL, 0), RESTANTE_OK);
	end(&s);
	after = stat_of(MBOX);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim));
}

static void a_change_of_one_octet_is_seen_though_size_and_mtime_are_kept(void **state)
{
	(void)state;
	put_old(FROM "Subject: a\n\nfi\rst\n\n");
	assert_string_equal(see_octets(), "21 ");
	write_at(MBOX, (off_t)strlen(FROM) + 14, "\n");
	age("state", 0);
	assert_string_equal(see_octets(), "22 ");
}

static void an_index_made_within_a_tick_of_the_change_is_not_believed(void **state)
{
	(void)state;
	put(MBOX, FROM "Subject: a\n\nfi\rst\n\n");
	assert_string_equal(see_octets(), "21 ");
	write_at(MBOX, (off_t)strlen(FROM) + 14, "\n");
	assert_string_equal(see_octets(), "22 ");
}

/* That it is not scanned from the start is seen in a change that only that would find. */
static void of_a_file_that_grew_only_the_new_part_is_scanned(void **state)
{
	char file[3 * 8192];
	size_t len = (size_t)sprintf(file, FROM "Subject: a\n\n");

	(void)state;
	memset(file + len, 'x', 8192);
	file[len + 6000] = '\n';
	len += 8192;
	len += (size_t)sprintf(file + len, "\n\n" B);
	memset(file + len - 1, 'y', 8000);
	len += 7999;
	put_octets(MBOX, file, len);
	age(MBOX, 100);
	assert_string_equal(see_octets(), "8209 8024 ");
	write_at(MBOX, (off_t)strlen(FROM) + 12 + 6000, "x");
	append(MBOX, "\n\n" C);
	assert_string_equal(see_octets(), "8209 8024 21 ");
	unlink(INDEX);
	assert_string_equal(see_octets(), "8208 8024 21 ");
}

static void the_last_message_may_have_grown(void **state)
{
	(void)state;
	put_old(A FROM "Subject: b\n\nsec");
	assert_string_equal(see_octets(), "21 19 ");
	append(MBOX, "ond\n\n");
	assert_string_equal(see_octets(), "21 22 ");
	append(MBOX, C);
	assert_string_equal(see_octets(), "21 22 21 ");
}

static void a_from_line_that_is_not_whole_yet_is_none(void **state)
{
	(void)state;
	put_old(A "From a Mon Nov 23 01:30");
	assert_string_equal(see_octets(), "48 ");
	append(MBOX, " 20266\n");
	assert_string_equal(see_octets(), "54 ");
}

static void a_file_that_grew_and_changed_before_is_scanned_from_the_start(void **state)
{
	(void)state;
	put_old(A B);
	assert_string_equal(see_octets(), "21 22 ");
	put(MBOX, B C C C);
	assert_string_equal(see_octets(), "22 21 21 21 ");
	put(MBOX, C "\n" C C C C); /* the head as it was */
	assert_string_equal(see_octets(), "23 21 21 21 21 ");
}

static void a_shorter_or_replaced_or_emptied_file_is_scanned_again(void **state)
{
	(void)state;
	put_old(A B);
	assert_string_equal(see_octets(), "21 22 ");
	put(MBOX, B);
	assert_string_equal(see_octets(), "22 ");
	put("spool/new", A);
	assert_int_equal(rename("spool/new", MBOX), 0);
	assert_string_equal(see_octets(), "21 ");
	put(MBOX, "");
	assert_string_equal(see_octets(), "");
	append(MBOX, B);
	assert_string_equal(see_octets(), "22 ");
	unlink(MBOX);
	assert_string_equal(see_octets(), "");
}

static void a_damaged_index_is_noticed_and_made_again(void **state)
{
	struct session s;
	size_t size;

	(void)state;
	put_old(A B);
	assert_string_equal(see_octets(), "21 22 ");
	size = (size_t)stat_of(INDEX).st_size;
	for (size_t at = 0; at < size; at += 7) {
		char octet[2] = {0};
		int fd = open(INDEX, O_RDWR);

		assert_int_equal(pread(fd, octet, 1, (off_t)at), 1);
		octet[0] ^= 0x10;
		assert_int_equal(pwrite(fd, octet, 1, (off_t)at), 1);
		close(fd);
		begin(&s);
		assert_int_equal(s.n, 2);
		assert_int_equal(s.m[1].octets, 22);
		assert_true(plugin_host_logged(&s.host, "is damaged or of another version"));
		end(&s);
	}
	assert_int_equal(truncate(INDEX, (off_t)size - 1), 0);
	assert_string_equal(see_octets(), "21 22 ");
	assert_int_equal(truncate(INDEX, 3), 0);
	assert_string_equal(see_octets(), "21 22 ");
	unlink(INDEX);
	assert_int_equal(mkdir(INDEX, 0700), 0);
	assert_string_equal(see_octets(), "21 22 ");
}

static void without_room_for_an_index_the_mailbox_works(void **state)
{
	(void)state;
	put_old(A B);
	assert_int_equal(chmod("state", 0500), 0);
	assert_string_equal(see_octets(), "21 22 ");
	assert_int_equal(chmod("state", 0700), 0);
}

/* An index that is wrong though its checksum is right: only a fault of the program makes it. */
static void lie_in_index(void)
{
	static _Alignas(uint64_t) char block[4096];
	struct index ix;
	int fd = open(INDEX, O_RDWR);
	ssize_t n = read(fd, block, sizeof(block));

	assert_true(n > 0);
	assert_int_equal(mbox_index_parse(&ix, block, (size_t)n), 0);
	ix.entry[0].octets++;
	mbox_index_seal(&ix);
	memcpy(block, &ix.head, sizeof(ix.head));
	assert_int_equal(pwrite(fd, block, (size_t)n, 0), n);
	close(fd);
}

static void maintenance_finds_and_mends_what_is_wrong_in_an_index(void **state)
{
	struct session s;

	(void)state;
	put_old(A B);
	assert_string_equal(see_octets(), "21 22 ");
	assert_int_equal(try_open(&s, RESTANTE_MAINTAIN), RESTANTE_OK);
	assert_int_equal(storage->maintain(s.st, RESTANTE_CHECK | RESTANTE_REPAIR | RESTANTE_CLEAN),
		RESTANTE_OK);
	assert_string_equal(s.host.log, "");
	end(&s);
	lie_in_index();
	assert_string_equal(see_octets(), "22 22 ");
	for (int repair = 0; repair < 2; repair++) {
		assert_int_equal(try_open(&s, RESTANTE_MAINTAIN), RESTANTE_OK);
		assert_int_equal(storage->maintain(s.st, repair ? RESTANTE_REPAIR : RESTANTE_CHECK),
			RESTANTE_OK);
		assert_true(plugin_host_logged(&s.host, "is not at octet 0 with 22 octets"));
		end(&s);
		assert_string_equal(see_octets(), repair ? "21 22 " : "22 22 ");
	}
}

/* --- while a session lasts --- */

static void mail_that_is_appended_moves_nothing(void **state)
{
	struct session s;

	(void)state;
	put_old(A B);
	begin(&s);
	append(MBOX, C);
	put("spool/u.lock", "1\n"); /* an MTA that goes on */
	assert_string_equal(text(&s, 0), "Subject: a\n\nfirst\n");
	assert_string_equal(text(&s, 1), "Subject: b\n\nsecond\n");
	unlink("spool/u.lock");
	assert_int_equal(storage->remove(s.st, &s.m[1].key, 1), RESTANTE_OK);
	end(&s);
	assert_string_equal(see(), "Subject: a\n\nfirst\n|Subject: c\n\nthird\n|");
}

static void messages_that_others_moved_are_found(void **state)
{
	struct session s;

	(void)state;
	put_old(A B C);
	begin(&s);
	put(MBOX, B FROM "Status: O\nSubject: d\n\nfourth\n\n" C);
	assert_string_equal(text(&s, 1), "Subject: b\n\nsecond\n");
	assert_string_equal(text(&s, 2), "Subject: c\n\nthird\n");
	put("spool/new", C B);
	assert_int_equal(rename("spool/new", MBOX), 0);
	assert_string_equal(text(&s, 2), "Subject: c\n\nthird\n");
	assert_string_equal(text(&s, 1), "Subject: b\n\nsecond\n");
	end(&s);
}

static void a_message_that_others_removed_is_gone_and_the_numbers_stay(void **state)
{
	struct session s;
	char *octets;
	size_t len;

	(void)state;
	put_old(A B C);
	begin(&s);
	put(MBOX, A C);
	assert_int_equal(fetch(&s, 1, &octets, &len), RESTANTE_GONE);
	assert_string_equal(text(&s, 2), "Subject: c\n\nthird\n");
	unlink(MBOX);
	assert_int_equal(fetch(&s, 0, &octets, &len), RESTANTE_GONE);
	put(MBOX, C);
	assert_string_equal(text(&s, 2), "Subject: c\n\nthird\n");
	end(&s);
}

static void a_message_that_others_made_longer_is_refused_until_the_next_session(void **state)
{
	struct session s;
	char *octets;
	size_t len;

	(void)state;
	put_old(A B);
	begin(&s);
	put(MBOX, FROM "Subject: a\nStatus: RO\n\nfirst\n\n" B);
	assert_int_equal(fetch(&s, 0, &octets, &len), RESTANTE_TEMP);
	assert_true(plugin_host_logged(&s.host, "has changed since it was measured"));
	assert_string_equal(text(&s, 1), "Subject: b\n\nsecond\n");
	end(&s);
	assert_string_equal(see(), "Subject: a\nStatus: RO\n\nfirst\n|Subject: b\n\nsecond\n|");
}

static void a_file_that_becomes_garbage_loses_nothing_of_the_session(void **state)
{
	struct session s;
	char *octets;
	size_t len;

	(void)state;
	put_old(A B);
	begin(&s);
	put(MBOX, "\n" A B);
	assert_int_equal(fetch(&s, 0, &octets, &len), RESTANTE_PERM);
	assert_int_equal(storage->remove(s.st, &s.m[0].key, 1), RESTANTE_PERM);
	put(MBOX, A B);
	assert_string_equal(text(&s, 0), "Subject: a\n\nfirst\n");
	end(&s);
}

static void what_changes_while_it_is_read_is_not_given_away(void **state)
{
	struct restante_body b = {.size = sizeof(b)};
	struct session s;
	char piece[10];

	(void)state;
	put_old(A B);
	begin(&s);
	assert_int_equal(storage->body(s.st, s.m[1].key, &b), RESTANTE_OK);
	assert_int_equal(b.read(b.b, piece, sizeof(piece)), sizeof(piece));
	append(MBOX, C);
	assert_int_equal(b.read(b.b, piece, 1), 1);
	put(MBOX, C B A C);
	assert_int_equal(b.read(b.b, piece, sizeof(piece)), RESTANTE_TEMP);
	end(&s);
}

static void there_is_one_session_at_a_time(void **state)
{
	struct session s, other;

	(void)state;
	put_old(A);
	begin(&s);
	assert_int_equal(try_open(&other, RESTANTE_SESSION), RESTANTE_BUSY);
	end(&s);
	begin(&s);
	end(&s);
}

static void another_programs_lock_is_waited_for_and_then_busy(void **state)
{
	struct session s;

	(void)state;
	put_old(A);
	put("spool/u.lock", "1\n");
	assert_int_equal(try_open(&s, RESTANTE_SESSION), RESTANTE_BUSY);
	unlink("spool/u.lock");
	assert_string_equal(see_octets(), "21 ");
	assert_false(there("spool/u.lock"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_file_that_did_not_change_is_neither_scanned_nor_locked),
		T(a_session_that_deletes_nothing_leaves_the_file_as_it_is),
		T(a_change_of_one_octet_is_seen_though_size_and_mtime_are_kept),
		T(an_index_made_within_a_tick_of_the_change_is_not_believed),
		T(of_a_file_that_grew_only_the_new_part_is_scanned),
		T(the_last_message_may_have_grown),
		T(a_from_line_that_is_not_whole_yet_is_none),
		T(a_file_that_grew_and_changed_before_is_scanned_from_the_start),
		T(a_shorter_or_replaced_or_emptied_file_is_scanned_again),
		T(a_damaged_index_is_noticed_and_made_again),
		T(without_room_for_an_index_the_mailbox_works),
		T(maintenance_finds_and_mends_what_is_wrong_in_an_index),
		T(mail_that_is_appended_moves_nothing),
		T(messages_that_others_moved_are_found),
		T(a_message_that_others_removed_is_gone_and_the_numbers_stay),
		T(a_message_that_others_made_longer_is_refused_until_the_next_session),
		T(a_file_that_becomes_garbage_loses_nothing_of_the_session),
		T(what_changes_while_it_is_read_is_not_given_away),
		T(there_is_one_session_at_a_time),
		T(another_programs_lock_is_waited_for_and_then_busy),
	};

	return box_ready() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
