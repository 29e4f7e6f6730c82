/* A table of fixed size that remembers the most recent: what the auth process knows about users and
 * addresses must not grow with the number of strangers that try. A key chooses a few places; where
 * all are taken, the one that was used longest ago is given up. */
#ifndef AUTH_ROWS_H
#define AUTH_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* The first member of whatever is kept. */
struct row {
	uint64_t key; /* 0 = free */
	int64_t used; /* clock_ms */
};

struct rows {
	unsigned char *at;
	size_t n, size;
};

/* Room for n rows (rounded up) of size octets; not touched before they are used. */
void rows_init(struct rows *, size_t n, size_t size);
/* The row, or NULL. */
void *rows_find(const struct rows *, uint64_t key);
/* The row; a new one is zero but for its key. Notes that it was used. Never NULL. */
void *rows_take(struct rows *, uint64_t key, int64_t now);
void rows_drop(const struct rows *, void *row);
/* Row i of n, also one that is free. */
void *rows_at(const struct rows *, size_t i);

#endif
