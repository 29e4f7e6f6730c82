/* storage-mbox: deliveries and deletions. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mbox_box.h"

#define A "Subject: a\n\nfirst\n"
#define B "Subject: b\n\nsecond\n"
#define C "Subject: c\n\nthird\n"

static const char *file(void)
{
	static char octets[65536];
	int fd = open(MBOX, O_RDONLY);
	ssize_t n = read(fd, octets, sizeof(octets) - 1);

	assert_true(n >= 0);
	close(fd);
	octets[n] = '\0';
	return octets;
}

/* --- delivery --- */

/* In pieces of that length. */
static int deliver(const char *sender, const char *octets, size_t piece, int commit)
{
	const struct restante_put from = plugin_host_from(sender);
	size_t len = strlen(octets);
	struct session s;
	void *p;
	int bad;

	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	bad = storage->put_begin(s.st, &from, &p);
	assert_int_equal(bad, RESTANTE_OK);
	for (size_t at = 0; at < len && !bad; at += piece)
		bad = storage->put_data(p, octets + at, len - at < piece ? len - at : piece);
	bad = bad ? (storage->put_end(p, 0), bad) : storage->put_end(p, commit);
	end(&s);
	return bad;
}

static void arrives(const char *octets)
{
	char expected[4096];

	for (size_t piece = 1; piece < 30; piece += 7) {
		unlink(MBOX);
		assert_int_equal(deliver("a@b", octets, piece, 1), RESTANTE_OK);
		snprintf(expected, sizeof(expected), "%s|", octets);
		assert_string_equal(see(), expected);
	}
}

static void a_delivery_makes_the_file_for_its_owner_alone(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(deliver("a@example.org", A, 1000, 1), RESTANTE_OK);
	assert_int_equal(stat(MBOX, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(strncmp(file(), "From a@example.org ", 19), 0);
	assert_string_equal(file() + strcspn(file(), "\n"), "\n" A "\n");
}

static void the_null_sender_and_odd_ones_make_one_word(void **state)
{
	(void)state;
	assert_int_equal(deliver("", A, 1000, 1), RESTANTE_OK);
	assert_int_equal(strncmp(file(), "From MAILER-DAEMON ", 19), 0);
	unlink(MBOX);
	assert_int_equal(deliver("\"a b\nFrom \"@c", A, 1000, 1), RESTANTE_OK);
	assert_int_equal(strncmp(file(), "From \"a_b_From_\"@c ", 19), 0);
	assert_string_equal(see(), A "|");
}

static void what_is_delivered_is_what_is_read(void **state)
{
	(void)state;
	arrives(A);
	arrives("");
	arrives("Subject: x\r\n\r\nFrom a\r\n\r\nFrom b Mon Nov 23 01:30:09 2026\r\n");
	arrives("From a\n>From b\n>>From c\nFro\nFrom\n>>> From\n\nFrom d Mon Nov 23 01:30:09 "
		"2026\n\n\n");
	arrives(">>>>>>>>>>>>>>>>>>>From \nFFrom From \n>\n");
}

static void a_last_line_without_its_end_stays_as_long_on_the_wire(void **state)
{
	(void)state;
	assert_int_equal(deliver("", "a\n\nb", 1, 1) | deliver("", "a\n\nFro", 1, 1) |
				 deliver("", "a\n\nb\r", 1, 1) | deliver("", C, 1, 1),
		RESTANTE_OK);
	assert_string_equal(see(), "a\n\nb\n|a\n\nFro\n|a\n\nb\r\r\n|" C "|");
}

static void a_delivery_completes_what_others_left(void **state)
{
	static const char *const ends[] = {"", "\n", "\n\n", "\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		put(MBOX, FROM "Subject: a\n\nfirst");
		append(MBOX, ends[i]);
		assert_int_equal(deliver("", B, 1000, 1), RESTANTE_OK);
		assert_non_null(strstr(see(), "first"));
		assert_non_null(strstr(see(), "|" B "|"));
		assert_null(strstr(see(), "From "));
	}
}

static void what_is_dropped_leaves_nothing(void **state)
{
	(void)state;
	put(MBOX, FROM A "\n");
	assert_int_equal(deliver("", B, 1000, 0), RESTANTE_OK);
	assert_string_equal(file(), FROM A "\n");
	assert_int_equal(system("ls state | grep -v lock | grep -q . && exit 1 || exit 0"), 0);
}

static void a_symbolic_link_is_not_written_to(void **state)
{
	(void)state;
	put("other", FROM A "\n");
	assert_int_equal(symlink("../other", MBOX), 0);
	assert_int_equal(deliver("", B, 1000, 1), RESTANTE_PERM);
	unlink(MBOX);
	assert_int_equal(symlink("../none", MBOX), 0);
	assert_true(deliver("", B, 1000, 1) < 0);
	assert_false(there("none"));
}

static void a_file_that_may_not_grow_stays_as_it_was(void **state)
{
	struct rlimit limit, before;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	put(MBOX, FROM A "\n");
	for (int i = 0; i < 400; i++)
		append(MBOX, FROM A "\n");
	limit = (struct rlimit){
		.rlim_cur = 401 * strlen(FROM A "\n") + 20, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(deliver("", B, 1000, 1), RESTANTE_FULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(strlen(file()), 401 * strlen(FROM A "\n"));
	assert_false(there("state/mbox.journal"));
}

/* --- deletion --- */

static void delete_some(const size_t *which, size_t n)
{
	struct session s;
	uint64_t keys[300];

	begin(&s);
	for (size_t i = 0; i < n; i++)
		keys[i] = s.m[which[i]].key;
	assert_int_equal(storage->remove(s.st, keys, n), RESTANTE_OK);
	end(&s);
}

static void deleting_nothing_touches_nothing(void **state)
{
	struct stat before, after;

	(void)state;
	put(MBOX, FROM A "\n");
	age(MBOX, 1000);
	assert_int_equal(stat(MBOX, &before), 0);
	delete_some(NULL, 0);
	assert_int_equal(stat(MBOX, &after), 0);
	assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim));
	assert_int_equal(before.st_ino, after.st_ino);
}

static void deleting_all_leaves_an_empty_file(void **state)
{
	const size_t all[] = {0, 1};
	struct stat st;

	(void)state;
	put(MBOX, FROM A "\n" FROM B "\n");
	delete_some(all, 2);
	assert_int_equal(stat(MBOX, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_string_equal(see(), "");
}

static void mail_that_came_since_stays(void **state)
{
	static const char *const ways[] = {"dotlock fcntl", "fcntl"};

	(void)state;
	for (size_t way = 0; way < 2; way++) {
		struct session s;

		values[LOCKS] = ways[way];
		put(MBOX, FROM A "\n" FROM B "\n");
		begin(&s);
		append(MBOX, FROM C "\n");
		assert_int_equal(storage->remove(s.st, &s.m[0].key, 1), RESTANTE_OK);
		end(&s);
		assert_string_equal(file(), FROM B "\n" FROM C "\n");
	}
	values[LOCKS] = "dotlock fcntl";
}

static void a_message_that_others_moved_is_found_and_one_that_vanished_is_deleted(void **state)
{
	struct session s;

	(void)state;
	put(MBOX, FROM A "\n" FROM B "\n" FROM C "\n");
	begin(&s);
	put(MBOX, FROM B "\n" FROM C "\n");
	assert_int_equal(
		storage->remove(s.st, (uint64_t[]){s.m[0].key, s.m[2].key}, 2), RESTANTE_OK);
	end(&s);
	assert_string_equal(file(), FROM B "\n");
}

static void mode_and_attributes_stay(void **state)
{
	char value[8] = "";
	struct stat st;

	(void)state;
	put(MBOX, FROM A "\n" FROM B "\n");
	assert_int_equal(chmod(MBOX, 0640), 0);
	if (setxattr(MBOX, "user.note", "kept", 4, 0))
		skip();
	delete_some((size_t[]){0}, 1);
	assert_int_equal(stat(MBOX, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(getxattr(MBOX, "user.note", value, sizeof(value)), 4);
	assert_string_equal(value, "kept");
}

static void other_names_of_the_file_stay_its_names(void **state)
{
	struct stat st;

	(void)state;
	put(MBOX, FROM A "\n" FROM B "\n");
	assert_int_equal(link(MBOX, "other"), 0);
	delete_some((size_t[]){0}, 1);
	assert_int_equal(stat(MBOX, &st), 0);
	assert_int_equal(st.st_nlink, 2);
	unlink("other");
	assert_int_equal(rename(MBOX, "real") | symlink("../real", MBOX), 0);
	append("real", FROM C "\n");
	delete_some((size_t[]){0}, 1);
	assert_int_equal(lstat(MBOX, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_string_equal(file(), FROM C "\n");
}

static void a_file_without_a_folder_to_write_to_is_changed_in_place(void **state)
{
	(void)state;
	put(MBOX, FROM A "\n" FROM B "\n" FROM C "\n");
	assert_int_equal(chmod("spool", 0500), 0);
	delete_some((size_t[]){1}, 1);
	assert_string_equal(file(), FROM A "\n" FROM C "\n");
	assert_false(there("state/mbox.journal"));
}

static void a_file_that_may_only_be_read_is_not_changed(void **state)
{
	struct session s;

	(void)state;
	put(MBOX, FROM A "\n");
	assert_int_equal(chmod(MBOX, 0400), 0);
	begin(&s);
	assert_int_equal(storage->remove(s.st, &s.m[0].key, 1), RESTANTE_PERM);
	end(&s);
	assert_string_equal(file(), FROM A "\n");
}

enum { RANDOM_ROUNDS = 100 };

/* What a round of deletions and deliveries must leave. */
struct known {
	char uid[71], text[64];
};

static size_t check_known(const struct known *known, size_t n, size_t unseen, struct session *s)
{
	assert_int_equal(s->n, n + unseen);
	for (size_t i = 0; i < s->n; i++)
		assert_string_equal(text(s, i), known[i].text);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(s->m[i].uid, known[i].uid);
	return s->n;
}

static void random_rounds_lose_nothing_and_keep_uidls(void **state)
{
	static struct known known[300];
	size_t n = 0, unseen = 0;

	(void)state;
	srand(1);
	for (int round = 0; round < RANDOM_ROUNDS; round++) {
		uint64_t keys[300];
		size_t doomed = 0, left = 0;
		struct session s;

		values[LOCKS] = round % 2 ? "fcntl" : "dotlock fcntl";
		for (unseen = 0; n < 40 && unseen < 4; unseen++) { /* some are the same */
			struct known *k = &known[n + unseen];

			snprintf(k->text, sizeof(k->text), "Subject: %d\n\n>From %d\n", rand() % 9,
				rand() % 2);
			assert_int_equal(deliver("", k->text, 5, 1), RESTANTE_OK);
		}
		begin(&s);
		n = check_known(known, n, unseen, &s);
		for (size_t i = 0; i < n; i++) {
			snprintf(known[i].uid, sizeof(known[i].uid), "%s", s.m[i].uid);
			if (rand() % 10 == 0)
				keys[doomed++] = s.m[i].key;
			else
				known[left++] = known[i];
		}
		n = left;
		assert_int_equal(storage->remove(s.st, keys, doomed), RESTANTE_OK);
		end(&s);
	}
	values[LOCKS] = "dotlock fcntl";
}

static void notes_are_kept(void **state)
{
	struct session s;
	const void *p;
	size_t n;

	(void)state;
	begin(&s);
	assert_int_equal(storage->note_get(s.st, "a", &p, &n), RESTANTE_NONE);
	assert_int_equal(storage->note_put(s.st, "a", "text", 4), RESTANTE_OK);
	assert_int_equal(storage->note_put(s.st, "../a", "text", 4), RESTANTE_PERM);
	end(&s);
	begin(&s);
	assert_int_equal(storage->note_get(s.st, "a", &p, &n), RESTANTE_OK);
	assert_int_equal(n, 4);
	assert_memory_equal(p, "text", 4);
	assert_int_equal(storage->note_put(s.st, "a", NULL, 0), RESTANTE_OK);
	assert_int_equal(storage->note_get(s.st, "a", &p, &n), RESTANTE_NONE);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_delivery_makes_the_file_for_its_owner_alone),
		T(the_null_sender_and_odd_ones_make_one_word),
		T(what_is_delivered_is_what_is_read),
		T(a_last_line_without_its_end_stays_as_long_on_the_wire),
		T(a_delivery_completes_what_others_left),
		T(what_is_dropped_leaves_nothing),
		T(a_symbolic_link_is_not_written_to),
		T(a_file_that_may_not_grow_stays_as_it_was),
		T(deleting_nothing_touches_nothing),
		T(deleting_all_leaves_an_empty_file),
		T(mail_that_came_since_stays),
		T(a_message_that_others_moved_is_found_and_one_that_vanished_is_deleted),
		T(mode_and_attributes_stay),
		T(other_names_of_the_file_stay_its_names),
		T(a_file_without_a_folder_to_write_to_is_changed_in_place),
		T(a_file_that_may_only_be_read_is_not_changed),
		T(random_rounds_lose_nothing_and_keep_uidls),
		T(notes_are_kept),
	};

	return box_ready() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
