/* quote.c - quoting and unquoting. What begins a line waits until it is known whether the line is
 * "From " behind '>'; all other octets are passed on by lines. */
#include <string.h>

#include "quote.h"

static const char from[] = "From ";
enum { FROM_LEN = sizeof(from) - 1 };

/* At the beginning of a line: takes one octet, or none if it does not belong to what is quoted. */
static int quote_start(struct quote *q, char octet, size_t *taken,
	int (*add)(void *, const char *, size_t), void *arg)
{
	size_t kept = (size_t)q->place;

	*taken = 1;
	if (octet == '>' && !kept)
		return add(arg, ">", 1);
	if (octet == from[kept]) {
		if (++q->place < FROM_LEN)
			return 0;
		q->place = QUOTE_IN_LINE;
		q->used = true;
		return add(arg, ">From ", FROM_LEN + 1);
	}
	*taken = 0;
	q->place = QUOTE_IN_LINE;
	return kept ? add(arg, from, kept) : 0;
}

int archive_quote(struct quote *q, const char *in, size_t n,
	int (*add)(void *arg, const char *, size_t n), void *arg)
{
	int bad = 0;

	for (size_t taken; n && !bad; in += taken, n -= taken) {
		if (q->place == QUOTE_IN_LINE) {
			const char *end = memchr(in, '\n', n);

			taken = end ? (size_t)(end - in) + 1 : n;
			q->place = end ? 0 : QUOTE_IN_LINE;
			bad = add(arg, in, taken);
		} else {
			bad = quote_start(q, *in, &taken, add, arg);
		}
	}
	return bad;
}

int archive_quote_end(struct quote *q, int (*add)(void *arg, const char *, size_t n), void *arg)
{
	size_t kept = q->place > 0 ? (size_t)q->place : 0;

	q->place = QUOTE_IN_LINE;
	return kept ? add(arg, from, kept) : 0;
}

/* Gives out what waits. */
size_t archive_unquote_end(struct unquote *u, char *out)
{
	size_t n = 0;

	if (u->quotes)
		out[n++] = '>';
	memcpy(out + n, from, u->matched);
	n += u->matched;
	u->quotes = u->matched = 0;
	u->in_line = true;
	return n;
}

/* One octet at the start of a line. */
static size_t unquote_start(struct unquote *u, char *out, char c)
{
	size_t n;

	if (c == '>' && !u->matched) {
		if (!u->quotes++)
			return 0;
		u->quotes = 2;
		*out = '>';
		return 1;
	}
	if (u->quotes && c == from[u->matched]) {
		if (++u->matched < FROM_LEN)
			return 0;
		u->quotes = 0; /* dropped */
		return archive_unquote_end(u, out);
	}
	n = archive_unquote_end(u, out);
	out[n++] = c;
	u->in_line = c != '\n';
	return n;
}

size_t archive_unquote(struct unquote *u, char *out, const char *in, size_t n)
{
	const char *end = in + n;
	char *start = out;

	while (in < end) {
		const char *newline;
		size_t len;

		if (!u->in_line) {
			out += unquote_start(u, out, *in++);
			continue;
		}
		newline = memchr(in, '\n', (size_t)(end - in));
		len = (size_t)((newline ? newline + 1 : end) - in);
		memmove(out, in, len);
		u->in_line = newline == NULL;
		in += len;
		out += len;
	}
	return (size_t)(out - start);
}
