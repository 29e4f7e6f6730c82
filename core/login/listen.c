/* listen - taking connections.
 *
 * All login processes wait at the same sockets, and one is woken for a connection. So that relays,
 * which last, spread evenly, a process that takes on TLS lets the others go first. */
#define _GNU_SOURCE
#include "login/login.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/log.h"
#include "sys/listen.h"

void listen_step_back(struct login *l)
{
	for (size_t i = 0; i < l->nlisteners && l->epoll != -1; i++)
		listen_yield(l->epoll, event_get_fd(&l->listeners[i].event));
}

static void start(struct login *l)
{
	for (size_t i = 0; i < l->nlisteners; i++) {
		event_add(&l->listeners[i].event, NULL);
		l->epoll = listen_exclusive(event_get_fd(&l->listeners[i].event));
	}
}

/* No descriptors left: others may still have some. */
static void pause_all(struct login *l)
{
	static const struct timeval moment = {.tv_usec = 200000};

	if (report_allowed(l))
		log_line(LOG_ERR, "cannot take connections for a moment: %m");
	for (size_t i = 0; i < l->nlisteners; i++)
		event_del(&l->listeners[i].event);
	event_add(&l->listen_again, &moment);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	start(arg);
}

/* Without a word where that would have to be said through TLS: a handshake costs more than it is
 * worth. */
static void refuse(struct login *l, int fd, bool tls, enum reply_id id, const struct address *from)
{
	char text[REPLY_MAX], ip[ADDRESS_TEXT];

	if (!tls)
		(void)send(fd, text,
			reply_format(text, sizeof(text), l->settings.language, id, 0, 0),
			MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
	if (!report_allowed(l))
		return;
	address_text(from, ip, sizeof(ip));
	log_line(LOG_INFO, "no login ip=%s why=\"%s\"", ip,
		id == REPLY_TOO_MANY_CLIENTS ? "too many connections"
					     : "too many connections from this address");
}

/* Somebody who is no proxy has found an address that is for proxies alone. */
static void refuse_stranger(struct login *l, int fd, const struct address *from)
{
	char ip[ADDRESS_TEXT];

	close(fd);
	address_text(from, ip, sizeof(ip));
	if (report_allowed(l))
		log_line(LOG_NOTICE, "no login ip=%s why=\"not in proxy_trusted\"", ip);
}

/* A proxy's connections are all from one address; its clients' are counted when it has named them.
 */
static void take(struct listener *li, int fd, const struct sockaddr *sa)
{
	struct login *l = li->l;
	struct address from;
	uint64_t key = limits_key(&l->limits, sa);

	(void)address_from(sa, &from);
	if (li->proxy && !front_is_trusted(l, &from)) {
		refuse_stranger(l, fd, &from);
		return;
	}
	switch (limits_take(&l->limits, key, l->settings.max_connections,
		li->proxy ? 0 : l->settings.max_per_address)) {
	case LIMITS_OK:
		client_open(li, fd, &from, key);
		break;
	case LIMITS_TOTAL:
		refuse(l, fd, li->tls || li->proxy, REPLY_TOO_MANY_CLIENTS, &from);
		break;
	case LIMITS_ADDRESS:
		refuse(l, fd, li->tls, REPLY_TOO_MANY_FROM_YOU, &from);
		break;
	}
}

/* One a turn: where more are waiting, the event comes again, after those of the clients. */
static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct listener *li = arg;
	union {
		struct sockaddr sa;
		struct sockaddr_storage space;
	} addr;
	socklen_t n;
	int client = listen_accept(fd, &addr.space, &n);

	(void)what;
	if (client != -1)
		take(li, client, &addr.sa);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		pause_all(li->l);
}

void listen_open_all(struct login *l, const struct role_start *s)
{
	l->listeners = mem_alloc(s->nlisteners, sizeof(*l->listeners));
	l->nlisteners = s->nlisteners;
	for (size_t i = 0; i < s->nlisteners; i++) {
		struct listener *li = &l->listeners[i];
		int fd = s->listeners[i].fd;

		if (s->listeners[i].tls && l->tls == NULL)
			role_fail(s, "listen: %s wants TLS, and tls_cert is not set",
				s->listeners[i].address);
		li->l = l;
		li->tls = s->listeners[i].tls;
		li->proxy = s->listeners[i].proxy;
		event_assign(&li->event, l->base, fd, EV_READ | EV_PERSIST, on_connection, li);
	}
	event_assign(&l->listen_again, l->base, -1, 0, on_again, l);
	start(l);
}

void listen_close_all(struct login *l)
{
	event_del(&l->listen_again);
	for (size_t i = 0; i < l->nlisteners; i++) {
		event_del(&l->listeners[i].event);
		close(event_get_fd(&l->listeners[i].event));
	}
	l->nlisteners = 0;
}
