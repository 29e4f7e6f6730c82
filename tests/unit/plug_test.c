/* Plugins: finding, vetting, loading; what they get from the core. Runs in the build folder. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "plug/expand.h"
#include "plug/host.h"
#include "plug/plug.h"

static char folder[64], libs[4096], odd[4200];

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
	assert_int_equal(chmod(path_of(name), mode), 0);
}

/* As put, with the header of a shared object of this machine, in which one octet is another. */
static void put_object(const char *name, size_t at, unsigned char octet, mode_t mode)
{
	unsigned char header[64];
	FILE *from = fopen(odd, "r"), *to = fopen(path_of(name), "w");

	assert_true(from != NULL && to != NULL);
	assert_int_equal(fread(header, 1, sizeof(header), from), sizeof(header));
	header[at] = octet;
	assert_int_equal(fwrite(header, 1, sizeof(header), to), sizeof(header));
	fclose(from);
	fclose(to);
	assert_int_equal(chmod(path_of(name), mode), 0);
}

/* The file is refused, for that reason and by its name. */
static void refused(const char *file, const char *reason)
{
	struct buf why = {0};

	assert_int_equal(plug_vet_file(file, &why), -1);
	if (strstr(buf_str(&why), reason) == NULL || strstr(why.p, file) == NULL)
		fail_msg("expected %s: ...%s, got %s", file, reason, buf_str(&why));
	buf_free(&why);
}

/* --- files ------------------------------------------------------------------------------------ */

static void a_file_that_is_no_shared_object_is_refused(void **state)
{
	(void)state;
	put("storage-text.so", "#!/bin/sh\n", 0755);
	put("storage-empty.so", "", 0755);
	refused(path_of("storage-text.so"), "not a shared object");
	refused(path_of("storage-empty.so"), "not a shared object");
	refused(path_of("storage-gone.so"), "No such file");
	refused("storage-text.so", "absolute path");
	refused("/dev/null", "not a regular file");
}

static void a_file_for_another_machine_is_refused_and_told(void **state)
{
	const unsigned char other_class = sizeof(void *) == 8 ? ELFCLASS32 : ELFCLASS64;

	(void)state;
	put_object("storage-mode.so", offsetof(ElfW(Ehdr), e_machine), EM_S390, 0644);
	refused(path_of("storage-mode.so"), "another machine (s390)");
	put_object("storage-mode.so", EI_CLASS, other_class, 0644);
	refused(path_of("storage-mode.so"), "another machine");
	put_object("storage-mode.so", offsetof(ElfW(Ehdr), e_type), ET_REL, 0644);
	refused(path_of("storage-mode.so"), "an object file or a program");
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	(void)state;
	put("storage-mode.so", "\177ELF", 0664);
	refused(path_of("storage-mode.so"), "mode 0664");
	put("storage-mode.so", "\177ELF", 0646);
	refused(path_of("storage-mode.so"), "mode 0646");
}

static void a_file_in_a_folder_that_others_may_write_is_refused(void **state)
{
	struct buf why = {0};

	(void)state;
	put_object("storage-mode.so", 0, 0x7f, 0644);
	assert_int_equal(plug_vet_file(path_of("storage-mode.so"), &why), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(plug_vet_file(path_of("storage-mode.so"), &why), -1);
	assert_non_null(strstr(why.p, "mode 0777"));
	buf_free(&why);
	assert_int_equal(chmod(folder, 01777), 0); /* as /tmp is */
	assert_int_equal(plug_vet_file(path_of("storage-mode.so"), &why), 0);
	assert_int_equal(chmod(folder, 0755), 0);
}

static void a_file_of_another_user_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	put("storage-owner.so", "\177ELF", 0644);
	assert_int_equal(chown(path_of("storage-owner.so"), 1234, 0), 0);
	refused(path_of("storage-owner.so"), "owned by uid 1234");
}

/* A link is as good as what it leads to. */
static void a_link_is_followed_before_it_is_vetted(void **state)
{
	struct buf why = {0};

	(void)state;
	put("storage-mode.so", "\177ELF", 0666);
	assert_int_equal(symlink(path_of("storage-mode.so"), "storage-link.so"), 0);
	assert_int_equal(rename("storage-link.so", path_of("storage-link.so")), 0);
	assert_int_equal(plug_vet_file(path_of("storage-link.so"), &why), -1);
	assert_non_null(strstr(why.p, "storage-mode.so: mode 0666"));
	buf_free(&why);
}

/* --- entries -----------------------------------------------------------------------------------
 */

static int an_open(
	const struct restante_host *h, const struct restante_user *u, uint32_t mode, void **st)
{
	(void)h, (void)u, (void)mode, (void)st;
	return RESTANTE_TEMP;
}

static int an_auth_open(const struct restante_host *h, void **au)
{
	(void)h, (void)au;
	return RESTANTE_TEMP;
}

static void a_close(void *handle)
{
	(void)handle;
}

static int a_note(void *st, const char *name, const void *p, size_t n)
{
	(void)st, (void)name, (void)p, (void)n;
	return RESTANTE_FULL;
}

static const struct restante_auth an_auth = {
	.size = sizeof(an_auth), .open = an_auth_open, .close = a_close};
static const struct restante_auth no_auth = {.size = sizeof(no_auth)};
static const struct restante_storage half = {.size = sizeof(half), .open = an_open};

static int a_list(void *st, int (*each)(void *, const struct restante_message *), void *arg)
{
	(void)st, (void)each, (void)arg;
	return RESTANTE_OK;
}

static int a_body(void *st, uint64_t key, struct restante_body *out)
{
	(void)st, (void)key, (void)out;
	return RESTANTE_GONE;
}

static int a_remove(void *st, const uint64_t *keys, size_t n)
{
	(void)st, (void)keys, (void)n;
	return RESTANTE_OK;
}

static const struct restante_storage uneven = {.size = sizeof(uneven),
	.open = an_open,
	.close = a_close,
	.list = a_list,
	.body = a_body,
	.remove = a_remove,
	.note_put = a_note};

static const struct restante_plugin fine = {.magic = RESTANTE_MAGIC,
	.size = sizeof(fine),
	.setting_size = sizeof(struct restante_setting),
	.name = "auth-x",
	.version = "1",
	.doc = "x",
	.auth = &an_auth};

static void entry_refused(struct restante_plugin e, const char *reason)
{
	struct buf why = {0};

	assert_int_equal(plug_vet_entry(&e, "auth-x", &why), -1);
	if (strstr(buf_str(&why), reason) == NULL)
		fail_msg("expected %s, got %s", reason, buf_str(&why));
	buf_free(&why);
}

static void an_entry_that_this_core_cannot_work_with_is_refused(void **state)
{
	struct restante_plugin e;
	struct buf why = {0};

	(void)state;
	assert_int_equal(plug_vet_entry(&fine, "auth-x", &why), 0);
	entry_refused((e = fine, e.magic = 0x7f454c46, e), "magic");
	entry_refused((e = fine, e.size -= 8, e), "too small");
	entry_refused((e = fine, e.need_minor = RESTANTE_MINOR + 1, e), "too new");
	entry_refused((e = fine, e.name = "auth-y", e), "calls itself auth-y");
	entry_refused((e = fine, e.name = NULL, e), "calls itself");
	entry_refused((e = fine, e.auth = NULL, e), "neither");
	entry_refused((e = fine, e.storage = &half, e), "calls missing");
	entry_refused((e = fine, e.auth = &no_auth, e), "auth has calls missing");
	entry_refused((e = fine, e.storage = &uneven, e), "half of the calls");
	entry_refused((e = fine, e.nsettings = 1, e), "settings is malformed");
}

/* A plugin of a later minor version has longer structures, and is taken. */
static void a_longer_entry_is_taken(void **state)
{
	struct {
		struct restante_setting s;
		const char *later;
	} rows[2] = {{{"a", RESTANTE_INT, 0, "1", "x", NULL}, "y"},
		{{"b", RESTANTE_INT, 0, "2", "x", NULL}, "y"}};
	struct restante_plugin e = fine;
	struct buf why = {0};

	(void)state;
	e.size += 64;
	e.setting_size = sizeof(rows[0]);
	e.settings = &rows[0].s;
	e.nsettings = 2;
	assert_int_equal(plug_vet_entry(&e, "auth-x", &why), 0);
	assert_string_equal(plug_setting(&e, 1)->name, "b");
}

static void a_table_of_settings_that_is_wrong_is_refused(void **state)
{
	static const struct {
		struct restante_setting rows[2];
		const char *reason;
	} wrong[] = {
		{{{"A", RESTANTE_INT, 0, NULL, "x", NULL}}, "lower-case"},
		{{{NULL, RESTANTE_INT, 0, NULL, "x", NULL}}, "lower-case"},
		{{{"a", 77, 0, NULL, "x", NULL}}, "type is unknown"},
		{{{"a", RESTANTE_INT, 0, NULL, NULL, NULL}}, "not described"},
		{{{"a", RESTANTE_INT, 0, NULL, "x", "1-9"}}, "range is malformed"},
		{{{"a", RESTANTE_ENUM, 0, NULL, "x", NULL}}, "range is malformed"},
		{{{"a", RESTANTE_INT, 0, "10", "x", "1..9"}}, "default is not valid"},
		{{{"a", RESTANTE_INT, 0, "1 2", "x", "1..9"}}, "default is not valid"},
		{{{"a", RESTANTE_INT, RESTANTE_LIST, "1 10", "x", "1..9"}}, "default is not valid"},
	};
	static const struct restante_setting twice[] = {
		{"a", RESTANTE_INT, 0, NULL, "x", NULL}, {"a", RESTANTE_INT, 0, NULL, "x", NULL}};
	struct restante_plugin e = fine;

	(void)state;
	e.nsettings = 1;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		entry_refused((e.settings = wrong[i].rows, e), wrong[i].reason);
	e.nsettings = 2;
	entry_refused((e.settings = twice, e), "setting 2: the name occurs twice");
}

/* --- loading -----------------------------------------------------------------------------------
 */

static void a_name_that_is_no_name_is_not_looked_for(void **state)
{
	static const char *const names[] = {
		"../storage-odd", "storage-odd.so", "odd", "", "storage-/x"};
	const char *const folders[] = {libs};
	struct buf file = {0}, why = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(plug_find(folders, 1, names[i], &file, &why), -1);
	assert_int_equal(file.len, 0);
	buf_free(&why);
}

static void a_plugin_is_found_in_the_first_folder_that_has_it(void **state)
{
	const char *const folders[] = {folder, libs};
	struct buf file = {0}, why = {0};

	(void)state;
	assert_int_equal(plug_find(folders, 2, "storage-odd", &file, &why), 0);
	assert_string_equal(file.p, odd);
	buf_free(&file);
	assert_int_equal(plug_find(folders, 2, "storage-nowhere", &file, &why), -1);
	assert_non_null(strstr(why.p, "storage-nowhere.so"));
	assert_non_null(strstr(why.p, libs));
	buf_free(&why);
}

static void probe(const char *behaviour, const char *reason)
{
	struct buf why = {0};
	int64_t start = clock_ms();

	setenv("ODD", behaviour, 1);
	assert_int_equal(plug_probe("storage-odd", odd, &why), reason == NULL ? 0 : -1);
	unsetenv("ODD");
	if (reason != NULL && (strstr(why.p, reason) == NULL || strstr(why.p, odd) == NULL))
		fail_msg("expected %s, got %s", reason, why.p);
	assert_true(clock_ms() - start < 5000);
	buf_free(&why);
}

static void a_plugin_that_dies_or_hangs_while_it_is_loaded_is_named(void **state)
{
	(void)state;
	probe("", NULL);
	probe("crash", "it crashed (Segmentation fault");
	probe("exit", "it ended the process");
	probe("hang", "it did not come back");
}

/* Bug class: libltdl binds lazily, and the session dies at the first call. */
static void a_missing_symbol_is_a_refusal_with_its_name(void **state)
{
	char file[4200];
	struct buf why = {0};

	(void)state;
	snprintf(file, sizeof(file), "%s/storage-unresolved.so", libs);
	assert_null(plug_load("storage-unresolved", file, &why));
	assert_non_null(strstr(why.p, "nobody_has_this"));
	assert_non_null(strstr(why.p, "storage-unresolved.so"));
	buf_free(&why);
}

static void a_plugin_under_another_name_is_refused(void **state)
{
	struct buf why = {0};

	(void)state;
	assert_null(plug_load("storage-even", odd, &why));
	assert_non_null(strstr(why.p, "storage_even_LTX_restante_plugin_v1"));
	buf_free(&why);
}

/* Trap: libltdl looks for bare names there. */
static void the_environment_does_not_say_where_plugins_are(void **state)
{
	struct buf why = {0};

	(void)state;
	setenv("LTDL_LIBRARY_PATH", libs, 1);
	setenv("LD_LIBRARY_PATH", libs, 1);
	assert_null(plug_load("storage-odd", "storage-odd.so", &why));
	assert_non_null(strstr(why.p, "absolute path"));
	unsetenv("LTDL_LIBRARY_PATH");
	unsetenv("LD_LIBRARY_PATH");
	buf_free(&why);
}

static void a_plugin_loads(void **state)
{
	struct buf why = {0};
	const struct restante_plugin *e = plug_load("storage-odd", odd, &why);

	(void)state;
	assert_non_null(e);
	assert_string_equal(e->name, "storage-odd");
	assert_ptr_equal(plug_load("storage-odd", odd, &why), e);
}

/* --- paths -------------------------------------------------------------------------------------
 */

static const struct restante_user joe = {.size = sizeof(joe),
	.uid = 1000,
	.gid = 1000,
	.name = "joe@example.org",
	.home = "/home/joe"};

static void expands(const char *text, const char *expected)
{
	struct buf out = {0}, why = {0};

	assert_int_equal(expand_path(text, &joe, &out, &why), 0);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void a_path_becomes_the_users_own(void **state)
{
	(void)state;
	expands("~/Maildir", "/home/joe/Maildir");
	expands("~", "/home/joe");
	expands("%h/x~y", "/home/joe/x~y");
	expands("/var/mail/%u", "/var/mail/joe@example.org");
	expands("/var/mail/%d/%n/%%", "/var/mail/example.org/joe/%");
	expands("/var/mail", "/var/mail");
}

/* Bug class: a login name that leaves its folder. */
static void a_name_never_leads_out_of_its_place(void **state)
{
	static const char *const names[] = {"../root", "..", ".", ".ssh", "a/b", "/etc", "", "a@..",
		"a@", "@d", "a@b/../c", "a@.hidden"};
	struct restante_user u = joe;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf out = {0}, why = {0};
		int failed = 0;

		u.name = names[i];
		failed += expand_path("/m/%n", &u, &out, &why) == -1;
		failed += expand_path("/m/%d", &u, &out, &why) == -1;
		failed += expand_path("/m/%u", &u, &out, &why) == -1;
		if (failed == 0)
			fail_msg("%s went through as %s", names[i], buf_str(&out));
		assert_null(strstr(buf_str(&out), "/.."));
		assert_true(why.len > 0);
		buf_free(&out);
		buf_free(&why);
	}
}

static void a_home_that_is_not_absolute_is_not_used(void **state)
{
	static const char *const homes[] = {"", "home", "/home/../etc", "..", NULL};
	struct restante_user u = joe;

	(void)state;
	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
		struct buf out = {0}, why = {0};

		u.home = homes[i];
		assert_int_equal(expand_path("~/x", &u, &out, &why), -1);
		buf_free(&out);
		buf_free(&why);
	}
}

/* --- the host ----------------------------------------------------------------------------------
 */

static const struct conf_setting settings[] = {
	{.name = "path",
		.type = RESTANTE_PATH,
		.flags = RESTANTE_PER_USER | RESTANTE_FOLDER,
		.value = "~/Maildir"},
	{.name = "wait", .type = RESTANTE_SECONDS, .value = "3s", .num = 3},
	{.name = "other", .type = RESTANTE_PATH, .flags = RESTANTE_READ_ONLY, .value = NULL},
	{.name = "locks",
		.type = RESTANTE_ENUM,
		.range = "a|b|c",
		.flags = RESTANTE_LIST | RESTANTE_PER_USER,
		.value = "b c",
		.num = 1},
	{.name = "files",
		.type = RESTANTE_PATH,
		.flags = RESTANTE_LIST | RESTANTE_READ_ONLY,
		.value = "~/a /etc/%n"},
};
static const struct conf_plugin conf = {
	.name = "storage-x", .file = "", .nsettings = 5, .settings = settings};
static const struct plug plug = {.conf = &conf, .entry = &fine};

static void a_host_gives_settings_expanded_and_overridden(void **state)
{
	const char *const attrs[] = {
		"storage-x.path", "/srv/%n", "storage-y.path", "/no", "storage-x.locks", "c", NULL};
	const char *const *items;
	struct restante_user u = joe;
	struct host h;

	(void)state;
	assert_int_equal(host_open(&h, &plug, &u), RESTANTE_OK);
	assert_string_equal(h.api.str(h.api.c, "path"), "/home/joe/Maildir");
	assert_int_equal(h.api.num(h.api.c, "wait"), 3);
	assert_string_equal(h.api.str(h.api.c, "other"), "");
	assert_string_equal(h.api.str(h.api.c, "nothing"), "");
	assert_int_equal(h.api.num(h.api.c, "nothing"), 0);
	assert_null(h.api.list(h.api.c, "nothing")[0]);
	items = h.api.list(h.api.c, "locks");
	assert_string_equal(items[0], "b");
	assert_string_equal(items[1], "c");
	assert_null(items[2]);
	assert_string_equal(h.api.str(h.api.c, "locks"), "b c");
	assert_string_equal(h.api.list(h.api.c, "files")[0], "/home/joe/a");
	assert_string_equal(h.api.str(h.api.c, "files"), "/home/joe/a /etc/joe");
	host_close(&h);
	u.attrs = attrs;
	assert_int_equal(host_open(&h, &plug, &u), RESTANTE_OK);
	assert_string_equal(h.api.str(h.api.c, "path"), "/srv/joe");
	assert_string_equal(h.api.list(h.api.c, "locks")[0], "c");
	assert_null(h.api.list(h.api.c, "locks")[1]);
	assert_int_equal(h.api.num(h.api.c, "locks"), 2);
	host_close(&h);
}

static void a_host_refuses_what_would_escape(void **state)
{
	const char *const wrong[][3] = {{"storage-x.wait", "1s", NULL},
		{"storage-x.path", "x", NULL}, {"storage-x.path", "/a/../b", NULL},
		{"storage-x.path", "/a/%x", NULL}, {"storage-x.locks", "a  b", NULL},
		{"storage-x.files", "/a", NULL}};
	struct restante_user u = joe;
	struct host h;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		u.attrs = wrong[i];
		assert_int_equal(host_open(&h, &plug, &u), RESTANTE_PERM);
	}
}

static int add_path(void *arg, const char *path, uint32_t flags)
{
	buf_printf(arg, "%s %u;", path, (unsigned)flags);
	return 0;
}

static void a_host_names_its_paths_for_the_sandbox(void **state)
{
	struct buf out = {0};
	struct host h;

	(void)state;
	assert_int_equal(host_open(&h, &plug, &joe), RESTANTE_OK);
	assert_int_equal(host_paths(&h, add_path, &out), 0);
	assert_string_equal(out.p, "/home/joe/Maildir 10;/home/joe/a 36;/etc/joe 36;");
	buf_free(&out);
	host_close(&h);
}

static void a_host_gives_zeroed_memory_of_any_size(void **state)
{
	static const size_t sizes[] = {0, 1, 17, 4000, 4096, 5000, 1000000};
	struct host h;

	(void)state;
	assert_int_equal(host_open(&h, &plug, &joe), RESTANTE_OK);
	for (size_t round = 0; round < 20; round++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			unsigned char *p = h.api.alloc(h.api.c, sizes[i]);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
			for (size_t j = 0; j < sizes[i]; j++)
				assert_int_equal(p[j], 0);
			memset(p, 0xff, sizes[i]);
		}
	host_close(&h);
}

static void a_host_tells_how_much_time_is_left(void **state)
{
	struct host h;

	(void)state;
	assert_int_equal(host_open(&h, &plug, NULL), RESTANTE_OK);
	assert_int_equal(h.api.left_ms(h.api.c), INT32_MAX);
	host_deadline(&h, 1000);
	assert_in_range(h.api.left_ms(h.api.c), 1, 1000);
	h.deadline = clock_ms() - 1;
	assert_int_equal(h.api.left_ms(h.api.c), 0);
	host_close(&h);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/plug_test.XXXXXX");
	if (getcwd(libs, sizeof(libs) - 8) == NULL || mkdtemp(folder) == NULL)
		return -1;
	memcpy(libs + strlen(libs), "/.libs", 7);
	snprintf(odd, sizeof(odd), "%s/storage-odd.so", libs);
	return chmod(folder, 0755);
}

static int tear_down(void **state)
{
	static const char *const names[] = {"storage-text.so", "storage-empty.so",
		"storage-mode.so", "storage-owner.so", "storage-link.so"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path_of(names[i]));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_is_no_shared_object_is_refused),
		cmocka_unit_test(a_file_for_another_machine_is_refused_and_told),
		cmocka_unit_test(a_file_that_others_may_write_is_refused),
		cmocka_unit_test(a_file_in_a_folder_that_others_may_write_is_refused),
		cmocka_unit_test(a_file_of_another_user_is_refused),
		cmocka_unit_test(a_link_is_followed_before_it_is_vetted),
		cmocka_unit_test(an_entry_that_this_core_cannot_work_with_is_refused),
		cmocka_unit_test(a_longer_entry_is_taken),
		cmocka_unit_test(a_table_of_settings_that_is_wrong_is_refused),
		cmocka_unit_test(a_name_that_is_no_name_is_not_looked_for),
		cmocka_unit_test(a_plugin_is_found_in_the_first_folder_that_has_it),
		cmocka_unit_test(a_plugin_that_dies_or_hangs_while_it_is_loaded_is_named),
		cmocka_unit_test(a_missing_symbol_is_a_refusal_with_its_name),
		cmocka_unit_test(a_plugin_under_another_name_is_refused),
		cmocka_unit_test(the_environment_does_not_say_where_plugins_are),
		cmocka_unit_test(a_plugin_loads),
		cmocka_unit_test(a_path_becomes_the_users_own),
		cmocka_unit_test(a_name_never_leads_out_of_its_place),
		cmocka_unit_test(a_home_that_is_not_absolute_is_not_used),
		cmocka_unit_test(a_host_gives_settings_expanded_and_overridden),
		cmocka_unit_test(a_host_refuses_what_would_escape),
		cmocka_unit_test(a_host_names_its_paths_for_the_sandbox),
		cmocka_unit_test(a_host_gives_zeroed_memory_of_any_size),
		cmocka_unit_test(a_host_tells_how_much_time_is_left),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
