/* auth-exec with real programs, in sh: good ones, and all that can be wrong with one. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <restante/plugin.h>

#include "plugin_host.h"

extern const struct restante_plugin auth_exec_LTX_restante_plugin_v1;
static const struct restante_plugin *const plugin = &auth_exec_LTX_restante_plugin_v1;
static const struct restante_auth *auth;

/* Greets and answers; what it does with a request comes between. */
#define HELLO "read -r hello; echo restante-auth 1 can=verify,lookup,apop,scram,token\n"
#define LOOP HELLO "while read -r id call user key rest; do\n"
#define DONE "done\n"

struct world {
	char folder[64], script[80], note[80]; /* note: a file that the program may write */
	struct plugin_host host;
	const char *values[16];
	void *au;
	struct restante_user user;
};

static void write_script(const struct world *w, const char *text)
{
	FILE *f = fopen(w->script, "w");

	assert_non_null(f);
	fprintf(f, "cd %s\n%s", w->folder, text);
	assert_int_equal(fclose(f), 0);
	(void)chmod(w->script, 0644);
}

/* A world with that program, not opened yet. */
static void begin(struct world *w, const char *text, const char *timeout, const char *requests)
{
	const char *values[] = {"program", "/bin/sh", "arguments", w->script, "timeout", timeout,
		"requests", requests, NULL};

	memset(w, 0, sizeof(*w));
	(void)snprintf(w->folder, sizeof(w->folder), "/tmp/exec_test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	(void)chmod(w->folder, 0777);
	(void)snprintf(w->script, sizeof(w->script), "%s/program", w->folder);
	(void)snprintf(w->note, sizeof(w->note), "%s/note", w->folder);
	memcpy(w->values, values, sizeof(values));
	write_script(w, text);
	plugin_host_init(&w->host, plugin, w->values);
}

static void world_with(struct world *w, const char *text, const char *timeout, const char *requests)
{
	begin(w, text, timeout, requests);
	assert_int_equal(auth->open(&w->host.api, &w->au), RESTANTE_OK);
}

static void world(struct world *w, const char *text)
{
	world_with(w, text, "20s", "0");
}

static void end(struct world *w)
{
	if (w->au != NULL)
		auth->close(w->au);
	plugin_host_free(&w->host);
	(void)unlink(w->script);
	(void)unlink(w->note);
	(void)rmdir(w->folder);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
	assert_int_equal(errno, ECHILD);
}

static struct restante_request request(const char *user)
{
	return (struct restante_request){.size = sizeof(struct restante_request),
		.flags = RESTANTE_REQUEST_TLS,
		.user = user,
		.service = "pop3",
		.client_ip = "192.0.2.1",
		.server_ip = ""};
}

static int verify(struct world *w, const char *user, const char *password)
{
	struct restante_request r = request(user);

	w->user = (struct restante_user){.size = sizeof(w->user)};
	return auth->verify(w->au, &r, password, &w->user);
}

static int lookup(struct world *w, const char *user)
{
	struct restante_request r = request(user);

	w->user = (struct restante_user){.size = sizeof(w->user)};
	return auth->lookup(w->au, &r, &w->user);
}

static void assert_logged(const struct world *w, const char *text)
{
	if (!plugin_host_logged(&w->host, text))
		fail_msg("\"%s\" is not in the log:\n%s", text, w->host.log);
}

/* --- what it says --- */

static void a_record_has_everything_that_the_abi_has(void **state)
{
	struct world w;

	(void)state;
	world(&w, LOOP "echo $id ok uid=1001 gid=1002 name=other home=/home/%20o stamp=9 "
		       "attr.storage=mbox\n" DONE);
	assert_int_equal(verify(&w, "joe", "secret"), RESTANTE_OK);
	assert_int_equal(w.user.uid, 1001);
	assert_int_equal(w.user.gid, 1002);
	assert_int_equal(w.user.flags, 0);
	assert_string_equal(w.user.name, "other");
	assert_string_equal(w.user.home, "/home/ o");
	assert_true(w.user.stamp == 9);
	assert_string_equal(w.user.attrs[0], "storage");
	assert_string_equal(w.user.attrs[1], "mbox");
	assert_null(w.user.attrs[2]);
	end(&w);
}

static void a_request_is_as_the_manual_says(void **state)
{
	struct world w;
	char line[256] = "";
	FILE *f;

	(void)state;
	world(&w,
		HELLO "echo \"$hello\" >note; read -r line; echo \"$line\" >>note; echo 1 deny\n");
	assert_int_equal(verify(&w, "jo e", "se=cret%"), RESTANTE_DENY);
	f = fopen(w.note, "r");
	assert_non_null(f);
	assert_in_range(fread(line, 1, sizeof(line) - 1, f), 1, sizeof(line));
	(void)fclose(f);
	assert_string_equal(line, "restante-auth 1\n1 verify user=jo%20e password=se=cret%25 "
				  "service=pop3 client=192.0.2.1 server= tls=yes\n");
	end(&w);
}

/* Names that mean something to a shell, a terminal, SQL or a path. */
static void every_octet_but_nul_comes_through(void **state)
{
	char all[256];
	const char *const names[] = {"", " ", "\n", "a\nb", "-n", "\\", "$(reboot)", "`reboot`",
		"*", "' OR 1=1 --", "%s%n%00", "../../etc/passwd", "\xff\xfe", "1 ok uid=0", all};
	struct world w;

	(void)state;
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	world(&w, LOOP "printf '%s ok uid=1 gid=1 name=%s home=/%s\\n' $id \"${user#user=}\" "
		       "\"${key#password=}\"\n" DONE);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(verify(&w, names[i], names[i]), RESTANTE_OK);
		assert_string_equal(w.user.name, names[i]);
		assert_string_equal(w.user.home + 1, names[i]);
	}
	end(&w);
}

static void who_gives_no_ids_leaves_the_record_to_others(void **state)
{
	struct restante_request r = request("");
	struct world w;

	(void)state;
	world(&w, LOOP "echo $id ok name=joe\n" DONE);
	w.user.size = sizeof(w.user);
	assert_int_equal(auth->token(w.au, &r, "abc", &w.user), RESTANTE_OK);
	assert_int_equal(w.user.flags, RESTANTE_USER_NAME_ONLY);
	assert_string_equal(w.user.name, "joe");
	assert_int_equal(lookup(&w, "joe"), RESTANTE_TEMP); /* it is the record that is wanted */
	assert_logged(&w, "the reply to lookup: expected uid and gid");
	end(&w);
}

static void secrets_and_keys_of_scram(void **state)
{
	struct restante_request r = request("joe");
	struct restante_scram s = {.size = sizeof(s)};
	const char *secret;
	struct world w;

	(void)state;
	world(&w, LOOP "case $call in\n"
		       "apop) echo $id ok secret=tan%20staaf ;;\n"
		       "scram) [ $key = hash=SHA-256 ] && echo $id ok iterations=4096 salt=%00 "
		       "stored=%01%02 server=%03%00 || echo $id deny ;;\nesac\n" DONE);
	assert_int_equal(auth->apop(w.au, &r, &secret), RESTANTE_OK);
	assert_string_equal(secret, "tan staaf");
	assert_int_equal(auth->scram(w.au, &r, "SHA-256", &s), RESTANTE_OK);
	assert_int_equal(s.iterations, 4096);
	assert_int_equal(s.salt_len, 1);
	assert_int_equal(s.key_len, 2);
	assert_memory_equal(s.stored, "\1\2", 2);
	assert_memory_equal(s.server, "\3\0", 2);
	assert_int_equal(auth->scram(w.au, &r, "SHA-1", &s), RESTANTE_DENY);
	end(&w);
}

static void it_is_not_asked_what_it_cannot_answer(void **state)
{
	struct restante_request r = request("joe");
	const char *secret;
	struct world w;

	(void)state;
	world(&w, "read -r hello; echo restante-auth 1\nread -r id call rest\necho $id $call\n");
	assert_int_equal(auth->apop(w.au, &r, &secret), RESTANTE_NONE);
	end(&w);
}

static void its_text_and_its_standard_error_go_to_the_log(void **state)
{
	struct world w;

	(void)state;
	world(&w, LOOP "echo careful >&2; echo $id temp text=no%20database\n" DONE);
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_TEMP);
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_TEMP);
	assert_logged(&w, "the program says: no database");
	assert_logged(&w, "the program says: careful");
	end(&w);
}

/* --- where it lives --- */

static void its_environment_and_descriptors_are_clean(void **state)
{
	struct world w;

	(void)state;
	(void)setenv("SECRET_OF_THE_SERVER", "1", 1);
	assert_int_equal(dup2(0, 77), 77); /* one that is not close-on-exec */
	world(&w, LOOP "tr '\\0' , </proc/$$/environ >note; echo /proc/$$/fd/* >fds\n"
		       "echo \"$id ok uid=1 gid=1 name=$(cat note) home=$(tr -d ' ' <fds)\"; rm "
		       "fds\n" DONE);
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_OK);
	assert_non_null(strstr(w.user.name, "PATH=/usr/local/bin:/usr/bin:/bin,RESTANTE_EXEC="));
	assert_null(strstr(w.user.name, "SECRET"));
	for (const char *p = w.user.home; (p = strstr(p, "/fd/")) != NULL; p++)
		/* 3: with which sh reads the folder; 10 and up: its script, and what it redirects
		 */
		if (strtol(p + 4, NULL, 10) > 3 && strtol(p + 4, NULL, 10) < 10)
			fail_msg("descriptors: %s", w.user.home);
	assert_null(strstr(w.user.home, "/fd/77"));
	assert_int_equal(close(77), 0);
	end(&w);
}

static void it_lives_as_long_as_the_worker(void **state)
{
	struct world w;
	uint32_t pid;

	(void)state;
	world(&w, LOOP "echo $id ok uid=$$ gid=1\n" DONE);
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_OK);
	pid = w.user.uid;
	assert_int_equal(lookup(&w, "ann"), RESTANTE_OK);
	assert_int_equal(w.user.uid, pid);
	end(&w);
}

static void it_is_started_anew_after_so_many_requests(void **state)
{
	struct world w;
	uint32_t pid[5];

	(void)state;
	world_with(&w, LOOP "echo $id ok uid=$$ gid=1\n" DONE, "20s", "2");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(verify(&w, "joe", "x"), RESTANTE_OK);
		pid[i] = w.user.uid;
	}
	assert_true(pid[0] == pid[1] && pid[1] != pid[2] && pid[2] == pid[3] && pid[3] != pid[4]);
	end(&w);
}

static void it_may_tidy_up_when_it_is_ended(void **state)
{
	struct world w;

	(void)state;
	world(&w, LOOP "echo $id none\n" DONE "echo bye >note\n");
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_NONE);
	auth->close(w.au);
	w.au = NULL;
	assert_int_equal(access(w.note, F_OK), 0);
	end(&w);
}

/* Zombies, which somebody else has to wait for, do not count. */
static int is_running(long pid)
{
	char path[64], state = 'Z';
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	(void)!fscanf(f, "%*d (%*[^)]) %c", &state);
	(void)fclose(f);
	return state != 'Z';
}

static void what_it_has_started_ends_with_it_wherever_it_is(void **state)
{
	struct world w;
	long pid = 0;
	FILE *f;

	(void)state;
	world(&w, "(trap '' TERM HUP; setsid sh -c 'echo $$ >note; sleep 300' >&2 2>/dev/null &)\n"
		  "while [ ! -s note ]; do sleep 0.01; done\n" LOOP "echo $id none\n" DONE);
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_NONE);
	f = fopen(w.note, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &pid), 1);
	(void)fclose(f);
	assert_true(is_running(pid));
	auth->close(w.au);
	w.au = NULL;
	for (int i = 0; i < 1000 && is_running(pid); i++)
		(void)usleep(10000); /* a signal takes its time */
	assert_false(is_running(pid));
	end(&w);
}

/* plugin.h: a plugin leaves alone the children that it did not start. */
static void the_children_of_others_are_left_alone(void **state)
{
	struct world w;
	int status;
	pid_t other;

	(void)state;
	world(&w, LOOP "echo $id none\n" DONE);
	other = fork();
	assert_int_not_equal(other, -1);
	if (other == 0) {
		(void)sleep(300);
		_exit(0);
	}
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_NONE);
	auth->close(w.au);
	w.au = NULL;
	assert_int_equal(waitpid(other, &status, WNOHANG), 0);
	assert_int_equal(kill(other, SIGKILL), 0);
	assert_int_equal(waitpid(other, &status, 0), other);
	end(&w);
}

/* --- what can be wrong with it: TEMP, never DENY; and the next one is a new one --- */

/* The first program does what it should not; others are as good as can be. */
#define ONCE(bad) "if [ ! -e note ]; then echo >note\n" bad "\nfi\n" LOOP "echo $id none\n" DONE

static void goes_wrong_once(const char *bad, const char *timeout, const char *logged)
{
	struct world w;

	world_with(&w, bad, timeout, "0");
	assert_int_equal(verify(&w, "joe", "secret"), RESTANTE_TEMP);
	assert_logged(&w, logged);
	assert_int_equal(verify(&w, "joe", "secret"), RESTANTE_NONE);
	end(&w);
}

static void one_that_ends_is_started_again(void **state)
{
	(void)state;
	goes_wrong_once(ONCE(HELLO "read -r x; exit 3"), "20s", "it has ended (status 3)");
}

static void one_that_crashes_is_started_again(void **state)
{
	(void)state;
	goes_wrong_once(ONCE(HELLO "read -r x; kill -SEGV $$"), "20s", "it has ended (signal 11)");
}

static void one_that_is_late_is_ended(void **state)
{
	(void)state;
	goes_wrong_once(ONCE(HELLO "trap '' TERM; sleep 300"), "3s", "no answer in time");
}

static void one_that_closes_its_output_is_ended(void **state)
{
	(void)state;
	goes_wrong_once(ONCE(HELLO "exec <&- >&-; sleep 300"), "20s", "it has ended");
}

static void one_that_babbles_is_ended(void **state)
{
	(void)state;
	goes_wrong_once(ONCE(HELLO "read -r x; echo hello world; sleep 300"), "20s",
		"expected: the number of the request first");
}

static void one_that_answers_twice_is_ended(void **state)
{
	struct world w;

	(void)state;
	world(&w, ONCE(HELLO "read -r x; printf '1 none\\n2 ok uid=1 gid=1\\n'; sleep 300"));
	assert_int_equal(verify(&w, "joe", "wrong"), RESTANTE_NONE);
	assert_int_equal(verify(&w, "joe", "wrong"), RESTANTE_NONE); /* not the ok of before */
	assert_logged(&w, "it speaks without being asked");
	end(&w);
}

static void an_answer_to_another_request_is_none_to_this(void **state)
{
	(void)state;
	goes_wrong_once(ONCE(HELLO "read -r x; echo 0 ok uid=1 gid=1; sleep 300"), "20s",
		"expected: the number of the request that was asked last");
}

static void an_endless_line_is_not_kept(void **state)
{
	(void)state;
	goes_wrong_once(ONCE(HELLO "read -r x; exec tr '\\0' a </dev/zero"), "20s",
		"expected a shorter line");
}

/* 64 KiB fill a pipe: who does not read it stops the program. */
static void a_flood_of_errors_stops_nobody(void **state)
{
	const char *more;
	struct world w;

	(void)state;
	world(&w, LOOP "seq 21 >&2; head -c 1000000 /dev/zero | tr '\\0' '\\n' >&2\n"
		       "echo $id none\n" DONE);
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_NONE);
	assert_logged(&w, "the program says: 20");
	assert_false(plugin_host_logged(&w.host, "the program says: 21"));
	more = strstr(w.host.log, "the program says more than is logged");
	assert_non_null(more);
	assert_null(strstr(more + 1, "the program says more than is logged"));
	end(&w);
}

static void one_that_has_ended_between_requests_is_not_missed(void **state)
{
	struct world w;

	(void)state;
	world(&w, ONCE(HELLO "read -r id x; echo $id deny; exit 0"));
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_DENY);
	assert_int_equal(waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_NONE);
	end(&w);
}

static void another_version_is_told(void **state)
{
	struct world w;

	(void)state;
	world(&w, "read -r hello; echo restante-auth 2; sleep 300\n");
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_TEMP);
	assert_logged(&w, "expected: version 1 in the greeting");
	end(&w);
}

/* A login a second must not start a Python a second each that cannot import its modules. */
static void one_that_cannot_start_is_tried_once_a_second(void **state)
{
	struct world w;
	struct stat st;

	(void)state;
	world(&w, "echo -n x >>note; exit 1\n");
	for (int i = 0; i < 20; i++)
		assert_int_equal(verify(&w, "joe", "x"), RESTANTE_TEMP);
	assert_int_equal(stat(w.note, &st), 0);
	assert_in_range(st.st_size, 1, 10);
	end(&w);
}

static void a_password_too_long_for_a_line_is_nobodys(void **state)
{
	enum { LONG = 200 * 1024 };
	char *large = malloc(LONG + 1);
	struct world w;

	(void)state;
	memset(large, 'a', LONG);
	large[LONG] = '\0';
	world(&w, LOOP "echo $id deny\n" DONE);
	assert_int_equal(verify(&w, "joe", large), RESTANTE_NONE);
	large[100 * 1024] = '\0'; /* more than a socket holds */
	assert_int_equal(verify(&w, "joe", large), RESTANTE_DENY);
	free(large);
	end(&w);
}

/* --- settings --- */

static void a_program_that_is_not_there_keeps_the_server_from_starting(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "", "20s", "0");
	w.values[1] = "/nonexistent/program";
	assert_int_equal(auth->open(&w.host.api, &w.au), RESTANTE_PERM);
	w.au = NULL;
	assert_logged(&w, "program: /nonexistent/program: No such file or directory");
	end(&w);
}

static void root_is_whom_it_never_runs_as(void **state)
{
	struct world w;

	(void)state;
	world(&w, LOOP "echo $id ok uid=$(id -u) gid=$(id -g) name=$(id -G)\n" DONE);
	assert_int_equal(verify(&w, "joe", "x"), RESTANTE_OK);
	assert_int_equal(w.user.uid, geteuid() == 0 ? 65534 : geteuid());
	if (geteuid() == 0)
		assert_string_equal(w.user.name, "65534");
	end(&w);
}

static int check(const char *const *values)
{
	struct plugin_host h;
	int result;

	plugin_host_init(&h, plugin, values);
	result = plugin->check(&h.api);
	assert_true(result == RESTANTE_OK || h.log_len > 0);
	plugin_host_free(&h);
	return result;
}

static void settings_fit_together(void **state)
{
	const char *const program[] = {"program", "/bin/true", "arguments", "a b", NULL};
	const char *const path[] = {"socket", "/run/auth", NULL};
	const char *const both[] = {"program", "/bin/true", "socket", "/run/auth", NULL};
	const char *const none[] = {NULL};
	const char *const relative[] = {"program", "true", NULL};
	const char *const arguments[] = {"socket", "/run/auth", "arguments", "a", NULL};

	(void)state;
	assert_int_equal(check(program), RESTANTE_OK);
	assert_int_equal(check(path), RESTANTE_OK);
	assert_int_equal(check(both), RESTANTE_PERM);
	assert_int_equal(check(none), RESTANTE_PERM);
	assert_int_equal(check(relative), RESTANTE_PERM);
	assert_int_equal(check(arguments), RESTANTE_PERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_has_everything_that_the_abi_has),
		cmocka_unit_test(a_request_is_as_the_manual_says),
		cmocka_unit_test(every_octet_but_nul_comes_through),
		cmocka_unit_test(who_gives_no_ids_leaves_the_record_to_others),
		cmocka_unit_test(secrets_and_keys_of_scram),
		cmocka_unit_test(it_is_not_asked_what_it_cannot_answer),
		cmocka_unit_test(its_text_and_its_standard_error_go_to_the_log),
		cmocka_unit_test(its_environment_and_descriptors_are_clean),
		cmocka_unit_test(it_lives_as_long_as_the_worker),
		cmocka_unit_test(it_is_started_anew_after_so_many_requests),
		cmocka_unit_test(it_may_tidy_up_when_it_is_ended),
		cmocka_unit_test(what_it_has_started_ends_with_it_wherever_it_is),
		cmocka_unit_test(the_children_of_others_are_left_alone),
		cmocka_unit_test(one_that_ends_is_started_again),
		cmocka_unit_test(one_that_crashes_is_started_again),
		cmocka_unit_test(one_that_is_late_is_ended),
		cmocka_unit_test(one_that_closes_its_output_is_ended),
		cmocka_unit_test(one_that_babbles_is_ended),
		cmocka_unit_test(one_that_answers_twice_is_ended),
		cmocka_unit_test(an_answer_to_another_request_is_none_to_this),
		cmocka_unit_test(an_endless_line_is_not_kept),
		cmocka_unit_test(a_flood_of_errors_stops_nobody),
		cmocka_unit_test(one_that_has_ended_between_requests_is_not_missed),
		cmocka_unit_test(another_version_is_told),
		cmocka_unit_test(one_that_cannot_start_is_tried_once_a_second),
		cmocka_unit_test(a_password_too_long_for_a_line_is_nobodys),
		cmocka_unit_test(a_program_that_is_not_there_keeps_the_server_from_starting),
		cmocka_unit_test(root_is_whom_it_never_runs_as),
		cmocka_unit_test(settings_fit_together),
	};

	auth = plugin->auth;
	if (signal(SIGPIPE, SIG_DFL) == SIG_ERR) /* it must not meet one */
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
