/* dotlock.c - the lock file beside the mbox.
 *
 * A file with a name of its own is made and linked to the lock's name, so that the lock has its
 * contents from its first moment, and one link is atomic on every file system. A lock is taken to
 * be left behind when the process that it names is dead, or, if it names none of this host, when
 * nobody has touched it for five minutes, which is what liblockfile says. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <restante/plugin.h>

#include "dotlock.h"

enum { STALE_SECONDS = 5 * 60, REFRESH_SECONDS = 60, HOST_LEN = 64, TEXT_LEN = HOST_LEN + 32 };

struct names {
	char lock[PATH_MAX], own[PATH_MAX];
};

static bool names_make(struct names *n, const char *path)
{
	int lock = snprintf(n->lock, sizeof(n->lock), "%s.lock", path);
	int own = snprintf(n->own, sizeof(n->own), "%s.lk%ld", path, (long)getpid());

	return lock < PATH_MAX && own < PATH_MAX;
}

static void host_name(char host[HOST_LEN + 1])
{
	if (gethostname(host, HOST_LEN))
		host[0] = '\0';
	host[HOST_LEN] = '\0';
}

static int64_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

/* A lock without its text, for want of room, is a lock still. */
static void write_text(int fd)
{
	char host[HOST_LEN + 1], text[TEXT_LEN];
	int n;

	host_name(host);
	n = snprintf(text, sizeof(text), "%ld\n%s\n", (long)getpid(), host);
	while (write(fd, text, (size_t)n) < 0 && errno == EINTR)
		;
}

/* What a lock's text says of its holder: 1 = lives here, 0 = is dead, -1 = not known. */
static int holder_lives(const char *text)
{
	char host[HOST_LEN + 1], *end;
	long pid = strtol(text, &end, 10);
	size_t len;

	if (pid <= 0 || pid > INT_MAX || (*end && *end != '\n' && *end != ' '))
		return -1;
	end += strspn(end, " \n");
	len = strcspn(end, "\n");
	host_name(host);
	if (len && (len != strlen(host) || memcmp(end, host, len) != 0))
		return -1;
	/* Unlike kill(), this is no signal, which a session may not send. */
	return getpgid((pid_t)pid) >= 0 || errno != ESRCH;
}

/* Is the lock there left behind? now is the file system's. *st says which file was looked at. */
static bool stale(const char *lock, time_t now, struct stat *st)
{
	int fd = open(lock, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), lives = -1;
	char text[TEXT_LEN];
	bool known;

	if (fd < 0)
		known = errno == EACCES && lstat(lock, st) == 0;
	else
		known = fstat(fd, st) == 0;
	if (fd >= 0) {
		ssize_t n = read(fd, text, sizeof(text) - 1);

		text[n > 0 ? n : 0] = '\0';
		lives = holder_lives(text);
		close(fd);
	}
	if (!known || !S_ISREG(st->st_mode) || lives == 1)
		return false;
	return lives == 0 || now - st->st_mtim.tv_sec > STALE_SECONDS;
}

/* Removes the lock if it still is the file that was found stale: another may have been faster and
 * hold it by now, therefore it is renamed first, looked at, and given back. */
static bool break_lock(const struct names *n, const struct stat *old)
{
	struct stat st;

	if (rename(n->lock, n->own))
		return false;
	if (lstat(n->own, &st) == 0 && (st.st_ino != old->st_ino || st.st_dev != old->st_dev) &&
		link(n->own, n->lock) == 0) {
		unlink(n->own);
		return false;
	}
	unlink(n->own);
	return true;
}

static int make_own(const struct names *n)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
	int fd = open(n->own, flags, 0644);

	if (fd < 0 && errno == EEXIST && unlink(n->own) == 0) /* of a process long gone */
		fd = open(n->own, flags, 0644);
	if (fd >= 0)
		write_text(fd);
	return fd;
}

/* Links own to the lock; 0, or an errno. */
static int link_own(const struct restante_host *host, const struct names *n, int fd)
{
	struct stat own, old;
	int error;

	if (link(n->own, n->lock) == 0)
		return 0;
	error = errno;
	if (fstat(fd, &own))
		return error;
	if (own.st_nlink == 2) /* the reply of a network's file system was lost */
		return 0;
	if (error == EEXIST && stale(n->lock, own.st_mtim.tv_sec, &old)) {
		struct names spare = *n;

		snprintf(spare.own, sizeof(spare.own), "%.*s.old", PATH_MAX - 5, n->own);
		if (break_lock(&spare, &old)) {
			host->log(host->c, LOG_NOTICE, "%s was left behind: removed", n->lock);
			error = link(n->own, n->lock) ? errno : 0;
		}
	}
	return error;
}

/* Where no lock file can be made no MTA can make one either. */
static bool no_room(int error)
{
	return error == EACCES || error == EPERM || error == EROFS || error == ENOSPC ||
	       error == EDQUOT || error == ENAMETOOLONG || error == EMLINK || error == ENOENT;
}

int dotlock_take(const struct restante_host *host, const char *path, struct dotlock *d)
{
	struct names n;
	int error;

	if (!names_make(&n, path))
		return RESTANTE_NONE;
	d->fd = make_own(&n);
	error = d->fd < 0 ? errno : link_own(host, &n, d->fd);
	if (d->fd >= 0)
		unlink(n.own);
	d->looked = seconds();
	if (!error)
		return RESTANTE_OK;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	if (error == EEXIST)
		return RESTANTE_BUSY;
	if (no_room(error))
		return RESTANTE_NONE;
	host->log(host->c, LOG_ERR, "cannot make %s: %s", n.lock, strerror(error));
	return RESTANTE_TEMP;
}

/* Is the file at the lock's name the one that was made? */
static bool still_ours(const struct names *n, const struct dotlock *d)
{
	struct stat there, own;

	return lstat(n->lock, &there) == 0 && fstat(d->fd, &own) == 0 &&
	       there.st_ino == own.st_ino && there.st_dev == own.st_dev;
}

bool dotlock_keep(const char *path, struct dotlock *d)
{
	int64_t now = seconds();
	struct names n;

	if (now - d->looked < REFRESH_SECONDS)
		return true;
	d->looked = now;
	if (!names_make(&n, path) || !still_ours(&n, d))
		return false;
	futimens(d->fd, NULL);
	return true;
}

void dotlock_release(const char *path, struct dotlock *d)
{
	struct names n;

	if (names_make(&n, path) && still_ours(&n, d))
		unlink(n.lock);
	close(d->fd);
	d->fd = -1;
}
