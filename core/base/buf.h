/* A growable run of octets, and the allocations that cannot fail. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

/* {0} is an empty buffer. p is NULL or always followed by a NUL that len does not count. */
struct buf {
	char *p;
	size_t len, cap;
};

void buf_add(struct buf *, const void *p, size_t n);
void buf_printf(struct buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more octets at the return value; the caller adds what it used to len. */
char *buf_room(struct buf *, size_t n);
/* Drops the first n octets. */
void buf_drop(struct buf *, size_t n);
/* The text, "" when empty. */
const char *buf_str(const struct buf *);
/* Frees, leaves {0}. */
void buf_free(struct buf *);
/* The same, wiped first: for what held a secret. */
void buf_wipe(struct buf *);

/* Zeroed memory, a copy, a larger array; the process dies when there is none. Freed with free(). */
void *mem_alloc(size_t n, size_t size);
char *mem_strdup(const char *);
void *mem_grow(void *p, size_t n, size_t size);

/* Copies src to dst of cap octets, always ending it. -1 when it was cut, else 0. */
int str_copy(char *dst, size_t cap, const char *src);

#endif
