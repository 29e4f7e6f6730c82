/* index.c - the index in memory, and as the octets of a file.
 *
 * Strings are used where they lie and one multiplication covers eight octets of the checksum, so
 * that taking over the index of 100,000 messages costs milliseconds. A checksum that fits is not
 * trusted with memory: every offset and every length is looked at before it is used. */
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "names.h"

/* "restidx" and a version. Read on a machine with the other byte order it is another number. */
static const uint64_t index_magic = UINT64_C(0x7265737469647801);

/* One step takes eight octets. It can be undone: two inputs that differ in one word never meet. */
static uint64_t step(uint64_t h, uint64_t word)
{
	h ^= word;
	h = h << 29 | h >> 35;
	return h * UINT64_C(0x9e3779b97f4a7c15);
}

/* The checksum of n octets, a multiple of 8. Four sums side by side keep the multiplier busy. */
static uint64_t sum(uint64_t seed, const void *p, size_t n)
{
	uint64_t lane[4] = {seed, 1, 2, 3}, word[4];
	const char *at = p;

	for (; n >= sizeof(word); n -= sizeof(word), at += sizeof(word)) {
		memcpy(word, at, sizeof(word));
		for (int i = 0; i < 4; i++)
			lane[i] = step(lane[i], word[i]);
	}
	for (; n; n -= sizeof(word[0]), at += sizeof(word[0])) {
		memcpy(word, at, sizeof(word[0]));
		lane[0] = step(lane[0], word[0]);
	}
	for (int i = 1; i < 4; i++)
		lane[0] = step(lane[0], lane[i]);
	return lane[0];
}

static uint64_t index_sum(const struct index *ix)
{
	uint64_t h = sum(0, &ix->head, offsetof(struct index_head, sum));

	h = sum(h, ix->entry, ix->head.count * sizeof(*ix->entry));
	return sum(h, ix->text, ix->head.text_len);
}

/* Does the text of an entry lie inside, each string ended where the next begins? */
static bool entry_sound(const struct index *ix, const struct index_entry *e)
{
	uint64_t end = (uint64_t)e->text + e->base_len + 1 + e->rest_len + 1;

	if (e->uid_len)
		end += (uint64_t)e->uid_len + 1;
	if (end > ix->head.text_len || e->base_len + e->rest_len > NAME_LEN)
		return false;
	if ((e->uid_len ? e->uid_len : e->base_len) > UID_LEN)
		return false;
	return ix->text[end - 1] == '\0' && entry_base(ix, e)[e->base_len] == '\0' &&
	       entry_rest(ix, e)[e->rest_len] == '\0';
}

int index_parse(struct index *ix, void *block, size_t len)
{
	struct index_head head;
	size_t left;

	if (len < sizeof(head))
		return -1;
	memcpy(&head, block, sizeof(head));
	left = len - sizeof(head);
	if (head.magic != index_magic || head.count > left / sizeof(*ix->entry) ||
		head.text_len % 8 || head.text_len != left - head.count * sizeof(*ix->entry))
		return -1;
	*ix = (struct index){.head = head, .block = block};
	ix->entry = (struct index_entry *)(void *)((char *)block + sizeof(head));
	ix->text = (char *)(ix->entry + head.count);
	if (index_sum(ix) != head.sum)
		return -1;
	for (size_t i = 0; i < head.count; i++)
		if (!entry_sound(ix, &ix->entry[i]))
			return -1;
	return 0;
}

int index_make(struct index *ix, size_t n)
{
	*ix = (struct index){.head = {.magic = index_magic}};
	ix->entry = malloc((n ? n : 1) * sizeof(*ix->entry));
	return ix->entry ? 0 : -1;
}

/* Makes room for n more octets of text, and for the header's padding. */
static int more_text(struct index *ix, size_t n)
{
	size_t want = ix->head.text_len + n + 8, room = ix->text_room ? ix->text_room : 4096;
	char *text;

	if (want <= ix->text_room)
		return 0;
	if (want > UINT32_MAX)
		return -1;
	while (room < want)
		room += room / 2;
	text = realloc(ix->text, room);
	if (!text)
		return -1;
	ix->text = text;
	ix->text_room = room;
	return 0;
}

static void add_string(struct index *ix, const char *s, size_t len)
{
	char *at = ix->text + ix->head.text_len;

	memcpy(at, s, len);
	at[len] = '\0';
	ix->head.text_len += len + 1;
}

int index_add(struct index *ix, const struct index_entry *e, const char *base, size_t base_len,
	const char *rest, size_t rest_len, const char *uid)
{
	size_t uid_len = uid ? strlen(uid) : 0;
	struct index_entry *to;

	if (more_text(ix, base_len + rest_len + uid_len + 3))
		return -1;
	to = &ix->entry[ix->head.count++];
	*to = *e;
	to->text = (uint32_t)ix->head.text_len;
	to->base_len = (uint8_t)base_len;
	to->rest_len = (uint8_t)rest_len;
	to->uid_len = (uint8_t)uid_len;
	add_string(ix, base, base_len);
	add_string(ix, rest, rest_len);
	if (uid)
		add_string(ix, uid, uid_len);
	return 0;
}

int index_rename(struct index *ix, struct index_entry *e, const char *uid)
{
	size_t base_len = e->base_len, rest_len = e->rest_len, uid_len = strlen(uid);
	uint32_t was = e->text;

	if (more_text(ix, base_len + rest_len + uid_len + 3))
		return -1;
	e->text = (uint32_t)ix->head.text_len;
	e->uid_len = (uint8_t)uid_len;
	add_string(ix, ix->text + was, base_len);
	add_string(ix, ix->text + was + base_len + 1, rest_len);
	add_string(ix, uid, uid_len);
	return 0;
}

void index_seal(struct index *ix)
{
	while (ix->head.text_len % 8) /* index_add left the room */
		ix->text[ix->head.text_len++] = '\0';
	ix->head.sum = index_sum(ix);
}

void index_free(struct index *ix)
{
	if (!ix->block) {
		free(ix->entry);
		free(ix->text);
	}
	free(ix->block);
	*ix = (struct index){0};
}
