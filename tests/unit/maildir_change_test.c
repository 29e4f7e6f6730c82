/* storage-maildir: locking, and bodies and deletion while others work in the Maildir. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "maildir_box.h"

/* --- one session at a time --- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_second_session_is_refused_after_its_wait(void **state)
{
	struct session first, second = {0};
	double start;

	(void)state;
	begin(&first);
	values[LOCK_WAIT] = "1s";
	start = now();
	assert_int_equal(try_open(&second, RESTANTE_SESSION), RESTANTE_BUSY);
	assert_in_range((int)((now() - start) * 10), 8, 25);
	values[LOCK_WAIT] = "0";
	end(&first);
	assert_int_equal(try_open(&second, RESTANTE_SESSION), RESTANTE_OK);
	end(&second);
}

static void the_wait_ends_with_the_time_of_the_call(void **state)
{
	struct session first, second = {.host.left_ms = 20};
	double start;

	(void)state;
	begin(&first);
	values[LOCK_WAIT] = "1h";
	start = now();
	assert_int_equal(try_open(&second, RESTANTE_SESSION), RESTANTE_BUSY);
	assert_true(now() - start < 2);
	values[LOCK_WAIT] = "0";
	end(&first);
}

static void a_full_disk_keeps_no_user_out_and_not_two_in(void **state)
{
	struct session first, second = {0};

	(void)state;
	assert_int_equal(chmod("box", 0500), 0); /* the lock file cannot be made */
	begin(&first);
	assert_false(there("box/restante.lock"));
	assert_int_equal(try_open(&second, RESTANTE_SESSION), RESTANTE_BUSY);
	end(&first);
}

static void a_lock_file_that_cannot_be_one_keeps_nobody_out_and_not_two_in(void **state)
{
	struct session first, second = {0};

	(void)state;
	assert_int_equal(mkdir("box/restante.lock", 0700), 0);
	begin(&first);
	assert_int_equal(try_open(&second, RESTANTE_SESSION), RESTANTE_BUSY);
	end(&first);
}

static void a_delivery_does_not_wait_for_a_session(void **state)
{
	const struct restante_put from_nobody = plugin_host_from("");
	struct session first, second = {0};
	void *one;

	(void)state;
	begin(&first);
	assert_int_equal(try_open(&second, RESTANTE_DELIVER), RESTANTE_OK);
	assert_int_equal(storage->put_begin(second.st, &from_nobody, &one), RESTANTE_OK);
	assert_int_equal(storage->put_data(one, "x\n", 2), RESTANTE_OK);
	assert_int_equal(storage->put_end(one, 1), RESTANTE_OK);
	end(&second);
	end(&first);
}

/* --- bodies and deletion while others work in the Maildir --- */

static void a_message_is_found_after_others_renamed_it(void **state)
{
	struct session s;

	(void)state;
	put("box/new/1.a", "one\n");
	put("box/cur/2.a:2,", "two\n");
	put("box/cur/3.a:2,", "three\n");
	begin(&s);
	assert_int_equal(rename("box/new/1.a", "box/cur/1.a,S=4:2,"), 0);
	assert_int_equal(rename("box/cur/2.a:2,", "box/cur/2.a:2,S"), 0);
	assert_string_equal(text(&s, 0), "one\n");
	assert_int_equal(rename("box/cur/3.a:2,", "box/cur/3.a:2,S"), 0);
	assert_string_equal(text(&s, 1), "two\n");
	assert_string_equal(text(&s, 2), "three\n");
	end(&s);
}

static void a_twin_is_never_taken_for_a_message_that_vanished(void **state)
{
	struct restante_body b = {.size = sizeof(b)};
	struct session s;

	(void)state;
	put("box/cur/1.a:2,S", "one\n");
	age("box/cur/1.a:2,S", 100);
	put("box/new/1.a", "two\n");
	begin(&s);
	assert_int_equal(s.n, 2);
	assert_int_equal(unlink("box/cur/1.a:2,S") | rename("box/new/1.a", "box/cur/1.a:2,"), 0);
	assert_int_equal(storage->body(s.st, s.m[0].key, &b), RESTANTE_GONE);
	assert_string_equal(text(&s, 1), "two\n");
	assert_int_equal(storage->remove(s.st, &s.m[0].key, 1), RESTANTE_OK);
	assert_string_equal(text(&s, 1), "two\n");
	end(&s);
}

static void a_message_that_vanished_is_gone(void **state)
{
	struct restante_body b = {.size = sizeof(b)};
	struct session s;

	(void)state;
	put("box/new/1.a", "one\n");
	begin(&s);
	assert_int_equal(unlink("box/new/1.a"), 0);
	assert_int_equal(storage->body(s.st, s.m[0].key, &b), RESTANTE_GONE);
	assert_int_equal(storage->body(s.st, 77, &b), RESTANTE_GONE);
	end(&s);
}

static void a_message_that_cannot_be_opened_is_an_error(void **state)
{
	struct restante_body b = {.size = sizeof(b)};
	struct session s;

	(void)state;
	put("box/new/1.a", "one\n");
	put("box/new/2.a", "two\n");
	put("secret", "not yours\n");
	begin(&s);
	assert_int_equal(chmod("box/new/1.a", 0), 0);
	assert_int_equal(storage->body(s.st, s.m[0].key, &b), RESTANTE_PERM);
	assert_int_equal(unlink("box/new/2.a") | symlink("../../secret", "box/new/2.a"), 0);
	assert_true(storage->body(s.st, s.m[1].key, &b) < 0);
	end(&s);
}

static void remove_removes_these_and_no_others(void **state)
{
	struct session s;
	uint64_t keys[4];

	(void)state;
	put("box/new/1.a", "1\n");
	put("box/new/2.a", "2\n");
	put("box/cur/3.a:2,", "3\n");
	put("box/cur/4.a:2,", "4\n");
	put("box/cur/5.a:2,", "55\n");
	begin(&s);
	assert_int_equal(rename("box/cur/4.a:2,", "box/cur/4.a:2,S"), 0); /* renamed since */
	assert_int_equal(unlink("box/cur/3.a:2,"), 0);                    /* counts as deleted */
	for (size_t i = 0; i < 4; i++)
		keys[i] = s.m[i].key;
	assert_int_equal(storage->remove(s.st, keys, 4), RESTANTE_OK);
	assert_false(there("box/new/1.a") || there("box/new/2.a") || there("box/cur/4.a:2,S"));
	end(&s);
	assert_string_equal(see(), "5.a 4|");
}

/* Else it would come again: a program that moves by link and unlink was killed between them. */
static void a_message_goes_with_all_its_names(void **state)
{
	struct session s;

	(void)state;
	put("box/new/1.a", "1\n");
	put("box/new/2.a", "2\n");
	assert_int_equal(link("box/new/1.a", "box/cur/1.a:2,S"), 0);
	assert_int_equal(link("box/new/1.a", "backup"), 0);
	settle();
	for (int i = 0; i < 2; i++) {
		begin(&s);
		assert_int_equal(s.n, 2 - (size_t)i);
		assert_int_equal(storage->remove(s.st, &s.m[0].key, 1), RESTANTE_OK);
		end(&s);
		assert_string_equal(see(), i ? "" : "2.a 3|");
		assert_false(there("box/new/1.a") || there("box/cur/1.a:2,S"));
	}
	assert_true(there("backup"));
}

/* DESIGN section 9: QUIT fails to delete. */
static void a_deletion_that_fails_is_reported_and_keeps_the_message(void **state)
{
	struct session s;
	uint64_t keys[3];

	(void)state;
	put("box/cur/1.a:2,", "1\n");
	put("box/new/2.a", "2\n");
	put("box/cur/3.a:2,", "3\n");
	begin(&s);
	assert_int_equal(chmod("box/cur", 0500), 0);
	for (size_t i = 0; i < 3; i++)
		keys[i] = s.m[i].key;
	assert_int_equal(storage->remove(s.st, keys, 3), RESTANTE_PERM);
	end(&s);
	assert_string_equal(see(), "1.a 3|3.a 3|");
}

static void close_deletes_nothing(void **state)
{
	(void)state;
	put("box/new/1.a", "1\n");
	assert_string_equal(see(), "1.a 3|");
	assert_true(there("box/new/1.a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_second_session_is_refused_after_its_wait),
		T(the_wait_ends_with_the_time_of_the_call),
		T(a_full_disk_keeps_no_user_out_and_not_two_in),
		T(a_lock_file_that_cannot_be_one_keeps_nobody_out_and_not_two_in),
		T(a_delivery_does_not_wait_for_a_session),
		T(a_message_is_found_after_others_renamed_it),
		T(a_twin_is_never_taken_for_a_message_that_vanished),
		T(a_message_that_vanished_is_gone),
		T(a_message_that_cannot_be_opened_is_an_error),
		T(remove_removes_these_and_no_others),
		T(a_message_goes_with_all_its_names),
		T(a_deletion_that_fails_is_reported_and_keeps_the_message),
		T(close_deletes_nothing),
	};

	if (!box_ready())
		return 1;
	return cmocka_run_group_tests_name("maildir_change", tests, NULL, NULL);
}
