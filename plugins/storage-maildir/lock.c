/* lock.c - one session at a time.
 *
 * A lock on a file of the Maildir, given back by the kernel however the session ends. Where there
 * can be no such file (disk full, quota, read-only, something else has its name) the lock is taken
 * on the folder itself: a full mailbox must not keep out the user who wants to empty it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include "maildir.h"

enum { PAUSE_MS = 50 };

/* Errors that every session on this Maildir gets alike. */
static bool no_lock_file(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EROFS || error == EACCES ||
	       error == EISDIR || error == ELOOP;
}

int lock_take(struct maildir *md)
{
	const struct restante_host *host = md->host;
	int64_t wait_ms = host->num(host->c, "lock_wait") * 1000;
	int fd = openat(
		md->root, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0 && !no_lock_file(errno))
		return failed(md, "open", LOCK_FILE);
	md->lock = fd;
	if (fd < 0)
		fd = md->root;
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

		if (errno != EWOULDBLOCK && errno != EINTR)
			return failed(md, "lock", LOCK_FILE);
		if (wait_ms <= 0 || host->left_ms(host->c) <= PAUSE_MS)
			return RESTANTE_BUSY;
		nanosleep(&pause, NULL);
		wait_ms -= PAUSE_MS;
	}
	return RESTANTE_OK;
}
