/* outbox - a queue of encoded messages in front of a non-blocking channel. */
#include "auth/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/wipe.h"

struct parcel {
	struct parcel *next;
	struct request *request;
	enum msg_type type;
	uint32_t len;
	unsigned char data[];
};

void outbox_init(struct outbox *b, void (*done)(struct request *, int))
{
	*b = (struct outbox){.c = {.fd = -1}, .done = done};
	b->last = &b->first;
}

static struct request *drop_first(struct outbox *b)
{
	struct parcel *p = b->first;
	struct request *r = p->request;

	b->first = p->next;
	if (b->first == NULL)
		b->last = &b->first;
	wipe(p->data, p->len);
	free(p);
	return r;
}

static int send_parcel(const struct outbox *b, const struct parcel *p)
{
	struct msg m;

	msg_start(&m, p->type);
	memcpy(m.data, p->data, p->len);
	m.len = p->len;
	return msg_send(&b->c, &m);
}

static void flush(evutil_socket_t fd, short what, void *arg)
{
	struct outbox *b = arg;

	(void)fd;
	(void)what;
	while (b->first != NULL) {
		int result = send_parcel(b, b->first);
		struct request *r;

		if (result == -1 && errno == EAGAIN) {
			event_add(&b->writable, NULL);
			return;
		}
		r = drop_first(b);
		if (r != NULL)
			b->done(r, result);
	}
}

void outbox_connect(struct outbox *b, struct event_base *base, const struct channel *c)
{
	if (b->c.fd != -1) {
		event_del(&b->writable);
		close(b->c.fd);
	}
	b->c = *c;
	event_assign(&b->writable, base, c->fd, EV_WRITE, flush, b);
	if (b->first != NULL)
		event_add(&b->writable, NULL);
}

static void keep(struct outbox *b, const struct msg *m, struct request *r)
{
	struct parcel *p = mem_alloc(1, sizeof(*p) + m->len);

	p->request = r;
	p->type = m->type;
	p->len = m->len;
	memcpy(p->data, m->data, m->len);
	*b->last = p;
	b->last = &p->next;
}

int outbox_send(struct outbox *b, const struct msg *m, struct request *r)
{
	if (b->c.fd == -1) {
		errno = ENOTCONN;
		return -1;
	}
	if (b->first == NULL) {
		if (msg_send(&b->c, m) == 0)
			return 1;
		if (errno != EAGAIN)
			return -1;
		event_add(&b->writable, NULL);
	}
	keep(b, m, r);
	return 0;
}

void outbox_disown(struct outbox *b, const struct request *r)
{
	for (struct parcel *p = b->first; p != NULL; p = p->next)
		if (p->request == r)
			p->request = NULL;
}

void outbox_close(struct outbox *b)
{
	event_del(&b->writable);
	close(b->c.fd);
	b->c.fd = -1;
	while (b->first != NULL)
		(void)drop_first(b);
}
