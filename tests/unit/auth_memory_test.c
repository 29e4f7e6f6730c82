/* auth: what it remembers of passwords that were right, and of failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "auth/cache.h"
#include "auth/penalty.h"

enum { TTL = 1000, BASE = 2000, MOST = 8 * BASE, ROWS = 1024 };

static struct keyed keyed;

static int make_key(void **state)
{
	(void)state;
	return keyed_init(&keyed);
}

/* --- the cache --- */

static struct cache new_cache(size_t entries)
{
	struct cache c;

	cache_init(&c, &keyed, TTL, entries);
	return c;
}

static void put(
	struct cache *c, const char *user, const char *password, uint64_t stamp, int64_t now)
{
	struct cache_key key;

	cache_key(c, user, password, "192.0.2.1", &key);
	cache_put(c, &key, user, stamp, 3, "phone", now);
}

static const struct cached *get(
	const struct cache *c, const char *user, const char *password, int64_t now)
{
	struct cache_key key;

	cache_key(c, user, password, "192.0.2.1", &key);
	return cache_find(c, &key, now);
}

static void a_right_password_is_remembered_until_its_time_is_over(void **state)
{
	struct cache c = new_cache(64);

	(void)state;
	put(&c, "anna", "secret", 7, 100);
	assert_int_equal(get(&c, "anna", "secret", 100 + TTL - 1)->stamp, 7);
	assert_int_equal(get(&c, "anna", "secret", 101)->backend, 3);
	assert_string_equal(get(&c, "anna", "secret", 101)->label, "phone");
	assert_null(get(&c, "anna", "secret", 100 + TTL));
	free(c.rows.at);
}

static void another_password_or_user_finds_nothing_and_throws_out_nothing(void **state)
{
	struct cache c = new_cache(8);
	char wrong[32];

	(void)state;
	put(&c, "anna", "secret", 7, 100);
	for (int i = 0; i < 1000; i++) {
		snprintf(wrong, sizeof(wrong), "wrong%d", i);
		assert_null(get(&c, "anna", wrong, 101));
	}
	assert_null(get(&c, "annas", "ecret", 101));
	assert_null(get(&c, "", "annasecret", 101));
	assert_non_null(get(&c, "anna", "secret", 101));
	free(c.rows.at);
}

static void a_full_cache_gives_up_what_was_used_longest_ago(void **state)
{
	struct cache c = new_cache(8);
	char user[32];

	(void)state;
	for (int i = 0; i < 8; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		put(&c, user, "x", 1, 100 + i);
	}
	assert_non_null(get(&c, "user0", "x", 200)); /* and so it is used */
	put(&c, "new", "x", 1, 300);
	assert_non_null(get(&c, "user0", "x", 301));
	assert_null(get(&c, "user1", "x", 301));
	assert_non_null(get(&c, "new", "x", 301));
	free(c.rows.at);
}

static void one_user_or_all_can_be_forgotten(void **state)
{
	struct cache c = new_cache(64);

	(void)state;
	put(&c, "anna", "one", 1, 100);
	put(&c, "anna", "two", 1, 100);
	put(&c, "ben", "one", 1, 100);
	assert_int_equal(cache_flush(&c, "ann"), 0);
	assert_int_equal(cache_flush(&c, "anna"), 2);
	assert_null(get(&c, "anna", "two", 101));
	assert_non_null(get(&c, "ben", "one", 101));
	assert_int_equal(cache_flush(&c, NULL), 1);
	free(c.rows.at);
}

/* A plugin may give the user another name than the client has written. */
static void a_user_can_be_forgotten_by_the_name_of_his_record(void **state)
{
	struct cache c = new_cache(64);
	struct cache_key key;

	(void)state;
	cache_key(&c, "Anna@EXAMPLE.org", "one", "192.0.2.1", &key);
	cache_put(&c, &key, "anna", 1, 3, "", 100);
	assert_int_equal(cache_flush(&c, "ben"), 0);
	assert_int_equal(cache_flush(&c, "anna"), 1);
	assert_null(get(&c, "Anna@EXAMPLE.org", "one", 101));
	free(c.rows.at);
}

/* Bug class: PAM_RHOST decides, and the cache lets in from everywhere who was let in from one
 * place. */
static void what_was_right_from_one_address_is_checked_again_from_another(void **state)
{
	struct cache c = new_cache(64);
	struct cache_key here, there;

	(void)state;
	cache_key(&c, "anna", "one", "192.0.2.1", &here);
	cache_key(&c, "anna", "one", "192.0.2.2", &there);
	put(&c, "anna", "one", 1, 100);
	assert_non_null(cache_find(&c, &here, 101));
	assert_null(cache_find(&c, &there, 101));
	assert_memory_equal(here.proof, there.proof, CACHE_PROOF); /* penalties see one password */
	assert_int_equal(cache_flush(&c, "anna"), 1);
	free(c.rows.at);
}

static void without_a_time_nothing_is_remembered(void **state)
{
	struct cache c = {.ttl_ms = 0};

	(void)state;
	cache_init(&c, &keyed, 0, 64);
	put(&c, "anna", "secret", 7, 100);
	assert_null(get(&c, "anna", "secret", 100));
	assert_int_equal(cache_flush(&c, NULL), 0);
}

/* --- penalties --- */

static struct penalties new_penalties(void)
{
	struct penalties p;

	memset(&p, 0, sizeof(p));
	penalties_init(&p, &keyed, BASE, ROWS);
	return p;
}

static void done(struct penalties *p)
{
	free(p->failures.at);
	free(p->known.at);
}

static int64_t failed(
	struct penalties *p, const char *ip, const char *user, uint64_t what, int64_t now)
{
	struct attempt a;

	penalties_begin(p, ip, user, &a);
	return penalties_failed(p, &a, what, now);
}

static int refused(const struct penalties *p, const char *ip, const char *user, int64_t now)
{
	struct attempt a;
	int log;

	penalties_begin(p, ip, user, &a);
	return penalties_refuse(p, &a, now, &log);
}

static void pass(struct penalties *p, const char *ip, const char *user, int64_t now)
{
	struct attempt a;

	penalties_begin(p, ip, user, &a);
	penalties_passed(p, &a, now);
}

static void each_failure_doubles_the_time_up_to_eight_times(void **state)
{
	static const int64_t waits[] = {BASE, 2 * BASE, 4 * BASE, 8 * BASE, 8 * BASE};
	struct penalties p = new_penalties();
	int64_t now = 1000;

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		int64_t wait = failed(&p, "192.0.2.1", "anna", i + 1, now);

		assert_int_equal(wait, waits[i]);
		now += wait; /* who waits for the answer before he tries again */
	}
	done(&p);
}

static void failures_at_one_time_wait_behind_each_other_and_then_are_refused(void **state)
{
	struct penalties p = new_penalties();
	int64_t wait = 0;
	int n = 0;

	(void)state;
	while (!refused(&p, "192.0.2.1", "anna", 1000)) {
		int64_t w = failed(&p, "192.0.2.1", "anna", (uint64_t)++n, 1000);

		assert_true(w > wait && w <= 2 * MOST);
		wait = w;
		assert_true(n < 10);
	}
	assert_true(refused(&p, "192.0.2.1", "ben", 1000));
	assert_false(refused(&p, "192.0.2.2", "ben", 1000));
	assert_false(refused(&p, "192.0.2.1", "ben", 1000 + wait));
	done(&p);
}

/* An office behind one address: a phone with an old password must not lock the others out. */
static void who_is_known_at_an_address_does_not_pay_for_others_there(void **state)
{
	struct penalties p = new_penalties();

	(void)state;
	pass(&p, "192.0.2.1", "anna", 1000);
	for (uint64_t i = 1; !refused(&p, "192.0.2.1", "eve", 1000); i++)
		(void)failed(&p, "192.0.2.1", "eve", i, 1000);
	assert_false(refused(&p, "192.0.2.1", "anna", 1000));
	assert_int_equal(failed(&p, "192.0.2.1", "anna", 99, 1000), BASE);
	assert_true(refused(&p, "192.0.2.1", "ben", 1000));
	for (uint64_t i = 100; i < 110; i++)
		(void)failed(&p, "192.0.2.1", "anna", i, 1000);
	assert_true(refused(&p, "192.0.2.1", "anna", 1000)); /* for his own failures he does */
	done(&p);
}

static void the_same_wrong_password_again_does_not_cost_more(void **state)
{
	struct penalties p = new_penalties();
	int64_t now = 1000;

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(failed(&p, "192.0.2.1", "anna", 42, now), BASE);
		now += BASE;
	}
	assert_int_equal(failed(&p, "192.0.2.1", "anna", 43, now), 2 * BASE);
	done(&p);
}

static void failures_are_forgiven_one_a_minute(void **state)
{
	struct penalties p = new_penalties();
	int64_t now = 1000;

	(void)state;
	for (uint64_t i = 1; i <= 3; i++)
		now += failed(&p, "192.0.2.1", "", i, now);
	now += 2 * 60000;
	assert_int_equal(failed(&p, "192.0.2.1", "", 9, now), 2 * BASE);
	now += 10 * 60000;
	assert_int_equal(failed(&p, "192.0.2.1", "", 10, now), BASE);
	done(&p);
}

static void an_ipv6_network_is_an_address_and_a_site_pays_more_coarsely(void **state)
{
	struct penalties p = new_penalties();
	char ip[64];

	(void)state;
	assert_int_equal(failed(&p, "2001:db8:1:2::1", "", 1, 1000), BASE);
	assert_int_equal(failed(&p, "2001:db8:1:2:ffff::9", "", 2, 1000 + BASE), 2 * BASE);
	for (int i = 0; !refused(&p, "2001:db8:1:ffff::1", "", 100000); i++) {
		snprintf(ip, sizeof(ip), "2001:db8:1:%x::1", 16 + i);
		(void)failed(&p, ip, "", (uint64_t)(100 + i), 100000);
		assert_true(i > 4 || !refused(&p, "2001:db8:1:ffff::1", "", 100000));
		assert_true(i < 100);
	}
	assert_false(refused(&p, "2001:db8:2:ffff::1", "", 100000));
	done(&p);
}

/* Many addresses guess at one user: each has one try. */
static void a_user_under_attack_is_reached_from_a_new_address(void **state)
{
	struct penalties p = new_penalties();
	char ip[64];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(ip, sizeof(ip), "192.0.2.%d", i);
		if (!refused(&p, ip, "anna", 1000))
			(void)failed(&p, ip, "anna", (uint64_t)(i + 1), 1000);
	}
	assert_false(refused(&p, "198.51.100.1", "anna", 1000));
	assert_true(refused(&p, "192.0.2.7", "anna", 1000));
	assert_false(refused(&p, "192.0.2.7", "ben", 1000));
	done(&p);
}

static void any_number_of_addresses_needs_no_more_room(void **state)
{
	struct penalties p = new_penalties();
	char ip[64];

	(void)state;
	pass(&p, "192.0.2.1", "anna", 1);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(ip, sizeof(ip), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		(void)failed(&p, ip, "anna", i + 1, 1000 + i);
	}
	assert_int_equal(p.failures.n, ROWS);
	assert_false(refused(
		&p, "192.0.2.1", "anna", 21001)); /* strangers' failures do not push out friends */
	done(&p);
}

static void an_administrator_can_clear_an_address_or_a_user(void **state)
{
	struct penalties p = new_penalties();

	(void)state;
	for (uint64_t i = 1; i < 10; i++) {
		(void)failed(&p, "192.0.2.1", "anna", i, 1000);
		(void)failed(&p, "2001:db8::1", "", i, 1000);
	}
	assert_int_equal(penalties_clear(&p, "192.0.2.2"), 0);
	assert_true(penalties_clear(&p, "192.0.2.1") > 0);
	assert_int_equal(penalties_clear(&p, "anna"), 1);
	assert_false(refused(&p, "192.0.2.1", "anna", 1000));
	assert_true(refused(&p, "2001:db8::1", "", 1000));
	assert_true(penalties_clear(&p, "2001:db8::77") > 0);
	assert_false(refused(&p, "2001:db8::1", "", 1000));
	done(&p);
}

static const struct failures *row_of(
	const struct penalties *p, enum penalty_kind kind, const char *address, const char *user)
{
	for (size_t i = 0; i < p->failures.n; i++) {
		const struct failures *f = rows_at(&p->failures, i);

		if (f->row.key != 0 && f->kind == kind && strcmp(f->address, address) == 0 &&
			strcmp(f->user, user) == 0)
			return f;
	}
	return NULL;
}

static void an_administrator_sees_what_a_row_is_about_and_until_when(void **state)
{
	struct penalties p = new_penalties();
	const struct failures *f;
	struct penalty look;

	(void)state;
	for (uint64_t i = 1; i <= 3; i++)
		(void)failed(&p, "2001:db8:1:2::1", "anna", i, 1000);
	f = row_of(&p, PENALTY_PAIR, "2001:db8:1:2::/64", "anna");
	assert_non_null(f);
	assert_true(penalties_look(f, 1000, &look));
	assert_int_equal(look.level, 3);
	assert_int_equal(look.wait_ms, 7 * BASE);
	assert_int_equal(look.until, 1000 + 3 * 60000);
	assert_int_equal(f->failed, 3);
	assert_true(penalties_look(f, look.until - 1, &look));
	assert_int_equal(look.level, 1);
	assert_int_equal(look.wait_ms, 0);
	assert_false(penalties_look(f, look.until, &look));
	assert_non_null(row_of(&p, PENALTY_ADDRESS, "2001:db8:1:2::/64", ""));
	assert_non_null(row_of(&p, PENALTY_NET, "2001:db8:1::/48", ""));
	f = row_of(&p, PENALTY_USER, "", "anna");
	assert_non_null(f);
	assert_true(penalties_look(f, 1000, &look));
	assert_int_equal(look.level, 0); /* four of them count as one */
	done(&p);
}

static void without_a_delay_nothing_costs_anything(void **state)
{
	struct penalties p;

	(void)state;
	memset(&p, 0, sizeof(p));
	penalties_init(&p, &keyed, 0, ROWS);
	for (uint64_t i = 1; i < 100; i++)
		assert_int_equal(failed(&p, "192.0.2.1", "anna", i, 1000), 0);
	assert_false(refused(&p, "192.0.2.1", "anna", 1000));
	done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_password_is_remembered_until_its_time_is_over),
		cmocka_unit_test(another_password_or_user_finds_nothing_and_throws_out_nothing),
		cmocka_unit_test(a_full_cache_gives_up_what_was_used_longest_ago),
		cmocka_unit_test(one_user_or_all_can_be_forgotten),
		cmocka_unit_test(a_user_can_be_forgotten_by_the_name_of_his_record),
		cmocka_unit_test(what_was_right_from_one_address_is_checked_again_from_another),
		cmocka_unit_test(without_a_time_nothing_is_remembered),
		cmocka_unit_test(each_failure_doubles_the_time_up_to_eight_times),
		cmocka_unit_test(failures_at_one_time_wait_behind_each_other_and_then_are_refused),
		cmocka_unit_test(who_is_known_at_an_address_does_not_pay_for_others_there),
		cmocka_unit_test(the_same_wrong_password_again_does_not_cost_more),
		cmocka_unit_test(failures_are_forgiven_one_a_minute),
		cmocka_unit_test(an_ipv6_network_is_an_address_and_a_site_pays_more_coarsely),
		cmocka_unit_test(a_user_under_attack_is_reached_from_a_new_address),
		cmocka_unit_test(any_number_of_addresses_needs_no_more_room),
		cmocka_unit_test(an_administrator_can_clear_an_address_or_a_user),
		cmocka_unit_test(an_administrator_sees_what_a_row_is_about_and_until_when),
		cmocka_unit_test(without_a_delay_nothing_costs_anything),
	};

	return cmocka_run_group_tests_name("auth_memory", tests, make_key, NULL);
}
