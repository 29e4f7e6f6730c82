/* uidl.h - the record of UIDLs that cannot be made again from the messages: the file mbox.uidl
 * (record.c). */
#ifndef MBOX_UIDL_H
#define MBOX_UIDL_H

#include <string.h>

#include "mbox.h"

enum { HEX_LEN = 2 * HASH_LEN };

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
	struct groups by_uid; /* lines */
};

/* Text that grows; p is from malloc, NULL after lack of memory (then full is set). */
struct text {
	char *p;
	size_t len, room;
	bool full;
};

/* Takes the len octets at block (from malloc) as a record; what cannot be a line is left out, and
 * so are lines whose UIDL a later one has. 0 = *r is it and owns the block; -1 = no memory: the
 * block is still the caller's. */
int record_parse(struct record *r, void *block, size_t len);
/* Reads the record (empty, if there is none) and finds out by the messages that there are now which
 * ones were removed. */
int record_read(struct mbox *, const struct index *now, struct record *);
/* The line with that UIDL, or NULL. */
const struct record_line *record_by_uid(const struct record *, const char *uid, size_t len);
void record_free(struct record *);

void hash_to_hex(char hex[HEX_LEN + 1], const uint8_t *hash);
/* Adds a line. */
void record_print(struct text *, bool removing, const uint8_t *hash, const char *uid);
/* Makes text the record, durably, if the record is another one. */
int record_write(struct mbox *, const struct record *, const struct text *);
/* Adds a line to the file, durably. *before is what record_cut() takes to undo it, or -1. */
int record_append(struct mbox *, const uint8_t *hash, const char *uid, int64_t *before);
void record_cut(struct mbox *, int64_t before);

static inline uint64_t hash_key(const uint8_t *hash)
{
	uint64_t key;

	memcpy(&key, hash, sizeof(key));
	return key;
}

static inline uint64_t uid_key(const char *uid, size_t len)
{
	return mbox_index_sum(0, uid, len);
}

#endif
