/* request - the life of an authentication: found by login's number, stepped through its mechanism,
 * taken up again when a worker has answered. */
#include "auth/auth.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/wipe.h"

static struct request **bucket(struct auth *a, const struct login *l, uint32_t id)
{
	return &a->buckets[(id * 31 + l->c.number) & (BUCKETS - 1)];
}

static struct request *find(struct login *l, uint32_t id)
{
	struct request *r = *bucket(l->auth, l, id);

	while (r != NULL && (r->login != l || r->id != id))
		r = r->next_in_bucket;
	return r;
}

static struct request *new_request(struct login *l, uint32_t id)
{
	struct auth *a = l->auth;
	struct request **b = bucket(a, l, id);
	struct request *r = mem_alloc(1, sizeof(*r));

	r->auth = a;
	r->login = l;
	r->id = id;
	r->serial = ++a->serial;
	r->began = clock_ms();
	r->next_in_bucket = *b;
	*b = r;
	a->nrequests++;
	return r;
}

/* Out of the table: login may use the number again. */
static void detach(struct request *r)
{
	struct request **p;

	if (r->login == NULL)
		return;
	p = bucket(r->auth, r->login, r->id);
	while (*p != r)
		p = &(*p)->next_in_bucket;
	*p = r->next_in_bucket;
	r->login = NULL;
}

void request_free(struct request *r)
{
	detach(r);
	r->auth->nrequests--;
	if (r->state == DELAYED)
		event_del(&r->timer);
	wipe(r, sizeof(*r));
	free(r);
}

static void send_challenge(struct request *r)
{
	struct msg *m = &r->auth->out;

	r->state = WITH_CLIENT;
	msg_start(m, MSG_AUTH_CONTINUE);
	msg_put_u32(m, r->id);
	msg_put_bytes(m, r->x.challenge, r->x.challenge_len);
	if (msg_send(&r->login->c, m) == -1) {
		log_line(LOG_ERR, "cannot reach login %u: %m", r->login->c.number);
		request_free(r);
	}
}

static void step(struct request *r, const char *in, size_t n)
{
	switch (r->x.mech->step(&r->x, in, n)) {
	case MECH_CONTINUE:
		r->x.round++;
		send_challenge(r);
		break;
	case MECH_ASK:
		pool_ask(r);
		break;
	default:
		refuse(r, RESTANTE_DENY, r->x.why);
		break;
	}
}

/* A number in use or a mechanism that was not offered: login is confused or not itself. */
static int acceptable(struct login *l, uint32_t id, const char *name, const struct mech *mech)
{
	if (find(l, id) != NULL)
		log_line(LOG_ERR, "login %u began authentication %u twice", l->c.number, id);
	else if (mech == NULL || ((mech->flags & MECH_SHARED) != 0 && !l->auth->apop))
		log_line(LOG_ERR, "login %u asked for the mechanism %s", l->c.number, name);
	else
		return 1;
	return 0;
}

static void fail_at_once(struct login *l, uint32_t id)
{
	struct msg *m = &l->auth->out;

	msg_start(m, MSG_AUTH_FAIL);
	msg_put_u32(m, id);
	msg_put_u32(m, -RESTANTE_TEMP);
	msg_put_str(m, "");
	(void)msg_send(&l->c, m);
}

void request_start(struct login *l)
{
	struct msg *m = &l->auth->in;
	uint32_t id = msg_get_u32(m);
	const char *name = msg_get_str(m);
	int has_initial = msg_get_u32(m) != 0;
	size_t n;
	const char *initial = (const char *)msg_get_bytes(m, &n);
	const char *client_ip = msg_get_str(m), *server_ip = msg_get_str(m);
	const struct mech *mech = mech_find(name);
	const char *banner;
	struct request *r;

	(void)msg_get_u32(m); /* tls: login's affair */
	banner = msg_get_str(m);
	if (!msg_end(m))
		return;
	if (!acceptable(l, id, name, mech) || l->auth->nrequests == REQUESTS_MAX) {
		fail_at_once(l, id);
		return;
	}
	r = new_request(l, id);
	mech_begin(&r->x, mech, banner);
	(void)str_copy(r->client_ip, sizeof(r->client_ip), client_ip);
	(void)str_copy(r->server_ip, sizeof(r->server_ip), server_ip);
	step(r, has_initial ? initial : NULL, n);
}

void request_step(struct login *l)
{
	struct msg *m = &l->auth->in;
	struct request *r = find(l, msg_get_u32(m));
	size_t n;
	const char *response = (const char *)msg_get_bytes(m, &n);

	if (!msg_end(m))
		return;
	if (r == NULL || r->state != WITH_CLIENT)
		log_line(LOG_ERR, "login %u sent a response that nobody asked for", l->c.number);
	else
		step(r, response, n);
}

/* A worker cannot be called back: its answer is awaited and dropped. */
static void abandon(struct request *r)
{
	switch (r->state) {
	case WITH_WORKER:
		detach(r);
		mech_forget(&r->x);
		break;
	case QUEUED:
		pool_leave(r);
		request_free(r);
		break;
	case GRANTED:
		outbox_disown(&r->auth->session, r);
		request_free(r);
		break;
	default:
		request_free(r);
		break;
	}
}

void request_abort(struct login *l)
{
	struct request *r = find(l, msg_get_u32(&l->auth->in));

	if (msg_end(&l->auth->in) && r != NULL)
		abandon(r);
}

void request_abort_all(struct login *l)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct request *next;

		for (struct request *r = l->auth->buckets[i]; r != NULL; r = next) {
			next = r->next_in_bucket;
			if (r->login == l)
				abandon(r);
		}
	}
}

void request_answered(struct request *r, int result, const struct restante_user *user,
	const unsigned char *extra, size_t n)
{
	r->state = WITH_CLIENT;
	if (r->login == NULL)
		request_free(r);
	else if (result != RESTANTE_OK)
		refuse(r, result, NULL);
	else if (r->x.mech->answer != NULL && r->x.mech->answer(&r->x, extra, n) != MECH_GOOD)
		refuse(r, RESTANTE_DENY, r->x.why);
	else
		grant(r, user);
}
