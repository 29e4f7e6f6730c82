/* conn - one LMTP connection.
 *
 * It is always in one of three waits: for its client to read (out is not empty), for auth or a
 * delivery (waiting), or for the client's next octets. conn_run does all that can be done and then
 * enters the one that is due. Deliveries of one connection follow one another, so that there are
 * never more of them than connections. */
#define _GNU_SOURCE
#include "deliver/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/log.h"
#include "mail/letter.h"

enum {
	CLIENT_S = 5 * 60, /* RFC 5321 section 4.5.3.2.7 */
	OUT_FULL = 8 * 1024
};

static void run(struct conn *);

/* --- the transaction ---------------------------------------------------------------------------
 */

static void forget(struct conn *c)
{
	for (size_t i = 0; i < c->nrecipients; i++)
		free(c->recipients[i].address);
	c->nrecipients = 0;
	if (c->message != -1)
		close(c->message);
	c->message = -1;
}

static void end_transaction(struct conn *c)
{
	forget(c);
	lmtp_reset(&c->lmtp);
	c->state = CONN_COMMANDS;
	if (c->s->draining && !c->closing) {
		lmtp_bye(&c->lmtp, "closes", &c->out);
		c->closing = 1;
	}
}

static void finish(struct conn *c)
{
	struct server *s = c->s;

	forget(c);
	event_del(&c->event);
	close(c->fd);
	buf_free(&c->out);
	LIST_REMOVE(c, link);
	s->nconns--;
	free(c);
	server_check_over(s);
}

/* Sends the message in s->msg; 0 and the wait begins, or -1. */
static int ask(struct conn *c, const struct channel *peer)
{
	if (peer->fd != -1 && msg_send(peer, &c->s->msg) == 0) {
		c->waiting = c->s->last;
		return 0;
	}
	if (peer->fd != -1)
		log_line(LOG_ERR, "cannot send %s to %s: %m", msg_name(c->s->msg.type),
			role_name(peer->peer));
	return -1;
}

static uint32_t next_number(struct server *s)
{
	if (++s->last == 0)
		s->last = 1;
	return s->last;
}

/* --- RCPT --------------------------------------------------------------------------------------
 */

static void look_up(struct conn *c)
{
	struct msg *m = &c->s->msg;

	msg_start(m, MSG_LOOKUP);
	msg_put_u32(m, next_number(c->s));
	msg_put_str(m, c->names[c->name]);
	if (ask(c, &c->s->auth) == -1)
		lmtp_found(&c->lmtp, MAIL_TEMP, &c->out);
}

static void begin_look_up(struct conn *c)
{
	c->nnames = mail_candidates(c->lmtp.plain, c->s->delimiters, c->names);
	c->name = 0;
	if (c->nnames > 0)
		look_up(c);
	else
		lmtp_found(&c->lmtp, MAIL_NO_USER, &c->out);
}

void conn_found(struct conn *c, int result, const unsigned char *ticket)
{
	c->waiting = 0;
	if (result == RESTANTE_NONE && ++c->name < c->nnames) {
		look_up(c);
	} else {
		if (result == RESTANTE_OK) {
			struct recipient *r = &c->recipients[c->nrecipients++];

			r->address = mem_strdup(c->lmtp.address);
			memcpy(r->ticket, ticket, TICKET_LEN);
		}
		lmtp_found(&c->lmtp, mail_result_of(result), &c->out);
	}
	run(c);
}

/* --- DATA --------------------------------------------------------------------------------------
 */

static void begin_message(struct conn *c)
{
	c->state = CONN_MESSAGE;
	c->data = (struct data){0};
	c->size = 0;
	c->failed = MAIL_OK;
	c->message = letter_new();
	if (c->message == -1) {
		log_line(LOG_ERR, "cannot keep a message: %m");
		c->failed = MAIL_TEMP;
	}
}

static void end_message(struct conn *c)
{
	if (c->failed == MAIL_OK && letter_seal(c->message) == -1) {
		log_line(LOG_ERR, "cannot keep a message: %m");
		c->failed = MAIL_TEMP;
	}
	c->state = CONN_RESULTS;
	c->delivered = 0;
}

static void take_message(struct conn *c)
{
	struct server *s = c->s;
	size_t made;

	c->from += data_take(&c->data, c->in + c->from, c->have - c->from, s->decoded, &made);
	c->size += made;
	if (c->failed == MAIL_OK && s->size_limit != 0 && c->size > s->size_limit)
		c->failed = MAIL_TOO_BIG;
	if (c->failed == MAIL_OK && letter_write(c->message, s->decoded, made) == -1) {
		log_line(LOG_ERR, "cannot keep a message: %m");
		c->failed = MAIL_TEMP;
	}
	if (c->data.end)
		end_message(c);
}

/* The next recipient's delivery, or his reply; the end of the transaction behind the last. */
static void next_result(struct conn *c)
{
	const struct recipient *r = &c->recipients[c->delivered];
	struct msg *m = &c->s->msg;

	if (c->delivered == c->nrecipients) {
		end_transaction(c);
		return;
	}
	if (c->failed == MAIL_OK) {
		msg_start(m, MSG_DELIVER);
		msg_put_u32(m, next_number(c->s));
		msg_put_bytes(m, r->ticket, TICKET_LEN);
		msg_put_str(m, c->lmtp.sender);
		msg_put_str(m, r->address);
		m->fd = c->message;
		if (ask(c, &c->s->session) == 0)
			return;
	}
	lmtp_result(r->address, c->failed != MAIL_OK ? c->failed : MAIL_TEMP, &c->out);
	c->delivered++;
}

void conn_delivered(struct conn *c, unsigned result)
{
	c->waiting = 0;
	lmtp_result(c->recipients[c->delivered++].address, result, &c->out);
	run(c);
}

/* --- commands ----------------------------------------------------------------------------------
 */

static void take_line(struct conn *c, const char *line, size_t n)
{
	if (n > 0 && line[n - 1] == '\r')
		n--;
	switch (lmtp_line(&c->lmtp, line, n, &c->out)) {
	case LMTP_LOOK_UP:
		begin_look_up(c);
		break;
	case LMTP_DATA:
		begin_message(c);
		break;
	case LMTP_QUIT:
		c->closing = 1;
		break;
	case LMTP_SAY:
		if (!c->lmtp.mail)
			end_transaction(c); /* RSET, LHLO: or there was none */
		break;
	}
}

/* One line of what has come. 0 = there is none. */
static int take_command(struct conn *c)
{
	const char *line = c->in + c->from;
	size_t n = c->have - c->from;
	const char *end = n > 0 ? memchr(line, '\n', n) : NULL;

	if (end == NULL && n < LMTP_LINE)
		return 0;
	if (end == NULL) {
		c->skipping = 1;
		c->from = c->have;
		return 0;
	}
	c->from += (size_t)(end - line) + 1;
	if (c->skipping || end - line > LMTP_LINE)
		lmtp_too_long(&c->out);
	else
		take_line(c, line, (size_t)(end - line));
	c->skipping = 0;
	return 1;
}

/* --- the waits ---------------------------------------------------------------------------------
 */

/* Does one step with what has come. 0: it takes more octets. */
static int step(struct conn *c)
{
	switch (c->state) {
	case CONN_RESULTS:
		next_result(c);
		return 1;
	case CONN_MESSAGE:
		if (c->from == c->have)
			return 0;
		take_message(c);
		return 1;
	default:
		return take_command(c);
	}
}

/* 1: something came; 0: nothing is there; -1: nothing will come. */
static int read_more(struct conn *c)
{
	ssize_t n;

	memmove(c->in, c->in + c->from, c->have - c->from);
	c->have -= c->from;
	c->from = 0;
	n = read(c->fd, c->in + c->have, sizeof(c->in) - c->have);
	if (n > 0) {
		c->have += (size_t)n;
		return 1;
	}
	return n == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* 1: all is out; 0: the client does not read; -1: it has gone. */
static int flush(struct conn *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 0 : -1;
		buf_drop(&c->out, (size_t)n);
	}
	return 1;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	if ((what & EV_TIMEOUT) == 0) {
		run(c);
	} else if (c->waiting == 0) {
		lmtp_bye(&c->lmtp, "has waited for too long", &c->out);
		(void)flush(c);
		finish(c);
	} else if (c->state == CONN_RESULTS) {
		log_line(LOG_ERR, "a delivery did not end in its time");
		conn_delivered(c, MAIL_TEMP);
	} else {
		conn_found(c, RESTANTE_TEMP, NULL);
	}
}

static void wait_for(struct conn *c, int fd, short what, int64_t seconds)
{
	const struct timeval t = {.tv_sec = (time_t)seconds};

	event_del(&c->event);
	event_assign(&c->event, c->s->base, fd, what, on_event, c);
	event_add(&c->event, &t);
}

static void run(struct conn *c)
{
	int more = 1;

	while (more == 1) {
		while (c->waiting == 0 && !c->closing && c->out.len < OUT_FULL && step(c))
			;
		switch (flush(c)) {
		case -1:
			finish(c);
			return;
		case 0:
			wait_for(c, c->fd, EV_WRITE, CLIENT_S);
			return;
		default:
			break;
		}
		if (c->waiting != 0) {
			wait_for(c, -1, 0,
				c->state == CONN_RESULTS ? c->s->delivery_s : c->s->lookup_s);
			return;
		}
		more = c->closing ? -1 : read_more(c);
	}
	if (more == -1)
		finish(c);
	else
		wait_for(c, c->fd, EV_READ, CLIENT_S);
}

/* --- its beginning and its end -----------------------------------------------------------------
 */

void conn_open(struct server *s, int fd)
{
	struct conn *c = mem_alloc(1, sizeof(*c));

	c->s = s;
	c->fd = fd;
	c->message = -1;
	c->lmtp = (struct lmtp){.hostname = s->hostname, .size_limit = s->size_limit};
	LIST_INSERT_HEAD(&s->conns, c, link);
	event_assign(&c->event, s->base, fd, EV_READ, on_event, c);
	if (s->nconns++ < SERVER_CONNECTIONS) {
		lmtp_greet(&c->lmtp, &c->out);
	} else {
		lmtp_bye(&c->lmtp, "has too many connections", &c->out);
		c->closing = 1;
	}
	run(c);
}

void conn_drain(struct conn *c)
{
	if (c->state == CONN_COMMANDS && !c->lmtp.mail && c->waiting == 0) {
		end_transaction(c);
		run(c);
	}
}
