/* client - a connection from its first octet to its login or its end.
 *
 * Every event about a client ends with client_settle(): it sends what was said, keeps what was read
 * and not used, waits for the right thing, or frees the client. Everything else only changes its
 * state, so that no function has to fear that the client has gone under its feet.
 *
 * An idle client owns no buffer: lines are read into the process's one input buffer, and only what
 * cannot be used yet is kept in memory of its own. */
#define _GNU_SOURCE
#include "login/login.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/wipe.h"
#include "login/tls.h"

enum { READ_MAX = 4096 };

static void on_io(evutil_socket_t, short, void *);
static void on_timer(evutil_socket_t, short, void *);

/* --- input --- */

/* Remembers how much of the process's buffer has to be wiped. */
static void note_input(const struct client *c)
{
	if (c->in.end > c->l->ninput)
		c->l->ninput = c->in.end;
}

static void unpark(struct client *c)
{
	char *own = c->in.buf;
	size_t cap = c->in.cap;

	if (own == c->l->input)
		return;
	line_attach(&c->in, c->l->input, sizeof(c->l->input));
	note_input(c);
	if (own != NULL) {
		wipe(own, cap);
		free(own);
	}
}

/* Gives the process's buffer back; passwords do not stay in it. */
static void park(struct client *c)
{
	struct login *l = c->l;
	size_t rest;

	if (c->in.buf != l->input)
		return;
	if (c->state >= CLIENT_CLOSING)
		line_drop(&c->in);
	rest = line_rest(&c->in).len;
	line_attach(&c->in, rest > 0 ? mem_alloc(rest, 1) : NULL, rest);
	wipe(l->input, l->ninput);
	l->ninput = 0;
}

/* False when nothing (more) came. */
static bool read_more(struct client *c)
{
	size_t room;
	char *to = line_space(&c->in, &room);
	ssize_t n = stream_read(&c->stream, to, room < READ_MAX ? room : READ_MAX);

	if (n > 0) {
		line_fill(&c->in, (size_t)n);
		note_input(c);
		return true;
	}
	if (n == 0)
		client_close(c, "disconnected");
	else if (errno != EAGAIN)
		client_close(c, c->stream.ssl != NULL && errno == EPROTO ? tls_reason()
									 : "connection lost");
	return false;
}

static bool wants_line(const struct client *c)
{
	return (c->state == CLIENT_COMMAND || c->state == CLIENT_SASL) && c->stream.out.len == 0;
}

/* RFC 5034 section 4 lets an initial response only use what fits into a command; clients with a
 * token do not always keep to it. */
static size_t line_limit(const struct client *c)
{
	static const char auth[] = "AUTH ";
	struct slice rest = line_rest(&c->in);

	if (c->state == CLIENT_SASL ||
		(rest.len >= sizeof(auth) - 1 && strncasecmp(rest.at, auth, sizeof(auth) - 1) == 0))
		return LINE_AUTH;
	return LINE_COMMAND;
}

static void run_lines(struct client *c)
{
	struct slice line;

	while (wants_line(c)) {
		bool sasl = c->state == CLIENT_SASL;

		switch (line_next(&c->in, line_limit(c), &line)) {
		case LINE_MORE:
			return;
		case LINE_READY:
			(sasl ? auth_line : command_line)(c, line);
			break;
		case LINE_NUL:
			(sasl ? auth_bad_line : client_error)(c, REPLY_LINE_NUL);
			break;
		case LINE_TOO_LONG:
			(sasl ? auth_bad_line : client_error)(c, REPLY_LINE_TOO_LONG);
			break;
		}
	}
}

/* readable: the socket has something. */
static void turn(struct client *c, bool readable)
{
	unpark(c);
	for (;;) {
		run_lines(c);
		if (!wants_line(c) || (!readable && !stream_has_more(&c->stream)))
			return;
		if (!read_more(c))
			return;
		readable = false;
	}
}

void client_resume(struct client *c)
{
	turn(c, false);
}

/* --- output --- */

static void push(struct client *c)
{
	struct login *l = c->l;

	if (l->ntext > 0 && stream_write(&c->stream, l->text, l->ntext) == -1)
		client_close(c, "connection lost");
	l->ntext = 0;
}

void client_text(struct client *c, const char *text, size_t n)
{
	struct login *l = c->l;

	/* what is said to one client must never reach another */
	if (l->ntext > 0 && l->speaking_to != c)
		die("a reply was left unsent");
	l->speaking_to = c;
	if (n > sizeof(l->text) - l->ntext)
		push(c);
	if (n > sizeof(l->text)) {
		if (stream_write(&c->stream, text, n) == -1)
			client_close(c, "connection lost");
		return;
	}
	memcpy(l->text + l->ntext, text, n);
	l->ntext += n;
}

void client_reply(struct client *c, enum reply_id id)
{
	char text[REPLY_MAX];

	client_text(c, text, reply_format(text, sizeof(text), c->language, id, 0, 0));
}

void client_error(struct client *c, enum reply_id id)
{
	client_reply(c, id);
	if (++c->errors < MAX_ERRORS)
		return;
	client_reply(c, REPLY_TOO_MANY_ERRORS);
	client_end(c, "too many errors");
}

/* --- the end --- */

void client_end(struct client *c, const char *why)
{
	if (c->state == CLIENT_GONE)
		return;
	auth_forget(c);
	c->state = CLIENT_CLOSING;
	c->why = why;
}

void client_close(struct client *c, const char *why)
{
	if (c->state == CLIENT_GONE)
		return;
	auth_forget(c);
	if (c->why == NULL)
		c->why = why;
	c->state = CLIENT_GONE;
}

static void destroy(struct client *c)
{
	struct login *l = c->l;

	if (c->why != NULL)
		report_end(c);
	client_unwatch(c);
	event_del(&c->timer);
	if (c->counted)
		limits_give(&l->limits, c->limit);
	if (c->session != -1) {
		close(c->session);
		close(c->handed);
	}
	stream_close(&c->stream);
	free(c->user);
	free(c->header);
	free(c->in.buf);
	LIST_REMOVE(c, link);
	free(c);
	login_check_over(l);
}

/* --- waiting --- */

static void wait_for(struct client *c, short what)
{
	if (c->armed == what)
		return;
	if (c->armed != 0)
		event_del(&c->io);
	c->armed = what;
	if (what == 0)
		return;
	event_assign(&c->io, c->l->base, c->stream.fd, (short)(what | EV_PERSIST), on_io, c);
	event_add(&c->io, NULL);
}

static void wait_us(struct client *c, int64_t us)
{
	int64_t left = c->deadline * 1000 - clock_us();
	struct timeval t;

	if (us > left)
		us = left;
	if (us < 0)
		us = 0;
	t.tv_sec = us / 1000000;
	t.tv_usec = us % 1000000;
	event_add(&c->timer, &t);
}

void client_delay(struct client *c, int64_t until)
{
	c->state = CLIENT_DELAY;
	c->delay_over = until;
	wait_us(c, until - clock_us());
}

/* Where the last words have not all gone out, the client gets a moment to take them. */
static void settle_closing(struct client *c)
{
	if (!c->finished) {
		c->finished = true;
		stream_finish(&c->stream);
		if (c->stream.out.len > 0) {
			c->deadline = clock_ms() + LINGER_MS;
			wait_us(c, INT64_C(1000) * LINGER_MS);
		}
	}
	if (c->stream.out.len == 0 || c->stream.failed)
		c->state = CLIENT_GONE;
}

void client_unwatch(struct client *c)
{
	wait_for(c, 0);
}

void client_settle(struct client *c)
{
	/* not while it becomes a session; but nobody waits for an answer, or for a delay to end */
	if (c->l->stopping && c->state >= CLIENT_COMMAND && c->state <= CLIENT_DELAY) {
		client_reply(c, REPLY_SHUTDOWN);
		client_end(c, "shutdown");
	}
	push(c);
	if (c->state == CLIENT_CLOSING)
		settle_closing(c);
	park(c);
	if (c->state == CLIENT_GONE)
		destroy(c);
	else if (c->stream.out.len > 0)
		wait_for(c, EV_WRITE);
	else if (c->state <= CLIENT_SASL)
		wait_for(c, EV_READ);
	/* else: most clients wait for the answer, so to go on waiting for EV_READ costs nothing;
	 * on_io stops it when one does not. */
}

/* --- events --- */

static void handshake(struct client *c)
{
	switch (stream_handshake(&c->stream)) {
	case 1:
		c->state = CLIENT_COMMAND;
		if (!c->greeted)
			command_greet(c);
		push(c);
		if (stream_push(&c->stream) == -1)
			client_close(c, "connection lost");
		turn(c, false);
		break;
	case -1:
		client_close(c, tls_reason());
		break;
	default:
		break;
	}
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	if ((what & EV_WRITE) != 0) {
		if (stream_flush(&c->stream) == -1)
			client_close(c, "connection lost");
		else
			turn(c, false);
	} else if (c->state == CLIENT_PROXY) {
		front_read(c);
	} else if (c->state == CLIENT_HANDSHAKE) {
		handshake(c);
	} else if (c->state <= CLIENT_SASL) {
		turn(c, true);
	} else {
		wait_for(c, 0);
		return;
	}
	client_settle(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	(void)what;
	if (c->state == CLIENT_DELAY && c->delay_over < c->deadline * 1000) {
		wait_us(c, c->deadline * 1000 - clock_us());
		auth_delayed(c);
		turn(c, false);
	} else if (c->state == CLIENT_CLOSING || c->state <= CLIENT_HANDSHAKE) {
		client_close(c, "timeout");
	} else {
		client_reply(c, REPLY_LOGIN_TIMEOUT);
		client_end(c, "timeout");
	}
	client_settle(c);
}

/* --- the beginning --- */

void client_start_tls(struct client *c)
{
	push(c);
	line_drop(&c->in);
	if (c->stream.out.len > 0 || stream_start_tls(&c->stream, tls_context(c->l->tls)) == -1)
		client_close(c, "no TLS");
	else
		c->state = CLIENT_HANDSHAKE;
	listen_step_back(c->l);
}

void client_begin(struct client *c, bool tls)
{
	c->began = clock_ms();
	c->deadline = c->began + c->l->settings.login_timeout.tv_sec * (int64_t)1000;
	event_add(&c->timer, c->l->login_timeout);
	c->state = CLIENT_COMMAND;
	if (tls)
		client_start_tls(c);
	else
		command_greet(c);
}

void client_open(const struct listener *li, int fd, const struct address *from, uint64_t limit)
{
	static const struct timeval proxy_wait = {PROXY_WAIT, 0};
	struct login *l = li->l;
	struct client *c = mem_alloc(1, sizeof(*c));

	*c = (struct client){.l = l,
		.stream = {.fd = fd, .wire = &l->wire},
		.language = (uint8_t)l->settings.language,
		.loopback = address_is_loopback(from),
		.from = *from,
		.serial = ++l->serial,
		.limit = limit,
		.counted = true,
		.began = clock_ms(),
		.session = -1,
		.tls_first = li->tls,
		.state = CLIENT_PROXY};
	LIST_INSERT_HEAD(&l->clients, c, link);
	event_assign(&c->timer, l->base, -1, 0, on_timer, c);
	if (li->proxy)
		event_add(&c->timer, &proxy_wait);
	else
		client_begin(c, li->tls);
	client_settle(c);
}

bool client_encrypted(const struct client *c)
{
	return c->stream.ssl != NULL || c->front_tls;
}

const char *client_tls(const struct client *c)
{
	if (c->stream.ssl != NULL)
		return SSL_get_version(c->stream.ssl);
	if (!c->front_tls)
		return "";
	return c->front_version[0] != '\0' ? c->front_version : "TLS";
}

void client_server_ip(struct client *c, char *to, size_t cap)
{
	union {
		struct sockaddr sa;
		struct sockaddr_storage space;
	} addr;
	socklen_t n = sizeof(addr);

	if (c->to.family == 0 && getsockname(c->stream.fd, &addr.sa, &n) == 0)
		(void)address_from(&addr.sa, &c->to);
	address_text(&c->to, to, cap);
}
