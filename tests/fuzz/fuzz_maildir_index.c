/* Any octets as restante.index: refused, or an index whose every string can be read.
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
	size_t total = 0;

	for (uint64_t i = 0; i < ix->head.count; i++) {
		const struct index_entry *e = &ix->entry[i];

		if (strlen(entry_uid(ix, e)) > 255)
			abort();
		total += strlen(entry_base(ix, e)) + strlen(entry_rest(ix, e));
	}
	if (total > ix->head.count * 512)
		abort();
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
	if (ix.head.text_len % 8 || ix.head.text_len != left - entries)
		return;
	ix.entry = (struct index_entry *)(void *)((char *)block + sizeof(ix.head));
	ix.text = (char *)block + sizeof(ix.head) + entries;
	index_seal(&ix);
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
		if (index_parse(&ix, block, size)) {
			free(block);
			continue;
		}
		walk(&ix);
		index_free(&ix);
	}
	return 0;
}
