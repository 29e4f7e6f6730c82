/* The auth plugin of a worker: each worker has one, and nothing else that could be harmed by it. */
#ifndef AUTH_BACKEND_H
#define AUTH_BACKEND_H

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
	uint32_t needs; /* enum restante_needs */
	int64_t timeout_ms;
	timer_t deadline;
};

/* Loads the plugin, the only one of the configuration, and resolves its settings; calls nothing in
 * it. 0, or -1 with *why. */
int backend_load(struct backend *, const struct conf *, struct buf *why);
/* Calls open(). 0, or -1 with *why. May block until the deadline, which kills. */
int backend_open(struct backend *, struct buf *why);
/* Calls close(), once it was opened. May block for two seconds: then it is killed. */
void backend_close(struct backend *);

/* Asks the plugin. An enum restante_result, NONE also where it has no answer to such a question; on
 * OK *user is filled, and for VERIFY_APOP and VERIFY_SCRAM extra. What they point to stays until
 * the next call. May block until the deadline, which kills this process: the master starts
 * another. */
int backend_ask(struct backend *, enum verify_what, const struct restante_request *,
	const char *secret, struct restante_user *user, struct buf *extra);

#endif
