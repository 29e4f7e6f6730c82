/* rows - sets of a few places each; the key says which set, and within it every place is looked at.
 */
#include "auth/rows.h"

#include <string.h>
#include "base/buf.h"

enum { PLACES = 8 };

void rows_init(struct rows *t, size_t n, size_t size)
{
	t->n = (n + PLACES - 1) / PLACES * PLACES;
	t->size = size;
	t->at = mem_alloc(t->n, size);
}

void *rows_at(const struct rows *t, size_t i)
{
	return t->at + i * t->size;
}

static struct row *set_of(const struct rows *t, uint64_t key)
{
	return rows_at(t, (size_t)(key % (t->n / PLACES)) * PLACES);
}

static struct row *place(const struct rows *t, struct row *set, size_t i)
{
	return (struct row *)(void *)((unsigned char *)set + i * t->size);
}

void *rows_find(const struct rows *t, uint64_t key)
{
	struct row *set = set_of(t, key);

	for (size_t i = 0; i < PLACES; i++)
		if (place(t, set, i)->key == key)
			return place(t, set, i);
	return NULL;
}

void *rows_take(struct rows *t, uint64_t key, int64_t now)
{
	struct row *set = set_of(t, key), *found = rows_find(t, key);

	if (found == NULL) {
		found = set;
		for (size_t i = 1; i < PLACES; i++)
			if (place(t, set, i)->used < found->used)
				found = place(t, set, i);
		memset(found, 0, t->size);
		found->key = key;
	}
	found->used = now;
	return found;
}

void rows_drop(const struct rows *t, void *row)
{
	memset(row, 0, t->size);
}
