/* query - an epoll instance with the listener and the few clients in it. */
#define _GNU_SOURCE
#include "sys/query.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/log.h"
#include "sys/listen.h"

static int watch(const struct query *q, int how, int fd, uint32_t events, void *who)
{
	struct epoll_event e = {.events = events};

	e.data.ptr = who;
	return epoll_ctl(q->fd, how, fd, &e);
}

int query_open(struct query *q, int listener, uid_t other,
	void (*answer)(void *arg, const char *line, size_t n, struct buf *out), void *arg)
{
	*q = (struct query){
		.fd = -1, .listener = listener, .other = other, .answer = answer, .arg = arg};
	for (size_t i = 0; i < QUERY_CLIENTS; i++)
		q->clients[i].fd = -1;
	if (listener == -1)
		return 0;
	q->fd = epoll_create1(EPOLL_CLOEXEC);
	return q->fd == -1 ? -1 : watch(q, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
}

static void finish(struct query_client *c)
{
	close(c->fd); /* so it leaves the epoll instance too */
	buf_free(&c->out);
	*c = (struct query_client){.fd = -1};
}

/* --- who has come --- */

/* The file's mode says the same; this holds whatever becomes of the file. */
static int may_ask(const struct query *q, int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	       (peer.uid == 0 || peer.uid == q->other);
}

static struct query_client *place(struct query *q)
{
	struct query_client *oldest = &q->clients[0];

	for (size_t i = 0; i < QUERY_CLIENTS; i++) {
		if (q->clients[i].fd == -1)
			return &q->clients[i];
		if (q->clients[i].turn < oldest->turn)
			oldest = &q->clients[i];
	}
	finish(oldest);
	return oldest;
}

static void take(struct query *q)
{
	struct sockaddr_storage from;
	socklen_t len;
	int fd = listen_accept(q->listener, &from, &len);
	struct query_client *c;

	if (fd == -1) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			log_line(LOG_ERR, "restantectl cannot ask here any more: %m");
			(void)watch(q, EPOLL_CTL_DEL, q->listener, 0, NULL);
		}
		return;
	}
	if (!may_ask(q, fd)) {
		close(fd);
		return;
	}
	c = place(q);
	c->fd = fd;
	c->turn = q->turns++;
	if (watch(q, EPOLL_CTL_ADD, fd, EPOLLIN, c) == -1)
		finish(c);
}

/* --- its question, its answer --- */

/* 1: something has come; 0: nothing is there; -1: it goes. */
static int ask(struct query *q, struct query_client *c)
{
	ssize_t n = recv(c->fd, c->line + c->n, sizeof(c->line) - c->n, 0);
	const char *end;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	end = memchr(c->line + c->n, '\n', (size_t)n);
	c->n += (size_t)n;
	if (end != NULL)
		q->answer(q->arg, c->line, (size_t)(end - c->line), &c->out);
	else if (c->n < sizeof(c->line))
		return 1;
	if (c->out.len == 0 || watch(q, EPOLL_CTL_MOD, c->fd, EPOLLOUT, c) == -1)
		return -1;
	return 1;
}

static int tell(struct query_client *c)
{
	ssize_t n = send(c->fd, c->out.p + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	c->sent += (size_t)n;
	return c->sent == c->out.len ? -1 : 1;
}

/* One octet or all of it: what does not fit now comes in another turn. */
static void serve(struct query *q, struct query_client *c)
{
	int more = c->out.len == 0 ? ask(q, c) : 1;

	if (more != -1 && c->out.len > 0)
		more = tell(c);
	if (more == -1)
		finish(c);
}

void query_work(struct query *q)
{
	struct epoll_event events[QUERY_CLIENTS + 1];
	int n = epoll_wait(q->fd, events, QUERY_CLIENTS + 1, 0);

	for (int i = 0; i < n; i++) {
		struct query_client *c = events[i].data.ptr;

		if (c == NULL)
			take(q);
		else if (c->fd != -1) /* else it had to go for another */
			serve(q, c);
	}
}
