/* check - has the configuration read by restante-check, a program that may crash or hang in our
 * place.
 *
 * Its output is a memory file and not a pipe, so that whatever it leaves behind cannot keep us
 * waiting. */
#define _GNU_SOURCE
#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "conf/wire.h"
#include "sys/program.h"

#define CHECK_MS 5000
#define PROGRAM "restante-check"

_Noreturn static void run(const char *path, const char *config_file, int out)
{
	const char *const argv[] = {path, "-c", config_file, NULL};
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (setpgid(0, 0) == -1 || dup2(out, STDOUT_FILENO) == -1 || close_range(3, ~0U, 0) == -1)
		die("cannot start " PROGRAM ": %m");
	execv(path, (char *const *)(uintptr_t)argv);
	die("cannot start %s: %m", path);
}

/* 0 when it ended well. */
static int wait_for(pid_t pid)
{
	int pidfd = pidfd_open(pid, 0), status = 0, n;
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	do
		n = pidfd == -1 ? 1 : poll(&p, 1, CHECK_MS);
	while (n == -1 && errno == EINTR);
	if (n == 0)
		log_line(LOG_ERR, PROGRAM " did not end in %d s and was stopped", CHECK_MS / 1000);
	if (n == 0) /* with the children in which it meets plugins */
		(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (pidfd != -1)
		close(pidfd);
	if (n != 0 && WIFSIGNALED(status))
		log_line(LOG_ERR, PROGRAM " was ended by signal %d", WTERMSIG(status));
	return n != 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

struct conf *check_run(const char *config_file)
{
	int out = memfd_create("restante-check", MFD_CLOEXEC);
	struct conf *conf = NULL;
	char path[4096];
	pid_t pid;

	if (program_find(PROGRAM, path, sizeof(path)) == -1) {
		log_line(LOG_ERR, "%s is missing", path);
	} else if (out == -1 || (pid = fork()) == -1) {
		log_line(LOG_ERR, "cannot run %s: %s", path, strerror(errno));
	} else {
		if (pid == 0)
			run(path, config_file, out);
		if (wait_for(pid) == 0 &&
			(lseek(out, 0, SEEK_SET) == -1 || conf_read(out, &conf) == -1))
			log_line(LOG_ERR, "%s gave no configuration that could be read", path);
	}
	if (out != -1)
		close(out);
	return conf;
}
