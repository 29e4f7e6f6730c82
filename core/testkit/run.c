/* run - one case in a process of its own.
 *
 * The child is the leader of a process group, which is killed when the case has ended, so that
 * nothing of it goes on. What it and the plugin print is collected in a memfd and shown where the
 * case fails. */
#define _GNU_SOURCE
#include "testkit/kit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SHOWN = 16 * 1024, VALGRIND_FOUND = 9 };

__attribute__((format(printf, 2, 0))) static void say(const char *word, const char *fmt, va_list ap)
{
	fflush(stdout);
	printf("%s: ", word);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
}

void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("FAIL", fmt, ap);
	va_end(ap);
	_exit(KIT_FAILED);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("SKIP", fmt, ap);
	va_end(ap);
	_exit(KIT_SKIPPED);
}

/* --- the child --- */

void run_here(const struct kit_options *opt, const struct kit_case *c)
{
	struct kit *k = mem_alloc(1, sizeof(*k));
	struct buf why = {0};
	const char *home = getenv("RESTANTE_TEST_HOME");

	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	if (kit_load(k, opt, &why) == -1)
		fail("%s", buf_str(&why));
	(void)str_copy(k->home, sizeof(k->home), home != NULL ? home : "/nonexistent");
	c->run(k);
	fflush(stdout);
	free(k->settings);
	free(k);
	if (!opt->valgrind)
		_exit(KIT_PASSED);
	exit(KIT_PASSED); /* so that it looks for leaks */
}

static _Noreturn void under_valgrind(const struct kit_options *opt, const struct kit_case *c)
{
	const char *argv[KIT_ARGS + 24];
	char self[512], messages[24], points[24];
	size_t n = 0;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[len > 0 ? len : 0] = '\0';
	argv[n++] = "valgrind";
	argv[n++] = "-q";
	argv[n++] = "--error-exitcode=9";
	argv[n++] = "--leak-check=full";
	argv[n++] = "--errors-for-leak-kinds=definite";
	argv[n++] = self;
	snprintf(messages, sizeof(messages), "%zu", opt->messages);
	snprintf(points, sizeof(points), "%u", opt->points);
	argv[n++] = "--messages";
	argv[n++] = messages;
	argv[n++] = "--points";
	argv[n++] = points;
	argv[n++] = "--run";
	argv[n++] = c->name;
	argv[n++] = opt->file;
	for (size_t i = 0; i < opt->nargs; i++)
		argv[n++] = opt->args[i];
	argv[n] = NULL;
	/* user=, password= and token= were taken out of the list: */
	if (opt->user != NULL)
		setenv("RESTANTE_TEST_USER", opt->user, 1);
	if (opt->password != NULL)
		setenv("RESTANTE_TEST_PASSWORD", opt->password, 1);
	if (opt->token != NULL)
		setenv("RESTANTE_TEST_TOKEN", opt->token, 1);
	execvp("valgrind", (char **)(uintptr_t)argv);
	fail("valgrind: %s", strerror(errno));
}

static _Noreturn void child(
	const struct kit_options *opt, const struct kit_case *c, int out, const char *home)
{
	sigset_t none;

	setpgid(0, 0);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close(out);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setenv("RESTANTE_TEST_HOME", home, 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (chdir(home) == -1)
		fail("%s: %s", home, strerror(errno));
	if (opt->valgrind)
		under_valgrind(opt, c);
	run_here(opt, c);
}

/* --- the parent --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)at;
	if (type == FTW_DNR)
		(void)chmod(path, 0700);
	return remove(path);
}

static void print_output(const char *text)
{
	for (const char *line = text; *line != '\0';) {
		size_t n = strcspn(line, "\n");

		printf("# %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
}

/* What was printed, its end if it is long; behind the last "SKIP: " where there is one. */
static char *output_of(int fd)
{
	char *text = mem_alloc(1, SHOWN + 1);
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t n = pread(fd, text, SHOWN, size > SHOWN ? size - SHOWN : 0);

	text[n > 0 ? n : 0] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\0')
			text[i] = '?';
	return text;
}

/* Waits for the child. false = the time is over. */
static bool wait_child(pid_t pid, int seconds, int *status)
{
	struct timespec end, now;
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	while (waitpid(pid, status, WNOHANG) == 0) {
		struct timespec left = {1, 0};

		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec)
			return false;
		(void)sigtimedwait(&chld, NULL, &left);
	}
	return true;
}

static int judge(const struct kit_case *c, size_t number, int status, const char *text)
{
	const char *reason = strstr(text, "SKIP: ");

	if (WIFEXITED(status) && WEXITSTATUS(status) == KIT_PASSED) {
		printf("ok %zu - %s: %s\n", number, c->name, c->doc);
		return KIT_PASSED;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == KIT_SKIPPED && reason != NULL) {
		printf("ok %zu - %s # SKIP %.*s\n", number, c->name, (int)strcspn(reason + 6, "\n"),
			reason + 6);
		return KIT_SKIPPED;
	}
	print_output(text);
	if (WIFSIGNALED(status))
		printf("# it died: %s\n", strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == VALGRIND_FOUND)
		printf("# valgrind complains\n");
	else if (WEXITSTATUS(status) != KIT_FAILED)
		printf("# it ended the process, status %d\n", WEXITSTATUS(status));
	printf("not ok %zu - %s: %s\n", number, c->name, c->doc);
	return KIT_FAILED;
}

int run_case(const struct kit_options *opt, const struct kit_case *c, size_t number)
{
	const char *tmp = getenv("TMPDIR");
	char home[128];
	int out = memfd_create("output", MFD_CLOEXEC), status = 0, result;
	sigset_t chld;
	pid_t pid;
	char *text;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL); /* for wait_child */
	snprintf(home, sizeof(home), "%s/restante-plugin-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
	fflush(stdout);
	if (out == -1 || mkdtemp(home) == NULL || (pid = fork()) == -1) {
		printf("Bail out! %s: %s\n", home, strerror(errno));
		exit(KIT_CANNOT);
	}
	if (pid == 0)
		child(opt, c, out, home);
	if (!wait_child(pid, c->seconds * opt->factor, &status)) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		printf("# it did not come back within %d s\n", c->seconds * opt->factor);
	}
	kill(-pid, SIGKILL);
	text = output_of(out);
	result = judge(c, number, status, text);
	if (opt->verbose && result != KIT_FAILED)
		print_output(text);
	fflush(stdout);
	free(text);
	close(out);
	nftw(home, remove_one, 16, FTW_PHYS | FTW_DEPTH);
	return result;
}

static int probe(void *arg, struct buf *why)
{
	struct kit k;
	unsigned offers;

	if (kit_load(&k, arg, why) == -1)
		return -1;
	offers = kit_offers(&k);
	why->len = 0; /* the answer is no reason */
	buf_printf(why, "-%u", offers);
	return -1;
}

int run_probe(const struct kit_options *opt, struct buf *why)
{
	struct buf answer = {0};
	int result =
		plug_guard(probe, (void *)(uintptr_t)opt, PLUG_PROBE_MS * opt->factor, &answer);
	char *end;
	long offers = strtol(buf_str(&answer), &end, 10);

	if (result == PLUG_REFUSED && end != answer.p && *end == '\0') {
		buf_free(&answer);
		return (int)offers;
	}
	buf_add(why, buf_str(&answer), answer.len);
	buf_free(&answer);
	return -1;
}
