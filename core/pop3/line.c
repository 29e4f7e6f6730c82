/* Lines out of a buffer.
 *
 * A line that grows over its limit is reported once and then dropped octet by octet as it comes, so
 * that a client which never sends a newline costs the buffer that it has and no more. Each octet is
 * searched once: `scanned` remembers how far.
 */
#include "pop3/line.h"

#include <string.h>

void line_attach(struct line_reader *r, char *buf, size_t cap)
{
	size_t n = r->end - r->start;

	if (n > 0)
		memmove(buf, r->buf + r->start, n);
	r->buf = buf;
	r->cap = cap;
	r->start = 0;
	r->end = n;
}

char *line_space(struct line_reader *r, size_t *room)
{
	if (r->start > 0)
		line_attach(r, r->buf, r->cap);
	*room = r->cap - r->end;
	return r->buf + r->end;
}

void line_fill(struct line_reader *r, size_t n)
{
	r->end += n;
}

/* Takes n octets off the front. */
static void take(struct line_reader *r, size_t n)
{
	r->start += n;
	r->scanned = 0;
	if (r->start == r->end)
		r->start = r->end = 0;
}

/* The newline of the line that stands at the front, or NULL. */
static char *find_newline(struct line_reader *r)
{
	size_t n = r->end - r->start - r->scanned;

	if (n == 0)
		return NULL;

	char *from = r->buf + r->start + r->scanned;
	char *newline = memchr(from, '\n', n);

	r->scanned += newline ? (size_t)(newline - from) : n;
	return newline;
}

enum line_event line_next(struct line_reader *r, size_t limit, struct slice *line)
{
	*line = (struct slice){"", 0};
	for (;;) {
		char *newline = find_newline(r);
		/* With its line end, as far as it has come. */
		size_t len = r->scanned + (newline != NULL);
		bool over =
			len > limit || (!newline && len >= limit) || (!newline && len == r->cap);

		if (r->dropping) {
			take(r, len);
			if (!newline)
				return LINE_MORE;
			r->dropping = false;
			continue;
		}
		if (over && len > 0) {
			take(r, len);
			r->dropping = !newline;
			return LINE_TOO_LONG;
		}
		if (!newline)
			return LINE_MORE;
		line->at = r->buf + r->start;
		line->len = len - 1;
		if (line->len > 0 && newline[-1] == '\r')
			line->len--;
		r->buf[r->start + line->len] = '\0';
		take(r, len);
		return memchr(line->at, '\0', line->len) ? LINE_NUL : LINE_READY;
	}
}

struct slice line_rest(const struct line_reader *r)
{
	return (struct slice){r->buf ? r->buf + r->start : "", r->end - r->start};
}

void line_drop(struct line_reader *r)
{
	r->start = r->end = r->scanned = 0;
	r->dropping = false;
}
