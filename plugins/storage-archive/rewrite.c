/* rewrite.c - a segment without its dead members: written beside, synced, renamed.
 *
 * What stays is copied as it is, inside the file system where that can do it. Deliveries go on
 * meanwhile; what they have appended is copied at the end, under the append lock. Octets that are
 * no members stay where they are between those: only REPAIR takes them out, to the file "damaged",
 * where they are on disk before the segment is replaced. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "archive.h"

struct rewriting {
	struct archive *ar;
	enum rewrite why;
	uint32_t number;
	char name[SEGMENT_NAME], tmp[TMP_NAME];
	int from, to;
	uint64_t end;      /* of what is looked at without the lock */
	uint64_t made;     /* octets written */
	uint64_t off, len; /* that stay, and are yet to be copied */
	bool changed;
};

static int copy(struct rewriting *w, uint64_t off, uint64_t len)
{
	if (archive_copy(w->from, off, w->to, w->made, len))
		return archive_failed_full(w->ar, "write", w->tmp);
	w->made += len;
	return RESTANTE_OK;
}

/* Copies what was collected, and begins to collect anew. */
static int flush(struct rewriting *w, uint64_t off)
{
	int bad = w->len ? copy(w, w->off, w->len) : RESTANTE_OK;

	w->off = off;
	w->len = 0;
	return bad;
}

/* What was found stays. */
static int keep(struct rewriting *w, uint64_t off, uint64_t len)
{
	int bad = w->off + w->len == off ? RESTANTE_OK : flush(w, off);

	w->len += len;
	return bad;
}

/* REPAIR: a member that is alive. */
static int look(struct rewriting *w, const struct walk *at)
{
	static const uint8_t alive = MEMBER_ALIVE;
	const char *why;
	int bad = archive_verify(w->ar, w->from, at->off, &at->member, &why);

	if (bad == RESTANTE_PERM) {
		w->changed = true;
		return archive_aside(w->ar, w->from, w->number, at->off, at->len);
	}
	if (!bad)
		bad = keep(w, at->off, at->len);
	if (bad || at->member.state == MEMBER_ALIVE)
		return bad;
	w->changed = true; /* some bits of its state have */
	bad = flush(w, at->off + at->len);
	if (!bad && archive_write(w->to, &alive, 1, w->made - at->len + MEMBER_STATE))
		bad = archive_failed(w->ar, "write", w->tmp);
	return bad;
}

static int take(struct rewriting *w, const struct walk *at, enum walked found)
{
	if (found == WALK_DAMAGE && w->why == REWRITE_REPAIR) {
		w->changed = true;
		return archive_aside(w->ar, w->from, w->number, at->off, at->len);
	}
	if (found == WALK_DAMAGE)
		return keep(w, at->off, at->len);
	if (archive_member_dead(&at->member)) {
		w->changed = true;
		return RESTANTE_OK;
	}
	return w->why == REWRITE_REPAIR ? look(w, at) : keep(w, at->off, at->len);
}

static int take_all(struct rewriting *w)
{
	const struct restante_host *host = w->ar->host;
	int bad = RESTANTE_OK;
	enum walked found;
	struct walk at;

	if (archive_walk_begin(&at, w->from, 0, w->end))
		return archive_failed(w->ar, "read", w->name);
	for (uint64_t n = 1; !bad && (found = archive_walk(&at)) != WALK_END; n++) {
		if (found == WALK_FAILED)
			bad = archive_failed(w->ar, "read", w->name);
		else if (n % LOOKS == 0 && host->left_ms(host->c) <= 0)
			bad = RESTANTE_TEMP;
		else
			bad = take(w, &at, found);
	}
	archive_walk_end(&at);
	return bad ? bad : flush(w, w->end);
}

/* Append lock held: what was appended meanwhile, and the segment is replaced. */
static int replace(struct rewriting *w)
{
	struct archive *ar = w->ar;
	struct tail t;
	struct stat st;
	int bad = archive_settle(ar, &t);

	if (!bad && fstat(w->from, &st))
		bad = archive_failed(ar, "read", w->name);
	if (!bad && (uint64_t)st.st_size > w->end)
		bad = copy(w, w->end, (uint64_t)st.st_size - w->end);
	if (bad)
		return bad;
	if (!w->made)
		bad = unlinkat(ar->root, w->name, 0) && errno != ENOENT
			      ? archive_failed(ar, "remove", w->name)
			      : RESTANTE_OK;
	else if (fsync(w->to) || renameat(ar->root, w->tmp, ar->root, w->name))
		bad = archive_failed_full(ar, "write", w->name);
	if (!bad)
		bad = archive_sync(ar);
	return bad;
}

/* How much of the segment is whole members for certain. */
static int find_end(struct rewriting *w)
{
	struct tail t;
	struct stat st;
	int bad = archive_append_lock(w->ar);

	if (bad)
		return bad;
	bad = archive_settle(w->ar, &t);
	archive_append_unlock(w->ar);
	if (!bad && fstat(w->from, &st))
		bad = archive_failed(w->ar, "read", w->name);
	if (!bad)
		w->end = t.number == w->number ? t.end : (uint64_t)st.st_size;
	return bad;
}

static int rewrite(struct rewriting *w)
{
	int bad = find_end(w);

	if (!bad)
		bad = take_all(w);
	if (bad || !w->changed)
		return bad;
	if (w->made && fsync(w->to)) /* most of it, before others have to wait */
		return archive_failed_full(w->ar, "write", w->tmp);
	bad = archive_append_lock(w->ar);
	if (bad)
		return bad;
	bad = replace(w);
	archive_append_unlock(w->ar);
	return bad;
}

int archive_rewrite(struct archive *ar, uint32_t number, enum rewrite why)
{
	struct rewriting w = {.ar = ar, .why = why, .number = number};
	int bad;

	archive_segment_name(number, w.name);
	w.from = archive_segment_open(ar, number, O_RDONLY);
	if (w.from < 0)
		return errno == ENOENT ? RESTANTE_OK : archive_failed(ar, "open", w.name);
	w.to = archive_tmp(ar, w.tmp);
	if (w.to < 0) {
		bad = archive_failed_full(ar, "write", w.tmp);
	} else {
		bad = rewrite(&w);
		close(w.to);
		unlinkat(ar->root, w.tmp, 0); /* if it is still there */
	}
	close(w.from);
	return bad;
}
