/* From files to the configuration of a role: grammar, validation, wire form, overrides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "conf/build.h"
#include "conf/wire.h"

/* --- a folder with files, and what is complained of ------------------------------------------- */

static char folder[64];
static struct buf complaints;

static void note(const char *text)
{
	buf_printf(&complaints, "%s\n", text);
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

static struct restante_setting odd_settings[] = {
	{"path", RESTANTE_PATH, RESTANTE_PER_USER, "~/Odd", "where", NULL},
	{"wait", RESTANTE_SECONDS, 0, "3s", "how long", "0..1min"},
	{"token", RESTANTE_SECRET, RESTANTE_REQUIRED, NULL, "secret", NULL},
	{"locks", RESTANTE_ENUM, RESTANTE_LIST | RESTANTE_PER_USER, "b a", "order", "a|b|c"},
};
static struct restante_setting who_settings[] = {
	{"file", RESTANTE_PATH, 0, "/etc/who", "which", NULL},
	{"hosts", RESTANTE_STRING, RESTANTE_LIST | RESTANTE_REQUIRED, NULL, "where", "2..8"},
};
static char odd_name[] = "storage-odd", who_name[] = "auth-who", no_name[] = "storage-no",
	    no_why[] = "no storage-no.so in /x", odd_file[] = "/x/storage-odd.so",
	    who_file[] = "/x/auth-who.so";
static const struct section sections[] = {
	{.name = who_name,
		.file = who_file,
		.known = 1,
		.offers = CONF_AUTH,
		.nsettings = sizeof(who_settings) / sizeof(who_settings[0]),
		.settings = who_settings},
	{.name = odd_name,
		.file = odd_file,
		.known = 1,
		.offers = CONF_STORAGE,
		.nsettings = sizeof(odd_settings) / sizeof(odd_settings[0]),
		.settings = odd_settings},
	{.name = no_name, .why = no_why},
};

#define HOSTS "auth-who { hosts = h1 }\n"
#define GOOD                                 \
	"listen = { \"127.0.0.1:10110\" }\n" \
	"auth = who\n"                       \
	"storage = odd\n"                    \
	"storage-odd { token = hush } " HOSTS

/* What restante-check parses with before it knows the plugins. */
static void add_unknown(const struct sources *s, struct section **list, size_t *n)
{
	for (size_t i = 0; i < s->n; i++)
		parse_candidates(&s->list[i], list, n);
}

/* Parses what is in main.conf and all that it includes. NULL with complaints. */
static struct conf *read_conf(void)
{
	struct section *unknown = NULL;
	size_t nunknown = 0;
	int result;

	/* The strings of a conf are the parser's: they stay, as in restante-check. */
	static struct sources s;
	static struct parsed p;
	struct buf why = {0};
	size_t before;

	buf_free(&complaints);
	parse_free(&p);
	source_free(&s);
	if (source_add(&s, path_of("main.conf"), &why) == -1) {
		note(why.p);
		buf_free(&why);
		return NULL;
	}
	do {
		before = s.n;
		parse_free(&p);
		add_unknown(&s, &unknown, &nunknown);
		result = parse(&s, 1, unknown, nunknown, note, &p);
	} while (result == 0 && s.n > before);
	for (size_t i = 0; i < nunknown; i++)
		free(unknown[i].name);
	free(unknown);
	parse_free(&p);
	if (result == -1 || parse(&s, 0, sections, 3, note, &p) == -1)
		return NULL;
	return build(&p, sections, 3, path_of("main.conf"), note);
}

static struct conf *good(const char *more)
{
	struct buf text = {0};
	struct conf *c;

	buf_printf(&text, "%s%s", GOOD, more);
	put("main.conf", text.p);
	buf_free(&text);
	c = read_conf();
	if (c == NULL)
		fail_msg("%s", buf_str(&complaints));
	return c;
}

/* The text is refused, and the complaint has all of expected in it. */
static void refused(const char *text, const char *expected)
{
	put("main.conf", text);
	assert_null(read_conf());
	if (strstr(buf_str(&complaints), expected) == NULL)
		fail_msg("expected: %s, got: %s", expected, buf_str(&complaints));
}

/* --- files ------------------------------------------------------------------------------------ */

static void a_setting_that_is_not_given_has_its_default(void **state)
{
	struct conf *c = good("");

	(void)state;
	assert_int_equal(conf_num(c, "idle_timeout"), 600);
	assert_string_equal(conf_str(c, "plaintext_auth"), "tls");
	assert_int_equal(conf_num(c, "expire"), -1);
	assert_int_equal(conf_count(c, "tls_cert"), 0);
	assert_string_equal(conf_plugin_str(c, "storage-odd", "path"), "~/Odd");
	assert_int_equal(conf_plugin_num(c, "storage-odd", "wait"), 3);
	conf_free(c);
}

static void values_need_no_quotes_and_lists_no_braces(void **state)
{
	struct conf *c = good("idle_timeout = 20min\napop = yes\nplugin_path = /a\n");

	(void)state;
	assert_int_equal(conf_num(c, "idle_timeout"), 1200);
	assert_int_equal(conf_num(c, "apop"), 1);
	assert_int_equal(conf_count(c, "plugin_path"), 1);
	conf_free(c);
}

/* Bug class: libconfuse 3.3 takes them for syntax errors inside lists. */
static void comments_may_stand_anywhere(void **state)
{
	struct conf *c = good("plugin_path = { \"/a\", # one\n/* two */ \"/b#c//d\" // three\n}\n");

	(void)state;
	assert_int_equal(conf_count(c, "plugin_path"), 2);
	assert_string_equal(conf_item(c, "plugin_path", 1), "/b#c//d");
	conf_free(c);
}

static void a_list_can_be_added_to(void **state)
{
	struct conf *c = good("plugin_path = { \"/a\" }\nplugin_path += { \"/b\" }\n");

	(void)state;
	assert_int_equal(conf_count(c, "plugin_path"), 2);
	conf_free(c);
	c = good("plugin_path += { \"/b\" }\n");
	assert_int_equal(conf_count(c, "plugin_path"), 2);
	assert_string_equal(conf_str(c, "plugin_path"), PLUGIN_DIR);
	conf_free(c);
}

static void included_files_override_in_the_order_of_their_names(void **state)
{
	struct conf *c;

	(void)state;
	assert_int_equal(mkdir(path_of("conf.d"), 0700), 0);
	put("conf.d/20.conf", "idle_timeout = 20min\n");
	put("conf.d/10.conf", "idle_timeout = 10s\nstorage-odd { wait = 10s }\n");
	put("conf.d/30.txt", "nonsense");
	c = good("idle_timeout = 30min\ninclude(\"conf.d/*.conf\")\n");
	assert_int_equal(conf_num(c, "idle_timeout"), 1200);
	assert_int_equal(conf_plugin_num(c, "storage-odd", "wait"), 10);
	assert_string_equal(conf_plugin_str(c, "storage-odd", "token"), "hush");
	conf_free(c);
	put("conf.d/20.conf", "\nidle_timeout = never\n");
	refused(GOOD "include(\"conf.d/*.conf\")\n",
		"conf.d/20.conf:2: idle_timeout = \"never\": expected a time");
	unlink(path_of("conf.d/10.conf"));
	unlink(path_of("conf.d/20.conf"));
	unlink(path_of("conf.d/30.txt"));
	rmdir(path_of("conf.d"));
}

static void a_file_that_includes_itself_ends(void **state)
{
	(void)state;
	conf_free(good("include(\"main.conf\")\n"));
}

static void errors_name_file_line_and_what_was_expected(void **state)
{
	(void)state;
	refused(GOOD "\nidle_timeout = \"10 parsecs\"\n",
		"main.conf:6: idle_timeout = \"10 parsecs\": expected a time such as 30s");
	refused(GOOD "idle_timeut = 1\n", "main.conf:5: idle_timeut: no such setting");
	refused(GOOD "storage-odd {\n wait = 1h\n}\n",
		"main.conf:6: storage-odd.wait = \"1h\": expected 0..1min");
	refused(GOOD "storage-odd {\n pth = 1\n}\n",
		"main.conf:6: pth: no such setting of storage-odd");
	refused(GOOD "storage-no {\n}\n",
		"main.conf:5: section storage-no: no storage-no.so in /x");
	refused(GOOD "nothing {\n}\n", "main.conf:5: nothing: no such setting");
	refused(GOOD "storage-odd { wait = 2s }\nstorage-odd|wait = 1s\n",
		"main.conf:6: expected the setting inside");
	refused(GOOD "tls_cert = {\n\n", "main.conf:5: the { of this line is not closed");
	refused(GOOD "storage-odd {\n wait = 1s # }\nidle_timeout = \"}\"\n",
		"main.conf:5: the { of this line is not closed");
	refused(GOOD "idle_timeout\n", "main.conf:5: the file ends inside");
	refused(GOOD "}\n", "main.conf:5: unexpected closing brace");
	refused(GOOD "include(\"nowhere\")\n", "nowhere: No such file");
	refused(GOOD "plugin_path = { \"/a\", \"b\" }\n", "plugin_path = \"b\": expected a path");
}

static void a_setting_given_twice_in_a_file_is_an_error(void **state)
{
	(void)state;
	refused(GOOD "apop = yes\napop = no\n", "main.conf:6: apop: set already in line 5");
}

static void a_required_setting_must_be_there(void **state)
{
	(void)state;
	refused("listen = { \"127.0.0.1:1\" }\nauth = who\nstorage = odd\n",
		"storage-odd.token: has to be set");
}

static void a_secret_is_not_in_a_complaint(void **state)
{
	(void)state;
	refused("listen = { \"127.0.0.1:1\" }\nauth = who\nstorage = odd\n"
		"storage-odd { token = \"hu\nsh\" }\n",
		"storage-odd.token = \"(secret)\": expected text without control");
	assert_null(strstr(complaints.p, "hu\n"));
}

static void settings_are_checked_against_each_other(void **state)
{
	(void)state;
	refused(GOOD "listen += { \"[::]:995/tls\" }\n", "with /tls needs tls_cert");
	refused(GOOD "listen += { \"127.0.0.1:10110\" }\n", "the same address occurs twice");
	refused(GOOD "tls_cert = \"/a\"\n", "expected one tls_key for each tls_cert");
	refused(GOOD "runtime_dir = \"~/run\"\n", "expected paths that begin with /");
	refused(GOOD "auth-who { file = \"/etc/%u\" }\n", "expected a path without ~ and %");
	refused("auth = {}\nstorage = odd\nstorage-odd { token = x }\n" HOSTS,
		"at least one auth plugin");
}

static void a_plugins_list_is_written_as_the_cores_are(void **state)
{
	static const struct {
		const char *text, *value;
		int num;
	} lists[] = {
		{"", "b a", 1},
		{"storage-odd { locks = { \"c\", \"a\" } }\n", "c a", 2},
		{"storage-odd {\n locks = {\n c, # the third\n b\n}\n}\n", "c b", 2},
		{"storage-odd { locks = a }\n", "a", 0},
		{"storage-odd { locks = {} }\n", "", 0},
		{"storage-odd { locks += { \"c\" } }\n", "b a c", 1},
		{"storage-odd { locks = { a }\n locks += { c } }\n", "a c", 0},
		{"storage-odd { locks = c }\nstorage-odd { wait = 5s }\n", "c", 2},
		{"storage-odd { wait = 5s locks = c }\nstorage-odd { locks = { a } }\n", "a", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct conf *c = good(lists[i].text);

		assert_string_equal(conf_plugin_str(c, "storage-odd", "locks"), lists[i].value);
		assert_int_equal(conf_plugin_num(c, "storage-odd", "locks"), lists[i].num);
		conf_free(c);
	}
}

static void each_item_of_a_plugins_list_is_checked(void **state)
{
	(void)state;
	refused(GOOD "storage-odd {\n locks = { \"a\",\n \"d\" }\n}\n",
		"main.conf:7: storage-odd.locks = \"d\": expected a or b or c");
	refused(GOOD "storage-odd { locks = \"a b\" }\n", "locks = \"a b\": expected items that");
	refused(GOOD "storage-odd { locks = { \"\" } }\n", "locks = \"\": expected items that");
	refused(GOOD "storage-odd { wait = { \"1s\" } }\n", "main.conf:5: ");
	refused(GOOD "auth-who { hosts = { \"h1\", \"hosts-of-x\" } }\n",
		"auth-who.hosts = \"hosts-of-x\": expected a text of 2..8 octets");
	refused(GOOD "auth-who { hosts = {} }\n", "auth-who.hosts: has to be set: where");
}

static void all_errors_of_values_are_told_at_once(void **state)
{
	(void)state;
	refused(GOOD "apop = maybe\nexpire = soon\n", "main.conf:5: apop");
	assert_non_null(strstr(complaints.p, "main.conf:6: expire"));
}

/* --- the wire form ---------------------------------------------------------------------------- */

static struct conf *through(const struct conf *c, uint32_t roles)
{
	struct conf *out = NULL;
	int fd = conf_to_fd(c, roles, NULL);

	assert_true(fd >= 0);
	assert_int_equal(conf_from_fd(fd, &out), 0);
	close(fd);
	return out;
}

static void a_role_gets_its_settings_and_plugins_only(void **state)
{
	struct conf *c = good("idle_timeout = 20min\n"), *session = through(c, BIT(ROLE_SESSION)),
		    *worker = through(c, BIT(ROLE_WORKER)), *login = through(c, BIT(ROLE_LOGIN));

	(void)state;
	assert_int_equal(conf_num(session, "idle_timeout"), 1200);
	assert_int_equal(conf_plugins(session), 1);
	assert_string_equal(conf_plugin(session, 0)->name, "storage-odd");
	assert_string_equal(conf_plugin(session, 0)->file, "/x/storage-odd.so");
	assert_string_equal(conf_plugin_str(session, "storage-odd", "token"), "hush");
	assert_string_equal(conf_plugin_str(session, "storage-odd", "locks"), "b a");
	assert_int_equal(conf_plugins(worker), 1);
	assert_string_equal(conf_plugin(worker, 0)->name, "auth-who");
	assert_int_equal(conf_plugins(login), 0);
	conf_free(session);
	conf_free(worker);
	conf_free(login);
	conf_free(c);
}

static void the_wire_form_comes_back_the_same(void **state)
{
	struct conf *c = good("tls_cert = { \"/a\", \"/b\" }\ntls_key = { \"/c\", \"/d\" }\n"), *d;
	struct buf one = {0}, two = {0};

	(void)state;
	conf_encode(c, CONF_ALL, NULL, &one);
	d = conf_decode(one.p, one.len);
	assert_non_null(d);
	conf_encode(d, CONF_ALL, NULL, &two);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.p, two.p, one.len);
	conf_free(c);
	conf_free(d);
	buf_free(&one);
	buf_free(&two);
}

static void a_wire_form_that_is_cut_anywhere_is_refused(void **state)
{
	struct conf *c = good("");
	struct buf out = {0};
	int log = dup(STDERR_FILENO); /* a line for each would hide the others */

	(void)state;
	assert_non_null(freopen("/dev/null", "w", stderr));
	conf_encode(c, BIT(ROLE_SESSION), NULL, &out);
	for (size_t n = 0; n < out.len; n++) {
		char *copy = malloc(n + 1); /* of that size, so that ASan sees a read beyond it */

		memcpy(copy, out.p, n);
		assert_null(conf_decode(copy, n));
		free(copy);
	}
	buf_add(&out, "x", 1);
	assert_null(conf_decode(out.p, out.len));
	dup2(log, STDERR_FILENO);
	close(log);
	buf_free(&out);
	conf_free(c);
}

static void a_memory_file_that_can_still_change_is_refused(void **state)
{
	struct conf *c = good(""), *out = NULL;
	struct buf bytes = {0};
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	conf_encode(c, BIT(ROLE_SESSION), NULL, &bytes);
	assert_int_equal(fwrite(bytes.p, 1, bytes.len, f), bytes.len);
	fflush(f);
	assert_int_equal(conf_from_fd(fileno(f), &out), -1);
	fclose(f);
	buf_free(&bytes);
	conf_free(c);
}

/* --- a user's overrides ------------------------------------------------------------------------
 */

static int user_check(const struct conf *c, const char *const *attrs)
{
	const struct restante_user u = {.size = sizeof(u),
		.uid = 1000,
		.gid = 1000,
		.name = "u",
		.home = "/home/u",
		.attrs = attrs};

	return conf_user_check(c, &u);
}

static void a_user_may_override_what_is_marked_for_it(void **state)
{
	const char *const attrs[] = {
		"storage", "odd", "storage-odd.path", "/srv/%u", "storage-odd.locks", "c a", NULL};
	const struct restante_user u = {.size = sizeof(u), .name = "u", .attrs = attrs};
	struct conf *c = good("storage-odd { path = /x }\n"), *s = through(c, BIT(ROLE_SESSION));

	(void)state;
	assert_int_equal(user_check(s, attrs), RESTANTE_OK);
	assert_string_equal(conf_user_str(s, &u, "storage"), "odd");
	assert_ptr_equal(conf_user_storage(s, &u), conf_plugin(s, 0));
	conf_free(s);
	conf_free(c);
}

static void any_other_override_ends_the_login(void **state)
{
	static const char *const wrong[][3] = {
		{"first_valid_uid", "1", NULL},
		{"storage-odd.wait", "1s", NULL},
		{"storage-odd.token", "x", NULL},
		{"storage-odd.nothing", "x", NULL},
		{"storage-other.path", "/x", NULL},
		{"nothing", "x", NULL},
		{"storage-odd.path", "/x/../y", NULL},
		{"storage-odd.path", "x", NULL},
		{"storage-odd.locks", "a d", NULL},
		{"storage-odd.locks", "a,b", NULL},
		{"storage", "other", NULL},
		{"storage", "", NULL},
	};
	struct conf *c = good("");

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(user_check(c, wrong[i]), RESTANTE_PERM);
	assert_int_equal(user_check(c, NULL), RESTANTE_OK);
	conf_free(c);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/conf_test.XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path_of("main.conf"));
	buf_free(&complaints);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_setting_that_is_not_given_has_its_default),
		cmocka_unit_test(values_need_no_quotes_and_lists_no_braces),
		cmocka_unit_test(comments_may_stand_anywhere),
		cmocka_unit_test(a_list_can_be_added_to),
		cmocka_unit_test(included_files_override_in_the_order_of_their_names),
		cmocka_unit_test(a_file_that_includes_itself_ends),
		cmocka_unit_test(errors_name_file_line_and_what_was_expected),
		cmocka_unit_test(a_setting_given_twice_in_a_file_is_an_error),
		cmocka_unit_test(a_required_setting_must_be_there),
		cmocka_unit_test(a_secret_is_not_in_a_complaint),
		cmocka_unit_test(settings_are_checked_against_each_other),
		cmocka_unit_test(a_plugins_list_is_written_as_the_cores_are),
		cmocka_unit_test(each_item_of_a_plugins_list_is_checked),
		cmocka_unit_test(all_errors_of_values_are_told_at_once),
		cmocka_unit_test(a_role_gets_its_settings_and_plugins_only),
		cmocka_unit_test(the_wire_form_comes_back_the_same),
		cmocka_unit_test(a_wire_form_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(a_memory_file_that_can_still_change_is_refused),
		cmocka_unit_test(a_user_may_override_what_is_marked_for_it),
		cmocka_unit_test(any_other_override_ends_the_login),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
