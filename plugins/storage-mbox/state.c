/* state.c - files in the state folder, and reading, writing and failing.
 *
 * The folder is the user's own and only Restante writes there. A record is replaced whole: a new
 * file is renamed over the old one, so that a crash leaves the one or the other. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "mbox.h"

enum { NAME_ROOM = 128 };

int mbox_result(int error, bool full)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return full ? RESTANTE_FULL : RESTANTE_TEMP;
	case EACCES:
	case EPERM:
	case EROFS:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return RESTANTE_PERM;
	default:
		return RESTANTE_TEMP;
	}
}

static int say_failed(struct mbox *mb, const char *what, const char *name, bool full)
{
	int error = errno;

	mb->host->log(mb->host->c, LOG_ERR, "cannot %s %s%s%s: %s", what,
		name ? mb->state_path : mb->path, name ? "/" : "", name ? name : "",
		strerror(error));
	return mbox_result(error, full);
}

int mbox_failed(struct mbox *mb, const char *what, const char *name)
{
	return say_failed(mb, what, name, false);
}

int mbox_failed_full(struct mbox *mb, const char *what, const char *name)
{
	return say_failed(mb, what, name, true);
}

int mbox_write(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

int64_t mbox_read(int fd, void *p, size_t n, uint64_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, (char *)p + done, n - done, (off_t)(off + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (int64_t)done;
}

int state_sync(struct mbox *mb)
{
	return fsync(mb->state) ? mbox_failed(mb, "sync", ".") : RESTANTE_OK;
}

static void fresh_name(char fresh[NAME_ROOM], const char *name)
{
	snprintf(fresh, NAME_ROOM, "%s" TMP_SUFFIX, name);
}

int state_begin(struct mbox *mb, const char *name)
{
	char fresh[NAME_ROOM];

	fresh_name(fresh, name);
	return openat(mb->state, fresh,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

int state_end(struct mbox *mb, const char *name, int fd, bool good, bool durable)
{
	char fresh[NAME_ROOM];
	int bad = RESTANTE_OK;

	fresh_name(fresh, name);
	if (!good || (durable && fsync(fd)) || renameat(mb->state, fresh, mb->state, name)) {
		bad = mbox_failed_full(mb, "write", name);
		unlinkat(mb->state, fresh, 0);
	}
	close(fd);
	return bad || !durable ? bad : state_sync(mb);
}

int state_replace(struct mbox *mb, const char *name, const void *p, size_t n, bool durable)
{
	int fd = state_begin(mb, name);

	if (fd < 0)
		return mbox_failed_full(mb, "write", name);
	return state_end(mb, name, fd, mbox_write(fd, p, n) == 0, durable);
}

int state_read(struct mbox *mb, const char *name, void **p, size_t *n)
{
	int fd = openat(mb->state, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int64_t got = -1;

	if (fd < 0)
		return errno == ENOENT ? RESTANTE_NONE : mbox_failed(mb, "read", name);
	*p = NULL;
	errno = EISDIR;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (*p = malloc((size_t)st.st_size + 1)))
		got = mbox_read(fd, *p, (size_t)st.st_size, 0);
	if (got < 0) {
		int bad = mbox_failed(mb, "read", name);

		free(*p);
		close(fd);
		return bad;
	}
	close(fd);
	*n = (size_t)got;
	return RESTANTE_OK;
}
