/* record.c - the file mbox.uidl: see uidl.c.
 *
 * It is replaced as a whole, but for deliveries, which append a line. What a crash leaves of such a
 * line has no line end, is not believed, and is cut off before the next one. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uidl.h"

enum { LINE_ROOM = 1 + HEX_LEN + 1 + UID_LEN + 2 };

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

/* --- reading --- */

/* A line whose UIDL a later one has says what was before. */
static bool outdated(const struct record *r, size_t i)
{
	const struct record_line *l = &r->line[i];

	for (uint32_t j = groups_next(&r->by_uid, (uint32_t)i); j != GROUPS_NONE;
		j = groups_next(&r->by_uid, j))
		if (r->line[j].uid_len == l->uid_len &&
			memcmp(r->line[j].uid, l->uid, l->uid_len) == 0)
			return true;
	return false;
}

static int group(struct record *r)
{
	if (groups_make(&r->by_uid, r->n))
		return -1;
	for (size_t i = 0; i < r->n; i++)
		groups_add(&r->by_uid, uid_key(r->line[i].uid, r->line[i].uid_len), (uint32_t)i);
	return 0;
}

static int drop_outdated(struct record *r)
{
	size_t n = 0;

	if (group(r))
		return -1;
	for (size_t i = 0; i < r->n; i++)
		if (!outdated(r, i))
			r->line[n++] = r->line[i];
	if (n == r->n)
		return 0;
	r->n = n;
	groups_free(&r->by_uid);
	return group(r);
}

int record_parse(struct record *r, void *block, size_t len)
{
	const char *p = len > 0 ? block : "", *end = p + len;
	size_t lines = 0;

	*r = (struct record){0};
	for (const char *at = p; (at = memchr(at, '\n', (size_t)(end - at))); at++)
		lines++;
	if (lines >= GROUPS_NONE || !(r->line = malloc((lines + 1) * sizeof(*r->line))))
		return -1;
	while (lines--) {
		char *newline = memchr(p, '\n', (size_t)(end - p));

		r->n += parse(&r->line[r->n], p, (size_t)(newline - p));
		*newline = '\0';
		p = newline + 1;
	}
	if (drop_outdated(r)) {
		free(r->line);
		return -1;
	}
	r->block = block;
	r->len = len;
	return 0;
}

static size_t count(const struct groups *by_hash, const struct index *now, const uint8_t *hash)
{
	uint32_t i = groups_first(by_hash, hash_key(hash));
	size_t n = 0;

	for (; i != GROUPS_NONE; i = groups_next(by_hash, i))
		n += memcmp(now->entry[i].hash, hash, HASH_LEN) == 0;
	return n;
}

/* Decides for all lines with one hash: the marked ones were removed if so few messages are left. */
static void decide(
	struct record *r, const struct groups *by_hash, const uint8_t *hash, size_t there)
{
	uint32_t first = groups_first(by_hash, hash_key(hash));
	size_t left = 0;

	for (uint32_t i = first; i != GROUPS_NONE; i = groups_next(by_hash, i))
		left += !r->line[i].removing && memcmp(r->line[i].hash, hash, HASH_LEN) == 0;
	for (uint32_t i = first; i != GROUPS_NONE; i = groups_next(by_hash, i))
		if (memcmp(r->line[i].hash, hash, HASH_LEN) == 0)
			r->line[i].removed = r->line[i].removing && there <= left;
}

static int find_removed(struct record *r, const struct index *now)
{
	struct groups lines, messages;
	bool any = false;

	for (size_t i = 0; i < r->n; i++)
		any = any || r->line[i].removing;
	if (!any)
		return 0;
	if (groups_make(&lines, r->n))
		return -1;
	if (groups_make(&messages, now->head.count)) {
		groups_free(&lines);
		return -1;
	}
	for (size_t i = 0; i < r->n; i++)
		groups_add(&lines, hash_key(r->line[i].hash), (uint32_t)i);
	for (uint64_t i = 0; i < now->head.count; i++)
		groups_add(&messages, hash_key(now->entry[i].hash), (uint32_t)i);
	for (size_t i = 0; i < r->n; i++)
		if (r->line[i].removing && !r->line[i].removed)
			decide(r, &lines, r->line[i].hash, count(&messages, now, r->line[i].hash));
	groups_free(&lines);
	groups_free(&messages);
	return 0;
}

int record_read(struct mbox *mb, const struct index *now, struct record *r)
{
	void *block = NULL;
	size_t len = 0;
	int bad = state_read(mb, UIDL_FILE, &block, &len);

	*r = (struct record){0};
	if (bad && bad != RESTANTE_NONE)
		return bad;
	if (record_parse(r, block, len) == 0 && find_removed(r, now) == 0)
		return RESTANTE_OK;
	if (!r->block)
		free(block);
	record_free(r);
	errno = ENOMEM;
	return mbox_failed(mb, "read", UIDL_FILE);
}

const struct record_line *record_by_uid(const struct record *r, const char *uid, size_t len)
{
	uint32_t i = groups_first(&r->by_uid, uid_key(uid, len));

	for (; i != GROUPS_NONE; i = groups_next(&r->by_uid, i))
		if (r->line[i].uid_len == len && memcmp(r->line[i].uid, uid, len) == 0)
			return &r->line[i];
	return NULL;
}

void record_free(struct record *r)
{
	free(r->block);
	free(r->line);
	groups_free(&r->by_uid);
	*r = (struct record){0};
}

/* --- writing --- */

void hash_to_hex(char hex[HEX_LEN + 1], const uint8_t *hash)
{
	for (int i = 0; i < HEX_LEN; i++)
		hex[i] = "0123456789abcdef"[hash[i / 2] >> (i % 2 ? 0 : 4) & 15];
	hex[HEX_LEN] = '\0';
}

void record_print(struct text *t, bool removing, const uint8_t *hash, const char *uid)
{
	char hex[HEX_LEN + 1];

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
	hash_to_hex(hex, hash);
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

/* How long the file is without what a crash left of a line; *damaged: it does not end with a line,
 * nor with a part of one. -1 with errno. */
static int64_t whole_lines(int fd, bool *damaged)
{
	char end[LINE_ROOM];
	struct stat st;
	const char *newline;
	size_t n;

	*damaged = false;
	if (fstat(fd, &st))
		return -1;
	n = st.st_size < LINE_ROOM ? (size_t)st.st_size : LINE_ROOM;
	if (mbox_read(fd, end, n, (uint64_t)st.st_size - n) != (int64_t)n)
		return -1;
	newline = n ? memrchr(end, '\n', n) : NULL;
	*damaged = !newline && n == LINE_ROOM;
	if (*damaged)
		return st.st_size;
	return newline ? st.st_size - (end + n - (newline + 1)) : 0;
}

int record_append(struct mbox *mb, const uint8_t *hash, const char *uid, int64_t *before)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(mb->state, UIDL_FILE, flags, 0600), bad = RESTANTE_OK;
	char hex[HEX_LEN + 1], line[LINE_ROOM + 1];
	bool damaged = false;
	int n;

	*before = fd < 0 ? -1 : whole_lines(fd, &damaged);
	hash_to_hex(hex, hash);
	n = snprintf(line, sizeof(line), "%s%s %s\n", damaged ? "\n" : "", hex, uid);
	if (*before < 0 || ftruncate(fd, *before) || lseek(fd, *before, SEEK_SET) != *before ||
		mbox_write(fd, line, (size_t)n) || fdatasync(fd))
		bad = mbox_failed_full(mb, "write", UIDL_FILE);
	if (fd >= 0)
		close(fd);
	if (!bad && *before == 0)
		bad = state_sync(mb);
	if (bad)
		record_cut(mb, *before);
	return bad;
}

void record_cut(struct mbox *mb, int64_t before)
{
	int fd = before < 0 ? -1 : openat(mb->state, UIDL_FILE, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (ftruncate(fd,
		    before)) /* then the line names a message that is not there, and that is all */
		mbox_failed(mb, "cut off", UIDL_FILE);
	close(fd);
}
