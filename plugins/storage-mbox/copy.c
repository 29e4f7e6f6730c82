/* copy.c - octets from file to file, by the kernel where it can; and folders synced. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "mbox.h"

enum { PIECE = 8 * 1024 * 1024, BUFFER = 1024 * 1024 };

/* Errors that say "not in this way". */
static bool other_way(int error)
{
	return error == EXDEV || error == ENOSYS || error == EINVAL || error == EOPNOTSUPP || error == EPERM ||
		error == EBADF;
}

static int write_at(int fd, const char *p, size_t n, uint64_t off)
{
	while (n) {
		ssize_t put = pwrite(fd, p, n, (off_t)off);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		p += put;
		off += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

/* Through memory. The octets must be there: an end of the file before is an error. */
static int copy_by_hand(struct mbox *mb, int from, uint64_t from_off, int to, uint64_t to_off, uint64_t n)
{
	char *buffer = malloc(BUFFER);
	int bad = buffer ? RESTANTE_OK : RESTANTE_TEMP;

	while (n && !bad) {
		size_t part = n < BUFFER ? (size_t)n : BUFFER;
		int64_t got = mbox_read(from, buffer, part, from_off);

		if (got >= 0 && got < (int64_t)part)
			errno = EIO;
		if (got < (int64_t)part || write_at(to, buffer, part, to_off)) {
			bad = RESTANTE_TEMP;
		} else if (mbox_keep_lock(mb)) {
			errno = 0;
			bad = RESTANTE_TEMP;
		}
		from_off += part;
		to_off += part;
		n -= part;
	}
	free(buffer);
	return bad;
}

int copy_octets(struct mbox *mb, int from, uint64_t from_off, int to, uint64_t to_off, uint64_t n)
{
	while (n) {
		off_t in = (off_t)from_off, out = (off_t)to_off;
		ssize_t done = copy_file_range(from, &in, to, &out, n < PIECE ? (size_t)n : PIECE, 0);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && !other_way(errno))
			return RESTANTE_TEMP;
		if (done <= 0) /* some file systems say 0 for "cannot" */
			return copy_by_hand(mb, from, from_off, to, to_off, n);
		/* The disk can begin: what follows is synced soon. */
		(void)sync_file_range(to, out - done, done, SYNC_FILE_RANGE_WRITE);
		if (mbox_keep_lock(mb)) {
			errno = 0;
			return RESTANTE_TEMP;
		}
		from_off += (uint64_t)done;
		to_off += (uint64_t)done;
		n -= (uint64_t)done;
	}
	return RESTANTE_OK;
}

int mbox_folder_sync(struct mbox *mb)
{
	const char *slash = strrchr(mb->path, '/');
	char folder[PATH_MAX];
	int fd, bad = RESTANTE_OK;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - mb->path) + 1 : 1, slash ? mb->path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		bad = mbox_failed_full(mb, "sync the folder of", NULL);
	if (fd >= 0)
		close(fd);
	return bad;
}
