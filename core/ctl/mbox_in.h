/* The messages of an mbox, one after the other, from a stream.
 *
 * A message begins at a line "From sender date" with a date that is one, the first of the file or
 * behind an empty line. One ">" is taken from each line that begins with any number of ">" and
 * "From " (mboxrd), and the empty line before the next message, or the end, is not the message's.
 */
#ifndef CTL_MBOX_IN_H
#define CTL_MBOX_IN_H

#include <stdint.h>
#include <stdio.h>
#include "base/buf.h"

struct mbox_in {
	FILE *f;
	char *line; /* the one that was read last */
	size_t cap, len;
	int64_t date; /* of the From_ line that it is */
};

/* A message as it was sent. */
struct original {
	struct buf text;
	int64_t received; /* 0 = not known */
	char sender[256]; /* "" = null sender, or not known */
};

/* Takes the stream, which stays the caller's. 1 = it is an mbox; 0 = it is not: line is its first
 * line, len 0 where it is empty; -1 with errno. */
int mbox_in_open(struct mbox_in *, FILE *);
/* Fills a letter, whose text is used again. 1; 0 = there is none left; -1 with errno. */
int mbox_in_next(struct mbox_in *, struct original *);
void mbox_in_close(struct mbox_in *);

#endif
