/* Command lines taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "pop3/command.h"

static struct command command;

static enum command_error parse(const char *line, enum pop3_state pop3_state)
{
	return command_parse((struct slice){line, strlen(line)}, pop3_state, &command);
}

static enum command_error before_login(const char *line)
{
	return parse(line, POP3_AUTHORIZATION);
}

static enum command_error after_login(const char *line)
{
	return parse(line, POP3_TRANSACTION);
}

static void assert_arg(size_t i, const char *text)
{
	assert_true(i < command.argc);
	assert_int_equal(command.arg[i].len, strlen(text));
	assert_memory_equal(command.arg[i].at, text, strlen(text));
}

/* What each command is with the arguments that it needs, and where it is allowed. */
static const struct {
	const char *line;
	enum command_id id;
	int states;
	size_t argc;
} all[] = {
	{"APOP mrose c4c9334bac560ecc979e58001b3e22fb", COMMAND_APOP, 1, 2},
	{"AUTH", COMMAND_AUTH, 1, 0},
	{"AUTH PLAIN", COMMAND_AUTH, 1, 1},
	{"AUTH PLAIN =", COMMAND_AUTH, 1, 2},
	{"CAPA", COMMAND_CAPA, 3, 0},
	{"DELE 1", COMMAND_DELE, 2, 1},
	{"LANG", COMMAND_LANG, 3, 0},
	{"LANG de", COMMAND_LANG, 3, 1},
	{"LIST", COMMAND_LIST, 2, 0},
	{"LIST 1", COMMAND_LIST, 2, 1},
	{"NOOP", COMMAND_NOOP, 2, 0},
	{"PASS secret", COMMAND_PASS, 1, 1},
	{"QUIT", COMMAND_QUIT, 3, 0},
	{"RETR 1", COMMAND_RETR, 2, 1},
	{"RSET", COMMAND_RSET, 2, 0},
	{"STAT", COMMAND_STAT, 2, 0},
	{"STLS", COMMAND_STLS, 1, 0},
	{"TOP 1 10", COMMAND_TOP, 2, 2},
	{"UIDL", COMMAND_UIDL, 2, 0},
	{"UIDL 1", COMMAND_UIDL, 2, 1},
	{"USER mrose", COMMAND_USER, 1, 1},
	{"UTF8", COMMAND_UTF8, 1, 0},
};

static void every_command_is_known_in_its_states_and_refused_in_the_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (enum pop3_state s = POP3_AUTHORIZATION; s <= POP3_TRANSACTION; s++) {
			assert_int_equal(parse(all[i].line, s),
				(all[i].states & (int)s) ? COMMAND_OK : COMMAND_WRONG_STATE);
			assert_int_equal(command.id, all[i].id);
			assert_int_equal(command.argc, (all[i].states & (int)s) ? all[i].argc : 0);
		}
}

static void every_command_refuses_one_argument_too_many(void **state)
{
	char line[100];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bool rest = all[i].id == COMMAND_PASS || all[i].id == COMMAND_USER;
		bool takes_more =
			i + 1 < sizeof(all) / sizeof(all[0]) && all[i + 1].id == all[i].id;

		if (rest || takes_more)
			continue;
		snprintf(line, sizeof(line), "%s 1", all[i].line);
		assert_int_equal(parse(line, (enum pop3_state)(all[i].states & 2 ? 2 : 1)),
			COMMAND_BAD_ARGS);
		assert_int_equal(command.id, all[i].id);
	}
}

static void a_missing_argument_is_refused(void **state)
{
	(void)state;
	assert_int_equal(after_login("RETR"), COMMAND_BAD_ARGS);
	assert_int_equal(after_login("DELE "), COMMAND_BAD_ARGS);
	assert_int_equal(after_login("TOP 1"), COMMAND_BAD_ARGS);
	assert_int_equal(after_login("TOP"), COMMAND_BAD_ARGS);
	assert_int_equal(before_login("USER"), COMMAND_BAD_ARGS);
	assert_int_equal(before_login("USER   "), COMMAND_BAD_ARGS);
	assert_int_equal(before_login("PASS"), COMMAND_BAD_ARGS);
	assert_int_equal(before_login("PASS "), COMMAND_BAD_ARGS);
	assert_int_equal(before_login("APOP mrose"), COMMAND_BAD_ARGS);
}

/* RFC 1939 section 3: keywords are case-insensitive. */
static void keywords_come_in_any_case(void **state)
{
	(void)state;
	assert_int_equal(after_login("rEtR 7"), COMMAND_OK);
	assert_int_equal(command.id, COMMAND_RETR);
	assert_int_equal(command.num[0], 7);
}

static void what_only_begins_like_a_command_is_unknown(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		" NOOP",
		"NOO",
		"NOOPS",
		"TO",
		"RETR\t1",
		"XTND XMIT",
		"\r",
		"STAT\r",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(after_login(lines[i]), COMMAND_UNKNOWN);
		assert_int_equal(command.id, COMMAND_COUNT);
	}
}

static void spaces_at_the_end_and_between_arguments_are_tolerated(void **state)
{
	(void)state;
	assert_int_equal(after_login("STAT  "), COMMAND_OK);
	assert_int_equal(after_login("LIST "), COMMAND_OK);
	assert_int_equal(command.argc, 0);
	assert_int_equal(after_login("TOP  1   0 "), COMMAND_OK);
	assert_int_equal(command.num[0], 1);
	assert_int_equal(command.num[1], 0);
}

/* RFC 1939 section 7: spaces may be part of the password. */
static void a_password_is_the_rest_of_the_line_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(before_login("PASS  two words\t "), COMMAND_OK);
	assert_arg(0, " two words\t ");
	assert_int_equal(command.argc, 1);
}

static void a_long_password_is_not_cut(void **state)
{
	char line[254];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "PASS ", 5);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(before_login(line), COMMAND_OK);
	assert_int_equal(command.arg[0].len, sizeof(line) - 1 - 5);
}

static void a_user_name_may_hold_spaces_but_has_none_at_its_ends(void **state)
{
	(void)state;
	assert_int_equal(before_login("USER  John Doe  "), COMMAND_OK);
	assert_arg(0, "John Doe");
}

/* Names go to logs and paths; a bare CR splits a line in other programs. */
static void a_control_character_in_an_argument_is_refused(void **state)
{
	(void)state;
	assert_int_equal(before_login("USER a\rb"), COMMAND_BAD_ARGS);
	assert_int_equal(before_login("USER a\033[2J"), COMMAND_BAD_ARGS);
	assert_int_equal(before_login("LANG \177"), COMMAND_BAD_ARGS);
	assert_int_equal(before_login("AUTH PLAIN a\tb"), COMMAND_BAD_ARGS);
}

static void a_user_name_in_utf8_is_taken(void **state)
{
	(void)state;
	assert_int_equal(before_login("USER jos\303\251"), COMMAND_OK);
	assert_arg(0, "jos\303\251");
}

/* DESIGN section 9: Courier takes 4294967297 as 1 and accepts TOP n -1. */
static void a_number_is_digits_that_fit_in_32_bits_or_it_is_none(void **state)
{
	static const char *const bad[] = {
		"-1",
		"+1",
		"1x",
		"x1",
		"0x1",
		"1.",
		"1e3",
		"4294967296",
		"4294967297",
		"18446744073709551617",
		"99999999999999999999999999999999",
		"\333\261",
	};
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "RETR %s", bad[i]);
		assert_int_equal(after_login(line), COMMAND_BAD_NUMBER);
		assert_int_equal(command.id, COMMAND_RETR);
		snprintf(line, sizeof(line), "TOP 1 %s", bad[i]);
		assert_int_equal(after_login(line), COMMAND_BAD_NUMBER);
	}
	assert_int_equal(after_login("RETR 4294967295"), COMMAND_OK);
	assert_int_equal(command.num[0], UINT32_MAX);
	assert_int_equal(after_login("RETR 0000000000000000000012"), COMMAND_OK);
	assert_int_equal(command.num[0], 12);
}

/* Stalwart takes 0 as 1. */
static void zero_stays_zero(void **state)
{
	(void)state;
	assert_int_equal(after_login("RETR 0"), COMMAND_OK);
	assert_int_equal(command.num[0], 0);
	assert_int_equal(command.argc, 1);
}

static void every_command_has_a_name_for_the_log(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const char *name = command_name(all[i].id);

		assert_true(strlen(name) >= 3);
		assert_memory_equal(all[i].line, name, strlen(name));
	}
	assert_string_equal(command_name(COMMAND_COUNT), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_is_known_in_its_states_and_refused_in_the_other),
		cmocka_unit_test(every_command_refuses_one_argument_too_many),
		cmocka_unit_test(a_missing_argument_is_refused),
		cmocka_unit_test(keywords_come_in_any_case),
		cmocka_unit_test(what_only_begins_like_a_command_is_unknown),
		cmocka_unit_test(spaces_at_the_end_and_between_arguments_are_tolerated),
		cmocka_unit_test(a_password_is_the_rest_of_the_line_as_it_is),
		cmocka_unit_test(a_long_password_is_not_cut),
		cmocka_unit_test(a_user_name_may_hold_spaces_but_has_none_at_its_ends),
		cmocka_unit_test(a_control_character_in_an_argument_is_refused),
		cmocka_unit_test(a_user_name_in_utf8_is_taken),
		cmocka_unit_test(a_number_is_digits_that_fit_in_32_bits_or_it_is_none),
		cmocka_unit_test(zero_stays_zero),
		cmocka_unit_test(every_command_has_a_name_for_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
