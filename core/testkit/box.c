/* box - a mailbox: opened, listed, read and written with a look at every result. */
#define _GNU_SOURCE
#include "testkit/kit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 8192, UID_MAX = 70 };

int legal(const char *call, int result, unsigned mask)
{
	if (result > 0 || result < -31 || (R(result) & mask) == 0)
		fail("%s: %d is not a result that it may give", call, result);
	return result;
}

static const char *result_name(int r)
{
	static const char *const names[] = {
		"OK", "TEMP", "PERM", "BUSY", "DENY", "GONE", "NONE", "FULL"};

	return r <= 0 && r > -8 ? names[-r] : "?";
}

int box_try(struct box *b, struct kit *k, uint32_t mode)
{
	int result;

	*b = (struct box){.kit = k, .s = k->storage};
	kit_host_open(&b->host, k, &k->user);
	result = b->s->open(&b->host.api, &k->user, mode, &b->st);
	if (result != RESTANTE_OK)
		kit_host_close(&b->host);
	return legal("open", result, mode == RESTANTE_DELIVER ? PUT_RESULTS : OPEN_RESULTS);
}

void box_open(struct box *b, struct kit *k, uint32_t mode)
{
	int result = box_try(b, k, mode);

	if (result != RESTANTE_OK)
		fail("open, mode %u: %s instead of OK", (unsigned)mode, result_name(result));
}

static int add(void *arg, const struct restante_message *m)
{
	struct box *b = arg;
	struct item *i;

	if (m->uid == NULL)
		fail("list: message %zu has no UIDL", b->n + 1);
	b->list = mem_grow(b->list, b->n + 1 + b->n / 2, sizeof(*b->list));
	i = &b->list[b->n++];
	*i = (struct item){
		.key = m->key, .octets = m->octets, .uid = mem_strdup(m->uid), .its_uid = m->uid};
	return 0;
}

void box_forget(struct box *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->list[i].uid);
	free(b->list);
	b->list = NULL;
	b->n = 0;
}

int box_try_list(struct box *b)
{
	box_forget(b);
	return legal("list", b->s->list(b->st, add, b),
		R(RESTANTE_OK) | R(RESTANTE_TEMP) | R(RESTANTE_PERM) | R(RESTANTE_BUSY));
}

void box_list(struct box *b)
{
	int result = box_try_list(b);

	if (result != RESTANTE_OK)
		fail("list: %s instead of OK", result_name(result));
}

void box_begin(struct box *b, struct kit *k)
{
	box_open(b, k, RESTANTE_SESSION);
	box_list(b);
}

void box_close(struct box *b)
{
	b->s->close(b->st);
	kit_host_close(&b->host);
	box_forget(b);
}

static int read_range(const struct restante_body *body, struct buf *out)
{
	uint64_t off = body->off, left = body->len;

	while (left > 0) {
		ssize_t n = pread(
			body->fd, buf_room(out, PIECE), left < PIECE ? left : PIECE, (off_t)off);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EIO)
			return RESTANTE_TEMP; /* the case's own doing */
		if (n <= 0)
			fail("body: the descriptor has %llu octets less than it says: %s",
				(unsigned long long)left, n == 0 ? "end of file" : strerror(errno));
		out->len += (size_t)n;
		off += (uint64_t)n;
		left -= (uint64_t)n;
	}
	buf_add(out, "", 0);
	return RESTANTE_OK;
}

static int read_pieces(const struct restante_body *body, size_t piece, struct buf *out)
{
	for (;;) {
		char *room = buf_room(out, piece + 1);
		int64_t n;

		room[piece] = 'x'; /* behind what it may write */
		n = body->read(body->b, room, piece);
		if (room[piece] != 'x')
			fail("read: it writes behind the buffer");
		if (n > (int64_t)piece)
			fail("read: %lld octets, %zu were asked for", (long long)n, piece);
		if (n <= 0) {
			buf_add(out, "", 0);
			return legal("read", (int)n, BODY_RESULTS);
		}
		out->len += (size_t)n;
	}
}

int box_read(struct box *b, uint64_t key, size_t piece, struct restante_body *body, struct buf *out)
{
	int result;

	*body = (struct restante_body){.size = sizeof(*body), .fd = -1};
	out->len = 0;
	result = legal("body", b->s->body(b->st, key, body), BODY_RESULTS);
	if (result != RESTANTE_OK)
		return result;
	if (body->fd == -1 && body->read == NULL)
		fail("body: neither a descriptor nor read()");
	result = body->fd != -1 ? read_range(body, out) : read_pieces(body, piece, out);
	if (body->release != NULL)
		body->release(body->b);
	return result;
}

static void wire_form(struct box *b, size_t i, struct buf *wire, bool exact)
{
	struct restante_body body;
	struct buf stored = {0};
	int result = box_read(b, b->list[i].key, PIECE, &body, &stored);

	if (result != RESTANTE_OK)
		fail("message %zu cannot be read: %s", i + 1, result_name(result));
	to_wire(&stored, wire);
	buf_free(&stored);
	if (!exact)
		return;
	if (body.octets != wire->len)
		fail("message %zu: body() says %llu octets, %zu come", i + 1,
			(unsigned long long)body.octets, wire->len);
	if (b->list[i].octets != wire->len)
		fail("message %zu: list() says %llu octets, %zu come", i + 1,
			(unsigned long long)b->list[i].octets, wire->len);
}

void box_wire(struct box *b, size_t i, struct buf *wire)
{
	wire_form(b, i, wire, false);
}

void box_exact(struct box *b, size_t i, struct buf *wire)
{
	wire_form(b, i, wire, true);
}

int box_put(struct box *b, const struct restante_put *from, const struct buf *m, int commit)
{
	struct restante_put what = {.size = sizeof(what), .sender = "sender@example.org"};
	size_t half = m->len / 2;
	void *put;
	int result, ended;

	if (from != NULL)
		what = *from;
	what.octets = wire_octets(m);
	result = b->s->put_begin(b->st, &what, &put);
	if (legal("put_begin", result, PUT_RESULTS) != RESTANTE_OK)
		return result;
	/* In two pieces, so that a line end may lie between them. */
	result = legal("put_data", b->s->put_data(put, m->p, half), PUT_RESULTS);
	if (result == RESTANTE_OK)
		result = legal(
			"put_data", b->s->put_data(put, m->p + half, m->len - half), PUT_RESULTS);
	ended = legal("put_end", b->s->put_end(put, result == RESTANTE_OK && commit), PUT_RESULTS);
	return result != RESTANTE_OK ? result : ended;
}

void deliver(struct kit *k, const struct buf *m)
{
	struct box b;
	int result;

	box_open(&b, k, RESTANTE_DELIVER);
	result = box_put(&b, NULL, m, 1);
	if (result != RESTANTE_OK)
		fail("a delivery fails: %s", result_name(result));
	box_close(&b);
}

void deliver_number(struct kit *k, size_t number)
{
	struct buf m = {0};

	numbered(number, &m);
	deliver(k, &m);
	buf_free(&m);
}

size_t box_find(const struct box *b, const char *uid)
{
	size_t i = 0;

	while (i < b->n && strcmp(b->list[i].uid, uid) != 0)
		i++;
	return i;
}

void need_empty(struct kit *k)
{
	struct box b;
	size_t n;

	box_begin(&b, k);
	n = b.n;
	box_close(&b);
	if (n > 0)
		skip("the mailbox has %zu messages; settings with ~ or %%h lead to a new one each "
		     "time",
			n);
}
