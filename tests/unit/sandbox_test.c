/* What the sandbox refuses, tried in child processes: ids, system calls, files. */
#define _GNU_SOURCE
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <unistd.h>
#include <cmocka.h>
#include <restante/plugin.h>
#include "sys/drop.h"
#include "sys/filter.h"
#include "sys/landlock.h"

enum { SOME_UID = 54321, SOME_GID = 54322, OTHER_UID = 54323 };

/* Runs f in a child: its exit status (0 = it was satisfied), or minus the signal that killed it. */
static int in_child(int (*f)(const void *), const void *arg)
{
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(f(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* In a child: ends it with the line where something was not as it should be. */
#define CHECK(what)                                                                      \
	do {                                                                             \
		if (!(what)) {                                                           \
			fprintf(stderr, "# %s:%d: %s: %m\n", __FILE__, __LINE__, #what); \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

/* --- system calls --- */

static void enter(enum filter_profile profile, uint32_t needs)
{
	struct filter f;

	CHECK(filter_build(&f, profile, needs) == 0);
	CHECK(filter_install(&f) == 0);
	filter_free(&f);
}

static int traces(const void *profile)
{
	enter(*(const enum filter_profile *)profile, 0);
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	return 0;
}

static void unlisted_call_kills_the_process(void **state)
{
	(void)state;
	if (!filter_works())
		skip();
	for (enum filter_profile p = FILTER_LOGIN; p < FILTER_SESSION; p++)
		assert_int_equal(in_child(traces, &p), -SIGSYS);
}

static int forks(const void *profile)
{
	enter(*(const enum filter_profile *)profile, 0);
	return fork() == 0 ? 0 : 0;
}

static void only_the_spawner_forks(void **state)
{
	static const enum filter_profile none[] = {
		FILTER_LOGIN, FILTER_AUTH, FILTER_WORKER, FILTER_SESSION};
	enum filter_profile spawner = FILTER_SPAWNER;

	(void)state;
	if (!filter_works())
		skip();
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(in_child(forks, &none[i]), -SIGSYS);
	assert_int_equal(in_child(forks, &spawner), 0);
}

static int opens(const void *profile)
{
	enum filter_profile p = *(const enum filter_profile *)profile;
	int files = p == FILTER_WORKER || p == FILTER_SPAWNER;
	int fd;

	enter(p, 0);
	fd = open("/etc/passwd", O_RDONLY);
	CHECK(files ? fd != -1 : fd == -1 && errno == ENOENT);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EACCES);
	return 0;
}

static void no_role_opens_a_socket_and_login_and_auth_no_file(void **state)
{
	(void)state;
	if (!filter_works())
		skip();
	for (enum filter_profile p = FILTER_LOGIN; p < FILTER_SESSION; p++)
		assert_int_equal(in_child(opens, &p), 0);
}

static int executes(const void *profile)
{
	enter(*(const enum filter_profile *)profile, 0);
	execl("/bin/true", "true", (char *)NULL);
	return 1;
}

static void no_role_executes_a_program(void **state)
{
	(void)state;
	if (!filter_works())
		skip();
	for (enum filter_profile p = FILTER_LOGIN; p < FILTERS; p++)
		assert_int_equal(in_child(executes, &p), -SIGSYS);
}

static void *nothing(void *arg)
{
	return arg;
}

static int needs_open_what_they_name(const void *profile)
{
	pthread_t t;
	int fd;

	enter(*(const enum filter_profile *)profile,
		RESTANTE_NEEDS_NETWORK | RESTANTE_NEEDS_THREADS);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(fd != -1);
	CHECK(pthread_create(&t, NULL, nothing, NULL) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	return 0;
}

static int needs_to_run_programs(const void *profile)
{
	enter(*(const enum filter_profile *)profile, RESTANTE_NEEDS_FORK);
	return system("exit 7") == 7 << 8 ? 0 : 1;
}

static void declared_needs_widen_the_filter_of_a_plugins_process(void **state)
{
	static const enum filter_profile with[] = {FILTER_WORKER, FILTER_SPAWNER, FILTER_SESSION};

	(void)state;
	if (!filter_works())
		skip();
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		assert_int_equal(in_child(needs_open_what_they_name, &with[i]), 0);
		assert_int_equal(in_child(needs_to_run_programs, &with[i]), 0);
	}
}

/* A program that a worker's plugin runs: it cannot leave the group, and what it may not, fails. */
static int stays_in_its_group(const void *unused)
{
	pid_t group = getpgrp();

	(void)unused;
	CHECK(group != getpid());
	enter(FILTER_WORKER, RESTANTE_NEEDS_FORK);
	CHECK(setsid() != -1 && setpgid(0, 0) == 0);
	CHECK(getpgrp() == group && getpgrp() != getpid());
	errno = 0;
	CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM);
	errno = 0;
	CHECK(setuid(getuid()) == -1 && errno == EPERM);
	return 0;
}

static void a_program_of_a_plugin_stays_in_the_workers_group(void **state)
{
	(void)state;
	if (!filter_works())
		skip();
	assert_int_equal(in_child(stays_in_its_group, NULL), 0);
}

static int forks_with_threads(const void *profile)
{
	enter(*(const enum filter_profile *)profile, RESTANTE_NEEDS_THREADS);
	return fork() == 0 ? 0 : 0;
}

static void threads_are_not_processes(void **state)
{
	static const enum filter_profile with[] = {FILTER_WORKER, FILTER_SESSION};

	(void)state;
	if (!filter_works())
		skip();
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		assert_int_equal(in_child(forks_with_threads, &with[i]), -SIGSYS);
}

static int works(const void *profile)
{
	int fds[2];
	char *p;

	enter(*(const enum filter_profile *)profile, 0);
	CHECK(pipe(fds) == 0 && write(fds[1], "x", 1) == 1 && read(fds[0], &(char){0}, 1) == 1);
	p = malloc(1 << 20);
	CHECK(p != NULL);
	p = realloc(p, 1 << 22);
	CHECK(p != NULL);
	free(p);
	CHECK(raise(SIGWINCH) == 0);
	CHECK(syscall(451) == -1 && errno == ENOSYS); /* cachestat: newer than the tables */
	return 0;
}

static void what_libc_itself_calls_is_allowed(void **state)
{
	(void)state;
	if (!filter_works())
		skip();
	for (enum filter_profile p = FILTER_LOGIN; p < FILTER_SESSION; p++)
		assert_int_equal(in_child(works, &p), 0);
}

/* --- files --- */

struct folder {
	char path[64], inside[80], outside[80];
};

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_int_not_equal(fd, -1);
	close(fd);
}

static int setup(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	strcpy(f->path, "/tmp/restante-sandbox-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	snprintf(f->inside, sizeof(f->inside), "%s/inside", f->path);
	snprintf(f->outside, sizeof(f->outside), "%s/outside", f->path);
	assert_int_equal(mkdir(f->inside, 0700), 0);
	make_file(f->outside);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct folder *f = *state;
	char command[128];
	int status;

	snprintf(command, sizeof(command), "rm -rf '%s'", f->path);
	status = system(command);
	free(f);
	return status;
}

static void fence(const char *path, uint32_t flags, uint32_t needs)
{
	const struct landlock_path p = {path, flags};
	const char *failed;

	CHECK(landlock_enter(&p, 1, needs, &failed) == 0);
}

static int in_the_folder(const void *arg)
{
	const struct folder *f = arg;

	CHECK(chdir(f->inside) == 0);
	fence(f->inside, RESTANTE_FOLDER, 0);
	CHECK(open(f->outside, O_RDONLY) == -1 && errno == EACCES);
	CHECK(open("/etc/passwd", O_RDONLY) == -1 && errno == EACCES);
	CHECK(unlink(f->outside) == -1 && errno == EACCES);
	CHECK(mkdir("new", 0700) == 0 && mkdir("cur", 0700) == 0);
	CHECK(open("new/1", O_RDWR | O_CREAT, 0600) != -1);
	CHECK(rename("new/1", "cur/1") == 0);
	CHECK(truncate("cur/1", 0) == 0);
	CHECK(unlink("cur/1") == 0);
	CHECK(execl("/bin/true", "true", (char *)NULL) == -1 && errno == EACCES);
	return 0;
}

static void a_session_reaches_its_folder_and_nothing_else(void **state)
{
	if (landlock_abi() < 3)
		skip();
#ifdef SANITIZED
	skip();
#endif
	assert_int_equal(in_child(in_the_folder, *state), 0);
}

static int read_only(const void *arg)
{
	const struct folder *f = arg;

	fence(f->path, RESTANTE_READ_ONLY | RESTANTE_FOLDER, 0);
	CHECK(open(f->outside, O_RDONLY) != -1);
	CHECK(open(f->outside, O_RDWR) == -1 && errno == EACCES);
	CHECK(unlink(f->outside) == -1 && errno == EACCES);
	return 0;
}

static void a_read_only_path_cannot_be_written(void **state)
{
	if (landlock_abi() < 3)
		skip();
#ifdef SANITIZED
	skip();
#endif
	assert_int_equal(in_child(read_only, *state), 0);
}

static int single_file(const void *arg)
{
	const struct folder *f = arg;
	char lock[128];

	snprintf(lock, sizeof(lock), "%s.lock", f->outside);
	fence(f->outside, 0, 0);
	CHECK(open(f->outside, O_RDWR) != -1);
	CHECK(open(lock, O_RDWR | O_CREAT, 0600) == -1 && errno == EACCES);
	return 0;
}

static int file_in_folder(const void *arg)
{
	const struct folder *f = arg;
	char lock[128];

	snprintf(lock, sizeof(lock), "%s.lock", f->outside);
	fence(f->outside, RESTANTE_IN_FOLDER, 0);
	CHECK(open(f->outside, O_RDWR) != -1);
	CHECK(open(lock, O_RDWR | O_CREAT, 0600) != -1);
	return 0;
}

static void a_file_opens_alone_or_with_its_folder(void **state)
{
	if (landlock_abi() < 3)
		skip();
#ifdef SANITIZED
	skip();
#endif
	assert_int_equal(in_child(single_file, *state), 0);
	assert_int_equal(in_child(file_in_folder, *state), 0);
}

static int missing(const void *arg)
{
	const struct folder *f = arg;
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b", f->inside);
	umask(0);
	fence(path, RESTANTE_FOLDER, 0);
	CHECK(stat(path, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 0777) == 0700);
	return 0;
}

static void a_missing_folder_is_made_for_its_owner_alone(void **state)
{
	assert_int_equal(in_child(missing, *state), 0);
}

static int failing(const void *arg)
{
	const struct landlock_path p = {"/proc/no such folder", RESTANTE_FOLDER};
	const char *failed = NULL;

	(void)arg;
	CHECK(landlock_enter(&p, 1, 0, &failed) == -1);
	CHECK(failed == p.path);
	return 0;
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
	assert_int_equal(in_child(failing, *state), 0);
}

static int connects(const void *needs)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint32_t n = *(const uint32_t *)needs;

	to.sin_port = htons(1); /* nobody listens: ECONNREFUSED where it is allowed to try */
	fence("/tmp", 0, n);
	CHECK(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == -1);
	CHECK(errno == (n == 0 ? EACCES : ECONNREFUSED));
	return 0;
}

static void tcp_is_closed_unless_declared(void **state)
{
	static const uint32_t needs[] = {0, RESTANTE_NEEDS_NETWORK};

	(void)state;
	if (landlock_abi() < 4)
		skip();
#ifdef SANITIZED
	skip();
#endif
	assert_int_equal(in_child(connects, &needs[0]), 0);
	assert_int_equal(in_child(connects, &needs[1]), 0);
}

/* --- ids --- */

/* The line "key:\tvalue" of /proc/self/status. */
static void status_line(const char *key, char *value, size_t cap)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	size_t n = strlen(key);

	CHECK(f != NULL);
	*value = '\0';
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, n) == 0 && line[n] == ':')
			snprintf(
				value, cap, "%.*s", (int)strcspn(line + n + 2, "\n"), line + n + 2);
	fclose(f);
}

static uint64_t status_hex(const char *key)
{
	char value[128];

	status_line(key, value, sizeof(value));
	return strtoull(value, NULL, 16);
}

static int becomes_owner(const void *arg)
{
	char groups[128];

	(void)arg;
	CHECK(drop_exec(OTHER_UID, OTHER_UID, DROP_SETID) ==
		0); /* as the master starts a spawner */
	CHECK(drop_confine(1, DROP_SETID) == 0);
	CHECK(drop_become(SOME_UID, SOME_GID, NULL, 0) == 0);
	CHECK(getuid() == SOME_UID && geteuid() == SOME_UID && getgid() == SOME_GID);
	status_line("Groups", groups, sizeof(groups));
	CHECK(strspn(groups, " ") == strlen(groups));
	CHECK(status_hex("CapPrm") == 0 && status_hex("CapEff") == 0 && status_hex("CapAmb") == 0);
	CHECK(status_hex("NoNewPrivs") == 1);
	CHECK(setresuid(OTHER_UID, OTHER_UID, OTHER_UID) == -1 && errno == EPERM);
	CHECK(setresuid(0, 0, 0) == -1 && errno == EPERM);
	return 0;
}

static void a_session_becomes_its_owner_for_good(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(becomes_owner, NULL), 0);
}

static int becomes_root(const void *arg)
{
	(void)arg;
	CHECK(drop_become(0, SOME_GID, NULL, 0) == -1 && errno == EPERM);
	CHECK(drop_become(SOME_UID, 0, NULL, 0) == -1 && errno == EPERM);
	return 0;
}

static void nobody_becomes_root(void **state)
{
	(void)state;
	assert_int_equal(in_child(becomes_root, NULL), 0);
}

static int confines(const void *keep)
{
	unsigned k = *(const unsigned *)keep;

	CHECK(chdir("/tmp") == 0);
	CHECK(drop_exec(SOME_UID, SOME_GID, DROP_SETID | DROP_CHROOT | DROP_SEARCH) == 0);
	CHECK(status_hex("CapAmb") != 0);
	CHECK(drop_confine(1, k & ~(unsigned)DROP_CHROOT) == 0);
	CHECK(status_hex("CapEff") == ((k & DROP_SETID) != 0 ? 0xc0 : 0));
	CHECK(status_hex("CapAmb") == 0 && status_hex("NoNewPrivs") == 1);
#ifndef SANITIZED
	CHECK(prctl(PR_GET_DUMPABLE) == 0);
#endif
	CHECK(((k & DROP_SETID) != 0) == (setresuid(OTHER_UID, OTHER_UID, OTHER_UID) == 0));
	return 0;
}

static void a_confined_role_keeps_only_what_it_asked_for(void **state)
{
	static const unsigned keep[] = {0, DROP_SETID};

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(confines, &keep[0]), 0);
	assert_int_equal(in_child(confines, &keep[1]), 0);
}

static int confines_root(const void *arg)
{
	(void)arg;
	CHECK(drop_confine(1, 0) == -1 && errno == EPERM);
	return 0;
}

static void a_role_that_is_still_root_is_not_confined(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(confines_root, NULL), 0);
}

static int chroots(const void *arg)
{
	const struct folder *f = arg;

	CHECK(chmod(f->path, 0711) == 0 && chmod(f->inside, 0711) == 0 && chdir(f->inside) == 0);
	CHECK(drop_exec(SOME_UID, SOME_GID, DROP_CHROOT) == 0);
	CHECK(drop_confine(1, DROP_CHROOT) == 0);
	CHECK(access("/etc/passwd", F_OK) == -1 && access("/../../etc/passwd", F_OK) == -1);
	CHECK(chroot("/") == -1 && errno == EPERM);
	return 0;
}

static void a_role_is_locked_into_its_working_folder(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(chroots, *state), 0);
}

static int limits_core(const void *arg)
{
	struct rlimit r;

	(void)arg;
	CHECK(drop_limits(64) >= 64);
	CHECK(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0);
	return 0;
}

static void no_role_leaves_a_core_file(void **state)
{
	(void)state;
	assert_int_equal(in_child(limits_core, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unlisted_call_kills_the_process),
		cmocka_unit_test(only_the_spawner_forks),
		cmocka_unit_test(no_role_opens_a_socket_and_login_and_auth_no_file),
		cmocka_unit_test(no_role_executes_a_program),
		cmocka_unit_test(declared_needs_widen_the_filter_of_a_plugins_process),
		cmocka_unit_test(a_program_of_a_plugin_stays_in_the_workers_group),
		cmocka_unit_test(threads_are_not_processes),
		cmocka_unit_test(what_libc_itself_calls_is_allowed),
		cmocka_unit_test_setup_teardown(
			a_session_reaches_its_folder_and_nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_read_only_path_cannot_be_written, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_opens_alone_or_with_its_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_missing_folder_is_made_for_its_owner_alone, setup, teardown),
		cmocka_unit_test(a_folder_that_cannot_be_made_is_named),
		cmocka_unit_test(tcp_is_closed_unless_declared),
		cmocka_unit_test(a_session_becomes_its_owner_for_good),
		cmocka_unit_test(nobody_becomes_root),
		cmocka_unit_test(a_confined_role_keeps_only_what_it_asked_for),
		cmocka_unit_test(a_role_that_is_still_root_is_not_confined),
		cmocka_unit_test_setup_teardown(
			a_role_is_locked_into_its_working_folder, setup, teardown),
		cmocka_unit_test(no_role_leaves_a_core_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
