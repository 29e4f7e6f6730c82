/* scan.c - the messages of an mbox, found and measured in one pass.
 *
 * The file is read piece by piece (a mapping would end the process if another program made the file
 * shorter meanwhile). lines_next() goes over each octet once and stops at lines that may begin a
 * message, that are quoted or that begin with a dot; the header's parser follows it.
 *
 * A message begins at a From_ line behind an empty line or at the start of the file, or where the
 * Content-Length of the one before says, if there is one exactly there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "header.h"
#include "lines.h"
#include "mbox.h"

enum {
	PIECE = 64 * 1024, /* small enough to stay in the cache between read and scan */
	BEFORE = 8         /* octets that stay in memory before the ones looked at */
};

struct scanner {
	struct mbox *mb;
	struct index *ix;
	int fd;
	uint64_t size;             /* of the file */
	uint64_t base;             /* where in the file the octet at data is */
	unsigned char *data, *end; /* what is in memory */
	unsigned char *at;         /* how far lines_next() came */
	unsigned char *header_at;  /* how far the header's parser came */
	bool in_run;               /* at is inside of a run of '>' that began a line */
	/* the message that has begun */
	struct index_entry e;
	struct header header;
	uint64_t bare, quoted;
	uint64_t body_end; /* by Content-Length, if it is believed, or 0 */
	uint64_t boundary; /* the From_ line or end of the file behind that, or 0 */
	bool dots, looked; /* Content-Length was looked at */
	unsigned char buffer[BEFORE + PIECE];
};

static uint64_t offset_of(const struct scanner *s, const unsigned char *p)
{
	return s->base + (uint64_t)(p - s->data);
}

/* Is the end of the file in memory? */
static bool at_end(const struct scanner *s)
{
	return offset_of(s, s->end) == s->size;
}

/* Reads on behind what is still needed. */
static int fill(struct scanner *s)
{
	unsigned char *keep = !s->header.done && s->header_at < s->at ? s->header_at : s->at;
	size_t left = (size_t)(s->end - keep), room = PIECE - left;
	ptrdiff_t shift = keep - s->data;
	uint64_t off = offset_of(s, s->end);
	int64_t got;

	memmove(s->data - BEFORE, keep - BEFORE, BEFORE + left);
	s->base = offset_of(s, keep);
	s->at -= shift;
	if (!s->header.done)
		s->header_at -= shift;
	s->end = s->data + left;
	if (room > s->size - off)
		room = (size_t)(s->size - off);
	got = mbox_read(s->fd, s->end, room, off);
	if (got < 0)
		return mbox_failed(s->mb, "read", NULL);
	s->end += got;
	if ((size_t)got < room) /* another program made it shorter, without a lock */
		s->size = off + (uint64_t)got;
	return RESTANTE_OK;
}

/* The octets of the empty line, if there is one, that ends at p: at most those that there are. */
static uint64_t separator(const unsigned char *p, uint64_t octets)
{
	if (octets >= 1 && p[-1] == '\n' && p[-2] == '\n')
		return 1;
	if (octets >= 2 && p[-1] == '\n' && p[-2] == '\r' && p[-3] == '\n')
		return 2;
	return 0;
}

/* The message ends before p: at a From_ line, or at the end of the file. */
static int finish(struct scanner *s, const unsigned char *p)
{
	struct index_entry *e = &s->e;
	uint64_t start = e->from + e->from_len, octets, gap;
	struct header *h = &s->header;
	bool whole, wire;

	e->end = offset_of(s, p);
	octets = e->end - start;
	gap = s->body_end && s->boundary == e->end ? e->end - s->body_end : separator(p, octets);
	e->len = octets - gap;
	whole = e->len == 0 || p[-1 - (int)gap] == '\n';
	s->bare -= gap == 1;
	e->octets = e->len + s->bare + (whole ? 0 : 2) - s->quoted;
	wire = whole && s->bare == 0 && s->quoted == 0;
	e->flags = (uint8_t)(ENTRY_FRESH | (s->quoted ? ENTRY_QUOTED : 0) |
			     (wire ? ENTRY_CRLF : 0) | (s->dots ? 0 : ENTRY_NODOT));
	if (e->from == 0 && h->internal_subject && h->internal_field)
		e->flags |= ENTRY_HIDDEN;
	sip_end(&h->sip, e->hash);
	e->uid_len = 0;
	if (!mbox_index_add(s->ix, e) || (s->mb->uidl_from == UIDL_XUIDL && h->xuidl[0] &&
						 mbox_index_set_uid(s->ix, s->ix->head.count - 1,
							 h->xuidl, strlen(h->xuidl)))) {
		errno = ENOMEM;
		return mbox_failed(s->mb, "index", NULL);
	}
	return RESTANTE_OK;
}

/* A message begins at p. */
static void begin(struct scanner *s, unsigned char *p, size_t from_len, int64_t date)
{
	s->e = (struct index_entry){
		.from = offset_of(s, p), .from_len = (uint16_t)from_len, .received = date};
	header_start(&s->header, p, from_len);
	s->header_at = s->at = p + from_len;
	s->bare = s->quoted = s->boundary = s->body_end = 0;
	s->dots = s->looked = false;
}

/* Believes a Content-Length that leads behind a line's end, where there is, perhaps behind an empty
 * line, a From_ line or the end of the file. */
static int believe(struct scanner *s, uint64_t body_end)
{
	unsigned char near[1 + 2 + FROM_MAX], *p = near + 1;
	int64_t n;

	if (body_end > s->size || body_end < 1)
		return RESTANTE_OK;
	n = mbox_read(s->fd, near, sizeof(near), body_end - 1) - 1;
	if (n < -1)
		return mbox_failed(s->mb, "read", NULL);
	if (n < 0 || (near[0] != '\n' && n > 0))
		return RESTANTE_OK;
	if (n >= 1 && p[0] == '\n')
		p += 1;
	else if (n >= 2 && p[0] == '\r' && p[1] == '\n')
		p += 2;
	n -= p - (near + 1);
	if (n == 0 || from_line((const char *)p, (size_t)n, NULL)) {
		s->body_end = body_end;
		s->boundary = body_end + (uint64_t)(p - (near + 1));
	}
	return RESTANTE_OK;
}

/* Lets the header's parser follow up to end. */
static int follow(struct scanner *s, const unsigned char *end, bool last)
{
	if (s->header.done)
		return RESTANTE_OK;
	s->header_at += header_feed(&s->header, s->header_at, end, last) - s->header_at;
	if (!s->header.done || s->looked || s->header.length == NO_LENGTH)
		return RESTANTE_OK;
	s->looked = true;
	return believe(s, offset_of(s, s->header_at) + s->header.length);
}

/* "From " at p, at the start of a line. */
static int maybe_begin(struct scanner *s, unsigned char *p)
{
	uint64_t off = offset_of(s, p);
	int64_t date = 0;
	size_t len;
	int bad = follow(s, p, true);

	s->at = p + 1;
	if (bad || off < s->boundary)
		return bad;
	if (off != s->boundary && !separator(p, 2)) /* the octets before are there */
		return RESTANTE_OK;
	len = from_line((const char *)p, (size_t)(s->end - p), &date);
	if (!len)
		return RESTANTE_OK;
	bad = finish(s, p);
	if (!bad)
		begin(s, p, len, date);
	return bad;
}

/* '>' at p, at the start of a line or in a run that begins one. False = more must be read. */
static bool maybe_quoted(struct scanner *s, unsigned char *p)
{
	static const char from[] = "From ";
	unsigned char *q = p;

	while (q < s->end && *q == '>')
		q++;
	if ((size_t)(s->end - q) < sizeof(from) - 1 && !at_end(s)) {
		s->in_run = s->in_run || q - 1 > p;
		s->at = q - 1;
		return false;
	}
	if ((size_t)(s->end - q) >= sizeof(from) - 1 && memcmp(q, from, sizeof(from) - 1) == 0) {
		if (s->mb->quoting == QUOTING_MBOXRD)
			s->quoted++;
		else if (s->mb->quoting == QUOTING_MBOXO && q == p + 1 && !s->in_run)
			s->quoted++;
	}
	s->in_run = false;
	s->at = q;
	return true;
}

/* What is in memory, up to where more must be read. */
static int piece(struct scanner *s)
{
	int bad = RESTANTE_OK;

	while (!bad && s->at < s->end) {
		unsigned char *p = s->at;

		if (!s->in_run)
			p += lines_next(s->at, s->end, &s->bare) - s->at;
		s->at = p;
		if (p == s->end)
			break;
		if (*p == 'F') {
			if (s->end - p < FROM_MAX && !at_end(s))
				break;
			bad = maybe_begin(s, p);
		} else if (*p == '>') {
			if (!maybe_quoted(s, p))
				break;
		} else {
			s->dots = true;
			s->at = p + 1;
		}
	}
	return bad ? bad : follow(s, s->end, at_end(s));
}

static int no_mbox(struct scanner *s)
{
	char found[33];
	size_t n = 0;

	for (const unsigned char *p = s->data; p < s->end && n < sizeof(found) - 1; p++, n++)
		found[n] = (char)(*p >= ' ' && *p <= '~' ? *p : '.');
	found[n] = '\0';
	s->mb->host->log(s->mb->host->c, LOG_ERR,
		"%s: expected a From_ line at octet %llu, found \"%s\": no mbox, left as it is",
		s->mb->path, (unsigned long long)s->base, found);
	return RESTANTE_PERM;
}

static int run(struct scanner *s)
{
	int64_t date = 0;
	size_t len;
	int bad = fill(s);

	if (bad)
		return bad;
	len = from_line((const char *)s->data, (size_t)(s->end - s->data), &date);
	if (!len)
		return no_mbox(s);
	begin(s, s->data, len, date);
	while (!(bad = piece(s)) && !at_end(s) && !(bad = fill(s)))
		;
	return bad ? bad : finish(s, s->end);
}

int mbox_scan(struct mbox *mb, uint64_t off, uint64_t size, struct index *ix)
{
	struct scanner *s;
	int bad;

	if (off >= size)
		return RESTANTE_OK;
	s = malloc(sizeof(*s));
	if (!s) {
		errno = ENOMEM;
		return mbox_failed(mb, "read", NULL);
	}
	memset(s, 0, offsetof(struct scanner, buffer));
	s->mb = mb;
	s->ix = ix;
	s->fd = mb->fd;
	s->size = size;
	s->base = off;
	s->data = s->end = s->at = s->header_at = s->buffer + BEFORE;
	s->header.done = true; /* none has begun */
	memset(s->buffer, '\n', BEFORE);
	bad = run(s);
	free(s);
	return bad;
}
