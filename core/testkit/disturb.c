/* disturb - a process in which the nth system call on files fails with EIO.
 *
 * A filter (seccomp) hands such calls of the child to this process, which lets all but that one go
 * on. In all calls: those of the C library's start-up are made before. */
#include "config.h"
#include "testkit/kit.h"

#ifdef HAVE_SECCOMP
#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAKE_MS = 100 };

/* Not those that have no error to give, nor close(), whose error nobody can act upon. */
static const char *const calls[] = {"open", "openat", "read", "pread64", "readv", "preadv", "write",
	"pwrite64", "writev", "pwritev", "fsync", "fdatasync", "rename", "renameat", "renameat2",
	"link", "linkat", "unlink", "unlinkat", "ftruncate", "mkdir", "mkdirat", "stat", "lstat",
	"fstat", "newfstatat", "statx", "getdents64", "copy_file_range", "sendfile", "fallocate"};

/* The descriptor travels as ancillary data of one octet. */
union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int))];
};

static void send_descriptor(int to, int fd)
{
	union control c = {.head = {.cmsg_level = SOL_SOCKET,
				   .cmsg_type = SCM_RIGHTS,
				   .cmsg_len = CMSG_LEN(sizeof(int))}};
	char octet = 0;
	struct iovec iov = {&octet, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c.space,
		.msg_controllen = sizeof(c.space)};

	memcpy(CMSG_DATA(&c.head), &fd, sizeof(fd));
	if (sendmsg(to, &m, 0) != 1)
		_exit(KIT_CANNOT);
}

/* -1 when the child has ended without one. */
static int receive_descriptor(int from)
{
	union control c;
	char octet;
	struct iovec iov = {&octet, 1};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = c.space,
		.msg_controllen = sizeof(c.space)};
	int fd = -1;

	if (recvmsg(from, &m, MSG_CMSG_CLOEXEC) == 1 && m.msg_controllen >= sizeof(c.space))
		memcpy(&fd, CMSG_DATA(&c.head), sizeof(fd));
	return fd;
}

/* From here on this process is watched. */
static void begin_watched(int to)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int nr;

	if (filter == NULL)
		_exit(KIT_CANNOT);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if ((nr = seccomp_syscall_resolve_name(calls[i])) >= 0 &&
			seccomp_rule_add(filter, SCMP_ACT_NOTIFY, nr, 0) != 0)
			_exit(KIT_CANNOT);
	if (seccomp_load(filter) != 0)
		_exit(KIT_CANNOT);
	send_descriptor(to, seccomp_notify_fd(filter));
	close(seccomp_notify_fd(filter));
	seccomp_release(filter);
}

/* What is printed is not the plugin's doing. */
static bool counts(const struct seccomp_notif *asked)
{
	bool writes = asked->data.nr == seccomp_syscall_resolve_name("write");

	return !writes || asked->data.args[0] > 2;
}

/* Answers until the child has ended, with *status; the number of its calls. Processes that it has
 * left behind would keep the descriptor from telling the end. */
static unsigned watch(int fd, pid_t pid, unsigned nth, int *status)
{
	struct seccomp_notif *asked;
	struct seccomp_notif_resp *answer;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	unsigned n = 0;

	if (seccomp_notify_alloc(&asked, &answer) != 0)
		fail("no memory");
	while (waitpid(pid, status, WNOHANG) == 0) {
		memset(asked, 0, sizeof(*asked));
		if (poll(&p, 1, WAKE_MS) <= 0 || (p.revents & POLLIN) == 0 ||
			seccomp_notify_receive(fd, asked) != 0)
			continue;
		*answer = (struct seccomp_notif_resp){
			.id = asked->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
		if (counts(asked) && ++n == nth) {
			answer->flags = 0;
			answer->error = -EIO;
		}
		(void)seccomp_notify_respond(fd, answer);
	}
	seccomp_notify_free(asked, answer);
	return n;
}

unsigned failed_at(
	struct kit *k, void (*fn)(struct kit *, void *), void *arg, unsigned nth, int *status)
{
	int pair[2], fd;
	unsigned n = 0;
	pid_t pid;

	if (k->opt->valgrind)
		skip("not under valgrind, which makes system calls of its own");
	fflush(stdout);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1 ||
		(pid = fork()) == -1)
		fail("cannot start a process: %s", strerror(errno));
	if (pid == 0) {
		close(pair[0]);
		begin_watched(pair[1]);
		close(pair[1]);
		fn(k, arg);
		_exit(KIT_PASSED);
	}
	close(pair[1]);
	fd = receive_descriptor(pair[0]);
	close(pair[0]);
	if (fd != -1) {
		n = watch(fd, pid, nth, status);
		close(fd);
	} else if (waitpid(pid, status, 0) != pid) {
		fail("waitpid: %s", strerror(errno));
	}
	if (WIFEXITED(*status) && WEXITSTATUS(*status) == KIT_CANNOT)
		skip("this system does not let a process watch another's system calls (seccomp)");
	return n;
}

#else

unsigned failed_at(
	struct kit *k, void (*fn)(struct kit *, void *), void *arg, unsigned nth, int *status)
{
	(void)k, (void)fn, (void)arg, (void)nth, (void)status;
	skip("this build has no system call filters");
}

#endif
