/* lock.c - one session at a time, and one who appends.
 *
 * Locks on files of the folder, given back by the kernel however their holder ends. Where there can
 * be no file for the session lock (disk full, quota, read-only, something else has its name) it is
 * taken on the folder itself: a full mailbox must not keep out the user who wants to empty it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include "archive.h"

enum { PAUSE_MS = 20 };

/* Errors that every session on this archive gets alike. */
static bool no_lock_file(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EROFS || error == EACCES ||
	       error == EISDIR || error == ELOOP;
}

static int open_lock(struct archive *ar, const char *name)
{
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

	return openat(ar->root, name, flags, 0600);
}

static int wait_for(struct archive *ar, int fd, const char *name, int64_t wait_ms)
{
	const struct restante_host *host = ar->host;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

		if (errno != EWOULDBLOCK && errno != EINTR)
			return archive_failed(ar, "lock", name);
		if (wait_ms <= 0 || host->left_ms(host->c) <= PAUSE_MS)
			return RESTANTE_BUSY;
		nanosleep(&pause, NULL);
		wait_ms -= PAUSE_MS;
	}
	return RESTANTE_OK;
}

int archive_session(struct archive *ar)
{
	int fd, bad;

	if (ar->held)
		return RESTANTE_OK;
	if (ar->session < 0)
		ar->session = open_lock(ar, LOCK_FILE);
	if (ar->session < 0 && !no_lock_file(errno))
		return archive_failed(ar, "open", LOCK_FILE);
	fd = ar->session < 0 ? ar->root : ar->session;
	bad = wait_for(ar, fd, LOCK_FILE, ar->host->num(ar->host->c, "lock_wait") * 1000);
	ar->held = !bad;
	return bad;
}

int archive_append_lock(struct archive *ar)
{
	int bad = RESTANTE_OK;

	if (ar->append < 0)
		ar->append = open_lock(ar, APPEND_FILE);
	if (ar->append < 0)
		return archive_failed_full(ar, "open", APPEND_FILE);
	if (!ar->appending)
		bad = wait_for(ar, ar->append, APPEND_FILE, INT64_MAX);
	if (!bad)
		ar->appending++;
	return bad;
}

void archive_append_unlock(struct archive *ar)
{
	if (--ar->appending == 0)
		flock(ar->append, LOCK_UN);
}
