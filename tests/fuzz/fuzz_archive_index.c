/* Any octets as restante.index: refused, or an index whose every entry lies in its segment behind
 * the one before and has a UIDL that can be read; marking copies of UIDLs and growing the set of
 * them find their way in it.
 *
 * Where only the check sum is wrong it is put right, so that what lies behind it is reached too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "member.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void *copy_of(const void *data, size_t size)
{
	void *p = malloc(size ? size : 1);

	if (p && size)
		memcpy(p, data, size);
	return p;
}

static void walk(const struct index *ix)
{
	uint64_t i = 0;

	for (uint64_t s = 0; s < ix->head.segments; s++) {
		uint64_t from = 0, end = i + ix->segment[s].entries;

		for (; i < end; i++) {
			const struct index_entry *e = &ix->entry[i];

			expect(i < ix->head.count && e->segment == s && e->off >= from);
			expect(e->off + e->len <= ix->segment[s].size);
			expect(strlen(entry_uid(ix, e)) == e->uid_len && e->uid_len <= UID_LEN);
			from = e->off + e->len;
		}
	}
	expect(i == ix->head.count);
}

/* Of two entries with one UIDL the first is the one that counts. */
static void sets(struct index *ix)
{
	struct uid_set set = {0};

	if (archive_index_copies(ix))
		return;
	for (uint64_t i = 0; i < ix->head.count; i++) {
		const struct index_entry *e = &ix->entry[i];
		const char *uid = entry_uid(ix, e);
		uint64_t known = archive_set_find(&set, ix, uid, e->uid_len);

		expect((known != UINT64_MAX) == ((e->flags & ENTRY_COPY) != 0));
		if (known == UINT64_MAX)
			expect(archive_set_add(&set, ix, i) == 0);
		else
			expect(strcmp(entry_uid(ix, &ix->entry[known]), uid) == 0);
	}
	archive_set_free(&set);
}

/* The check sum of a file whose header and length agree. */
static void put_sum_right(void *block, size_t size)
{
	struct index ix = {0};
	size_t left;

	if (size < sizeof(ix.head))
		return;
	memcpy(&ix.head, block, sizeof(ix.head));
	left = size - sizeof(ix.head);
	if (ix.head.segments > left / sizeof(*ix.segment))
		return;
	left -= ix.head.segments * sizeof(*ix.segment);
	if (ix.head.count > left / sizeof(*ix.entry) ||
		ix.head.text_len != left - ix.head.count * sizeof(*ix.entry))
		return;
	ix.segment = (struct index_segment *)(void *)((char *)block + sizeof(ix.head));
	ix.entry = (struct index_entry *)(void *)(ix.segment + ix.head.segments);
	ix.text = (char *)(ix.entry + ix.head.count);
	archive_index_seal(&ix);
	memcpy(block, &ix.head, sizeof(ix.head));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int right = 0; right < 2; right++) {
		void *block = copy_of(data, size);
		struct index ix;

		if (!block)
			return 0;
		if (right)
			put_sum_right(block, size);
		if (archive_index_parse(&ix, block, size)) {
			free(block);
			continue;
		}
		walk(&ix);
		sets(&ix);
		archive_index_free(&ix);
	}
	return 0;
}
