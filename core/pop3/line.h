/* pop3/line.h - cuts what a client sent into lines, in a buffer that the caller owns.
 *
 *	p = line_space(&r, &room);		where to read from the socket to
 *	line_fill(&r, read(fd, p, room));
 *	while ((event = line_next(&r, limit, &line)) != LINE_MORE)
 *		...
 *
 * Nothing here allocates, blocks or fails.
 */
#ifndef POP3_LINE_H
#define POP3_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "pop3/slice.h"

enum {
	LINE_COMMAND = 255,       /* octets of a command line with its CRLF (RFC 2449 section 4) */
	LINE_AUTH = 24 * 1024 + 2 /* of a line of AUTH data, base64 of 18 KiB: a token of 16 KiB
				     and what goes with it (RFC 4954 section 4 asks for 12288) */
};

enum line_event {
	LINE_MORE,     /* no whole line is here: read more */
	LINE_READY,    /* a line */
	LINE_NUL,      /* a line that holds a NUL octet: answer as a bad command */
	LINE_TOO_LONG, /* once, as soon as a line is over the limit; its rest is dropped */
};

/* The unread octets are buf[start..end). */
struct line_reader {
	char *buf;
	size_t cap, start, end;
	size_t scanned; /* octets after start that are known to hold no newline */
	bool dropping;  /* inside a line that was too long */
};

/* Makes buf the reader's buffer and moves the unread octets there. So it starts a zeroed reader,
 * gives it a larger buffer for AUTH data, and parks an idle client: with nothing unread buf may be
 * NULL and cap 0. The old buffer is the caller's to free (and to wipe). cap is the largest limit in
 * use, or more (a line that fills the buffer is too long whatever the limit), and never below
 * line_rest().len. */
void line_attach(struct line_reader *, char *buf, size_t cap);

/* Where the next octets from the client go and how many fit (0 only when the caller did not take
 * the lines that are there). Moves the unread octets to the buffer's start if that makes room. */
char *line_space(struct line_reader *, size_t *room);

/* n octets were written to line_space(). */
void line_fill(struct line_reader *, size_t n);

/* Takes the next line. limit: the octets of the longest line allowed now, its CRLF included. After
 * LINE_READY and LINE_NUL *line is the line without its CRLF or bare LF; a NUL stands behind it,
 * in place of the line end. It points into the buffer: valid until the next line_space() or
 * line_attach(). */
enum line_event line_next(struct line_reader *, size_t limit, struct slice *line);

/* What was read and not yet taken: handed over with the client at login. */
struct slice line_rest(const struct line_reader *);

/* Forgets what was read and not yet taken, as STLS must (RFC 2595 section 4). */
void line_drop(struct line_reader *);

#endif
