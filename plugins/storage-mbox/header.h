/* header.h - what the scanner wants to know from a message's header. Pure: no I/O. */
#ifndef MBOX_HEADER_H
#define MBOX_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "index.h"
#include "sip.h"

#define NO_LENGTH UINT64_MAX

struct header {
	struct sip sip;
	uint64_t length; /* Content-Length, or NO_LENGTH */
	bool done;       /* the empty line was seen */
	bool internal_subject, internal_field;
	char xuidl[UID_LEN + 1]; /* "" = none that is legal */
	bool in_line, keep;      /* between two pieces: inside a line; it counts for the hash */
};

/* Begins a header; the From_ line is hashed too. */
void header_start(struct header *, const unsigned char *from, size_t from_len);

/* Takes octets of the header from p on, up to end or its empty line; returns how far it came. That
 * may be less than end when a line begins that is not there whole, and last is false: then
 * call again with the line's start and more behind it. */
const unsigned char *header_feed(
	struct header *, const unsigned char *p, const unsigned char *end, bool last);

#endif
