/* samples - messages with one trouble each, and what they are on the wire. */
#include "testkit/kit.h"

#include <stdio.h>
#include <string.h>

#define HEAD "From: a@example.org\nSubject: a sample\n\n"

static const struct {
	const char *name, *text;
	size_t len;
} texts[] = {
#define TEXT(name, text)                     \
	{                                    \
		name, text, sizeof(text) - 1 \
	}
	TEXT("plain", HEAD "Hello.\n"),
	TEXT("CRLF line ends", "Subject: x\r\n\r\nHello.\r\n"),
	TEXT("both line ends", "Subject: x\r\n\nHello.\r\nWorld\n"),
	TEXT("no last newline", HEAD "Hello."),
	TEXT("CRLF and no last newline", "Subject: x\r\n\r\nHello."),
	TEXT("lines of dots", HEAD ".\n..\n...\n.\n"),
	TEXT("a dot first", ".Subject: x\n\nbody\n"),
	TEXT("a header alone", "Subject: x\n"),
	TEXT("a header and an empty line", "Subject: x\n\n"),
	TEXT("empty lines at the end", HEAD "Hello.\n\n\n\n"),
	TEXT("lines that begin with From", HEAD "From me\n\nFrom you\n>From us\n"),
	TEXT("8-bit octets", "Subject: \303\244\n\n\377\376\200\n"),
	TEXT("NUL octets", HEAD "a\0b\0\n"),
	TEXT("CR inside of lines", HEAD "a\rb\r\rc\n"),
	TEXT("CR at the end of a line that CRLF ends", HEAD "a\r\r\n"),
#undef TEXT
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

size_t samples(void)
{
	return TEXTS + 2;
}

const char *sample(size_t i, struct buf *out)
{
	out->len = 0;
	if (i < TEXTS) {
		buf_add(out, texts[i].text, texts[i].len);
		return texts[i].name;
	}
	buf_printf(out, HEAD);
	for (size_t line = 0; line < 5000; line++)
		buf_printf(out, i == TEXTS ? "line %zu\n.dot\n" : "line %zu, never ended;", line);
	return i == TEXTS ? "many lines" : "one long line";
}

void numbered(size_t number, struct buf *out)
{
	out->len = 0;
	buf_printf(out, "Subject: message %zu\n\n", number);
	for (size_t i = 0; i < 1 + number % 7; i++)
		buf_printf(out, "line %zu of %zu\n", i, number);
}

size_t wire_octets(const struct buf *stored)
{
	size_t n = stored->len;
	char last = '\n';

	for (size_t i = 0; i < stored->len; i++) {
		n += stored->p[i] == '\n' && last != '\r';
		last = stored->p[i];
	}
	return stored->len > 0 && last != '\n' ? n + 2 : n;
}

void to_wire(const struct buf *stored, struct buf *out)
{
	char last = '\n';

	out->len = 0;
	for (size_t i = 0; i < stored->len; i++) {
		if (stored->p[i] == '\n' && last != '\r')
			buf_add(out, "\r", 1);
		last = stored->p[i];
		buf_add(out, &last, 1);
	}
	if (stored->len > 0 && last != '\n')
		buf_add(out, "\r\n", 2);
}

bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}
