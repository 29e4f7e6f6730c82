/* buf - growable octets. */
#define _GNU_SOURCE
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"

char *buf_room(struct buf *b, size_t n)
{
	if (b->cap - b->len <= n) {
		size_t cap = b->cap > 0 ? b->cap : 64;

		while (cap - b->len <= n)
			cap *= 2;
		b->p = mem_grow(b->p, cap, 1);
		b->cap = cap;
	}
	return b->p + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);

	if (n > 0)
		memcpy(to, p, n);
	to[n] = '\0';
	b->len += n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	buf_room(b, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void buf_drop(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->p, b->p + n, b->len + 1);
}

const char *buf_str(const struct buf *b)
{
	return b->p != NULL ? b->p : "";
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}

void buf_wipe(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_free(b);
}

void *mem_alloc(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

	if (p == NULL)
		die("out of memory: %zu octets", n * size);
	return p;
}

void *mem_grow(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n, size);
	if (p == NULL)
		die("out of memory: %zu octets", n * size);
	return p;
}

char *mem_strdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(mem_alloc(n, 1), s, n);
}

int str_copy(char *dst, size_t cap, const char *src)
{
	size_t n = strnlen(src, cap);

	if (n == cap) {
		memcpy(dst, src, cap - 1);
		dst[cap - 1] = '\0';
		return -1;
	}
	memcpy(dst, src, n + 1);
	return 0;
}
