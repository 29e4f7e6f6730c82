/* peers - messages to auth and to the session spawner.
 *
 * A message goes out at once where it can. It waits in the peer's queue while the peer is being
 * restarted and while its socket is full; login_timeout bounds the wait. A storm of logins queues
 * in auth, which knows who need not wait behind strangers. */
#define _GNU_SOURCE
#include "login/login.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/wipe.h"

enum { MESSAGES_A_TURN = 32 };

struct held {
	TAILQ_ENTRY(held) link;
	struct client *client;
	enum msg_type type;
	uint32_t len;
	unsigned char data[];
};

void peer_init(struct peer *p, struct login *l, bool answers)
{
	*p = (struct peer){.l = l, .answers = answers};
	p->channel.fd = -1;
	TAILQ_INIT(&p->held);
}

/* --- sending --- */

static void free_held(struct peer *p, struct held *h)
{
	TAILQ_REMOVE(&p->held, h, link);
	h->client->held = NULL;
	wipe(h->data, h->len);
	free(h);
}

static void hold(struct peer *p, struct client *c, const struct msg *m)
{
	struct held *h = mem_alloc(1, sizeof(*h) + m->len);

	h->client = c;
	h->type = m->type;
	h->len = m->len;
	memcpy(h->data, m->data, m->len);
	TAILQ_INSERT_TAIL(&p->held, h, link);
	c->held = h;
}

/* 1: sent; 0: the peer cannot take it now; -1: it never will. */
static int transmit(struct peer *p, struct client *c, const struct msg *m)
{
	if (msg_send(&p->channel, m) == 0) {
		if (p->answers) {
			p->in_flight++;
			c->in_flight = true;
		}
		return 1;
	}
	switch (errno) {
	case EAGAIN:
	case ENOBUFS:
	case ETOOMANYREFS: /* more descriptors under way than the kernel allows */
		event_add(&p->writable, NULL);
		return 0;
	case EPIPE:
	case ECONNRESET:
		return 0; /* peer_connect goes on with it */
	default:
		log_line(LOG_ERR, "cannot send %s to %s: %m", msg_name(m->type),
			role_name(p->channel.peer));
		return -1;
	}
}

int peer_send(struct peer *p, struct client *c)
{
	struct msg *m = &p->l->send;
	int sent = 0;

	if (m->bad)
		sent = -1;
	else if (TAILQ_EMPTY(&p->held) && p->channel.fd != -1)
		sent = transmit(p, c, m);
	if (sent == 0)
		hold(p, c, m);
	wipe(m->data, m->len); /* it may hold a password */
	return sent;
}

/* A message that had waited is out, or never will be. */
static void was_held(struct client *c, int sent)
{
	if (c->state == CLIENT_HANDOVER)
		(sent == 1 ? handover_sent : handover_failed)(c);
	else if (sent == -1)
		auth_unsent(c);
	client_resume(c);
	client_settle(c);
}

/* Sends what waits, as far as possible. */
static void pump(struct peer *p)
{
	struct msg *m = &p->l->send;
	struct held *h;

	while ((h = TAILQ_FIRST(&p->held)) != NULL && p->channel.fd != -1) {
		struct client *c = h->client;
		int sent;

		m->type = h->type;
		m->fd = h->type == MSG_HANDOVER ? c->handed : -1;
		m->bad = 0;
		m->len = h->len;
		memcpy(m->data, h->data, h->len);
		sent = transmit(p, c, m);
		wipe(m->data, m->len);
		if (sent == 0)
			return;
		free_held(p, h);
		was_held(c, sent);
	}
}

void peer_answered(struct peer *p, struct client *c)
{
	if (!c->in_flight)
		return;
	c->in_flight = false;
	p->in_flight--;
}

bool peer_holds(const struct client *c, enum msg_type type)
{
	return c->held != NULL && c->held->type == type;
}

void peer_forget(struct peer *p, struct client *c)
{
	if (c->held != NULL)
		free_held(p, c->held);
	else
		peer_answered(p, c);
}

/* --- receiving --- */

static void disconnect(struct peer *p)
{
	event_del(&p->readable);
	event_del(&p->writable);
	close(p->channel.fd);
	p->channel.fd = -1;
	if (p->channel.peer == ROLE_AUTH)
		auth_lost(p->l);
	else
		handover_lost(p->l);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	struct msg *m = &p->l->msg;

	(void)fd;
	(void)what;
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		switch (msg_recv(&p->channel, m)) {
		case MSG_GOT:
			auth_message(p->l); /* the spawner has nothing to say: see the table */
			if (p->in_flight == 0 || p->channel.fd == -1)
				return; /* nothing more can be there */
			break;
		case MSG_CLOSED:
			disconnect(p);
			return;
		case MSG_NONE:
			return;
		case MSG_REFUSED:
			break;
		}
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pump(arg);
}

void peer_connect(struct peer *p, const struct channel *c)
{
	if (p->channel.fd != -1)
		disconnect(p);
	p->channel = *c;
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1)
		log_line(LOG_ERR, "cannot prepare the channel to %s: %m", role_name(c->peer));
	event_assign(&p->readable, p->l->base, c->fd, EV_READ | EV_PERSIST, on_readable, p);
	event_assign(&p->writable, p->l->base, c->fd, EV_WRITE, on_writable, p);
	event_add(&p->readable, NULL);
	pump(p);
}
