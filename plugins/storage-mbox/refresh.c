/* refresh.c - the index brought up to date, when a mailbox is opened and before a message is used.
 *
 * A file that is what the index says (inode, size, times) is not read and not locked. One that only
 * grew, as MTAs let it grow, is scanned from the last known message on: that it only grew is
 * believed when its first octets, the last known From_ line and the octets before the old end are
 * what they were. Anything else is scanned from the start.
 *
 * As in git, a time that is not older than the moment of the scan proves nothing, because another
 * change may have followed within one tick of the clock: such a file is scanned again next time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mbox.h"

enum {
	PROBE = 4096,             /* octets of the head and of the tail that are compared */
	TICK_NSEC = 20 * 1000000, /* no file system's clock is coarser */
	HOW_VERSION = 1
};

/* The settings that an index depends on. */
static uint64_t how(const struct mbox *mb)
{
	return (uint64_t)mb->quoting | (uint64_t)mb->uidl_from << 8 | (uint64_t)HOW_VERSION << 16;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

/* Is the file what the index says? */
static bool fits(const struct mbox *mb, const struct index *ix)
{
	const struct index_file *f = &ix->head.file;
	const struct stat *st = &mb->st;

	return ix->head.how == how(mb) && f->ino == st->st_ino &&
	       f->size == (uint64_t)st->st_size && f->m_sec == st->st_mtim.tv_sec &&
	       f->m_nsec == st->st_mtim.tv_nsec && f->c_sec == st->st_ctim.tv_sec &&
	       f->c_nsec == st->st_ctim.tv_nsec;
}

/* Adds the checksum of n octets of the file to *sum. */
static bool probe(const struct mbox *mb, uint64_t off, size_t n, uint64_t *sum)
{
	char octets[PROBE];

	if (n > sizeof(octets) || mbox_read(mb->fd, octets, n, off) != (int64_t)n)
		return false;
	*sum = mbox_index_sum(*sum, octets, n);
	return true;
}

/* The checksums of an index for a file of that size; the index has entries. */
static bool probe_ends(const struct mbox *mb, const struct index *ix, uint64_t size, uint64_t *head,
	uint64_t *tail)
{
	const struct index_entry *last = &ix->entry[ix->head.count - 1];
	size_t n = size < PROBE ? (size_t)size : PROBE;

	*head = *tail = 0;
	return probe(mb, 0, n, head) && probe(mb, last->from, last->from_len, tail) &&
	       probe(mb, size - n, n, tail);
}

bool only_grew(struct mbox *mb, const struct index *ix, const struct stat *st)
{
	const struct index_file *f = &ix->head.file;
	uint64_t head, tail;

	return f->ino && f->ino == st->st_ino && f->size < (uint64_t)st->st_size &&
	       ix->head.count && probe_ends(mb, ix, f->size, &head, &tail) && head == f->head &&
	       tail == f->tail;
}

/* Notes what the file was that the index was made from. */
static void describe(struct mbox *mb, struct index *ix)
{
	const struct stat *st = &mb->st;
	struct index_file *f = &ix->head.file;
	struct timespec now;
	int64_t age;

	ix->head.how = how(mb);
	*f = (struct index_file){.size = (uint64_t)st->st_size};
	if (!ix->head.count || !probe_ends(mb, ix, f->size, &f->head, &f->tail))
		return;
	f->ino = st->st_ino;
	f->m_sec = st->st_mtim.tv_sec;
	f->m_nsec = st->st_mtim.tv_nsec;
	f->c_sec = st->st_ctim.tv_sec;
	f->c_nsec = st->st_ctim.tv_nsec;
	clock_gettime(CLOCK_REALTIME, &now);
	age = (now.tv_sec - f->c_sec) * 1000000000 + now.tv_nsec - f->c_nsec;
	if (age < TICK_NSEC)
		f->m_nsec = -1;
}

/* Makes a new index of the locked file; old (may be empty) is what was known of it. */
static int build(struct mbox *mb, const struct index *old, struct index *fresh)
{
	static const struct index nothing;
	bool grew = old->head.how == how(mb) && mb->fd >= 0 && only_grew(mb, old, &mb->st);
	uint64_t known = grew ? old->head.count - 1 : 0;
	int bad = RESTANTE_OK;

	*fresh = (struct index){0};
	if (mbox_index_copy(fresh, old, known)) {
		errno = ENOMEM;
		bad = mbox_failed(mb, "index", NULL);
	}
	if (!bad && mb->fd >= 0)
		bad = mbox_scan(
			mb, grew ? old->entry[known].from : 0, (uint64_t)mb->st.st_size, fresh);
	if (!bad) /* UIDLs made in another way are of no use */
		bad = uidl_assign(
			mb, old->head.how >> 8 == how(mb) >> 8 ? old : &nothing, fresh, known);
	if (bad)
		mbox_index_free(fresh);
	else
		describe(mb, fresh);
	return bad;
}

/* Locks the file as it is now and mends what a crash left. */
static int lock_whole(struct mbox *mb)
{
	int bad = mbox_lock(mb);

	if (bad)
		return bad;
	bad = journal_recover(mb);
	if (!bad)
		bad = mbox_file_open(mb);
	if (bad)
		mbox_unlock(mb);
	return bad;
}

int mbox_refresh(struct mbox *mb)
{
	struct index old;
	int bad = mbox_file_open(mb);

	if (bad)
		return bad;
	mbox_store_load(mb, &old);
	if (!journal_left(mb) && (fits(mb, &old) || mb->st.st_size == 0)) {
		mb->seen = mb->st;
		mb->index = old;
		if (mb->st.st_size == 0)
			mbox_index_free(&mb->index);
		return RESTANTE_OK;
	}
	bad = lock_whole(mb);
	if (!bad) {
		bad = build(mb, &old, &mb->index);
		mb->seen = mb->st;
		mbox_unlock(mb);
		if (!bad)
			mbox_store_save(mb, &mb->index);
	}
	mbox_index_free(&old);
	return bad;
}

int index_now(struct mbox *mb, struct index *fresh)
{
	struct index old;
	int bad = RESTANTE_OK;

	mbox_store_load(mb, &old);
	if (mb->st.st_size == 0)
		*fresh = (struct index){0};
	else if (fits(mb, &old)) {
		*fresh = old;
		return RESTANTE_OK;
	} else {
		bad = build(mb, &old, fresh);
		if (!bad)
			mbox_store_save(mb, fresh);
	}
	mbox_index_free(&old);
	return bad;
}

const struct index *current(const struct mbox *mb)
{
	return mb->moved ? &mb->now : &mb->index;
}

const struct index_entry *place_of(const struct mbox *mb, uint64_t key)
{
	if (key >= mb->index.head.count)
		return NULL;
	if (!mb->moved)
		return &mb->index.entry[key];
	return mb->place[key] == NOWHERE ? NULL : &mb->now.entry[mb->place[key]];
}

/* Where each message of the session is in now. */
static int find_places(struct mbox *mb)
{
	uint64_t n = mb->index.head.count;
	struct groups set;

	if (!mb->place)
		mb->place = malloc((n + 1) * sizeof(*mb->place));
	if (!mb->place || uidl_set(&set, &mb->now)) {
		errno = ENOMEM;
		return mbox_failed(mb, "index", NULL);
	}
	for (uint64_t i = 0; i < n; i++) {
		const struct index_entry *e = &mb->index.entry[i];

		mb->place[i] = uidl_find(&set, &mb->now, entry_uid(&mb->index, e), e->uid_len);
	}
	groups_free(&set);
	return RESTANTE_OK;
}

/* When messages were appended, the end of the last known one is not certain until they are scanned.
 */
static bool known_whole(const struct mbox *mb)
{
	return same(&mb->st, &mb->seen) && current(mb)->head.file.size == (uint64_t)mb->st.st_size;
}

int look_again_locked(struct mbox *mb)
{
	struct index fresh;
	int bad = journal_recover(mb);

	if (!bad)
		bad = mbox_file_open(mb);
	if (bad || known_whole(mb))
		return bad;
	bad = build(mb, current(mb), &fresh);
	if (bad)
		return bad;
	mbox_index_free(&mb->now);
	mb->now = fresh;
	bad = find_places(mb);
	mb->moved = !bad;
	if (!bad)
		mb->seen = mb->st;
	return bad;
}

int look_again(struct mbox *mb)
{
	int bad = mbox_file_open(mb);

	if (bad || same(&mb->st, &mb->seen))
		return bad;
	if (mb->fd >= 0 && only_grew(mb, current(mb), &mb->st)) {
		mb->seen = mb->st;
		return RESTANTE_OK;
	}
	bad = lock_whole(mb);
	if (!bad) {
		bad = look_again_locked(mb);
		mbox_unlock(mb);
	}
	return bad;
}
