/* Logins that auth has granted and that login has not handed over yet. */
#ifndef SESSION_GRANTS_H
#define SESSION_GRANTS_H

#include <stdint.h>
#include "ipc/msg.h"

enum { GRANT_MS = 30 * 1000 };

/* One ticket: good once, for GRANT_MS. */
struct grant {
	unsigned char ticket[TICKET_LEN];
	int64_t until; /* clock_ms */
	uint32_t len;
	unsigned char *record; /* the user, as msg_put_user wrote it */
};

struct grants {
	struct grant *list;
	size_t n, cap;
};

/* Takes a GRANT message. */
void grants_add(struct grants *, struct msg *, int64_t now);
/* Finds and uses up a ticket. 1 and the user's record moved into *m, to be read with msg_get_user;
 * 0 when there is no such ticket or its time is over. */
int grants_take(struct grants *, const unsigned char *ticket, int64_t now, struct msg *m);
/* Forgets those whose time is over. */
void grants_expire(struct grants *, int64_t now);

#endif
