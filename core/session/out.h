/* What goes to the client: one large buffer, written when it is full or when the client is waited
 * for. A reply can be taken back as long as none of it was written. */
#ifndef SESSION_OUT_H
#define SESSION_OUT_H

#include <stddef.h>
#include <stdint.h>

enum {
	OUT_SIZE = 192 * 1024,
	OUT_FULL = 64 * 1024,  /* worth a write though more is to come */
	PIECE_SIZE = 64 * 1024 /* of a stored message */
};

struct out {
	int fd;
	unsigned char *buf; /* OUT_SIZE octets of which only the used pages exist */
	unsigned char
		*piece; /* PIECE_SIZE octets for what is read from the storage, trimmed with buf */
	size_t len;
	size_t high;      /* how far the buffer was used since it was trimmed */
	uint64_t written; /* octets, of the whole session */
	int error;        /* errno of the write that failed: everything later is dropped */
};

void out_open(struct out *, int fd);
/* The end of the buffer with at least n octets of room (n <= OUT_SIZE), after a write where needed;
 * the caller fills in and adds to len. Blocks as out_flush. */
unsigned char *out_room(struct out *, size_t n);
/* Writes all that is there. Blocks until the client has taken it or the socket's time-out is over.
 * 0, or -1: error says why. */
int out_flush(struct out *);
/* As out_flush, for octets that more will follow at once: TCP need not send a short segment. */
int out_flush_more(struct out *);
/* Gives the memory of an idle session's buffer back. */
void out_trim(struct out *);

#endif
