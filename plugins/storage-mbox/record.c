/* record.c - the file mbox.uidl: see uidl.c. A line that cannot be understood is left out. */
#include "uidl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEX_LEN = 2 * HASH_LEN, LINE_ROOM = 1 + HEX_LEN + 1 + UID_LEN + 2 };

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads a line of len octets, without its end. */
static bool parse(struct record_line *l, const char *p, size_t len)
{
	*l = (struct record_line){.removing = len && *p == '-'};
	p += l->removing;
	len -= l->removing;
	if (len < HEX_LEN + 2 || len > HEX_LEN + 1 + UID_LEN || p[HEX_LEN] != ' ')
		return false;
	for (int i = 0; i < HASH_LEN; i++) {
		int high = nibble(p[2 * i]), low = nibble(p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		l->hash[i] = (uint8_t)(high << 4 | low);
	}
	l->uid = p + HEX_LEN + 1;
	l->uid_len = (uint8_t)(len - HEX_LEN - 1);
	for (size_t i = 0; i < l->uid_len; i++)
		if (l->uid[i] < 0x21 || l->uid[i] > 0x7e)
			return false;
	return true;
}

static size_t count(const struct index *now, const uint8_t *hash)
{
	size_t n = 0;

	for (uint64_t i = 0; i < now->head.count; i++)
		n += memcmp(now->entry[i].hash, hash, HASH_LEN) == 0;
	return n;
}

/* Were the marked ones among the lines with this hash removed? */
static bool were_removed(const struct record *r, const struct index *now, const uint8_t *hash)
{
	size_t all = 0, marked = 0;

	for (size_t i = 0; i < r->n; i++)
		if (memcmp(r->line[i].hash, hash, HASH_LEN) == 0) {
			all++;
			marked += r->line[i].removing;
		}
	return count(now, hash) <= all - marked;
}

static void find_removed(struct record *r, const struct index *now)
{
	const struct record_line *last = NULL;

	for (size_t i = 0; i < r->n; i++) {
		struct record_line *l = &r->line[i];

		if (!l->removing)
			continue;
		l->removed = last && memcmp(last->hash, l->hash, HASH_LEN) == 0
			? last->removed
			: were_removed(r, now, l->hash);
		last = l;
	}
}

int record_read(struct mbox *mb, const struct index *now, struct record *r)
{
	const char *p, *end;
	size_t lines = 0;
	int bad;

	*r = (struct record){0};
	bad = state_read(mb, UIDL_FILE, &r->block, &r->len);
	if (bad)
		return bad == RESTANTE_NONE ? RESTANTE_OK : bad;
	p = r->block;
	end = p + r->len;
	for (const char *at = p; (at = memchr(at, '\n', (size_t)(end - at))); at++)
		lines++;
	r->line = malloc((lines + 1) * sizeof(*r->line));
	if (!r->line) {
		record_free(r);
		errno = ENOMEM;
		return mbox_failed(mb, "read", UIDL_FILE);
	}
	while (lines--) {
		char *newline = memchr(p, '\n', (size_t)(end - p));

		r->n += parse(&r->line[r->n], p, (size_t)(newline - p));
		*newline = '\0';
		p = newline + 1;
	}
	find_removed(r, now);
	return RESTANTE_OK;
}

bool record_removed(const struct record *r, const char *uid, size_t len)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->line[i].removed && r->line[i].uid_len == len &&
			memcmp(r->line[i].uid, uid, len) == 0)
			return true;
	return false;
}

void record_free(struct record *r)
{
	free(r->block);
	free(r->line);
	*r = (struct record){0};
}

void record_print(struct text *t, bool removing, const char *hex, const char *uid)
{
	if (t->room - t->len < LINE_ROOM) {
		size_t room = t->room + t->room / 2 + 4096;
		char *p = t->full ? NULL : realloc(t->p, room);

		if (!p) {
			t->full = true;
			return;
		}
		t->p = p;
		t->room = room;
	}
	t->len += (size_t)snprintf(
		t->p + t->len, t->room - t->len, "%s%s %s\n", removing ? "-" : "", hex, uid);
}

/* Is the record what text says? Line ends became NULs when it was read. */
static bool same(const struct record *r, const struct text *t)
{
	const char *p = r->block;

	if (r->len != t->len)
		return false;
	for (size_t i = 0; i < t->len; i++)
		if (t->p[i] != (p[i] ? p[i] : '\n'))
			return false;
	return true;
}

int record_write(struct mbox *mb, const struct record *r, const struct text *t)
{
	if (t->full) {
		errno = ENOMEM;
		return mbox_failed(mb, "write", UIDL_FILE);
	}
	if (same(r, t))
		return RESTANTE_OK;
	if (t->len)
		return state_replace(mb, UIDL_FILE, t->p, t->len, true);
	if (unlinkat(mb->state, UIDL_FILE, 0) && errno != ENOENT)
		return mbox_failed(mb, "remove", UIDL_FILE);
	return state_sync(mb);
}
