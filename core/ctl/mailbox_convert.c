/* mailbox convert - all messages from one storage to another, with their UIDLs and times.
 *
 * Both are held against sessions while this runs; deliveries go on. A message is there or it is
 * not, and its UIDL tells which: so a run that was interrupted is done again and goes on where it
 * was. At the end both lists are compared anew. The source is emptied only when asked for, only
 * when all of it is in the destination, and after each message was read from both and found to be
 * the same. */
#define _GNU_SOURCE
#include "ctl/mailbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/progress.h"
#include "ctl/wire.h"

struct converting {
	struct mailbox from, to; /* sessions */
	struct mailbox door;     /* the destination for deliveries */
	struct mails source, there;
	struct progress progress;
	uint64_t copied, wrong;
};

struct choice { /* what the words say */
	const char *user, *from, *to;
	int remove_source;
};

/* Something is wrong with one message. */
static void blame(struct converting *c, const struct mail *m, const char *what)
{
	progress_hide(&c->progress);
	complain("message %zu (%s) %s", m->number, m->uid, what);
	c->wrong++;
}

/* --- copying ---------------------------------------------------------------------------------- */

struct putting {
	const struct restante_storage *api;
	void *put;
	int result;
};

static int put_piece(void *arg, const void *p, size_t n)
{
	struct putting *to = arg;

	to->result = to->api->put_data(to->put, p, n);
	return to->result == RESTANTE_OK ? 0 : 1;
}

static int not_read(struct converting *c, const struct mail *m, int result)
{
	blame(c, m, result == RESTANTE_GONE ? "has vanished" : "cannot be read whole");
	return 0;
}

static int not_delivered(struct converting *c, int result)
{
	progress_hide(&c->progress);
	mailbox_complain(&c->to, result);
	return -1;
}

/* A message that cannot be read is blamed and passed over. -1 when no more can be delivered. */
static int copy_one(struct converting *c, const struct mail *m)
{
	char sender[SENDER_LEN + 1];
	struct restante_put what = {
		.size = sizeof(what), .sender = sender, .uid = m->uid, .received = m->received};
	struct putting to = {.api = c->door.api};
	int result = mailbox_top(&c->from, m, sender, &what.octets);

	if (result != RESTANTE_OK)
		return not_read(c, m, result);
	to.result = to.api->put_begin(c->door.st, &what, &to.put);
	if (to.result != RESTANTE_OK)
		return not_delivered(c, to.result);
	result = mailbox_read(&c->from, m, NULL, put_piece, &to);
	if (result == RESTANTE_OK)
		to.result = to.api->put_end(to.put, 1);
	else
		to.api->put_end(to.put, 0);
	if (to.result != RESTANTE_OK)
		return not_delivered(c, to.result);
	if (result != RESTANTE_OK)
		return not_read(c, m, result);
	c->copied++;
	return 0;
}

/* Reads the destination's list anew. */
static int look_again(struct converting *c)
{
	mailbox_close(&c->to);
	mails_free(&c->there);
	return mailbox_open(&c->to, RESTANTE_SESSION) == -1 ? -1 : mails_load(&c->there, &c->to);
}

/* A storage that keeps no UIDLs shall get one message too many, and not all. */
static int look_at_first(struct converting *c, const struct mail *m)
{
	if (look_again(c) == -1)
		return -1;
	if (mails_find(&c->there, m->uid) != NULL)
		return 0;
	blame(c, m, "has another UIDL in the destination, which keeps none");
	return -1;
}

static int copy_all(struct converting *c)
{
	progress_begin(&c->progress, "convert", c->source.n, c->source.octets);
	for (size_t i = 0; i < c->source.n; i++) {
		const struct mail *m = c->source.list[i];

		uint64_t copied = c->copied;

		if (mails_find(&c->there, m->uid) == NULL && copy_one(c, m) == -1)
			return -1;
		if (copied == 0 && c->copied == 1 && look_at_first(c, m) == -1)
			return -1;
		progress_step(&c->progress, m->octets);
	}
	progress_hide(&c->progress);
	return 0;
}

/* --- verifying -------------------------------------------------------------------------------- */

/* Has it as many octets on both sides? A list may have believed a hint that was wrong. */
static int same_octets(struct converting *c, const struct mail *a, const struct mail *b)
{
	uint64_t x, y;

	return a->octets == b->octets ||
	       (mailbox_read(&c->from, a, &x, NULL, NULL) == RESTANTE_OK &&
		       mailbox_read(&c->to, b, &y, NULL, NULL) == RESTANTE_OK && x == y);
}

static void compare_lists(struct converting *c)
{
	for (size_t i = 0; i < c->source.n; i++) {
		const struct mail *m = c->source.list[i], *copy = mails_find(&c->there, m->uid);

		if (copy == NULL)
			blame(c, m, "is not in the destination");
		else if (!same_octets(c, m, copy))
			blame(c, m, "has another number of octets in the destination");
	}
}

/* 0, or -1 when the message cannot be read. */
static int digest(struct mailbox *box, const struct mail *m, char hex[WIRE_HEX + 1])
{
	struct wire w;
	int result;

	wire_begin(&w);
	result = mailbox_read(box, m, NULL, wire_add, &w);
	wire_end(&w, hex);
	return result == RESTANTE_OK ? 0 : -1;
}

/* Reads all messages of both. */
static void compare_texts(struct converting *c)
{
	char a[WIRE_HEX + 1], b[WIRE_HEX + 1];

	progress_begin(&c->progress, "verify", c->source.n, c->source.octets);
	for (size_t i = 0; i < c->source.n; i++) {
		const struct mail *m = c->source.list[i];

		if (digest(&c->from, m, a) == -1 ||
			digest(&c->to, mails_find(&c->there, m->uid), b) == -1 || strcmp(a, b) != 0)
			blame(c, m, "is not the same in the destination");
		progress_step(&c->progress, m->octets);
	}
	progress_hide(&c->progress);
}

static int remove_source(struct converting *c)
{
	uint64_t *keys = mem_alloc(c->source.n, sizeof(*keys));
	int result;

	for (size_t i = 0; i < c->source.n; i++)
		keys[i] = c->source.list[i]->key;
	result = c->from.api->remove(c->from.st, keys, c->source.n);
	free(keys);
	if (result != RESTANTE_OK)
		return mailbox_complain(&c->from, result);
	printf("%s: %zu messages removed from %s\n", c->from.user->name, c->source.n, c->from.name);
	return EXIT_SUCCESS;
}

/* --- the verb --------------------------------------------------------------------------------- */

static int incomplete(const struct converting *c)
{
	return complain("%s: not all is in %s: nothing was removed from %s; run this again",
		c->from.user->name, c->to.name, c->from.name);
}

static void say_next(const struct converting *c, const struct choice *choice, const char *current)
{
	const char *name = c->from.user->name;

	if (strcmp(current, c->to.name) != 0)
		printf("next: set storage=%s in the record of %s, then move what was delivered "
		       "meanwhile:\n"
		       "restantectl mailbox convert %s --from %s --to %s --remove-source\n",
			c->to.name, name, name, c->from.name, c->to.name);
	else if (!choice->remove_source)
		printf("next: empty the old one with --remove-source\n");
}

static int run(struct converting *c, const struct choice *choice)
{
	size_t before;

	if (mailbox_open(&c->from, RESTANTE_SESSION) == -1 ||
		mailbox_open(&c->to, RESTANTE_SESSION) == -1 ||
		mailbox_open(&c->door, RESTANTE_DELIVER) == -1 ||
		mails_load(&c->source, &c->from) == -1 || mails_load(&c->there, &c->to) == -1)
		return EXIT_FAILURE;
	before = c->there.n;
	if (copy_all(c) == -1 || look_again(c) == -1)
		return incomplete(c);
	compare_lists(c);
	printf("%s: %" PRIu64 " messages copied from %s to %s, which had %zu before\n",
		c->from.user->name, c->copied, c->from.name, c->to.name, before);
	if (c->wrong == 0 && choice->remove_source)
		compare_texts(c);
	if (c->wrong > 0)
		return incomplete(c);
	return choice->remove_source ? remove_source(c) : EXIT_SUCCESS;
}

/* The storage of that name, or the user's own. NULL after a message. */
static const struct conf_plugin *storage_of(
	const struct conf *c, const struct restante_user *u, const char *name)
{
	const struct conf_plugin *p;
	struct buf full = {0};

	if (name == NULL)
		return conf_user_storage(c, u);
	buf_printf(&full, "storage-%s", name);
	p = conf_plugin_named(c, full.p);
	if (p == NULL || (p->kinds & CONF_STORAGE) == 0) {
		complain("%s is not in the configuration: add a section %s { }", full.p, full.p);
		p = NULL;
	}
	buf_free(&full);
	return p;
}

static int convert(const struct ctl *ctl, const struct choice *choice)
{
	struct converting x = {.copied = 0};
	const struct mailbox *boxes[] = {&x.from, &x.to, &x.door};
	const struct conf_plugin *from, *to;
	struct record *r;
	struct conf *c;
	int status;

	r = mailbox_user(ctl, choice->user, &c);
	if (r == NULL || (from = storage_of(c, &r->user, choice->from)) == NULL ||
		(to = storage_of(c, &r->user, choice->to)) == NULL)
		return EXIT_FAILURE;
	if (from == to)
		return complain("the mailbox of %s is in %s: say --from the storage that it was in",
			r->user.name, choice->to);
	if (mailbox_prepare(&x.from, &r->user, from) == -1 ||
		mailbox_prepare(&x.to, &r->user, to) == -1 ||
		mailbox_prepare(&x.door, &r->user, to) == -1 ||
		mailbox_become(boxes, 3, NULL, 0) == -1)
		return EXIT_FAILURE;
	status = run(&x, choice);
	if (status == EXIT_SUCCESS)
		say_next(&x, choice, conf_user_str(c, &r->user, "storage"));
	for (size_t i = 0; i < 3; i++)
		mailbox_close((struct mailbox *)(uintptr_t)boxes[i]);
	mails_free(&x.source);
	mails_free(&x.there);
	return status;
}

int ctl_mailbox_convert(const struct ctl *ctl, int argc, char **argv)
{
	struct choice choice = {.user = NULL};

	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--from") == 0 && i + 1 < argc)
			choice.from = argv[++i];
		else if (strcmp(argv[i], "--to") == 0 && i + 1 < argc)
			choice.to = argv[++i];
		else if (strcmp(argv[i], "--remove-source") == 0)
			choice.remove_source = 1;
		else if (argv[i][0] != '-' && choice.user == NULL)
			choice.user = argv[i];
		else
			return USAGE;
	return choice.user != NULL && choice.to != NULL ? convert(ctl, &choice) : USAGE;
}
