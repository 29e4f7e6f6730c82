/* quote.c - unquoting. The first '>' of a line waits until the line is known not to go on with
 * more of them and "From "; all other octets are copied by lines. */
#include "quote.h"

#include <string.h>

static const char from[] = "From ";
enum { FROM_LEN = sizeof(from) - 1 };

/* Gives out what waits. */
size_t unquote_end(struct unquote *u, char *out)
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
static size_t at_start(struct unquote *u, char *out, char c)
{
	if (c == '>' && !u->matched && !(u->one && u->quotes)) {
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
		return unquote_end(u, out);
	}
	size_t n = unquote_end(u, out);

	out[n++] = c;
	u->in_line = c != '\n';
	return n;
}

size_t unquote(struct unquote *u, char *out, const char *in, size_t n)
{
	const char *end = in + n;
	char *start = out;

	while (in < end) {
		if (!u->in_line) {
			out += at_start(u, out, *in++);
			continue;
		}
		const char *newline = memchr(in, '\n', (size_t)(end - in));
		size_t len = (size_t)((newline ? newline + 1 : end) - in);

		memmove(out, in, len);
		u->in_line = newline == NULL;
		in += len;
		out += len;
	}
	return (size_t)(out - start);
}
