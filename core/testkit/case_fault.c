/* case_fault - trouble, time, the sandbox, and what a plugin leaves behind in its process. */
#include "testkit/kit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"

enum { SOON_MS = 5000 };

/* A day in the life of a mailbox; errors are no matter. */
static void live(struct kit *k)
{
	struct restante_body body;
	struct buf m = {0}, out = {0};
	struct box b;

	numbered(3, &m);
	if (k->storage->put_begin != NULL && box_try(&b, k, RESTANTE_DELIVER) == RESTANTE_OK) {
		(void)box_put(&b, NULL, &m, 1);
		(void)box_put(&b, NULL, &m, 0);
		box_close(&b);
	}
	if (box_try(&b, k, RESTANTE_SESSION) == RESTANTE_OK) {
		if (box_try_list(&b) == RESTANTE_OK) {
			for (size_t i = 0; i < b.n && i < 3; i++)
				(void)box_read(&b, b.list[i].key, 4096, &body, &out);
			if (b.n > 2 && k->storage->put_begin != NULL)
				(void)b.s->remove(b.st, &b.list[0].key, 1);
		}
		if (b.s->note_get != NULL) {
			const void *p;
			size_t n;

			(void)b.s->note_put(b.st, "life", "x", 1);
			(void)b.s->note_get(b.st, "life", &p, &n);
		}
		box_close(&b);
	}
	if (k->storage->maintain != NULL && box_try(&b, k, RESTANTE_MAINTAIN) == RESTANTE_OK) {
		(void)b.s->maintain(b.st, RESTANTE_CLEAN | RESTANTE_CHECK);
		box_close(&b);
	}
	buf_free(&m);
	buf_free(&out);
}

/* --- leaks --- */

static void descriptors(struct kit *k)
{
	size_t before, after;

	live(k); /* what is opened once for the whole process, by a library, is no leak */
	live(k);
	before = watch_files();
	for (int i = 0; i < 10; i++)
		live(k);
	after = watch_files();
	if (after > before)
		fail("%zu descriptors more are open after 10 rounds", after - before);
}

static void memory(struct kit *k)
{
	watch_memory(k, live, 60);
}

static void children(struct kit *k)
{
	for (int i = 0; i < 5; i++)
		live(k);
	watch_children(k);
}

static void asks(struct kit *k)
{
	k->strict = true;
	live(k);
}

/* --- trouble --- */

static void limit(int what, rlim_t n)
{
	struct rlimit l;

	if (getrlimit(what, &l) == -1)
		fail("getrlimit: %s", strerror(errno));
	l.rlim_cur = n < l.rlim_max ? n : l.rlim_max;
	if (setrlimit(what, &l) == -1)
		fail("setrlimit: %s", strerror(errno));
}

/* After trouble everything works, and nothing is lost. */
static void all_well(struct kit *k, size_t at_least)
{
	struct buf wire = {0};
	struct box b;

	box_begin(&b, k);
	if (b.n < at_least)
		fail("%zu messages were there before the trouble, %zu are there after it", at_least,
			b.n);
	for (size_t i = 0; i < b.n; i++)
		box_wire(&b, i, &wire);
	buf_free(&wire);
	box_close(&b);
}

static void no_descriptors(struct kit *k)
{
	struct restante_body body;
	struct buf out = {0};
	struct box b;
	size_t n;
	int fd = dup(0);

	if (k->storage->put_begin != NULL)
		for (size_t i = 0; i < 3; i++)
			deliver_number(k, i);
	box_begin(&b, k);
	n = b.n;
	box_close(&b);
	close(fd);
	/* one more descriptor, then two, ...: each open() of the plugin fails in turn */
	for (rlim_t more = 0; more < 8; more++) {
		limit(RLIMIT_NOFILE, (rlim_t)fd + more);
		if (box_try(&b, k, RESTANTE_SESSION) != RESTANTE_OK)
			continue;
		if (box_try_list(&b) == RESTANTE_OK && b.n != n)
			fail("list: it says OK, with %zu messages of %zu", b.n, n);
		if (b.n > 0) {
			limit(RLIMIT_NOFILE, (rlim_t)fd);
			(void)box_read(&b, b.list[0].key, 4096, &body, &out);
			limit(RLIMIT_NOFILE, RLIM_INFINITY);
			if (box_read(&b, b.list[0].key, 4096, &body, &out) != RESTANTE_OK)
				fail("body: after an error a message cannot be read any more");
		}
		box_close(&b);
	}
	limit(RLIMIT_NOFILE, RLIM_INFINITY);
	buf_free(&out);
	all_well(k, n);
}

/* A disk that is full, at different places of a message. */
static void no_room(struct kit *k)
{
	static const rlim_t sizes[] = {0, 1, 100, 4096, 20000, 70000};
	struct buf m = {0}, wire = {0}, whole = {0};
	struct box b;
	size_t accepted = 2;

	for (size_t i = 0; i < accepted; i++)
		deliver_number(k, i);
	(void)sample(samples() - 1, &m);
	(void)signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int result = RESTANTE_TEMP;

		limit(RLIMIT_FSIZE, sizes[i]);
		if (box_try(&b, k, RESTANTE_DELIVER) == RESTANTE_OK) {
			result = box_put(&b, NULL, &m, 1);
			limit(RLIMIT_FSIZE, RLIM_INFINITY);
			if (result == RESTANTE_OK)
				accepted++;
			else if (box_put(&b, NULL, &m, 1) != RESTANTE_OK)
				fail("after a delivery that failed the next one on the handle "
				     "fails too");
			else
				accepted++;
			box_close(&b);
		}
		limit(RLIMIT_FSIZE, RLIM_INFINITY);
	}
	box_begin(&b, k);
	if (b.n != accepted)
		fail("%zu messages were accepted, %zu are there", accepted, b.n);
	to_wire(&m, &whole);
	for (size_t i = 2; i < b.n; i++) {
		box_wire(&b, i, &wire);
		if (!same(&wire, &whole))
			fail("message %zu was accepted, and is not whole", i + 1);
	}
	box_close(&b);
	buf_free(&wire);
	buf_free(&whole);
	buf_free(&m);
	all_well(k, accepted);
}

static void no_time(struct kit *k)
{
	struct buf m = {0};
	struct box b;
	size_t n = 0;

	if (k->storage->put_begin != NULL)
		for (; n < 3; n++)
			deliver_number(k, n);
	for (uint32_t mode = RESTANTE_SESSION; mode <= RESTANTE_MAINTAIN; mode++) {
		int64_t start = clock_ms();
		int result;

		if (mode == RESTANTE_DELIVER && n == 0)
			continue;
		b = (struct box){.kit = k, .s = k->storage};
		kit_host_open(&b.host, k, &k->user);
		b.host.inner.deadline = clock_ms() - 1;
		result = legal("open", b.s->open(&b.host.api, &k->user, mode, &b.st), PUT_RESULTS);
		if (result == RESTANTE_OK) {
			if (mode != RESTANTE_DELIVER)
				(void)box_try_list(&b);
			if (mode == RESTANTE_MAINTAIN && b.s->maintain != NULL)
				(void)b.s->maintain(b.st, RESTANTE_CHECK);
			b.s->close(b.st);
		}
		kit_host_close(&b.host);
		if (clock_ms() - start > SOON_MS * k->opt->factor)
			fail("with no time left, mode %u takes %lld ms", (unsigned)mode,
				(long long)(clock_ms() - start));
	}
	buf_free(&m);
	all_well(k, n);
}

static void sandbox(struct kit *k)
{
	watch_sandbox(k, &k->user);
	if (k->storage->put_begin != NULL)
		deliver_number(k, 1);
	live(k);
	all_well(k, 0);
}

const struct kit_case fault_cases[] = {
	{"host", "it asks for settings that it has, by their type, and logs as syslog does",
		NEED_STORAGE, 30, asks},
	{"sandbox", "it keeps to what its settings and needs declare", NEED_STORAGE, 30, sandbox},
	{"no-files", "a process that may open no more files", NEED_STORAGE, 60, no_descriptors},
	{"no-room", "a disk that is full", NEED_STORAGE | NEED_PUT, 60, no_room},
	{"no-time", "calls that come when the time is over", NEED_STORAGE, 60, no_time},
	{"fd-leak", "close() closes every descriptor", NEED_STORAGE, 60, descriptors},
	{"mem-leak", "close() frees all memory", NEED_STORAGE, 60, memory},
	{"children", "close() leaves no process and no thread", NEED_STORAGE, 30, children},
	{NULL, NULL, 0, 0, NULL},
};
