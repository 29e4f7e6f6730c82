/* load_mode.c - the commands that restante-load knows, what it expects of each reply, and the modes
 * that are made of them. A new load is a new row in load_modes.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads a number and one separator; NULL = there is none. */
static const char *number(const char *p, const char *end, char separator, uint64_t *out)
{
	const char *start = p;
	uint64_t n = 0;

	while (p < end && *p >= '0' && *p <= '9' && p - start < 19)
		n = n * 10 + (uint64_t)(*p++ - '0');
	*out = n;
	if (p == start)
		return NULL;
	if (separator == '\0')
		return p;
	return p < end && *p == separator ? p + 1 : NULL;
}

/* STAT: "+OK count octets". */
static const char *check_stat(struct conn *c, uint32_t unused)
{
	struct mailbox *box = &c->box;
	const char *end = c->reply.status + c->reply.status_len;
	uint64_t count = 0;
	const char *p = number(c->reply.status + 4, end, ' ', &count);

	(void)unused;
	if (!p || !number(p, end, '\0', &box->octets) || count > UINT32_MAX)
		return "not \"+OK count octets\"";
	box->count = (uint32_t)count;
	box->rows = 0;
	box->sum = 0;
	if (box->count <= box->room)
		return NULL;
	box->room = box->count;
	box->sizes = realloc(box->sizes, box->room * sizeof(*box->sizes));
	if (c->run->opt->mode->unique)
		box->hashes = realloc(box->hashes, box->room * sizeof(*box->hashes));
	if (!box->sizes || (c->run->opt->mode->unique && !box->hashes))
		die("no memory for %u messages", box->room);
	return NULL;
}

/* The message number that a row of a listing starts with. */
static const char *row_number(struct mailbox *box, const char *line, const char *end)
{
	uint64_t n = 0;
	const char *p = number(line, end, ' ', &n);

	if (!p || n != box->rows + 1 || n > box->count)
		return NULL;
	box->rows++;
	return p;
}

static const char *row_list(void *arg, const char *line, size_t n)
{
	struct mailbox *box = &((struct conn *)arg)->box;
	uint64_t octets = 0;
	const char *p = row_number(box, line, line + n);

	if (!p || !number(p, line + n, '\0', &octets) || octets > UINT32_MAX)
		return "a row of LIST that is not \"number octets\" in order";
	box->sizes[box->rows - 1] = (uint32_t)octets;
	box->sum += octets;
	return NULL;
}

static const char *check_list(struct conn *c, uint32_t unused)
{
	struct mailbox *box = &c->box;

	(void)unused;
	if (box->rows != box->count)
		return "LIST and STAT count different messages";
	box->rows = 0;
	return box->sum == box->octets ? NULL : "the octets of LIST do not add up to STAT's";
}

/* RFC 1939 section 7: 1 to 70 octets of 0x21 to 0x7e. */
static const char *uid_wrong(const char *uid, const char *end)
{
	if (end - uid < 1 || end - uid > 70)
		return "a UIDL that has not 1 to 70 octets";
	for (const char *p = uid; p < end; p++)
		if (*p < 0x21 || *p > 0x7e)
			return "a UIDL with an octet outside of 0x21..0x7e";
	return NULL;
}

static uint64_t fnv1a(const char *p, const char *end)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; p < end; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	return h;
}

static const char *row_uidl(void *arg, const char *line, size_t n)
{
	struct mailbox *box = &((struct conn *)arg)->box;
	const char *p = row_number(box, line, line + n);

	if (!p)
		return "a row of UIDL that is not \"number uid\" in order";
	if (box->hashes)
		box->hashes[box->rows - 1] = fnv1a(p, line + n);
	return uid_wrong(p, line + n);
}

static int hash_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static const char *check_uidl(struct conn *c, uint32_t unused)
{
	struct mailbox *box = &c->box;

	(void)unused;
	if (box->rows != box->count)
		return "UIDL and STAT count different messages";
	box->rows = 0;
	if (!box->hashes)
		return NULL;
	qsort(box->hashes, box->count, sizeof(*box->hashes), hash_order);
	for (uint32_t i = 1; i < box->count; i++)
		if (box->hashes[i] == box->hashes[i - 1])
			return "two messages have the same UIDL";
	return NULL;
}

/* "+OK number rest": the rest, or NULL when it is about another message. */
static const char *about(struct conn *c, uint32_t n)
{
	uint64_t got = 0;
	const char *end = c->reply.status + c->reply.status_len;
	const char *p = number(c->reply.status + 4, end, ' ', &got);

	return p && got == n ? p : NULL;
}

static const char *check_list_one(struct conn *c, uint32_t n)
{
	uint64_t octets = 0;
	const char *p = about(c, n);

	if (!p || !number(p, c->reply.status + c->reply.status_len, '\0', &octets))
		return "not \"+OK number octets\"";
	return octets == c->box.sizes[n - 1] ? NULL : "LIST n and LIST say different octets";
}

static const char *check_uidl_one(struct conn *c, uint32_t n)
{
	const char *p = about(c, n);

	return p ? uid_wrong(p, c->reply.status + c->reply.status_len) : "not \"+OK number uid\"";
}

static const char *check_retr(struct conn *c, uint32_t n)
{
	uint64_t said = 0;
	const char *end = c->reply.status + c->reply.status_len;

	c->run->octets += c->reply.octets;
	if (c->reply.octets != c->box.sizes[n - 1])
		return "LIST promised other octets than RETR sent";
	if (c->reply.status_len > 4 && number(c->reply.status + 4, end, '\0', &said) &&
		said != c->reply.octets)
		return "the reply's first line promised other octets than followed";
	return NULL;
}

/* clang-format off */
static const struct step
	greet = {"greeting", NULL, REPLY_LINE, NULL, NULL},
	user = {"USER", "USER %u\r\n", REPLY_LINE, NULL, NULL},
	pass = {"PASS", "PASS %p\r\n", REPLY_LINE, NULL, NULL},
	stat = {"STAT", "STAT\r\n", REPLY_LINE, NULL, check_stat},
	list = {"LIST", "LIST\r\n", REPLY_ROWS, row_list, check_list},
	uidl = {"UIDL", "UIDL\r\n", REPLY_ROWS, row_uidl, check_uidl},
	list_one = {"LIST n", "LIST %n\r\n", REPLY_LINE, NULL, check_list_one},
	uidl_one = {"UIDL n", "UIDL %n\r\n", REPLY_LINE, NULL, check_uidl_one},
	retr = {"RETR", "RETR %n\r\n", REPLY_BODY, NULL, check_retr},
	noop = {"NOOP", "NOOP\r\n", REPLY_LINE, NULL, NULL},
	quit = {"QUIT", "QUIT\r\n", REPLY_LINE, NULL, NULL};

const struct mode load_modes[] = {
	{.name = "login", .doc = "log in and quit, again and again; a sample: connect to +OK of PASS",
		.head = {&greet, &user, &pass}, .tail = {&quit}, .from = &greet, .to = &pass},
	{.name = "open", .doc = "log in, STAT, UIDL, quit; a sample: PASS to the end of UIDL",
		.head = {&greet, &user, &pass, &stat, &uidl}, .tail = {&quit}, .from = &pass, .to = &uidl},
	{.name = "retr", .doc = "RETR every message; a sample: one RETR",
		.head = {&greet, &user, &pass, &stat, &list}, .each = {&retr}, .tail = {&quit},
		.from = &retr, .to = &retr},
	{.name = "client", .doc = "UIDL n, LIST n, RETR n for every message; a sample: one command",
		.head = {&greet, &user, &pass, &stat, &list}, .each = {&uidl_one, &list_one, &retr},
		.tail = {&quit}},
	{.name = "noop", .doc = "NOOP; a sample: one NOOP",
		.head = {&greet, &user, &pass, &stat}, .each = {&noop}, .tail = {&quit}},
	{.name = "check", .doc = "LIST, UIDL, RETR of every message, and that no UIDL comes twice",
		.head = {&greet, &user, &pass, &stat, &list, &uidl}, .each = {&retr}, .tail = {&quit},
		.from = &retr, .to = &retr, .unique = true},
	{.name = "idle", .doc = "log in, print \"ready\", hold until a line comes on standard input, quit",
		.head = {&greet, &user, &pass}, .tail = {&quit}, .hold = true},
	{.name = "connect", .doc = "as idle, without logging in",
		.head = {&greet}, .tail = {&quit}, .hold = true},
	{.name = NULL},
};
/* clang-format on */

const struct mode *mode_find(const char *name)
{
	for (const struct mode *m = load_modes; m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

/* %u user, %p password, %n message number: snprintf() for each RETR would be a third of this
 * program's time. */
size_t step_command(const struct step *s, const struct conn *c, uint32_t n, char *out, size_t size)
{
	char digits[12], *d = digits + sizeof(digits);
	size_t used = 0;

	*--d = '\0';
	do
		*--d = (char)('0' + n % 10);
	while (n /= 10);
	for (const char *f = s->format; *f; f++) {
		const char *piece = f;
		size_t len = 1;
		if (*f == '%') {
			f++;
			piece = *f == 'u'   ? conn_user(c)->name
				: *f == 'p' ? conn_user(c)->password
					    : d;
			len = strlen(piece);
		}
		if (len > size - used)
			die("the command %s is too long", s->name);
		memcpy(out + used, piece, len);
		used += len;
	}
	return used;
}
