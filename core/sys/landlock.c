/* landlock - closes the file system around one mailbox.
 *
 * The kernel's interface is three system calls and two structures; they are written out here,
 * because the system's header may be older than its kernel. The newest form that is known here is
 * tried first, so that a login on a new kernel never asks for the version. Version 1 is not used:
 * it refuses every rename from one folder to another, and that is how mail gets into a Maildir. */
#define _GNU_SOURCE
#include "config.h"
#include "sys/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <restante/plugin.h>

/* A constant and not an #if: both branches compile in every build. */
#ifdef SANITIZED
enum { FENCES = 0 };
#else
enum { FENCES = 1 };
#endif

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444 /* the same on every architecture */
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define RUN (1u << 31) /* beside the flags of struct landlock_path: programs may be executed */

#define ABI_NEWEST 6u /* 7 only adds logging options */

enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_MAKE_SYM = 1 << 12,
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	FS_ALL_2 = (1 << 14) - 1,
	FS_ALL_3 = (1 << 15) - 1,
	FS_ALL_5 = (1 << 16) - 1,

	FILE_READ = FS_READ_FILE,
	FILE_WRITE = FS_WRITE_FILE | FS_TRUNCATE,
	FOLDER_READ = FILE_READ | FS_READ_DIR,
	FOLDER_WRITE = FILE_WRITE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG |
		       FS_MAKE_SYM | FS_REFER,

	NET_TCP = 3,    /* bind, connect */
	SCOPE_BOTH = 3, /* abstract unix sockets, signals */
	CREATE_VERSION = 1,
	RULE_PATH_BENEATH = 1
};

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

/* What a plugin reads or runs outside its own files when it declares a need: the resolver,
 * certificates, libraries that NSS and OpenSSL load late; programs. */
static const struct {
	const char *path;
	uint32_t needs;
} system_paths[] = {
	{"/etc/resolv.conf", RESTANTE_NEEDS_NETWORK},
	{"/etc/hosts", RESTANTE_NEEDS_NETWORK},
	{"/etc/host.conf", RESTANTE_NEEDS_NETWORK},
	{"/etc/nsswitch.conf", RESTANTE_NEEDS_NETWORK},
	{"/etc/gai.conf", RESTANTE_NEEDS_NETWORK},
	{"/etc/services", RESTANTE_NEEDS_NETWORK},
	{"/etc/ssl", RESTANTE_NEEDS_NETWORK},
	{"/etc/pki", RESTANTE_NEEDS_NETWORK},
	{"/usr/share/ca-certificates", RESTANTE_NEEDS_NETWORK},
	{"/usr/local/share/ca-certificates", RESTANTE_NEEDS_NETWORK},
	{"/run/systemd/resolve", RESTANTE_NEEDS_NETWORK},
	{"/etc/ld.so.cache", RESTANTE_NEEDS_NETWORK | RESTANTE_NEEDS_FORK},
	{"/lib", RESTANTE_NEEDS_NETWORK | RESTANTE_NEEDS_FORK},
	{"/lib64", RESTANTE_NEEDS_NETWORK | RESTANTE_NEEDS_FORK},
	{"/usr", RESTANTE_NEEDS_FORK},
	{"/usr/lib", RESTANTE_NEEDS_NETWORK},
	{"/bin", RESTANTE_NEEDS_FORK},
	{"/dev/null", RESTANTE_NEEDS_FORK},
};

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static long create(unsigned abi, uint32_t needs)
{
	const struct ruleset r = {
		.fs = abi >= 5   ? FS_ALL_5
		      : abi >= 3 ? FS_ALL_3
				 : FS_ALL_2,
		.net = abi >= 4 && (needs & RESTANTE_NEEDS_NETWORK) == 0 ? NET_TCP : 0,
		.scoped = abi >= 6 ? SCOPE_BOTH : 0,
	};
	size_t size = abi >= 6 ? sizeof(r) : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);

	return syscall(SYS_landlock_create_ruleset, &r, size, 0);
}

/* A ruleset in the newest form that the kernel takes; its version in *abi. */
static int create_best(uint32_t needs, unsigned *abi)
{
	long fd = create(*abi = ABI_NEWEST, needs);

	if (fd == -1 && (errno == E2BIG || errno == EINVAL)) {
		*abi = (unsigned)landlock_abi();
		if (*abi < (unsigned)LANDLOCK_ABI_OLDEST) {
			errno = ENOSYS;
			return -1;
		}
		fd = create(*abi, needs);
	}
	return (int)fd;
}

/* The two below have large buffers and are needed rarely: inlined, they would make each session
 * touch (and own) two more pages of stack. */
#define RARE __attribute__((noinline))

RARE static int make_folders(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, 0700) == -1 && errno != EEXIST)
			return -1;
		part[i] = path[i];
	}
	return 0;
}

/* Opens the folder that holds path. */
RARE static int open_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL || slash == path ? 1 : (size_t)(slash - path);

	if (n >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(folder, slash == NULL ? "." : path, n);
	folder[n] = '\0';
	return open(folder, O_PATH | O_CLOEXEC);
}

/* An O_PATH descriptor of what a rule is about, -2 when it is missing and need not be there. */
static int open_path(const struct landlock_path *p)
{
	int fd = (p->flags & RESTANTE_IN_FOLDER) != 0 ? open_folder_of(p->path)
						      : open(p->path, O_PATH | O_CLOEXEC);

	if (fd != -1 || errno != ENOENT)
		return fd;
	if ((p->flags & RESTANTE_FOLDER) == 0)
		return -2;
	return make_folders(p->path) == -1 ? -1 : open(p->path, O_PATH | O_CLOEXEC);
}

static int add_rule(int ruleset, int fd, uint64_t allowed)
{
	const struct path_beneath rule = {.allowed = allowed, .parent = fd};

	return (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
}

/* The rights of a folder, or where it turns out to be a file (EINVAL) those of a file. */
static int allow(int ruleset, unsigned abi, int fd, uint32_t flags)
{
	uint64_t known = abi >= 3 ? FS_ALL_3 : FS_ALL_2;
	uint64_t folder = FOLDER_READ, file = FILE_READ;

	if ((flags & RESTANTE_READ_ONLY) == 0) {
		folder |= FOLDER_WRITE;
		file |= FILE_WRITE;
	}
	if ((flags & RUN) != 0) {
		folder |= FS_EXECUTE;
		file |= FS_EXECUTE;
	}
	if (add_rule(ruleset, fd, folder & known) == 0)
		return 0;
	return errno == EINVAL ? add_rule(ruleset, fd, file & known) : -1;
}

static int add(int ruleset, unsigned abi, const struct landlock_path *p)
{
	int fd = open_path(p);
	int result, saved;

	if (fd < 0)
		return fd == -2 ? 0 : -1;
	result = ruleset == -1 ? 0 : allow(ruleset, abi, fd, p->flags);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static int add_system(int ruleset, unsigned abi, uint32_t needs)
{
	uint32_t run = (needs & RESTANTE_NEEDS_FORK) != 0 ? RUN : 0;

	for (size_t i = 0; i < sizeof(system_paths) / sizeof(system_paths[0]); i++) {
		struct landlock_path p = {system_paths[i].path, RESTANTE_READ_ONLY | run};

		if ((needs & system_paths[i].needs) != 0 && add(ruleset, abi, &p) == -1 &&
			errno != EACCES && errno != ENOTDIR)
			return -1;
	}
	return 0;
}

static int close_with(int fd, int result)
{
	int saved = errno;

	if (fd != -1)
		close(fd);
	errno = saved;
	return result;
}

int landlock_enter(const struct landlock_path *paths, size_t n, uint32_t needs, const char **failed)
{
	unsigned abi = 0;
	int ruleset = -1;

	if (FENCES) {
		*failed = "landlock";
		ruleset = create_best(needs, &abi);
		if (ruleset == -1 && errno != ENOSYS && errno != EOPNOTSUPP)
			return -1;
	}
	/* Without Landlock too: the folders are made. */
	for (size_t i = 0; i < n; i++)
		if (add(ruleset, abi, &paths[i]) == -1) {
			*failed = paths[i].path;
			return close_with(ruleset, -1);
		}
	if (ruleset == -1)
		return 0;
	*failed = "landlock";
	if (add_system(ruleset, abi, needs) == -1)
		return close_with(ruleset, -1);
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) == -1 &&
		(errno != EPERM || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
			syscall(SYS_landlock_restrict_self, ruleset, 0) == -1))
		return close_with(ruleset, -1);
	return close_with(ruleset, 0);
}
