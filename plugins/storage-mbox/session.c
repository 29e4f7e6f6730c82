/* session.c - one session at a time.
 *
 * A lock on a file of the state folder, given back by the kernel however the session ends; MTAs and
 * other programs do not see it. Where there can be no such file (disk full, quota) the lock is
 * taken on the folder itself: a full disk must not keep out the user who wants to empty the
 * mailbox. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include "mbox.h"

enum { PAUSE_MS = 50 };

/* Errors that every session on this mailbox gets alike. */
static bool no_lock_file(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EROFS || error == EACCES ||
	       error == EISDIR || error == ELOOP;
}

int mbox_session(struct mbox *mb)
{
	const struct restante_host *host = mb->host;
	int64_t wait_ms = host->num(host->c, "lock_wait") * 1000;
	int fd = openat(mb->state, SESSION_FILE,
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0 && !no_lock_file(errno))
		return mbox_failed(mb, "open", SESSION_FILE);
	mb->session = fd;
	if (fd < 0)
		fd = mb->state;
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

		if (errno != EWOULDBLOCK && errno != EINTR)
			return mbox_failed(mb, "lock", SESSION_FILE);
		if (wait_ms <= 0 || host->left_ms(host->c) <= PAUSE_MS)
			return RESTANTE_BUSY;
		nanosleep(&pause, NULL);
		wait_ms -= PAUSE_MS;
	}
	return RESTANTE_OK;
}
