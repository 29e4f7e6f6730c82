/* journal.c - the file that holds a change until it is made.
 *
 * It is written under a name of its own, synced, and renamed: a crash leaves no half of it, and its
 * checksums notice what the disk did to it later. Device numbers change from boot to boot,
 * therefore the mbox is recognised by its inode and by octets that the change leaves alone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "mbox.h"

#define MAGIC UINT64_C(0x316c6e6a786f626d) /* "mboxjnl1" on most machines */
#define DRAFT_START "mbox.draft."
#define ASIDE_START JOURNAL_FILE ".bad."

enum { WITNESSES = 4096, STALE_SECONDS = 36 * 60 * 60 };

static uint64_t head_sum(const struct journal_head *h)
{
	return mbox_index_sum(MAGIC, h, offsetof(struct journal_head, sum));
}

bool journal_head_good(const struct journal_head *h, uint64_t file_len)
{
	const uint64_t limit = INT64_MAX / 4;

	if (h->magic != MAGIC || h->sum != head_sum(h) || h->len > limit || h->skip > limit ||
		h->at > limit || h->size > limit)
		return false;
	if (file_len != journal_text(h) + h->len || h->len == 0)
		return false;
	return h->kind == JOURNAL_MOVE ? h->at + h->len < h->size
				       : h->kind == JOURNAL_APPEND && h->at == h->size;
}

void journal_head_seal(struct journal_head *h)
{
	h->magic = MAGIC;
	h->sum = head_sum(h);
	h->copied = 0;
}

static int sum_of(int fd, uint64_t from, uint64_t to, uint64_t *sum)
{
	char buffer[WITNESSES];
	int64_t got = mbox_read(fd, buffer, (size_t)(to - from), from);

	*sum = got < 0 ? 0 : mbox_index_sum(to - from, buffer, (size_t)got);
	return got < 0 ? -1 : 0;
}

int journal_witness(int fd, const struct journal_head *h, uint64_t *before, uint64_t *behind)
{
	uint64_t start = h->at > WITNESSES ? h->at - WITNESSES : 0;
	uint64_t untouched = h->at + h->len + JOURNAL_MARK_LEN, last = h->size;

	if (untouched < last && last - untouched > WITNESSES)
		untouched = last - WITNESSES;
	if (untouched > last)
		untouched = last;
	return sum_of(fd, start, h->at, before) || sum_of(fd, untouched, last, behind) ? -1 : 0;
}

/* --- a draft --- */

int draft_begin(struct mbox *mb, struct draft *d)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int bad = RESTANTE_OK;

	*d = (struct draft){.buffer = malloc(JOURNAL_CHUNK), .fd = -1};
	if (!d->buffer) {
		errno = ENOMEM;
		return mbox_failed(mb, "write", JOURNAL_FILE);
	}
	for (unsigned int n = 0; d->fd < 0 && (n == 0 || errno == EEXIST) && n < 1000; n++) {
		snprintf(d->name, sizeof(d->name), DRAFT_START "%ld.%u", (long)getpid(), n);
		d->fd = openat(mb->state, d->name, flags, 0600);
	}
	if (d->fd < 0 || lseek(d->fd, JOURNAL_TEXT, SEEK_SET) != JOURNAL_TEXT)
		bad = mbox_failed_full(mb, "write", d->name);
	if (bad)
		draft_drop(mb, d);
	return bad;
}

int draft_flush(struct mbox *mb, struct draft *d)
{
	if (!d->fill)
		return RESTANTE_OK;
	if (mbox_write(d->fd, d->buffer, d->fill))
		return mbox_failed_full(mb, "write", d->name);
	d->sum = mbox_index_sum(d->sum, d->buffer, d->fill);
	d->fill = 0;
	return mbox_keep_lock(mb);
}

int draft_add(struct mbox *mb, struct draft *d, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		size_t part = JOURNAL_CHUNK - d->fill;

		if (part > n)
			part = n;
		memcpy(d->buffer + d->fill, at, part);
		d->fill += part;
		d->len += part;
		at += part;
		n -= part;
		if (d->fill == JOURNAL_CHUNK) {
			int bad = draft_flush(mb, d);

			if (bad)
				return bad;
		}
	}
	return RESTANTE_OK;
}

int draft_copy(struct mbox *mb, struct draft *d, int fd, uint64_t off, uint64_t n)
{
	while (n) {
		size_t part = JOURNAL_CHUNK - d->fill;
		int64_t got;
		int bad = RESTANTE_OK;

		if (part > n)
			part = (size_t)n;
		got = mbox_read(fd, d->buffer + d->fill, part, off);
		if (got >= 0 && got < (int64_t)part)
			errno = EIO;
		if (got < (int64_t)part)
			return mbox_failed(mb, "copy", NULL);
		d->fill += part;
		d->len += part;
		off += part;
		n -= part;
		if (d->fill == JOURNAL_CHUNK)
			bad = draft_flush(mb, d);
		if (bad)
			return bad;
	}
	return RESTANTE_OK;
}

static int seal(struct mbox *mb, struct draft *d, enum journal_kind kind, uint64_t at,
	uint64_t size, uint64_t skip)
{
	struct journal_head h = {.kind = kind,
		.at = at,
		.size = size,
		.len = d->len - skip,
		.skip = skip,
		.text_sum = d->sum};
	struct stat st;

	if (fstat(mb->fd, &st))
		return -1;
	h.ino = st.st_ino;
	if (journal_witness(mb->fd, &h, &h.before, &h.behind))
		return -1;
	journal_head_seal(&h);
	if (lseek(d->fd, 0, SEEK_SET) != 0 || mbox_write(d->fd, &h, sizeof(h)) || fsync(d->fd))
		return -1;
	return renameat(mb->state, d->name, mb->state, JOURNAL_FILE);
}

int draft_name(struct mbox *mb, struct draft *d, enum journal_kind kind, uint64_t at, uint64_t size,
	uint64_t skip)
{
	int bad = draft_flush(mb, d);

	if (!bad && seal(mb, d, kind, at, size, skip))
		bad = mbox_failed_full(mb, "write", d->name);
	if (bad) {
		draft_drop(mb, d);
		return bad;
	}
	close(d->fd);
	free(d->buffer);
	return state_sync(mb);
}

void draft_drop(struct mbox *mb, struct draft *d)
{
	if (d->fd >= 0) {
		unlinkat(mb->state, d->name, 0);
		close(d->fd);
	}
	free(d->buffer);
}

void draft_clean(struct mbox *mb)
{
	int fd = openat(mb->state, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	time_t now = time(NULL);
	struct dirent *e;
	struct stat st;

	if (!d) {
		mbox_failed(mb, "open", "");
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d)))
		if (strncmp(e->d_name, DRAFT_START, strlen(DRAFT_START)) == 0 &&
			fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			now - st.st_mtim.tv_sec > STALE_SECONDS)
			unlinkat(fd, e->d_name, 0);
	closedir(d);
}

/* --- the journal --- */

bool journal_left(struct mbox *mb)
{
	struct stat st;

	return fstatat(mb->state, JOURNAL_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The sum of the text. -1 = cannot read. */
static int text_sum(int fd, uint64_t len, uint64_t *sum)
{
	char *buffer = malloc(JOURNAL_CHUNK);
	uint64_t off = JOURNAL_TEXT;
	int64_t got = buffer ? 0 : -1;

	for (*sum = 0; len && got >= 0; len -= (uint64_t)got, off += (uint64_t)got) {
		got = mbox_read(fd, buffer, len < JOURNAL_CHUNK ? (size_t)len : JOURNAL_CHUNK, off);
		if (got > 0)
			*sum = mbox_index_sum(*sum, buffer, (size_t)got);
		else
			got = -1;
	}
	free(buffer);
	return got < 0 ? -1 : 0;
}

static int read_journal(struct mbox *mb, struct journal_head *h, int fd)
{
	int64_t got = mbox_read(fd, h, sizeof(*h), 0);
	struct stat st;
	uint64_t sum;

	if (got < 0 || fstat(fd, &st))
		return mbox_failed(mb, "read", JOURNAL_FILE);
	if (got != sizeof(*h) || !journal_head_good(h, (uint64_t)st.st_size))
		return RESTANTE_NONE;
	if (text_sum(fd, h->skip + h->len, &sum))
		return mbox_failed(mb, "read", JOURNAL_FILE);
	return sum == h->text_sum ? RESTANTE_OK : RESTANTE_NONE;
}

int journal_open(struct mbox *mb, struct journal_head *h, int *fd)
{
	int bad;

	*fd = openat(mb->state, JOURNAL_FILE, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT ? RESTANTE_NONE : mbox_failed(mb, "open", JOURNAL_FILE);
	bad = read_journal(mb, h, *fd);
	if (!bad)
		return bad;
	close(*fd);
	if (bad != RESTANTE_NONE)
		return bad;
	bad = journal_set_aside(mb, "it is damaged or of another version");
	return bad ? bad : RESTANTE_NONE;
}

int journal_set_copied(struct mbox *mb, int fd, const struct journal_head *h)
{
	if (lseek(fd, offsetof(struct journal_head, copied), SEEK_SET) < 0 ||
		mbox_write(fd, &h->sum, sizeof(h->sum)) || fdatasync(fd))
		return mbox_failed(mb, "write", JOURNAL_FILE);
	return RESTANTE_OK;
}

int journal_set_aside(struct mbox *mb, const char *why)
{
	char name[sizeof(ASIDE_START) + 24];

	snprintf(name, sizeof(name), ASIDE_START "%jd", (intmax_t)time(NULL));
	if (renameat(mb->state, JOURNAL_FILE, mb->state, name))
		return mbox_failed(mb, "rename", JOURNAL_FILE);
	mb->host->log(mb->host->c, LOG_ERR,
		"%s: a change was interrupted and cannot be completed: %s; mail may "
		"be damaged at its place, what should have been there is in %s/%s",
		mb->path, why, mb->state_path, name);
	return state_sync(mb);
}

int journal_remove(struct mbox *mb)
{
	if (unlinkat(mb->state, JOURNAL_FILE, 0) && errno != ENOENT)
		return mbox_failed(mb, "remove", JOURNAL_FILE);
	return RESTANTE_OK;
}
