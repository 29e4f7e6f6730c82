/* maildrop - the numbered list of messages and their deletion marks. */
#include "session/maildrop.h"

#include <string.h>
#include "base/buf.h"
#include "base/log.h"

enum { UID_MAX = 70 };

static int add(void *arg, const struct restante_message *m)
{
	struct maildrop *d = arg;
	size_t len = strnlen(m->uid, UID_MAX + 1);

	if (len == 0 || len > UID_MAX) {
		log_line(LOG_ERR, "the storage gave message %zu a unique-id of %s octets", d->n + 1,
			len == 0 ? "no" : "more than 70");
		return RESTANTE_PERM;
	}
	if (d->n == d->cap) {
		d->cap = d->cap > 0 ? d->cap * 2 : 32;
		d->list = mem_grow(d->list, d->cap, sizeof(*d->list));
	}
	d->list[d->n++] = (struct message){
		.key = m->key, .octets = m->octets, .uid = m->uid, .uid_len = (uint32_t)len};
	d->octets += m->octets;
	return 0;
}

int maildrop_load(struct maildrop *d, const struct restante_storage *storage, void *st)
{
	return storage->list(st, add, d);
}

struct message *maildrop_at(struct maildrop *d, uint32_t n)
{
	return n >= 1 && n <= d->n ? &d->list[n - 1] : NULL;
}

void maildrop_delete(struct maildrop *d, struct message *m)
{
	m->deleted = 1;
	d->ndeleted++;
	d->deleted_octets += m->octets;
}

void maildrop_reset(struct maildrop *d)
{
	for (size_t i = 0; d->ndeleted > 0 && i < d->n; i++)
		d->list[i].deleted = 0;
	d->ndeleted = 0;
	d->deleted_octets = 0;
}
