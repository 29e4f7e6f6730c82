/* remove.c - deletion, at QUIT.
 *
 * The file is locked, and the messages looked for again if others changed it; what has vanished is
 * deleted. Everything in the file that is not one of the messages to delete stays: mail that came
 * since, and what other programs hide there. If nothing stays behind the first deleted message the
 * file is cut off there, in one step. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "journal.h"
#include "mbox.h"
#include "rewrite.h"

/* Marks what is to go. Returns how many. */
static size_t mark_gone(struct mbox *mb, const uint64_t *keys, size_t n, bool *gone)
{
	const struct index *ix = current(mb);
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		const struct index_entry *e = place_of(mb, keys[i]);

		if (!e || gone[e - ix->entry])
			continue;
		gone[e - ix->entry] = true;
		found++;
	}
	return found;
}

/* What stays of size octets; at most one more than there are messages to go. */
static size_t ranges(const struct index *ix, const bool *gone, uint64_t size, struct range *range)
{
	uint64_t from = 0;
	size_t n = 0;

	for (uint64_t i = 0; i < ix->head.count; i++) {
		const struct index_entry *e = &ix->entry[i];

		if (!gone[i])
			continue;
		if (e->from > from)
			range[n++] = (struct range){from, e->from};
		from = e->end;
	}
	if (size > from)
		range[n++] = (struct range){from, size};
	return n;
}

static int cut_off(struct mbox *mb, uint64_t size)
{
	if (ftruncate(mb->fd, (off_t)size) || fsync(mb->fd))
		return mbox_failed(mb, "cut off", NULL);
	return RESTANTE_OK;
}

static int rewrite(struct mbox *mb, const bool *gone, size_t ngone)
{
	struct range *range = malloc((ngone + 1) * sizeof(*range));
	struct stat st;
	uint64_t size;
	size_t n;
	int bad;

	if (!range || fstat(mb->fd, &st)) {
		bad = mbox_failed(mb, "change", NULL);
		free(range);
		return bad;
	}
	size = (uint64_t)st.st_size;
	n = ranges(current(mb), gone, size, range);
	if (n == 0 || (n == 1 && range[0].from == 0)) {
		bad = cut_off(mb, n ? range[0].to : 0);
	} else {
		bad = rewrite_file(mb, range, n);
		if (bad == RESTANTE_NONE)
			bad = rewrite_tail(mb, range, n, size);
	}
	free(range);
	return bad;
}

static int remove_locked(struct mbox *mb, const uint64_t *keys, size_t n)
{
	size_t count = (size_t)current(mb)->head.count, found;
	bool *gone = calloc(count + 1, sizeof(*gone));
	int bad;

	if (!gone)
		return mbox_failed(mb, "change", NULL);
	found = mark_gone(mb, keys, n, gone);
	bad = found ? uidl_removing(mb, gone) : RESTANTE_OK;
	if (!bad && found && !mb->writable) {
		errno = EACCES;
		bad = mbox_failed(mb, "change", NULL);
	} else if (!bad && found) {
		bad = rewrite(mb, gone, found);
		if (!bad)
			bad = uidl_removed(mb);
	}
	free(gone);
	return bad;
}

int mbox_remove(void *st, const uint64_t *keys, size_t n)
{
	struct mbox *mb = st;
	int bad;

	if (!n)
		return RESTANTE_OK;
	bad = mbox_lock(mb);
	if (bad == RESTANTE_BUSY)
		mb->host->log(mb->host->c, LOG_ERR,
			"%s: another program holds the lock: nothing was deleted", mb->path);
	if (bad)
		return bad;
	bad = journal_recover(mb);
	if (!bad)
		bad = look_again_locked(mb);
	if (!bad && mb->fd >= 0)
		bad = remove_locked(mb, keys, n);
	mbox_unlock(mb);
	return bad == RESTANTE_FULL ? RESTANTE_TEMP : bad; /* a journal wants room */
}
