/* unique.c - no two messages have one UIDL.
 *
 * A base is unique, and so is the UIDL that comes from it. A UIDL that a name keeps (",UIDL=") is
 * what somebody wrote there: the file may have been copied, or a message whose base is that UIDL
 * may have been put back from a backup. Then the kept one stays, the first in the order of
 * messages, and the others get a hash of their base: the same whether there was an index or not. */
#include <stdlib.h>
#include <string.h>

#include "maildir.h"

/* The numbers of entries + 1 by the hash of their UIDLs; 0 = free. */
struct table {
	uint32_t *slot;
	size_t mask;
};

static uint64_t hash(const char *uid)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *uid; uid++)
		h = (h ^ (unsigned char)*uid) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

static bool is_kept(const struct index *ix, const struct index_entry *e)
{
	const char *rest = entry_rest(ix, e);
	char uid[UID_LEN + 1];

	return e->uid_len && name_kept(rest, name_hints(rest, e->rest_len), uid) &&
	       strcmp(uid, entry_uid(ix, e)) == 0;
}

/* False when another entry has the UIDL. */
static bool enter(struct table *t, const struct index *ix, uint64_t i)
{
	const char *uid = entry_uid(ix, &ix->entry[i]);
	size_t at = hash(uid) & t->mask;

	for (; t->slot[at]; at = (at + 1) & t->mask)
		if (strcmp(entry_uid(ix, &ix->entry[t->slot[at] - 1]), uid) == 0)
			return false;
	t->slot[at] = (uint32_t)i + 1;
	return true;
}

/* Enters the entries whose UIDLs are kept, or those whose are not. */
static int enter_all(struct table *t, struct index *ix, bool kept)
{
	char uid[UID_LEN + 1];

	for (uint64_t i = 0; i < ix->head.count; i++) {
		struct index_entry *e = &ix->entry[i];

		if (is_kept(ix, e) != kept || enter(t, ix, i))
			continue;
		name_uid(entry_base(ix, e), e->base_len, "UIDL", uid);
		if (index_rename(ix, e, uid))
			return -1;
	}
	return 0;
}

int unique(struct index *ix)
{
	struct table t = {.mask = 15};
	uint64_t i = 0;
	int bad;

	while (i < ix->head.count && !is_kept(ix, &ix->entry[i]))
		i++;
	if (i == ix->head.count)
		return 0;
	while (t.mask < 2 * ix->head.count)
		t.mask = 2 * t.mask + 1;
	t.slot = calloc(t.mask + 1, sizeof(*t.slot));
	bad = !t.slot || enter_all(&t, ix, true) || enter_all(&t, ix, false) ? -1 : 0;
	free(t.slot);
	return bad;
}
