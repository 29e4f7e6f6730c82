/* Buffers, the log's fields, secrets. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/log.h"
#include "base/net.h"
#include "base/wipe.h"

static void a_buffer_grows_and_always_ends_with_nul(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_string_equal(buf_str(&b), "");
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i % 10);
	assert_int_equal(b.len, 2000);
	assert_int_equal(strlen(b.p), 2000);
	buf_drop(&b, 1998);
	assert_string_equal(buf_str(&b), "9,");
	buf_free(&b);
	assert_null(b.p);
}

static void a_client_cannot_forge_a_log_field(void **state)
{
	struct buf b = {0};

	(void)state;
	log_field(&b, "user", "eve ip=127.0.0.1\n\"x\" \xc3\xa9");
	log_field(&b, "ip", "192.0.2.1");
	log_field(&b, "note", "");
	assert_string_equal(buf_str(&b),
		"user=\"eve ip=127.0.0.1\\x0a\\\"x\\\" \\xc3\\xa9\" ip=192.0.2.1 note=\"\"");
	buf_free(&b);
}

static void a_log_line_is_one_line(void **state)
{
	int fd[2], saved = dup(2);
	char line[256];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(dup2(fd[1], 2), 2);
	log_line(LOG_INFO, "first%csecond", '\n');
	assert_int_equal(dup2(saved, 2), 2);
	n = read(fd[0], line, sizeof(line) - 1);
	assert_true(n > 0);
	line[n] = '\0';
	assert_non_null(strstr(line, ": first?second\n"));
	close(fd[0]);
	close(fd[1]);
	close(saved);
}

static void a_text_that_does_not_fit_is_cut_and_ended(void **state)
{
	char to[4];

	(void)state;
	assert_int_equal(str_copy(to, sizeof(to), "abc"), 0);
	assert_string_equal(to, "abc");
	assert_int_equal(str_copy(to, sizeof(to), "abcd"), -1);
	assert_string_equal(to, "abc");
}

static void secrets_are_the_same_only_when_each_octet_is(void **state)
{
	(void)state;
	assert_true(same_secret("abcd", "abcd", 4));
	assert_false(same_secret("abcd", "abcx", 4));
	assert_false(same_secret("xbcd", "abcd", 4));
	assert_true(same_secret("a", "b", 0));
}

/* RFC 4632 section 3.1. */
static void a_network_holds_its_addresses_and_no_others(void **state)
{
	static const struct {
		const char *list, *ip;
		int holds;
	} rows[] = {
		{"192.0.2.0/24", "192.0.2.255", 1},
		{"192.0.2.0/24", "192.0.3.0", 0},
		{"192.0.2.77/24", "192.0.2.1", 1},
		{"192.0.2.0/25", "192.0.2.128", 0},
		{"192.0.2.1", "192.0.2.1", 1},
		{"192.0.2.1", "::ffff:192.0.2.1", 1},
		{"0.0.0.0/0", "203.0.113.9", 1},
		{"0.0.0.0/0", "2001:db8::1", 0},
		{"2001:db8::/33", "2001:db8:7fff::1", 1},
		{"2001:db8::/33", "2001:db8:8000::1", 0},
		{"10.0.0.0/8,2001:db8::/32", "2001:db8::9", 1},
		{"10.0.0.0/8,2001:db8::/32", "192.0.2.1", 0},
		{"10.0.0.0/8", "10.0.0.1 ", 0},
		{"10.0.0.0/8", "", 0},
		{"", "192.0.2.1", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(net_list_holds(rows[i].list, rows[i].ip), rows[i].holds);
}

static void what_is_no_list_of_networks_is_told(void **state)
{
	static const char *const wrong[] = {"192.0.2.0/33", "192.0.2/24", "x", "10.0.0.0/8,",
		"10.0.0.0/8,,::1", "10.0.0.0/", "10.0.0.0/-1", "2001:db8::/129", "10.0.0.0/8 ",
		","};
	struct net net;
	char text[NET_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_non_null(net_list_wrong(wrong[i]));
	assert_null(net_list_wrong("10.0.0.0/8,::1,192.0.2.1/32"));
	assert_null(net_list_wrong(""));
	assert_int_equal(net_parse("192.0.2.77/24", 13, &net), 0);
	net_text(&net, text);
	assert_string_equal(text, "192.0.2.0/24");
	assert_int_equal(net_parse("2001:db8::1", 11, &net), 0);
	net_text(&net, text);
	assert_string_equal(text, "2001:db8::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_grows_and_always_ends_with_nul),
		cmocka_unit_test(a_client_cannot_forge_a_log_field),
		cmocka_unit_test(a_log_line_is_one_line),
		cmocka_unit_test(a_network_holds_its_addresses_and_no_others),
		cmocka_unit_test(what_is_no_list_of_networks_is_told),
		cmocka_unit_test(a_text_that_does_not_fit_is_cut_and_ended),
		cmocka_unit_test(secrets_are_the_same_only_when_each_octet_is),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
