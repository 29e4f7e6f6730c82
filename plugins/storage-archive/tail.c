/* tail.c - where the last segment ends.
 *
 * Before a member is appended the segment must end with a whole one, or a crash would leave half a
 * message in front of the next. To walk the segment for each delivery would take too long, so the
 * file of the append lock says how far the segment was whole when the last one was done. It is a
 * hint that is not synced: if it does not fit, the octets behind it (or all) are walked, and the
 * last member is inflated, for after a power failure its header may be on disk and its end not.
 *
 * Octets that follow the place in the hint are one delivery that nobody was told had succeeded:
 * they are cut. Where there is no such certainty they go to the file "damaged" before. That a
 * member does end at that place is made sure of: somebody may have put other octets into the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "archive.h"

struct hint {
	uint64_t magic, number, ino, last, end, sum;
};

/* "archtail" */
static const uint64_t hint_magic = UINT64_C(0x617263687461696c);

static uint64_t hint_sum(const struct hint *h)
{
	return archive_sum(0, h, offsetof(struct hint, sum));
}

/* What the file says; end 0 = nothing of use. */
static void hint_read(struct archive *ar, struct hint *h)
{
	int fd = openat(ar->root, APPEND_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || archive_read(fd, h, sizeof(*h), 0) != sizeof(*h) || h->magic != hint_magic ||
		h->sum != hint_sum(h))
		*h = (struct hint){0};
	if (fd >= 0)
		close(fd);
}

void archive_tail_write(struct archive *ar, const struct tail *t)
{
	struct hint h = {.magic = hint_magic,
		.number = t->number,
		.ino = t->ino,
		.last = t->last,
		.end = t->end};

	h.sum = hint_sum(&h);
	if (archive_write(ar->append, &h, sizeof(h), 0))
		archive_failed(ar, "write", APPEND_FILE);
}

bool archive_tail_known(struct archive *ar, const struct segments *l)
{
	const struct index_segment *last = l->n ? &l->segment[l->n - 1] : NULL;
	struct hint h;

	if (!last)
		return true;
	hint_read(ar, &h);
	return h.number == last->number && h.ino == last->ino && h.end == last->size;
}

int archive_aside(struct archive *ar, int fd, uint32_t number, uint64_t off, uint64_t len)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int to = openat(ar->root, DAMAGED_FILE, flags, 0600), bad = RESTANTE_OK;
	char name[SEGMENT_NAME];
	struct stat st;

	if (to < 0)
		return archive_failed(ar, "write", DAMAGED_FILE);
	archive_segment_name(number, name);
	if (fstat(to, &st) || archive_copy(fd, off, to, (uint64_t)st.st_size, len) || fsync(to))
		bad = archive_failed(ar, "write", DAMAGED_FILE);
	else
		ar->host->log(ar->host->c, LOG_WARNING,
			"%s/%s: %" PRIu64 " damaged octets from %" PRIu64
			" on are now in %s, at %jd",
			ar->path, name, len, off, DAMAGED_FILE, (intmax_t)st.st_size);
	close(to);
	return bad ? bad : archive_sync(ar);
}

/* Does a member of this segment end where the hint says? */
static bool hint_fits(const struct hint *h, int fd, const struct tail *t, uint64_t size)
{
	uint8_t head[MEMBER_HEAD];
	struct member m;
	int64_t got;

	if (h->number != t->number || h->ino != t->ino || h->end > size)
		return false;
	if (h->end == size)
		return true;
	got = archive_read(fd, head, sizeof(head), h->last);
	return got > 0 && archive_member_parse(head, (size_t)got, &m) && h->last + m.len == h->end;
}

/* Finds out where the whole members end, if not at the end of the file. */
static int find_end(struct archive *ar, int fd, uint64_t from, uint64_t size, struct tail *t)
{
	struct member last = {0};
	enum walked found;
	const char *why;
	uint64_t before = t->last;
	struct walk w;
	int bad;

	if (archive_walk_begin(&w, fd, from, size))
		return archive_failed(ar, "read", "");
	while ((found = archive_walk(&w)) == WALK_MEMBER || found == WALK_DAMAGE) {
		if (found == WALK_DAMAGE && w.at == size)
			t->end = w.off;
		if (found == WALK_DAMAGE)
			continue;
		before = t->last;
		t->last = w.off;
		last = w.member;
	}
	archive_walk_end(&w);
	if (found == WALK_FAILED)
		return archive_failed(ar, "read", "");
	if (t->end < size || !last.len)
		return RESTANTE_OK;
	bad = archive_verify(ar, fd, t->last, &last, &why);
	if (bad != RESTANTE_PERM)
		return bad;
	t->end = t->last;
	t->last = before;
	return RESTANTE_OK;
}

static int cut(struct archive *ar, int fd, const struct tail *t, uint64_t size, bool certain)
{
	char name[SEGMENT_NAME];
	int bad = certain ? RESTANTE_OK : archive_aside(ar, fd, t->number, t->end, size - t->end);

	archive_segment_name(t->number, name);
	if (bad)
		return bad;
	if (ftruncate(fd, (off_t)t->end) || fsync(fd))
		return archive_failed(ar, "cut", name);
	if (certain)
		ar->host->log(ar->host->c, LOG_NOTICE,
			"%s/%s: cut %" PRIu64 " octets of a delivery that did not end", ar->path,
			name, size - t->end);
	return RESTANTE_OK;
}

/* Looks at what the hint does not know. */
static int settle(struct archive *ar, int fd, const struct hint *h, struct tail *t)
{
	uint64_t from = 0, size;
	struct stat st;
	bool fits;
	int bad;

	if (fstat(fd, &st))
		return archive_failed(ar, "read", "");
	t->ino = st.st_ino;
	t->end = size = (uint64_t)st.st_size;
	fits = hint_fits(h, fd, t, size);
	if (fits) {
		from = h->end;
		t->last = h->last;
	}
	if (fits && from == size)
		return RESTANTE_OK;
	bad = find_end(ar, fd, from, size, t);
	if (!bad && t->end < size)
		bad = cut(ar, fd, t, size, fits && t->end == from);
	if (!bad && t->end)
		archive_tail_write(ar, t);
	return bad;
}

/* The last segment there is; number 0 = none. */
static int last_segment(struct archive *ar, struct tail *t)
{
	struct segments l = {0};
	int bad = archive_segments(ar, &l);

	*t = (struct tail){.number = l.n ? l.segment[l.n - 1].number : 0};
	archive_segments_free(&l);
	return bad;
}

int archive_settle(struct archive *ar, struct tail *t)
{
	char name[SEGMENT_NAME];
	struct hint h;
	int fd, bad;

	do {
		bad = last_segment(ar, t);
		if (bad || !t->number)
			return bad;
		hint_read(ar, &h);
		fd = archive_segment_open(ar, t->number, O_RDWR);
		archive_segment_name(t->number, name);
		if (fd < 0)
			return archive_failed(ar, "open", name);
		bad = settle(ar, fd, &h, t);
		close(fd);
		if (!bad && !t->end && unlinkat(ar->root, name, 0)) /* gzip wants no empty file */
			bad = archive_failed(ar, "remove", name);
	} while (!bad && !t->end);
	return bad;
}
