/* Questions over a Unix socket: a program connects, sends one line and gets lines back, then the
 * connection is closed. For administration: few clients, none of which may hold up the process that
 * is asked.
 *
 * All of it is behind one descriptor, which the process watches with its others and which is
 * readable when there is something to do. Nothing here waits. Who asks and says nothing, or does
 * not read the answer, keeps a place until somebody else wants it: the oldest has to go. */
#ifndef SYS_QUERY_H
#define SYS_QUERY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/buf.h"

enum {
	QUERY_CLIENTS = 4,
	QUERY_LINE = 512 /* octets of a question, its newline included */
};

struct query_client {
	int fd;        /* -1 = free */
	uint64_t turn; /* lower ones came earlier */
	size_t n;      /* of line */
	char line[QUERY_LINE];
	struct buf out; /* the answer; nothing: it was not asked yet */
	size_t sent;
};

struct query {
	int fd; /* to be watched for reading; -1 = there is nothing to watch */
	int listener;
	uid_t other; /* who may ask beside root */
	uint64_t turns;
	void (*answer)(void *arg, const char *line, size_t n, struct buf *out);
	void *arg;
	struct query_client clients[QUERY_CLIENTS];
};

/* listener: a non-blocking Unix socket that listens, of its own from now on; -1 = nobody can ask.
 * answer: gets the line without its newline and appends what is to be said. 0, or -1 with errno. */
int query_open(struct query *, int listener, uid_t other,
	void (*answer)(void *arg, const char *line, size_t n, struct buf *out), void *arg);
/* The descriptor is readable: takes who has come, reads, answers, as far as that goes now. */
void query_work(struct query *);

#endif
