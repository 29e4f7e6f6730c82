/* The files that a configuration consists of, read whole. */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include <stddef.h>
#include "base/buf.h"

struct source {
	char *name; /* as the administrator knows it, for messages */
	struct buf text;
};

/* {0} has none. The first is the main file; those that it includes follow in their order. */
struct sources {
	struct source *list;
	size_t n;
};

/* Reads a file; 0, or -1 with *why. A file that is there already is not read again. */
int source_add(struct sources *, const char *path, struct buf *why);
/* Reads all files that match pattern, relative to the folder of from, in the order of their names.
 * A pattern with wildcards may match nothing. */
int source_include(struct sources *, const char *from, const char *pattern, struct buf *why);
void source_free(struct sources *);

#endif
