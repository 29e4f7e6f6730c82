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

static int deliver(struct session *s, const char *text_of, size_t len, int commit)
{
	const struct restante_put from = plugin_host_from("a@b");
	void *one;
	int bad = storage->put_begin(s->st, &from, &one);

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
	assert_int_equal(storage->maintain(s.st, RESTANTE_CHECK), RESTANTE_OK);
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
