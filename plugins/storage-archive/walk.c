/* walk.c - from header to header of a segment, inflating nothing.
 *
 * Headers of small members are read many at a time, those of large ones each by itself. Where a
 * member should begin and does not, or one that was cut off, the next header with a sound check sum
 * is searched for: what lies between is damaged, and nothing else is lost by it. */
#include <errno.h>
#include <stdlib.h>

#include "archive.h"

enum {
	NEAR = 16 * 1024, /* how far the next header may be for a large piece to be read at once */
	STEP_SMALL = 4096
};

int archive_walk_begin(struct walk *w, int fd, uint64_t off, uint64_t end)
{
	*w = (struct walk){
		.fd = fd, .at = off, .end = end, .step = STEP_SMALL, .buffer = malloc(WALK_BUFFER)};
	return w->buffer ? 0 : -1;
}

void archive_walk_end(struct walk *w)
{
	free(w->buffer);
	w->buffer = NULL;
}

/* Octets at off, and how many there are: as many as a header may have, or all up to the end. NULL =
 * they could not be read. */
static const uint8_t *look(struct walk *w, uint64_t off, size_t *n)
{
	uint64_t want = w->end - off < MEMBER_HEAD ? w->end - off : MEMBER_HEAD;
	int64_t got;

	if (off < w->base || off + want > w->base + w->fill) {
		size_t step = w->end - off < w->step ? (size_t)(w->end - off) : w->step;

		w->fill = 0;
		got = archive_read(w->fd, w->buffer, step, off);
		if (got < 0)
			return NULL;
		w->base = off;
		w->fill = (size_t)got;
	}
	*n = w->base + w->fill - off;
	return w->buffer + (off - w->base);
}

/* Is there a whole member at off? 1, 0, or -1 with errno. */
static int member_at(struct walk *w, uint64_t off)
{
	size_t n;
	const uint8_t *p = look(w, off, &n);

	if (!p)
		return -1;
	return archive_member_parse(p, n, &w->member) && w->member.len <= w->end - off;
}

/* The octets from at on up to the next member. */
static enum walked damage(struct walk *w)
{
	uint64_t off = w->at + 1;
	int found = 0;

	w->step = WALK_BUFFER;
	while (off < w->end && !found) {
		size_t n, skip;
		const uint8_t *p = look(w, off, &n);

		if (!p)
			return WALK_FAILED;
		if (n < MEMBER_MAGIC) /* the file is shorter than it was, or this is its end */
			break;
		skip = archive_member_search(p, n);
		off += skip;
		if (skip + MEMBER_MAGIC > n)
			continue;
		found = member_at(w, off);
		if (found < 0)
			return WALK_FAILED;
		off += !found;
	}
	w->off = w->at;
	w->at = found ? off : w->end;
	w->len = w->at - w->off;
	return WALK_DAMAGE;
}

enum walked archive_walk(struct walk *w)
{
	int found;

	if (w->at >= w->end)
		return WALK_END;
	found = member_at(w, w->at);
	if (found < 0)
		return WALK_FAILED;
	if (!found)
		return damage(w);
	w->off = w->at;
	w->len = w->member.len;
	w->at += w->len;
	w->step = w->len < NEAR ? WALK_BUFFER : STEP_SMALL;
	return WALK_MEMBER;
}
