/* store.c - the index on disk.
 *
 * A new index is a file in tmp/ that is renamed over the old one. It is not synced: what a crash
 * leaves of it does not pass the checksum, and is made again. The file is made before the folders
 * are read, because its own time tells what the file system's clock said then. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "maildir.h"

/* Reads an open file into memory of its size. NULL = could not. */
static void *read_whole(int fd, size_t *len)
{
	struct stat st;
	char *block;
	size_t n = 0;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return NULL;
	*len = (size_t)st.st_size;
	block = malloc(*len);
	while (block && n < *len) {
		ssize_t got = read(fd, block + n, *len - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			free(block);
			return NULL;
		}
		n += (size_t)got;
	}
	return block;
}

void store_load(struct maildir *md, struct index *ix)
{
	int fd = openat(md->root, INDEX_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	void *block;
	size_t len;

	*ix = (struct index){0};
	if (fd < 0) {
		if (errno != ENOENT)
			failed(md, "read", INDEX_FILE);
		return;
	}
	block = read_whole(fd, &len);
	close(fd);
	if (block && index_parse(ix, block, len) == 0)
		return;
	free(block);
	*ix = (struct index){0};
	md->host->log(md->host->c, LOG_NOTICE, "%s/%s is damaged or of another version: made again",
		md->path, INDEX_FILE);
}

void store_begin(struct maildir *md, struct saver *s)
{
	struct stat st;

	s->fd = tmp_create(md, s->name, sizeof(s->name));
	if (s->fd < 0) {
		failed(md, "write", INDEX_FILE);
	} else if (fstat(s->fd, &st) == 0) {
		s->clock = st.st_mtim;
	} else {
		store_end(md, s, NULL);
		s->fd = -1;
	}
}

/* Without an index the saver's file is dropped. */
void store_end(struct maildir *md, struct saver *s, struct index *ix)
{
	bool good = ix != NULL;

	if (s->fd < 0)
		return;
	if (ix) {
		index_seal(ix);
		good = write_all(s->fd, &ix->head, sizeof(ix->head)) == 0 &&
		       write_all(s->fd, ix->entry, ix->head.count * sizeof(*ix->entry)) == 0 &&
		       write_all(s->fd, ix->text, ix->head.text_len) == 0 &&
		       renameat(md->root, s->name, md->root, INDEX_FILE) == 0;
		if (!good)
			failed(md, "write", INDEX_FILE);
	}
	close(s->fd);
	if (!good)
		unlinkat(md->root, s->name, 0);
}
