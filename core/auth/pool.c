/* pool - the workers of each auth plugin. The plugins are asked one after the other, until one
 * knows the user; one that knows who it is, and no more, leaves the record to whoever has it.
 *
 * A worker has one request at a time, so that one slow directory server holds up as
 * many logins as it has workers and no message waits in a socket of a busy one. The rest queues
 * here, bounded in number and time.
 *
 * Who is known, or asks for no more than a record, does not wait behind strangers' guesses: such
 * requests have a queue of their own, and the last idle worker is for them. Within a queue
 * addresses take turns: who comes with one request waits for one of each of the others, however
 * many these have brought.
 *
 * A worker that dies (its deadline kills it) takes its request with it: TEMP. The master starts
 * another and sends its channel. */
#include "auth/auth.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/wipe.h"

enum { ATTRS_MAX = 256 };

static int hand_over(struct worker *w, struct request *r)
{
	struct msg *m = &w->auth->out;
	int sent;

	msg_start(m, MSG_VERIFY);
	msg_put_u32(m, r->serial);
	msg_put_u32(m, r->x.what);
	msg_put_str(m, r->lookup ? "deliver" : "pop3");
	msg_put_str(m, r->named[0] != '\0' ? r->named : r->x.user);
	msg_put_str(m, r->client_ip);
	msg_put_str(m, r->server_ip);
	msg_put_u32(m, (uint32_t)r->tls);
	msg_put_str(m, r->x.what == VERIFY_LOOKUP ? "" : mech_question(&r->x));
	sent = msg_send(&w->c, m);
	if (!r->memory.cached && pool_is_last(r))
		mech_asked(&r->x); /* else another may have to be asked */
	wipe(m->data, m->len);
	return sent;
}

static void give(struct worker *w, struct request *r)
{
	r->state = WITH_WORKER;
	r->given = clock_us();
	w->busy = r;
	if (hand_over(w, r) == 0)
		return;
	log_line(LOG_ERR, "cannot reach worker %u: %m", w->c.number);
	w->busy = NULL;
	refuse(r, RESTANTE_TEMP, NULL);
}

/* --- the queue --- */

static void watch_queue(struct pool *p)
{
	static const struct timeval second = {1, 0};

	if (p->queued > 0)
		event_add(&p->expire, &second);
	else
		event_del(&p->expire);
}

static struct pool *pool_of(const struct request *r)
{
	return &r->auth->pools[r->backend];
}

static struct queue *queue_of(struct request *r)
{
	return &pool_of(r)->queues[r->urgent || r->lookup ? 0 : 1];
}

static uint64_t address_of(const struct request *r)
{
	return r->memory.attempt.key[PENALTY_ADDRESS];
}

/* Its turn comes with the first, second, ... of the other addresses. Those of LMTP have none. */
static struct request **find_turn(struct queue *q, struct request *r)
{
	struct request **at = &q->first;

	r->turn = 0;
	for (const struct request *o = q->first; o != NULL && address_of(r) != 0; o = o->next)
		r->turn += address_of(o) == address_of(r);
	while (*at != NULL && (*at)->turn <= r->turn)
		at = &(*at)->next;
	return at;
}

static void enqueue(struct pool *p, struct request *r)
{
	struct queue *q = queue_of(r);

	r->state = QUEUED;
	r->queued = clock_ms();
	r->link = find_turn(q, r);
	r->next = *r->link;
	*r->link = r;
	if (r->next != NULL)
		r->next->link = &r->next;
	q->n++;
	if (p->queued++ == 0)
		watch_queue(p);
}

void pool_leave(struct request *r)
{
	struct pool *p = pool_of(r);

	*r->link = r->next;
	if (r->next != NULL)
		r->next->link = r->link;
	r->state = WITH_CLIENT;
	queue_of(r)->n--;
	if (--p->queued == 0)
		watch_queue(p);
}

static void give_up(struct request *r)
{
	pool_leave(r);
	refuse(r, RESTANTE_TEMP, "busy");
}

static void expire_queue(struct auth *a, const struct queue *q, int64_t now)
{
	struct request *next;

	for (struct request *r = q->first; r != NULL; r = next) {
		next = r->next;
		if (r->queued + a->timeout_ms <= now)
			give_up(r);
	}
}

static void expire(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	int64_t now = clock_ms();

	(void)fd;
	(void)what;
	expire_queue(p->auth, &p->queues[0], now);
	expire_queue(p->auth, &p->queues[1], now);
	watch_queue(p);
}

/* Whoever is idle, if the request may have him. */
static struct worker *find_idle(const struct pool *p, int urgent)
{
	struct worker *found = NULL;
	size_t idle = 0, all = 0;

	for (struct worker *w = p->workers; w != NULL; w = w->next) {
		all++;
		if (w->busy != NULL)
			continue;
		found = w;
		idle++;
	}
	return urgent || idle > 1 || all == 1 ? found : NULL;
}

static struct request *last_of(const struct queue *q)
{
	struct request *r = q->first;

	while (r->next != NULL)
		r = r->next;
	return r;
}

static void ask(struct request *r)
{
	struct pool *p = pool_of(r);
	struct worker *w = find_idle(p, r->urgent || r->lookup);

	if (w != NULL) {
		give(w, r);
		return;
	}
	enqueue(p, r);
	/* Whose turn would be last goes: it is of the address that has brought most. */
	if (p->queues[1].n > QUEUE_MAX)
		give_up(last_of(&p->queues[1]));
}

void pool_ask(struct request *r)
{
	r->backend = 0;
	r->named[0] = '\0';
	ask(r);
}

int pool_is_last(const struct request *r)
{
	return r->backend + 1 == r->auth->npools;
}

/* 1: what is asked now is for the record of this name. */
static int takes_name(struct request *r, const struct restante_user *user)
{
	if ((user->flags & RESTANTE_USER_NAME_ONLY) == 0 || r->named[0] != '\0' ||
		user->name[0] == '\0' || str_copy(r->named, sizeof(r->named), user->name) == -1)
		return 0;
	r->x.what = VERIFY_LOOKUP;
	r->backend = 0;
	return 1;
}

int pool_goes_on(struct request *r, int result, const struct restante_user *user)
{
	if (result == RESTANTE_NONE && !pool_is_last(r)) {
		r->backend++;
	} else if (result != RESTANTE_OK || !takes_name(r, user)) {
		if (!r->memory.cached)
			mech_asked(&r->x);
		return 0;
	}
	ask(r);
	return 1;
}

/* Somebody has become idle. */
static void next(struct pool *p)
{
	for (int i = 0; i < 2; i++) {
		struct request *r;

		while ((r = p->queues[i].first) != NULL) {
			struct worker *w = find_idle(p, i == 0);

			if (w == NULL)
				break;
			pool_leave(r);
			if (memory_refuses(r))
				continue;
			give(w, r);
			return;
		}
	}
}

/* --- workers --- */

static void answer(struct worker *w)
{
	struct msg *m = &w->auth->in;
	const char *attrs[ATTRS_MAX];
	struct restante_user user;
	uint32_t serial = msg_get_u32(m), result = msg_get_u32(m);
	struct request *r = w->busy;
	const unsigned char *extra;
	size_t n;

	msg_get_user(m, &user, attrs, ATTRS_MAX);
	extra = msg_get_bytes(m, &n);
	if (!msg_end(m) || r == NULL || serial != r->serial || result > -RESTANTE_FULL) {
		log_line(LOG_ERR, "worker %u gave an answer to no question", w->c.number);
		return;
	}
	w->busy = NULL;
	r->took += clock_us() - r->given;
	next(w->pool); /* first, so that the worker computes while we talk */
	request_answered(r, -(int)result, &user, extra, n);
	wipe(m->data, m->len);
}

static void lost(struct worker *w)
{
	struct pool *pool = w->pool;
	struct worker **p = &pool->workers;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	event_del(&w->readable);
	close(w->c.fd);
	if (w->busy != NULL) {
		log_line(LOG_ERR, "worker %u died while it checked a login", w->c.number);
		request_answered(w->busy, RESTANTE_TEMP, NULL, NULL, 0);
	}
	free(w);
	next(pool); /* he who is left alone takes what comes */
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	switch (msg_recv(&w->c, &w->auth->in)) {
	case MSG_GOT:
		answer(w);
		break;
	case MSG_CLOSED:
		lost(w);
		break;
	default:
		break;
	}
}

void pool_add(struct auth *a, const struct channel *c)
{
	struct worker *w;
	size_t i = c->number / a->each;

	if (i >= a->npools) {
		log_line(LOG_ERR, "worker %u is of no plugin here", c->number);
		close(c->fd);
		return;
	}
	w = mem_alloc(1, sizeof(*w));
	w->auth = a;
	w->pool = &a->pools[i];
	w->c = *c;
	w->next = w->pool->workers;
	w->pool->workers = w;
	event_assign(&w->readable, a->base, c->fd, EV_READ | EV_PERSIST, readable, w);
	event_add(&w->readable, NULL);
	next(w->pool);
}

void pool_init(struct auth *a)
{
	a->each = (uint32_t)conf_num(a->conf, "auth_workers");
	a->npools = conf_count(a->conf, "auth");
	a->pools = mem_alloc(a->npools, sizeof(*a->pools));
	for (size_t i = 0; i < a->npools; i++) {
		a->pools[i].auth = a;
		event_assign(&a->pools[i].expire, a->base, -1, 0, expire, &a->pools[i]);
	}
}
