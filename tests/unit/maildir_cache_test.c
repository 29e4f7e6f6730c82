/* storage-maildir: the index on disk, a cache that must never be wrong. */
#define _XOPEN_SOURCE 700 /* nftw() */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "maildir_box.h"

/* Other octets of the same length, behind the index's back, show what was read again. */
static void poison(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	put(path, "\n\n\n\n");
	assert_int_equal(
		utimensat(AT_FDCWD, path, (struct timespec[]){st.st_atim, st.st_mtim}, 0), 0);
}

static void an_unchanged_mailbox_is_not_read(void **state)
{
	(void)state;
	put("box/new/1.a", "abc\n");
	put("box/cur/2.a:2,S", "abc\n");
	settle();
	assert_string_equal(see(), "1.a 5|2.a 5|");
	assert_int_equal(chmod("box/new", 0100) | chmod("box/cur", 0100), 0); /* not readable */
	assert_string_equal(see(), "1.a 5|2.a 5|");
}

static void where_only_new_changed_cur_is_not_read(void **state)
{
	(void)state;
	put("box/cur/1.a:2,S", "abc\n");
	put("box/new/2.a", "abc\n");
	settle();
	assert_string_equal(see(), "1.a 5|2.a 5|");
	put("box/new/3.a", "x\n");
	assert_int_equal(chmod("box/cur", 0100), 0);
	assert_string_equal(see(), "1.a 5|2.a 5|3.a 3|");
}

static void messages_that_are_known_are_not_measured_again(void **state)
{
	(void)state;
	put("box/cur/1.a:2,S", "abc\n");
	assert_string_equal(see(), "1.a 5|");
	poison("box/cur/1.a:2,S");
	assert_int_equal(rename("box/cur/1.a:2,S", "box/cur/1.a:2,ST"), 0);
	put("box/new/2.a", "x\n");
	assert_string_equal(see(), "1.a 5|2.a 3|");
}

/* As git's index: a change within the clock's tick of the reading leaves the folder's time as it
 * is. */
static void a_folder_as_young_as_the_index_is_read_again(void **state)
{
	struct timespec t = {.tv_sec = time(NULL) + 1000};

	(void)state;
	put("box/new/1.a", "x\n");
	assert_int_equal(utimensat(AT_FDCWD, "box/new", (struct timespec[]){t, t}, 0), 0);
	assert_string_equal(see(), "1.a 3|");
	put("box/new/2.a", "x\n");
	assert_int_equal(utimensat(AT_FDCWD, "box/new", (struct timespec[]){t, t}, 0), 0);
	assert_string_equal(see(), "1.a 3|2.a 3|");
}

static void another_folder_under_the_same_name_is_read(void **state)
{
	struct stat st;

	(void)state;
	put("box/new/1.a", "x\n");
	settle();
	assert_int_equal(stat("box/new", &st), 0);
	assert_string_equal(see(), "1.a 3|");
	assert_int_equal(rename("box/new", "box/old") | mkdir("box/new", 0700), 0);
	assert_int_equal(
		utimensat(AT_FDCWD, "box/new", (struct timespec[]){st.st_atim, st.st_mtim}, 0), 0);
	assert_string_equal(see(), "");
}

static void losing_the_index_loses_nothing(void **state)
{
	char before[200];

	(void)state;
	put("box/cur/1.a b:2,S", "abc\n");
	put("box/new/2.a", "x");
	snprintf(before, sizeof(before), "%s", see());
	assert_int_equal(unlink("box/restante.index"), 0);
	assert_string_equal(see(), before);
}

static void a_damaged_index_is_noticed_and_made_again(void **state)
{
	struct session s;
	struct stat st;

	(void)state;
	put("box/cur/1.a:2,S", "abc\n");
	settle();
	assert_string_equal(see(), "1.a 5|");
	assert_int_equal(stat("box/restante.index", &st), 0);
	for (off_t at = 0; at < st.st_size; at += 5) {
		int fd = open("box/restante.index", O_RDWR);
		char c;

		assert_int_equal(pread(fd, &c, 1, at), 1);
		c ^= 0x10;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
		close(fd);
		begin(&s);
		assert_true(plugin_host_logged(&s.host, "damaged"));
		assert_int_equal(s.n, 1);
		assert_int_equal(s.m[0].octets, 5);
		end(&s);
	}
	assert_int_equal(truncate("box/restante.index", 50), 0);
	assert_string_equal(see(), "1.a 5|");
	assert_int_equal(truncate("box/restante.index", 0), 0);
	assert_string_equal(see(), "1.a 5|");
}

static void an_index_that_is_a_pipe_or_a_folder_hangs_nobody(void **state)
{
	(void)state;
	put("box/new/1.a", "x\n");
	assert_int_equal(mkfifo("box/restante.index", 0600), 0);
	assert_string_equal(see(), "1.a 3|");
	assert_int_equal(unlink("box/restante.index") | mkdir("box/restante.index", 0700), 0);
	assert_string_equal(see(), "1.a 3|");
}

static void a_mailbox_that_cannot_be_written_can_be_read(void **state)
{
	(void)state;
	put("box/new/1.a", "x\n");
	assert_int_equal(chmod("box", 0500) | chmod("box/tmp", 0500), 0);
	assert_string_equal(see(), "1.a 3|");
	assert_string_equal(see(), "1.a 3|");
}

static unsigned int looks_left;

static int64_t running_out(void *c)
{
	(void)c;
	return looks_left ? (looks_left--, 60000) : 0;
}

/* A first open that takes longer than a login may: the next one goes on where it stopped. */
static void what_was_measured_before_the_time_was_over_is_kept(void **state)
{
	struct restante_user user = {
		.size = sizeof(user), .uid = geteuid(), .name = "u", .home = "/"};
	struct session s;
	char path[100];
	void *st;

	(void)state;
	for (int i = 100; i < 300; i++) {
		snprintf(path, sizeof(path), "box/new/%d.a", i);
		put(path, "abc\n");
	}
	looks_left = 2; /* one look at the clock every 64 files */
	plugin_host_init(&s.host, &storage_maildir_LTX_restante_plugin_v1, values);
	s.host.api.left_ms = running_out;
	assert_int_equal(storage->open(&s.host.api, &user, RESTANTE_SESSION, &st), RESTANTE_TEMP);
	plugin_host_free(&s.host);
	poison("box/new/100.a");
	begin(&s);
	assert_int_equal(s.n, 200);
	assert_int_equal(s.m[0].octets, 5);
	assert_int_equal(s.m[199].octets, 5);
	end(&s);
}

static int snapshot_fd;

static int note_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)type;
	(void)at;
	if (!strstr(path, "restante.") && strcmp(path, "box") != 0 && strcmp(path, "box/tmp") != 0)
		dprintf(snapshot_fd, "%s %ld %ld %ld.%ld %o\n", path, (long)st->st_ino,
			(long)st->st_size, (long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
			st->st_mode);
	return 0;
}

static void snapshot(char text_of[4096])
{
	FILE *f = tmpfile();

	snapshot_fd = fileno(f);
	nftw("box", note_one, 8, FTW_PHYS);
	rewind(f);
	text_of[fread(text_of, 1, 4095, f)] = '\0';
	fclose(f);
}

/* DESIGN section 9: a session that only reads. */
static void a_session_that_deletes_nothing_changes_no_mail(void **state)
{
	char before[4096], after[4096];
	struct session s;

	(void)state;
	put("box/new/1.a", "x\n");
	put("box/cur/2.a,S=9,W=9:2,", "x\n");
	snapshot(before);
	begin(&s);
	text(&s, 0);
	text(&s, 1);
	end(&s);
	snapshot(after);
	assert_string_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_unchanged_mailbox_is_not_read),
		T(where_only_new_changed_cur_is_not_read),
		T(messages_that_are_known_are_not_measured_again),
		T(a_folder_as_young_as_the_index_is_read_again),
		T(another_folder_under_the_same_name_is_read),
		T(losing_the_index_loses_nothing),
		T(a_damaged_index_is_noticed_and_made_again),
		T(an_index_that_is_a_pipe_or_a_folder_hangs_nobody),
		T(a_mailbox_that_cannot_be_written_can_be_read),
		T(what_was_measured_before_the_time_was_over_is_kept),
		T(a_session_that_deletes_nothing_changes_no_mail),
	};

	if (!box_ready())
		return 1;
	return cmocka_run_group_tests_name("maildir_cache", tests, NULL, NULL);
}
