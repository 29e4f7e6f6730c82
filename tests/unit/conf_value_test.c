/* The types of settings: what is taken, what is refused, which number it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <restante/plugin.h>
#include "conf/table.h"
#include "conf/value.h"

static int check(uint32_t type, const char *range, const char *text, int64_t *num)
{
	struct buf why = {0};
	int result = value_check(type, range, text, num, &why);

	/* A refusal always says what was expected. */
	assert_int_equal(result == -1, why.len > 0);
	buf_free(&why);
	return result;
}

static void takes(uint32_t type, const char *range, const char *text, int64_t expected)
{
	int64_t num = -99;

	assert_int_equal(check(type, range, text, &num), 0);
	assert_int_equal(num, expected);
}

static void refuses(uint32_t type, const char *range, const char *text)
{
	int64_t num;

	assert_int_equal(check(type, range, text, &num), -1);
}

static void times_have_the_units_that_people_write(void **state)
{
	(void)state;
	takes(RESTANTE_SECONDS, NULL, "30", 30);
	takes(RESTANTE_SECONDS, NULL, "30s", 30);
	takes(RESTANTE_SECONDS, NULL, "10min", 600);
	takes(RESTANTE_SECONDS, NULL, "10 mins", 600);
	takes(RESTANTE_SECONDS, NULL, "36h", 129600);
	takes(RESTANTE_SECONDS, NULL, "1d", 86400);
	takes(RESTANTE_SECONDS, NULL, "2 weeks", 1209600);
	refuses(RESTANTE_SECONDS, NULL, "10 parsecs");
	refuses(RESTANTE_SECONDS, NULL, "");
	refuses(RESTANTE_SECONDS, NULL, "min");
	refuses(RESTANTE_SECONDS, NULL, "-1s");
	refuses(RESTANTE_SECONDS, NULL, "1.5h");
	refuses(RESTANTE_SECONDS, NULL, "1h30");
}

static void sizes_are_powers_of_1024(void **state)
{
	(void)state;
	takes(RESTANTE_SIZE, NULL, "4096", 4096);
	takes(RESTANTE_SIZE, NULL, "4k", 4096);
	takes(RESTANTE_SIZE, NULL, "64MB", 64 << 20);
	takes(RESTANTE_SIZE, NULL, "64 mib", 64 << 20);
	takes(RESTANTE_SIZE, NULL, "2T", INT64_C(2) << 40);
	refuses(RESTANTE_SIZE, NULL, "64X");
}

/* Bug class: wrapping to a small or negative number. */
static void a_number_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	takes(RESTANTE_INT, NULL, "9223372036854775807", INT64_MAX);
	refuses(RESTANTE_INT, NULL, "9223372036854775808");
	refuses(RESTANTE_INT, NULL, "18446744073709551617");
	refuses(RESTANTE_SIZE, NULL, "9223372036854775807k");
	refuses(RESTANTE_SIZE, NULL, "8388608T");
}

static void a_range_has_the_units_of_its_type(void **state)
{
	(void)state;
	takes(RESTANTE_INT, "1..100", "100", 100);
	refuses(RESTANTE_INT, "1..100", "0");
	refuses(RESTANTE_INT, "1..100", "101");
	takes(RESTANTE_SECONDS, "1s..5min", "300", 300);
	refuses(RESTANTE_SECONDS, "1s..5min", "6min");
	takes(RESTANTE_SIZE, "1k..", "1024", 1024);
	refuses(RESTANTE_SIZE, "1k..", "1023");
	takes(RESTANTE_STRING, "..3", "abc", 0);
	refuses(RESTANTE_STRING, "..3", "abcd");
	refuses(RESTANTE_STRING, "1..3", "");
}

static void a_word_is_its_index(void **state)
{
	(void)state;
	takes(RESTANTE_ENUM, "none|fcntl|dotlock", "none", 0);
	takes(RESTANTE_ENUM, "none|fcntl|dotlock", "dotlock", 2);
	refuses(RESTANTE_ENUM, "none|fcntl|dotlock", "dot");
	refuses(RESTANTE_ENUM, "none|fcntl|dotlock", "none|fcntl");
	refuses(RESTANTE_ENUM, "none|fcntl|dotlock", "");
	refuses(RESTANTE_ENUM, NULL, "x");
}

static void yes_and_no_have_their_usual_names(void **state)
{
	(void)state;
	takes(RESTANTE_BOOL, NULL, "yes", 1);
	takes(RESTANTE_BOOL, NULL, "Off", 0);
	takes(RESTANTE_BOOL, NULL, "true", 1);
	refuses(RESTANTE_BOOL, NULL, "maybe");
	refuses(RESTANTE_BOOL, NULL, "");
}

static void a_path_begins_at_the_root_or_at_home(void **state)
{
	(void)state;
	takes(RESTANTE_PATH, NULL, "/var/mail/%d/%n", 0);
	takes(RESTANTE_PATH, NULL, "~", 0);
	takes(RESTANTE_PATH, NULL, "~/Maildir", 0);
	takes(RESTANTE_PATH, NULL, "%h/Maildir", 0);
	takes(RESTANTE_PATH, NULL, "/x/100%%", 0);
	takes(RESTANTE_PATH, NULL, "/x/..y/z..", 0);
	refuses(RESTANTE_PATH, NULL, "Maildir");
	refuses(RESTANTE_PATH, NULL, "~bob/Maildir");
	refuses(RESTANTE_PATH, NULL, "%u/Maildir");
	refuses(RESTANTE_PATH, NULL, "");
}

static void a_path_cannot_lead_upwards_or_hide_a_control_character(void **state)
{
	(void)state;
	refuses(RESTANTE_PATH, NULL, "/var/mail/../../etc/shadow");
	refuses(RESTANTE_PATH, NULL, "~/..");
	refuses(RESTANTE_PATH, NULL, "/var/mail/%Lu");
	refuses(RESTANTE_PATH, NULL, "/var/mail/%");
	refuses(RESTANTE_PATH, NULL, "/var/mail\n");
	refuses(RESTANTE_STRING, NULL, "a\tb");
}

static void days_may_be_never(void **state)
{
	(void)state;
	takes(CONF_DAYS, "0..36500", "never", -1);
	takes(CONF_DAYS, "0..36500", "0", 0);
	takes(CONF_DAYS, "0..36500", "30", 30);
	refuses(CONF_DAYS, "0..36500", "40000");
	refuses(CONF_DAYS, "0..36500", "soon");
}

static int check_items(const char *text, int64_t *num)
{
	struct buf why = {0};
	int result =
		value_check_setting(RESTANTE_ENUM, RESTANTE_LIST, "none|one|two", text, num, &why);

	assert_int_equal(result == -1, why.len > 0);
	buf_free(&why);
	return result;
}

static void each_item_of_a_list_is_of_its_type(void **state)
{
	int64_t num;

	(void)state;
	assert_int_equal(check_items("two", &num), 0);
	assert_int_equal(num, 2);
	assert_int_equal(check_items("one two none", &num), 0);
	assert_int_equal(num, 1);
	assert_int_equal(check_items("", &num), 0);
	assert_int_equal(num, 0);
	assert_int_equal(check_items("one three", &num), -1);
	assert_int_equal(check_items("one  two", &num), -1);
	assert_int_equal(check_items(" one", &num), -1);
	assert_int_equal(check_items("one ", &num), -1);
	assert_int_equal(check_items(" ", &num), -1);
}

static void every_row_of_the_table_has_a_valid_default_and_a_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < conf_table_rows; i++) {
		const struct restante_setting *s = &conf_table[i].s;
		int64_t num;

		assert_non_null(s->doc);
		assert_non_null(value_type_name(s->type));
		assert_int_equal(value_check_range(s->type, s->range), 0);
		assert_ptr_equal(conf_row(s->name), &conf_table[i]); /* the name occurs once */
		assert_true(conf_table[i].roles != 0);
		if (s->fallback != NULL && (s->flags & RESTANTE_LIST) == 0)
			assert_int_equal(check(s->type, s->range, s->fallback, &num), 0);
	}
}

/* --- restante.conf(5) ---------------------------------------------------------------------------
 */

static char *read_page(void)
{
	const char *source = getenv("RESTANTE_SOURCE");
	char path[4200];
	struct buf text = {0};
	size_t n;
	FILE *f;

	snprintf(
		path, sizeof(path), "%s/core/conf/restante.conf.5", source != NULL ? source : "..");
	f = fopen(path, "r");
	if (f == NULL)
		fail_msg("%s cannot be read", path);
	while ((n = fread(buf_room(&text, 4096), 1, 4096, f)) > 0)
		text.len += n;
	fclose(f);
	buf_add(&text, "", 0);
	return text.p;
}

/* The line that a setting has in the page. Defaults that are paths depend on the build. */
static void item_of(const struct restante_setting *s, struct buf *line)
{
	buf_printf(line, "\n.It Cm %s Pq %s%s", s->name,
		(s->flags & RESTANTE_LIST) != 0 ? "list of " : "", value_type_name(s->type));
	if (s->range != NULL)
		buf_printf(line, " %s", s->range);
	if (s->fallback != NULL && s->fallback[0] != '/')
		buf_printf(line, " , default %s", s->fallback);
	buf_printf(line, "\n");
}

static void the_manual_page_has_every_setting_with_its_type_range_and_default(void **state)
{
	char *page = read_page();

	(void)state;
	for (size_t i = 0; i < conf_table_rows; i++) {
		struct buf line = {0};

		item_of(&conf_table[i].s, &line);
		if (strstr(page, line.p) == NULL)
			fail_msg("restante.conf.5 does not have %s", line.p + 1);
		buf_free(&line);
	}
	free(page);
}

static void the_manual_page_has_no_setting_that_is_not_there(void **state)
{
	char *page = read_page(), name[64];

	(void)state;
	for (const char *p = page; (p = strstr(p, "\n.It Cm ")) != NULL; p++) {
		assert_int_equal(sscanf(p, "\n.It Cm %63s", name), 1);
		if (conf_row(name) == NULL)
			fail_msg("restante.conf.5 has %s", name);
	}
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_have_the_units_that_people_write),
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(a_number_that_does_not_fit_is_refused),
		cmocka_unit_test(a_range_has_the_units_of_its_type),
		cmocka_unit_test(a_word_is_its_index),
		cmocka_unit_test(yes_and_no_have_their_usual_names),
		cmocka_unit_test(a_path_begins_at_the_root_or_at_home),
		cmocka_unit_test(a_path_cannot_lead_upwards_or_hide_a_control_character),
		cmocka_unit_test(days_may_be_never),
		cmocka_unit_test(each_item_of_a_list_is_of_its_type),
		cmocka_unit_test(every_row_of_the_table_has_a_valid_default_and_a_text),
		cmocka_unit_test(the_manual_page_has_every_setting_with_its_type_range_and_default),
		cmocka_unit_test(the_manual_page_has_no_setting_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
