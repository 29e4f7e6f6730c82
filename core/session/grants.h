/* Logins that auth has granted and that login has not handed over yet. */
#ifndef SESSION_GRANTS_H
#define SESSION_GRANTS_H

#include <stdint.h>
#include "ipc/msg.h"

enum {
	GRANT_MS = 30 * 1000,
	/* from RCPT to the end of DATA, where the client waits for at most 10 minutes (RFC 5321
	   section 4.5.3.2) */
	GRANT_DELIVERY_MS = 10 * 60 * 1000,
	/* an MTA that asks for recipients and sends no mail can have so many: then the oldest give
	   way */
	GRANT_DELIVERIES = 4096
};

/* One ticket: good once, for its time, for one purpose. */
struct grant {
	unsigned char ticket[TICKET_LEN];
	enum grant_purpose purpose;
	int64_t until; /* clock_ms */
	uint32_t len;
	unsigned char *record; /* the user, as msg_put_user wrote it */
};

struct grants {
	struct grant *list;
	size_t n, cap;
	size_t deliveries; /* of them */
};

/* Takes a GRANT message. */
void grants_add(struct grants *, struct msg *, int64_t now);
/* Finds and uses up a ticket. 1 and the user's record moved into *m, to be read with msg_get_user;
 * 0 when there is no such ticket, its time is over or it is for something else. */
int grants_take(struct grants *, const unsigned char *ticket, enum grant_purpose, int64_t now,
	struct msg *m);
/* Forgets those whose time is over. */
void grants_expire(struct grants *, int64_t now);

#endif
