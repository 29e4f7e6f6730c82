/* copy.c - octets from file to file; and folders synced. */
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

enum { BUFFER = 512 * 1024, SYNCED = 8 * 1024 * 1024 };

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

/* One piece. The octets must be there: an end of the file before is an error. */
static int copy_piece(int from, uint64_t from_off, int to, uint64_t to_off, char *buffer, size_t n)
{
	int64_t got = mbox_read(from, buffer, n, from_off);

	if (got >= 0 && got < (int64_t)n)
		errno = EIO;
	return got == (int64_t)n ? write_at(to, buffer, n, to_off) : -1;
}

/* Through memory: a range begins where a message does, so that no file system could share its
 * blocks, and copy_file_range() then takes longer than this. */
int copy_octets(struct mbox *mb, int from, uint64_t from_off, int to, uint64_t to_off, uint64_t n)
{
	char *buffer = malloc(BUFFER);
	uint64_t done = 0, synced = 0;
	int bad = buffer ? RESTANTE_OK : RESTANTE_TEMP;

	while (done < n && !bad) {
		size_t part = n - done < BUFFER ? (size_t)(n - done) : BUFFER;

		bad = copy_piece(from, from_off + done, to, to_off + done, buffer, part)
			      ? RESTANTE_TEMP
			      : RESTANTE_OK;
		done += part;
		if (bad || (done - synced < SYNCED && done < n))
			continue;
		/* The disk can begin: what follows is synced soon. */
		(void)sync_file_range(to, (off_t)(to_off + synced), (off_t)(done - synced),
			SYNC_FILE_RANGE_WRITE);
		synced = done;
		if (mbox_keep_lock(mb)) {
			errno = 0;
			bad = RESTANTE_TEMP;
		}
	}
	free(buffer);
	return bad;
}

int mbox_folder_sync(struct mbox *mb)
{
	const char *slash = strrchr(mb->path, '/');
	char folder[PATH_MAX];
	int fd, bad = RESTANTE_OK;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - mb->path) + 1 : 1,
		slash ? mb->path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		bad = mbox_failed_full(mb, "sync the folder of", NULL);
	if (fd >= 0)
		close(fd);
	return bad;
}
