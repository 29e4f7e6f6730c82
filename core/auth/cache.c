/* cache - rows whose key is a hash of user, password and address. A wrong password has another
 * hash, so that it finds nothing and throws out nothing. */
#include "auth/cache.h"

#include <string.h>
#include "base/buf.h"
#include "base/wipe.h"

void cache_init(struct cache *c, const struct keyed *keyed, int64_t ttl_ms, size_t entries)
{
	c->keyed = keyed;
	c->ttl_ms = ttl_ms;
	if (ttl_ms > 0)
		rows_init(&c->rows, entries, sizeof(struct cached));
}

void cache_key(const struct cache *c, const char *user, const char *password, const char *ip,
	struct cache_key *key)
{
	unsigned char hash[KEYED_LEN];

	keyed_hash(c->keyed, KEYED_SECRET, user, password, hash);
	memcpy(&key->place, hash, sizeof(key->place));
	key->place ^= keyed_key(c->keyed, KEYED_ADDRESS, ip, "");
	if (key->place == 0)
		key->place = 1;
	memcpy(key->proof, hash + sizeof(hash) - CACHE_PROOF, CACHE_PROOF);
	key->user = keyed_key(c->keyed, KEYED_USER, user, "");
	wipe(hash, sizeof(hash));
}

static struct cached *find(const struct cache *c, const struct cache_key *key)
{
	struct cached *e = c->ttl_ms > 0 ? rows_find(&c->rows, key->place) : NULL;

	return e != NULL && same_secret(e->proof, key->proof, CACHE_PROOF) ? e : NULL;
}

const struct cached *cache_find(const struct cache *c, const struct cache_key *key, int64_t now)
{
	struct cached *e = find(c, key);

	if (e == NULL || e->until <= now)
		return NULL;
	e->row.used = now;
	return e;
}

void cache_put(struct cache *c, const struct cache_key *key, const char *name, uint64_t stamp,
	uint32_t backend, const char *label, int64_t now)
{
	struct cached *e;

	if (c->ttl_ms == 0)
		return;
	e = rows_take(&c->rows, key->place, now);
	e->user = key->user;
	e->named = keyed_key(c->keyed, KEYED_USER, name, "");
	memcpy(e->proof, key->proof, CACHE_PROOF);
	e->stamp = stamp;
	e->backend = backend;
	e->until = now + c->ttl_ms;
	(void)str_copy(e->label, sizeof(e->label), label);
}

void cache_drop(const struct cache *c, const struct cache_key *key)
{
	struct cached *e = find(c, key);

	if (e != NULL)
		rows_drop(&c->rows, e);
}

size_t cache_flush(const struct cache *c, const char *user)
{
	uint64_t key = user != NULL ? keyed_key(c->keyed, KEYED_USER, user, "") : 0;
	size_t n = 0;

	for (size_t i = 0; i < c->rows.n; i++) {
		struct cached *e = rows_at(&c->rows, i);

		if (e->row.key == 0 || (user != NULL && e->user != key && e->named != key))
			continue;
		rows_drop(&c->rows, e);
		n++;
	}
	return n;
}
