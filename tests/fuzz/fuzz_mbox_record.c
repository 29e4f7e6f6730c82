/* Any octets as mbox.uidl: what is taken are lines with legal UIDLs, each of which is there once
 * and is found; printed, they are a record that says the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "uidl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is printed goes to where record_parse() owns it. */
static void parse(struct record *r, const void *data, size_t size)
{
	void *block = malloc(size ? size : 1);

	if (!block)
		abort();
	if (size)
		memcpy(block, data, size);
	if (record_parse(r, block, size))
		abort();
}

static void look(const struct record *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct record_line *l = &r->line[i];

		if (l->uid_len < 1 || l->uid_len > UID_LEN || strlen(l->uid) != l->uid_len)
			abort();
		for (size_t j = 0; j < l->uid_len; j++)
			if (l->uid[j] < 0x21 || l->uid[j] > 0x7e)
				abort();
		if (record_by_uid(r, l->uid, l->uid_len) != l)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record first, again;
	struct text text = {0};

	parse(&first, data, size);
	look(&first);
	for (size_t i = 0; i < first.n; i++)
		record_print(&text, first.line[i].removing, first.line[i].hash, first.line[i].uid);
	parse(&again, text.p, text.len);
	look(&again);
	if (again.n != first.n)
		abort();
	for (size_t i = 0; i < first.n; i++)
		if (again.line[i].removing != first.line[i].removing ||
			memcmp(again.line[i].hash, first.line[i].hash, HASH_LEN) != 0 ||
			strcmp(again.line[i].uid, first.line[i].uid) != 0)
			abort();
	record_free(&first);
	record_free(&again);
	free(text.p);
	return 0;
}
