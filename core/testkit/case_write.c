/* case_write - deliveries, deletions, notes, maintenance. */
#include "testkit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_MAX = 64 * 1024 };

/* Message i is, in its wire form, that one. */
static void must_be(struct box *b, size_t i, const struct buf *stored, const char *what)
{
	struct buf wire = {0}, expected = {0};

	box_wire(b, i, &wire);
	to_wire(stored, &expected);
	if (!same(&wire, &expected))
		fail("%s: %zu octets were delivered, %zu others come back", what, expected.len,
			wire.len);
	buf_free(&wire);
	buf_free(&expected);
}

/* The number of a message that numbered() made. */
static size_t number_of(struct box *b, size_t i)
{
	struct buf wire = {0}, m = {0};
	size_t number = SIZE_MAX;

	box_wire(b, i, &wire);
	if (sscanf(buf_str(&wire), "Subject: message %zu", &number) != 1)
		fail("message %zu is none of those that were delivered", i + 1);
	numbered(number, &m);
	must_be(b, i, &m, "a message");
	buf_free(&wire);
	buf_free(&m);
	return number;
}

static void one(struct kit *k)
{
	struct buf m = {0};
	struct box b;

	need_empty(k);
	deliver_number(k, 5);
	box_begin(&b, k);
	if (b.n != 1 || number_of(&b, 0) != 5)
		fail("one message was delivered, %zu are there", b.n);
	box_close(&b);
	buf_add(&m, "x", 1);
	deliver(k, &m);
	box_begin(&b, k);
	if (b.n != 2)
		fail("a message of one octet was delivered, and is not there");
	must_be(&b, 1, &m, "a message of one octet");
	buf_free(&m);
	box_close(&b);
}

static void content(struct kit *k)
{
	struct buf m = {0};
	struct box b;

	need_empty(k);
	for (size_t i = 0; i < samples(); i++) {
		(void)sample(i, &m);
		deliver(k, &m);
	}
	box_begin(&b, k);
	if (b.n != samples())
		fail("%zu messages were delivered, %zu are there", samples(), b.n);
	for (size_t i = 0; i < b.n; i++) {
		const char *name = sample(i, &m);

		must_be(&b, i, &m, name);
	}
	buf_free(&m);
	box_close(&b);
}

static void many(struct kit *k)
{
	struct buf m = {0};
	struct box b;
	uint64_t *keys;
	size_t n = k->opt->messages, left = 0;

	need_empty(k);
	box_open(&b, k, RESTANTE_DELIVER);
	for (size_t i = 0; i < n; i++) {
		numbered(i, &m);
		if (box_put(&b, NULL, &m, 1) != RESTANTE_OK)
			fail("the delivery of message %zu fails", i + 1);
	}
	buf_free(&m);
	box_close(&b);
	box_begin(&b, k);
	if (b.n != n)
		fail("%zu messages were delivered, %zu are there", n, b.n);
	keys = mem_alloc(n, sizeof(*keys));
	for (size_t i = 0; i < n; i++) {
		if (i % 97 == 0 && number_of(&b, i) != i)
			fail("they are not in the order in which they came");
		if (i % 10 != 0)
			keys[left++] = b.list[i].key;
	}
	if (legal("remove", b.s->remove(b.st, keys, left), PUT_RESULTS) != RESTANTE_OK)
		fail("%zu of them cannot be removed", left);
	box_close(&b);
	box_begin(&b, k);
	if (b.n != n - left)
		fail("%zu should be left, %zu are there", n - left, b.n);
	for (size_t i = 0; i < b.n; i += 31)
		if (number_of(&b, i) != i * 10)
			fail("others were removed");
	free(keys);
	box_close(&b);
}

static void drop(struct kit *k)
{
	struct buf m = {0};
	struct box b;

	need_empty(k);
	numbered(1, &m);
	box_open(&b, k, RESTANTE_DELIVER);
	if (box_put(&b, NULL, &m, 0) != RESTANTE_OK)
		fail("put_end(0) does not say OK");
	numbered(2, &m);
	if (box_put(&b, NULL, &m, 1) != RESTANTE_OK)
		fail("a delivery after one that was dropped fails");
	box_close(&b);
	box_begin(&b, k);
	if (b.n != 1 || number_of(&b, 0) != 2)
		fail("a message that was dropped is there, or the next one is not");
	buf_free(&m);
	box_close(&b);
}

/* A storage may keep what a message brings or give its own; either must be right. */
static void keep(struct kit *k)
{
	static const char *const uids[] = {"brought-1", "brought-1", "brought-2", "", "with space",
		"0123456789012345678901234567890123456789012345678901234567890123456789x"};
	struct restante_put p = {.size = sizeof(p), .sender = "", .received = 1000000000};
	struct buf m = {0};
	struct box b;

	need_empty(k);
	box_open(&b, k, RESTANTE_MAINTAIN);
	for (size_t i = 0; i < sizeof(uids) / sizeof(uids[0]); i++) {
		p.uid = uids[i];
		numbered(i, &m);
		if (box_put(&b, &p, &m, 1) != RESTANTE_OK && i == 0)
			fail("a message that brings a UIDL and a time is refused");
	}
	buf_free(&m);
	box_close(&b);
	box_begin(&b, k);
	for (size_t i = 0; i < b.n; i++) {
		if (strlen(b.list[i].uid) > 70 ||
			b.list[i].uid[strcspn(b.list[i].uid, " ")] != '\0' ||
			b.list[i].uid[0] == '\0')
			fail("a UIDL that is not legal was kept: \"%s\"", b.list[i].uid);
		if (box_find(&b, b.list[i].uid) != i)
			fail("two messages have the UIDL %s", b.list[i].uid);
		(void)number_of(&b, i);
	}
	box_close(&b);
}

/* Another handle has listed the messages before: for it they vanish. */
static void removal(struct kit *k)
{
	static const size_t which[] = {0, 3, 7};
	uint64_t keys[3];
	char *uid;
	struct restante_body body = {.size = sizeof(body), .fd = -1};
	struct box b, late;

	need_empty(k);
	for (size_t i = 0; i < 8; i++)
		deliver_number(k, i);
	box_begin(&b, k);
	box_open(&late, k, RESTANTE_MAINTAIN);
	box_list(&late);
	if (b.n != 8 || late.n != 8)
		fail("8 messages were delivered, %zu are there", b.n);
	for (size_t i = 0; i < 3; i++)
		keys[i] = b.list[which[i]].key;
	uid = mem_strdup(b.list[1].uid);
	if (legal("remove", b.s->remove(b.st, keys, 3), PUT_RESULTS) != RESTANTE_OK)
		fail("three messages cannot be removed");
	if (b.s->body(b.st, keys[1], &body) != RESTANTE_GONE)
		fail("body: a message that was removed does not give GONE");
	if (number_of(&b, 1) != 1)
		fail("a message that stays is another one");
	box_close(&b);
	if (legal("remove", late.s->remove(late.st, &late.list[0].key, 1), PUT_RESULTS) !=
		RESTANTE_OK)
		fail("remove: a message that has already vanished does not count as removed");
	box_close(&late);
	box_begin(&b, k);
	if (b.n != 5 || number_of(&b, 0) != 1 || number_of(&b, 4) != 6)
		fail("5 of 8 should be left, %zu are", b.n);
	if (strcmp(b.list[0].uid, uid) != 0)
		fail("a UIDL has changed");
	free(uid);
	box_close(&b);
}

/* RESTANTE_MAINTAIN: everything on one handle, as a conversion does. */
static void mixed(struct kit *k)
{
	struct restante_put p = {.size = sizeof(p), .sender = ""};
	struct buf m = {0};
	struct box b;

	need_empty(k);
	for (size_t i = 0; i < 4; i++)
		deliver_number(k, i);
	box_open(&b, k, RESTANTE_MAINTAIN);
	box_list(&b);
	if (b.n != 4 || number_of(&b, 2) != 2)
		fail("4 messages were delivered, %zu are there", b.n);
	numbered(4, &m);
	if (box_put(&b, &p, &m, 1) != RESTANTE_OK)
		fail("a delivery fails");
	if (legal("remove", b.s->remove(b.st, &b.list[1].key, 1), PUT_RESULTS) != RESTANTE_OK)
		fail("a message cannot be removed");
	if (number_of(&b, 3) != 3)
		fail("after a delivery and a deletion a message is another one");
	box_close(&b);
	box_begin(&b, k);
	if (b.n != 4 || number_of(&b, 1) != 2 || number_of(&b, 3) != 4)
		fail("4 messages should be there, %zu are", b.n);
	buf_free(&m);
	box_close(&b);
}

/* --- notes --- */

static void must_get(struct box *b, const char *name, const void *expected, size_t len)
{
	const void *p = NULL;
	size_t n = 0;
	int result = legal(
		"note_get", b->s->note_get(b->st, name, &p, &n), OPEN_RESULTS | R(RESTANTE_NONE));

	if (len == 0 && result != RESTANTE_NONE)
		fail("note_get: a note that is not there does not give NONE");
	if (len > 0 && (result != RESTANTE_OK || n != len || memcmp(p, expected, len) != 0))
		fail("note_get: note %s is not what was put", name);
}

static void must_put(struct box *b, const char *name, const void *p, size_t n)
{
	if (legal("note_put", b->s->note_put(b->st, name, p, n), PUT_RESULTS) != RESTANTE_OK)
		fail("note_put: %zu octets cannot be kept", n);
}

static void notes(struct kit *k)
{
	char *large = mem_alloc(1, NOTE_MAX);
	struct box b;

	memset(large, '\n', NOTE_MAX);
	large[0] = '\0';
	box_begin(&b, k);
	must_get(&b, "one", NULL, 0);
	must_put(&b, "one", "first\0one", 9);
	must_get(&b, "one", "first\0one", 9);
	must_put(&b, "one", "second", 6);
	must_put(&b, "two-2", large, NOTE_MAX);
	must_get(&b, "one", "second", 6);
	box_close(&b);
	box_open(&b, k, RESTANTE_MAINTAIN);
	must_get(&b, "two-2", large, NOTE_MAX);
	must_get(&b, "one", "second", 6);
	must_put(&b, "one", "", 0);
	must_get(&b, "one", NULL, 0);
	must_put(&b, "one", "", 0);
	box_list(&b);
	box_close(&b);
	box_begin(&b, k);
	must_get(&b, "one", NULL, 0);
	must_get(&b, "two-2", large, NOTE_MAX);
	free(large);
	box_close(&b);
}

static void maintain(struct kit *k)
{
	const uint32_t all = RESTANTE_CLEAN | RESTANTE_CHECK | RESTANTE_REPAIR | RESTANTE_COMPACT;
	struct box before, b;

	if (k->storage->put_begin != NULL)
		for (size_t i = 0; i < 6; i++)
			deliver_number(k, i);
	box_begin(&before, k);
	before.s->close(before.st); /* its list stays */
	kit_host_close(&before.host);
	for (uint32_t tasks = 1; tasks <= all; tasks = tasks < 8 ? tasks * 2 : tasks + 7) {
		box_open(&b, k, RESTANTE_MAINTAIN);
		if (legal("maintain", b.s->maintain(b.st, tasks), OPEN_RESULTS) != RESTANTE_OK)
			fail("maintain: tasks 0x%x on a mailbox that is in order fail",
				(unsigned)tasks);
		box_close(&b);
		box_begin(&b, k);
		if (b.n != before.n)
			fail("maintain: tasks 0x%x: %zu messages instead of %zu", (unsigned)tasks,
				b.n, before.n);
		for (size_t i = 0; i < b.n; i++)
			if (strcmp(b.list[i].uid, before.list[i].uid) != 0 ||
				b.list[i].octets != before.list[i].octets)
				fail("maintain: tasks 0x%x: message %zu has changed",
					(unsigned)tasks, i + 1);
		box_close(&b);
	}
	box_forget(&before);
}

const struct kit_case write_cases[] = {
	{"one", "one message is delivered, and one of one octet", NEED_STORAGE | NEED_PUT, 10, one},
	{"content", "what was delivered comes back", NEED_STORAGE | NEED_PUT, 30, content},
	{"many", "10,000 messages, most of which are removed", NEED_STORAGE | NEED_PUT, 300, many},
	{"drop", "put_end(0) leaves nothing behind", NEED_STORAGE | NEED_PUT, 10, drop},
	{"keep", "a UIDL that a message brings is kept or replaced by a good one",
		NEED_STORAGE | NEED_PUT, 10, keep},
	{"remove", "what is removed is gone, all else stays", NEED_STORAGE | NEED_PUT, 10, removal},
	{"mixed", "maintenance reads, delivers and removes on one handle", NEED_STORAGE | NEED_PUT,
		10, mixed},
	{"notes", "notes are kept, replaced and removed", NEED_STORAGE | NEED_NOTES, 10, notes},
	{"maintain", "maintenance changes nothing that is in order", NEED_STORAGE | NEED_MAINTAIN,
		30, maintain},
	{NULL, NULL, 0, 0, NULL},
};
