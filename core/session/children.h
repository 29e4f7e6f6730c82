/* The sessions that are running: one process each. */
#ifndef SESSION_CHILDREN_H
#define SESSION_CHILDREN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "ipc/limits.h"

struct child {
	pid_t pid;
	uint64_t key; /* of its address in limits, when counted */
	int counted;  /* 0: login relays, and counts */
	int64_t began;
	char *user, *ip; /* ip "" = a delivery */
	/* of a session: */
	char *label, *tls;   /* "" = none */
	const char *storage; /* of the configuration */
	/* of a delivery: which process asked for it, under which number */
	uint32_t lmtp, id;
};

struct children {
	struct child *list;
	size_t n, cap;
	struct limits limits;
};

/* What is known of a session when it begins. counted: its connection is in nobody else's count
 * (login does not relay it). */
struct child_session {
	const char *user, *label, *ip, *tls, *storage;
	int counted;
};
void children_add(struct children *, pid_t, const struct child_session *);
/* A delivery has begun. */
void children_add_delivery(struct children *, pid_t, const char *user, uint32_t lmtp, uint32_t id);
/* Is it a session, and has it not ended yet? */
int children_is_session(const struct child *);
/* How many sessions this user has. */
size_t children_of(const struct children *, const char *user);
/* Forgets those that have ended; a line in the log for each that did not end by itself, and a call
 * of delivered() for each delivery. Does not block. */
void children_reap(struct children *,
	void (*delivered)(void *arg, const struct child *, int status), void *arg);
/* Sends a signal to all. */
void children_kill(const struct children *, int signal);

#endif
