/* Replies in all languages, and the reply to CAPA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "pop3/capa.h"
#include "pop3/reply.h"

static char text[2048];

/* The reply as a string, without what buf held before. */
static const char *reply(enum language lang, enum reply_id id, uint64_t n1, uint64_t n2)
{
	text[reply_format(text, REPLY_MAX, lang, id, n1, n2)] = '\0';
	return text;
}

static bool is_utf8(const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		int more = c < 0x80                ? 0
			   : c >= 0xc2 && c < 0xe0 ? 1
			   : c >= 0xe0 && c < 0xf0 ? 2
						   : -1;

		if (more < 0)
			return false;
		for (; more > 0; more--)
			if (((unsigned char)*++s & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* RFC 1939 section 3: 512 octets with the CRLF, also with the largest numbers and a string. */
static void every_reply_is_one_line_that_fits_in_512_octets(void **state)
{
	char s[400];

	(void)state;
	memset(s, 'x', sizeof(s));
	s[sizeof(s) - 1] = '\0';
	for (enum language lang = 0; lang < LANG_COUNT; lang++)
		for (enum reply_id id = 0; id < REPLY_COUNT; id++) {
			size_t n = reply_format_text(text, REPLY_MAX, lang, id, s, UINT64_MAX);

			assert_true(n < REPLY_MAX);
			text[n] = '\0';
			assert_int_equal(strcspn(text, "\r\n"), n - 2);
			assert_string_equal(text + n - 2, "\r\n");
			assert_true(
				strncmp(text, "+OK ", 4) == 0 || strncmp(text, "-ERR ", 5) == 0);
		}
}

static void every_text_is_there_in_every_language(void **state)
{
	(void)state;
	for (enum language lang = 0; lang < LANG_COUNT; lang++)
		for (enum reply_id id = 0; id < REPLY_COUNT; id++) {
			assert_non_null(reply_text(lang, id));
			assert_true(strlen(reply_text(lang, id)) > 0);
			assert_true(is_utf8(reply_text(lang, id)));
		}
}

/* RFC 1939 section 3; RFC 6856 section 3: other than ASCII only after LANG. */
static void the_default_language_and_english_are_ascii(void **state)
{
	(void)state;
	for (enum reply_id id = 0; id < REPLY_COUNT; id++) {
		assert_true(is_ascii(reply_text(LANG_DEFAULT, id)));
		assert_string_equal(reply_text(LANG_DEFAULT, id), reply_text(LANG_EN, id));
	}
}

/* A blank that a translation lost or doubled would lose a number. */
static void every_translation_holds_the_blanks_of_the_english_text(void **state)
{
	static const char *const blanks[] = {"%1", "%2", "%s", "%l"};

	(void)state;
	for (enum language lang = LANG_DE; lang < LANG_COUNT; lang++)
		for (enum reply_id id = 0; id < REPLY_COUNT; id++) {
			const char *en = reply_text(LANG_EN, id), *other = reply_text(lang, id);

			for (size_t i = 0; i < sizeof(blanks) / sizeof(blanks[0]); i++)
				assert_int_equal(!strstr(en, blanks[i]), !strstr(other, blanks[i]));
			for (; (other = strchr(other, '%')); other += 2)
				assert_non_null(memchr("12sl", other[1], 4));
		}
}

static void only_texts_without_words_are_the_same_in_two_languages(void **state)
{
	(void)state;
	for (enum reply_id id = 0; id < REPLY_COUNT; id++) {
		bool wordless = id == REPLY_STAT || id == REPLY_LIST_ONE || id == REPLY_UIDL_ONE;
		const char *en = reply_text(LANG_EN, id), *de = reply_text(LANG_DE, id),
			   *es = reply_text(LANG_ES, id);

		assert_int_equal(strcmp(en, de) == 0, wordless);
		assert_int_equal(strcmp(en, es) == 0, wordless);
		assert_int_equal(strcmp(de, es) == 0, wordless);
	}
}

/* RFC 1939 section 5: "+OK nn mm". */
static void numbers_stand_where_clients_read_them(void **state)
{
	(void)state;
	for (enum language lang = 0; lang < LANG_COUNT; lang++) {
		assert_string_equal(reply(lang, REPLY_STAT, 2, 320), "+OK 2 320\r\n");
		assert_string_equal(reply(lang, REPLY_LIST_ONE, 2, 200), "+OK 2 200\r\n");
		assert_memory_equal(reply(lang, REPLY_RETR, 120, 0), "+OK 120 ", 8);
		text[reply_format_text(text, REPLY_MAX, lang, REPLY_UIDL_ONE, "QhdPYR", 7)] = '\0';
		assert_string_equal(text, "+OK 7 QhdPYR\r\n");
	}
}

/* Cyrus and Stalwart wrap at 4 GiB. */
static void totals_above_four_gibibytes_are_whole(void **state)
{
	(void)state;
	assert_string_equal(reply(LANG_EN, REPLY_STAT, 5000000000, UINT64_MAX),
		"+OK 5000000000 18446744073709551615\r\n");
	assert_string_equal(reply(LANG_EN, REPLY_STAT, 0, 0), "+OK 0 0\r\n");
}

/* RFC 2449 section 8, RFC 3206: clients decide by the code. */
static void response_codes_are_the_same_in_every_language(void **state)
{
	static const struct {
		enum reply_id id;
		const char *code;
	} rows[] = {
		{REPLY_LOGIN_REFUSED, "-ERR [AUTH] "},
		{REPLY_LOGIN_TOO_MANY, "-ERR [AUTH] "},
		{REPLY_LOGIN_TEMP, "-ERR [SYS/TEMP] "},
		{REPLY_LOGIN_PERM, "-ERR [SYS/PERM] "},
		{REPLY_LOGIN_DELAY, "-ERR [LOGIN-DELAY] "},
		{REPLY_LOGIN_PENALTY, "-ERR [SYS/TEMP] "},
		{REPLY_OPEN_IN_USE, "-ERR [IN-USE] "},
		{REPLY_OPEN_MANY, "-ERR [IN-USE] "},
		{REPLY_OPEN_TEMP, "-ERR [SYS/TEMP] "},
		{REPLY_OPEN_PERM, "-ERR [SYS/PERM] "},
		{REPLY_READ_TEMP, "-ERR [SYS/TEMP] "},
		{REPLY_READ_PERM, "-ERR [SYS/PERM] "},
		{REPLY_SHUTDOWN, "-ERR [SYS/TEMP] "},
		{REPLY_QUIT_FAILED, "-ERR [SYS/TEMP] "},
	};

	(void)state;
	for (enum language lang = 0; lang < LANG_COUNT; lang++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			assert_memory_equal(
				reply(lang, rows[i].id, 1, 1), rows[i].code, strlen(rows[i].code));
}

static void a_reply_that_does_not_fit_is_cut_and_still_a_line(void **state)
{
	char small[16];

	(void)state;
	for (size_t cap = 0; cap <= sizeof(small); cap++) {
		memset(small, '#', sizeof(small));
		size_t n = reply_format(small, cap, LANG_EN, REPLY_TOO_MANY_ERRORS, 0, 0);

		assert_int_equal(n, cap < 2 ? 0 : cap);
		if (n)
			assert_memory_equal(small + n - 2, "\r\n", 2);
		for (size_t i = cap; i < sizeof(small); i++)
			assert_int_equal(small[i], '#');
	}
}

static bool find(const char *range, enum language *out)
{
	return language_find((struct slice){range, strlen(range)}, LANG_DE, out);
}

/* RFC 6856 section 3, RFC 4647 section 3.4 */
static void a_language_is_found_by_its_tag_or_a_longer_one(void **state)
{
	enum language lang;

	(void)state;
	assert_true(find("de", &lang));
	assert_int_equal(lang, LANG_DE);
	assert_true(find("ES-mx", &lang));
	assert_int_equal(lang, LANG_ES);
	assert_true(find("de-Latn-AT-1996", &lang));
	assert_int_equal(lang, LANG_DE);
	assert_true(find("I-Default", &lang));
	assert_int_equal(lang, LANG_DEFAULT);
	assert_true(find("*", &lang));
	assert_int_equal(lang, LANG_DE);
	lang = LANG_ES;
	assert_false(find("MUL", &lang));
	assert_false(find("d", &lang));
	assert_false(find("den", &lang));
	assert_false(find("", &lang));
	assert_int_equal(lang, LANG_ES);
}

static void the_reply_to_lang_begins_with_the_tag(void **state)
{
	(void)state;
	assert_string_equal(reply(LANG_ES, REPLY_LANG_SET, 0, 0), "+OK es Idioma cambiado\r\n");
}

static void lang_lists_every_language(void **state)
{
	(void)state;
	text[language_list(text, LANGUAGE_LIST_MAX, LANG_EN)] = '\0';
	assert_string_equal(text,
		"+OK Languages follow\r\ni-default Default language\r\nen English\r\n"
		"de Deutsch\r\nes Espa\303\261ol\r\n.\r\n");
}

/* What a client of a plain connection is told, changed by each test. */
static const struct capa_facts plain = {
	.state = POP3_AUTHORIZATION,
	.tls_available = true,
	.utf8 = true,
	.expire_days = -1,
};

static bool has_line(const struct capa_facts *facts, const char *line)
{
	char wanted[100];

	text[capa_format(text, CAPA_MAX, LANG_DEFAULT, facts)] = '\0';
	assert_true(strlen(text) > 5);
	assert_memory_equal(text, "+OK ", 4);
	assert_string_equal(text + strlen(text) - 5, "\r\n.\r\n");
	snprintf(wanted, sizeof(wanted), "\r\n%s\r\n", line);
	return strstr(text, wanted) != NULL;
}

static void what_is_always_true_is_always_listed(void **state)
{
	static const char *const tags[] = {
		"TOP",
		"UIDL",
		"RESP-CODES",
		"AUTH-RESP-CODE",
		"PIPELINING",
		"LANG",
		"EXPIRE NEVER",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		assert_true(has_line(&plain, tags[i]));
}

static void user_and_sasl_are_listed_only_when_they_would_be_taken(void **state)
{
	struct capa_facts facts = plain;

	(void)state;
	assert_false(has_line(&facts, "USER"));
	assert_null(strstr(text, "SASL"));
	facts.mechanisms = "";
	assert_false(has_line(&facts, "SASL"));
	facts.password = true;
	facts.mechanisms = "PLAIN LOGIN";
	assert_true(has_line(&facts, "USER"));
	assert_true(has_line(&facts, "SASL PLAIN LOGIN"));
}

/* RFC 2595 section 4 */
static void stls_is_listed_only_where_it_would_work(void **state)
{
	struct capa_facts facts = plain;

	(void)state;
	assert_true(has_line(&facts, "STLS"));
	facts.tls_active = true;
	assert_false(has_line(&facts, "STLS"));
	facts = plain;
	facts.tls_available = false;
	assert_false(has_line(&facts, "STLS"));
	facts = plain;
	facts.state = POP3_TRANSACTION;
	assert_false(has_line(&facts, "STLS"));
}

static void the_arguments_of_tags_come_from_the_facts(void **state)
{
	struct capa_facts facts = plain;

	(void)state;
	assert_true(has_line(&facts, "UTF8"));
	assert_null(strstr(text, "LOGIN-DELAY"));
	assert_null(strstr(text, "IMPLEMENTATION"));
	facts.utf8_user = true;
	facts.expire_days = 0;
	facts.login_delay = 900;
	facts.implementation = "Restante";
	assert_true(has_line(&facts, "UTF8 USER"));
	assert_true(has_line(&facts, "EXPIRE 0"));
	assert_true(has_line(&facts, "LOGIN-DELAY 900"));
	assert_true(has_line(&facts, "IMPLEMENTATION Restante"));
	facts.utf8 = false;
	assert_false(has_line(&facts, "UTF8 USER"));
}

static void a_capability_too_long_for_a_line_is_left_out(void **state)
{
	char name[600];
	struct capa_facts facts = plain;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	facts.implementation = name;
	assert_false(has_line(&facts, "IMPLEMENTATION"));
	assert_null(strstr(text, "IMPLEMENTATION"));
}

static void a_small_buffer_holds_whole_lines_up_to_the_dot(void **state)
{
	(void)state;
	for (size_t cap = 100; cap < 250; cap++) {
		memset(text, '#', sizeof(text));
		size_t n = capa_format(text, cap, LANG_ES, &plain);

		assert_true(n <= cap);
		assert_memory_equal(text + n - 5, "\r\n.\r\n", 5);
		assert_int_equal(text[cap], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reply_is_one_line_that_fits_in_512_octets),
		cmocka_unit_test(every_text_is_there_in_every_language),
		cmocka_unit_test(the_default_language_and_english_are_ascii),
		cmocka_unit_test(every_translation_holds_the_blanks_of_the_english_text),
		cmocka_unit_test(only_texts_without_words_are_the_same_in_two_languages),
		cmocka_unit_test(numbers_stand_where_clients_read_them),
		cmocka_unit_test(totals_above_four_gibibytes_are_whole),
		cmocka_unit_test(response_codes_are_the_same_in_every_language),
		cmocka_unit_test(a_reply_that_does_not_fit_is_cut_and_still_a_line),
		cmocka_unit_test(a_language_is_found_by_its_tag_or_a_longer_one),
		cmocka_unit_test(the_reply_to_lang_begins_with_the_tag),
		cmocka_unit_test(lang_lists_every_language),
		cmocka_unit_test(what_is_always_true_is_always_listed),
		cmocka_unit_test(user_and_sasl_are_listed_only_when_they_would_be_taken),
		cmocka_unit_test(stls_is_listed_only_where_it_would_work),
		cmocka_unit_test(the_arguments_of_tags_come_from_the_facts),
		cmocka_unit_test(a_capability_too_long_for_a_line_is_left_out),
		cmocka_unit_test(a_small_buffer_holds_whole_lines_up_to_the_dot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
