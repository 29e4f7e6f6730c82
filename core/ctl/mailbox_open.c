/* mailbox_open - from a user's name to the messages: mailbox.h. */
#define _GNU_SOURCE
#include "ctl/mailbox.h"

#include <errno.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include "plug/become.h"
#include "pop3/encode.h"

enum { PIECE = 64 * 1024, BOXES = 4 };

const char *mailbox_result(int result)
{
	switch (result) {
	case RESTANTE_BUSY:
		return "it is in use";
	case RESTANTE_TEMP:
		return "that is not possible now";
	case RESTANTE_FULL:
		return "there is no room";
	case RESTANTE_GONE:
		return "it has vanished";
	default:
		return "that is not possible";
	}
}

int mailbox_complain(const struct mailbox *m, int result)
{
	return complain(
		"the mailbox of %s in %s: %s", m->user->name, m->name, mailbox_result(result));
}

struct record *mailbox_user(const struct ctl *ctl, const char *user, struct conf **c)
{
	struct record *r = ctl_record(ctl, user, c);
	struct buf why = {0};

	if (r == NULL || record_check(*c, &r->user, &why) == 0)
		return r;
	complain("%s: %s", user, why.p);
	buf_free(&why);
	free(r);
	return NULL;
}

int mailbox_prepare(
	struct mailbox *m, const struct restante_user *u, const struct conf_plugin *storage)
{
	struct buf why = {0};

	*m = (struct mailbox){
		.user = u, .name = storage->name + strlen("storage-"), .plug.conf = storage};
	m->plug.entry = plug_load(storage->name, storage->file, &why);
	if (m->plug.entry == NULL) {
		complain("%s", why.p);
		buf_free(&why);
		return -1;
	}
	m->api = m->plug.entry->storage;
	return host_open(&m->host, &m->plug, u) == RESTANTE_OK ? 0 : -1;
}

int mailbox_become(
	const struct mailbox *const *boxes, size_t n, const char *const *also, size_t nalso)
{
	const struct restante_user *u = boxes[0]->user;
	const struct host *hosts[BOXES];
	struct buf why = {0};
	int result;

	tzset(); /* reads a file */
	(void)signal(SIGPIPE, SIG_IGN);
	if (geteuid() != 0 && geteuid() != u->uid) {
		complain("%s: only root and uid %u may look into this mailbox", u->name, u->uid);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		hosts[i] = &boxes[i]->host;
	result = become_owner_of(u, hosts, n, also, nalso, geteuid() == 0, &why);
	if (result == -1)
		complain("%s: %s", u->name, why.p);
	buf_free(&why);
	return result;
}

int mailbox_open(struct mailbox *m, uint32_t mode)
{
	int result = m->api->open(&m->host.api, m->user, mode, &m->st);

	if (result == RESTANTE_OK)
		return 0;
	m->st = NULL;
	mailbox_complain(m, result);
	return -1;
}

void mailbox_close(struct mailbox *m)
{
	if (m->st != NULL)
		m->api->close(m->st);
	m->st = NULL;
}

int mailbox_with(const struct ctl *ctl, const char *user, int (*run)(struct mailbox *))
{
	struct mailbox m, *boxes = &m;
	struct record *r;
	struct conf *c;
	int status;

	r = mailbox_user(ctl, user, &c);
	if (r == NULL || mailbox_prepare(&m, &r->user, conf_user_storage(c, &r->user)) == -1)
		return EXIT_FAILURE;
	if (mailbox_become((const struct mailbox *const *)&boxes, 1, NULL, 0) == -1 ||
		mailbox_open(&m, RESTANTE_MAINTAIN) == -1)
		return EXIT_FAILURE;
	status = run(&m);
	mailbox_close(&m);
	host_close(&m.host);
	return status;
}

/* --- the list --------------------------------------------------------------------------------- */

static int by_uid(const void *a, const void *b)
{
	return strcmp(((const struct mail *)a)->uid, ((const struct mail *)b)->uid);
}

static int add_mail(void *arg, const struct restante_message *m)
{
	struct mail *mail = mem_alloc(1, sizeof(*mail));
	struct mails *all = arg;
	struct mail **found;

	if (all->n == all->cap) {
		all->cap = all->cap > 0 ? 2 * all->cap : 64;
		all->list = mem_grow(all->list, all->cap, sizeof(struct mail *));
	}
	*mail = (struct mail){.key = m->key,
		.octets = m->octets,
		.received = m->received,
		.uid = mem_strdup(m->uid),
		.number = all->n + 1};
	all->list[all->n++] = mail;
	all->octets += m->octets;
	found = tsearch(mail, &all->by_uid, by_uid);
	if (found != NULL && *found == mail)
		return 0;
	complain("messages %zu and %zu have the same UIDL %s", found != NULL ? (*found)->number : 0,
		mail->number, mail->uid);
	return RESTANTE_PERM;
}

int mails_load(struct mails *all, const struct mailbox *m)
{
	int result;

	*all = (struct mails){0};
	result = m->api->list(m->st, add_mail, all);
	if (result == RESTANTE_OK)
		return 0;
	mailbox_complain(m, result);
	mails_free(all);
	return -1;
}

const struct mail *mails_find(const struct mails *all, const char *uid)
{
	const struct mail key = {.uid = (char *)(uintptr_t)uid};
	struct mail *const *found = tfind(&key, &all->by_uid, by_uid);

	return found != NULL ? *found : NULL;
}

static void nothing(void *p)
{
	(void)p;
}

void mails_free(struct mails *all)
{
	tdestroy(all->by_uid, nothing);
	for (size_t i = 0; i < all->n; i++) {
		free(all->list[i]->uid);
		free(all->list[i]);
	}
	free(all->list);
	*all = (struct mails){0};
}

/* --- one message ------------------------------------------------------------------------------ */

/* The next piece: its octets, 0 at the end, or a restante_result. */
static int64_t read_piece(struct restante_body *b, char *piece, uint64_t *left)
{
	ssize_t got;

	if (b->fd == -1)
		return b->read(b->b, piece, PIECE);
	if (*left == 0)
		return 0;
	do
		got = pread(b->fd, piece, *left < PIECE ? *left : PIECE, (off_t)b->off);
	while (got == -1 && errno == EINTR);
	if (got <= 0)
		return RESTANTE_PERM; /* shorter than it was */
	b->off += (uint64_t)got;
	*left -= (uint64_t)got;
	return got;
}

/* flags: RESTANTE_BODY_TOP, or 0. */
static int read_body(struct mailbox *m, const struct mail *mail, uint32_t flags, uint64_t *octets,
	int (*each)(void *arg, const void *p, size_t n), void *arg)
{
	struct restante_body b = {.size = sizeof(b), .flags = flags, .fd = -1};
	int result = m->api->body(m->st, mail->key, &b);
	uint64_t wire = 0, left = b.len;
	uint32_t state = 0;
	char piece[PIECE];
	int64_t n = 0;

	if (result != RESTANTE_OK)
		return result;
	while (result == 0 && (n = read_piece(&b, piece, &left)) > 0) {
		wire += (uint64_t)measure(piece, (size_t)n, &state);
		result = each != NULL ? each(arg, piece, (size_t)n) : 0;
	}
	wire += (uint64_t)measure(NULL, 0, &state);
	if (b.release != NULL)
		b.release(b.b);
	if (octets != NULL)
		*octets = b.octets;
	if (result != 0)
		return result;
	return n < 0 ? (int)n : wire == b.octets ? RESTANTE_OK : RESTANTE_PERM;
}

int mailbox_read(struct mailbox *m, const struct mail *mail, uint64_t *octets,
	int (*each)(void *arg, const void *p, size_t n), void *arg)
{
	return read_body(m, mail, 0, octets, each, arg);
}

/* --- its sender ------------------------------------------------------------------------------- */

static const char field[] = "Return-Path: <";
enum { FIELD_LEN = sizeof(field) - 1, ENOUGH = 1 };

struct top {
	char text[FIELD_LEN + SENDER_LEN + 1]; /* the first octets of the message */
	size_t n;
};

static int add_top(void *arg, const void *p, size_t n)
{
	struct top *top = arg;
	size_t room = sizeof(top->text) - top->n;

	if (n > room)
		n = room;
	memcpy(top->text + top->n, p, n);
	top->n += n;
	return top->n == sizeof(top->text) ? ENOUGH : 0;
}

int mailbox_top(
	struct mailbox *m, const struct mail *mail, char sender[SENDER_LEN + 1], uint64_t *octets)
{
	struct top top = {.n = 0};
	int result = read_body(m, mail, RESTANTE_BODY_TOP, octets, add_top, &top);
	const char *start = top.text + FIELD_LEN, *end;

	sender[0] = '\0';
	if (result < 0)
		return result;
	if (top.n <= FIELD_LEN || strncasecmp(top.text, field, FIELD_LEN) != 0)
		return RESTANTE_OK;
	end = memchr(start, '>', top.n - FIELD_LEN);
	if (end != NULL) {
		memcpy(sender, start, (size_t)(end - start));
		sender[end - start] = '\0';
	}
	return RESTANTE_OK;
}
