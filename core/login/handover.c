/* handover - from a client to a session.
 *
 * In the clear the session gets the client's own socket. With TLS it gets one end of a socket pair,
 * and the other end becomes a relay here; so it does where the client has not yet taken all that it
 * was told, which must not be overtaken by what the session says. */
#define _GNU_SOURCE
#include "login/login.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/log.h"

static bool needs_relay(const struct client *c)
{
	return c->stream.ssl != NULL || c->stream.out.len > 0;
}

static int make_pair(struct client *c)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == -1) {
		if (report_allowed(c->l))
			log_line(LOG_ERR, "no socket pair for a session: %m");
		return -1;
	}
	c->session = pair[0];
	c->handed = pair[1];
	return 0;
}

static void write_message(struct client *c, const unsigned char *ticket)
{
	struct msg *m = &c->l->send;
	char ip[ADDRESS_TEXT], server_ip[ADDRESS_TEXT];
	struct slice ahead = line_rest(&c->in);

	address_text(&c->from, ip, sizeof(ip));
	client_server_ip(c, server_ip, sizeof(server_ip));
	msg_start(m, MSG_HANDOVER);
	msg_put_bytes(m, ticket, TICKET_LEN);
	msg_put_str(m, ip);
	msg_put_str(m, server_ip);
	msg_put_str(m, client_tls(c));
	msg_put_u32(m, c->session != -1);
	msg_put_u32(m, c->language);
	msg_put_u32(m, c->utf8);
	msg_put_bytes(m, ahead.at, ahead.len);
	m->fd = c->handed;
}

void handover(struct client *c, const unsigned char *ticket)
{
	c->handed = c->stream.fd;
	if (c->l->session.channel.fd == -1 || (needs_relay(c) && make_pair(c) == -1)) {
		handover_failed(c);
		return;
	}
	write_message(c, ticket);
	c->state = CLIENT_HANDOVER;
	switch (peer_send(&c->l->session, c)) {
	case 1:
		handover_sent(c);
		break;
	case -1:
		handover_failed(c);
		break;
	default:
		break; /* handover_sent() when the spawner takes it */
	}
}

void handover_failed(struct client *c)
{
	client_reply(c, REPLY_INTERNAL);
	client_end(c, "no session");
}

void handover_lost(struct login *l)
{
	struct client *c, *next;

	for (c = LIST_FIRST(&l->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->state != CLIENT_HANDOVER)
			continue;
		peer_forget(&l->session, c);
		handover_failed(c);
		client_settle(c);
	}
}

void handover_sent(struct client *c)
{
	if (c->session != -1) {
		close(c->handed);
		client_unwatch(c);
		relay_open(c->l, &c->stream, c->session, c->limit);
		c->session = -1;
		c->counted = false;
		c->stream = (struct stream){.fd = -1};
	}
	/* without a reason no line is logged: the session writes its own */
	c->state = CLIENT_GONE;
}
