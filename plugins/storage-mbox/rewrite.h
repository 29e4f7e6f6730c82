/* rewrite.h - the two ways to take messages out of an mbox. */
#ifndef MBOX_REWRITE_H
#define MBOX_REWRITE_H

#include <stddef.h>
#include <stdint.h>

struct mbox;

/* Octets of the file that stay. */
struct range {
	uint64_t from, to;
};

/* Lock held: the file becomes the n ranges, in their order. A new file that takes the old one's
 * place: NONE = that cannot be here, and nothing was done. */
int rewrite_file(struct mbox *, const struct range *, size_t n);
/* Lock held: the same in place, by a journal. size is the file's; the first range begins at 0 or
 * nothing of the beginning stays. */
int rewrite_tail(struct mbox *, const struct range *, size_t n, uint64_t size);

#endif
