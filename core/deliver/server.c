/* server - ROLE lmtp: an MTA's mail comes in through LMTP.
 *
 * It sees every message and no mailbox: auth tells it whether a recipient exists, with a ticket
 * that is good for one delivery to him; the session spawner takes ticket and message and delivers
 * as the recipient. So whoever owns this process can send mail to users, as any sender can, and no
 * more. */
#define _GNU_SOURCE
#include "deliver/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/log.h"
#include "conf/wire.h"
#include "deliver/deliver.h"
#include "mail/letter.h"
#include "sys/drop.h"
#include "sys/filter.h"
#include "sys/listen.h"

enum {
	NOFILE = 1024,
	GRACE_S = 10, /* others have deadlines of their own */
	LOOKUP_S = 60
};

/* --- peers -------------------------------------------------------------------------------------
 */

static struct conn *find(struct server *s, uint32_t number)
{
	struct conn *c;

	LIST_FOREACH(c, &s->conns, link)
	if (number != 0 && c->waiting == number)
		return c;
	return NULL;
}

static void take_answer(struct server *s)
{
	struct msg *m = &s->msg;
	uint32_t number = msg_get_u32(m), result = msg_get_u32(m);
	struct conn *c = find(s, number);
	unsigned char ticket[TICKET_LEN] = {0};
	const unsigned char *p;
	size_t n;

	if (m->type == MSG_DELIVERED) {
		if (msg_end(m) && c != NULL && c->state == CONN_RESULTS)
			conn_delivered(c, result);
		return;
	}
	p = msg_get_bytes(m, &n);
	if (result == -RESTANTE_OK && n == TICKET_LEN)
		memcpy(ticket, p, n);
	else if (result == -RESTANTE_OK)
		m->bad = 1;
	if (msg_end(m) && c != NULL && c->state == CONN_COMMANDS)
		conn_found(c, -(int)result, ticket);
}

/* What it was asked for will not be answered: the MTA tries again. */
static void lost(struct server *s, enum conn_state state)
{
	struct conn *c, *next;

	for (c = LIST_FIRST(&s->conns); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->waiting == 0 || c->state != state)
			continue;
		if (state == CONN_RESULTS)
			conn_delivered(c, MAIL_TEMP);
		else
			conn_found(c, RESTANTE_TEMP, NULL);
	}
}

static void disconnect(struct server *s, struct channel *c, struct event *e)
{
	if (c->fd == -1)
		return;
	event_del(e);
	close(c->fd);
	c->fd = -1;
	lost(s, c->peer == ROLE_AUTH ? CONN_COMMANDS : CONN_RESULTS);
}

static void on_peer(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	int is_auth = fd == s->auth.fd;
	struct channel *c = is_auth ? &s->auth : &s->session;

	(void)what;
	switch (msg_recv(c, &s->msg)) {
	case MSG_GOT:
		take_answer(s);
		break;
	case MSG_CLOSED:
		disconnect(s, c, is_auth ? &s->from_auth : &s->from_session);
		break;
	default:
		break;
	}
}

static void use_peer(struct server *s, const struct channel *c)
{
	struct channel *to = c->peer == ROLE_AUTH ? &s->auth : &s->session;
	struct event *e = c->peer == ROLE_AUTH ? &s->from_auth : &s->from_session;

	disconnect(s, to, e);
	*to = *c;
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1)
		log_line(LOG_ERR, "cannot prepare the channel to %s: %m", role_name(c->peer));
	event_assign(e, s->base, c->fd, EV_READ | EV_PERSIST, on_peer, s);
	event_add(e, NULL);
}

/* --- the master --------------------------------------------------------------------------------
 */

static void drain(struct server *s)
{
	struct conn *c, *next;

	for (size_t i = 0; i < s->nlisteners; i++) {
		event_del(&s->listeners[i]);
		close(event_get_fd(&s->listeners[i]));
	}
	s->nlisteners = 0;
	s->draining = 1;
	for (c = LIST_FIRST(&s->conns); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		conn_drain(c);
	}
	server_check_over(s);
}

void server_check_over(struct server *s)
{
	if (s->draining && LIST_EMPTY(&s->conns))
		event_base_loopbreak(s->base);
}

static void on_master(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	struct channel c;

	(void)fd;
	(void)what;
	switch (msg_recv(&s->start.master, &s->msg)) {
	case MSG_GOT:
		if (s->msg.type == MSG_PEER && role_peer(&s->msg, ROLE_LMTP, &c) == 0)
			use_peer(s, &c);
		else if (s->msg.type == MSG_DRAIN)
			drain(s);
		else if (s->msg.type != MSG_PEER && s->msg.fd != -1)
			close(s->msg.fd);
		break;
	case MSG_CLOSED: /* nobody restarts what dies: better to end */
		event_del(&s->from_master);
		drain(s);
		break;
	default:
		break;
	}
}

/* --- connections -------------------------------------------------------------------------------
 */

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_storage from;
	socklen_t len;
	int client = listen_accept(fd, &from, &len);

	(void)what;
	if (client != -1)
		conn_open(arg, client);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		log_line(LOG_ERR, "cannot take a connection: %m");
}

static void listen_all(struct server *s)
{
	s->nlisteners = s->start.nlisteners;
	for (size_t i = 0; i < s->nlisteners; i++) {
		event_assign(&s->listeners[i], s->base, s->start.listeners[i].fd,
			EV_READ | EV_PERSIST, on_connection, s);
		event_add(&s->listeners[i], NULL);
	}
}

/* --- start -------------------------------------------------------------------------------------
 */

static void configure(struct server *s)
{
	if (conf_from_fd(s->start.config, &s->conf) == -1)
		role_fail(&s->start, "the configuration cannot be read");
	close(s->start.config);
	s->delimiters = conf_str(s->conf, "recipient_delimiter");
	s->size_limit = (uint64_t)conf_num(s->conf, "message_size_limit");
	s->delivery_s = conf_num(s->conf, "storage_timeout") + GRACE_S;
	s->lookup_s = LOOKUP_S;
	(void)str_copy(s->hostname, sizeof(s->hostname), conf_str(s->conf, "hostname"));
	if (s->hostname[0] == '\0' && gethostname(s->hostname, sizeof(s->hostname) - 1) == -1)
		(void)str_copy(s->hostname, sizeof(s->hostname), "localhost");
}

static void prepare(struct server *s)
{
	s->auth.fd = s->session.fd = -1;
	LIST_INIT(&s->conns);
	s->base = event_base_new();
	if (s->base == NULL)
		role_fail(&s->start, "cannot make an event loop: %m");
	event_assign(
		&s->from_master, s->base, s->start.master.fd, EV_READ | EV_PERSIST, on_master, s);
	event_add(&s->from_master, NULL);
	for (size_t i = 0; i < s->start.npeers; i++)
		use_peer(s, &s->start.peers[i]);
	listen_all(s);
}

static void confine(struct server *s)
{
	struct filter f;

	(void)drop_limits(NOFILE);
	if (drop_confine(s->start.privileged, DROP_CHROOT) == -1)
		role_fail(&s->start, "cannot give up privileges: %m");
	if (filter_build(&f, FILTER_LMTP, 0) == -1 || filter_install(&f) == -1)
		role_fail(&s->start, "cannot install a system call filter: %m");
	filter_free(&f);
}

int server_run(void)
{
	struct server *s = mem_alloc(1, sizeof(*s));

	role_begin(&s->start, ROLE_LMTP);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		role_fail(&s->start, "cannot ignore SIGPIPE: %m");
	configure(s);
	prepare(s);
	confine(s);
	role_ready(&s->start);
	if (event_base_dispatch(s->base) == -1)
		die("the event loop failed: %m");
	return EXIT_SUCCESS;
}
