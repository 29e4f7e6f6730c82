/* header.c - the hash of a message, and four fields.
 *
 * The hash leaves out what other programs change in the messages of an mbox. A key is not needed:
 * who makes two messages with one hash gets two UIDLs nevertheless (uidl.c). */
#include "header.h"

#include <string.h>
#include <strings.h>

enum { LOOK = 128 }; /* octets of a line that must be there to tell what it is */

static const uint64_t sip_key[2] = {UINT64_C(0x5265737461746520), UINT64_C(0x6d626f782d75696c)};

enum field { FIELD_OTHER, FIELD_CHANGES, FIELD_LENGTH, FIELD_UIDL, FIELD_IMAP, FIELD_SUBJECT };

static const struct {
	const char *name;
	size_t len;
	enum field field;
} fields[] = {
#define FIELD(name, field)                    \
	{                                     \
		name ":", sizeof(name), field \
	}
	FIELD("Status", FIELD_CHANGES),
	FIELD("X-Status", FIELD_CHANGES),
	FIELD("X-UID", FIELD_CHANGES),
	FIELD("X-Keywords", FIELD_CHANGES),
	FIELD("Lines", FIELD_CHANGES),
	FIELD("Content-Length", FIELD_LENGTH),
	FIELD("X-UIDL", FIELD_UIDL),
	FIELD("X-IMAPbase", FIELD_IMAP),
	FIELD("X-IMAP", FIELD_IMAP),
	FIELD("Subject", FIELD_SUBJECT),
};

static const char pseudo[] = "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA";

void header_start(struct header *h, const unsigned char *from, size_t from_len)
{
	*h = (struct header){.length = NO_LENGTH};
	sip_start(&h->sip, sip_key);
	sip_add(&h->sip, from, from_len);
}

/* Which field a line begins, and where its value is: without the white space around it. */
static enum field field_of(
	const unsigned char *p, size_t len, const char **value, size_t *value_len)
{
	unsigned char first = (unsigned char)(*p | 32);

	if (first != 's' && first != 'x' && first != 'l' && first != 'c')
		return FIELD_OTHER;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *from = (const char *)p + fields[i].len, *to = (const char *)p + len;

		if (len < fields[i].len ||
			strncasecmp((const char *)p, fields[i].name, fields[i].len))
			continue;
		while (from < to && strchr(" \t", *from))
			from++;
		while (from < to && strchr(" \t\r\n", to[-1]))
			to--;
		*value = from;
		*value_len = (size_t)(to - from);
		return fields[i].field;
	}
	return FIELD_OTHER;
}

static uint64_t length_of(const char *p, size_t len)
{
	uint64_t n = 0;

	if (len < 1 || len > 18)
		return NO_LENGTH;
	for (; len; len--, p++) {
		if (*p < '0' || *p > '9')
			return NO_LENGTH;
		n = 10 * n + (uint64_t)(*p - '0');
	}
	return n;
}

/* RFC 1939 section 7 */
static bool legal_uidl(const char *p, size_t len)
{
	if (len < 1 || len > UID_LEN)
		return false;
	for (; len; len--, p++)
		if (*p < 0x21 || *p > 0x7e)
			return false;
	return true;
}

/* Looks at a line that begins a field. Does it count for the hash? */
static bool look_at(struct header *h, const unsigned char *p, size_t len)
{
	const char *value = "";
	size_t n = 0;

	switch (field_of(p, len, &value, &n)) {
	case FIELD_OTHER:
		return true;
	case FIELD_SUBJECT:
		h->internal_subject |= n == sizeof(pseudo) - 1 && memcmp(value, pseudo, n) == 0;
		return true;
	case FIELD_LENGTH:
		h->length = length_of(value, n);
		return false;
	case FIELD_UIDL:
		if (legal_uidl(value, n)) {
			memcpy(h->xuidl, value, n);
			h->xuidl[n] = '\0';
		}
		return false;
	case FIELD_IMAP:
		h->internal_field = true;
		return false;
	case FIELD_CHANGES:
		break;
	}
	return false;
}

static bool is_empty_line(const unsigned char *p, size_t len)
{
	return p[0] == '\n' || (len == 2 && p[0] == '\r' && p[1] == '\n');
}

const unsigned char *header_feed(
	struct header *h, const unsigned char *p, const unsigned char *end, bool last)
{
	const unsigned char *kept = p; /* from here on octets count that are not hashed yet */

	while (!h->done && p < end) {
		const unsigned char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline + 1 : end) - p);

		if (!h->in_line) {
			bool kept_before = h->keep;

			if (!newline && len < LOOK && !last)
				break;
			if (newline && is_empty_line(p, len)) {
				h->done = true;
				h->keep = false;
			} else if (*p != ' ' && *p != '\t') {
				h->keep = look_at(h, p, len);
			}
			if (kept_before && !h->keep)
				sip_add(&h->sip, kept, (size_t)(p - kept));
			else if (!kept_before)
				kept = p;
		}
		h->in_line = newline == NULL;
		p += len;
	}
	if (h->keep && p > kept)
		sip_add(&h->sip, kept, (size_t)(p - kept));
	return p;
}
