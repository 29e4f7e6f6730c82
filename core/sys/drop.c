/* drop - giving up privileges.
 *
 * No role program ever runs as root: the master's child changes its ids before it executes one, and
 * leaves it as ambient capabilities just those that the role needs until it is set up. Capabilities
 * are set with the bare system calls; what libcap adds is text. */
#define _GNU_SOURCE
#include "config.h"
#include "sys/drop.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	unsigned drop, number;
} caps_table[] = {
	{DROP_CHROOT, CAP_SYS_CHROOT},
	{DROP_SETID, CAP_SETUID},
	{DROP_SETID, CAP_SETGID},
	{DROP_SEARCH, CAP_DAC_READ_SEARCH},
};
#define CAPS (sizeof(caps_table) / sizeof(caps_table[0]))

int drop_lookup(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL) {
		if (errno == 0 || errno == ESRCH || errno == EBADF || errno == EPERM)
			errno = ENOENT; /* getpwnam(3) lists all of them for "no such user" */
		return -1;
	}
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

/* Has from now on these capabilities only; inherit: execve keeps them (with PR_CAP_AMBIENT). */
static int set_caps(unsigned drop, int inherit)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}, {0}};

	for (size_t i = 0; i < CAPS; i++)
		if ((drop & caps_table[i].drop) != 0)
			data[CAP_TO_INDEX(caps_table[i].number)].permitted |=
				CAP_TO_MASK(caps_table[i].number);
	for (size_t i = 0; i < 2; i++) {
		data[i].effective = data[i].permitted;
		data[i].inheritable = inherit ? data[i].permitted : 0;
	}
	return (int)syscall(SYS_capset, &head, data);
}

/* Which of these it has: a spawner of one user's sessions was never given DROP_SETID. */
static int caps_held(unsigned drop, unsigned *held)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) == -1)
		return -1;
	*held = 0;
	for (size_t i = 0; i < CAPS; i++)
		if ((data[CAP_TO_INDEX(caps_table[i].number)].permitted &
			    CAP_TO_MASK(caps_table[i].number)) != 0)
			*held |= drop & caps_table[i].drop;
	return 0;
}

static int set_ids(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups)
{
	uid_t u[3];
	gid_t g[3];

	if (setgroups(ngroups, groups) == -1 || setresgid(gid, gid, gid) == -1 ||
		setresuid(uid, uid, uid) == -1)
		return -1;
	if (getresuid(&u[0], &u[1], &u[2]) == -1 || getresgid(&g[0], &g[1], &g[2]) == -1)
		return -1;
	for (size_t i = 0; i < 3; i++)
		if (u[i] != uid || g[i] != gid) {
			errno = EPERM;
			return -1;
		}
	return 0;
}

int drop_exec(uid_t uid, gid_t gid, unsigned caps)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	if (uid == 0)
		return set_ids(uid, gid, NULL, 0);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 || set_ids(uid, gid, NULL, 0) == -1 ||
		set_caps(caps, 1) == -1)
		return -1;
	for (size_t i = 0; i < CAPS; i++)
		if ((caps & caps_table[i].drop) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
								caps_table[i].number, 0, 0) == -1)
			return -1;
	if ((caps & DROP_SETID) == 0 && setresuid(0, 0, 0) != -1) {
		errno = EPERM;
		return -1;
	}
	return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
}

int drop_confine_root(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ? -1
							    : prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int drop_confine(int privileged, unsigned keep)
{
	if (!privileged)
		return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if ((keep & DROP_CHROOT) != 0 && (chroot(".") == -1 || chdir("/") == -1))
		return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 ||
		caps_held(keep & DROP_SETID, &keep) == -1 || set_caps(keep, 0) == -1)
		return -1;
	if (geteuid() == 0) { /* would get everything back by an execve */
		errno = EPERM;
		return -1;
	}
	return drop_confine_root();
}

int drop_become(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups)
{
	if (uid == 0 || gid == 0) {
		errno = EPERM;
		return -1;
	}
	/* One user for all mailboxes, or a server without root: nothing to change. */
	if ((geteuid() != uid || getegid() != gid || ngroups > 0) &&
		set_ids(uid, gid, groups, ngroups) == -1)
		return -1;
	return set_caps(0, 0);
}

size_t drop_limits(size_t nofile)
{
	const struct rlimit none = {0, 0};
	struct rlimit r;

	(void)setrlimit(RLIMIT_CORE, &none);
	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return 0;
	if (r.rlim_cur < nofile) {
		rlim_t before = r.rlim_cur;

		if (r.rlim_max < nofile) {
			struct rlimit more = {nofile, nofile};

			if (setrlimit(RLIMIT_NOFILE, &more) == 0)
				return nofile;
		}
		r.rlim_cur = r.rlim_max < nofile ? r.rlim_max : nofile;
		if (setrlimit(RLIMIT_NOFILE, &r) == -1)
			return (size_t)before;
	}
	return (size_t)r.rlim_cur;
}
