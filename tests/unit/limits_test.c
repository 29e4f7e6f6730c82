/* The table of connection counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include "ipc/limits.h"

static void open_two(struct limits *a, struct limits *b)
{
	int fd = limits_create();

	assert_true(fd >= 0);
	assert_int_equal(limits_open(a, fd, 1), 0);
	assert_int_equal(limits_open(b, fd, 2), 0);
	close(fd);
}

static void counts_are_the_sum_over_all_processes(void **state)
{
	struct limits a, b;
	uint64_t key;

	(void)state;
	open_two(&a, &b);
	key = limits_key_text(&a, "192.0.2.1");
	assert_int_equal(limits_take(&a, key, 0, 2), LIMITS_OK);
	assert_int_equal(limits_take(&b, key, 0, 2), LIMITS_OK);
	assert_int_equal(limits_take(&a, key, 0, 2), LIMITS_ADDRESS);
	assert_int_equal(limits_take(&b, limits_key_text(&b, "192.0.2.2"), 3, 2), LIMITS_OK);
	assert_int_equal(limits_take(&b, limits_key_text(&b, "192.0.2.3"), 3, 2), LIMITS_TOTAL);
	limits_give(&a, key);
	assert_int_equal(limits_take(&b, key, 3, 2), LIMITS_OK);
}

static void a_dead_process_gives_its_counts_back(void **state)
{
	struct limits a, b;
	uint64_t key;

	(void)state;
	open_two(&a, &b);
	key = limits_key_text(&a, "2001:db8::1");
	for (int i = 0; i < 5; i++)
		assert_int_equal(limits_take(&a, key, 0, 0), LIMITS_OK);
	assert_int_equal(limits_take(&b, key, 0, 0), LIMITS_OK);
	limits_clear(&b, 1);
	assert_int_equal(limits_total(&b), 1);
	assert_int_equal(limits_address(&b, key), 1);
}

static void a_count_never_wraps_below_zero(void **state)
{
	struct limits a, b;
	uint64_t key;

	(void)state;
	open_two(&a, &b);
	key = limits_key_text(&a, "192.0.2.1");
	assert_int_equal(limits_take(&a, key, 0, 0), LIMITS_OK);
	limits_clear(&b, 1);
	limits_give(&a, key);
	assert_int_equal(limits_total(&b), 0);
	assert_int_equal(limits_take(&b, key, 1, 1), LIMITS_OK);
}

static void an_ipv6_network_of_64_bits_is_one_address(void **state)
{
	struct limits a, b;

	(void)state;
	open_two(&a, &b);
	assert_true(
		limits_key_text(&a, "2001:db8:0:1::1") == limits_key_text(&b, "2001:db8:0:1:f::9"));
	assert_true(
		limits_key_text(&a, "2001:db8:0:1::1") != limits_key_text(&a, "2001:db8:0:2::1"));
}

static void a_mapped_address_and_a_socket_address_are_the_same_client(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct limits a, b;
	uint64_t key;

	(void)state;
	open_two(&a, &b);
	key = limits_key_text(&a, "192.0.2.77");
	inet_pton(AF_INET, "192.0.2.77", &in4.sin_addr);
	inet_pton(AF_INET6, "::ffff:192.0.2.77", &in6.sin6_addr);
	assert_true(limits_key(&a, (struct sockaddr *)&in4) == key);
	assert_true(limits_key(&b, (struct sockaddr *)&in6) == key);
}

static void a_thousand_addresses_do_not_hide_a_quiet_one(void **state)
{
	struct limits a, b;
	uint32_t worst = 0;
	char ip[32];

	(void)state;
	open_two(&a, &b);
	for (uint32_t i = 0; i < 1000; i++) {
		struct in_addr in = {htonl(0x0a000000u + i)};

		inet_ntop(AF_INET, &in, ip, sizeof(ip));
		assert_int_equal(limits_take(&a, limits_key_text(&a, ip), 0, 0), LIMITS_OK);
	}
	for (uint32_t i = 0; i < 100; i++) {
		struct in_addr in = {htonl(0xc0a80000u + i)};
		uint32_t n;

		inet_ntop(AF_INET, &in, ip, sizeof(ip));
		n = limits_address(&b, limits_key_text(&b, ip));
		if (n > worst)
			worst = n;
	}
	assert_true(worst <= 5);
}

static void nobody_can_shrink_the_table_under_the_others(void **state)
{
	int fd = limits_create();

	(void)state;
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
	close(fd);
}

static void without_a_table_nothing_is_limited(void **state)
{
	struct limits none = {0};

	(void)state;
	assert_int_equal(limits_take(&none, limits_key_text(&none, "192.0.2.1"), 1, 1), LIMITS_OK);
	assert_int_equal(limits_take(&none, limits_key_text(&none, "192.0.2.1"), 1, 1), LIMITS_OK);
	limits_give(&none, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_the_sum_over_all_processes),
		cmocka_unit_test(a_dead_process_gives_its_counts_back),
		cmocka_unit_test(a_count_never_wraps_below_zero),
		cmocka_unit_test(an_ipv6_network_of_64_bits_is_one_address),
		cmocka_unit_test(a_mapped_address_and_a_socket_address_are_the_same_client),
		cmocka_unit_test(a_thousand_addresses_do_not_hide_a_quiet_one),
		cmocka_unit_test(nobody_can_shrink_the_table_under_the_others),
		cmocka_unit_test(without_a_table_nothing_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
