/* control - signals for the master: reload and stop. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "ctl/ctl.h"
#include "sys/pidfile.h"

#define PID_FILE "restanted.pid"
#define STOP_MS 15000

/* Sends the master a signal. Its process, and the file that it holds; 0 after a message. */
static pid_t signal_master(const struct conf *c, int number, struct buf *path)
{
	pid_t pid;

	buf_printf(path, "%s/" PID_FILE, conf_str(c, "runtime_dir"));
	errno = 0;
	pid = pidfile_read(path->p);
	if (pid == 0)
		complain("the server is not running (%s: %s)", path->p,
			errno != 0 ? strerror(errno) : "nobody holds it");
	else if (kill(pid, number) == -1)
		complain("cannot signal process %ld: %m", (long)pid);
	else
		return pid;
	return 0;
}

int ctl_reload(const struct ctl *ctl, int argc, char **argv)
{
	struct buf path = {0};
	struct conf *c;

	(void)argv;
	if (argc != 0)
		return USAGE;
	c = tool_conf(ctl->file, false);
	if (c == NULL)
		return complain("the server goes on with the configuration that it has");
	if (signal_master(c, SIGHUP, &path) == 0)
		return EXIT_FAILURE;
	buf_free(&path);
	conf_free(c);
	return EXIT_SUCCESS;
}

/* Until the master has let go of the file. 0, or -1 when that takes too long. */
static int wait_for_end(const char *path)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	int64_t end = clock_ms() + STOP_MS;

	while (pidfile_read(path) != 0) {
		if (clock_ms() > end)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int ctl_stop(const struct ctl *ctl, int argc, char **argv)
{
	struct buf path = {0};
	struct conf *c;
	pid_t pid;

	(void)argv;
	if (argc != 0)
		return USAGE;
	c = tool_conf(ctl->file, false);
	if (c == NULL)
		return EXIT_FAILURE;
	pid = signal_master(c, SIGTERM, &path);
	if (pid == 0)
		return EXIT_FAILURE;
	if (wait_for_end(path.p) == -1)
		return complain("process %ld was told to stop and has not ended yet", (long)pid);
	buf_free(&path);
	conf_free(c);
	return EXIT_SUCCESS;
}
