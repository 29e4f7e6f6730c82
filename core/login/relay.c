/* relay - the TLS of a logged-in client, between its socket and its session's.
 *
 * Each side is read only while nothing waits for the other, so a client that stops reading stops
 * its session, and costs here at most one chunk. Time limits are the session's: when it ends, it
 * closes its side, and what it said is sent before the client's is closed. */
#define _GNU_SOURCE
#include "login/login.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/wipe.h"

enum { CHUNKS_A_TURN = 4, LAST_WORDS_S = 60 };

struct relay {
	LIST_ENTRY(relay) link;
	struct login *l;
	struct stream client;
	int session;
	struct event client_event, session_event;
	short client_armed, session_armed;
	bool client_ended, session_ended, dead;
	struct buf pending; /* for the session, which does not take it now */
	uint64_t limit;
};

static void on_client(evutil_socket_t, short, void *);
static void on_session(evutil_socket_t, short, void *);

static void destroy(struct relay *r)
{
	struct login *l = r->l;

	event_del(&r->client_event);
	event_del(&r->session_event);
	close(r->session);
	stream_close(&r->client);
	buf_wipe(&r->pending);
	limits_give(&l->limits, r->limit);
	LIST_REMOVE(r, link);
	free(r);
	login_check_over(l);
}

static void arm(struct event *ev, short *armed, short what, const struct timeval *limit)
{
	if (*armed == what)
		return;
	if (*armed != 0)
		event_del(ev);
	*armed = what;
	if (what == 0)
		return;
	event_assign(ev, event_get_base(ev), event_get_fd(ev), (short)(what | EV_PERSIST),
		event_get_callback(ev), event_get_callback_arg(ev));
	event_add(ev, limit);
}

/* Waits for whatever can bring the relay on, or ends it. */
static void settle(struct relay *r)
{
	static const struct timeval last_words = {.tv_sec = LAST_WORDS_S};
	bool owes_client = r->client.out.len > 0, owes_session = r->pending.len > 0;
	short client = 0, session = 0;

	if (r->dead || (r->session_ended && !owes_client)) {
		destroy(r);
		return;
	}
	if (owes_client)
		client |= EV_WRITE;
	else if (!r->client_ended && !owes_session)
		client |= EV_READ;
	if (!r->session_ended && !owes_client)
		session |= EV_READ;
	if (owes_session)
		session |= EV_WRITE;
	arm(&r->client_event, &r->client_armed, client, r->session_ended ? &last_words : NULL);
	arm(&r->session_event, &r->session_armed, session, NULL);
}

/* --- session to client --- */

static void session_is_over(struct relay *r)
{
	r->session_ended = true;
	stream_finish(&r->client);
	/* the client's event gets a time limit, also where it is waiting already */
	if (r->client_armed != 0)
		event_del(&r->client_event);
	r->client_armed = 0;
}

static void from_session(struct relay *r)
{
	struct login *l = r->l;

	for (int i = 0; i < CHUNKS_A_TURN; i++) {
		ssize_t n = recv(r->session, l->chunk, sizeof(l->chunk), 0);

		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			session_is_over(r);
			return;
		}
		if (stream_write(&r->client, l->chunk, (size_t)n) == -1)
			r->dead = true;
		if (r->dead || r->client.out.len > 0 || (size_t)n < sizeof(l->chunk))
			return;
	}
}

/* --- client to session --- */

static void to_session(struct relay *r, const char *p, size_t n)
{
	ssize_t sent = send(r->session, p, n, MSG_NOSIGNAL);

	if (sent == -1 && errno != EAGAIN && errno != EINTR) {
		/* the session has ended; its last words may still be there to read */
		r->client_ended = true;
		return;
	}
	if (sent == -1)
		sent = 0;
	if ((size_t)sent < n)
		buf_add(&r->pending, p + sent, n - (size_t)sent);
}

static bool may_read_client(const struct relay *r)
{
	return !r->client_ended && r->pending.len == 0 && r->client.out.len == 0;
}

static void from_client(struct relay *r)
{
	struct login *l = r->l;

	do {
		ssize_t n = stream_read(&r->client, l->chunk, sizeof(l->chunk));

		if (n == -1 && errno == EAGAIN)
			return;
		if (n == -1) {
			r->dead = true;
		} else if (n == 0) {
			r->client_ended = true;
			(void)shutdown(r->session, SHUT_WR);
		} else {
			to_session(r, l->chunk, (size_t)n);
		}
	} while (!r->dead && may_read_client(r) && stream_has_more(&r->client));
}

/* --- events --- */

static void on_client(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	(void)fd;
	if ((what & EV_TIMEOUT) != 0 || ((what & EV_WRITE) != 0 && stream_flush(&r->client) == -1))
		r->dead = true;
	else if ((what & EV_READ) != 0 || (may_read_client(r) && stream_has_more(&r->client)))
		from_client(r);
	settle(r);
}

static void on_session(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	(void)fd;
	if ((what & EV_WRITE) != 0) {
		struct buf pending = r->pending;

		r->pending = (struct buf){0};
		to_session(r, pending.p, pending.len);
		buf_wipe(&pending);
		if (may_read_client(r) && stream_has_more(&r->client))
			from_client(r);
	}
	if ((what & EV_READ) != 0 && !r->dead)
		from_session(r);
	settle(r);
}

void relay_open(struct login *l, const struct stream *client, int session, uint64_t limit)
{
	struct relay *r = mem_alloc(1, sizeof(*r));

	r->l = l;
	r->client = *client;
	r->session = session;
	r->limit = limit;
	stream_moved(&r->client);
	/* passwords have passed; wiping 16 KiB after each command would be felt */
	if (r->client.ssl != NULL)
		SSL_clear_options(r->client.ssl, SSL_OP_CLEANSE_PLAINTEXT);
	LIST_INSERT_HEAD(&l->relays, r, link);
	event_assign(&r->client_event, l->base, r->client.fd, EV_READ, on_client, r);
	event_assign(&r->session_event, l->base, session, EV_READ, on_session, r);
	if (stream_has_more(&r->client))
		from_client(r);
	settle(r);
}
