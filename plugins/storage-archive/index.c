/* index.c - the index in memory, and as the octets of a file.
 *
 * Entries are used where they lie and one multiplication covers eight octets of the check sum, so
 * that taking over the index of 100,000 messages costs milliseconds. A check sum that fits is not
 * trusted with memory: every offset and every length is looked at before it is used. */
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "member.h"

/* "archidx" and a version. Read on a machine with the other byte order it is another number. */
static const uint64_t index_magic = UINT64_C(0x6172636869647801);

/* One step takes eight octets. It can be undone: two inputs that differ in one word never meet. */
static uint64_t step(uint64_t h, uint64_t word)
{
	h ^= word;
	h = h << 29 | h >> 35;
	return h * UINT64_C(0x9e3779b97f4a7c15);
}

/* Four sums side by side keep the multiplier busy. */
uint64_t archive_sum(uint64_t seed, const void *p, size_t n)
{
	uint64_t lane[4] = {seed, 1, 2, 3 + (uint64_t)n}, word[4];
	const char *at = p;

	for (; n >= sizeof(word); n -= sizeof(word), at += sizeof(word)) {
		memcpy(word, at, sizeof(word));
		for (int i = 0; i < 4; i++)
			lane[i] = step(lane[i], word[i]);
	}
	if (n) {
		memset(word, 0, sizeof(word));
		memcpy(word, at, n);
		for (int i = 0; i < 4; i++)
			lane[i] = step(lane[i], word[i]);
	}
	for (int i = 1; i < 4; i++)
		lane[0] = step(lane[0], lane[i]);
	return lane[0];
}

static uint64_t sum_all(const struct index *ix)
{
	uint64_t h = archive_sum(0, &ix->head, offsetof(struct index_head, sum));

	h = archive_sum(h, ix->segment, ix->head.segments * sizeof(*ix->segment));
	h = archive_sum(h, ix->entry, ix->head.count * sizeof(*ix->entry));
	return archive_sum(h, ix->text, ix->head.text_len);
}

/* Does the entry lie inside its segment, behind the one before, and its UIDL inside the text? */
static bool entry_sound(
	const struct index *ix, const struct index_entry *e, uint64_t segment, uint64_t from)
{
	uint64_t size = ix->segment[segment].size;

	if (e->segment != segment || e->off < from || e->off > size || e->len > size - e->off)
		return false;
	if (e->uid_len < 1 || e->uid_len > UID_LEN ||
		(uint64_t)e->uid + e->uid_len >= ix->head.text_len)
		return false;
	return memchr(entry_uid(ix, e), '\0', e->uid_len) == NULL &&
	       entry_uid(ix, e)[e->uid_len] == '\0';
}

static bool all_sound(const struct index *ix)
{
	uint64_t i = 0;

	for (uint64_t s = 0; s < ix->head.segments; s++) {
		const struct index_segment *seg = &ix->segment[s];
		uint64_t from = 0, end = i + seg->entries;

		if (seg->entries > ix->head.count - i || (s && seg->number <= seg[-1].number))
			return false;
		for (; i < end; i++) {
			if (!entry_sound(ix, &ix->entry[i], s, from))
				return false;
			from = ix->entry[i].off + ix->entry[i].len;
		}
	}
	return i == ix->head.count;
}

int archive_index_parse(struct index *ix, void *block, size_t len)
{
	struct index_head head;
	size_t left;

	if (len < sizeof(head))
		return -1;
	memcpy(&head, block, sizeof(head));
	left = len - sizeof(head);
	if (head.magic != index_magic || head.segments > left / sizeof(*ix->segment))
		return -1;
	left -= head.segments * sizeof(*ix->segment);
	if (head.count > left / sizeof(*ix->entry) || head.copies > head.count ||
		head.text_len != left - head.count * sizeof(*ix->entry))
		return -1;
	*ix = (struct index){.head = head, .block = block};
	ix->segment = (struct index_segment *)(void *)((char *)block + sizeof(head));
	ix->entry = (struct index_entry *)(void *)(ix->segment + head.segments);
	ix->text = (char *)(ix->entry + head.count);
	return sum_all(ix) == head.sum && all_sound(ix) ? 0 : -1;
}

/* Makes room for one more of so many octets. NULL = no memory. */
static void *more(void *p, size_t *room, uint64_t count, size_t octets)
{
	size_t want = *room ? *room + *room / 2 + 1 : 64;

	if (count < *room)
		return p;
	p = realloc(p, want * octets);
	if (p)
		*room = want;
	return p;
}

struct index_segment *archive_index_segment(struct index *ix, const struct index_segment *from)
{
	struct index_segment *s =
		more(ix->segment, &ix->segment_room, ix->head.segments, sizeof(*s));

	if (!s)
		return NULL;
	ix->segment = s;
	s += ix->head.segments++;
	*s = *from;
	s->entries = 0;
	return s;
}

static int add_text(struct index *ix, const char *uid, size_t len)
{
	uint64_t want = ix->head.text_len + len + 1;

	if (want > UINT32_MAX)
		return -1;
	if (want > ix->text_room) {
		size_t room = ix->text_room + ix->text_room / 2 + len + 4096;
		char *text = realloc(ix->text, room);

		if (!text)
			return -1;
		ix->text = text;
		ix->text_room = room;
	}
	memcpy(ix->text + ix->head.text_len, uid, len);
	ix->text[want - 1] = '\0';
	ix->head.text_len = want;
	return 0;
}

int archive_index_add(struct index *ix, const struct index_entry *from, const char *uid, size_t len)
{
	struct index_entry *e = more(ix->entry, &ix->room, ix->head.count, sizeof(*e));

	if (!e)
		return -1;
	ix->entry = e;
	e += ix->head.count;
	*e = *from;
	e->uid = (uint32_t)ix->head.text_len;
	e->uid_len = (uint8_t)len;
	e->segment = (uint32_t)ix->head.segments - 1;
	if (add_text(ix, uid, len))
		return -1;
	ix->head.count++;
	ix->segment[e->segment].entries++;
	return 0;
}

int archive_index_copies(struct index *ix)
{
	struct uid_set set = {0};
	int bad = 0;

	ix->head.copies = 0;
	for (uint64_t i = 0; i < ix->head.count && !bad; i++) {
		struct index_entry *e = &ix->entry[i];

		e->flags &= (uint8_t)~ENTRY_COPY;
		if (archive_set_find(&set, ix, entry_uid(ix, e), e->uid_len) == UINT64_MAX) {
			bad = archive_set_add(&set, ix, i);
		} else {
			e->flags |= ENTRY_COPY;
			ix->head.copies++;
		}
	}
	archive_set_free(&set);
	return bad;
}

void archive_index_seal(struct index *ix)
{
	ix->head.magic = index_magic;
	ix->head.sum = sum_all(ix);
}

void archive_index_free(struct index *ix)
{
	if (!ix->block) {
		free(ix->segment);
		free(ix->entry);
		free(ix->text);
	}
	free(ix->block);
	*ix = (struct index){0};
}

/* Where the UIDL is in the set, or where it would go. There is a free slot. */
static size_t slot_of(
	const struct uid_set *set, const struct index *ix, const char *uid, size_t len)
{
	size_t at = (size_t)archive_sum(0, uid, len) & (set->room - 1);

	for (; set->slot[at]; at = (at + 1) & (set->room - 1)) {
		const struct index_entry *e = &ix->entry[set->slot[at] - 1];

		if (e->uid_len == len && memcmp(entry_uid(ix, e), uid, len) == 0)
			break;
	}
	return at;
}

uint64_t archive_set_find(
	const struct uid_set *set, const struct index *ix, const char *uid, size_t len)
{
	size_t at;

	if (!set->room)
		return UINT64_MAX;
	at = slot_of(set, ix, uid, len);
	return set->slot[at] ? set->slot[at] - 1 : UINT64_MAX;
}

/* Twice the room, at most half of it used. */
static int set_grow(struct uid_set *set, const struct index *ix)
{
	struct uid_set fresh = {.room = set->room ? set->room * 2 : 1024};

	fresh.slot = calloc(fresh.room, sizeof(*fresh.slot));
	if (!fresh.slot)
		return -1;
	for (size_t i = 0; i < set->room; i++)
		if (set->slot[i]) {
			const struct index_entry *e = &ix->entry[set->slot[i] - 1];

			fresh.slot[slot_of(&fresh, ix, entry_uid(ix, e), e->uid_len)] =
				set->slot[i];
		}
	fresh.used = set->used;
	free(set->slot);
	*set = fresh;
	return 0;
}

int archive_set_add(struct uid_set *set, const struct index *ix, uint64_t i)
{
	const struct index_entry *e = &ix->entry[i];

	if (i >= UINT32_MAX || (set->used >= set->room / 2 && set_grow(set, ix)))
		return -1;
	set->slot[slot_of(set, ix, entry_uid(ix, e), e->uid_len)] = (uint32_t)i + 1;
	set->used++;
	return 0;
}

void archive_set_free(struct uid_set *set)
{
	free(set->slot);
	*set = (struct uid_set){0};
}
