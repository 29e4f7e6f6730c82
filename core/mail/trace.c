/* trace - the fields at the front of a delivered message. */
#include "mail/trace.h"

#include <string.h>
#include <strings.h>

struct field {
	const char *name, *value; /* the value with its folding, without the last line's end */
	size_t name_len, value_len;
	size_t len; /* octets of the whole field; 0 = the header is over */
};

/* Octets of the line at text with its end. */
static size_t line_len(const char *text, size_t n)
{
	const char *end = n > 0 ? memchr(text, '\n', n) : NULL;

	return end != NULL ? (size_t)(end - text) + 1 : n;
}

/* The field at text, with the lines that continue it. */
static struct field next_field(const char *text, size_t n)
{
	struct field f = {.name = text, .len = line_len(text, n)};
	const char *colon = f.len > 0 ? memchr(text, ':', f.len) : NULL;

	if (colon == NULL || *text == ' ' || *text == '\t')
		return (struct field){.len = 0}; /* an empty line, or no header at all */
	while (f.len < n && (text[f.len] == ' ' || text[f.len] == '\t'))
		f.len += line_len(text + f.len, n - f.len);
	f.name_len = (size_t)(colon - text);
	while (f.name_len > 0 && (text[f.name_len - 1] == ' ' || text[f.name_len - 1] == '\t'))
		f.name_len--;
	f.value = colon + 1;
	f.value_len = f.len - (size_t)(f.value - text);
	while (f.value_len > 0 && memchr(" \t\r\n", *f.value, 4) != NULL) {
		f.value++;
		f.value_len--;
	}
	while (f.value_len > 0 && memchr(" \t\r\n", f.value[f.value_len - 1], 4) != NULL)
		f.value_len--;
	return f;
}

static int is_named(const struct field *f, const char *name)
{
	return f->name_len == strlen(name) && strncasecmp(f->name, name, f->name_len) == 0;
}

static int starts(const char *text, size_t n, const char *with)
{
	size_t len = strlen(with);

	return n >= len && memcmp(text, with, len) == 0;
}

void trace_read(const char *text, size_t n, const char *address, struct trace *t)
{
	struct field f;
	size_t at, first;

	*t = (struct trace){.msgid = "", .eol = "\n"};
	if (starts(text, n, "From "))
		t->skip = line_len(text, n);
	first = line_len(text + t->skip, n - t->skip);
	if (first >= 2 && text[t->skip + first - 2] == '\r')
		t->eol = "\r\n";
	t->bare = first > 0 && next_field(text + t->skip, first).len == 0 &&
		  text[t->skip] != '\n' && text[t->skip] != '\r';
	for (at = t->skip; (f = next_field(text + at, n - at)).len > 0; at += f.len) {
		if (at == t->skip && is_named(&f, "Return-Path"))
			t->skip += f.len;
		if (is_named(&f, "Delivered-To") && f.value_len == strlen(address) &&
			memcmp(f.value, address, f.value_len) == 0)
			t->loop = 1;
		if (t->msgid_len == 0 && is_named(&f, "Message-ID")) {
			t->msgid = f.value;
			t->msgid_len = f.value_len;
		}
	}
}

void trace_write(const struct trace *t, const char *sender, const char *address, struct buf *out)
{
	buf_printf(out, "Return-Path: <%s>%sDelivered-To: %s%s", sender, t->eol, address, t->eol);
	if (t->bare)
		buf_add(out, t->eol, strlen(t->eol));
}
