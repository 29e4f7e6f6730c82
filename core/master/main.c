/* restanted - the command: options, the runtime folder, the way into the background.
 *
 * In the background it is a child that becomes the master; the command itself waits until that says
 * over a pipe that it serves, so that the exit status tells whether the server runs. Until then
 * errors go to the terminal; roles log to syslog from the start. */
#define _GNU_SOURCE
#include "config.h"
#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/log.h"
#include "ipc/control.h"
#include "sys/drop.h"
#include "sys/landlock.h"
#include "sys/notify.h"
#include "sys/pidfile.h"

#define CONFIG_FILE SYSCONF_DIR "/restante.conf"
#define NOFILE 4096

static void usage(void)
{
	fprintf(stderr, "usage: restanted [-f] [-t] [-c file]\n"
			"  -f  stay in the foreground and log to standard error\n"
			"  -t  check the configuration and exit\n"
			"  -c  configuration file (" CONFIG_FILE ")\n");
}

/* --- the runtime folder --- */

/* Makes a folder or takes one that is there, if nobody but us can change what is in it. */
static void make_folder(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == -1 && errno != EEXIST)
		die("runtime_dir: %s: %m", path);
	if (lstat(path, &st) == -1)
		die("runtime_dir: %s: %m", path);
	if (!S_ISDIR(st.st_mode))
		die("runtime_dir: %s: is no folder", path);
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		die("runtime_dir: %s: others may write there", path);
}

static void take_runtime_dir(struct master *m, const struct conf *conf)
{
	char pidfile[sizeof(m->empty) + 16], control[sizeof(m->empty) + 16];
	pid_t other;

	if (str_copy(m->runtime_dir, sizeof(m->runtime_dir), conf_str(conf, "runtime_dir")) == -1)
		die("runtime_dir: the path is too long");
	snprintf(m->empty, sizeof(m->empty), "%s/empty", m->runtime_dir);
	snprintf(pidfile, sizeof(pidfile), "%s/restanted.pid", m->runtime_dir);
	make_folder(m->runtime_dir, 0755);
	snprintf(control, sizeof(control), "%s/" CONTROL_FOLDER, m->runtime_dir);
	make_folder(m->empty, 0755);
	make_folder(control, 0700);
	m->pidfile = pidfile_lock(pidfile, &other);
	if (m->pidfile == -1 && errno == EAGAIN)
		die("another restanted (process %ld) uses %s", (long)other, m->runtime_dir);
	if (m->pidfile == -1)
		die("%s: %m", pidfile);
	control_sweep(m);
}

/* --- into the background --- */

/* The parent's part: waits for one octet, the sign that the server serves. */
_Noreturn static void wait_for_outcome(int fd)
{
	char c;
	ssize_t n;

	do
		n = read(fd, &c, 1);
	while (n == -1 && errno == EINTR);
	exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* The roles' log: syslog's socket, as descriptor 2 will be. Ours stays the terminal for now. */
static int open_syslog(void)
{
	int terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), fd;

	if (terminal == -1 || log_to_syslog() == -1) {
		log_line(LOG_WARNING, "nobody listens at /dev/log: nothing will be logged");
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	} else {
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		(void)dup2(terminal, STDERR_FILENO);
	}
	if (terminal != -1)
		close(terminal);
	return fd;
}

static void go_background(struct master *m)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1 || (pid = fork()) == -1)
		die("cannot go into the background: %m");
	if (pid != 0) {
		close(ends[1]);
		wait_for_outcome(ends[0]);
	}
	close(ends[0]);
	m->outcome = ends[1];
	m->log = open_syslog();
	if (setsid() == -1 || m->log == -1 || chdir("/") == -1)
		die("cannot go into the background: %m");
}

void master_serves(struct master *m)
{
	notify_ready(NULL);
	if (m->outcome == -1)
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1 ||
		dup2(m->log, STDERR_FILENO) == -1)
		die("cannot leave the terminal: %m");
	close(null);
	close(m->log);
	m->log = STDERR_FILENO;
	(void)!write(m->outcome, "", 1);
	close(m->outcome);
	m->outcome = -1;
}

/* --- start --- */

static void watch_signals(struct master *m)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
		(m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		die("cannot watch for signals: %m");
}

static void make_shared(struct master *m)
{
	m->counts = limits_create();
	if (m->counts == -1 || limits_open(&m->limits, m->counts, 0) == -1)
		die("cannot make the table of connections: %m");
	tickets_rotate(m);
	if (m->nkeys == 0)
		exit(EXIT_FAILURE);
}

/* What an administrator may count on and does not get here. */
static void say_what_is_missing(const struct master *m)
{
	if (!m->privileged)
		log_line(LOG_NOTICE,
			"not started as root: all processes run as uid %ld, confined less",
			(long)geteuid());
#if !defined(HAVE_SECCOMP) || defined(SANITIZED)
	log_line(LOG_NOTICE, "this build filters no system calls");
#endif
	if (landlock_abi() < LANDLOCK_ABI_OLDEST)
		log_line(LOG_NOTICE,
			"this kernel cannot confine sessions to their mailbox (Landlock)");
}

/* What does not depend on the configuration, and the folder, which cannot change while it runs. */
static void prepare(struct master *m, const struct conf *conf)
{
	m->privileged = geteuid() == 0;
	say_what_is_missing(m);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		die("cannot look after sessions: %m");
	(void)drop_limits(NOFILE);
	take_runtime_dir(m, conf);
	if (pidfile_write(m->pidfile) == -1)
		die("cannot write the pid file: %m");
	make_shared(m);
}

/* In the background the working folder changes, and a reload reads the file again. */
static const char *absolute(const char *path)
{
	char *whole = path[0] == '/' ? NULL : realpath(path, NULL);

	return whole != NULL ? whole : path; /* a missing file is told by the check */
}

static void run(struct master *m, struct conf *conf)
{
	if (!m->foreground)
		go_background(m);
	prepare(m, conf);
	watch_signals(m);
	generation_start(m, conf);
	loop_run(m);
	log_line(LOG_INFO, m->status == 0 ? "stopped" : "not started");
}

/* Options into *m; 1 = only test the configuration, 0 = serve, -1 = wrong usage. */
static int parse_options(struct master *m, int argc, char **argv)
{
	int option, test = 0;

	while ((option = getopt(argc, argv, "ftc:")) != -1) {
		switch (option) {
		case 'f':
			m->foreground = 1;
			break;
		case 't':
			test = 1;
			break;
		case 'c':
			m->config_file = optarg;
			break;
		default:
			return -1;
		}
	}
	return optind < argc ? -1 : test;
}

int main(int argc, char **argv)
{
	struct master *m = mem_alloc(1, sizeof(*m));
	int test, status = EXIT_FAILURE;
	struct conf *conf;

	m->config_file = CONFIG_FILE;
	m->log = STDERR_FILENO;
	m->outcome = -1;
	test = parse_options(m, argc, argv);
	if (test == -1) {
		usage();
		free(m);
		return EX_USAGE;
	}
	umask(022);
	m->ninherited = listen_inherited(m->inherited, MASTER_LISTENERS);
	(void)close_range(3 + (unsigned)m->ninherited, ~0U, 0);
	m->config_file = absolute(m->config_file);
	conf = check_run(m->config_file);
	if (conf != NULL && test) {
		puts("configuration OK");
		conf_free(conf);
		status = EXIT_SUCCESS;
	} else if (conf != NULL) {
		run(m, conf);
		status = m->status;
	}
	free(m);
	return status;
}
