/* index.c - the index in memory, and as the octets of a file.
 *
 * The form is that of the machine and entries are used where they lie, so that taking over the
 * index of 100,000 messages costs milliseconds. A checksum that fits is not trusted with memory:
 * every offset and every length is looked at before it is used. */
#include <stdlib.h>
#include <string.h>

#include "index.h"

/* "mboxidx" and a version. Read on a machine with the other byte order it is another number. */
static const uint64_t index_magic = UINT64_C(0x6d626f7869647801);

/* One step takes eight octets. It can be undone, so two inputs that differ in one word never meet.
 */
static uint64_t step(uint64_t h, uint64_t word)
{
	h ^= word;
	h = h << 29 | h >> 35;
	return h * UINT64_C(0x9e3779b97f4a7c15);
}

/* Four sums side by side keep the multiplier busy. */
uint64_t mbox_index_sum(uint64_t seed, const void *p, size_t n)
{
	uint64_t lane[4] = {seed, 1, 2, 3}, word[4] = {n};
	const char *at = p;

	lane[3] = step(lane[3], word[0]);
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
	uint64_t h = mbox_index_sum(0, &ix->head, offsetof(struct index_head, sum));

	h = mbox_index_sum(h, ix->entry, ix->head.count * sizeof(*ix->entry));
	return mbox_index_sum(h, ix->text, ix->head.text_len);
}

/* Does the entry lie inside the file, behind the one before, and its UIDL inside the text? */
static bool entry_sound(const struct index *ix, const struct index_entry *e, uint64_t from)
{
	uint64_t size = ix->head.file.size;

	if (e->from < from || e->end > size || e->end < e->from || e->from_len > e->end - e->from ||
		e->len > e->end - e->from - e->from_len)
		return false;
	if (e->uid_len < 1 || e->uid_len > UID_LEN ||
		(uint64_t)e->uid + e->uid_len >= ix->head.text_len)
		return false;
	return memchr(entry_uid(ix, e), '\0', e->uid_len) == NULL &&
	       entry_uid(ix, e)[e->uid_len] == '\0';
}

int mbox_index_parse(struct index *ix, void *block, size_t len)
{
	struct index_head head;
	uint64_t from = 0;
	size_t left;

	if (len < sizeof(head))
		return -1;
	memcpy(&head, block, sizeof(head));
	left = len - sizeof(head);
	if (head.magic != index_magic || head.count > left / sizeof(*ix->entry) ||
		head.text_len != left - head.count * sizeof(*ix->entry))
		return -1;
	*ix = (struct index){.head = head, .block = block};
	ix->entry = (struct index_entry *)(void *)((char *)block + sizeof(head));
	ix->text = (char *)(ix->entry + head.count);
	if (sum_all(ix) != head.sum)
		return -1;
	for (size_t i = 0; i < head.count; i++) {
		if (!entry_sound(ix, &ix->entry[i], from))
			return -1;
		from = ix->entry[i].end;
	}
	return 0;
}

struct index_entry *mbox_index_add(struct index *ix, const struct index_entry *e)
{
	if (ix->head.count == ix->room) {
		size_t room = ix->room ? ix->room + ix->room / 2 + 1 : 64;
		struct index_entry *entry = realloc(ix->entry, room * sizeof(*entry));

		if (!entry)
			return NULL;
		ix->entry = entry;
		ix->room = room;
	}
	ix->entry[ix->head.count] = *e;
	return &ix->entry[ix->head.count++];
}

int mbox_index_set_uid(struct index *ix, uint64_t i, const char *uid, size_t len)
{
	uint64_t want = ix->head.text_len + len + 1;
	struct index_entry *e;

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
	e = &ix->entry[i];
	e->uid = (uint32_t)ix->head.text_len;
	e->uid_len = (uint8_t)len;
	memcpy(ix->text + e->uid, uid, len);
	ix->text[e->uid + len] = '\0';
	ix->head.text_len = want;
	return 0;
}

int mbox_index_copy(struct index *ix, const struct index *from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		const struct index_entry *e = &from->entry[i];

		if (!mbox_index_add(ix, e) ||
			mbox_index_set_uid(ix, ix->head.count - 1, entry_uid(from, e), e->uid_len))
			return -1;
	}
	return 0;
}

void mbox_index_seal(struct index *ix)
{
	ix->head.magic = index_magic;
	ix->head.sum = sum_all(ix);
}

void mbox_index_free(struct index *ix)
{
	if (!ix->block) {
		free(ix->entry);
		free(ix->text);
	}
	free(ix->block);
	*ix = (struct index){0};
}
