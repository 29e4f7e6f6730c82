/* groups.c - an open hash table of keys; the numbers of each are a list. */
#include "groups.h"

#include <stdlib.h>
#include <string.h>

int groups_make(struct groups *g, size_t n)
{
	size_t room = 16;

	while (room < 2 * n)
		room *= 2;
	g->mask = room - 1;
	g->slot = n < GROUPS_NONE ? malloc(room * sizeof(*g->slot)) : NULL;
	g->next = malloc((n + 1) * sizeof(*g->next));
	if (!g->slot || !g->next) {
		groups_free(g);
		return -1;
	}
	memset(g->slot, 0xff, room * sizeof(*g->slot)); /* first = GROUPS_NONE */
	return 0;
}

static struct groups_slot *slot_of(const struct groups *g, uint64_t key)
{
	size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & g->mask;

	while (g->slot[at].first != GROUPS_NONE && g->slot[at].key != key)
		at = (at + 1) & g->mask;
	return &g->slot[at];
}

void groups_add(struct groups *g, uint64_t key, uint32_t number)
{
	struct groups_slot *slot = slot_of(g, key);

	g->next[number] = GROUPS_NONE;
	if (slot->first == GROUPS_NONE)
		*slot = (struct groups_slot){.key = key, .first = number, .last = number};
	g->next[slot->last] = slot->last == number ? GROUPS_NONE : number;
	slot->last = number;
}

uint32_t groups_first(const struct groups *g, uint64_t key)
{
	return slot_of(g, key)->first;
}

uint32_t groups_next(const struct groups *g, uint32_t number)
{
	return g->next[number];
}

void groups_free(struct groups *g)
{
	free(g->slot);
	free(g->next);
	*g = (struct groups){0};
}
