/* The session spawner: the parent of all sessions. */
#ifndef SESSION_SPAWNER_H
#define SESSION_SPAWNER_H

#include <poll.h>
#include "ipc/role.h"
#include "plug/plug.h"
#include "session/children.h"
#include "session/grants.h"
#include "session/session.h"
#include "sys/filter.h"
#include "sys/query.h"

struct spawner {
	struct role_start start; /* peers[]: fd -1 = gone */
	struct conf *conf;
	struct plug *plugs;
	struct filter *filters; /* of each of them; mostly empty, see confine() */
	size_t nplugs;
	struct grants grants;
	struct children children;
	int signals;        /* signalfd: SIGCHLD */
	struct query query; /* of restantectl */
	int draining;
	struct msg msg;   /* the one being handled */
	struct msg grant; /* the user record of the HANDOVER being handled */
};

/* A HANDOVER in s->msg: starts the session, or refuses and logs why. Closes the client's
 * descriptor. */
void handover(struct spawner *);
/* In the new process: becomes the user, enters the sandbox, serves; never returns. */
_Noreturn void child_run(struct spawner *, const struct restante_user *, struct client *);
/* Lets restantectl ask. */
void who_listen(struct spawner *);
/* Reads what auth has granted meanwhile. */
void grants_read(struct spawner *);
/* Uses up a ticket that auth has granted, as grants_take; the record is in s->grant. */
int grants_find(struct spawner *, const unsigned char *ticket, enum grant_purpose);
/* May that user have a process here? 0: a line in the log says why not. */
int may_have_session(const struct spawner *, const struct restante_user *);
/* A DELIVER in s->msg: starts the delivery, or tells LMTP that it failed. Closes the message's
 * descriptor. */
void delivery(struct spawner *, const struct channel *lmtp);
/* A delivery has ended: tells the LMTP process that asked for it. */
void delivery_ended(struct spawner *, const struct child *, int status);
/* In the new process of a session or a delivery: fd becomes descriptor 0, and what the spawner had
 * open is closed. */
void child_separate(int fd);
/* Opens the user's storage as far as settings go; NULL: the log says why. */
const struct plug *child_host(struct spawner *, const struct restante_user *, struct host *);
/* Becomes the user, in his sandbox. 0, or -1 and a line in the log. */
int child_become(const struct spawner *, const struct restante_user *, const struct host *);

#endif
