/* files.c - reading, writing and failing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "archive.h"

enum { COPY_BUFFER = 64 * 1024, COPY_MAX = 1 << 30, NAME_TRIES = 100 };

/* The result that fits errno. full says whether FULL is an answer. */
static int result_of(int error, bool full)
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

static int say_failed(struct archive *ar, const char *what, const char *name, bool full)
{
	int error = errno;

	ar->host->log(
		ar->host->c, LOG_ERR, "cannot %s %s/%s: %s", what, ar->path, name, strerror(error));
	return result_of(error, full);
}

int archive_failed(struct archive *ar, const char *what, const char *name)
{
	return say_failed(ar, what, name, false);
}

int archive_failed_full(struct archive *ar, const char *what, const char *name)
{
	return say_failed(ar, what, name, true);
}

int archive_write(int fd, const void *p, size_t n, uint64_t off)
{
	const char *at = p;

	while (n) {
		ssize_t put = pwrite(fd, at, n, (off_t)off);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		off += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

int64_t archive_read(int fd, void *p, size_t n, uint64_t off)
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

/* For file systems that cannot copy by themselves. */
static int copy_by_hand(int from, uint64_t from_off, int to, uint64_t to_off, uint64_t n)
{
	char *buffer = malloc(COPY_BUFFER);
	int bad = buffer ? 0 : -1;

	while (n && !bad) {
		size_t piece = n < COPY_BUFFER ? (size_t)n : COPY_BUFFER;
		int64_t got = archive_read(from, buffer, piece, from_off);

		if (got == 0)
			errno = EIO; /* shorter than it was */
		if (got <= 0 || archive_write(to, buffer, (size_t)got, to_off)) {
			bad = -1;
			break;
		}
		from_off += (uint64_t)got;
		to_off += (uint64_t)got;
		n -= (uint64_t)got;
	}
	free(buffer);
	return bad;
}

int archive_copy(int from, uint64_t from_off, int to, uint64_t to_off, uint64_t n)
{
	while (n) {
		off_t in = (off_t)from_off, out = (off_t)to_off;
		size_t piece = n < COPY_MAX ? (size_t)n : COPY_MAX;
		ssize_t got = copy_file_range(from, &in, to, &out, piece, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
			return -1;
		if (got <= 0)
			return copy_by_hand(from, from_off, to, to_off, n);
		from_off += (uint64_t)got;
		to_off += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return 0;
}

int archive_tmp(struct archive *ar, char name[TMP_NAME])
{
	int fd = -1;

	for (int tries = 0; fd < 0 && tries < NAME_TRIES; tries++) {
		snprintf(name, TMP_NAME, TMP_FILE "%jd.%ld.%" PRIu32, (intmax_t)time(NULL),
			(long)getpid(), ++ar->tmps);
		fd = openat(ar->root, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	return fd;
}

int archive_sync(struct archive *ar)
{
	return fsync(ar->root) ? archive_failed(ar, "sync", "") : RESTANTE_OK;
}

int archive_replace(struct archive *ar, const char *name, const void *p, size_t n)
{
	char tmp[TMP_NAME];
	int fd = archive_tmp(ar, tmp), bad = RESTANTE_OK;

	if (fd < 0)
		return archive_failed_full(ar, "write", name);
	if (archive_write(fd, p, n, 0) || fsync(fd) || renameat(ar->root, tmp, ar->root, name)) {
		bad = archive_failed_full(ar, "write", name);
		unlinkat(ar->root, tmp, 0);
	}
	close(fd);
	return bad ? bad : archive_sync(ar);
}

int archive_read_file(struct archive *ar, const char *name, void **p, size_t *n)
{
	int fd = openat(ar->root, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int bad = RESTANTE_OK;
	struct stat st;
	int64_t got = -1;

	if (fd < 0)
		return errno == ENOENT ? RESTANTE_NONE : archive_failed(ar, "read", name);
	*p = NULL;
	errno = EISDIR;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (*p = malloc((size_t)st.st_size + 1)))
		got = archive_read(fd, *p, (size_t)st.st_size, 0);
	if (got < 0) {
		bad = archive_failed(ar, "read", name);
		free(*p);
		*p = NULL;
	}
	close(fd);
	*n = (size_t)(got < 0 ? 0 : got);
	return bad;
}
