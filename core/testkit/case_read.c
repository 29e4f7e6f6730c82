/* case_read - a mailbox that is only read. All of this goes for a read-only storage too: what it
 * looks at is what is there, beside some messages of its own where the plugin can deliver. */
#include "testkit/kit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fill(struct kit *k, size_t n)
{
	if (k->storage->put_begin == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		deliver_number(k, i);
}

static void fill_samples(struct kit *k)
{
	struct buf m = {0};

	for (size_t i = 0; k->storage->put_begin != NULL && i < samples(); i++) {
		(void)sample(i, &m);
		deliver(k, &m);
	}
	buf_free(&m);
}

static void need_some(struct kit *k, struct box *b)
{
	box_begin(b, k);
	if (b->n == 0) {
		box_close(b);
		skip("there is no message, and %s cannot deliver one", k->plugin->name);
	}
}

static void nothing(struct kit *k)
{
	static const uint32_t modes[] = {RESTANTE_SESSION, RESTANTE_MAINTAIN, RESTANTE_SESSION};
	struct box b;

	need_empty(k);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		box_open(&b, k, modes[i]);
		box_list(&b);
		if (b.n != 0)
			fail("an empty mailbox has %zu messages", b.n);
		if (legal("remove", b.s->remove(b.st, NULL, 0), ~0u) != RESTANTE_OK)
			fail("remove: no message cannot be removed");
		box_close(&b);
	}
}

static void modes(struct kit *k)
{
	struct box b;
	struct buf wire = {0};

	fill(k, 3);
	for (uint32_t mode = RESTANTE_SESSION; mode <= RESTANTE_MAINTAIN; mode++) {
		if (mode == RESTANTE_DELIVER && k->storage->put_begin == NULL)
			continue;
		box_open(&b, k, mode);
		if (mode != RESTANTE_DELIVER) {
			box_list(&b);
			for (size_t i = 0; i < b.n && i < 3; i++)
				box_wire(&b, i, &wire);
		}
		box_close(&b);
	}
	if (box_try(&b, k, 1000) != RESTANTE_PERM)
		fail("open: mode 1000, of a later version, does not give PERM");
	buf_free(&wire);
}

static int stop_at_once(void *arg, const struct restante_message *m)
{
	(void)m;
	++*(int *)arg;
	return -77;
}

static void list(struct kit *k)
{
	struct box b;
	struct item *first;
	size_t n;
	int calls = 0, result;

	fill(k, 5);
	need_some(k, &b);
	result = b.s->list(b.st, stop_at_once, &calls);
	if (result != -77 || calls != 1)
		fail("list: each() said stop, -77; there were %d calls and the result %d", calls,
			result);
	first = b.list;
	n = b.n;
	b.list = NULL;
	b.n = 0;
	box_list(&b);
	if (n != b.n)
		fail("list: %zu messages, then %zu on the same handle", n, b.n);
	for (size_t i = 0; i < n; i++) {
		if (first[i].key != b.list[i].key || strcmp(first[i].uid, b.list[i].uid) != 0 ||
			first[i].octets != b.list[i].octets)
			fail("list: message %zu is another one at the second call", i + 1);
		if (strcmp(first[i].its_uid, first[i].uid) != 0)
			fail("list: the UIDL of message %zu did not stay valid", i + 1);
		free(first[i].uid);
	}
	free(first);
	box_close(&b);
}

static int by_uid(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->uid, ((const struct item *)b)->uid);
}

/* RFC 1939 section 7. */
static void check_uids(struct box *b)
{
	struct item *sorted = mem_alloc(b->n, sizeof(*sorted));

	for (size_t i = 0; i < b->n; i++) {
		const char *uid = b->list[i].uid;
		size_t len = strlen(uid);

		if (len == 0 || len > 70)
			fail("message %zu: the UIDL has %zu octets, not 1 to 70", i + 1, len);
		for (const char *p = uid; *p != '\0'; p++)
			if (*p < 0x21 || *p > 0x7e)
				fail("message %zu: octet 0x%02x in the UIDL", i + 1,
					(unsigned char)*p);
		sorted[i] = b->list[i];
	}
	if (b->n > 0)
		qsort(sorted, b->n, sizeof(*sorted), by_uid);
	for (size_t i = 1; i < b->n; i++)
		if (strcmp(sorted[i - 1].uid, sorted[i].uid) == 0)
			fail("two messages have the UIDL %s", sorted[i].uid);
	free(sorted);
}

static void uidl(struct kit *k)
{
	struct box b, again;

	fill(k, 4);
	fill(k, 4); /* the same octets once more: other messages */
	need_some(k, &b);
	check_uids(&b);
	box_close(&b);
	box_begin(&b, k);
	box_close(&b);
	box_begin(&b, k);
	box_open(&again, k, RESTANTE_MAINTAIN);
	box_list(&again);
	for (size_t i = 0; i < b.n; i++)
		if (box_find(&again, b.list[i].uid) != i)
			fail("the UIDL %s is not that of message %zu any more", b.list[i].uid,
				i + 1);
	box_close(&again);
	box_close(&b);
}

static void octets(struct kit *k)
{
	struct box b;
	struct buf wire = {0};

	fill_samples(k);
	need_some(k, &b);
	for (size_t i = 0; i < b.n; i++)
		box_exact(&b, i, &wire);
	buf_free(&wire);
	box_close(&b);
}

static void pieces(struct kit *k)
{
	static const size_t sizes[] = {4096, 4097, 10000, 65536, 1 << 20};
	struct restante_body body;
	struct buf whole = {0}, part = {0};
	struct box b;

	fill_samples(k);
	need_some(k, &b);
	for (size_t i = 0; i < b.n && i < 30; i++) {
		if (box_read(&b, b.list[i].key, 8192, &body, &whole) != RESTANTE_OK)
			fail("message %zu cannot be read", i + 1);
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			if (box_read(&b, b.list[i].key, sizes[j], &body, &part) != RESTANTE_OK ||
				!same(&whole, &part))
				fail("message %zu in pieces of %zu is another one", i + 1,
					sizes[j]);
		}
	}
	buf_free(&whole);
	buf_free(&part);
	box_close(&b);
}

/* TOP, or a client that goes away. */
static void partly(struct kit *k)
{
	struct restante_body body;
	struct buf wire = {0};
	struct box b;
	char some[4096];

	fill_samples(k);
	need_some(k, &b);
	for (size_t i = 0; i < b.n && i < 30; i++)
		for (int reads = 0; reads < 2; reads++) {
			body = (struct restante_body){
				.size = sizeof(body), .flags = RESTANTE_BODY_TOP, .fd = -1};
			if (b.s->body(b.st, b.list[i].key, &body) != RESTANTE_OK)
				fail("message %zu cannot be opened", i + 1);
			if (reads > 0 && body.fd == -1)
				(void)legal("read",
					body.read(body.b, some, sizeof(some)) < 0 ? -1 : 0, ~0u);
			if (body.release != NULL)
				body.release(body.b);
		}
	for (size_t i = 0; i < b.n && i < 30; i++)
		box_wire(&b, i, &wire);
	buf_free(&wire);
	box_close(&b);
}

static void check_flags(size_t i, const struct restante_body *body, const struct buf *stored)
{
	struct buf wire = {0};

	to_wire(stored, &wire);
	if ((body->flags & RESTANTE_BODY_CRLF) != 0 && !same(stored, &wire))
		fail("message %zu: BODY_CRLF, and yet there are other line ends", i + 1);
	for (size_t at = 0; (body->flags & RESTANTE_BODY_NODOT) != 0 && at < stored->len; at++)
		if (stored->p[at] == '.' && (at == 0 || stored->p[at - 1] == '\n'))
			fail("message %zu: BODY_NODOT, and yet a line begins with a dot", i + 1);
	if ((body->flags &
		    ~(uint32_t)(RESTANTE_BODY_CRLF | RESTANTE_BODY_NODOT | RESTANTE_BODY_TOP)) != 0)
		fail("message %zu: body.flags 0x%x", i + 1, (unsigned)body->flags);
	buf_free(&wire);
}

static void body_flags(struct kit *k)
{
	struct restante_body body;
	struct buf stored = {0};
	struct box b;

	fill_samples(k);
	need_some(k, &b);
	for (size_t i = 0; i < b.n; i++) {
		if (box_read(&b, b.list[i].key, 8192, &body, &stored) != RESTANTE_OK)
			fail("message %zu cannot be read", i + 1);
		check_flags(i, &body, &stored);
	}
	buf_free(&stored);
	box_close(&b);
}

static void gone(struct kit *k)
{
	struct restante_body body = {.size = sizeof(body), .fd = -1};
	struct buf wire = {0};
	uint64_t key = UINT64_C(0x7fffffff00000000);
	struct box b;

	fill(k, 2);
	box_begin(&b, k);
	for (size_t i = 0; i < b.n; i++)
		if (b.list[i].key >= key)
			skip("its keys may be anything");
	if (legal("body", b.s->body(b.st, key, &body), BODY_RESULTS) == RESTANTE_OK)
		fail("body: there is a message with a key that list() never gave");
	for (size_t i = 0; i < b.n && i < 3; i++)
		box_wire(&b, i, &wire); /* and everything goes on */
	buf_free(&wire);
	box_close(&b);
}

/* As a session does that waits for its client. */
static void keep(struct kit *k)
{
	struct buf wire = {0};
	struct box b;

	fill(k, 2);
	box_begin(&b, k);
	for (size_t i = 0; i <= b.n && i < 3; i++) {
		if (legal("keep", b.s->keep(b.st), OPEN_RESULTS) != RESTANTE_OK)
			fail("keep: it says that the mailbox is not held any more");
		if (i < b.n)
			box_wire(&b, i, &wire);
	}
	buf_free(&wire);
	box_close(&b);
}

/* A later core: longer structures, a higher minor version. What it passes beyond 1.0 is not read,
 * what it gets is not written over. */
static void later(struct kit *k)
{
	enum { MORE = 64 };
	struct {
		struct restante_body body;
		unsigned char more[MORE];
	} out;
	struct {
		struct restante_user user;
		unsigned char more[MORE];
	} user = {.user = k->user};
	struct kit_host h;
	struct box b = {.kit = k, .s = k->storage};

	fill(k, 2);
	memset(user.more, 0xa5, sizeof(user.more));
	user.user.size = sizeof(user);
	kit_host_open(&h, k, &k->user);
	h.api.size += MORE;
	h.api.minor = RESTANTE_MINOR + 7;
	if (b.s->open(&h.api, &user.user, RESTANTE_SESSION, &b.st) != RESTANTE_OK)
		fail("open: a core of a later version is refused");
	box_list(&b);
	for (size_t i = 0; i < b.n && i < 5; i++) {
		memset(&out, 0, sizeof(out));
		memset(out.more, 0xa5, sizeof(out.more));
		out.body.size = sizeof(out);
		out.body.fd = -1;
		if (b.s->body(b.st, b.list[i].key, &out.body) != RESTANTE_OK)
			fail("body: a core of a later version is refused");
		if (out.body.release != NULL)
			out.body.release(out.body.b);
		for (size_t j = 0; j < MORE && !kit_is_older(k); j++)
			if (out.more[j] != 0xa5)
				fail("body: it writes behind the end of struct restante_body");
	}
	b.s->close(b.st);
	kit_host_close(&h);
	box_forget(&b);
}

/* What the core passes to a call dies when the call returns. */
static void copies(struct kit *k)
{
	char *name = mem_strdup(k->user.name), *home = mem_strdup(k->user.home);
	struct restante_user *u = mem_alloc(1, sizeof(*u));
	struct box b = {.kit = k, .s = k->storage};
	struct buf wire = {0};

	fill(k, 2);
	*u = k->user;
	u->name = name;
	u->home = home;
	kit_host_open(&b.host, k, &k->user);
	if (b.s->open(&b.host.api, u, RESTANTE_SESSION, &b.st) != RESTANTE_OK)
		fail("open fails");
	memset(name, 'x', strlen(name));
	memset(home, 'x', strlen(home));
	memset(u, 0xa5, sizeof(*u)); /* pointers to nowhere */
	free(name);
	free(home);
	free(u);
	box_list(&b);
	for (size_t i = 0; i < b.n && i < 5; i++)
		box_wire(&b, i, &wire);
	if (b.n > 0 && b.s->note_get != NULL) {
		const void *p;
		size_t n;

		(void)legal("note_get", b.s->note_get(b.st, "none", &p, &n),
			PUT_RESULTS | R(RESTANTE_NONE));
	}
	buf_free(&wire);
	box_close(&b);
}

const struct kit_case read_cases[] = {
	{"empty", "a mailbox without messages", NEED_STORAGE, 10, nothing},
	{"modes", "open() in each mode, and in one that is not known", NEED_STORAGE, 10, modes},
	{"list", "list() gives the same each time and stops when it is told to", NEED_STORAGE, 10,
		list},
	{"uidl", "UIDLs are legal, unique, and stay (RFC 1939 section 7)", NEED_STORAGE, 10, uidl},
	{"octets", "list() and body() announce the octets that come", NEED_STORAGE, 30, octets},
	{"pieces", "a message is the same in pieces of any size", NEED_STORAGE, 60, pieces},
	{"partly", "a message need not be read to its end", NEED_STORAGE, 30, partly},
	{"flags", "BODY_CRLF and BODY_NODOT are true", NEED_STORAGE, 30, body_flags},
	{"gone", "a key that is unknown does no harm", NEED_STORAGE, 10, gone},
	{"keepalive", "keep() leaves the session as it is", NEED_STORAGE | NEED_KEEP, 10, keep},
	{"later", "a core of a later version is served", NEED_STORAGE, 10, later},
	{"copies", "nothing that open() was given is used afterwards", NEED_STORAGE, 10, copies},
	{NULL, NULL, 0, 0, NULL},
};
