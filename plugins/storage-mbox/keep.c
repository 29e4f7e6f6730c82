/* keep.c - UIDLs that deliveries bring, from another storage.
 *
 * A line of the record (record.c) says which one a message with that hash has. It is on disk before
 * the message is: what a crash leaves is a line without a message, of which nobody takes notice.
 *
 * Whether a UIDL is in use is known from an index of the file, which is made once; each delivery
 * adds its own one, so that many of them in a row cost the same each. When others changed the file
 * meanwhile it is made again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal.h"
#include "mbox.h"
#include "uidl.h"

struct kept {
	struct index ix; /* of what the file holds; places in it are not used */
	struct groups by_uid;
	size_t room;      /* in by_uid */
	struct stat seen; /* the file, as ix knows it */
	int64_t before;   /* of the line that was written last: see record_append() */
};

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) == 0 &&
	       memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim)) == 0;
}

static void forget(struct kept *k)
{
	mbox_index_free(&k->ix);
	groups_free(&k->by_uid);
	k->room = 0;
	k->seen = (struct stat){0};
}

static int no_memory(struct mbox *mb)
{
	errno = ENOMEM;
	return mbox_failed(mb, "index", NULL);
}

/* Room for twice as many. -1 = no memory. */
static int regroup(struct kept *k)
{
	groups_free(&k->by_uid);
	k->room = 2 * k->ix.head.count + 64;
	if (groups_make(&k->by_uid, k->room))
		return -1;
	for (uint64_t i = 0; i < k->ix.head.count; i++)
		groups_add(&k->by_uid,
			uid_key(entry_uid(&k->ix, &k->ix.entry[i]), k->ix.entry[i].uid_len),
			(uint32_t)i);
	return 0;
}

/* Makes sure that it is known what the file holds. */
static int look(struct mbox *mb)
{
	struct kept *k = mb->kept;
	struct index found;
	struct stat st;
	int bad;

	if (fstat(mb->fd, &st))
		return mbox_failed(mb, "read", NULL);
	if (k->seen.st_ino && same_file(&st, &k->seen))
		return RESTANTE_OK;
	forget(k);
	mb->st = st;
	bad = index_now(mb, &found);
	if (bad)
		return bad;
	/* a copy, since one that was parsed cannot grow */
	if (mbox_index_copy(&k->ix, &found, found.head.count) || regroup(k)) {
		forget(k);
		bad = no_memory(mb);
	}
	mbox_index_free(&found);
	k->seen = st;
	return bad;
}

static bool legal(const char *uid)
{
	size_t len = 0;

	while (uid[len] >= 0x21 && uid[len] <= 0x7e)
		len++;
	return uid[len] == '\0' && len >= 1 && len <= UID_LEN;
}

/* What the scanner will find once the draft's text is in the file. */
static int scan_draft(struct mbox *mb, struct draft *d, uint64_t skip, struct index *found)
{
	int own = mb->fd, bad = draft_flush(mb, d);

	*found = (struct index){0};
	if (bad)
		return bad;
	mb->fd = d->fd;
	bad = mbox_scan(mb, JOURNAL_TEXT + skip, JOURNAL_TEXT + d->len, found);
	mb->fd = own;
	return bad;
}

static int add(struct kept *k, const struct index_entry *e, const char *uid)
{
	if (k->ix.head.count >= k->room && regroup(k))
		return -1;
	if (!mbox_index_add(&k->ix, e) ||
		mbox_index_set_uid(&k->ix, k->ix.head.count - 1, uid, strlen(uid)))
		return -1;
	groups_add(&k->by_uid, uid_key(uid, strlen(uid)), (uint32_t)k->ix.head.count - 1);
	return 0;
}

int keep_uid(struct mbox *mb, struct draft *d, uint64_t skip, const char *uid)
{
	struct index found = {0};
	struct kept *k;
	int bad;

	if (mb->kept)
		mb->kept->before = -1;
	if (!legal(uid))
		return RESTANTE_OK;
	if (!mb->kept && !(mb->kept = calloc(1, sizeof(*mb->kept))))
		return no_memory(mb);
	k = mb->kept;
	k->before = -1;
	bad = look(mb);
	if (bad || uidl_find(&k->by_uid, &k->ix, uid, strlen(uid)) != NOWHERE)
		return bad;
	bad = scan_draft(mb, d, skip, &found);
	if (!bad)
		bad = record_append(mb, found.entry[0].hash, uid, &k->before);
	if (!bad && add(k, &found.entry[0], uid)) {
		keep_undo(mb);
		bad = no_memory(mb);
	}
	if (found.head.count != 1) /* unquoted text that looks like another message */
		k->room = 0;
	mbox_index_free(&found);
	return bad;
}

/* A message that got a UIDL of its own is not in ix: then it is made again. */
void keep_done(struct mbox *mb)
{
	struct kept *k = mb->kept;

	if (!k)
		return;
	if (k->before < 0 || k->room == 0 || fstat(mb->fd, &k->seen))
		forget(k);
}

void keep_undo(struct mbox *mb)
{
	struct kept *k = mb->kept;

	if (!k)
		return;
	record_cut(mb, k->before);
	forget(k);
}

void keep_free(struct mbox *mb)
{
	if (mb->kept)
		forget(mb->kept);
	free(mb->kept);
}
