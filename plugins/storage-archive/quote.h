/* quote.h - mboxrd: a line that is "From " behind any number of '>' gets one more of them in the
 * archive, and loses it on the way out. Pure. */
#ifndef ARCHIVE_QUOTE_H
#define ARCHIVE_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

enum {
	UNQUOTE_KEPT = 6, /* octets that one call may hand to the next: ">From" at the most */
	QUOTE_IN_LINE = -1
};

/* Where in a line the message is, as far as quoting needs to know; 0 is its start. */
struct quote {
	int place; /* QUOTE_IN_LINE, or how many octets of "From " were seen and kept back */
	bool used; /* a line was quoted */
};

/* Takes octets of a message and gives them on by add(arg, ...), quoted; what add returns other than
 * 0 ends that and is returned. quote_end() gives on what was kept back. */
int archive_quote(struct quote *, const char *, size_t n,
	int (*add)(void *arg, const char *, size_t n), void *arg);
int archive_quote_end(struct quote *, int (*add)(void *arg, const char *, size_t n), void *arg);

/* All 0 is the start of a message. */
struct unquote {
	bool in_line;         /* behind the start of a line that is of no interest */
	unsigned int quotes;  /* '>' seen at the start of a line: 0, 1, or 2 for more */
	unsigned int matched; /* octets of "From " seen behind them */
};

/* Copies n octets, unquoted. Returns how many it wrote: at most n + UNQUOTE_KEPT. out may be the
 * same memory if it is at least UNQUOTE_KEPT octets before in. */
size_t archive_unquote(struct unquote *, char *out, const char *in, size_t n);
/* What was kept, at the end of the message. */
size_t archive_unquote_end(struct unquote *, char *out);

#endif
