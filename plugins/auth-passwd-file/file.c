/* Loading and reloading of the users file.
 *
 * The file counts as unchanged while device, inode, size, mtime and ctime are what they were. Time
 * stamps are only as fine as the kernel's tick or the file system: a file changed within SLOP_NS
 * before it was read may change once more under the same stamp, so it is read a second time when
 * that time is over. A file without a last newline, an empty one and one that changed while it was
 * read are probably being written: they are read again after a pause until they stay the same.
 *
 * Passwords may stand in the text, so it is wiped before it is freed.
 */
#include "file.h"
#include "scheme.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
	FILE_MAX_OCTETS = 1 << 30, /* line starts are 32 bits */
	DAMAGE_LOGGED = 20,        /* lines of complaint for one reading */
	SETTLE_MS = 50,
	SETTLE_TRIES = 20,
	KINDS = 16,   /* different costs that are counted */
	KIND_MAX = 32 /* octets of a cost */
};
static const int64_t SLOP_NS = 2000000000;

struct slot {
	uint32_t hash, at; /* start of the line + 1; 0 = free */
};

/* How many users have passwords of one scheme and cost. */
struct kind {
	const struct scheme *scheme;
	char cost[KIND_MAX];
	size_t users;
	uint32_t at; /* start of the first one's line */
};

struct text {
	char *p;
	size_t len;
};

struct file {
	const struct restante_host *host;
	const char *path;
	struct text text;
	struct slot *slots;
	size_t nslots; /* a power of two */
	uint64_t seed;
	struct stat seen;
	int64_t again; /* realtime at which the file is to be read once more; 0 = never */
	bool loaded;
	int complained; /* errno of the last failure that was logged */
	size_t damaged;
	struct kind kinds[KINDS];
	struct file_line line; /* while loading */
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t stamp(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       stamp(a->st_mtim) == stamp(b->st_mtim) && stamp(a->st_ctim) == stamp(b->st_ctim);
}

struct file *file_new(const struct restante_host *host, const char *path)
{
	struct file *f = host->alloc(host->c, sizeof(*f));

	f->host = host;
	f->path = path;
	if (getrandom(&f->seed, sizeof(f->seed), 0) < 0)
		f->seed = (uint64_t)now_ns();
	return f;
}

static void text_free(struct text *t)
{
	if (t->p)
		explicit_bzero(t->p, t->len);
	free(t->p);
	*t = (struct text){NULL, 0};
}

static void drop(struct file *f)
{
	text_free(&f->text);
	free(f->slots);
	f->slots = NULL;
	f->nslots = f->damaged = 0;
	memset(f->kinds, 0, sizeof(f->kinds));
	f->loaded = false;
}

void file_close(struct file *f)
{
	drop(f);
}

void file_forget(struct file_line *l)
{
	explicit_bzero(l, sizeof(*l));
}

/* --- the table -------------------------------------------------------------------------------- */

/* FNV-1a from a random start, so that names cannot be chosen to collide. */
static uint32_t hash_name(const struct file *f, const char *name, size_t n)
{
	uint64_t h = f->seed ^ 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3u;
	return (uint32_t)(h ^ h >> 32);
}

static size_t line_length(const struct file *f, size_t at)
{
	const char *end = memchr(f->text.p + at, '\n', f->text.len - at);

	return end ? (size_t)(end - f->text.p) - at : f->text.len - at;
}

/* The user's slot, or the free one where it would go. */
static struct slot *find_slot(const struct file *f, const char *name, size_t n)
{
	uint32_t hash = hash_name(f, name, n);

	for (size_t i = hash;; i++) {
		struct slot *s = &f->slots[i & (f->nslots - 1)];
		size_t at;

		if (s->at == 0) {
			s->hash = hash;
			return s;
		}
		at = s->at - 1;
		if (s->hash == hash && at + n <= f->text.len &&
			memcmp(f->text.p + at, name, n) == 0 &&
			(at + n == f->text.len || strchr(":\r\n", f->text.p[at + n])))
			return s;
	}
}

static size_t line_number(const struct file *f, size_t at)
{
	size_t number = 1;

	for (const char *p = f->text.p; (p = memchr(p, '\n', (size_t)(f->text.p + at - p))); p++)
		number++;
	return number;
}

/* Copies and parses the line at a place. */
static int take_line(const struct file *f, size_t at, size_t n, struct file_line *out, char *why)
{
	size_t copied = n <= LINE_MAX_OCTETS ? n : LINE_MAX_OCTETS;

	memcpy(out->text, f->text.p + at, copied);
	out->damaged = line_parse(out->text, n, &out->entry, why) < 0;
	return out->damaged ? -1 : 0;
}

bool file_find(struct file *f, const char *user, struct file_line *out)
{
	char why[LINE_WHY_MAX];
	size_t n = strlen(user), at;
	struct slot *s;

	if (n == 0 || line_name(user, n) != n || f->nslots == 0)
		return false;
	s = find_slot(f, user, n);
	if (s->at == 0)
		return false;
	at = s->at - 1;
	if (take_line(f, at, line_length(f, at), out, why) < 0)
		out->number = line_number(f, at);
	return true;
}

bool file_typical(struct file *f, struct file_line *out)
{
	const struct kind *best = &f->kinds[0];
	char why[LINE_WHY_MAX];

	for (size_t i = 1; i < KINDS; i++)
		if (f->kinds[i].users > best->users)
			best = &f->kinds[i];
	return best->users > 0 && take_line(f, best->at, line_length(f, best->at), out, why) == 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void count_kind(struct file *f, const char *password, uint32_t at)
{
	const char *value;
	const struct scheme *s = scheme_split(password, &value);
	size_t n = s && s->cost ? s->cost(value) : 0;

	if (!s || scheme_locked(password))
		return;
	if (n >= KIND_MAX)
		n = KIND_MAX - 1;
	for (size_t i = 0; i < KINDS; i++) {
		struct kind *k = &f->kinds[i];

		if (k->users == 0) {
			k->scheme = s;
			memcpy(k->cost, value, n);
			k->cost[n] = '\0';
			k->at = at;
		}
		if (k->scheme->verify == s->verify && k->scheme->param == s->param &&
			strncmp(k->cost, value, n) == 0 && k->cost[n] == '\0') {
			k->users++;
			return;
		}
	}
}

static void complain(struct file *f, size_t number, const char *why)
{
	f->damaged++;
	if (f->damaged <= DAMAGE_LOGGED)
		f->host->log(f->host->c, LOG_ERR, "%s:%zu: %s; the line is not used", f->path,
			number, why);
}

static void add_line(struct file *f, size_t at, size_t n, size_t number)
{
	char why[LINE_WHY_MAX];
	size_t name = line_name(f->text.p + at, n);
	struct slot *s;

	if (take_line(f, at, n, &f->line, why) < 0)
		complain(f, number, why);
	else
		count_kind(f, f->line.entry.password, (uint32_t)at);
	if (name == 0)
		return;
	s = find_slot(f, f->text.p + at, name);
	if (s->at == 0)
		s->at = (uint32_t)at + 1;
	else
		complain(f, number, "user: expected each name once");
}

static int build(struct file *f)
{
	size_t lines = 1, number = 1;

	for (const char *p = f->text.p;
		(p = memchr(p, '\n', f->text.len - (size_t)(p - f->text.p))); p++)
		lines++;
	f->nslots = 16;
	while (f->nslots < 2 * lines)
		f->nslots *= 2;
	f->slots = calloc(f->nslots, sizeof(*f->slots));
	if (!f->slots)
		return -1;
	for (size_t at = 0, n; at < f->text.len; at += n + 1, number++) {
		n = line_length(f, at);
		if (!line_is_blank(f->text.p + at, n))
			add_line(f, at, n, number);
	}
	file_forget(&f->line);
	if (f->damaged > DAMAGE_LOGGED)
		f->host->log(f->host->c, LOG_ERR, "%s: %zu more damaged lines", f->path,
			f->damaged - DAMAGE_LOGGED);
	return 0;
}

/* Reads up to the size that fstat said; less when the file shrank, which the caller sees. */
static int read_text(struct text *t, int fd, size_t size)
{
	t->p = malloc(size + 1);
	if (!t->p)
		return -1;
	while (t->len < size) {
		ssize_t n = read(fd, t->p + t->len, size - t->len);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n == 0)
			break;
		t->len += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* 1 = read, 0 = probably being written, -1 = errno. */
static int read_once(const char *path, struct text *t, struct stat *st)
{
	struct stat after;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = -1;

	if (fd < 0)
		return -1;
	if (fstat(fd, st) < 0)
		goto out;
	if (!S_ISREG(st->st_mode) || st->st_size > FILE_MAX_OCTETS) {
		errno = S_ISREG(st->st_mode) ? EFBIG : EINVAL;
		goto out;
	}
	if (read_text(t, fd, (size_t)st->st_size) < 0 || fstat(fd, &after) < 0)
		goto out;
	rc = same(st, &after) && t->len == (size_t)st->st_size && t->len > 0 &&
	     t->p[t->len - 1] == '\n';
out:
	close(fd);
	return rc;
}

/* Reads until two readings agree, where the first looks unfinished. */
static int read_settled(const char *path, struct text *t, struct stat *st)
{
	static const struct timespec pause = {0, SETTLE_MS * 1000000L};
	struct stat before = {0};

	for (int tries = 0; tries < SETTLE_TRIES; tries++) {
		int rc = read_once(path, t, st);

		if (rc > 0 || (rc == 0 && same(&before, st) && t->len == (size_t)st->st_size))
			return 0;
		text_free(t);
		if (rc < 0)
			return -1;
		before = *st;
		nanosleep(&pause, NULL);
	}
	errno = EAGAIN;
	return -1;
}

static int trouble(struct file *f)
{
	int e = errno;

	drop(f);
	if (e != f->complained)
		f->host->log(f->host->c, LOG_ERR, "%s: expected a readable file of users: %s",
			f->path, strerror(e));
	f->complained = e;
	return RESTANTE_TEMP;
}

/* Takes the text; a text that is what it was leaves the table alone, and is not complained of
 * again. */
static int adopt(struct file *f, struct text *t)
{
	if (f->loaded && t->len == f->text.len && memcmp(t->p, f->text.p, t->len) == 0) {
		text_free(t);
		return 0;
	}
	drop(f);
	f->text = *t;
	return build(f);
}

static int load(struct file *f)
{
	int64_t began = now_ns(), changed;
	struct text t = {NULL, 0};

	if (read_settled(f->path, &t, &f->seen) < 0 || adopt(f, &t) < 0)
		return trouble(f);
	if (f->seen.st_mode & S_IWOTH)
		f->host->log(f->host->c, LOG_WARNING,
			"%s: everybody may write to it: expected mode 0640", f->path);
	changed = stamp(f->seen.st_mtim) > stamp(f->seen.st_ctim) ? stamp(f->seen.st_mtim)
								  : stamp(f->seen.st_ctim);
	f->again = changed + SLOP_NS > began ? changed + SLOP_NS : 0;
	f->loaded = true;
	f->complained = 0;
	return RESTANTE_OK;
}

int file_refresh(struct file *f)
{
	struct stat st;

	if (!f->loaded)
		return load(f);
	if (stat(f->path, &st) < 0)
		return trouble(f);
	if (!same(&st, &f->seen) || (f->again && now_ns() >= f->again))
		return load(f);
	return RESTANTE_OK;
}
