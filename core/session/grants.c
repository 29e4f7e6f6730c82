/* grants - one-time tickets. A ticket is 128 random bits: finding one by comparing them all in turn
 * is as fast as it needs to be, since few are open at a time. Auth bounds how many there can be. */
#define _GNU_SOURCE
#include "session/grants.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/wipe.h"

/* The last one takes its place. */
static void remove_at(struct grants *t, size_t i)
{
	t->deliveries -= t->list[i].purpose == GRANT_DELIVERY;
	wipe(t->list[i].record, t->list[i].len);
	free(t->list[i].record);
	t->list[i] = t->list[--t->n];
}

/* The oldest delivery goes. */
static void make_room(struct grants *t)
{
	size_t oldest = t->n;

	for (size_t i = 0; i < t->n; i++)
		if (t->list[i].purpose == GRANT_DELIVERY &&
			(oldest == t->n || t->list[i].until < t->list[oldest].until))
			oldest = i;
	if (oldest < t->n)
		remove_at(t, oldest);
}

void grants_add(struct grants *t, struct msg *m, int64_t now)
{
	struct grant *g;
	struct restante_user user;
	const char *attrs[USER_ATTRS];
	const unsigned char *ticket;
	uint32_t start, purpose;
	size_t n;

	ticket = msg_get_bytes(m, &n);
	purpose = msg_get_u32(m);
	if (n != TICKET_LEN || purpose >= GRANT_PURPOSES)
		m->bad = 1;
	start = m->pos;
	msg_get_user(m, &user, attrs, USER_ATTRS);
	if (!msg_end(m))
		return;
	if (purpose == GRANT_DELIVERY && t->deliveries++ == GRANT_DELIVERIES)
		make_room(t);
	if (t->n == t->cap) {
		t->cap = t->cap > 0 ? t->cap * 2 : 16;
		t->list = mem_grow(t->list, t->cap, sizeof(*t->list));
	}
	g = &t->list[t->n++];
	memcpy(g->ticket, ticket, TICKET_LEN);
	g->purpose = (enum grant_purpose)purpose;
	g->until = now + (purpose == GRANT_DELIVERY ? GRANT_DELIVERY_MS : GRANT_MS);
	g->len = m->len - start;
	g->record = memcpy(mem_alloc(g->len, 1), m->data + start, g->len);
}

int grants_take(struct grants *t, const unsigned char *ticket, enum grant_purpose purpose,
	int64_t now, struct msg *m)
{
	for (size_t i = t->n; i-- > 0;) {
		const struct grant *g = &t->list[i];

		if (g->until <= now || g->purpose != purpose ||
			!same_secret(g->ticket, ticket, TICKET_LEN))
			continue;
		msg_start(m, MSG_GRANT);
		m->pos = m->len;
		memcpy(m->data + m->len, g->record, g->len);
		m->len += g->len;
		remove_at(t, i);
		return 1;
	}
	return 0;
}

void grants_expire(struct grants *t, int64_t now)
{
	for (size_t i = t->n; i-- > 0;)
		if (t->list[i].until <= now)
			remove_at(t, i);
}
