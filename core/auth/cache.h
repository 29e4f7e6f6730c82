/* Passwords that were right, as keyed hashes: to check a good password hash costs tens of
 * milliseconds, and clients come every few minutes. What is kept says only that a worker's plugin
 * has said yes to this user and password from this address, for plugins may look at that too; the
 * record is asked for each time. */
#ifndef AUTH_CACHE_H
#define AUTH_CACHE_H

#include "auth/keyed.h"
#include "auth/rows.h"

enum { CACHE_LABEL_MAX = 64, CACHE_PROOF = 16 };

struct cache {
	const struct keyed *keyed;
	struct rows rows;
	int64_t ttl_ms; /* 0 = nothing is kept */
};

struct cache_key {
	uint64_t place, user;             /* place: of user, password and address */
	unsigned char proof[CACHE_PROOF]; /* of user and password */
};

struct cached {
	struct row row;
	uint64_t user, named; /* as the client wrote it, as the record has it */
	unsigned char proof[CACHE_PROOF];
	uint64_t stamp;   /* of the record then; 0 = not known */
	int64_t until;    /* clock_ms */
	uint32_t backend; /* who said yes */
	char label[CACHE_LABEL_MAX + 1];
};

void cache_init(struct cache *, const struct keyed *, int64_t ttl_ms, size_t entries);
void cache_key(const struct cache *, const char *user, const char *password, const char *ip,
	struct cache_key *);
/* NULL: it has to be checked. */
const struct cached *cache_find(const struct cache *, const struct cache_key *, int64_t now);
/* The password was right. name, label: of the record; label may be "". */
void cache_put(struct cache *, const struct cache_key *, const char *name, uint64_t stamp,
	uint32_t backend, const char *label, int64_t now);
void cache_drop(const struct cache *, const struct cache_key *);
/* Forgets one user, by either name, or all: NULL. How many entries there were. */
size_t cache_flush(const struct cache *, const char *user);

#endif
