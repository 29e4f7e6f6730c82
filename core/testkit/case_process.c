/* case_process - several processes on one mailbox. */
#include "testkit/kit.h"

#include <stdio.h>
#include <unistd.h>
#include "base/clock.h"

enum { OPEN_IT, CLOSE_IT, DELIVER_IT }; /* steps of another process */
enum { DELIVERERS = 4, EACH = 25, SOON_MS = 5000 };

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

/* A second session is open. Where nothing can be removed they cannot take messages from each other,
 * and there is nothing to hold. */
static void must_remove_nothing(struct box *b)
{
	if (b->s->put_begin != NULL)
		return;
	box_list(b);
	if (b->n == 0 || b->s->remove(b->st, &b->list[0].key, 1) == RESTANTE_PERM)
		skip("nothing can be removed: no session has to hold the mailbox");
}

static void lock(struct kit *k)
{
	struct peer p;
	struct box b;
	int result;

	peer_start(&p, k, other);
	box_begin(&b, k);
	result = peer_go(&p, OPEN_IT);
	if (result == RESTANTE_OK)
		must_remove_nothing(&b);
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

/* The second session is told to wait no longer than a second, whatever its settings say. */
static void lock_late(struct kit *k)
{
	struct peer p;
	struct box b;
	int64_t start;
	int result;

	peer_start(&p, k, other);
	if (peer_go(&p, OPEN_IT) != RESTANTE_OK)
		fail("open fails");
	k->ms = 1000;
	start = clock_ms();
	result = box_try(&b, k, RESTANTE_SESSION);
	if (result == RESTANTE_OK)
		must_remove_nothing(&b);
	if (result != RESTANTE_BUSY && result != RESTANTE_TEMP)
		fail("open: a second session gets neither BUSY nor TEMP");
	if (clock_ms() - start > SOON_MS * k->opt->factor)
		fail("open: with a second left it waits %lld ms for the lock",
			(long long)(clock_ms() - start));
	peer_stop(&p);
}

const struct kit_case process_cases[] = {
	{"lock", "a mailbox has one session at a time", NEED_STORAGE, 60, lock},
	{"lock-late", "a wait for a lock ends when the time is over", NEED_STORAGE, 60, lock_late},
	{"orphan", "a lock dies with the process that has it", NEED_STORAGE, 30, orphan},
	{"beside", "a delivery does not wait for a session, nor change it", NEED_STORAGE | NEED_PUT,
		30, beside},
	{"crowd", "deliveries at once neither mix nor get lost", NEED_STORAGE | NEED_PUT, 60,
		crowd},
	{NULL, NULL, 0, 0, NULL},
};
