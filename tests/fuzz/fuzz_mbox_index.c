/* Any octets as mbox.index: refused, or an index whose every entry lies in the file and has a UIDL
 * that can be read.
 *
 * Where only the checksum is wrong it is put right, so that what lies behind it is reached too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *copy_of(const void *data, size_t size)
{
	void *p = malloc(size ? size : 1);

	if (p && size)
		memcpy(p, data, size);
	return p;
}

static void walk(const struct index *ix)
{
	uint64_t from = 0;

	for (uint64_t i = 0; i < ix->head.count; i++) {
		const struct index_entry *e = &ix->entry[i];
		size_t len = strlen(entry_uid(ix, e));

		if (len < 1 || len > UID_LEN || e->from < from || e->end > ix->head.file.size ||
			e->from + e->from_len + e->len > e->end)
			abort();
		from = e->end;
	}
}

/* The checksum of a file whose header and length agree. */
static void put_sum_right(void *block, size_t size)
{
	struct index ix = {0};
	size_t entries, left;

	if (size < sizeof(ix.head))
		return;
	memcpy(&ix.head, block, sizeof(ix.head));
	left = size - sizeof(ix.head);
	if (ix.head.count > left / sizeof(*ix.entry))
		return;
	entries = ix.head.count * sizeof(*ix.entry);
	if (ix.head.text_len != left - entries)
		return;
	ix.entry = (struct index_entry *)(void *)((char *)block + sizeof(ix.head));
	ix.text = (char *)block + sizeof(ix.head) + entries;
	mbox_index_seal(&ix);
	memcpy(block, &ix.head, sizeof(ix.head));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int right = 0; right < 2; right++) {
		void *block = copy_of(data, size);
		struct index ix, copy = {0};

		if (!block)
			return 0;
		if (right)
			put_sum_right(block, size);
		if (mbox_index_parse(&ix, block, size)) {
			free(block);
			continue;
		}
		walk(&ix);
		if (mbox_index_copy(&copy, &ix, ix.head.count))
			abort();
		copy.head.file = ix.head.file;
		walk(&copy);
		mbox_index_free(&copy);
		mbox_index_free(&ix);
	}
	return 0;
}
