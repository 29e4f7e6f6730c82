/* uidl.c - unique ids.
 *
 * A UIDL is the hash of a message in 32 hexadecimal digits; of several messages with one hash each
 * further one has ".1", ".2" and so on behind it. With uidl = "xuidl" it is the X-UIDL where nobody
 * else has that.
 *
 * Which of two identical messages has which UIDL cannot be seen in them. It is known from what was
 * before, read in order, since messages of an mbox vanish or are appended and seldom change places.
 * That is the old index; and because an index may be lost, a record names the messages that have,
 * or had, a twin, and those whose UIDL came with their delivery (keep.c). Its lines are
 *
 *	[-]hash uidl
 *
 * in the order of the file, and each stays as long as its message. A '-' says that a session is
 * removing that one: after a crash the number of messages with the hash tells whether it came to
 * that. */
#include "uidl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum { NEW_UID_LEN = HEX_LEN + 12 };

/* A UIDL that is or was in use. */
struct item {
	const uint8_t *hash;
	const char *uid; /* NULL = that of the entry of fresh */
	uint32_t entry;
	uint8_t uid_len;
	bool free; /* for a message with that hash */
	bool live; /* a message has it */
};

struct pool {
	const struct index *fresh;
	struct item *item;
	uint32_t n, from; /* the first one behind the last that was given away */
	struct groups by_hash, by_uid;
};

/* --- sets of UIDLs --- */

int uidl_set(struct groups *g, const struct index *ix)
{
	if (groups_make(g, ix->head.count))
		return -1;
	for (uint32_t i = 0; i < ix->head.count; i++)
		groups_add(g, uid_key(entry_uid(ix, &ix->entry[i]), ix->entry[i].uid_len), i);
	return 0;
}

uint64_t uidl_find(const struct groups *g, const struct index *ix, const char *uid, size_t len)
{
	uint32_t i = groups_first(g, uid_key(uid, len));

	for (; i != GROUPS_NONE; i = groups_next(g, i))
		if (ix->entry[i].uid_len == len &&
			memcmp(entry_uid(ix, &ix->entry[i]), uid, len) == 0)
			return i;
	return NOWHERE;
}

/* --- the pool --- */

static void pool_free(struct pool *p)
{
	groups_free(&p->by_hash);
	groups_free(&p->by_uid);
	free(p->item);
}

static const char *item_uid(const struct pool *p, const struct item *it)
{
	return it->uid ? it->uid : entry_uid(p->fresh, &p->fresh->entry[it->entry]);
}

static struct item *pool_find(const struct pool *p, const char *uid, size_t len)
{
	uint32_t i = groups_first(&p->by_uid, uid_key(uid, len));

	for (; i != GROUPS_NONE; i = groups_next(&p->by_uid, i))
		if (p->item[i].uid_len == len && memcmp(item_uid(p, &p->item[i]), uid, len) == 0)
			return &p->item[i];
	return NULL;
}

static void pool_add(struct pool *p, const struct item *it)
{
	p->item[p->n] = *it;
	groups_add(&p->by_hash, hash_key(it->hash), p->n);
	groups_add(&p->by_uid, uid_key(item_uid(p, it), it->uid_len), p->n);
	p->n++;
}

/* Fills the pool with what is known. The entries of fresh up to known have their UIDLs. */
static int pool_make(struct pool *p, const struct index *old, const struct index *fresh,
	uint64_t known, const struct record *record)
{
	size_t room = old->head.count + fresh->head.count + record->n;

	*p = (struct pool){.fresh = fresh, .item = malloc((room + 1) * sizeof(*p->item))};
	if (!p->item || groups_make(&p->by_hash, room) || groups_make(&p->by_uid, room)) {
		pool_free(p);
		return -1;
	}
	for (uint64_t i = 0; i < old->head.count; i++) {
		const struct index_entry *e = &old->entry[i];
		const char *uid = entry_uid(old, e);

		const struct record_line *l = record_by_uid(record, uid, e->uid_len);

		pool_add(p, &(struct item){.hash = e->hash,
				    .uid = uid,
				    .uid_len = e->uid_len,
				    .live = i < known,
				    .free = i >= known && !(l && l->removed)});
	}
	for (size_t i = 0; i < record->n; i++) {
		const struct record_line *l = &record->line[i];
		struct item *it = pool_find(p, l->uid, l->uid_len);
		bool newer = it && !it->live && memcmp(it->hash, l->hash, HASH_LEN) != 0;

		if (newer) /* the one that the old index knows vanished before this one was
			      delivered */
			it->free = false;
		if (!it || newer)
			pool_add(p, &(struct item){.hash = l->hash,
					    .uid = l->uid,
					    .uid_len = l->uid_len,
					    .free = !l->removed});
	}
	return 0;
}

/* The UIDL that a message with that hash had: the next one in order, or else any. NULL = none. */
static struct item *pool_take(struct pool *p, const uint8_t *hash)
{
	uint32_t i = groups_first(&p->by_hash, hash_key(hash));
	struct item *any = NULL;

	for (; i != GROUPS_NONE; i = groups_next(&p->by_hash, i)) {
		struct item *it = &p->item[i];

		if (!it->free || memcmp(it->hash, hash, HASH_LEN) != 0)
			continue;
		if (i >= p->from || !any)
			any = it;
		if (i >= p->from)
			break;
	}
	if (any) {
		any->free = false;
		any->live = true;
		p->from = (uint32_t)(any - p->item) + 1;
	}
	return any;
}

/* Does the message have a UIDL that could not be made again from it? It does if it has a living
 * twin, or one that died, or a UIDL that is not its hash; where X-UIDL may be the UIDL, the record
 * knows. */
static bool worth_noting(const struct mbox *mb, const struct pool *p, const struct record *record,
	const struct index_entry *e)
{
	uint32_t i = groups_first(&p->by_hash, hash_key(e->hash));
	const char *uid = entry_uid(p->fresh, e);
	char hex[HEX_LEN + 1];
	unsigned int alive = 0;

	for (; i != GROUPS_NONE && alive < 2; i = groups_next(&p->by_hash, i))
		alive += p->item[i].live && memcmp(p->item[i].hash, e->hash, HASH_LEN) == 0;
	if (alive > 1 || record_by_uid(record, uid, e->uid_len))
		return true;
	hash_to_hex(hex, e->hash);
	if (mb->uidl_from == UIDL_XUIDL)
		return e->uid_len > HEX_LEN && memcmp(uid, hex, HEX_LEN) == 0;
	return strcmp(uid, hex) != 0;
}

/* --- assigning --- */

/* A UIDL that was never given to another message. */
static size_t make_uid(const struct pool *p, const struct index_entry *e, char uid[NEW_UID_LEN])
{
	uint32_t i = groups_first(&p->by_hash, hash_key(e->hash));
	size_t len = HEX_LEN;
	uint32_t n = 0;

	hash_to_hex(uid, e->hash);
	for (; i != GROUPS_NONE; i = groups_next(&p->by_hash, i))
		n++;
	n += n == 0;
	for (; pool_find(p, uid, len); n++)
		len = HEX_LEN + (size_t)snprintf(uid + HEX_LEN, NEW_UID_LEN - HEX_LEN, ".%u", n);
	return len;
}

/* Gives entry i of fresh its UIDL. -1 = no memory. */
static int assign(struct pool *p, struct index *fresh, uint32_t i)
{
	struct index_entry *e = &fresh->entry[i];
	const struct item *it = pool_take(p, e->hash);
	char uid[UID_LEN + 1];
	size_t len;

	e->flags &= (uint8_t)~ENTRY_FRESH;
	if (it)
		return mbox_index_set_uid(fresh, i, it->uid, it->uid_len);
	if (!e->uid_len || pool_find(p, entry_uid(fresh, e), e->uid_len)) {
		len = make_uid(p, e, uid);
		if (mbox_index_set_uid(fresh, i, uid, len))
			return -1;
	}
	pool_add(p,
		&(struct item){.hash = e->hash, .entry = i, .uid_len = e->uid_len, .live = true});
	return 0;
}

/* Before the record stops telling which messages were removed: the index still knows those. */
static int forget_removed(struct mbox *mb, const struct record *record)
{
	for (size_t i = 0; i < record->n; i++)
		if (record->line[i].removing)
			return unlinkat(mb->state, INDEX_FILE, 0) && errno != ENOENT
				       ? mbox_failed(mb, "remove", INDEX_FILE)
				       : RESTANTE_OK;
	return RESTANTE_OK;
}

/* Brings the record up to date. Without that the index must not be believed later, and none of
 * these messages removed: whoever then is left of twins could not be told. */
static int note_twins(struct mbox *mb, const struct pool *p, const struct record *record)
{
	struct text text = {0};
	int bad;

	for (uint64_t i = 0; i < p->fresh->head.count; i++) {
		const struct index_entry *e = &p->fresh->entry[i];
		if (worth_noting(mb, p, record, e))
			record_print(&text, false, e->hash, entry_uid(p->fresh, e));
	}
	bad = forget_removed(mb, record);
	if (!bad)
		bad = record_write(mb, record, &text);
	free(text.p);
	return bad;
}

int uidl_assign(struct mbox *mb, const struct index *old, struct index *fresh, uint64_t known)
{
	struct record record;
	struct pool pool;
	int bad = record_read(mb, fresh, &record);

	if (bad)
		return bad;
	if (pool_make(&pool, old, fresh, known, &record)) {
		record_free(&record);
		errno = ENOMEM;
		return mbox_failed(mb, "index", NULL);
	}
	pool.from = (uint32_t)known;
	for (uint64_t i = known; !bad && i < fresh->head.count; i++)
		bad = assign(&pool, fresh, (uint32_t)i);
	if (bad) {
		errno = ENOMEM;
		bad = mbox_failed(mb, "index", NULL);
	} else {
		mb->unnoted = note_twins(mb, &pool, &record) != RESTANTE_OK;
	}
	pool_free(&pool);
	record_free(&record);
	return bad;
}

static bool any_left(const struct index *ix, const bool *gone)
{
	for (uint64_t i = 0; i < ix->head.count; i++)
		if (!gone[i])
			return true;
	return false;
}

int uidl_removing(struct mbox *mb, const bool *gone)
{
	const struct index *ix = current(mb);
	struct record record;
	struct groups set;
	struct text text = {0};
	bool noted = false;
	int bad;

	if (mb->unnoted && any_left(ix, gone)) {
		mb->host->log(mb->host->c, LOG_ERR,
			"%s: nothing is deleted while %s/" UIDL_FILE " cannot be written", mb->path,
			mb->state_path);
		return RESTANTE_TEMP;
	}
	bad = record_read(mb, ix, &record);
	if (bad)
		return bad;
	if (record.n == 0) {
		record_free(&record);
		return RESTANTE_OK;
	}
	if (uidl_set(&set, ix)) {
		record_free(&record);
		errno = ENOMEM;
		return mbox_failed(mb, "index", NULL);
	}
	for (size_t i = 0; i < record.n; i++) {
		const struct record_line *l = &record.line[i];
		uint64_t at = uidl_find(&set, ix, l->uid, l->uid_len);

		if (at == NOWHERE)
			continue;
		noted |= gone[at];
		record_print(&text, gone[at], l->hash, l->uid);
	}
	if (noted)
		bad = record_write(mb, &record, &text);
	free(text.p);
	groups_free(&set);
	record_free(&record);
	return bad;
}

int uidl_removed(struct mbox *mb)
{
	static const struct index nothing;
	struct record record;
	struct text text = {0};
	size_t removed = 0;
	int bad = record_read(mb, &nothing, &record);

	if (bad)
		return bad;
	for (size_t i = 0; i < record.n; i++) {
		const struct record_line *l = &record.line[i];

		removed += l->removing;
		if (!l->removing)
			record_print(&text, false, l->hash, l->uid);
	}
	bad = forget_removed(mb, &record);
	if (!bad && removed)
		bad = record_write(mb, &record, &text);
	free(text.p);
	record_free(&record);
	return bad;
}
