/* case_crash - kill -9 and EIO, at each system call of each call.
 *
 * What is there is written down first; then another process does one thing to the mailbox and is
 * disturbed at its nth system call; then a new session looks at what has become of it. */
#include "testkit/kit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct witness { /* a message that has to be there */
	char *uid;
	struct buf wire;
};

struct witnesses {
	struct witness *w;
	size_t n;
};

/* What is shared with the process that is disturbed. */
struct deed {
	volatile int done; /* the call returned, with this: */
	volatile int result;
	size_t number; /* of the message to deliver */
	const char *note;
	char uid[4][80]; /* of those to remove */
	size_t nuid;
	const struct witnesses *before;
};

struct disturbance {
	const char *words;
	unsigned (*at)(
		struct kit *, void (*fn)(struct kit *, void *), void *, unsigned nth, int *status);
};
static const struct disturbance killed = {"killed at system call", killed_at};
static const struct disturbance failed = {"EIO at system call", failed_at};

static void see(struct box *b, struct witnesses *all)
{
	all->w = mem_alloc(b->n, sizeof(*all->w));
	all->n = b->n;
	for (size_t i = 0; i < b->n; i++) {
		all->w[i].uid = mem_strdup(b->list[i].uid);
		box_exact(b, i, &all->w[i].wire);
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

/* --- afterwards --- */

#define OLD_NOTE "old"
#define NEW_NOTE "a new one"

struct scene {
	const struct disturbance *how;
	unsigned nth;
	const struct deed *d;
};

/* How many messages of before are left, each as it was. */
static size_t count_kept(const struct scene *s, struct box *b)
{
	const struct deed *d = s->d;
	struct buf wire = {0};
	size_t kept = 0;

	for (size_t i = 0; i < d->before->n; i++) {
		const struct witness *w = &d->before->w[i];
		size_t at = box_find(b, w->uid);
		bool to_go = was_removed(d, w->uid);

		if (at == b->n && !to_go)
			fail("%s %u: message %s is lost", s->how->words, s->nth, w->uid);
		if (at == b->n)
			continue;
		kept++;
		if (to_go && d->done && d->result == RESTANTE_OK)
			fail("%s %u: remove() said OK, and %s is there again", s->how->words,
				s->nth, w->uid);
		box_exact(b, at, &wire);
		if (!same(&wire, &w->wire))
			fail("%s %u: message %s is damaged", s->how->words, s->nth, w->uid);
	}
	buf_free(&wire);
	return kept;
}

/* The rest is the message that was delivered, once at most. */
static void check_fresh(const struct scene *s, struct box *b, size_t kept)
{
	const struct deed *d = s->d;
	struct buf wire = {0}, m = {0}, fresh = {0};
	size_t extra = b->n - kept;

	numbered(d->number, &m);
	to_wire(&m, &fresh);
	for (size_t i = kept; i < b->n; i++) {
		box_exact(b, i, &wire);
		if (!same(&wire, &fresh))
			fail("%s %u: a message that nobody delivered", s->how->words, s->nth);
	}
	if (extra > 1 || (d->number == SIZE_MAX && extra > 0) ||
		(d->number != SIZE_MAX && d->done && d->result == RESTANTE_OK && extra == 0))
		fail("%s %u: the message of a delivery is there %zu times", s->how->words, s->nth,
			extra);
	buf_free(&wire);
	buf_free(&m);
	buf_free(&fresh);
}

static bool note_is(const void *p, size_t n, const char *text)
{
	return n == strlen(text) && memcmp(p, text, n) == 0;
}

static void check_note(const struct scene *s, struct box *b)
{
	const struct deed *d = s->d;
	const void *p = NULL;
	size_t n = 0;

	if (b->s->note_get(b->st, d->note, &p, &n) != RESTANTE_OK)
		fail("%s %u: a note is lost", s->how->words, s->nth);
	if (!note_is(p, n, NEW_NOTE) &&
		(!note_is(p, n, OLD_NOTE) || (d->done && d->result == RESTANTE_OK)))
		fail("%s %u: a note is neither what it was nor what was put, or note_put() said OK "
		     "too early",
			s->how->words, s->nth);
}

static void look(struct kit *k, const struct scene *s)
{
	struct box b;

	box_begin(&b, k);
	check_fresh(s, &b, count_kept(s, &b));
	if (s->d->note != NULL)
		check_note(s, &b);
	box_close(&b);
}

/* Does it once whole, to count; then once for each of its system calls, or as many as were asked
 * for. */
static void disturb_each(struct kit *k, const struct disturbance *how,
	void (*prepare)(struct kit *, struct deed *), void (*act)(struct kit *, void *))
{
	struct deed *d =
		mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct witnesses before = {.n = 0};
	unsigned calls = 0, step = 1;

	if (d == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	for (unsigned nth = 0; nth <= calls; nth += nth == 0 ? 1 : step) {
		struct box b;
		unsigned made;
		int status;

		*d = (struct deed){.number = SIZE_MAX, .before = &before};
		prepare(k, d);
		box_begin(&b, k);
		see(&b, &before);
		box_close(&b);
		made = how->at(k, act, d, nth, &status);
		if (WIFEXITED(status) && WEXITSTATUS(status) != KIT_PASSED)
			_exit(WEXITSTATUS(status)); /* it has said why */
		if (WIFSIGNALED(status) && how == &failed)
			fail("%s %u: it died: %s", how->words, nth, strsignal(WTERMSIG(status)));
		if (nth == 0) {
			if (!d->done || d->result != RESTANTE_OK)
				fail("undisturbed it fails: %d", d->result);
			calls = made;
			printf("%u system calls\n", calls);
			step = 1 + calls / k->opt->points;
		}
		look(k, &(struct scene){how, nth, d});
		forget(&before);
	}
	munmap(d, sizeof(*d));
}

/* --- what is done: an error is a result like others, and what comes after it works --- */

/* Each message is another one, so that what came back can be told from what was there. */
static size_t fresh_number(void)
{
	static size_t number = 100;

	return number++;
}

/* As many messages each time, so that the nth system call is the same one; and one that is new. */
static void prepare_some(struct kit *k, struct deed *d)
{
	enum { OLD = 2 };
	uint64_t *keys;
	size_t n;
	struct box b;

	(void)d;
	if (k->storage->put_begin == NULL)
		return;
	box_begin(&b, k);
	n = b.n;
	keys = mem_alloc(n, sizeof(*keys));
	for (size_t i = 0; i < n; i++)
		keys[i] = b.list[i].key;
	if (n > OLD && b.s->remove(b.st, keys, n - OLD) != RESTANTE_OK)
		fail("remove fails");
	free(keys);
	box_close(&b);
	for (; n < OLD; n++)
		deliver_number(k, fresh_number());
	deliver_number(k, fresh_number());
}

static void prepare_put(struct kit *k, struct deed *d)
{
	d->number = fresh_number();
	prepare_some(k, d);
}

static void act_put(struct kit *k, void *arg)
{
	struct deed *d = arg;
	struct buf m = {0};
	struct box b;

	numbered(d->number, &m);
	if (box_try(&b, k, RESTANTE_DELIVER) == RESTANTE_OK) {
		d->result = box_put(&b, NULL, &m, 1);
		if (d->result != RESTANTE_OK)
			d->result = box_put(&b, NULL, &m, 1);
		d->done = 1;
		box_close(&b);
	}
	buf_free(&m);
}

static void prepare_remove(struct kit *k, struct deed *d)
{
	struct box b;
	size_t n;

	box_begin(&b, k);
	n = b.n;
	box_close(&b);
	for (; n < 6; n++)
		deliver_number(k, fresh_number());
	box_begin(&b, k);
	if (b.n < 6)
		fail("6 messages were delivered, %zu are there", b.n);
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

	if (box_try(&b, k, RESTANTE_SESSION) != RESTANTE_OK)
		return;
	if (box_try_list(&b) == RESTANTE_OK) {
		for (size_t i = 0; i < d->nuid; i++) {
			size_t at = box_find(&b, d->uid[i]);

			if (at == b.n)
				fail("list: it says OK, and a message is not in it");
			keys[i] = b.list[at].key;
		}
		d->result = legal("remove", b.s->remove(b.st, keys, d->nuid), PUT_RESULTS);
		d->done = 1;
	}
	box_close(&b);
}

static void prepare_note(struct kit *k, struct deed *d)
{
	struct box b;

	d->note = "note";
	if (k->storage->put_begin != NULL && d->before->n == 0)
		deliver_number(k, fresh_number());
	box_begin(&b, k);
	if (b.s->note_put(b.st, d->note, OLD_NOTE, strlen(OLD_NOTE)) != RESTANTE_OK)
		fail("note_put fails");
	box_close(&b);
}

static void act_note(struct kit *k, void *arg)
{
	struct deed *d = arg;
	struct box b;

	if (box_try(&b, k, RESTANTE_SESSION) != RESTANTE_OK)
		return;
	for (int tries = 0; tries == 0 || (tries < 2 && d->result != RESTANTE_OK); tries++)
		d->result = legal("note_put",
			b.s->note_put(b.st, d->note, NEW_NOTE, strlen(NEW_NOTE)), PUT_RESULTS);
	d->done = 1;
	box_close(&b);
}

static void act_maintain(struct kit *k, void *arg)
{
	const uint32_t all = RESTANTE_CLEAN | RESTANTE_CHECK | RESTANTE_REPAIR | RESTANTE_COMPACT;
	struct deed *d = arg;
	struct box b;

	if (box_try(&b, k, RESTANTE_MAINTAIN) != RESTANTE_OK)
		return;
	d->result = legal("maintain", b.s->maintain(b.st, all), PUT_RESULTS);
	d->done = 1;
	box_close(&b);
}

/* A list that says OK is whole; so is a message that was read to its end. */
static void act_read(struct kit *k, void *arg)
{
	struct deed *d = arg;
	struct restante_body body;
	struct buf wire = {0}, stored = {0};
	struct box b;

	if (box_try(&b, k, RESTANTE_SESSION) != RESTANTE_OK)
		return;
	d->result = box_try_list(&b);
	if (d->result == RESTANTE_OK && b.n != d->before->n)
		fail("list: it says OK, with %zu messages of %zu", b.n, d->before->n);
	for (size_t tries = 0; d->result == RESTANTE_OK && tries < 6 && tries / 2 < b.n; tries++) {
		if (box_read(&b, b.list[tries / 2].key, 4096, &body, &stored) != RESTANTE_OK)
			continue;
		to_wire(&stored, &wire);
		if (!same(&wire, &d->before->w[tries / 2].wire))
			fail("a message that was read to its end, without an error, is not what it "
			     "was");
	}
	d->done = 1;
	buf_free(&wire);
	buf_free(&stored);
	box_close(&b);
}

#define CASE(how, what)                                            \
	static void how##_##what(struct kit *k)                    \
	{                                                          \
		if (k->storage->put_begin != NULL)                 \
			need_empty(k);                             \
		disturb_each(k, &how, prepare_##what, act_##what); \
	}
#define prepare_read prepare_some
#define prepare_maintain prepare_some
CASE(killed, read)
CASE(killed, put)
CASE(killed, remove)
CASE(killed, note)
CASE(killed, maintain)
CASE(failed, read)
CASE(failed, put)
CASE(failed, remove)
CASE(failed, note)
CASE(failed, maintain)

enum {
	READ = NEED_STORAGE,
	PUT = NEED_STORAGE | NEED_PUT,
	NOTE = NEED_STORAGE | NEED_NOTES,
	MAINTAIN = NEED_STORAGE | NEED_MAINTAIN
};

const struct kit_case crash_cases[] = {
	{"kill-read", "kill -9 at each system call of a session that reads", READ, 120,
		killed_read},
	{"kill-put", "kill -9 at each system call of a delivery", PUT, 120, killed_put},
	{"kill-remove", "kill -9 at each system call of a deletion", PUT, 120, killed_remove},
	{"kill-note", "kill -9 at each system call of note_put()", NOTE, 120, killed_note},
	{"kill-maint", "kill -9 at each system call of maintenance", MAINTAIN, 120,
		killed_maintain},
	{"io-read", "an error of each system call of a session that reads", READ, 120, failed_read},
	{"io-put", "an error of each system call of a delivery", PUT, 120, failed_put},
	{"io-remove", "an error of each system call of a deletion", PUT, 120, failed_remove},
	{"io-note", "an error of each system call of note_put()", NOTE, 120, failed_note},
	{"io-maint", "an error of each system call of maintenance", MAINTAIN, 120, failed_maintain},
	{NULL, NULL, 0, 0, NULL},
};
