/* load_reply.c - finds the end of a reply in whatever pieces it arrives.
 *
 * The load generator shares the machine with the server that it measures, so a message costs one
 * memchr() a line here and no copy. What RFC 1939 section 3 and 11 want is checked on the way: each
 * line ends with CRLF, a line that starts with a dot is stuffed, the message ends with a dot alone.
 */
#include "load.h"

#include <string.h>

void reply_begin(struct reply *r, enum reply_kind kind,
	const char *(*row)(void *, const char *, size_t), void *arg)
{
	r->kind = kind;
	r->at = AT_STATUS;
	r->last = '\n';
	r->octets = 0;
	r->error = NULL;
	r->row = row;
	r->arg = arg;
	r->status_len = 0;
}

/* The length of the line with its CRLF; 0 = not there yet or wrong. */
static size_t whole_line(struct reply *r, const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);

	if (!lf && n >= STATUS_MAX)
		r->error = "a line without an end";
	else if (lf && (lf == p || lf[-1] != '\r'))
		r->error = "a line that ends with a bare LF";
	else if (lf && lf - p >= STATUS_MAX)
		r->error = "a line longer than 512 octets";
	else if (lf)
		return (size_t)(lf - p) + 1;
	return 0;
}

static size_t scan_status(struct reply *r, const char *p, size_t n)
{
	size_t len = whole_line(r, p, n);

	if (!len)
		return 0;
	memcpy(r->status, p, len - 2);
	r->status[len - 2] = '\0';
	r->status_len = len - 2;
	if (len < 5 || memcmp(p, "+OK", 3) != 0 || (p[3] != ' ' && p[3] != '\r'))
		r->error = "not +OK";
	r->at = r->kind == REPLY_LINE ? AT_END : AT_LINE;
	return len;
}

static size_t scan_rows(struct reply *r, const char *p, size_t n)
{
	size_t used = 0;

	while (r->at != AT_END && !r->error) {
		const char *line = p + used;
		size_t len = whole_line(r, line, n - used);
		if (!len)
			break;
		used += len;
		if (len == 3 && line[0] == '.')
			r->at = AT_END;
		else
			r->error = r->row(r->arg, line, len - 2);
	}
	return used;
}

/* The start of a line, where a dot has a meaning; 0 = the octets that decide are still to come. */
static size_t scan_dot(struct reply *r, const char *p, size_t n)
{
	if (n < 2 || (p[1] == '\r' && n < 3))
		return 0;
	if (p[1] == '\r' && p[2] == '\n') {
		r->at = AT_END;
		return 3;
	}
	if (p[1] != '.')
		r->error = "a line that starts with a dot and is not stuffed";
	r->at = IN_LINE;
	r->last = '.';
	return 1;
}

static size_t scan_body(struct reply *r, const char *p, size_t n)
{
	const char *at = p, *end = p + n;

	while (at < end && r->at != AT_END && !r->error) {
		if (r->at == AT_LINE && *at == '.') {
			size_t used = scan_dot(r, at, (size_t)(end - at));
			if (!used)
				break;
			at += used;
			continue;
		}
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		const char *stop = lf ? lf + 1 : end;
		if (lf && (lf == at ? r->last : lf[-1]) != '\r')
			r->error = "a line of a message that ends with a bare LF";
		r->octets += (uint64_t)(stop - at);
		r->last = stop[-1];
		r->at = lf ? AT_LINE : IN_LINE;
		at = stop;
	}
	return (size_t)(at - p);
}

size_t reply_scan(struct reply *r, const char *p, size_t n)
{
	size_t used = 0;

	if (r->at == AT_STATUS)
		used = scan_status(r, p, n);
	if (r->error || r->at == AT_STATUS || r->at == AT_END)
		return used;
	return used + (r->kind == REPLY_BODY ? scan_body : scan_rows)(r, p + used, n - used);
}
