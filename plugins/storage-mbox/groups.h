/* groups.h - numbers by a key of 64 bits that several may share. Pure. */
#ifndef MBOX_GROUPS_H
#define MBOX_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#define GROUPS_NONE UINT32_MAX

struct groups_slot {
	uint64_t key;
	uint32_t first, last;
};

struct groups {
	struct groups_slot *slot;
	uint32_t *next; /* of the same key */
	size_t mask;
};

/* Makes room for the numbers 0 to n - 1. -1 = no memory. */
int groups_make(struct groups *, size_t n);
void groups_add(struct groups *, uint64_t key, uint32_t number);
/* The first number that was added with the key, and the one after a number; or GROUPS_NONE. */
uint32_t groups_first(const struct groups *, uint64_t key);
uint32_t groups_next(const struct groups *, uint32_t number);
void groups_free(struct groups *);

#endif
