/* What the names of messages say (plugins/storage-maildir/names.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "names.h"

static size_t base(const char *name)
{
	return name_base(name, strlen(name));
}

static void the_base_ends_at_the_first_comma_or_colon(void **state)
{
	(void)state;
	assert_int_equal(base("1.2.host"), 8);
	assert_int_equal(base("1.2.host:2,S"), 8);
	assert_int_equal(base("1.2.host,S=5,W=6:2,RS"), 8);
	assert_int_equal(base("1.2.host,U=17:2,"), 8);
	assert_int_equal(base(":2,S"), 0);
	assert_int_equal(base(""), 0);
}

static int64_t seconds(const char *name)
{
	return name_seconds(name, strlen(name));
}

static void the_time_is_the_number_before_the_first_dot(void **state)
{
	(void)state;
	assert_int_equal(seconds("1700000000.M1P2.host"), 1700000000);
	assert_int_equal(seconds("1700000000_0.2.host"), 1700000000);
	assert_int_equal(seconds("1700000000"), 1700000000);
	assert_int_equal(seconds("4294967297.x"), 4294967297);
	assert_int_equal(seconds("0.x"), 0);
	assert_int_equal(seconds("17x.y"), 0);
	assert_int_equal(seconds("-5.y"), 0);
	assert_int_equal(seconds("99999999999999999999999999.y"), 0);
	assert_int_equal(seconds("999999999999999999.y"), 0);
	assert_int_equal(seconds(""), 0);
}

static bool sizes(const char *hints, uint64_t *s, uint64_t *w)
{
	return name_sizes(hints, strlen(hints), s, w);
}

static void sizes_are_taken_only_where_both_can_be_true(void **state)
{
	uint64_t s = 0, w = 0;

	(void)state;
	assert_true(sizes(",S=10,W=12", &s, &w));
	assert_int_equal(s, 10);
	assert_int_equal(w, 12);
	assert_true(sizes(",W=20,U=7,S=10", &s, &w));
	assert_int_equal(w, 20);
	assert_false(sizes("", &s, &w));
	assert_false(sizes(",S=10", &s, &w));
	assert_false(sizes(",W=10", &s, &w));
	assert_false(sizes(",S=10,W=9", &s, &w));
	assert_false(sizes(",S=10,W=21", &s, &w));
	assert_false(sizes(",S=10,W=-1", &s, &w));
	assert_false(sizes(",S=10,W=", &s, &w));
	assert_false(sizes(",S=10,W=12x", &s, &w));
	assert_false(sizes(",S=10,W=99999999999999999999999", &s, &w));
}

static void a_legal_base_is_its_own_uidl(void **state)
{
	char uid[UID_LEN + 1], longest[UID_LEN + 2];

	(void)state;
	assert_false(name_uid("1.2.host", 8, NULL, uid));
	memset(longest, 'x', sizeof(longest));
	assert_false(name_uid(longest, UID_LEN, NULL, uid));
	assert_true(name_uid(longest, UID_LEN + 1, NULL, uid));
}

/* These values must never change: clients remember them. They were computed by another
 * program; the first half is FNV-1a of 64 bits. */
static void an_illegal_base_is_hashed_the_same_way_for_ever(void **state)
{
	char uid[UID_LEN + 1];

	(void)state;
	assert_true(name_uid("", 0, NULL, uid));
	assert_string_equal(uid, "~cbf29ce484222325cbf29ce484222324");
	assert_true(name_uid("a b", 3, NULL, uid));
	assert_string_equal(uid, "~e63f991904833892ee0fd41908b2d9bd");
	assert_true(name_uid("\xc3\xa4", 2, NULL, uid));
	assert_string_equal(uid, "~0ac21207b71815820ac57007b71aeb13");
	assert_true(name_uid("a", 1, "1.2.3", uid));
	assert_string_equal(uid, "~0f023b4100342beb1d48fb81b94f76a0");
}

static void a_base_that_looks_like_a_hash_is_hashed(void **state)
{
	char uid[UID_LEN + 1], again[UID_LEN + 1];

	(void)state;
	assert_true(name_uid("a b", 3, NULL, uid));
	assert_true(name_uid(uid, strlen(uid), NULL, again));
	assert_string_not_equal(uid, again);
}

static void the_order_is_time_then_name(void **state)
{
	(void)state;
	assert_true(name_order(1, "b", 1, 2, "a", 1) < 0);
	assert_true(name_order(1, "b", 1, 1, "a", 1) > 0);
	assert_true(name_order(1, "a", 1, 1, "ab", 2) < 0);
	assert_int_equal(name_order(1, "a", 1, 1, "a", 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_base_ends_at_the_first_comma_or_colon),
		cmocka_unit_test(the_time_is_the_number_before_the_first_dot),
		cmocka_unit_test(sizes_are_taken_only_where_both_can_be_true),
		cmocka_unit_test(a_legal_base_is_its_own_uidl),
		cmocka_unit_test(an_illegal_base_is_hashed_the_same_way_for_ever),
		cmocka_unit_test(a_base_that_looks_like_a_hash_is_hashed),
		cmocka_unit_test(the_order_is_time_then_name),
	};

	return cmocka_run_group_tests_name("maildir_names", tests, NULL, NULL);
}
