/* restante-auth: the parts that its files share.
 *
 *	login --AUTH_START--> request.c --> mech.c --> pool.c --VERIFY--> worker
 *	                                        `- memory.c: cache, penalties
 *	login <--AUTH_OK----- grant.c  <-- request.c <-- pool.c <--VERIFIED-- worker
 *	session <--GRANT-----     `- refuse.c --AUTH_FAIL--> login
 *
 * One process, one loop, nothing that waits: each function returns at once. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>
#include "auth/mech.h"
#include "auth/memory.h"
#include "auth/outbox.h"
#include "conf/conf.h"
#include "ipc/msg.h"
#include "ipc/role.h"
#include "sys/query.h"

#define QUEUE_MAX 1024 /* requests of strangers that wait for a worker */
#define BUCKETS 1024   /* a power of two */
#define IP_MAX 64

enum request_state {
	WITH_CLIENT, /* a challenge is out */
	QUEUED,      /* no worker is idle */
	WITH_WORKER,
	GRANTED /* the session spawner is to be told before login */
};

/* One authentication, from AUTH_START until it is answered. */
struct request {
	struct auth *auth;
	struct login
		*login; /* NULL: the client or its login process has gone, nobody wants an answer */
	uint32_t id;    /* login's number */
	uint32_t serial; /* ours, towards workers */
	enum request_state state;
	int64_t began;  /* clock_us: when the client has said its last word */
	int64_t given;  /* clock_us: to a worker */
	int64_t took;   /* us that the workers had; 0 = they were not asked */
	int64_t queued; /* clock_ms */
	size_t backend; /* the auth plugin that is asked */
	char named[MECH_USER_MAX + 1]; /* whose record is asked for, where a plugin has named him */
	int lookup; /* for LMTP: who is it? Nobody proves anything, x has the name alone */
	struct exchange x;
	struct restante_user *record; /* found, while the exchange goes on; NULL = none */
	char client_ip[IP_MAX], server_ip[IP_MAX];
	int tls;
	int urgent; /* goes before others: it is cheap, or a user who is known there */
	int silent; /* its refusal is not logged: another one of the same second is */
	struct remembered memory;
	const char *note;                 /* for the log, beside the reason */
	unsigned char ticket[TICKET_LEN]; /* GRANTED */
	struct request *next_in_bucket;
	struct request *next, **link; /* of the queue */
	size_t turn;                  /* there: how many of the same address were before it */
};

/* A login process; or LMTP, which asks for records and for nothing else. */
struct login {
	struct auth *auth;
	struct channel c;
	struct outbox answers; /* has the same channel */
	struct event readable;
	struct login *next;
};

struct worker {
	struct auth *auth;
	struct pool *pool;
	struct channel c;
	struct event readable;
	struct request *busy; /* NULL = idle */
	struct worker *next;
};

/* The workers of one auth plugin. */
struct pool {
	struct auth *auth;
	struct worker *workers;
	struct queue {
		struct request *first;
		size_t n;
	} queues[2]; /* urgent ones, the others */
	size_t queued;
	struct event expire; /* runs while somebody waits */
};

struct auth {
	struct role_start start;
	struct event_base *base;
	struct event from_master;
	struct query query; /* of restantectl */
	struct event questions;
	struct conf *conf;
	int64_t timeout_ms, step_ms; /* step_ms: see refuse.c */
	int64_t slowest, slowest_at; /* check that was refused: us, clock_us */
	int draining;
	size_t max_requests; /* exchanges at a time, from all login processes */
	uint32_t mechanisms; /* MECHANISM_BIT of each that login may ask for */
	struct mech_mask mask;
	struct memory memory;
	struct login *logins;
	struct outbox session;
	struct pool *pools; /* in the order in which plugins are asked */
	size_t npools;
	uint32_t each; /* workers a pool */
	struct request *buckets[BUCKETS];
	size_t nrequests;
	uint32_t serial;
	struct msg in, out;
};

/* main.c: sends auth->out, at once or when the process has read what was sent before. 0; -1: it
 * never will. */
int login_tell(struct login *);

/* request.c: what came from a login process is in auth->in, of the types AUTH_*. */
void request_start(struct login *);
void request_step(struct login *);
void request_abort(struct login *);
/* All of a login process that died. */
void request_abort_all(struct login *);
/* What the worker found: result is that of the plugin; on OK user and extra too (they live in
 * auth->in). */
void request_answered(struct request *, int result, const struct restante_user *user,
	const unsigned char *extra, size_t n);
/* A new request, as if login had begun it; NULL: the number is in use, or there are too many. */
struct request *request_new(struct login *, uint32_t id);
/* Forgets it, wiped. Not while it is WITH_WORKER. */
void request_free(struct request *);

/* lookup.c: LOOKUP is in auth->in. */
void lookup_start(struct login *);
/* What the worker found, or that nothing can be found: result is not OK then. Ends the request, or
 * grants a ticket for a delivery first. */
void lookup_answered(struct request *, int result, const struct restante_user *);
/* As granted. */
void lookup_granted(struct request *, int result);

/* pool.c */
void pool_init(struct auth *);
void pool_add(struct auth *, const struct channel *);
/* Asks the first plugin: gives it to an idle worker, or queues it, or answers TEMP. */
void pool_ask(struct request *);
/* A plugin has answered. 1: another one is asked, because this does not know, or knows no more than
 * a name; 0: that was the answer. */
int pool_goes_on(struct request *, int result, const struct restante_user *);
/* Is there no plugin behind the one that has answered? */
int pool_is_last(const struct request *);
/* Takes it out of the queue. */
void pool_leave(struct request *);

/* grant.c: the client is who it says. Tells the session spawner, then login; or refuses. Ends the
 * request. */
void grant(struct request *, const struct restante_user *);
/* The spawner was told: 0, or cannot be: -1 with errno. */
void granted(struct request *, int result);

/* control.c: lets restantectl ask. */
void control_listen(struct auth *);

/* refuse.c: logs it with the reason and sends AUTH_FAIL, a DENY with a time for its answer that
 * tells nothing. Ends the request. why: a word; NULL = that of the result. */
void refuse(struct request *, int result, const char *why);
/* The client has gone while a worker looked. A failure is one all the same: to hang up early must
 * not be the cheap way to guess. Ends the request. */
void refuse_absent(struct request *, int result);
/* The user has logged in too recently (RFC 2449 section 6.5). */
void refuse_for(struct request *, int64_t seconds);

#endif
