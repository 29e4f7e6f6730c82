/* Lines of a users file: plugins/auth-passwd-file/line.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../plugins/auth-passwd-file/line.h"

struct parsed {
	int rc;
	struct entry e;
	char why[LINE_WHY_MAX], text[2 * LINE_MAX_OCTETS];
};

static struct parsed *parse(const char *line)
{
	static struct parsed p;

	memset(&p, 0, sizeof(p));
	memcpy(p.text, line, strlen(line));
	p.rc = line_parse(p.text, strlen(line), &p.e, p.why);
	return &p;
}

static void a_full_line_gives_all_its_fields(void **state)
{
	struct parsed *p = parse(
		"anna@example.org:{PLAIN}secret:1001:1002:Anna A.:/home/anna:/bin/sh:storage=mbox  "
		"storage-mbox.path=/var/mail/%u:x=y");

	(void)state;
	assert_int_equal(p->rc, 0);
	assert_string_equal(p->e.user, "anna@example.org");
	assert_string_equal(p->e.password, "{PLAIN}secret");
	assert_true(p->e.has_uid && p->e.has_gid);
	assert_int_equal(p->e.uid, 1001);
	assert_int_equal(p->e.gid, 1002);
	assert_string_equal(p->e.home, "/home/anna");
	assert_int_equal(p->e.nattrs, 2);
	assert_string_equal(p->e.attrs[0], "storage");
	assert_string_equal(p->e.attrs[1], "mbox");
	assert_string_equal(p->e.attrs[2], "storage-mbox.path");
	/* The eighth field is the last: colons are part of it. */
	assert_string_equal(p->e.attrs[3], "/var/mail/%u:x=y");
	assert_null(p->e.attrs[4]);
}

static void fields_at_the_end_may_be_left_out(void **state)
{
	struct parsed *p = parse("anna:{PLAIN}secret");

	(void)state;
	assert_int_equal(p->rc, 0);
	assert_false(p->e.has_uid || p->e.has_gid);
	assert_string_equal(p->e.home, "");
	assert_int_equal(p->e.nattrs, 0);
}

static void a_carriage_return_at_the_end_is_not_part_of_the_line(void **state)
{
	(void)state;
	assert_string_equal(parse("anna:{PLAIN}secret\r")->e.password, "{PLAIN}secret");
	assert_true(line_is_blank("\r", 1));
}

static void comments_and_empty_lines_are_blank(void **state)
{
	(void)state;
	assert_true(line_is_blank("", 0));
	assert_true(line_is_blank("# anna:x", 8));
	assert_false(line_is_blank(" ", 1));
	assert_false(line_is_blank("anna:x", 6));
}

static void damage_is_named_by_field_and_expectation(void **state)
{
	static const char *const rows[][2] = {
		{"anna", "line: expected user:password"},
		{":{PLAIN}x:1:1", "user: expected a name"},
		{"an na:{PLAIN}x:1:1", "user: expected a name"},
		{"an\x01na:{PLAIN}x:1:1", "user: expected a name"},
		{"anna:secret:1:1", "password: expected {SCHEME}value"},
		{"anna:{ROT13}frperg:1:1", "password: expected a scheme"},
		{"anna:{PLAIN}x:anna:1", "uid: expected a number"},
		{"anna:{PLAIN}x:-1:1", "uid: expected a number"},
		{"anna:{PLAIN}x:4294967295:1", "uid: expected a number"}, /* (uid_t)-1 */
		{"anna:{PLAIN}x:4294968296:1", "uid: expected a number"}, /* 1000 modulo 2^32 */
		{"anna:{PLAIN}x:18446744073709552616:1", "uid: expected a number"},
		{"anna:{PLAIN}x:1:0x10", "gid: expected a number"},
		{"anna:{PLAIN}x:1: 1", "gid: expected a number"},
		{"anna:{PLAIN}x:1:1::::word", "extra: expected words of the form"},
		{"anna:{PLAIN}x:1:1::::=value", "extra: expected words of the form"},
		{"anna:{PLAIN}x:1:1::::userdb_uid=root", "extra: userdb_uid: expected a number"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed *p = parse(rows[i][0]);

		assert_int_equal(p->rc, -1);
		assert_memory_equal(p->why, rows[i][1], strlen(rows[i][1]));
	}
}

static void no_explanation_holds_the_password(void **state)
{
	static const char *const lines[] = {"anna:tr0ub4dor", "anna:{ROT13}tr0ub4dor",
		"anna:{SSHA}tr0ub4dor", "anna:{SCRAM-SHA-256}tr0ub4dor",
		"anna:{PLAIN}tr0ub4dor:tr0ub4dor", "tr0ub4dor", "anna:{PLAIN}x::::::pass=tr0ub4dor",
		"anna:{PLAIN}x::::::tr0ub4dor"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct parsed *p = parse(lines[i]);

		assert_int_equal(p->rc, -1);
		assert_null(strstr(p->why, "tr0ub4dor"));
	}
}

static void words_of_dovecot_that_limit_a_login_damage_the_line(void **state)
{
	static const char *const words[] = {"allow_real_nets=10.0.0.0/8", "proxy", "proxy_maybe=y",
		"host=10.0.0.1", "user=ben", "pass=x", "nopassword", "nopassword=y",
		"noauthenticate", "userdb_mail=mbox:~/mail", "userdb_mail_path=~/mail",
		"userdb_namespace/inbox/location=x", "userdb_user=ben", "userdb_chroot=/x"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char line[128] = "anna:{PLAIN}x:1:1::::a=b ";

		strncat(line, words[i], 60);
		assert_int_equal(parse(line)->rc, -1);
		assert_memory_equal(parse(line)->why, "extra: expected ", 16);
	}
}

static void other_words_of_dovecot_are_understood_or_passed_over(void **state)
{
	struct parsed *p =
		parse("anna:{PLAIN}x:1:1::/old::userdb_uid=7 userdb_gid=8 userdb_home=/new "
		      "userdb_quota_rule=*:storage=1G nodelay=y forward_x=y nologin=y");

	(void)state;
	assert_int_equal(p->rc, 0);
	assert_int_equal(p->e.uid, 7);
	assert_int_equal(p->e.gid, 8);
	assert_string_equal(p->e.home, "/new");
	assert_int_equal(p->e.nattrs, 1);
	assert_string_equal(p->e.attrs[0], "nologin");
	assert_string_equal(p->e.attrs[1], "y");
}

static void passwords_of_applications_have_a_label_each(void **state)
{
	static const char *const wrong[] = {"app.={PLAIN}x", "app.a/b={PLAIN}x", "app.a=!",
		"app.a={ROT13}x", "app.a", "app.a=", "app.a={PLAIN}x app.a={PLAIN}y",
		("app.1={PLAIN}x app.2={PLAIN}x app.3={PLAIN}x app.4={PLAIN}x app.5={PLAIN}x "
		 "app.6={PLAIN}x app.7={PLAIN}x app.8={PLAIN}x app.9={PLAIN}x")};
	struct parsed *p = parse("anna:x:1:1::::app.phone={PLAIN}one a=b app.my-pc.2={PLAIN}two=2");

	(void)state;
	assert_int_equal(p->rc, 0);
	assert_int_equal(p->e.napps, 2);
	assert_string_equal(p->e.apps[0].label, "phone");
	assert_string_equal(p->e.apps[0].password, "{PLAIN}one");
	assert_string_equal(p->e.apps[1].label, "my-pc.2");
	assert_string_equal(p->e.apps[1].password, "{PLAIN}two=2");
	assert_int_equal(p->e.nattrs, 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char line[256] = "anna:{PLAIN}x:1:1::::";

		strncat(line, wrong[i], 200);
		assert_int_equal(parse(line)->rc, -1);
		assert_memory_equal(parse(line)->why, "extra: app: expected ", 21);
	}
}

static void a_nul_octet_damages_the_line(void **state)
{
	char line[] = "anna:{PLAIN}sec\0ret:1001:1001";
	struct entry e;
	char why[LINE_WHY_MAX];

	(void)state;
	assert_int_equal(line_parse(line, sizeof(line) - 1, &e, why), -1);
	assert_memory_equal(why, "line: expected text without NUL", 31);
}

static void a_line_too_long_is_damaged_and_one_octet_less_is_not(void **state)
{
	char line[LINE_MAX_OCTETS + 2];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "anna:{PLAIN}", 12);
	line[LINE_MAX_OCTETS] = '\0';
	assert_int_equal(parse(line)->rc, 0);
	line[LINE_MAX_OCTETS] = 'x';
	line[LINE_MAX_OCTETS + 1] = '\0';
	assert_int_equal(parse(line)->rc, -1);
}

static void more_overrides_than_there_is_room_for_damage_the_line(void **state)
{
	char line[LINE_MAX_OCTETS] = "anna:{PLAIN}x:1:1::::";

	(void)state;
	for (int i = 0; i < LINE_MAX_ATTRS; i++)
		strcat(line, " a=b");
	assert_int_equal(parse(line)->rc, 0);
	strcat(line, " a=b");
	assert_int_equal(parse(line)->rc, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_line_gives_all_its_fields),
		cmocka_unit_test(fields_at_the_end_may_be_left_out),
		cmocka_unit_test(a_carriage_return_at_the_end_is_not_part_of_the_line),
		cmocka_unit_test(comments_and_empty_lines_are_blank),
		cmocka_unit_test(damage_is_named_by_field_and_expectation),
		cmocka_unit_test(no_explanation_holds_the_password),
		cmocka_unit_test(words_of_dovecot_that_limit_a_login_damage_the_line),
		cmocka_unit_test(other_words_of_dovecot_are_understood_or_passed_over),
		cmocka_unit_test(passwords_of_applications_have_a_label_each),
		cmocka_unit_test(a_nul_octet_damages_the_line),
		cmocka_unit_test(a_line_too_long_is_damaged_and_one_octet_less_is_not),
		cmocka_unit_test(more_overrides_than_there_is_room_for_damage_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
