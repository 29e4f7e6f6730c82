/* filter - system call filters, as tables of names.
 *
 * A role's profile is a set of groups (columns of bits) and a row says in which groups a call is
 * allowed. What is in no row kills the process: the list is complete for glibc, libevent and
 * OpenSSL, so that anything else is somebody else's code. Calls that libraries try and can do
 * without (SOFT) fail with an error instead. libseccomp knows the calls' numbers here; the program
 * is simple enough to be written without it: comparisons from top to bottom, the first that fits
 * decides. It is built once and kept. The kernel remembers which calls a program always allows and
 * does not run it for them, so its length costs nothing. */
#define _GNU_SOURCE
#include "config.h"
#include "sys/filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <restante/plugin.h>

#if defined(HAVE_SECCOMP) && !defined(SANITIZED)
#include <seccomp.h>

enum group {
	BASE = 1,     /* memory, time, waiting, descriptors that are open: everybody */
	ACCEPT = 2,   /* take connections, make socket pairs; nothing without a listening socket */
	FILES = 4,    /* everything about files that the owner of a mailbox may do */
	BECOME = 8,   /* fork, change ids, sandbox the child, see it end */
	NETWORK = 16, /* RESTANTE_NEEDS_NETWORK */
	RUN = 32,     /* RESTANTE_NEEDS_FORK */
	THREADS = 64, /* RESTANTE_NEEDS_THREADS */
	MEMORY = 128, /* files without a name */
	ROOT = 128,   /* RESTANTE_NEEDS_ROOT */
};

static const struct {
	unsigned groups, more; /* more: with needs of plugins */
} profiles[FILTERS] = {
	[FILTER_LOGIN] = {BASE | ACCEPT, 0},
	[FILTER_LMTP] = {BASE | ACCEPT | MEMORY, 0},
	[FILTER_AUTH] = {BASE | ACCEPT, 0},
	[FILTER_WORKER] = {BASE | FILES, NETWORK | RUN | THREADS | ROOT},
	[FILTER_SPAWNER] = {BASE | ACCEPT | FILES | BECOME, NETWORK | RUN | THREADS},
	[FILTER_SESSION] = {0, 0}, /* see build_session */
};

static const struct {
	unsigned groups; /* one of them allows the calls */
	const char *names;
} calls[] = {
	/* memory */
	{BASE, "brk mmap mmap2 munmap mremap mprotect madvise mlock mlock2 munlock "
	       "membarrier"},
	{FILES, "msync mincore"},
	/* the process and its threads */
	{BASE, "exit exit_group futex futex_time64 getpid gettid getppid getuid geteuid "
	       "getgid getegid getresuid getresgid getpgrp getrlimit ugetrlimit "
	       "prlimit64 setrlimit getrusage times prctl capget uname sysinfo "
	       "sched_yield sched_getaffinity getcpu set_robust_list rseq arch_prctl "
	       "getrandom restart_syscall tgkill seccomp"},
	{FILES | BECOME, "getgroups"},
	{FILES, "getpgid getsid"},
	/* signals and time */
	{BASE, "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend "
	       "rt_sigtimedwait rt_sigtimedwait_time64 sigaltstack sigreturn signalfd4 "
	       "pause time gettimeofday clock_gettime clock_gettime64 clock_getres "
	       "clock_getres_time64 nanosleep clock_nanosleep clock_nanosleep_time64 "
	       "alarm setitimer getitimer timer_create timer_settime timer_settime64 "
	       "timer_gettime timer_gettime64 timer_getoverrun timer_delete "
	       "timerfd_create timerfd_settime timerfd_settime64 timerfd_gettime "
	       "timerfd_gettime64"},
	/* waiting */
	{BASE, "poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 "
	       "epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 "
	       "eventfd2 pipe pipe2"},
	/* open descriptors */
	{BASE, "read write readv writev close close_range fcntl fcntl64 ioctl dup dup2 "
	       "dup3 lseek _llseek pread64 fstat fstat64 newfstatat fstatat64 statx "
	       "recvmsg sendmsg recvfrom sendto recv send recvmmsg sendmmsg getsockopt "
	       "setsockopt getsockname getpeername shutdown splice tee"},
	{ACCEPT, "accept accept4"},
	{ACCEPT | NETWORK, "socketpair"},
	/* files */
	{FILES, "open openat openat2 creat stat stat64 lstat lstat64 access faccessat "
		"faccessat2 readlink readlinkat getdents getdents64 getcwd chdir fchdir "
		"umask mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link "
		"linkat symlink symlinkat chmod fchmod fchmodat fchmodat2 chown lchown "
		"fchown fchownat utime utimes utimensat utimensat_time64 futimesat "
		"truncate truncate64 ftruncate ftruncate64 fallocate fadvise64 "
		"fadvise64_64 readahead fsync fdatasync sync_file_range syncfs flock "
		"statfs statfs64 fstatfs fstatfs64 pwrite64 preadv preadv2 pwritev "
		"pwritev2 sendfile sendfile64 copy_file_range getxattr "
		"lgetxattr fgetxattr setxattr fsetxattr listxattr flistxattr "
		"inotify_init1 inotify_add_watch inotify_rm_watch"},
	{FILES | MEMORY, "memfd_create"},
	/* from a spawner to a session */
	{BECOME | RUN, "clone fork wait4 waitid waitpid kill"},
	{RUN, "clone3 vfork"},
	{BECOME, "setuid setgid setreuid setregid setresuid setresgid setgroups setuid32 "
		 "setgid32 setreuid32 setregid32 setresuid32 setresgid32 setgroups32 "
		 "capset landlock_create_ruleset landlock_add_rule landlock_restrict_self"},
	{BECOME | RUN | THREADS, "set_tid_address"},
	/* what plugins declare */
	{NETWORK, "socket connect bind listen"},
	{RUN, "execve execveat"},
	{ROOT, "setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid "
	       "setfsgid setuid32 setgid32 setreuid32 setregid32 setresuid32 setresgid32 "
	       "setgroups32 setfsuid32 setfsgid32 setpriority getpriority keyctl"},
	{THREADS, "sched_setaffinity sched_getscheduler sched_setscheduler sched_getparam"},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* What libraries try, with the error that they expect where it does not work: NSS asks for a name
 * service cache, libc for time zones and the number of processors, OpenSSL for its files; newer
 * libraries for newer calls. A call that the profile allows is not touched by this. */
static const struct {
	int error;
	const char *names;
} soft[] = {
	{EACCES, "socket connect bind"},
	{ENOENT, "open openat access faccessat faccessat2 stat lstat readlink readlinkat "
		 "getcwd"},
	{ENOSYS, "openat2 memfd_create clone3 mbind get_mempolicy set_mempolicy "
		 "io_uring_setup userfaultfd pkey_alloc futex_waitv memfd_secret cachestat "
		 "fchmodat2 map_shadow_stack process_madvise mseal"},
	{EPERM, "sched_setaffinity sched_setscheduler setpriority getpriority"},
};
#define SOFT (sizeof(soft) / sizeof(soft[0]))

/* What a plugin starts stays in the process group of the role, so that it can be ended with it: for
 * who asks for a group of his own, these succeed and change nothing. */
static const char groups_kept[] = "setsid setpgid";

/* Calls from this number on are newer than these tables: a library that tries one has to live
 * without it. (The same on every architecture; where numbers start higher, all that is not allowed
 * fails in this way.) */
#define FIRST_UNKNOWN 451

/* What a session must not, of what its spawner may. Everything else that it must not, the spawner
 * may not either; a declared need of another storage opens what the last rows close again. */
static const struct {
	uint32_t needs; /* one of these opens it */
	int error;      /* 0 = the process is killed */
	const char *names;
} denied[] = {
	{0, 0, "setresuid setresgid setgroups setuid setgid setreuid setregid capset"},
	{RESTANTE_NEEDS_FORK, 0, "fork vfork execve execveat"},
	{RESTANTE_NEEDS_FORK | RESTANTE_NEEDS_THREADS, 0, "clone"}, /* threads: see when_thread */
	{RESTANTE_NEEDS_FORK, ENOSYS, "clone3"},
	{RESTANTE_NEEDS_NETWORK, EACCES, "socket connect bind"},
};
#define DENIED (sizeof(denied) / sizeof(denied[0]))

/* --- the program: instructions are appended; n counts on where there is no more room --- */

#define CODE_MAX 1024 /* two for each call */

struct program {
	struct sock_filter code[CODE_MAX];
	size_t n;
};

static void emit(struct program *p, struct sock_filter i)
{
	if (p->n < CODE_MAX)
		p->code[p->n] = i;
	p->n++;
}

#define LOAD(field) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, field))
#define RETURN(action) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action))
#define FAIL(error) (SECCOMP_RET_ERRNO | (uint32_t)(error))

/* if (what was loaded <op> k) return action; op: BPF_JEQ, BPF_JGE */
static void when(struct program *p, uint16_t op, uint32_t k, uint32_t action)
{
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | op, k, 0, 1));
	emit(p, RETURN(action));
}

/* The number of a call here; -1 where this machine or libseccomp does not have it. */
static int number(const char *name)
{
	int n = seccomp_syscall_resolve_name(name);

	return n < 0 ? -1 : n;
}

/* The same for each call of a list. */
static void when_calls(struct program *p, const char *names, uint32_t action)
{
	char name[32];
	size_t len;
	int n;

	for (; *names != '\0'; names += len + (names[len] == ' ')) {
		len = strcspn(names, " ");
		if (len >= sizeof(name))
			continue;
		memcpy(name, names, len);
		name[len] = '\0';
		n = number(name);
		if (n != -1)
			when(p, BPF_JEQ, (uint32_t)n, action);
	}
}

/* clone may make threads, and no processes. (clone3 hides its flags in memory; libc falls back.) */
static void when_thread(struct program *p)
{
	size_t flags = offsetof(struct seccomp_data, args);

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		flags += sizeof(uint32_t);
	emit(p, (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_K | BPF_JEQ, (uint32_t)number("clone"), 0, 4));
	emit(p, LOAD((uint32_t)flags));
	when(p, BPF_JSET, CLONE_THREAD, SECCOMP_RET_ALLOW);
	emit(p, RETURN(SECCOMP_RET_KILL_PROCESS));
}

static void begin(struct program *p)
{
	p->n = 0;
	emit(p, LOAD(offsetof(struct seccomp_data, arch)));
	emit(p, (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_K | BPF_JEQ, seccomp_arch_native(), 1, 0));
	emit(p, RETURN(SECCOMP_RET_KILL_PROCESS));
	emit(p, LOAD(offsetof(struct seccomp_data, nr)));
}

static unsigned groups_of(enum filter_profile p, uint32_t needs)
{
	unsigned more = 0;

	if ((needs & RESTANTE_NEEDS_NETWORK) != 0)
		more |= NETWORK;
	if ((needs & RESTANTE_NEEDS_FORK) != 0)
		more |= RUN;
	if ((needs & RESTANTE_NEEDS_THREADS) != 0)
		more |= THREADS;
	if ((needs & RESTANTE_NEEDS_ROOT) != 0)
		more |= ROOT;
	return profiles[p].groups | (more & profiles[p].more);
}

static void build_role(struct program *p, unsigned groups)
{
	begin(p);
	if ((groups & (THREADS | BECOME | RUN)) == THREADS)
		when_thread(p);
	if ((groups & RUN) != 0)
		when_calls(p, groups_kept, FAIL(0));
	for (size_t i = 0; i < CALLS; i++)
		if ((calls[i].groups & groups) != 0)
			when_calls(p, calls[i].names, SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < SOFT; i++)
		when_calls(p, soft[i].names, FAIL(soft[i].error));
	when(p, BPF_JGE, FIRST_UNKNOWN, FAIL(ENOSYS));
	/* Other people's programs were not made with this list in mind. */
	emit(p, RETURN((groups & (RUN | BECOME)) == RUN ? FAIL(EPERM) : SECCOMP_RET_KILL_PROCESS));
}

static void build_session(struct program *p, uint32_t needs)
{
	begin(p);
	if ((needs & (RESTANTE_NEEDS_THREADS | RESTANTE_NEEDS_FORK)) == RESTANTE_NEEDS_THREADS)
		when_thread(p);
	for (size_t i = 0; i < DENIED; i++)
		if ((denied[i].needs & needs) == 0)
			when_calls(p, denied[i].names,
				denied[i].error != 0 ? FAIL(denied[i].error)
						     : SECCOMP_RET_KILL_PROCESS);
	emit(p, RETURN(SECCOMP_RET_ALLOW));
}

int filter_build(struct filter *f, enum filter_profile profile, uint32_t needs)
{
	struct program p;

	if (profile == FILTER_SESSION)
		build_session(&p, needs);
	else
		build_role(&p, groups_of(profile, needs));
	if (p.n > CODE_MAX) {
		errno = E2BIG;
		return -1;
	}
	f->code = malloc(p.n * sizeof(p.code[0]));
	if (f->code == NULL)
		return -1;
	memcpy(f->code, p.code, p.n * sizeof(p.code[0]));
	f->n = (uint16_t)p.n;
	return 0;
}

int filter_works(void)
{
	return 1;
}

#else

int filter_build(struct filter *f, enum filter_profile profile, uint32_t needs)
{
	(void)profile;
	(void)needs;
	*f = (struct filter){0, NULL};
	return 0;
}

int filter_works(void)
{
	return 0;
}

#endif

int filter_install(const struct filter *f)
{
	struct sock_fprog program = {.len = f->n, .filter = f->code};

	if (f->n == 0)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return 0;
	if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

void filter_free(struct filter *f)
{
	free(f->code);
	*f = (struct filter){0, NULL};
}
