/* pop3/slice.h - a piece of somebody else's octets: not ended by NUL, owned by nobody here. */
#ifndef POP3_SLICE_H
#define POP3_SLICE_H

#include <stddef.h>

struct slice {
	const char *at;
	size_t len;
};

#endif
