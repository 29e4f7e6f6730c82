/* quote.h - takes the quoting from lines that look like From_ lines. Pure. */
#ifndef MBOX_QUOTE_H
#define MBOX_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

enum { UNQUOTE_KEPT = 6 }; /* octets that one call may hand to the next: ">From" at the most */

struct unquote {
	bool one;             /* only lines with a single '>' (mboxo) */
	bool in_line;         /* behind the start of a line that is of no interest */
	unsigned int quotes;  /* '>' seen at the start of a line: 0, 1, or 2 for more */
	unsigned int matched; /* octets of "From " seen behind them */
};

/* Copies n octets, unquoted; all 0 but one is the start of a message. Returns how many it wrote: at
 * most n + UNQUOTE_KEPT. out may be the same memory if it is at least UNQUOTE_KEPT octets before
 * in. */
size_t unquote(struct unquote *, char *out, const char *in, size_t n);
/* What was kept, at the end of the message. */
size_t unquote_end(struct unquote *, char *out);

#endif
