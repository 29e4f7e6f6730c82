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

struct spawner {
	struct role_start start; /* peers[]: fd -1 = gone */
	struct conf *conf;
	struct plug *plugs;
	struct filter *filters; /* of each of them; mostly empty, see confine() */
	size_t nplugs;
	struct grants grants;
	struct children children;
	int signals; /* signalfd: SIGCHLD */
	int draining;
	struct msg msg;   /* the one being handled */
	struct msg grant; /* the user record of the HANDOVER being handled */
};

/* A HANDOVER in s->msg: starts the session, or refuses and logs why. Closes the client's
 * descriptor. */
void handover(struct spawner *);
/* In the new process: becomes the user, enters the sandbox, serves; never returns. */
_Noreturn void child_run(struct spawner *, const struct restante_user *, struct client *);
/* Reads what auth has granted meanwhile. */
void grants_read(struct spawner *);

#endif
