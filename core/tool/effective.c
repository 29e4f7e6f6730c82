/* effective - the configuration as the server would see it: restante-check's work. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>
#include "conf/wire.h"
#include "tool/tool.h"
#include "sys/program.h"

static _Noreturn void check(const char *program, const char *file, bool quick, int out)
{
	dup2(out, STDOUT_FILENO);
	execl(program, "restante-check", "-c", file, quick ? "-q" : NULL, (char *)NULL);
	complain("%s: %s", program, strerror(errno));
	_exit(EXIT_FAILURE);
}

struct conf *tool_conf(const char *file, bool quick)
{
	char program[PATH_MAX];
	struct conf *conf = NULL;
	int fds[2], status = 0;
	pid_t pid;

	if (program_find("restante-check", program, sizeof(program)) == -1) {
		complain("%s: %m", program);
		return NULL;
	}
	if (pipe2(fds, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
		complain("cannot start restante-check: %m");
		return NULL;
	}
	if (pid == 0)
		check(program, file, quick, fds[1]);
	close(fds[1]);
	if (conf_read(fds[0], &conf) == -1)
		conf = NULL;
	close(fds[0]);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		complain("restante-check crashed (%s)", strsignal(WTERMSIG(status)));
	return conf;
}
