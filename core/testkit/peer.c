/* peer - other processes: one that does what it is told, one that dies on the way. */
#define _GNU_SOURCE
#include "testkit/kit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP = -1 }; /* the end of the pipe would not do: peers inherit each other's descriptors */

void peer_start(struct peer *p, struct kit *k, int (*fn)(struct kit *, int step))
{
	int there[2], back[2], step;

	fflush(stdout);
	if (pipe(there) == -1 || pipe(back) == -1 || (p->pid = fork()) == -1)
		fail("cannot start a process: %s", strerror(errno));
	if (p->pid == 0) {
		close(there[1]);
		close(back[0]);
		while (read(there[0], &step, sizeof(step)) == sizeof(step) && step != STOP) {
			int result = fn(k, step);

			(void)!write(back[1], &result, sizeof(result));
		}
		fflush(stdout);
		_exit(KIT_PASSED);
	}
	close(there[0]);
	close(back[1]);
	p->to = there[1];
	p->from = back[0];
}

static int wait_for(struct peer *p)
{
	int status = 0;

	close(p->to);
	close(p->from);
	while (waitpid(p->pid, &status, 0) == -1 && errno == EINTR)
		;
	return status;
}

int peer_go(struct peer *p, int step)
{
	int result, status;

	if (write(p->to, &step, sizeof(step)) == sizeof(step) &&
		read(p->from, &result, sizeof(result)) == sizeof(result))
		return result;
	status = wait_for(p);
	if (WIFEXITED(status) && WEXITSTATUS(status) == KIT_SKIPPED)
		skip("the other process says so");
	if (WIFSIGNALED(status))
		fail("the other process died of %s", strsignal(WTERMSIG(status)));
	fail("the other process ended");
}

void peer_stop(struct peer *p)
{
	int stop = STOP, status;

	(void)!write(p->to, &stop, sizeof(stop));
	status = wait_for(p);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail("the other process did not end in order");
}

void peer_kill(struct peer *p)
{
	kill(p->pid, SIGKILL);
	(void)wait_for(p);
}

/* --- killed at a system call --- */

/* The next stop of a traced child: true at the beginning of a system call. */
static bool next_call(pid_t pid, int *status, bool *inside)
{
	int sig = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)sig) == -1 ||
			waitpid(pid, status, __WALL) != pid)
			return false;
		if (!WIFSTOPPED(*status))
			return false;
		sig = WSTOPSIG(*status);
		if (sig == (SIGTRAP | 0x80)) {
			sig = 0;
			*inside = !*inside;
			if (*inside)
				return true;
		}
	}
}

unsigned killed_at(
	struct kit *k, void (*fn)(struct kit *, void *), void *arg, unsigned nth, int *status)
{
	unsigned calls = 0;
	bool inside = false;
	pid_t pid;

	if (k->opt->valgrind)
		skip("not under valgrind: one process cannot be traced twice");
	fflush(stdout);
	pid = fork();
	if (pid == -1)
		fail("cannot start a process: %s", strerror(errno));
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
			_exit(KIT_SKIPPED);
		raise(SIGSTOP);
		fn(k, arg);
		_exit(KIT_PASSED);
	}
	if (waitpid(pid, status, __WALL) != pid || !WIFSTOPPED(*status) ||
		ptrace(PTRACE_SETOPTIONS, pid, NULL,
			(void *)(intptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) == -1) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, status, __WALL);
		skip("this system does not permit ptrace(2)");
	}
	while (next_call(pid, status, &inside))
		if (++calls == nth) {
			kill(pid, SIGKILL);
			(void)waitpid(pid, status, __WALL);
			break;
		}
	return calls;
}
