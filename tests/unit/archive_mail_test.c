/* storage-archive: deliveries, sessions, deletions, locks, notes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "archive_box.h"

/* What zcat says of a file, from malloc. */
static char *zcat(const char *path)
{
	gzFile f = gzopen(path, "rb");
	char *text = calloc(1, 100000);

	assert_non_null(f);
	assert_non_null(text);
	assert_true(gzread(f, text, 99999) >= 0);
	assert_int_equal(gzclose(f), Z_OK);
	return text;
}

/* --- messages --- */

static void arrives(const char *text, size_t len)
{
	static const size_t sizes[] = {7, 64, 65536, 1 << 20};

	for (size_t piece = len < 1000 ? 1 : 1000; piece <= len + 1; piece += 1 + piece * 3) {
		struct session *s = begin(RESTANTE_DELIVER);

		assert_int_equal(put_piece(s, text, len, piece, NULL), RESTANTE_OK);
		end(s);
	}
	struct session *s = begin(RESTANTE_SESSION);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t got;
		char *p;

		assert_int_equal(fetch(s, s->n - 1, sizes[i], &p, &got), RESTANTE_OK);
		assert_int_equal(got, len);
		assert_memory_equal(p, text, len);
		free(p);
	}
	end(s);
}

static void messages_come_back_octet_by_octet(void **state)
{
	static const char nul[] = "a\0b\n\xff\0";

	(void)state;
#define ARRIVES(text) arrives(text, strlen(text))
	ARRIVES("Subject: a\n\nFrom here\n>From there\n.\n..\n");
	ARRIVES("no newline");
	ARRIVES("no newline\r");
	ARRIVES("\r\nCRLF\r\n\r\nFrom \r\n");
	ARRIVES("");
	ARRIVES("\n");
	ARRIVES(">From");
	ARRIVES("From ");
	arrives(nul, sizeof(nul));
}

/* What compresses badly is spilled to a file; both are more than one piece. */
static void large_messages_come_back_octet_by_octet(void **state)
{
	enum { LEN = 900000 };
	char *text = malloc(LEN);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < LEN; i++)
		text[i] = (char)rand();
	arrives(text, LEN);
	for (size_t i = 0; i < LEN; i++)
		text[i] = "From\n>From x"[rand() % 12];
	arrives(text, LEN);
	free(text);
}

/* Of such a stream the last octet is taken while there is yet something to come out of it. */
static void what_compresses_very_well_comes_back_whole(void **state)
{
	static const char head[] = "Subject: long\n\n", line[] = "a line of text\n";
	enum { HEAD = sizeof(head) - 1, LINE = sizeof(line) - 1, LINES = 4600, MANY = 100 };
	char *text = malloc(HEAD + LINES * LINE), *back;
	struct session *s;
	size_t got;

	(void)state;
	assert_non_null(text);
	memcpy(text, head, HEAD);
	for (size_t i = 0; i < LINES; i++)
		memcpy(text + HEAD + i * LINE, line, LINE);
	s = begin(RESTANTE_DELIVER);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(
			put_piece(s, text, HEAD + (LINES - i) * LINE, 65536, NULL), RESTANTE_OK);
	end(s);
	s = begin(RESTANTE_SESSION);
	assert_int_equal(s->n, MANY);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(fetch(s, i, 65536, &back, &got), RESTANTE_OK);
		assert_int_equal(got, HEAD + (LINES - i) * LINE);
		assert_memory_equal(back, text, got);
		free(back);
	}
	end(s);
	free(text);
}

static void what_zcat_says_is_an_mbox(void **state)
{
	char *text;

	(void)state;
	deliver("Subject: a\n\nFrom here\n");
	deliver("no newline");
	text = zcat(FIRST);
	assert_string_equal(text, "From a@example.org Tue Nov 14 22:13:20 2023\n"
				  "Subject: a\n\n>From here\n\n"
				  "From a@example.org Tue Nov 14 22:13:20 2023\n"
				  "no newline\n\n");
	free(text);
}

static void the_sender_is_one_word(void **state)
{
	static const char *const senders[][2] = {
		{"", "MAILER-DAEMON"}, {"\"a b\"@c", "\"a_b\"@c"}, {"x\ny", "x_y"}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct session *s = begin(RESTANTE_DELIVER);
		struct restante_put what = {.size = sizeof(what), .sender = senders[i][0]};
		char *text;
		void *put;

		assert_int_equal(storage->put_begin(s->st, &what, &put), RESTANTE_OK);
		assert_int_equal(storage->put_end(put, 1), RESTANTE_OK);
		end(s);
		text = zcat(FIRST);
		assert_non_null(strstr(text, senders[i][1]));
		free(text);
	}
}

static void a_delivery_that_is_dropped_leaves_nothing(void **state)
{
	struct session *s = begin(RESTANTE_DELIVER);
	struct restante_put what = {.size = sizeof(what), .sender = ""};
	void *put;

	(void)state;
	assert_int_equal(storage->put_begin(s->st, &what, &put), RESTANTE_OK);
	assert_int_equal(storage->put_data(put, "a", 1), RESTANTE_OK);
	assert_int_equal(storage->put_end(put, 0), RESTANTE_OK);
	end(s);
	assert_false(there(FIRST));
	assert_string_equal(see(), "");
}

static void two_deliveries_in_one_handle_may_be_open_at_once(void **state)
{
	struct session *s = begin(RESTANTE_DELIVER);
	struct restante_put what = {.size = sizeof(what), .sender = ""};
	void *one, *two;

	(void)state;
	assert_int_equal(storage->put_begin(s->st, &what, &one), RESTANTE_OK);
	assert_int_equal(storage->put_begin(s->st, &what, &two), RESTANTE_OK);
	assert_int_equal(storage->put_data(one, "one\n", 4), RESTANTE_OK);
	assert_int_equal(storage->put_data(two, "two\n", 4), RESTANTE_OK);
	assert_int_equal(storage->put_end(two, 1), RESTANTE_OK);
	assert_int_equal(storage->put_end(one, 1), RESTANTE_OK);
	end(s);
	assert_string_equal(see(), "two\n|one\n|");
}

static void segments_roll_at_their_size(void **state)
{
	(void)state;
	values[SEGMENT_SIZE] = "200";
	deliver("a\n");
	deliver("b\n");
	deliver("c\n");
	assert_true(there("a/00000002.mbox.gz") || there("a/00000003.mbox.gz"));
	assert_string_equal(see(), "a\n|b\n|c\n|");
}

/* --- UIDLs --- */

static void uidls_are_unique_and_stay(void **state)
{
	char uid[50][71];
	struct session *s = begin(RESTANTE_DELIVER);

	(void)state;
	for (int i = 0; i < 50; i++)
		assert_int_equal(put_piece(s, "same\n", 5, 5, NULL), RESTANTE_OK);
	end(s);
	s = begin(RESTANTE_SESSION);
	assert_int_equal(s->n, 50);
	for (size_t i = 0; i < 50; i++) {
		assert_int_equal(strlen(s->m[i].uid), 16);
		strncpy(uid[i], s->m[i].uid, 71);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(uid[k], uid[i]);
		assert_int_equal(s->m[i].received, 1700000000);
	}
	end(s);
	assert_int_equal(expunge(0xfffffffffful), RESTANTE_OK);
	s = begin(RESTANTE_SESSION);
	for (size_t i = 0; i < 10; i++)
		assert_string_equal(s->m[i].uid, uid[40 + i]);
	end(s);
}

static void a_uidl_that_a_message_brings_is_kept_if_it_can_be(void **state)
{
	struct session *s;

	(void)state;
	deliver_as("one\n", "first");
	deliver_as("two\n", "first"); /* taken */
	deliver_as("three\n", "not legal");
	deliver_as("four\n", "");
	deliver_as(
		"five\n", "0123456789012345678901234567890123456789012345678901234567890123456789");
	deliver_as(
		"six\n", "01234567890123456789012345678901234567890123456789012345678901234567890");
	s = begin(RESTANTE_SESSION);
	assert_int_equal(s->n, 6);
	assert_string_equal(s->m[0].uid, "first");
	for (size_t i = 1; i < 6; i++)
		assert_int_equal(strlen(s->m[i].uid), i == 4 ? 70 : 16);
	end(s);
}

static void one_handle_knows_the_uidls_that_it_and_others_delivered(void **state)
{
	static struct session other;
	struct session *s;

	(void)state;
	values[SEGMENT_SIZE] = "300";
	assert_int_equal(try_open(&other, RESTANTE_MAINTAIN), RESTANTE_OK);
	for (int i = 0; i < 20; i++) {
		char uid[20];

		snprintf(uid, sizeof(uid), "u%d", i / 2);
		assert_int_equal(put_piece(&other, "x\n", 2, 2, uid), RESTANTE_OK);
		snprintf(uid, sizeof(uid), "u%d", 10 + i / 2);
		deliver_as("y\n", uid);
	}
	deliver_as("z\n", "z");
	assert_int_equal(expunge(3), RESTANTE_OK); /* u0 and u10, and their segment */
	assert_int_equal(put_piece(&other, "x\n", 2, 2, "z"), RESTANTE_OK);
	assert_int_equal(put_piece(&other, "x\n", 2, 2, "u0"), RESTANTE_OK);
	end(&other);
	s = begin(RESTANTE_SESSION);
	assert_int_equal(s->n, 41);
	assert_string_equal(s->m[40].uid, "u0");
	for (size_t i = 0, ours = 0; i < s->n; i++) {
		ours += strlen(s->m[i].uid) < 16;
		if (i == s->n - 1)
			assert_int_equal(ours, 20);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(s->m[i].uid, s->m[k].uid);
	}
	end(s);
}

/* --- deletion --- */

static void deliver_three(void)
{
	deliver("a\n");
	deliver("b\n");
	deliver("c\n");
}

static void deleted_mail_is_marked_and_the_file_stays(void **state)
{
	size_t before, after;

	(void)state;
	deliver_three();
	free(slurp(FIRST, &before));
	assert_int_equal(expunge(2), RESTANTE_OK);
	free(slurp(FIRST, &after));
	assert_int_equal(before, after);
	assert_string_equal(see(), "a\n|c\n|");
}

static void a_segment_that_is_more_than_half_dead_is_rewritten(void **state)
{
	size_t before, after;
	uint8_t *old, *new;

	(void)state;
	deliver_three();
	old = slurp(FIRST, &before);
	assert_int_equal(expunge(5), RESTANTE_OK);
	new = slurp(FIRST, &after);
	assert_int_equal(after, before / 3);
	assert_memory_equal(new, old + after, after); /* as it was */
	assert_string_equal(see(), "b\n|");
	free(old);
	free(new);
}

static void compact_says_how_much_must_be_dead(void **state)
{
	size_t before, after;

	(void)state;
	values[COMPACT] = "100";
	deliver_three();
	free(slurp(FIRST, &before));
	assert_int_equal(expunge(5), RESTANTE_OK);
	free(slurp(FIRST, &after));
	assert_int_equal(before, after);
	assert_int_equal(maintain(RESTANTE_COMPACT), RESTANTE_OK);
	free(slurp(FIRST, &after));
	assert_int_equal(after, before / 3);
	assert_string_equal(see(), "b\n|");
	values[COMPACT] = "20";
	deliver("d\n");
	deliver("e\n");
	assert_int_equal(expunge(2), RESTANTE_OK);
	free(slurp(FIRST, &after));
	assert_int_equal(after, before / 3 * 2);
	assert_string_equal(see(), "b\n|e\n|");
}

static void purge_leaves_nothing_of_what_was_deleted(void **state)
{
	size_t before, after;

	(void)state;
	values[PURGE] = "yes";
	deliver_three();
	free(slurp(FIRST, &before));
	assert_int_equal(expunge(4), RESTANTE_OK);
	free(slurp(FIRST, &after));
	assert_int_equal(after, before / 3 * 2);
	assert_string_equal(see(), "a\n|b\n|");
}

static void a_segment_with_nothing_alive_is_removed(void **state)
{
	(void)state;
	deliver_three();
	assert_int_equal(expunge(7), RESTANTE_OK);
	assert_false(there(FIRST));
	assert_string_equal(see(), "");
	deliver("d\n");
	assert_string_equal(see(), "d\n|");
}

static void a_handle_that_has_deleted_goes_on_reading_the_rest(void **state)
{
	struct session *s;
	size_t len;
	char *text;

	(void)state;
	deliver_three();
	deliver("d\n");
	s = begin(RESTANTE_SESSION);
	assert_int_equal(storage->remove(s->st, &s->m[0].key, 1), RESTANTE_OK);
	assert_int_equal(
		storage->remove(s->st, (uint64_t[]){s->m[1].key, s->m[2].key}, 2), RESTANTE_OK);
	assert_int_equal(fetch(s, 3, 65536, &text, &len), RESTANTE_OK);
	assert_string_equal(text, "d\n");
	free(text);
	assert_int_equal(
		storage->remove(s->st, (uint64_t[]){s->m[0].key, s->m[3].key}, 2), RESTANTE_OK);
	assert_int_equal(fetch(s, 3, 65536, &text, &len), RESTANTE_GONE);
	end(s);
	assert_string_equal(see(), "");
}

static void deliveries_while_a_session_is_open_survive_its_end(void **state)
{
	static struct session other;

	(void)state;
	deliver_three();
	assert_int_equal(try_open(&other, RESTANTE_SESSION), RESTANTE_OK);
	deliver("d\n");
	assert_int_equal(storage->remove(other.st, (uint64_t[]){0, 1, 2}, 3), RESTANTE_OK);
	end(&other);
	assert_string_equal(see(), "d\n|");
	assert_int_equal(try_open(&other, RESTANTE_SESSION), RESTANTE_OK);
	deliver("e\n");
	end(&other);
	assert_string_equal(see(), "d\n|e\n|");
}

/* A segment that somebody has copied. */
static void a_copy_of_a_member_is_listed_once_and_deleted_with_it(void **state)
{
	uint8_t *octets;
	size_t len;

	(void)state;
	deliver_three();
	octets = slurp(FIRST, &len);
	write_file(SECOND, octets, len);
	free(octets);
	assert_string_equal(see(), "a\n|b\n|c\n|");
	assert_int_equal(expunge(5), RESTANTE_OK);
	assert_string_equal(see(), "b\n|");
	unlink(FIRST);
	assert_string_equal(see(), "b\n|");
}

/* --- the index --- */

static void marks_that_a_crash_left_out_of_the_index_count(void **state)
{
	uint8_t dead = 0xb3;
	int fd;

	(void)state;
	deliver_three();
	see();
	usleep(25000); /* an index of a file that has just been written is not believed */
	see();
	fd = open(FIRST, O_WRONLY);
	assert_int_equal(pwrite(fd, &dead, 1, 17), 1);
	close(fd);
	deliver("d\n");
	assert_string_equal(see(), "b\n|c\n|d\n|");
}

static void an_index_is_used_and_may_be_lost_or_damaged(void **state)
{
	struct stat one, two;

	(void)state;
	deliver_three();
	see();
	usleep(25000);
	see();
	assert_int_equal(stat("a/restante.index", &one), 0);
	assert_string_equal(see(), "a\n|b\n|c\n|");
	assert_int_equal(stat("a/restante.index", &two), 0);
	assert_int_equal(one.st_ino, two.st_ino);
	write_file("a/restante.index", "nonsense", 8);
	assert_string_equal(see(), "a\n|b\n|c\n|");
	assert_true(said("damaged or of another version"));
	unlink("a/restante.index");
	assert_string_equal(see(), "a\n|b\n|c\n|");
	unlink("a/restante.append");
	deliver("d\n");
	assert_string_equal(see(), "a\n|b\n|c\n|d\n|");
}

/* --- locks --- */

static void one_session_at_a_time(void **state)
{
	static struct session one, two;

	(void)state;
	assert_int_equal(try_open(&one, RESTANTE_SESSION), RESTANTE_OK);
	assert_int_equal(try_open(&two, RESTANTE_SESSION), RESTANTE_BUSY);
	assert_int_equal(try_open(&two, RESTANTE_MAINTAIN), RESTANTE_OK);
	assert_int_equal(storage->maintain(two.st, RESTANTE_CLEAN | RESTANTE_CHECK), RESTANTE_OK);
	assert_int_equal(storage->maintain(two.st, RESTANTE_COMPACT), RESTANTE_BUSY);
	assert_int_equal(storage->remove(two.st, NULL, 0), RESTANTE_BUSY);
	end(&two);
	deliver("a\n");
	end(&one);
	assert_string_equal(see(), "a\n|");
}

static void a_delivery_waits_for_another_as_long_as_it_may(void **state)
{
	static struct session s;
	int fd;

	(void)state;
	deliver("a\n");
	fd = open("a/restante.append", O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	s.host.left_ms = 0;
	assert_int_equal(put_piece(&s, "b\n", 2, 2, NULL), RESTANTE_BUSY);
	close(fd);
	assert_int_equal(put_piece(&s, "c\n", 2, 2, NULL), RESTANTE_OK);
	end(&s);
	assert_string_equal(see(), "a\n|c\n|");
}

/* --- notes --- */

static void notes_are_kept_replaced_and_removed(void **state)
{
	struct session *s = begin(RESTANTE_SESSION);
	const void *p;
	size_t n;

	(void)state;
	assert_int_equal(storage->note_get(s->st, "x", &p, &n), RESTANTE_NONE);
	assert_int_equal(storage->note_put(s->st, "x", "one", 3), RESTANTE_OK);
	assert_int_equal(storage->note_put(s->st, "x", "three", 5), RESTANTE_OK);
	assert_int_equal(storage->note_get(s->st, "x", &p, &n), RESTANTE_OK);
	assert_int_equal(n, 5);
	assert_memory_equal(p, "three", 5);
	assert_int_equal(storage->note_put(s->st, "x", NULL, 0), RESTANTE_OK);
	assert_int_equal(storage->note_get(s->st, "x", &p, &n), RESTANTE_NONE);
	assert_int_equal(storage->note_put(s->st, "../x", "y", 1), RESTANTE_PERM);
	assert_int_equal(storage->note_put(s->st, "x", NULL, 0), RESTANTE_OK);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(messages_come_back_octet_by_octet),
		T(large_messages_come_back_octet_by_octet),
		T(what_compresses_very_well_comes_back_whole),
		T(what_zcat_says_is_an_mbox),
		T(the_sender_is_one_word),
		T(a_delivery_that_is_dropped_leaves_nothing),
		T(two_deliveries_in_one_handle_may_be_open_at_once),
		T(segments_roll_at_their_size),
		T(uidls_are_unique_and_stay),
		T(a_uidl_that_a_message_brings_is_kept_if_it_can_be),
		T(one_handle_knows_the_uidls_that_it_and_others_delivered),
		T(deleted_mail_is_marked_and_the_file_stays),
		T(a_segment_that_is_more_than_half_dead_is_rewritten),
		T(compact_says_how_much_must_be_dead),
		T(purge_leaves_nothing_of_what_was_deleted),
		T(a_segment_with_nothing_alive_is_removed),
		T(a_handle_that_has_deleted_goes_on_reading_the_rest),
		T(deliveries_while_a_session_is_open_survive_its_end),
		T(a_copy_of_a_member_is_listed_once_and_deleted_with_it),
		T(marks_that_a_crash_left_out_of_the_index_count),
		T(an_index_is_used_and_may_be_lost_or_damaged),
		T(one_session_at_a_time),
		T(a_delivery_waits_for_another_as_long_as_it_may),
		T(notes_are_kept_replaced_and_removed),
	};

	box_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
