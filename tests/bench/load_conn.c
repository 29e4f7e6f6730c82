/* load_conn.c - one connection: the socket, TLS, and the walk through the steps of the mode.
 *
 * No socket option is set as long as one command is under way at a time: so that what a server's
 * packets do with an ordinary client's delayed ACKs is seen here. With --pipeline, TCP_NODELAY is.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The connections share the users out, so that no two ever have the same: a server may let only one
 * session at a time have a mailbox. */
const struct user *conn_user(const struct conn *c)
{
	const struct run *r = c->run;
	unsigned share = r->nusers / r->opt->connections;

	return &r->users[c->index + (c->lap - 1) % share * r->opt->connections];
}

_Noreturn void conn_fail(const struct conn *c, const char *fmt, ...)
{
	const struct asked *a = &c->asked[c->oldest % PIPELINE_MAX];
	va_list ap;

	fprintf(stderr, "restante-load: connection %u, user %s, ", c->index, conn_user(c)->name);
	if (c->oldest != c->newest)
		fprintf(stderr, "%s (message %u): ", a->step->name, a->number);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* --- the socket --- */

static void arm(struct conn *c, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = c};

	if (c->run->blocking || c->armed == events)
		return;
	if (epoll_ctl(c->run->epoll, c->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &ev) != 0)
		die("epoll_ctl: %s", strerror(errno));
	c->armed = events;
}

static void open_socket(struct conn *c)
{
	const struct load_options *opt = c->run->opt;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *ai;
	struct timeval limit = {.tv_sec = opt->timeout};
	int rc = getaddrinfo(opt->host, opt->port, &hints, &ai), on = 1;

	if (rc != 0)
		die("%s port %s: %s", opt->host, opt->port, gai_strerror(rc));
	c->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket: %s", strerror(errno));
	if (opt->pipeline > 1)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (c->run->blocking)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	else
		fcntl(c->fd, F_SETFL, O_NONBLOCK);
	if (connect(c->fd, ai->ai_addr, ai->ai_addrlen) != 0 && errno != EINPROGRESS)
		die("%s port %s: %s", opt->host, opt->port, strerror(errno));
	freeaddrinfo(ai);
}

static void open_tls(struct conn *c)
{
	c->ssl = SSL_new(c->run->tls);
	if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
		die("no memory for TLS");
	if (c->run->opt->resume && c->run->ticket)
		SSL_set_session(c->ssl, c->run->ticket);
	SSL_set_connect_state(c->ssl);
	c->shaking = true;
}

/* What an OpenSSL call that did not succeed means: -1 = wait, 0 = the end. */
static int tls_result(struct conn *c, int rc)
{
	int error = SSL_get_error(c->ssl, rc);

	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		if (c->run->blocking)
			conn_fail(c, "no reply within %d s", c->run->opt->timeout);
		arm(c, error == SSL_ERROR_WANT_WRITE ? EPOLLIN | EPOLLOUT : EPOLLIN);
		return -1;
	}
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	conn_fail(c, "TLS: %s",
		ERR_peek_error() ? ERR_reason_error_string(ERR_peek_error()) : strerror(errno));
}

static void shake(struct conn *c)
{
	int rc = SSL_do_handshake(c->ssl);

	if (rc != 1) {
		if (tls_result(c, rc) == 0)
			conn_fail(c, "the TLS handshake was cut off");
		return;
	}
	c->shaking = false;
	c->run->resumed += SSL_session_reused(c->ssl) ? 1 : 0;
	arm(c, EPOLLIN);
}

/* Returns the octets read, 0 at the end, -1 when there is nothing to read now. */
static int fill(struct conn *c)
{
	size_t room = IN_SIZE - c->in_len;

	if (c->ssl) {
		int rc = SSL_read(c->ssl, c->in + c->in_len, (int)room);
		return rc > 0 ? rc : tls_result(c, rc);
	}
	ssize_t n = recv(c->fd, c->in + c->in_len, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !c->run->blocking)
		return -1;
	if (n < 0)
		conn_fail(c, "%s", errno == EAGAIN ? "no reply in time" : strerror(errno));
	return (int)n;
}

/* A command that did not fit waits for the next event: there are replies under way then. */
static void flush(struct conn *c)
{
	ssize_t n;

	if (c->out_len == 0)
		return;
	if (c->ssl) {
		int rc = SSL_write(c->ssl, c->out, (int)c->out_len);
		n = rc > 0 ? rc : tls_result(c, rc);
	} else {
		n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			conn_fail(c, "send: %s", strerror(errno));
	}
	if (n <= 0)
		return;
	c->out_len -= (size_t)n;
	memmove(c->out, c->out + n, c->out_len);
}

static void close_socket(struct conn *c)
{
	if (c->ssl) {
		/* Without it OpenSSL takes the session for a broken one and resumes it no more. */
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	close(c->fd);
	c->fd = -1;
	c->armed = 0;
}

/* --- the session --- */

static void expect(struct conn *c)
{
	const struct step *s = c->asked[c->oldest % PIPELINE_MAX].step;

	reply_begin(&c->reply, s->kind, s->row, c);
}

static void ask(struct conn *c, const struct step *s, uint32_t number)
{
	struct asked *a = &c->asked[c->newest % PIPELINE_MAX];

	*a = (struct asked){.step = s, .number = number, .at = now_ns()};
	if (s == c->run->opt->mode->from)
		c->from = a->at;
	if (s->format)
		c->out_len += step_command(
			s, c, number, c->out + c->out_len, sizeof(c->out) - c->out_len);
	if (c->oldest == c->newest++)
		expect(c);
}

static bool asking(const struct conn *c)
{
	return c->oldest != c->newest;
}

static unsigned steps_of_each(const struct mode *m)
{
	unsigned n = 0;

	while (n < sizeof(m->each) / sizeof(m->each[0]) && m->each[n])
		n++;
	return n;
}

static void ask_messages(struct conn *c)
{
	const struct run *r = c->run;
	unsigned steps = steps_of_each(r->opt->mode);

	if (c->sent < c->quota && r->deadline && now_ns() >= r->deadline)
		c->quota = c->sent;
	/* The window is filled up when it is half empty: so a pipelining client writes seldom. */
	if (c->newest - c->oldest <= r->opt->pipeline / 2)
		while (c->sent < c->quota && c->newest - c->oldest < r->opt->pipeline) {
			uint32_t number = (uint32_t)(c->sent / steps % c->box.count) + 1;
			ask(c, r->opt->mode->each[c->sent++ % steps], number);
		}
	if (c->done == c->quota) {
		c->phase = AT_FINISH;
		run_finished(c);
	}
}

void conn_advance(struct conn *c)
{
	const struct mode *m = c->run->opt->mode;

	switch (c->phase) {
	case IN_HEAD:
		if (asking(c))
			break;
		if (m->head[c->next]) {
			ask(c, m->head[c->next++], 0);
		} else {
			c->phase = AT_BARRIER;
			run_arrived(c);
		}
		break;
	case IN_EACH:
		if (c->quota == 0) {
			uint64_t messages = c->run->opt->count ? c->run->opt->count : c->box.count;
			c->quota = messages * steps_of_each(m);
			if (c->box.count == 0)
				conn_fail(c, "the mailbox is empty");
		}
		ask_messages(c);
		break;
	case IN_TAIL:
		if (asking(c))
			break;
		if (c->next < sizeof(m->tail) / sizeof(m->tail[0]) && m->tail[c->next])
			ask(c, m->tail[c->next++], 0);
		else
			c->phase = CLOSING;
		break;
	default:
		break;
	}
	flush(c);
}

/* The reply to the oldest command is complete. */
static void answered(struct conn *c)
{
	struct run *r = c->run;
	const struct mode *m = r->opt->mode;
	const struct asked *a = &c->asked[c->oldest % PIPELINE_MAX];
	const char *wrong = a->step->check ? a->step->check(c, a->number) : NULL;

	if (wrong)
		conn_fail(c, "%s: %s", wrong, c->reply.status);
	if (a->step == m->to || (!m->to && c->phase == IN_EACH))
		run_sample(r, now_ns() - (m->from != m->to ? c->from : a->at));
	if (c->phase == IN_EACH) {
		c->done++;
		if (a->step->kind == REPLY_BODY || steps_of_each(m) == 1)
			r->units++;
	}
	if (++c->oldest != c->newest)
		expect(c);
}

static void digest(struct conn *c)
{
	size_t at = 0;

	while (at < c->in_len && asking(c)) {
		at += reply_scan(&c->reply, c->in + at, c->in_len - at);
		if (c->reply.error)
			conn_fail(c, "%s: %.*s", c->reply.error, (int)c->reply.status_len,
				c->reply.status);
		if (c->reply.at != AT_END)
			break;
		answered(c);
		conn_advance(c);
	}
	if (!asking(c) && at < c->in_len)
		conn_fail(c, "%zu octets that nothing asked for", c->in_len - at);
	c->in_len -= at;
	memmove(c->in, c->in + at, c->in_len);
}

static void ended(struct conn *c)
{
	if (c->phase != CLOSING || c->in_len)
		conn_fail(c, "the server closed the connection");
	close_socket(c);
	c->phase = CLOSED;
	run_closed(c);
}

void conn_event(struct conn *c)
{
	int n;

	if (c->shaking)
		shake(c);
	flush(c);
	do {
		size_t room = IN_SIZE - c->in_len;
		if (c->shaking || (n = fill(c)) < 0)
			return;
		if (n == 0) {
			ended(c);
			return;
		}
		c->in_len += (size_t)n;
		digest(c);
		/* Records that OpenSSL has read already are not seen by epoll. */
		if (!c->ssl && (size_t)n < room)
			return;
	} while (!c->run->blocking && c->phase != CLOSED);
}

void conn_start(struct conn *c)
{
	c->lap++;
	c->phase = IN_HEAD;
	c->next = 0;
	c->done = c->sent = c->quota = 0;
	c->oldest = c->newest = 0;
	c->in_len = c->out_len = 0;
	conn_advance(c); /* the greeting is asked for before connect(): its time counts */
	open_socket(c);
	arm(c, EPOLLIN);
	if (c->run->tls) {
		open_tls(c);
		shake(c);
	}
}
