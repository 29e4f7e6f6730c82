/* auth: the switches of an auth record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "auth/policy.h"
#include "base/buf.h"
#include "conf/impl.h"

static struct conf *configure(const char *name, const char *value)
{
	struct conf *c = conf_new();
	struct buf why = {0};
	size_t bad;

	for (size_t i = 0; i < conf_table_rows; i++) {
		const struct conf_row *row = &conf_table[i];
		const char **items = mem_alloc(1, sizeof(*items));

		items[0] = name != NULL && conf_row(name) == row ? value : row->s.fallback;
		if ((row->s.flags & RESTANTE_LIST) == 0)
			assert_int_equal(conf_set(c, row, items, items[0] != NULL, &bad, &why), 0);
		else
			free(items);
	}
	return c;
}

static const struct policy_client near = {"192.0.2.7", 1}, far = {"203.0.113.1", 1},
				  clear = {"192.0.2.7", 0}, nowhere = {"", 1};

/* The word that refuses a user whose record has one override. */
static const char *refused(
	const char *name, const char *value, const struct policy_client *client, const char **note)
{
	const char *const attrs[] = {name, value, NULL};
	const struct restante_user user = {
		.size = sizeof(user), .name = "anna", .attrs = name != NULL ? attrs : NULL};
	struct conf *c = configure(NULL, NULL);
	const char *word;
	int result = policy_check(c, &user, client, &word, note);

	assert_true((result == RESTANTE_OK) == (word == NULL));

	conf_free(c);
	return word;
}

static void a_record_without_switches_lets_in_from_anywhere(void **state)
{
	const char *note;

	(void)state;
	assert_null(refused(NULL, NULL, &near, &note));
	assert_null(refused(NULL, NULL, &clear, &note));
	assert_null(refused(NULL, NULL, &nowhere, &note));
	assert_null(refused("storage-none.path", "/x", &near, &note)); /* the session's affair */
}

static void nologin_refuses_with_its_reason(void **state)
{
	const char *note;

	(void)state;
	assert_string_equal(refused("nologin", "unpaid", &near, &note), "nologin");
	assert_string_equal(note, "unpaid");
	assert_null(refused("nologin", "", &near, &note));
}

static void allow_nets_refuses_who_comes_from_elsewhere_or_nowhere(void **state)
{
	const char *note;

	(void)state;
	assert_null(refused("allow_nets", "192.0.2.0/24", &near, &note));
	assert_string_equal(refused("allow_nets", "192.0.2.0/24", &far, &note), "allow_nets");
	assert_string_equal(refused("allow_nets", "192.0.2.0/24", &nowhere, &note), "allow_nets");
}

static void require_tls_refuses_who_comes_without(void **state)
{
	const char *note;

	(void)state;
	assert_null(refused("require_tls", "yes", &near, &note));
	assert_string_equal(refused("require_tls", "yes", &clear, &note), "require_tls");
	assert_null(refused("require_tls", "no", &clear, &note));
}

/* A typing error must not open what it was meant to close. */
static void a_switch_that_is_malformed_refuses(void **state)
{
	const char *note;

	(void)state;
	assert_string_equal(refused("require_tls", "ye", &near, &note), "record");
	assert_string_equal(refused("allow_nets", "192.0.2.0/33", &near, &note), "record");
	assert_string_equal(refused("max_connections", "3", &near, &note), "record");
	assert_string_equal(refused("no_such_setting", "1", &near, &note), "record");
}

static void a_setting_counts_for_all_whose_record_says_nothing_else(void **state)
{
	const char *const attrs[] = {"nologin", "", NULL};
	struct restante_user user = {.size = sizeof(user), .name = "anna"};
	struct conf *c = configure("nologin", "moving house");
	const char *why, *note;

	(void)state;
	assert_int_equal(policy_check(c, &user, &near, &why, &note), RESTANTE_DENY);
	assert_string_equal(why, "nologin");
	assert_string_equal(note, "moving house");
	user.attrs = attrs;
	assert_int_equal(policy_check(c, &user, &near, &why, &note), RESTANTE_OK);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_without_switches_lets_in_from_anywhere),
		cmocka_unit_test(nologin_refuses_with_its_reason),
		cmocka_unit_test(allow_nets_refuses_who_comes_from_elsewhere_or_nowhere),
		cmocka_unit_test(require_tls_refuses_who_comes_without),
		cmocka_unit_test(a_switch_that_is_malformed_refuses),
		cmocka_unit_test(a_setting_counts_for_all_whose_record_says_nothing_else),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
