/* remove.c - deletion, at QUIT.
 *
 * The state of each member is overwritten in place, one octet; then each segment is synced. From
 * then on the messages are gone, whatever happens. What follows gives space back: segments with
 * nothing alive are removed, and those with much that is dead are rewritten. An error there is an
 * error of the deletion only where "purge" promises that nothing stays. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "archive.h"

enum { REWRITE_MS = 2000 }; /* a rewriting is not begun with less time left */

/* Overwrites the state of a member, after a look whether it is the one that is meant. */
static int mark(struct archive *ar, int fd, const struct index *ix, const struct index_entry *e)
{
	const uint8_t dead = MEMBER_DEAD;
	uint8_t head[MEMBER_HEAD];
	int64_t got = archive_read(fd, head, sizeof(head), e->off);
	struct member m;

	if (got < 0)
		return archive_failed(ar, "read", "");
	if (!archive_member_parse(head, (size_t)got, &m) || strcmp(m.uid, entry_uid(ix, e)) != 0) {
		ar->host->log(ar->host->c, LOG_ERR,
			"%s: the header of message %s is damaged, at octet %" PRIu64
			" of its segment: not deleted",
			ar->path, entry_uid(ix, e), e->off);
		return RESTANTE_PERM;
	}
	if (archive_write(fd, &dead, 1, e->off + MEMBER_STATE))
		return archive_failed(ar, "write", "");
	return RESTANTE_OK;
}

/* Marks the entries of one segment, from the first one on, that are doomed. */
static int mark_segment(struct archive *ar, const struct index *ix, const struct index_segment *seg,
	uint64_t first, const bool *doomed)
{
	int result = RESTANTE_OK, bad, fd = -1;
	char name[SEGMENT_NAME];

	archive_segment_name(seg->number, name);
	for (uint64_t i = first; i < first + seg->entries; i++) {
		if (!doomed[i])
			continue;
		if (fd < 0)
			fd = archive_segment_open(ar, seg->number, O_RDWR);
		if (fd < 0)
			return archive_failed(ar, "open", name);
		bad = mark(ar, fd, ix, &ix->entry[i]);
		if (!result)
			result = bad;
	}
	if (fd < 0)
		return RESTANTE_OK;
	if (fdatasync(fd))
		result = archive_failed(ar, "sync", name);
	close(fd);
	return result;
}

/* Does the segment have enough dead octets to be rewritten? */
static bool worth(struct archive *ar, const struct index *ix, const struct index_segment *seg,
	uint64_t first, const bool *doomed)
{
	const struct restante_host *host = ar->host;
	uint64_t size = seg->size, alive = 0, deleted = 0;

	for (uint64_t i = first; i < first + seg->entries; i++) {
		if (doomed[i])
			deleted++;
		else
			alive += ix->entry[i].len;
	}
	if (!deleted)
		return false;
	if (!alive || host->num(host->c, "purge"))
		return true;
	return (double)(size - alive) * 100 > (double)size * (double)host->num(host->c, "compact");
}

static int give_back(struct archive *ar, const struct index *ix, const bool *doomed)
{
	const struct restante_host *host = ar->host;
	bool purge = host->num(host->c, "purge");
	int result = RESTANTE_OK;

	for (uint64_t s = 0, first = 0; s < ix->head.segments; first += ix->segment[s++].entries) {
		const struct index_segment *seg = &ix->segment[s];
		int bad = RESTANTE_OK;

		if (worth(ar, ix, seg, first, doomed) &&
			(purge || host->left_ms(host->c) >= REWRITE_MS))
			bad = archive_rewrite(ar, seg->number, REWRITE_COMPACT);
		if (!result)
			result = bad;
	}
	return purge ? result : RESTANTE_OK;
}

/* The entries that the keys mean, and other members with their UIDLs. */
static void doom(struct archive *ar, const uint64_t *keys, size_t n, bool *doomed)
{
	const struct index *ix = archive_current(ar);

	for (size_t k = 0; k < n; k++) {
		const struct index_entry *e = archive_place(ar, keys[k]);

		if (!e)
			continue;
		doomed[e - ix->entry] = true;
		for (uint64_t i = 0; ix->head.copies && i < ix->head.count; i++)
			if (strcmp(entry_uid(ix, &ix->entry[i]), entry_uid(ix, e)) == 0)
				doomed[i] = true;
	}
}

int archive_remove(void *st, const uint64_t *keys, size_t n)
{
	struct archive *ar = st;
	const struct index *ix;
	bool *doomed;
	int result = archive_session(ar);

	if (!result)
		result = archive_look_again(ar);
	if (result)
		return result;
	ix = archive_current(ar);
	doomed = calloc(ix->head.count + 1, sizeof(*doomed));
	if (!doomed)
		return archive_failed(ar, "delete from", "");
	doom(ar, keys, n, doomed);
	for (uint64_t s = 0, first = 0; s < ix->head.segments; first += ix->segment[s++].entries) {
		int bad = mark_segment(ar, ix, &ix->segment[s], first, doomed);

		if (!result)
			result = bad;
	}
	if (!result)
		result = give_back(ar, ix, doomed);
	free(doomed);
	return result;
}
