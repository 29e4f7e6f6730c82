/* memory - the cache, the penalties and the last logins, as they bear on one request. */
#include "auth/memory.h"

#include <string.h>
#include "auth/auth.h"
#include "base/clock.h"

enum { PENALTIES = 16384, LOGINS = 16384 };

struct login_row {
	struct row row;
	int64_t at; /* clock_ms; 0 = never */
};

int memory_init(struct memory *m, const struct conf *c)
{
	if (keyed_init(&m->keyed) == -1)
		return -1;
	cache_init(&m->cache, &m->keyed, conf_num(c, "auth_cache_ttl") * 1000,
		(size_t)conf_num(c, "auth_cache_size"));
	penalties_init(
		&m->penalties, &m->keyed, conf_num(c, "auth_failure_delay") * 1000, PENALTIES);
	rows_init(&m->logins, LOGINS, sizeof(struct login_row));
	return 0;
}

/* --- before the question --- */

static void begin(struct request *r)
{
	if (!r->memory.begun)
		penalties_begin(
			&r->auth->memory.penalties, r->client_ip, r->x.user, &r->memory.attempt);
	r->memory.begun = 1;
}

/* A question that the cache answers becomes a cheap one: who is it? The secret stays, in case that
 * the answer is not what it was. A token has a key for the penalties alone: it is cheap to check,
 * and says itself when it expires. */
static void ask_cache(struct request *r)
{
	struct remembered *m = &r->memory;
	struct cache *c = &r->auth->memory.cache;

	m->cacheable = r->x.what == VERIFY_PASSWORD;
	m->keyed = m->cacheable || r->x.what == VERIFY_TOKEN;
	if (m->keyed)
		cache_key(c, r->x.user, mech_question(&r->x), r->client_ip, &m->key);
	m->cached = m->cacheable && cache_find(c, &m->key, clock_ms()) != NULL;
	if (m->cached)
		r->x.what = VERIFY_LOOKUP;
}

int memory_refuses(struct request *r)
{
	int log;

	if (r->lookup ||
		!penalties_refuse(&r->auth->memory.penalties, &r->memory.attempt, clock_ms(), &log))
		return 0;
	r->silent = !log;
	refuse(r, RESTANTE_FULL, "penalty");
	return 1;
}

void memory_ask(struct request *r)
{
	struct remembered *m = &r->memory;

	begin(r);
	if (memory_refuses(r))
		return;
	ask_cache(r);
	r->urgent = m->cached || m->attempt.known;
	pool_ask(r);
}

/* --- behind it --- */

static const char *label_of(const struct auth *a, const struct restante_user *user)
{
	return conf_user_str(a->conf, user, "label");
}

/* The record of a lookup does not say which of the passwords it was. */
static int add_label(struct restante_user *user, const char *label, const char **room, size_t cap)
{
	size_t n = 0;

	for (; user->attrs != NULL && user->attrs[n] != NULL; n++)
		if (n + 3 < cap)
			room[n] = user->attrs[n];
	if (n + 3 > cap)
		return -1;
	room[n++] = "label";
	room[n++] = label;
	room[n] = NULL;
	user->attrs = room;
	return 0;
}

static int still_true(struct request *r, int result, uint32_t backend, struct restante_user *user,
	const char **room, size_t cap)
{
	const struct cached *e = cache_find(&r->auth->memory.cache, &r->memory.key, clock_ms());

	if (e == NULL || result != RESTANTE_OK || e->backend != backend || e->stamp != user->stamp)
		return 0;
	return e->label[0] == '\0' || add_label(user, e->label, room, cap) == 0;
}

int memory_answered(struct request *r, int result, uint32_t backend, struct restante_user *user,
	const char **room, size_t cap)
{
	struct remembered *m = &r->memory;
	struct cache *c = &r->auth->memory.cache;

	if (m->cached && result != RESTANTE_TEMP) {
		if (still_true(r, result, backend, user, room, cap)) {
			mech_asked(&r->x);
			return 1;
		}
		cache_drop(c, &m->key);
		m->cached = 0;
		r->x.what = VERIFY_PASSWORD;
		pool_ask(r);
		return 0;
	}
	if (m->cacheable && !m->cached && result == RESTANTE_OK)
		cache_put(c, &m->key, user->name, user->stamp, backend, label_of(r->auth, user),
			clock_ms());
	return 1;
}

int memory_known(struct request *r)
{
	begin(r);
	return r->memory.attempt.known;
}

int64_t memory_failed(struct request *r)
{
	struct remembered *m = &r->memory;
	uint64_t fingerprint = 0;

	begin(r); /* what is malformed has never been asked about */
	if (m->keyed)
		memcpy(&fingerprint, m->key.proof, sizeof(fingerprint));
	return penalties_failed(&r->auth->memory.penalties, &m->attempt, fingerprint, clock_ms());
}

int64_t memory_passed(struct request *r, const struct restante_user *user)
{
	struct memory *m = &r->auth->memory;
	int64_t now = clock_ms(), delay = 1000 * conf_user_login_delay(r->auth->conf, user);
	struct login_row *last;

	begin(r);
	penalties_passed(&m->penalties, &r->memory.attempt, now);
	if (delay == 0)
		return 0;
	last = rows_take(&m->logins, keyed_key(&m->keyed, KEYED_LOGIN, user->name, ""), now);
	if (last->at != 0 && now - last->at < delay)
		return (delay - (now - last->at) + 999) / 1000;
	last->at = now;
	return 0;
}
