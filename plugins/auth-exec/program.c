/* program - starting the administrator's program, and ending it with all that it has started.
 *
 * In a worker a program cannot leave the worker's process group, so that all of it ends with the
 * worker; but then there is no group that could be killed when the program alone has to go. What it
 * has started is known by a mark that each has in its environment, wherever it is. */
#define _GNU_SOURCE
#include "program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
	STEP_MS = 10,
	ROUNDS = 10,
	ENVIRONMENT_MAX = 32 * 1024,
	NOBODY = 65534 /* whom it becomes where root asks the plugin, which no server does */
};

int program_prepare(struct program *p, const struct restante_host *host)
{
	const char *const *arguments = host->list(host->c, "arguments");
	size_t n = 0;

	while (arguments[n] != NULL)
		n++;
	p->argv = host->alloc(host->c, (n + 2) * sizeof(*p->argv));
	p->argv[0] = host->str(host->c, "program");
	memcpy(p->argv + 1, arguments, n * sizeof(*arguments));
	if (access(p->argv[0], X_OK) == -1) {
		host->log(host->c, LOG_ERR, "program: %s: %s", p->argv[0], strerror(errno));
		return RESTANTE_PERM;
	}
	return RESTANTE_OK;
}

/* --- what it has started ---------------------------------------------------------------------- */

static void make_mark(struct program *p)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(p->mark, sizeof(p->mark), "RESTANTE_EXEC=%ld-%lld-%ld", (long)getpid(),
		(long long)now.tv_sec, now.tv_nsec);
}

/* Has the process the mark? It may be gone by now, or nothing that we may look at. */
static bool is_marked(const char *pid, const char *mark)
{
	char path[64], text[ENVIRONMENT_MAX];
	size_t n = 0;
	ssize_t got = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd != -1 && (got = read(fd, text + n, sizeof(text) - n)) > 0)
		n += (size_t)got;
	if (fd != -1)
		close(fd);
	return memmem(text, n, mark, strlen(mark) + 1) != NULL;
}

/* Whoever has the mark is killed; who is there to wait for them does. The number of them. */
static unsigned kill_marked(const char *mark)
{
	DIR *proc = opendir("/proc");
	const struct dirent *d;
	unsigned killed = 0;

	while (proc != NULL && (d = readdir(proc)) != NULL) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9' || !is_marked(d->d_name, mark))
			continue;
		killed += kill((pid_t)strtol(d->d_name, NULL, 10), SIGKILL) == 0;
	}
	if (proc != NULL)
		(void)closedir(proc);
	return killed;
}

/* --- start and end ---------------------------------------------------------------------------- */

/* The child, between fork and exec: only what is safe there. */
_Noreturn static void become(struct program *p, int fd, int errors)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	char *const env[] = {path, p->mark, NULL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setpgid(0, 0);
	if (dup2(fd, 0) == -1 || dup2(fd, 1) == -1 || dup2(errors, 2) == -1 ||
		close_range(3, ~0U, 0) == -1 || chdir("/") == -1)
		_exit(127);
	if (geteuid() == 0 &&
		(setgroups(0, NULL) == -1 || setresgid(NOBODY, NOBODY, NOBODY) == -1 ||
			setresuid(NOBODY, NOBODY, NOBODY) == -1)) {
		dprintf(2, "cannot become uid %d: %s\n", NOBODY, strerror(errno));
		_exit(127);
	}
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* lasts until that process ends */
	execve(p->argv[0], (char *const *)(uintptr_t)p->argv, env);
	dprintf(2, "%s: %s\n", p->argv[0], strerror(errno));
	_exit(127);
}

static int make_ends(int ends[2], int errors[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	if (pipe2(errors, O_CLOEXEC) == -1) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	return 0;
}

int program_start(struct program *p, int *fd, int *errors)
{
	int ends[2], pipes[2], saved;

	if (make_ends(ends, pipes) == -1)
		return -1;
	make_mark(p);
	p->pid = fork();
	saved = errno;
	if (p->pid == 0)
		become(p, ends[1], pipes[1]);
	close(ends[1]);
	close(pipes[1]);
	if (p->pid == -1) {
		p->pid = 0;
		close(ends[0]);
		close(pipes[0]);
		errno = saved;
		return -1;
	}
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	*fd = ends[0];
	*errors = pipes[0];
	return 0;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1 ||
	       info.si_pid == pid;
}

int program_end(struct program *p, int grace_ms)
{
	int status = 0;
	bool by_itself;

	if (p->pid == 0)
		return -1;
	for (int ms = 0; !(by_itself = has_ended(p->pid)) && ms < grace_ms; ms += STEP_MS)
		(void)poll(NULL, 0, STEP_MS);
	(void)kill(-p->pid, SIGKILL); /* its group, where it has one of its own */
	(void)kill(p->pid, SIGKILL);
	while (waitpid(p->pid, &status, 0) == -1 && errno == EINTR)
		;
	p->pid = 0;
	for (int i = 0; i < ROUNDS && kill_marked(p->mark) > 0; i++)
		; /* those whom they were starting just then */
	return by_itself ? status : -1;
}
