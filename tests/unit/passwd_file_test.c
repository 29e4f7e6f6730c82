/* auth-passwd-file as the core calls it, on files that change: plugin.c and file.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <restante/plugin.h>

extern const struct restante_plugin auth_passwd_file_LTX_restante_plugin_v1;
static const struct restante_auth *auth;

/* One opened plugin: its file, its settings, what it logged. */
struct world {
	char path[64], path_new[64], log[8192];
	int64_t uid, gid;
	struct restante_host host;
	void *au;
	void *mem[64];
	size_t nmem;
};

__attribute__((format(printf, 3, 4))) static void host_log(
	void *c, int priority, const char *fmt, ...)
{
	struct world *w = c;
	size_t n = strlen(w->log);
	va_list ap;

	(void)priority;
	va_start(ap, fmt);
	vsnprintf(w->log + n, sizeof(w->log) - n, fmt, ap);
	va_end(ap);
	n = strlen(w->log);
	snprintf(w->log + n, sizeof(w->log) - n, "\n");
}

static const char *host_str(void *c, const char *setting)
{
	struct world *w = c;

	return strcmp(setting, "path") == 0 ? w->path : "";
}

static int64_t host_num(void *c, const char *setting)
{
	struct world *w = c;

	return strcmp(setting, "uid") == 0 ? w->uid : w->gid;
}

static void *host_alloc(void *c, size_t n)
{
	struct world *w = c;

	assert_true(w->nmem < 64);
	return w->mem[w->nmem++] = calloc(1, n);
}

static void write_file(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Replaces the file as an administrator should: write beside it, rename. */
static void replace(struct world *w, const char *text)
{
	write_file(w->path_new, text, strlen(text));
	assert_int_equal(rename(w->path_new, w->path), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char folder[] = "/tmp/restante-passwd-XXXXXX";

	if (!w || !mkdtemp(folder))
		return -1;
	snprintf(w->path, sizeof(w->path), "%s/users", folder);
	snprintf(w->path_new, sizeof(w->path_new), "%s/new", folder);
	w->host = (struct restante_host){.size = sizeof(w->host),
		.c = w,
		.log = host_log,
		.str = host_str,
		.num = host_num,
		.alloc = host_alloc};
	auth = auth_passwd_file_LTX_restante_plugin_v1.auth;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (w->au)
		auth->close(w->au);
	for (size_t i = 0; i < w->nmem; i++)
		free(w->mem[i]);
	unlink(w->path);
	*strrchr(w->path, '/') = '\0';
	rmdir(w->path);
	free(w);
	return 0;
}

static void start(struct world *w, const char *text)
{
	replace(w, text);
	assert_int_equal(auth->open(&w->host, &w->au), RESTANTE_OK);
}

static struct restante_user got;

static int verify(struct world *w, const char *user, const char *password)
{
	struct restante_request req = {.size = sizeof(req),
		.user = user,
		.service = "pop3",
		.client_ip = "127.0.0.1",
		.server_ip = "127.0.0.1"};

	got = (struct restante_user){.size = sizeof(got)};
	return auth->verify(w->au, &req, password, &got);
}

static struct restante_request request(const char *user)
{
	return (struct restante_request){.size = sizeof(struct restante_request),
		.user = user,
		.service = "pop3",
		.client_ip = "",
		.server_ip = ""};
}

static void the_right_password_gives_the_users_record(void **state)
{
	struct world *w = *state;

	start(w, "# "
		 "users\n\nanna:{PLAIN}secret:1001:1002::/home/"
		 "anna::storage=mbox\nben:{PLAIN}x:1003:1003\n");
	assert_int_equal(verify(w, "anna", "secret"), RESTANTE_OK);
	assert_string_equal(got.name, "anna");
	assert_string_equal(got.home, "/home/anna");
	assert_int_equal(got.uid, 1001);
	assert_int_equal(got.gid, 1002);
	assert_string_equal(got.attrs[0], "storage");
	assert_string_equal(got.attrs[1], "mbox");
	assert_null(got.attrs[2]);
	assert_string_equal(w->log, "");
}

static void wrong_unknown_and_locked_are_told_apart_only_where_the_core_may_know(void **state)
{
	struct world *w = *state;

	start(w, "anna:{PLAIN}secret:1001:1002\nlocked:!:1:1\n");
	assert_int_equal(verify(w, "anna", "Secret"), RESTANTE_DENY);
	assert_int_equal(verify(w, "anna", ""), RESTANTE_DENY);
	assert_int_equal(verify(w, "ann", "secret"), RESTANTE_NONE);
	assert_int_equal(verify(w, "anna:", "secret"), RESTANTE_NONE);
	assert_int_equal(verify(w, "anna\n", "secret"), RESTANTE_NONE);
	assert_int_equal(verify(w, "", "secret"), RESTANTE_NONE);
	assert_int_equal(verify(w, "# users", "secret"), RESTANTE_NONE);
	assert_int_equal(verify(w, "locked", "!"), RESTANTE_DENY);
}

static uint64_t stamp(struct world *w, const char *user)
{
	struct restante_request req = request(user);

	got = (struct restante_user){.size = sizeof(got)};
	assert_int_equal(auth->lookup(w->au, &req, &got), RESTANTE_OK);
	return got.stamp;
}

static void each_password_of_a_user_can_be_used_and_taken_away_alone(void **state)
{
	struct world *w = *state;

	start(w,
		"anna:{PLAIN}own:1001:1002::::storage=mbox app.phone={PLAIN}one app.pc={PLAIN}two\n"
		"apps:x:1003:1003::::app.phone={PLAIN}one\n"
		"out:!:1004:1004::::app.phone={PLAIN}one\n");
	assert_int_equal(verify(w, "anna", "own"), RESTANTE_OK);
	assert_string_equal(got.attrs[1], "mbox");
	assert_null(got.attrs[2]);
	assert_int_equal(verify(w, "anna", "two"), RESTANTE_OK);
	assert_string_equal(got.attrs[2], "label");
	assert_string_equal(got.attrs[3], "pc");
	assert_null(got.attrs[4]);
	assert_int_equal(verify(w, "anna", "three"), RESTANTE_DENY);
	assert_int_equal(verify(w, "anna", "phone"), RESTANTE_DENY);
	assert_int_equal(verify(w, "apps", "one"), RESTANTE_OK);
	assert_int_equal(verify(w, "apps", "x"), RESTANTE_DENY);
	assert_int_equal(verify(w, "out", "one"), RESTANTE_DENY); /* ! locks out altogether */
	replace(w, "anna:{PLAIN}own:1001:1002::::storage=mbox app.pc={PLAIN}two\n");
	assert_int_equal(verify(w, "anna", "one"), RESTANTE_DENY);
	assert_int_equal(verify(w, "anna", "two"), RESTANTE_OK);
}

static void a_stamp_changes_with_every_secret_and_with_nothing_else(void **state)
{
	static const char *const others[] = {"anna:{PLAIN}new:1:2::::app.a={PLAIN}x\n",
		"anna:{PLAIN}own:1:2::::app.a={PLAIN}y\n",
		"anna:{PLAIN}own:1:2::::app.b={PLAIN}x\n", "anna:{PLAIN}own:1:2\n",
		"anna:!{PLAIN}own:1:2::::app.a={PLAIN}x\n"};
	struct world *w = *state;
	uint64_t first;

	start(w, "anna:{PLAIN}own:1:2::::app.a={PLAIN}x\n");
	first = stamp(w, "anna");
	assert_true(first != 0);
	assert_int_equal(verify(w, "anna", "own"), RESTANTE_OK);
	assert_true(got.stamp == first);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		replace(w, others[i]);
		assert_true(stamp(w, "anna") != first);
	}
	replace(w,
		"ben:{PLAIN}x:5:5\nanna:{PLAIN}own:3:4::/home/anna::app.a={PLAIN}x storage=mbox\n");
	assert_true(stamp(w, "anna") == first);
}

static void a_user_without_ids_is_refused_unless_settings_give_them(void **state)
{
	struct world *w = *state;

	start(w, "anna:{PLAIN}x\n");
	assert_int_equal(verify(w, "anna", "wrong"), RESTANTE_DENY);
	assert_int_equal(verify(w, "anna", "x"), RESTANTE_PERM);
	assert_non_null(strstr(w->log, "user anna: expected a uid"));
	auth->close(w->au);
	w->uid = 5000;
	w->gid = 5001;
	assert_int_equal(auth->open(&w->host, &w->au), RESTANTE_OK);
	assert_int_equal(verify(w, "anna", "x"), RESTANTE_OK);
	assert_int_equal(got.uid, 5000);
	assert_int_equal(got.gid, 5001);
}

static void one_damaged_line_is_logged_and_the_others_go_on(void **state)
{
	struct world *w = *state;
	char want[128];

	start(w, "anna:{PLAIN}x:1001:1001\nben:{PLAIN}x:many:1\nunclosed:{PLAIN\n:x\ncarl:{PLAIN}x:"
		 "1003:1003\n");
	snprintf(want, sizeof(want), "%s:2: uid: expected a number", w->path);
	assert_non_null(strstr(w->log, want));
	snprintf(want, sizeof(want), "%s:3: password: expected", w->path);
	assert_non_null(strstr(w->log, want));
	snprintf(want, sizeof(want), "%s:4: user: expected", w->path);
	assert_non_null(strstr(w->log, want));
	assert_int_equal(verify(w, "anna", "x"), RESTANTE_OK);
	assert_int_equal(verify(w, "carl", "x"), RESTANTE_OK);
	assert_int_equal(verify(w, "ben", "x"), RESTANTE_DENY);
}

static void of_two_lines_for_a_user_the_first_counts_and_the_log_says_so(void **state)
{
	struct world *w = *state;
	char want[128];

	start(w, "anna:{PLAIN}one:1001:1001\nanna:{PLAIN}two:1002:1002\n");
	snprintf(want, sizeof(want), "%s:2: user: expected each name once", w->path);
	assert_non_null(strstr(w->log, want));
	assert_int_equal(verify(w, "anna", "two"), RESTANTE_DENY);
	assert_int_equal(verify(w, "anna", "one"), RESTANTE_OK);
	assert_int_equal(got.uid, 1001);
}

static void a_renamed_file_is_seen_at_the_next_login(void **state)
{
	struct world *w = *state;

	start(w, "anna:{PLAIN}one:1001:1001\n");
	replace(w, "anna:{PLAIN}two:1001:1001\n");
	assert_int_equal(verify(w, "anna", "one"), RESTANTE_DENY);
	assert_int_equal(verify(w, "anna", "two"), RESTANTE_OK);
}

static void a_file_written_in_place_is_seen_at_the_next_login(void **state)
{
	struct world *w = *state;
	const char *longer = "anna:{PLAIN}three:1001:1001\n";

	start(w, "anna:{PLAIN}one:1001:1001\n");
	write_file(w->path, longer, strlen(longer));
	assert_int_equal(verify(w, "anna", "three"), RESTANTE_OK);
}

/* How often the file was opened since the watch began or was asked last. */
static int opened(int watch)
{
	char buf[4096];
	ssize_t n = read(watch, buf, sizeof(buf));

	return n > 0 ? (int)((size_t)n / sizeof(struct inotify_event)) : 0;
}

/* Git's "racily clean": a file that changes twice in one tick of the clock keeps its stamps. */
static void a_file_just_changed_is_read_once_more_when_its_stamp_has_aged(void **state)
{
	struct world *w = *state;
	const struct timespec pause = {2, 100000000};
	int watch = inotify_init1(IN_NONBLOCK);

	start(w, "anna:{PLAIN}one:1001:1001\ndamaged\n");
	assert_true(inotify_add_watch(watch, w->path, IN_OPEN) >= 0);
	w->log[0] = '\0';
	assert_int_equal(verify(w, "anna", "one"), RESTANTE_OK);
	assert_int_equal(opened(watch), 0);
	nanosleep(&pause, NULL);
	assert_int_equal(verify(w, "anna", "one"), RESTANTE_OK);
	assert_int_equal(opened(watch), 1);
	assert_int_equal(verify(w, "anna", "one"), RESTANTE_OK);
	assert_int_equal(opened(watch), 0);
	assert_string_equal(w->log, ""); /* nothing new: the damage was told of before */
	close(watch);
}

static void a_missing_file_is_trouble_and_no_denial_until_it_is_back(void **state)
{
	struct world *w = *state;

	start(w, "anna:{PLAIN}one:1001:1001\n");
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(verify(w, "anna", "one"), RESTANTE_TEMP);
	assert_non_null(strstr(w->log, "expected a readable file of users"));
	w->log[0] = '\0';
	assert_int_equal(verify(w, "anna", "one"), RESTANTE_TEMP);
	assert_string_equal(w->log, ""); /* said once */
	replace(w, "anna:{PLAIN}one:1001:1001\n");
	assert_int_equal(verify(w, "anna", "one"), RESTANTE_OK);
}

static void a_fifo_in_the_files_place_does_not_hang(void **state)
{
	struct world *w = *state;

	assert_int_equal(mkfifo(w->path, 0600), 0);
	assert_int_equal(auth->open(&w->host, &w->au), RESTANTE_PERM);
}

static void a_file_without_a_last_newline_counts_whole(void **state)
{
	struct world *w = *state;

	start(w, "anna:{PLAIN}one:1001:1001\nben:{PLAIN}two:1002:1002");
	assert_int_equal(verify(w, "ben", "two"), RESTANTE_OK);
}

static void an_empty_file_knows_nobody(void **state)
{
	struct world *w = *state;

	start(w, "");
	assert_int_equal(verify(w, "anna", "x"), RESTANTE_NONE);
}

static void a_hundred_thousand_users_are_all_found(void **state)
{
	struct world *w = *state;
	FILE *f = fopen(w->path, "w");
	char name[32];

	assert_non_null(f);
	for (int i = 0; i < 100000; i++)
		fprintf(f, "user%d@example.org:{PLAIN}pass%d:%d:1000\n", i, i, 1000 + i);
	fclose(f);
	assert_int_equal(auth->open(&w->host, &w->au), RESTANTE_OK);
	for (int i = 0; i < 100000; i += 7) {
		char password[32];

		snprintf(name, sizeof(name), "user%d@example.org", i);
		snprintf(password, sizeof(password), "pass%d", i);
		assert_int_equal(verify(w, name, password), RESTANTE_OK);
		assert_int_equal(got.uid, 1000 + i);
	}
	assert_int_equal(verify(w, "user100000@example.org", "x"), RESTANTE_NONE);
}

static double seconds_of(struct world *w, const char *user, int rounds)
{
	struct timespec a, b;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (int i = 0; i < rounds; i++)
		(void)verify(w, user, "wrong");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

/* CVE-2003-0190 and its kin: an answer that is fast says that there is no such user. */
static void unknown_locked_and_damaged_users_take_as_long_as_most_others(void **state)
{
	static const char *const others[] = {"nobody", "locked", "damaged", "out"};
	struct world *w = *state;
	double known;

	start(w, "odd:{PLAIN}x:1:1\n"
		 "anna:$2b$08$abcdefghijklmnopqrstuu5NmuNdiQyQ0TDwWp0PUPmZVZlhJ0jjy:1001:1001\n"
		 "ben:$2b$08$abcdefghijklmnopqrstuu5NmuNdiQyQ0TDwWp0PUPmZVZlhJ0jjy:1001:1001\n"
		 "cheap:$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2:1001:1001\n"
		 "locked:!:1:1\ndamaged:{PLAIN}x:many\n"
		 "out:$2b$08$abcdefghijklmnopqrstuu5NmuNdiQyQ0TDwWp0PUPmZVZlhJ0jjy:1001:1001::::"
		 "nologin\n");
	known = seconds_of(w, "anna", 4);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		double t = seconds_of(w, others[i], 4);

		assert_true(t > known * 0.6 && t < known * 1.7);
	}
}

/* RFC 1939 section 7: a shared secret, which a hash is not. */
static void apop_gets_plain_secrets_only(void **state)
{
	struct world *w = *state;
	struct restante_request anna = request("anna"), ben = request("ben"), eve = request("eve");
	const char *secret = NULL;

	start(w, "anna:{PLAIN}tanstaaf:1:1\nben:$1$saltsalt$wCrc3hcrR95SV83Xh8Z.41:1:1\n");
	assert_int_equal(auth->apop(w->au, &anna, &secret), RESTANTE_OK);
	assert_string_equal(secret, "tanstaaf");
	assert_int_equal(auth->apop(w->au, &ben, &secret), RESTANTE_DENY);
	assert_int_equal(auth->apop(w->au, &eve, &secret), RESTANTE_NONE);
}

static void scram_gets_what_is_stored_or_makes_it_from_a_plain_secret(void **state)
{
	struct world *w = *state;
	struct restante_request anna = request("anna"), ben = request("ben"),
				carl = request("carl");
	struct restante_scram s = {.size = sizeof(s)};

	start(w, "anna:{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
		 "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
		 "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=:1:1\n"
		 "ben:{PLAIN}pencil:1:1\ncarl:$1$saltsalt$wCrc3hcrR95SV83Xh8Z.41:1:1\n");
	assert_int_equal(auth->scram(w->au, &anna, "SHA-256", &s), RESTANTE_OK);
	assert_int_equal(s.iterations, 4096);
	assert_int_equal(s.salt_len, 16);
	assert_int_equal(s.key_len, 32);
	assert_memory_equal(s.salt, "\x5b\x6d\x99\x68", 4);
	assert_memory_equal(s.stored, "\x58\x6e\x5d\xf2", 4);
	assert_memory_equal(s.server, "\xc1\xf3\xcb\xc1", 4);
	assert_int_equal(auth->scram(w->au, &anna, "SHA-1", &s), RESTANTE_DENY);
	assert_int_equal(auth->scram(w->au, &ben, "SHA-256", &s), RESTANTE_OK);
	assert_int_equal(s.key_len, 32);
	assert_int_equal(auth->scram(w->au, &ben, "SHA-1", &s), RESTANTE_OK);
	assert_int_equal(s.key_len, 20);
	assert_int_equal(auth->scram(w->au, &carl, "SHA-256", &s), RESTANTE_DENY);
}

static void lookup_finds_users_without_a_password_as_deliveries_need_it(void **state)
{
	struct world *w = *state;
	struct restante_request locked = request("locked"), eve = request("eve"),
				bad = request("bad");
	struct restante_user u = {.size = sizeof(u)};

	start(w, "locked:!:1001:1001::/home/l\nbad:!:x\n");
	assert_int_equal(auth->lookup(w->au, &locked, &u), RESTANTE_OK);
	assert_string_equal(u.home, "/home/l");
	assert_int_equal(auth->lookup(w->au, &eve, &u), RESTANTE_NONE);
	assert_int_equal(auth->lookup(w->au, &bad, &u), RESTANTE_PERM);
}

#define ON_FILE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_FILE(the_right_password_gives_the_users_record),
		ON_FILE(wrong_unknown_and_locked_are_told_apart_only_where_the_core_may_know),
		ON_FILE(each_password_of_a_user_can_be_used_and_taken_away_alone),
		ON_FILE(a_stamp_changes_with_every_secret_and_with_nothing_else),
		ON_FILE(a_user_without_ids_is_refused_unless_settings_give_them),
		ON_FILE(one_damaged_line_is_logged_and_the_others_go_on),
		ON_FILE(of_two_lines_for_a_user_the_first_counts_and_the_log_says_so),
		ON_FILE(a_renamed_file_is_seen_at_the_next_login),
		ON_FILE(a_file_written_in_place_is_seen_at_the_next_login),
		ON_FILE(a_file_just_changed_is_read_once_more_when_its_stamp_has_aged),
		ON_FILE(a_missing_file_is_trouble_and_no_denial_until_it_is_back),
		ON_FILE(a_fifo_in_the_files_place_does_not_hang),
		ON_FILE(a_file_without_a_last_newline_counts_whole),
		ON_FILE(an_empty_file_knows_nobody),
		ON_FILE(a_hundred_thousand_users_are_all_found),
		ON_FILE(unknown_locked_and_damaged_users_take_as_long_as_most_others),
		ON_FILE(apop_gets_plain_secrets_only),
		ON_FILE(scram_gets_what_is_stored_or_makes_it_from_a_plain_secret),
		ON_FILE(lookup_finds_users_without_a_password_as_deliveries_need_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
