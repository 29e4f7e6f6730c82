/* Messages to the form of an mbox: mboxrd, where every line "From " behind any number of ">" gets
 * one more ">". */
#ifndef CTL_MBOX_OUT_H
#define CTL_MBOX_OUT_H

#include <stdint.h>
#include "base/buf.h"

struct mbox_out {
	struct buf text; /* what was made; the caller takes it out when he likes */
	int place;
	char last;
};

/* The From_ line; an empty sender is MAILER-DAEMON. RFC 4155: its time is UTC; 1970 = not known. */
void mbox_out_begin(struct mbox_out *, const char *sender, int64_t received);
/* A piece of the message, cut anywhere. */
void mbox_out_add(struct mbox_out *, const char *p, size_t n);
/* Completes the last line and adds the empty one. */
void mbox_out_end(struct mbox_out *);

#endif
