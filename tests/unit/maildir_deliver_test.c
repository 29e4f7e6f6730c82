/* storage-maildir: delivery, tmp/, notes, maintenance. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "maildir_box.h"

/* --- delivery --- */

static int deliver_as(
	struct session *s, struct restante_put *what, const char *text_of, size_t len, int commit)
{
	void *one;
	int bad = storage->put_begin(s->st, what, &one);

	for (size_t at = 0, n; !bad && at < len; at += n) {
		n = len - at < 7000 ? len - at : 7000;
		bad = storage->put_data(one, text_of + at, n);
		if (bad) {
			storage->put_end(one, 0);
			return bad;
		}
	}
	return bad ? bad : storage->put_end(one, commit);
}

static int deliver(struct session *s, const char *text_of, size_t len, int commit)
{
	struct restante_put from = plugin_host_from("a@b");

	return deliver_as(s, &from, text_of, len, commit);
}

static void a_delivery_is_a_file_in_new_with_its_sizes(void **state)
{
	struct session s = {0};
	char name[256];

	(void)state;
	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	assert_int_equal(deliver(&s, "a\nb", 3, 1), RESTANTE_OK);
	end(&s);
	assert_int_equal(names_in("box/new", name), 1);
	assert_non_null(strstr(name, ",S=3,W=6"));
	assert_in_range(strtol(name, NULL, 10), time(NULL) - 10, time(NULL));
	assert_int_equal(names_in("box/tmp", name), 0);
	begin(&s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.m[0].octets, 6);
	assert_string_equal(text(&s, 0), "a\nb");
	end(&s);
}

static void deliveries_at_once_have_different_names(void **state)
{
	struct session s = {0}, t = {0};
	char name[256];

	(void)state;
	assert_int_equal(
		try_open(&s, RESTANTE_DELIVER) | try_open(&t, RESTANTE_DELIVER), RESTANTE_OK);
	for (int i = 0; i < 50; i++)
		assert_int_equal(deliver(&s, "x\n", 2, 1) | deliver(&t, "x\n", 2, 1), RESTANTE_OK);
	end(&s);
	end(&t);
	assert_int_equal(names_in("box/new", name), 100);
}

static void a_long_delivery_arrives_whole(void **state)
{
	enum { LEN = 300000 };
	char *p = malloc(LEN), *back = malloc(LEN);
	struct session s = {0};
	struct restante_body b;

	(void)state;
	for (size_t i = 0; i < LEN; i++)
		p[i] = (char)(i % 251);
	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	assert_int_equal(deliver(&s, p, LEN, 1), RESTANTE_OK);
	end(&s);
	begin(&s);
	b = body(&s, 0);
	assert_int_equal(b.len, LEN);
	assert_int_equal(pread(b.fd, back, LEN, 0), LEN);
	assert_memory_equal(p, back, LEN);
	b.release(b.b);
	end(&s);
	free(p);
	free(back);
}

static void a_delivery_that_is_dropped_leaves_nothing(void **state)
{
	struct session s = {0};
	char name[256];

	(void)state;
	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	assert_int_equal(deliver(&s, "x\n", 2, 0), RESTANTE_OK);
	end(&s);
	assert_int_equal(names_in("box/new", name) + names_in("box/tmp", name), 0);
}

/* A limit on file size stands in for the full disk: the fault tests have the real errno. */
static void a_delivery_without_room_is_full_and_leaves_nothing(void **state)
{
	struct rlimit old, small;
	struct session s = {0};
	char *p = calloc(1, 100000), name[256];

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 50000;
	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(deliver(&s, p, 100000, 1), RESTANTE_FULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	end(&s);
	free(p);
	assert_int_equal(names_in("box/new", name) + names_in("box/tmp", name), 0);
}

static void a_delivery_that_cannot_reach_new_leaves_nothing(void **state)
{
	struct session s = {0};
	char name[256];

	(void)state;
	assert_int_equal(chmod("box/new", 0500), 0);
	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	assert_int_equal(deliver(&s, "x\n", 2, 1), RESTANTE_PERM);
	end(&s);
	assert_int_equal(names_in("box/new", name) + names_in("box/tmp", name), 0);
}

static void a_delivery_makes_a_missing_maildir(void **state)
{
	struct session s = {0};
	char name[256];

	(void)state;
	assert_int_equal(rename("box", "away"), 0);
	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	assert_int_equal(deliver(&s, "x\n", 2, 1), RESTANTE_OK);
	end(&s);
	assert_int_equal(names_in("box/new", name), 1);
}

/* --- what came from another storage --- */

/* Delivers each of the UIDLs (NULL = none) at that time, in one go. */
static void move_in(const char *const *uids, const int64_t *times, size_t n)
{
	struct restante_put what = plugin_host_from("");
	struct session s = {0};

	assert_int_equal(try_open(&s, RESTANTE_DELIVER), RESTANTE_OK);
	for (size_t i = 0; i < n; i++) {
		what.uid = uids[i];
		what.received = times[i];
		assert_int_equal(deliver_as(&s, &what, "x\n", 2, 1), RESTANTE_OK);
	}
	end(&s);
}

/* Moves the only file of new/ to cur/ with flags, as other programs do. */
static void move_on(const char *more)
{
	char name[256], from[300], to[300];

	assert_int_equal(names_in("box/new", name), 1);
	snprintf(from, sizeof(from), "box/new/%s", name);
	snprintf(to, sizeof(to), "box/cur/%s%s", name, more);
	assert_int_equal(rename(from, to), 0);
}

static void a_uidl_and_a_time_are_kept(void **state)
{
	static const char *const uids[] = {"0123456789abcdef.1"};
	static const int64_t times[] = {1700000000};
	struct session s;
	struct stat st;
	char name[256], path[300];

	(void)state;
	move_in(uids, times, 1);
	assert_int_equal(names_in("box/new", name), 1);
	assert_non_null(strstr(name, ",UIDL=0123456789abcdef.1,S=2,W=3"));
	snprintf(path, sizeof(path), "box/new/%s", name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mtime, 1700000000);
	begin(&s);
	assert_int_equal(s.m[0].received, 1700000000);
	end(&s);
	assert_string_equal(see(), "0123456789abcdef.1 3|");
}

static void a_uidl_stays_when_the_file_moves_and_the_index_is_lost(void **state)
{
	static const char *const uids[] = {"a/b,c:d%e"};
	static const int64_t times[] = {1700000000};

	(void)state;
	move_in(uids, times, 1);
	assert_string_equal(see(), "a/b,c:d%e 3|");
	move_on(":2,RS");
	assert_string_equal(see(), "a/b,c:d%e 3|");
	assert_int_equal(unlink("box/restante.index"), 0);
	assert_string_equal(see(), "a/b,c:d%e 3|");
}

static void any_legal_uidl_is_kept_and_an_illegal_one_is_not(void **state)
{
	static const int64_t times[] = {0};
	char uid[72], line[100];
	const char *one = uid;

	(void)state;
	for (char c = 0x21; c <= 0x7e; c++) {
		memset(uid, c, 70);
		uid[70] = '\0';
		move_in(&one, times, 1);
		snprintf(line, sizeof(line), "%s 3|", uid);
		assert_string_equal(see(), line);
		move_on(":2,");
		assert_string_equal(see(), line);
		assert_int_equal(leave(state) | enter(state), 0);
	}
	memset(uid, 'x', 71);
	uid[71] = '\0';
	for (size_t i = 0; i < 4; i++) {
		one = i == 0 ? uid : i == 1 ? "" : i == 2 ? "a b" : "\xc3\xa4";
		move_in(&one, times, 1);
	}
	assert_null(strstr(see(), "xxx"));
	assert_null(strstr(see(), "a b"));
	assert_null(strstr(see(), "\xc3"));
}

static void messages_from_elsewhere_keep_their_order(void **state)
{
	static const char *const uids[] = {"z", "y", "x", NULL, "a"};
	static const int64_t times[] = {1600000000, 1700000000, 1700000000, 1700000000, -1};
	const char *seen;

	(void)state;
	move_in(uids, times, 5);
	seen = see();
	assert_memory_equal(seen, "z 3|y 3|x 3|1700000000.M", 24);
	assert_string_equal(seen + strlen(seen) - 5, "|a 3|");
}

/* A file that was copied, a message that came back from a backup under its old name. */
static void a_uidl_that_is_claimed_twice_is_given_once(void **state)
{
	char first[4096];

	(void)state;
	put("box/cur/1700000001.a,UIDL=1700000000.b", "1\n");
	put("box/cur/1700000002.c,UIDL=1700000000.b", "2\n");
	put("box/new/1700000000.b", "3\n");
	settle();
	snprintf(first, sizeof(first), "%s", see());
	assert_non_null(strstr(first, "|1700000000.b 3|~"));
	assert_memory_equal(first, "~", 1);
	assert_string_equal(see(), first);
	put("box/new/1700000003.d", "4\n");
	assert_memory_equal(see(), first, strlen(first));
	assert_int_equal(unlink("box/restante.index"), 0);
	assert_memory_equal(see(), first, strlen(first));
}

static void a_hint_that_keeps_no_uidl_is_none(void **state)
{
	(void)state;
	put("box/cur/1.a,UIDL=", "\n");
	put("box/cur/2.a,UIDL=a%x", "\n");
	put("box/cur/3.a,UIDL=a%", "\n");
	put("box/cur/4.a,UIDL=a b", "\n");
	put("box/cur/5.a,U=7,UIDL=kept,S=1:2,UIDL=no", "\n");
	assert_string_equal(see(), "1.a 2|2.a 2|3.a 2|4.a 2|kept 2|");
}

/* --- tmp/, notes, maintenance --- */

static void what_a_crash_left_in_tmp_goes_after_36_hours(void **state)
{
	static const struct timespec just_read[] = {
		{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};

	(void)state;
	put("box/tmp/old", "x");
	put("box/tmp/read", "x");
	put("box/tmp/young", "x");
	put("box/tmp/just_read", "x");
	age("box/tmp/just_read", 37 * 3600);
	assert_int_equal(utimensat(AT_FDCWD, "box/tmp/just_read", just_read, 0), 0);
	assert_int_equal(mkdir("box/tmp/folder", 0700), 0);
	age("box/tmp/old", 37 * 3600);
	age("box/tmp/read", 35 * 3600);
	age("box/tmp/folder", 37 * 3600);
	assert_string_equal(see(), "");
	assert_false(there("box/tmp/old"));
	assert_true(there("box/tmp/read") && there("box/tmp/young"));
	assert_true(there("box/tmp/just_read") && there("box/tmp/folder"));
}

static void tmp_is_not_looked_at_by_every_session(void **state)
{
	struct session s = {0};

	(void)state;
	settle();
	assert_string_equal(see(), "");
	put("box/tmp/old", "x");
	age("box/tmp/old", 37 * 3600);
	assert_string_equal(see(), "");
	assert_true(there("box/tmp/old"));
	put("box/new/1.a", "x\n");
	assert_string_equal(see(), "1.a 3|");
	assert_true(there("box/tmp/old"));
	assert_int_equal(try_open(&s, RESTANTE_MAINTAIN), RESTANTE_OK);
	assert_int_equal(storage->maintain(s.st, RESTANTE_CLEAN), RESTANTE_OK);
	end(&s);
	assert_false(there("box/tmp/old"));
}

static void a_note_is_kept_replaced_and_removed(void **state)
{
	struct session s;
	const void *p;
	size_t n;

	(void)state;
	begin(&s);
	assert_int_equal(storage->note_get(s.st, "last.login", &p, &n), RESTANTE_NONE);
	assert_int_equal(storage->note_put(s.st, "last.login", "one", 3), RESTANTE_OK);
	assert_int_equal(storage->note_put(s.st, "last.login", "second", 6), RESTANTE_OK);
	end(&s);
	begin(&s);
	assert_int_equal(storage->note_get(s.st, "last.login", &p, &n), RESTANTE_OK);
	assert_int_equal(n, 6);
	assert_memory_equal(p, "second", 6);
	assert_int_equal(storage->note_put(s.st, "last.login", NULL, 0), RESTANTE_OK);
	assert_int_equal(storage->note_get(s.st, "last.login", &p, &n), RESTANTE_NONE);
	assert_int_equal(storage->note_put(s.st, "last.login", NULL, 0), RESTANTE_OK);
	end(&s);
}

static void a_note_of_64_kib_fits_and_a_longer_one_does_not(void **state)
{
	char *big = calloc(1, 65537);
	struct session s;
	const void *p;
	size_t n = 0;

	(void)state;
	begin(&s);
	assert_int_equal(storage->note_put(s.st, "n", big, 65536), RESTANTE_OK);
	assert_int_equal(storage->note_get(s.st, "n", &p, &n), RESTANTE_OK);
	assert_int_equal(n, 65536);
	assert_int_equal(storage->note_put(s.st, "n", big, 65537), RESTANTE_PERM);
	end(&s);
	free(big);
}

static void a_notes_name_leads_nowhere_else(void **state)
{
	static const char *const names[] = {"", "../x", "a/b", "a b", "\xc3\xa4",
		"01234567890123456789012345678901234567890123456789012345678901234"};
	struct session s;

	(void)state;
	begin(&s);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(storage->note_put(s.st, names[i], "x", 1), RESTANTE_PERM);
	end(&s);
}

static void check_reports_wrong_octets_and_repair_mends_them(void **state)
{
	struct session s = {0};

	(void)state;
	values[CHECK_SIZES] = "0";
	put("box/new/1.a,S=3,W=4", "a\nb");
	settle();
	assert_string_equal(see(), "1.a 4|");
	assert_int_equal(try_open(&s, RESTANTE_MAINTAIN), RESTANTE_OK);
	assert_int_equal(storage->maintain(s.st, RESTANTE_CHECK), RESTANTE_PERM);
	assert_true(plugin_host_logged(&s.host, "1.a has 6 octets, not 4"));
	end(&s);
	assert_string_equal(see(), "1.a 4|");
	assert_int_equal(try_open(&s, RESTANTE_MAINTAIN), RESTANTE_OK);
	assert_int_equal(storage->maintain(s.st, RESTANTE_REPAIR), RESTANTE_OK);
	end(&s);
	assert_string_equal(see(), "1.a 6|");
	values[CHECK_SIZES] = "2MB";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_delivery_is_a_file_in_new_with_its_sizes),
		T(deliveries_at_once_have_different_names),
		T(a_long_delivery_arrives_whole),
		T(a_delivery_that_is_dropped_leaves_nothing),
		T(a_delivery_without_room_is_full_and_leaves_nothing),
		T(a_delivery_that_cannot_reach_new_leaves_nothing),
		T(a_delivery_makes_a_missing_maildir),
		T(a_uidl_and_a_time_are_kept),
		T(a_uidl_stays_when_the_file_moves_and_the_index_is_lost),
		T(any_legal_uidl_is_kept_and_an_illegal_one_is_not),
		T(messages_from_elsewhere_keep_their_order),
		T(a_uidl_that_is_claimed_twice_is_given_once),
		T(a_hint_that_keeps_no_uidl_is_none),
		T(what_a_crash_left_in_tmp_goes_after_36_hours),
		T(tmp_is_not_looked_at_by_every_session),
		T(a_note_is_kept_replaced_and_removed),
		T(a_note_of_64_kib_fits_and_a_longer_one_does_not),
		T(a_notes_name_leads_nowhere_else),
		T(check_reports_wrong_octets_and_repair_mends_them),
	};

	if (!box_ready())
		return 1;
	return cmocka_run_group_tests_name("maildir_deliver", tests, NULL, NULL);
}
