/* guard - running a plugin's code in a child that may crash, hang or exit.
 *
 * The child answers through a pipe: a '+' or '-' first, then the text. No answer and the end of the
 * pipe mean that it died. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "plug/plug.h"

static _Noreturn void child(int (*fn)(void *, struct buf *), void *arg, int out)
{
	struct buf answer = {0};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null != -1)
		dup2(null, STDOUT_FILENO);
	/* Handlers of this program would hide what happened. */
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	buf_printf(&answer, "-");
	if (fn(arg, &answer) == 0)
		answer.p[0] = '+';
	(void)!write(out, answer.p, answer.len);
	_exit(0);
}

/* Until the end of the pipe. 0, or -1 when the time is over. */
static int collect(int in, int ms, struct buf *answer)
{
	int64_t end = clock_ms() + ms;
	struct pollfd p = {.fd = in, .events = POLLIN};

	for (;;) {
		int64_t left = end - clock_ms();
		ssize_t n;

		if (left <= 0)
			return -1;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(in, buf_room(answer, 4096), 4096);
		if (n > 0)
			answer->len += (size_t)n;
		else if (n == 0 || errno != EINTR)
			break;
	}
	buf_add(answer, "", 0);
	return 0;
}

static int judge(const struct buf *answer, int status, struct buf *why)
{
	if (answer->len > 0 && answer->p[0] == '+')
		return 0;
	if (answer->len > 0) {
		buf_add(why, answer->p + 1, answer->len - 1);
		return PLUG_REFUSED;
	}
	if (WIFSIGNALED(status))
		buf_printf(why, "it crashed (%s)", strsignal(WTERMSIG(status)));
	else
		buf_printf(why, "it ended the process");
	return PLUG_DIED;
}

int plug_guard(int (*fn)(void *arg, struct buf *why), void *arg, int ms, struct buf *why)
{
	struct buf answer = {0};
	int fds[2], late, status = 0, result = PLUG_DIED;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
		buf_printf(why, "cannot start a process: %s", strerror(errno));
		return PLUG_DIED;
	}
	if (pid == 0) {
		close(fds[0]);
		child(fn, arg, fds[1]);
	}
	close(fds[1]);
	late = collect(fds[0], ms, &answer) == -1;
	close(fds[0]);
	if (late)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (late)
		buf_printf(why, "it did not come back within %d s", ms / 1000);
	else
		result = judge(&answer, status, why);
	buf_free(&answer);
	return result;
}

struct probe {
	const char *name, *file;
};

static int load(void *arg, struct buf *why)
{
	const struct probe *p = arg;

	return plug_load(p->name, p->file, why) != NULL ? 0 : -1;
}

int plug_probe(const char *name, const char *file, struct buf *why)
{
	struct probe p = {name, file};
	struct buf reason = {0};
	int result = plug_guard(load, &p, PLUG_PROBE_MS, &reason);

	if (result == PLUG_DIED)
		buf_printf(why, "%s: loading it failed: ", file[0] != '\0' ? file : name);
	buf_add(why, buf_str(&reason), reason.len);
	buf_free(&reason);
	return result == 0 ? 0 : -1;
}
