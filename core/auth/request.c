/* request - the life of an authentication: found by login's number, stepped through its mechanism,
 * taken up again when a worker has answered. */
#include "auth/auth.h"

#include <stdlib.h>
#include <string.h>
#include "auth/record.h"
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
	r->began = clock_us();
	r->next_in_bucket = *b;
	*b = r;
	a->nrequests++;
	return r;
}

struct request *request_new(struct login *l, uint32_t id)
{
	if (find(l, id) != NULL || l->auth->nrequests >= l->auth->max_requests)
		return NULL;
	return new_request(l, id);
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
	mech_forget(&r->x);
	free(r->record);
	wipe(r, sizeof(*r));
	free(r);
}

static void send_challenge(struct request *r)
{
	struct msg *m = &r->auth->out;

	r->x.round++;
	r->state = WITH_CLIENT;
	msg_start(m, MSG_AUTH_CONTINUE);
	msg_put_u32(m, r->id);
	msg_put_bytes(m, r->x.challenge.p, r->x.challenge.len);
	if (login_tell(r->login) == -1)
		request_free(r);
}

static void step(struct request *r, const char *in, size_t n)
{
	switch (mech_step(&r->x, in, n)) {
	case MECH_CONTINUE:
		send_challenge(r);
		break;
	case MECH_ASK:
		memory_ask(r);
		break;
	case MECH_GOOD:
		grant(r, r->record);
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
	else if (mech == NULL || (l->auth->mechanisms & MECHANISM_BIT(mech->id)) == 0)
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
	msg_put_u64(m, 0);
	msg_put_str(m, "");
	(void)login_tell(l);
}

static void get_binding(struct msg *m, unsigned char *to, size_t max, size_t *len)
{
	size_t n;
	const unsigned char *p = msg_get_bytes(m, &n);

	*len = n <= max ? n : 0;
	memcpy(to, p, *len);
}

/* What stands behind the credentials in AUTH_START. */
static void get_client(struct login *l, struct mech_client *c)
{
	struct msg *m = &l->auth->in;

	(void)str_copy(c->banner, sizeof(c->banner), msg_get_str(m));
	get_binding(m, c->exporter, sizeof(c->exporter), &c->exporter_len);
	get_binding(m, c->end_point, sizeof(c->end_point), &c->end_point_len);
	(void)str_copy(c->certificate, sizeof(c->certificate), msg_get_str(m));
	c->plus = (c->exporter_len > 0 || c->end_point_len > 0) &&
		  (l->auth->mechanisms & MECHANISMS_BOUND) != 0;
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
	struct mech_client client = {.plus = 0};
	struct request *r;
	int tls;

	tls = msg_get_u32(m) != 0;
	get_client(l, &client);
	if (!msg_end(m))
		return;
	if (!acceptable(l, id, name, mech) || l->auth->nrequests >= l->auth->max_requests) {
		fail_at_once(l, id);
		return;
	}
	r = new_request(l, id);
	r->tls = tls;
	mech_begin(&r->x, mech, &client, &l->auth->mask);
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
	if (r == NULL || r->state != WITH_CLIENT) {
		log_line(LOG_ERR, "login %u sent a response that nobody asked for", l->c.number);
		return;
	}
	/* Who could choose when the clock starts could tell a check that takes a little longer. */
	r->began = clock_us();
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

void request_answered(struct request *r, int result, const struct restante_user *found,
	const unsigned char *extra, size_t n)
{
	struct restante_user user =
		found != NULL ? *found : (struct restante_user){.size = sizeof(user)};
	const char *attrs[USER_ATTRS];

	r->state = WITH_CLIENT;
	if (r->login == NULL) {
		refuse_absent(r, result);
		return;
	}
	if (pool_goes_on(r, result, &user))
		return;
	if (r->lookup) {
		lookup_answered(r, result, found);
		return;
	}
	if (!memory_answered(r, result, (uint32_t)r->backend, &user, attrs, USER_ATTRS))
		return;
	if (result != RESTANTE_OK && result != RESTANTE_DENY && result != RESTANTE_NONE) {
		refuse(r, result, NULL);
		return;
	}
	switch (mech_answer(&r->x, result, extra, n)) {
	case MECH_GOOD:
		grant(r, &user);
		break;
	case MECH_CONTINUE:
		r->record = result == RESTANTE_OK ? record_keep(&user) : NULL;
		send_challenge(r);
		break;
	default:
		refuse(r, result == RESTANTE_OK ? RESTANTE_DENY : result, r->x.why);
		break;
	}
}
