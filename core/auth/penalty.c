/* penalty - rows of failures. See the header for what they mean; the numbers are here. */
#include "auth/penalty.h"

#include <stdio.h>
#include <string.h>
#include "base/buf.h"

enum {
	DOUBLINGS = 3,          /* 2 s, 4 s, 8 s, 16 s */
	FORGIVE_MS = 60 * 1000, /* for each level */
	LEVELS = 12,            /* more are not counted */
	LOG_MS = 1000
};

/* So many failures, as a power of 2, count as one. */
static const unsigned coarse[PENALTY_KINDS] = {[PENALTY_NET] = 3, [PENALTY_USER] = 2};

void penalties_init(struct penalties *p, const struct keyed *keyed, int64_t base_ms, size_t rows)
{
	p->keyed = keyed;
	p->base_ms = base_ms;
	rows_init(&p->failures, rows, sizeof(struct failures));
	rows_init(&p->known, rows, sizeof(struct row));
}

/* The network of so many bits around an address, as text; an IPv4 address stays as it is. */
static void network(const char *ip, unsigned bits, char text[NET_TEXT])
{
	char with_bits[NET_TEXT + 8];
	struct net net;
	int n = snprintf(with_bits, sizeof(with_bits), "%s/%u", ip, bits);

	text[0] = '\0';
	if (net_parse(ip, strlen(ip), &net) == -1)
		return;
	net_text(&net, text);
	if (strchr(text, ':') != NULL && net_parse(with_bits, (size_t)n, &net) == 0)
		net_text(&net, text);
}

static int is_v6(const char *text)
{
	return strchr(text, ':') != NULL;
}

void penalties_begin(const struct penalties *p, const char *ip, const char *user, struct attempt *a)
{
	const struct row *known;

	memset(a, 0, sizeof(*a));
	network(ip, 64, a->address);
	if (a->address[0] != '\0')
		a->key[PENALTY_ADDRESS] = keyed_key(p->keyed, KEYED_ADDRESS, a->address, "");
	if (is_v6(a->address)) {
		network(ip, 48, a->net);
		a->key[PENALTY_NET] = keyed_key(p->keyed, KEYED_NET, a->net, "");
	}
	if (user[0] == '\0')
		return;
	a->key[PENALTY_USER] = keyed_key(p->keyed, KEYED_USER, user, "");
	(void)str_copy(a->user, sizeof(a->user), user);
	a->key[PENALTY_PAIR] = keyed_key(p->keyed, KEYED_PAIR, user, a->address);
	known = rows_find(&p->known, a->key[PENALTY_PAIR]);
	a->known = known != NULL;
}

static const struct failures *find(
	const struct penalties *p, const struct attempt *a, enum penalty_kind kind)
{
	return a->key[kind] != 0 ? rows_find(&p->failures, a->key[kind]) : NULL;
}

/* Does this kind count against who tries? */
static int counts(const struct attempt *a, enum penalty_kind kind)
{
	return a->key[kind] != 0 && (!a->known || kind == PENALTY_PAIR);
}

static uint32_t level_of(const struct failures *f, int64_t now)
{
	int64_t forgiven = (now - f->last) / FORGIVE_MS;

	return forgiven < f->level ? f->level - (uint32_t)forgiven : 0;
}

static int64_t cost(const struct penalties *p, enum penalty_kind kind, uint32_t level)
{
	unsigned n = level >> coarse[kind];

	if (n == 0)
		return 0;
	return p->base_ms << (n - 1 < DOUBLINGS ? n - 1 : DOUBLINGS);
}

int penalties_refuse(const struct penalties *p, const struct attempt *a, int64_t now, int *log)
{
	const struct failures *address = find(p, a, PENALTY_ADDRESS);
	int64_t most = p->base_ms << DOUBLINGS;
	struct failures *f;

	*log = 0;
	if (p->base_ms == 0)
		return 0;
	for (enum penalty_kind kind = 0; kind < PENALTY_KINDS; kind++) {
		f = counts(a, kind) ? rows_find(&p->failures, a->key[kind]) : NULL;
		if (f == NULL || f->next - now < most)
			continue;
		if (kind == PENALTY_USER && (address == NULL || level_of(address, now) == 0))
			continue; /* its one try */
		*log = now - f->logged >= LOG_MS;
		if (*log)
			f->logged = now;
		return 1;
	}
	return 0;
}

static int is_repeated(struct failures *f, uint64_t fingerprint)
{
	if (fingerprint == 0)
		return 0;
	for (size_t i = 0; i < PENALTY_RECENT; i++)
		if (f->recent[i] == fingerprint)
			return 1;
	memmove(f->recent + 1, f->recent, (PENALTY_RECENT - 1) * sizeof(f->recent[0]));
	f->recent[0] = fingerprint;
	return 0;
}

/* What the row is about, for the administrator. */
static void name(struct failures *f, const struct attempt *a, enum penalty_kind kind)
{
	f->kind = kind;
	if (kind != PENALTY_USER)
		(void)str_copy(
			f->address, sizeof(f->address), kind == PENALTY_NET ? a->net : a->address);
	if (kind == PENALTY_USER || kind == PENALTY_PAIR)
		(void)str_copy(f->user, sizeof(f->user), a->user);
}

/* One more failure of this kind. How long its answer waits. */
static int64_t count(struct penalties *p, const struct attempt *a, enum penalty_kind kind,
	uint64_t fingerprint, int64_t now)
{
	struct failures *f = rows_take(&p->failures, a->key[kind], now);
	uint32_t level = level_of(f, now), most = (uint32_t)LEVELS << coarse[kind];
	uint32_t one = 1u << coarse[kind];
	int64_t more;

	name(f, a, kind);
	f->failed = level == 0 ? 1 : f->failed + 1;
	if (is_repeated(f, fingerprint)) {
		more = cost(p, kind, level == 0 ? 1 : level < one ? level : one);
	} else {
		level = level < most ? level + 1 : most;
		more = cost(p, kind, level);
		f->level = level;
		f->last = now;
	}
	f->next = (f->next > now ? f->next : now) + more;
	return f->next - now;
}

int64_t penalties_failed(
	struct penalties *p, const struct attempt *a, uint64_t fingerprint, int64_t now)
{
	int64_t wait = 0;

	if (p->base_ms == 0)
		return 0;
	for (enum penalty_kind kind = 0; kind < PENALTY_KINDS; kind++) {
		int64_t w = counts(a, kind) ? count(p, a, kind, fingerprint, now) : 0;

		if (w > wait)
			wait = w;
	}
	return wait;
}

void penalties_passed(struct penalties *p, const struct attempt *a, int64_t now)
{
	struct failures *own =
		a->key[PENALTY_PAIR] != 0 ? rows_find(&p->failures, a->key[PENALTY_PAIR]) : NULL;

	if (a->key[PENALTY_PAIR] == 0 || a->key[PENALTY_ADDRESS] == 0)
		return;
	(void)rows_take(&p->known, a->key[PENALTY_PAIR], now);
	if (own != NULL)
		rows_drop(&p->failures, own);
}

int penalties_look(const struct failures *f, int64_t now, struct penalty *out)
{
	uint32_t level = level_of(f, now);

	if (f->row.key == 0 || (level == 0 && f->next <= now))
		return 0;
	out->level = level >> coarse[f->kind];
	out->wait_ms = f->next > now ? f->next - now : 0;
	out->until = f->last + (int64_t)f->level * FORGIVE_MS;
	if (out->until < f->next)
		out->until = f->next;
	return 1;
}

static int is_about(
	const struct failures *f, const char *address, const char *net, const char *user)
{
	if (f->user[0] != '\0' && strncmp(f->user, user, sizeof(f->user) - 1) == 0)
		return 1;
	return address[0] != '\0' &&
	       (strcmp(f->address, address) == 0 || strcmp(f->address, net) == 0);
}

size_t penalties_clear(const struct penalties *p, const char *what)
{
	char address[NET_TEXT], net[NET_TEXT], ip[NET_TEXT];
	size_t n = 0;

	(void)snprintf(ip, sizeof(ip), "%.*s", (int)strcspn(what, "/"), what);
	network(ip, 64, address);
	network(ip, 48, net);
	for (size_t i = 0; i < p->failures.n; i++) {
		struct failures *f = rows_at(&p->failures, i);

		if (f->row.key == 0 || !is_about(f, address, net, what))
			continue;
		rows_drop(&p->failures, f);
		n++;
	}
	return n;
}
