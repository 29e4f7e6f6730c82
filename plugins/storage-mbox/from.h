/* from.h - From_ lines. Pure; restantectl reads mbox files with it too. */
#ifndef MBOX_FROM_H
#define MBOX_FROM_H

#include <stddef.h>
#include <stdint.h>

enum { FROM_MAX = 1024 }; /* a longer line is none */

/* Is this, from its "From " on, a From_ line, whole with its line end? n are the octets there are,
 * of this line and others: at least FROM_MAX, or all up to the end of the file. Its length, or 0.
 * *date (may be NULL) gets the time in it, as if it were UTC where it says no zone. */
size_t from_line(const char *, size_t n, int64_t *date);

#endif
