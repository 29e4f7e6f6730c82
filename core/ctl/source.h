/* Where `mailbox import` reads: an mbox file, a Maildir, or a file that is one message. */
#ifndef CTL_SOURCE_H
#define CTL_SOURCE_H

#include <stdint.h>
#include <stdio.h>
#include "ctl/mbox_in.h"

struct source {
	const char *name; /* "-" = standard input */
	FILE *f;          /* NULL = it is a Maildir: */
	int folder;
	char **files; /* "cur/...", in the order of their names */
	size_t nfiles, at;
	uint64_t octets; /* 0 = not known */
	struct mbox_in mbox;
	int64_t changed; /* when the file was written to */
	enum { SOURCE_NEW, SOURCE_MBOX, SOURCE_MAILDIR, SOURCE_LETTER, SOURCE_END } state;
};

/* Opens it with the rights of who calls. The name stays the caller's. 0, or -1 after a message. */
int source_open(struct source *, const char *name);
/* The next message. 1; 0 = there is none left; -1 after a message. */
int source_next(struct source *, struct original *);
void source_close(struct source *);

#endif
