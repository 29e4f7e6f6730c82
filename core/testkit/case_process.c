/* case_process - several processes on one mailbox, and processes that die. */
#include "testkit/kit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPEN_IT, CLOSE_IT, DELIVER_IT }; /* steps of another process */
enum { DELIVERERS = 4, EACH = 25, POINTS = 60 };

static int other(struct kit *k, int step)
{
	static struct box b; /* of that process */
	int result = RESTANTE_OK;

	if (step == OPEN_IT)
		result = box_try(&b, k, RESTANTE_SESSION);
	else if (step == CLOSE_IT)
		box_close(&b);
	else
		deliver_number(k, (size_t)step);
	return result;
}

/* Where nothing can be removed, sessions cannot take messages from each other. */
static bool removes(const struct box *b)
{
	return b->s->put_begin != NULL ||
	       (b->n > 0 && b->s->remove(b->st, &b->list[0].key, 1) != RESTANTE_PERM);
}

static void lock(struct kit *k)
{
	struct peer p;
	struct box b;
	int result;

	peer_start(&p, k, other);
	box_begin(&b, k);
	result = peer_go(&p, OPEN_IT);
	if (result == RESTANTE_OK && !removes(&b))
		skip("nothing can be removed: no session has to hold the mailbox");
	if (result != RESTANTE_BUSY)
		fail("open: a second session does not get BUSY");
	box_close(&b);
	if (peer_go(&p, OPEN_IT) != RESTANTE_OK)
		fail("open: the mailbox is not free after close()");
	if (box_try(&b, k, RESTANTE_SESSION) != RESTANTE_BUSY)
		fail("open: a second session does not get BUSY");
	if (peer_go(&p, CLOSE_IT) != RESTANTE_OK || box_try(&b, k, RESTANTE_SESSION) != RESTANTE_OK)
		fail("open: the mailbox is not free after close()");
	box_close(&b);
	peer_stop(&p);
}

static void orphan(struct kit *k)
{
	struct peer p;
	struct box b;

	peer_start(&p, k, other);
	if (peer_go(&p, OPEN_IT) != RESTANTE_OK)
		fail("open fails");
	peer_kill(&p);
	box_begin(&b, k); /* the lock died with its owner */
	box_close(&b);
}

static void beside(struct kit *k)
{
	struct buf wire = {0};
	struct peer p;
	struct box b;
	size_t n;

	if (k->storage->put_begin != NULL)
		deliver_number(k, 3);
	peer_start(&p, k, other);
	box_begin(&b, k);
	n = b.n;
	(void)peer_go(&p, DELIVER_IT);
	(void)peer_go(&p, DELIVER_IT + 1);
	box_list(&b);
	if (b.n != n)
		fail("list: a delivery during the session changes what the session has");
	for (size_t i = 0; i < b.n; i++)
		box_wire(&b, i, &wire);
	box_close(&b);
	peer_stop(&p);
	box_begin(&b, k);
	if (b.n != n + 2)
		fail("%zu messages were there, 2 were delivered during a session, %zu are there", n,
			b.n);
	buf_free(&wire);
	box_close(&b);
}

/* Two deliveries at once must not mix, nor lose anything. */
static int deliver_some(struct kit *k, int first)
{
	for (int i = 0; i < EACH; i++)
		deliver_number(k, (size_t)(first + i));
	return RESTANTE_OK;
}

static void crowd(struct kit *k)
{
	struct peer p[DELIVERERS];
	bool seen[DELIVERERS * EACH] = {false};
	struct buf wire = {0};
	struct box b;
	size_t number;

	need_empty(k);
	for (int i = 0; i < DELIVERERS; i++)
		peer_start(&p[i], k, deliver_some);
	for (int i = 0; i < DELIVERERS; i++) {
		int first = i * EACH;

		if (write(p[i].to, &first, sizeof(first)) != sizeof(first))
			fail("a process is gone");
	}
	for (int i = 0; i < DELIVERERS; i++) {
		int result;

		if (read(p[i].from, &result, sizeof(result)) != sizeof(result))
			fail("a delivery beside others fails");
		peer_stop(&p[i]);
	}
	box_begin(&b, k);
	for (size_t i = 0; i < b.n; i++) {
		box_wire(&b, i, &wire);
		if (sscanf(buf_str(&wire), "Subject: message %zu", &number) != 1 ||
			number >= DELIVERERS * EACH || seen[number])
			fail("a message is damaged or there twice");
		seen[number] = true;
	}
	if (b.n != DELIVERERS * EACH)
		fail("%d were delivered at once, %zu are there", DELIVERERS * EACH, b.n);
	buf_free(&wire);
	box_close(&b);
}

/* --- kill -9 in each call --- */

/* What is shared with the process that dies. */
struct deed {
	volatile int done; /* the call returned, with this: */
	volatile int result;
	size_t number;   /* of the message to deliver */
	char uid[4][80]; /* of those to remove */
	size_t nuid;
	struct box *box;
};

struct witness { /* a message that has to be there */
	char *uid;
	struct buf wire;
};

struct witnesses {
	struct witness *w;
	size_t n;
};

static void see(struct box *b, struct witnesses *all)
{
	all->w = mem_alloc(b->n, sizeof(*all->w));
	all->n = b->n;
	for (size_t i = 0; i < b->n; i++) {
		all->w[i].uid = mem_strdup(b->list[i].uid);
		box_wire(b, i, &all->w[i].wire);
	}
}

static void forget(struct witnesses *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->w[i].uid);
		buf_free(&all->w[i].wire);
	}
	free(all->w);
}

static bool was_removed(const struct deed *d, const char *uid)
{
	for (size_t i = 0; i < d->nuid; i++)
		if (strcmp(d->uid[i], uid) == 0)
			return true;
	return false;
}

/* Everything that was there and was not to be removed is there, as it was; nothing is half there.
 */
static void compare(
	struct kit *k, const struct witnesses *before, const struct deed *d, unsigned nth)
{
	struct buf wire = {0}, m = {0}, fresh = {0};
	size_t extra = 0, removed = 0, kept = 0;
	struct box b;

	numbered(d->number, &m);
	to_wire(&m, &fresh);
	box_begin(&b, k);
	for (size_t i = 0; i < before->n; i++) {
		size_t at = box_find(&b, before->w[i].uid);
		bool to_go = was_removed(d, before->w[i].uid);

		removed += to_go;
		if (at == b.n && !to_go)
			fail("killed at system call %u: message %s is lost", nth, before->w[i].uid);
		if (at == b.n)
			continue;
		kept++;
		if (to_go && d->done && d->result == RESTANTE_OK)
			fail("killed at system call %u, after remove() said OK: %s is there again",
				nth, before->w[i].uid);
		box_wire(&b, at, &wire);
		if (!same(&wire, &before->w[i].wire))
			fail("killed at system call %u: message %s is damaged", nth,
				before->w[i].uid);
	}
	extra = b.n - kept;
	for (size_t i = b.n - extra; i < b.n; i++) {
		box_wire(&b, i, &wire);
		if (!same(&wire, &fresh))
			fail("killed at system call %u: a message that nobody delivered", nth);
	}
	if (extra > 1 ||
		(d->number != SIZE_MAX && d->done && d->result == RESTANTE_OK && extra == 0))
		fail("killed at system call %u: the message of a delivery is there %zu times", nth,
			extra);
	(void)removed;
	buf_free(&wire);
	buf_free(&m);
	buf_free(&fresh);
	box_close(&b);
}

/* Does it once whole, to count; then once for each of its system calls, up to POINTS of them. */
static void kill_each(struct kit *k, void (*prepare)(struct kit *, struct deed *),
	void (*act)(struct kit *, void *))
{
	struct deed *d =
		mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned calls = 0, step = 1;

	if (d == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	for (unsigned nth = 0; nth <= calls; nth += nth == 0 ? 1 : step) {
		struct witnesses before;
		struct box b;
		unsigned made;
		int status;

		*d = (struct deed){.number = SIZE_MAX};
		prepare(k, d);
		box_begin(&b, k);
		see(&b, &before);
		box_close(&b);
		made = killed_at(k, act, d, nth, &status);
		if (WIFEXITED(status) && WEXITSTATUS(status) != KIT_PASSED)
			_exit(WEXITSTATUS(status)); /* it has said why */
		if (nth == 0) {
			if (!d->done || d->result != RESTANTE_OK)
				fail("undisturbed it fails: %d", d->result);
			calls = made;
			step = 1 + calls / POINTS;
		}
		compare(k, &before, d, nth);
		forget(&before);
	}
	munmap(d, sizeof(*d));
}

static void nothing_to_do(struct kit *k, struct deed *d)
{
	struct box b;

	d->number = 7;
	box_begin(&b, k);
	if (b.n > 40) { /* or each look takes longer than the one before */
		uint64_t *keys = mem_alloc(b.n, sizeof(*keys));

		for (size_t i = 0; i < b.n; i++)
			keys[i] = b.list[i].key;
		if (b.s->remove(b.st, keys, b.n - 2) != RESTANTE_OK)
			fail("remove fails");
		free(keys);
	}
	box_close(&b);
}

static void act_put(struct kit *k, void *arg)
{
	struct deed *d = arg;
	struct buf m = {0};
	struct box b;

	numbered(d->number, &m);
	box_open(&b, k, RESTANTE_DELIVER);
	d->result = box_put(&b, NULL, &m, 1);
	d->done = 1;
	box_close(&b);
}

static void kill_put(struct kit *k)
{
	need_empty(k);
	deliver_number(k, 1);
	kill_each(k, nothing_to_do, act_put);
}

static void mark_some(struct kit *k, struct deed *d)
{
	struct box b;

	box_begin(&b, k);
	for (size_t i = b.n; i < 6; i++) {
		box_close(&b);
		deliver_number(k, i);
		box_begin(&b, k);
	}
	for (size_t i = 0; i < 4; i++)
		(void)str_copy(d->uid[i], sizeof(d->uid[i]), b.list[i < 2 ? i : i + 1].uid);
	d->nuid = 4;
	box_close(&b);
}

static void act_remove(struct kit *k, void *arg)
{
	struct deed *d = arg;
	uint64_t keys[4];
	struct box b;

	box_begin(&b, k);
	for (size_t i = 0; i < d->nuid; i++)
		keys[i] = b.list[box_find(&b, d->uid[i])].key;
	d->result = b.s->remove(b.st, keys, d->nuid);
	d->done = 1;
	box_close(&b);
}

static void kill_remove(struct kit *k)
{
	need_empty(k);
	kill_each(k, mark_some, act_remove);
}

static void some_messages(struct kit *k, struct deed *d)
{
	struct box b;

	(void)d;
	box_begin(&b, k);
	box_close(&b);
}

static void act_note(struct kit *k, void *arg)
{
	struct deed *d = arg;
	struct box b;

	box_begin(&b, k);
	d->result = b.s->note_put(b.st, "note", "abcdef", 6);
	d->done = 1;
	box_close(&b);
}

static void kill_note(struct kit *k)
{
	need_empty(k);
	if (k->storage->put_begin != NULL)
		for (size_t i = 0; i < 3; i++)
			deliver_number(k, i);
	kill_each(k, some_messages, act_note);
}

static void act_maintain(struct kit *k, void *arg)
{
	struct deed *d = arg;
	struct box b;

	box_open(&b, k, RESTANTE_MAINTAIN);
	d->result = b.s->maintain(
		b.st, RESTANTE_CLEAN | RESTANTE_CHECK | RESTANTE_REPAIR | RESTANTE_COMPACT);
	d->done = 1;
	box_close(&b);
}

static void kill_maintain(struct kit *k)
{
	need_empty(k);
	if (k->storage->put_begin != NULL)
		for (size_t i = 0; i < 4; i++)
			deliver_number(k, i);
	kill_each(k, some_messages, act_maintain);
}

static void act_read(struct kit *k, void *arg)
{
	struct deed *d = arg;
	struct buf wire = {0};
	struct box b;

	box_begin(&b, k);
	for (size_t i = 0; i < b.n && i < 3; i++)
		box_wire(&b, i, &wire);
	d->done = 1;
	buf_free(&wire);
	box_close(&b);
}

static void fresh_message(struct kit *k, struct deed *d)
{
	(void)d;
	if (k->storage->put_begin != NULL)
		deliver_number(k, 2); /* so that there is something to find out */
}

static void kill_read(struct kit *k)
{
	kill_each(k, fresh_message, act_read);
}

const struct kit_case process_cases[] = {
	{"lock", "a mailbox has one session at a time", NEED_STORAGE, 60, lock},
	{"orphan", "a lock dies with the process that has it", NEED_STORAGE, 30, orphan},
	{"beside", "a delivery does not wait for a session, nor change it", NEED_STORAGE | NEED_PUT,
		30, beside},
	{"crowd", "deliveries at once neither mix nor get lost", NEED_STORAGE | NEED_PUT, 60,
		crowd},
	{"kill-read", "kill -9 at each system call of a session that reads", NEED_STORAGE, 120,
		kill_read},
	{"kill-put", "kill -9 at each system call of a delivery", NEED_STORAGE | NEED_PUT, 120,
		kill_put},
	{"kill-remove", "kill -9 at each system call of a deletion", NEED_STORAGE | NEED_PUT, 120,
		kill_remove},
	{"kill-note", "kill -9 at each system call of note_put()", NEED_STORAGE | NEED_NOTES, 120,
		kill_note},
	{"kill-maint", "kill -9 at each system call of maintenance", NEED_STORAGE | NEED_MAINTAIN,
		120, kill_maintain},
	{NULL, NULL, 0, 0, NULL},
};
