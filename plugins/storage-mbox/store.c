/* store.c - the index on disk. It is not synced: what a crash leaves of it does not pass the
 * checksum, and is made again. */
#include <errno.h>
#include <stdlib.h>
#include <syslog.h>

#include "mbox.h"

void mbox_store_load(struct mbox *mb, struct index *ix)
{
	void *block;
	size_t len;

	*ix = (struct index){0};
	if (state_read(mb, INDEX_FILE, &block, &len) || mbox_index_parse(ix, block, len) == 0)
		return;
	free(block);
	*ix = (struct index){0};
	mb->host->log(mb->host->c, LOG_NOTICE, "%s/%s is damaged or of another version: made again",
		mb->state_path, INDEX_FILE);
}

void mbox_store_save(struct mbox *mb, struct index *ix)
{
	int fd;

	if (mb->unnoted) /* the next open shall try again */
		return;
	fd = state_begin(mb, INDEX_FILE);
	if (fd < 0) {
		mbox_failed(mb, "write", INDEX_FILE);
		return;
	}
	mbox_index_seal(ix);
	state_end(mb, INDEX_FILE, fd,
		mbox_write(fd, &ix->head, sizeof(ix->head)) == 0 &&
			mbox_write(fd, ix->entry, ix->head.count * sizeof(*ix->entry)) == 0 &&
			mbox_write(fd, ix->text, ix->head.text_len) == 0,
		false);
}
