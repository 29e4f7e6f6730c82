/* What auth remembers from one login to the next, and what that changes. It lives as long as the
 * process: a restart or a reload begins anew. */
#ifndef AUTH_MEMORY_H
#define AUTH_MEMORY_H

#include "auth/cache.h"
#include "auth/keyed.h"
#include "auth/penalty.h"
#include "auth/rows.h"
#include "conf/conf.h"

struct request;

struct memory {
	struct keyed keyed;
	struct cache cache;
	struct penalties penalties;
	struct rows logins; /* struct login_row */
};

/* What one request has to do with it. */
struct remembered {
	int begun, keyed, cacheable; /* attempt is set; key is set; for the cache too */
	int cached;                  /* the cache answered */
	struct attempt attempt;
	struct cache_key key;
};

/* 0, or -1: this OpenSSL has not what it takes. */
int memory_init(struct memory *, const struct conf *);

/* The mechanism wants something to be asked about the user: asks a worker; or less than was wanted,
 * where the cache knows the rest; or refuses, where the address has too much to pay. */
void memory_ask(struct request *);
/* Its address has too much to pay: refuses it. Asked again when its turn with a worker has come,
 * for what others of the address have cost meanwhile. */
int memory_refuses(struct request *);
/* A worker has answered with the user's record. 1: it is good; *user may be completed, with attrs
 * in room. 0: it was the cache that was wrong, and the worker was asked again. */
int memory_answered(struct request *, int result, uint32_t backend, struct restante_user *user,
	const char **room, size_t cap);
/* Has the user logged in from this address before? */
int memory_known(struct request *);
/* For how many ms the answer to a failure is to wait. */
int64_t memory_failed(struct request *);
/* Everything is right: remembers that. Or the user has logged in too recently: how many seconds it
 * is too soon. */
int64_t memory_passed(struct request *, const struct restante_user *);

#endif
