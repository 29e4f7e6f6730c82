/* uidl.h - the record of messages that have, or had, a twin: the file mbox.uidl (record.c). */
#ifndef MBOX_UIDL_H
#define MBOX_UIDL_H

#include "mbox.h"

struct record_line {
	uint8_t hash[HASH_LEN];
	const char *uid;
	uint8_t uid_len;
	bool removing; /* a session wanted to remove it */
	bool removed;  /* and did */
};

struct record {
	void *block; /* the file's octets */
	size_t len;
	struct record_line *line;
	size_t n;
};

/* Text that grows; p is from malloc, NULL after lack of memory (then full is set). */
struct text {
	char *p;
	size_t len, room;
	bool full;
};

/* Reads the record (empty, if there is none) and finds out by the messages that there are now which
 * ones were removed. */
int record_read(struct mbox *, const struct index *now, struct record *);
bool record_removed(const struct record *, const char *uid, size_t len);
void record_free(struct record *);

/* Adds a line. */
void record_print(struct text *, bool removing, const char *hex, const char *uid);
/* Makes text the record, durably, if the record is another one. */
int record_write(struct mbox *, const struct record *, const struct text *);

#endif
