/* store.c - the index on disk.
 *
 * A new index is a file that is renamed over the old one. It is not synced: what a crash leaves of
 * it does not pass the check sum, and is made again. The file is made before the segments are
 * looked at, because its own time tells what the file system's clock said then. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "archive.h"

void archive_store_load(struct archive *ar, struct index *ix)
{
	void *block;
	size_t len;

	*ix = (struct index){0};
	if (archive_read_file(ar, INDEX_FILE, &block, &len) ||
		archive_index_parse(ix, block, len) == 0)
		return;
	free(block);
	*ix = (struct index){0};
	ar->host->log(ar->host->c, LOG_NOTICE, "%s/%s is damaged or of another version: made again",
		ar->path, INDEX_FILE);
}

void archive_store_begin(struct archive *ar, struct saver *s)
{
	struct stat st;

	s->fd = archive_tmp(ar, s->name);
	if (s->fd < 0) {
		archive_failed(ar, "write", INDEX_FILE);
	} else if (fstat(s->fd, &st) == 0) {
		s->clock = st.st_mtim;
	} else {
		archive_store_end(ar, s, NULL);
		s->fd = -1;
	}
}

static bool save(int fd, const struct index *ix)
{
	size_t segments = ix->head.segments * sizeof(*ix->segment);
	size_t entries = ix->head.count * sizeof(*ix->entry);
	uint64_t off = sizeof(ix->head);

	return archive_write(fd, &ix->head, sizeof(ix->head), 0) == 0 &&
	       archive_write(fd, ix->segment, segments, off) == 0 &&
	       archive_write(fd, ix->entry, entries, off + segments) == 0 &&
	       archive_write(fd, ix->text, ix->head.text_len, off + segments + entries) == 0;
}

void archive_store_end(struct archive *ar, struct saver *s, struct index *ix)
{
	bool good = ix != NULL;

	if (s->fd < 0)
		return;
	if (ix) {
		archive_index_seal(ix);
		good = save(s->fd, ix) && renameat(ar->root, s->name, ar->root, INDEX_FILE) == 0;
		if (!good)
			archive_failed(ar, "write", INDEX_FILE);
	}
	close(s->fd);
	if (!good)
		unlinkat(ar->root, s->name, 0);
}
