/* Messages to a peer that reads more slowly than auth writes: in a burst of logins the session
 * spawner forks while auth goes on, and a login process does handshakes. What does not fit into the
 * socket waits here, in order, until it does. Nothing blocks. */
#ifndef AUTH_OUTBOX_H
#define AUTH_OUTBOX_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include "ipc/msg.h"

struct request;
struct parcel;

struct outbox {
	struct channel c; /* fd -1: there is no peer */
	struct event writable;
	struct parcel *first, **last;
	/* Called for each message that was sent with a request, and when the peer has gone: -1.
	 * NULL where none is sent with one. */
	void (*done)(struct request *, int result);
};

void outbox_init(struct outbox *, void (*done)(struct request *, int result));
/* A new peer, non-blocking; the channel of the one before is closed. What waits goes to the new. */
void outbox_connect(struct outbox *, struct event_base *, const struct channel *);
/* 1 sent, 0 waiting: done(request) is called later unless request is NULL; -1 with errno: the peer
 * has gone or the message is too long, done is not called. Wipes what it kept when it is sent. */
int outbox_send(struct outbox *, const struct msg *, struct request *);
/* The request has no more interest: its message is still sent, done is not called. */
void outbox_disown(struct outbox *, const struct request *);
/* Closes the channel; what waits is dropped, done is not called. */
void outbox_close(struct outbox *);

#endif
