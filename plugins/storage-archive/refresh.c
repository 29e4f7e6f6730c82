/* refresh.c - the index brought up to date when an archive is opened.
 *
 * A segment that is what the index says (inode, size, time of modification) is not looked at: to
 * open an archive that did not change costs one fstatat() a segment and the reading of the index.
 * Others are walked. As in git, a time that is not older than the moment when the walk began proves
 * nothing, because another change may have followed within one tick of the clock; such a segment
 * is walked again next time. The clock is the file system's own. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "archive.h"

static int no_memory(struct archive *ar)
{
	errno = ENOMEM;
	return archive_failed(ar, "index", "");
}

static bool same(const struct index_segment *a, const struct index_segment *b)
{
	return a->number == b->number && a->ino == b->ino && a->size == b->size &&
	       a->sec == b->sec && a->nsec == b->nsec;
}

/* What there is, whole up to its end. */
static int gather(struct archive *ar, struct segments *l)
{
	int bad = archive_segments(ar, l), locked;
	struct tail t;

	if (bad || archive_tail_known(ar, l))
		return bad;
	locked = archive_append_lock(ar);      /* a delivery may be at work, or have ended badly */
	if (locked && locked != RESTANTE_BUSY) /* disk full, read-only: never mind */
		return RESTANTE_OK;
	if (locked)
		return RESTANTE_TEMP;
	if (archive_settle(ar, &t) == RESTANTE_OK)
		bad = archive_segments(ar, l);
	archive_append_unlock(ar);
	return bad;
}

static int walk_members(struct archive *ar, struct walk *w, struct index *ix, enum walked *found)
{
	const struct restante_host *host = ar->host;
	struct index_segment *seg = &ix->segment[ix->head.segments - 1];

	for (uint64_t n = 1; (*found = archive_walk(w)) < WALK_END; n++) {
		struct index_entry e = {.off = w->off,
			.len = w->len,
			.octets = w->member.octets,
			.received = w->member.received};

		if (n % LOOKS == 0 && host->left_ms(host->c) <= 0) {
			host->log(host->c, LOG_ERR,
				"%s: no time to read all of it; the next session goes on",
				ar->path);
			return RESTANTE_TEMP;
		}
		if (*found == WALK_DAMAGE)
			seg->damaged++;
		else if (!archive_member_dead(&w->member) &&
			 archive_index_add(ix, &e, w->member.uid, w->member.uid_len))
			return no_memory(ar);
	}
	return RESTANTE_OK;
}

int archive_walk_into(struct archive *ar, struct index *ix, uint64_t off)
{
	struct index_segment *seg = &ix->segment[ix->head.segments - 1];
	int fd = archive_segment_open(ar, seg->number, O_RDONLY), bad;
	enum walked found = WALK_END;
	char name[SEGMENT_NAME];
	struct walk w;

	archive_segment_name(seg->number, name);
	if (fd < 0 && errno == ENOENT) /* by another's rewriting; the next open finds out */
		return RESTANTE_OK;
	if (fd < 0)
		return archive_failed(ar, "open", name);
	if (archive_walk_begin(&w, fd, off, seg->size)) {
		close(fd);
		return no_memory(ar);
	}
	bad = walk_members(ar, &w, ix, &found);
	if (!bad && found == WALK_FAILED)
		bad = archive_failed(ar, "read", name);
	if (seg->damaged)
		ar->host->log(ar->host->c, LOG_ERR,
			"%s/%s is damaged in %" PRIu32 " places: see restantectl mailbox check",
			ar->path, name, seg->damaged);
	archive_walk_end(&w);
	close(fd);
	return bad;
}

/* Takes over the entries of a segment that has not changed. */
static int take_over(
	struct archive *ar, const struct index *old, uint64_t first, uint64_t n, struct index *ix)
{
	ix->segment[ix->head.segments - 1].damaged =
		old->segment[old->entry[first].segment].damaged;
	for (uint64_t i = first; i < first + n; i++) {
		const struct index_entry *e = &old->entry[i];

		if (archive_index_add(ix, e, entry_uid(old, e), e->uid_len))
			return no_memory(ar);
	}
	return RESTANTE_OK;
}

/* The segment of the old index that *seg still is; *first = its first entry. */
static const struct index_segment *known(
	const struct index *old, const struct index_segment *seg, uint64_t *first)
{
	*first = 0;
	for (uint64_t i = 0; i < old->head.segments; *first += old->segment[i++].entries)
		if (same(&old->segment[i], seg))
			return &old->segment[i];
	return NULL;
}

static bool all_known(const struct index *old, const struct segments *l)
{
	if (old->head.segments != l->n || !old->block)
		return l->n == 0 && old->head.segments == 0;
	for (size_t i = 0; i < l->n; i++)
		if (!same(&old->segment[i], &l->segment[i]))
			return false;
	return true;
}

static bool before(const struct index_segment *s, const struct timespec *t)
{
	return s->sec != t->tv_sec ? s->sec < t->tv_sec : s->nsec < t->tv_nsec;
}

static int rebuild(struct archive *ar, const struct index *old, const struct segments *l,
	const struct saver *saver, struct index *ix)
{
	int bad = RESTANTE_OK;

	for (size_t i = 0; i < l->n && !bad; i++) {
		const struct index_segment *was;
		struct index_segment *seg = archive_index_segment(ix, &l->segment[i]);
		uint64_t first;

		if (!seg)
			return no_memory(ar);
		was = known(old, seg, &first);
		if (was && was->entries) {
			bad = take_over(ar, old, first, was->entries, ix);
		} else if (was) {
			seg->damaged = was->damaged;
		} else {
			bad = archive_walk_into(ar, ix, 0);
			seg = &ix->segment[i];
			if (bad) /* to be walked again, from its beginning */
				seg->ino = 0;
			if (saver->fd < 0 || !before(seg, &saver->clock))
				seg->nsec = -1;
		}
	}
	return archive_index_copies(ix) ? no_memory(ar) : bad;
}

int archive_refresh(struct archive *ar, struct index *ix)
{
	struct saver saver = {.fd = -1};
	struct segments l = {0};
	struct index old;
	int bad;

	*ix = (struct index){0};
	archive_store_load(ar, &old);
	bad = gather(ar, &l);
	if (!bad && all_known(&old, &l)) {
		*ix = old;
		old = (struct index){0};
	} else if (!bad) {
		archive_store_begin(ar, &saver);
		bad = rebuild(ar, &old, &l, &saver, ix);
		archive_store_end(ar, &saver, ix);
	}
	archive_index_free(&old);
	archive_segments_free(&l);
	return bad;
}

const struct index *archive_current(const struct archive *ar)
{
	return ar->moved ? &ar->now : &ar->index;
}

int archive_look_again(struct archive *ar)
{
	const struct index *ix = archive_current(ar);
	struct segments l = {0};
	struct index fresh;
	bool moved;
	int bad = archive_segments(ar, &l);

	moved = !bad && l.n < ix->head.segments;
	for (size_t i = 0; !bad && i < ix->head.segments && !moved; i++)
		moved = l.segment[i].number != ix->segment[i].number ||
			l.segment[i].ino != ix->segment[i].ino;
	archive_segments_free(&l);
	if (bad || !moved)
		return bad;
	bad = archive_refresh(ar, &fresh);
	if (bad) {
		archive_index_free(&fresh);
		return bad;
	}
	archive_index_free(&ar->now);
	ar->now = fresh;
	ar->moved = true;
	return RESTANTE_OK;
}

const struct index_entry *archive_place(const struct archive *ar, uint64_t key)
{
	const struct index_entry *e;

	if (key >= ar->index.head.count)
		return NULL;
	e = &ar->index.entry[key];
	if (!ar->moved)
		return e;
	for (uint64_t i = 0; i < ar->now.head.count; i++) {
		const struct index_entry *there = &ar->now.entry[i];

		if (there->uid_len == e->uid_len && !(there->flags & ENTRY_COPY) &&
			memcmp(entry_uid(&ar->now, there), entry_uid(&ar->index, e), e->uid_len) ==
				0)
			return there;
	}
	return NULL;
}
