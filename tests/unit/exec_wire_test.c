/* Lines of auth-exec's protocol, restante-auth-exec(7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <restante/plugin.h>
#include "wire.h"

static char text[EXEC_REQUEST_MAX];

static struct exec_request begin(void)
{
	struct exec_request r = {.text = text};

	exec_request_begin(&r, 7, EXEC_VERIFY);
	return r;
}

static void assert_line(struct exec_request *r, const char *line)
{
	assert_true(exec_request_end(r));
	assert_int_equal(r->len, strlen(line));
	assert_memory_equal(r->text, line, r->len);
}

/* Reads a copy that is no longer than it has to be. */
static const char *read_reply(const char *line, struct exec_reply *r)
{
	static char copy[EXEC_REPLY_MAX];
	size_t n = strlen(line);

	memcpy(copy, line, n);
	return exec_reply_read(copy, n, r);
}

static void a_request_is_a_line_of_words(void **state)
{
	struct exec_request r = begin();

	(void)state;
	exec_request_put(&r, "user", "joe");
	exec_request_put(&r, "password", "");
	assert_line(&r, "7 verify user=joe password=\n");
}

static void no_octet_of_a_name_ends_a_word_or_a_line(void **state)
{
	struct exec_request r = begin();

	(void)state;
	exec_request_put(&r, "user", "a b\nc=%\r\x01\x7f\xc3\xa4");
	assert_line(&r, "7 verify user=a%20b%0Ac=%25%0D%01%7F%C3%A4\n");
}

static void a_request_that_is_too_long_is_not_sent(void **state)
{
	char *large = malloc(EXEC_REQUEST_MAX);
	struct exec_request r = begin();

	(void)state;
	memset(large, 'a', EXEC_REQUEST_MAX - 1);
	large[EXEC_REQUEST_MAX - 1 - strlen("7 verify user=")] = '\0';
	exec_request_put(&r, "user", large);
	assert_true(exec_request_end(&r));
	assert_int_equal(r.len, EXEC_REQUEST_MAX);
	r = begin();
	exec_request_put(&r, "users", large);
	assert_false(exec_request_end(&r));
	free(large);
}

static void a_reply_has_a_number_a_result_and_keys(void **state)
{
	struct exec_reply r;

	(void)state;
	assert_null(read_reply("18446744073709551615 ok uid=4294967294 gid=5 home=/home/j%C3%B6 "
			       "name=j\xc3\xb6 stamp=18446744073709551615 attr.storage=mbox "
			       "attr.storage-mbox.path=/var/mail/%25u",
		&r));
	assert_true(r.id == UINT64_MAX);
	assert_int_equal(r.result, RESTANTE_OK);
	assert_true(r.value[EXEC_UID].number == 4294967294);
	assert_true(r.value[EXEC_GID].number == 5);
	assert_true(r.value[EXEC_STAMP].number == UINT64_MAX);
	assert_string_equal(r.value[EXEC_HOME].text, "/home/j\xc3\xb6");
	assert_string_equal(r.value[EXEC_NAME].text, "j\xc3\xb6");
	assert_false(r.value[EXEC_SECRET].given);
	assert_int_equal(r.nattrs, 2);
	assert_string_equal(r.attrs[0], "storage");
	assert_string_equal(r.attrs[1], "mbox");
	assert_string_equal(r.attrs[2], "storage-mbox.path");
	assert_string_equal(r.attrs[3], "/var/mail/%u");
	assert_null(r.attrs[4]);
}

static void every_result_has_a_word(void **state)
{
	static const struct {
		const char *line;
		int result;
	} rows[] = {{"1 ok", RESTANTE_OK}, {"1 deny", RESTANTE_DENY}, {"1 none", RESTANTE_NONE},
		{"1 temp", RESTANTE_TEMP}, {"1 perm", RESTANTE_PERM}};
	struct exec_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(read_reply(rows[i].line, &r));
		assert_int_equal(r.result, rows[i].result);
	}
}

static void keys_of_the_future_are_skipped(void **state)
{
	struct exec_reply r;

	(void)state;
	assert_null(read_reply("1 ok shoe-size=46 uid=1 uid2=%zz gid=2 shoe-size=", &r));
	assert_true(r.value[EXEC_UID].number == 1 && r.value[EXEC_GID].number == 2);
}

/* RFC 5802: salts and keys are octets. */
static void keys_of_scram_may_have_any_octet_in_them(void **state)
{
	struct exec_reply r;

	(void)state;
	assert_null(read_reply("1 ok iterations=4096 salt=%00%ff stored=a%00b server=", &r));
	assert_int_equal(r.value[EXEC_SALT].len, 2);
	assert_memory_equal(r.value[EXEC_SALT].text, "\0\xff", 2);
	assert_int_equal(r.value[EXEC_STORED].len, 3);
	assert_memory_equal(r.value[EXEC_STORED].text, "a\0b", 3);
	assert_true(r.value[EXEC_SERVER].given);
	assert_int_equal(r.value[EXEC_SERVER].len, 0);
}

static void what_is_no_reply_is_told_with_what_was_expected(void **state)
{
	static const char *const lines[] = {"", " ", "ok", "1", "1 ", "1  ok", "x ok", "-1 ok",
		"+1 ok", "1x ok", "18446744073709551616 ok", "1 OK", "1 yes", "1 ok ", "1 ok uid",
		"1 ok =1", "1 ok uid=", "1 ok uid=-1", "1 ok uid=4294967295", "1 ok uid=1 uid=1",
		"1 ok uid=0x1", "1 ok name=%", "1 ok name=%4", "1 ok name=%4g", "1 ok name=a%00b",
		"1 ok home=%00", "1 ok\r", "1 ok\tuid=1", "1 ok uid=1\x7f", "1 ok attr.=x",
		"1 ok attr.storage=%00", "1 ok attr.storage"};
	struct exec_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (read_reply(lines[i], &r) == NULL)
			fail_msg("\"%s\" is taken", lines[i]);
}

static void a_nul_in_a_line_does_not_end_it(void **state)
{
	char line[] = "1 ok\0 uid=1 ";
	struct exec_reply r;

	(void)state;
	assert_non_null(exec_reply_read(line, sizeof(line) - 2, &r));
}

static void there_is_room_for_so_many_attributes(void **state)
{
	char line[EXEC_REPLY_MAX] = "1 ok";
	struct exec_reply r;

	(void)state;
	for (size_t i = 0; i < EXEC_ATTRS_MAX; i++)
		memcpy(line + strlen(line), " attr.a=b", 10);
	assert_null(read_reply(line, &r));
	assert_int_equal(r.nattrs, EXEC_ATTRS_MAX);
	assert_null(r.attrs[2 * EXEC_ATTRS_MAX]);
	memcpy(line + strlen(line), " attr.a=b", 10);
	assert_non_null(read_reply(line, &r));
}

static const char *greeting(const char *line, unsigned *can)
{
	char copy[256];
	size_t n = strlen(line);

	memcpy(copy, line, n);
	return exec_greeting_read(copy, n, can);
}

static void a_greeting_says_what_can_be_asked(void **state)
{
	unsigned can;

	(void)state;
	assert_null(greeting("restante-auth 1", &can));
	assert_int_equal(can, 1u << EXEC_VERIFY | 1u << EXEC_LOOKUP);
	assert_null(greeting("restante-auth 1 new=1 can=verify,scram,fly,apop", &can));
	assert_int_equal(can, 1u << EXEC_VERIFY | 1u << EXEC_SCRAM | 1u << EXEC_APOP);
	assert_null(greeting("restante-auth 1 can=", &can));
	assert_int_equal(can, 0);
}

static void another_version_is_none_that_can_be_spoken(void **state)
{
	static const char *const lines[] = {"", "restante-auth", "restante-auth 0",
		"restante-auth 2", "restante-auth 11", "restante-auth 1.0", "Restante-auth 1",
		"restante-auth  1", "restante-auth 1 ", "restante-auth 1 can", "hello"};
	unsigned can;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (greeting(lines[i], &can) == NULL)
			fail_msg("\"%s\" is taken", lines[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_a_line_of_words),
		cmocka_unit_test(no_octet_of_a_name_ends_a_word_or_a_line),
		cmocka_unit_test(a_request_that_is_too_long_is_not_sent),
		cmocka_unit_test(a_reply_has_a_number_a_result_and_keys),
		cmocka_unit_test(every_result_has_a_word),
		cmocka_unit_test(keys_of_the_future_are_skipped),
		cmocka_unit_test(keys_of_scram_may_have_any_octet_in_them),
		cmocka_unit_test(what_is_no_reply_is_told_with_what_was_expected),
		cmocka_unit_test(a_nul_in_a_line_does_not_end_it),
		cmocka_unit_test(there_is_room_for_so_many_attributes),
		cmocka_unit_test(a_greeting_says_what_can_be_asked),
		cmocka_unit_test(another_version_is_none_that_can_be_spoken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
