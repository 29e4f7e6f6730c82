/* The auth plugins of a worker, asked in the order of the configuration. */
#ifndef AUTH_BACKENDS_H
#define AUTH_BACKENDS_H

#include <stddef.h>
#include <time.h>
#include "base/buf.h"
#include "conf/conf.h"
#include "ipc/messages.h"
#include "plug/host.h"

struct backend {
	const struct plug *plug;
	const struct restante_auth *auth;
	struct host host;
	void *au;
};

struct backends {
	struct plug *plugs;
	struct backend *list;
	size_t n;
	uint32_t needs; /* enum restante_needs of all */
	int64_t timeout_ms;
	timer_t deadline;
	uint32_t answered; /* which of them gave the last answer */
	char name[256];    /* of a user of whom a plugin knew no more */
};

/* Loads the plugins and resolves their settings; calls nothing in them. 0, or -1 with *why. */
int backends_load(struct backends *, const struct conf *, struct buf *why);
/* Calls open() of each. 0, or -1 with *why. May block until the deadline, which kills. */
int backends_open(struct backends *, struct buf *why);
/* Calls close() of each, once all were opened. May block for two seconds each: then it is killed. */
void backends_close(struct backends *);

/* Asks one plugin after the other until one does not say NONE; where that one knows only the user's
 * name, asks them all for his record. An enum restante_result; on OK *user
 * is filled, and for VERIFY_APOP and VERIFY_SCRAM extra. What they point to stays until the next
 * call. May block until the deadline, which kills this process: the master starts another. */
int backends_ask(struct backends *, enum verify_what, const struct restante_request *,
	const char *secret, struct restante_user *user, struct buf *extra);

#endif
