/* replay.c - the change that a journal holds: made, completed or undone.
 *
 * A MOVE replaces the part of the file behind some place by a shorter one:
 *
 *	1. the text is written to its place, and a mark behind it where the file will end; synced
 *	2. the journal notes that; synced
 *	3. the file is cut off at the mark; synced; the journal is removed
 *
 * Until 2 each step can be done again, since the text is in the journal. Behind 2 the mark says
 * whether the file was cut: no mail begins with a NUL, so what an MTA may have appended to a file
 * that was cut is not taken for the mark. What it appended to one that was not cut yet goes first
 * into a new journal, behind the text of the old one.
 *
 * An APPEND is undone: its sender was told nothing, and will try again. What an MTA has appended
 * behind a part of it is moved to the part's place. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "journal.h"
#include "mbox.h"

enum { TRIES = 5, COMPARE = 64 * 1024, AGAIN = 1 /* no enum restante_result */ };

static const char mark[JOURNAL_MARK_LEN] = "\0the file ends";

struct replay {
	struct mbox *mb;
	struct journal_head h;
	int fd;        /* of the journal */
	uint64_t size; /* of the mbox, now */
};

static size_t mark_len(const struct journal_head *h)
{
	uint64_t room = h->size - h->at - h->len;

	return room < sizeof(mark) ? (size_t)room : sizeof(mark);
}

static int failed_unless_lost(struct mbox *mb, const char *what)
{
	return errno ? mbox_failed_full(mb, what, NULL) : RESTANTE_TEMP;
}

static int cut(struct replay *r, uint64_t size)
{
	if (ftruncate(r->mb->fd, (off_t)size) || fsync(r->mb->fd))
		return mbox_failed(r->mb, "cut off", NULL);
	journal_remove(r->mb); /* if that fails, there is nothing to do for the next who finds it */
	return RESTANTE_OK;
}

/* --- MOVE --- */

static int move(struct replay *r)
{
	struct mbox *mb = r->mb;
	const struct journal_head *h = &r->h;
	uint64_t end = h->at + h->len;
	struct stat st;
	int bad;

	if (copy_octets(mb, r->fd, journal_text(&r->h), mb->fd, h->at, h->len))
		return failed_unless_lost(mb, "write");
	if (pwrite(mb->fd, mark, mark_len(h), (off_t)end) != (ssize_t)mark_len(h))
		return mbox_failed(mb, "write", NULL);
	if (fsync(mb->fd) || fstat(mb->fd, &st))
		return mbox_failed(mb, "sync", NULL);
	bad = journal_set_copied(mb, r->fd, h);
	if (bad)
		return bad;
	/* Somebody wrote without a lock? */
	return (uint64_t)st.st_size == h->size ? cut(r, end) : AGAIN;
}

/* A journal for what is left to do when others appended to the file: text, then what they appended.
 */
static int absorb(struct replay *r)
{
	struct mbox *mb = r->mb;
	const struct journal_head *h = &r->h;
	struct draft d;
	int bad = draft_begin(mb, &d);

	if (bad)
		return bad;
	bad = draft_copy(mb, &d, r->fd, journal_text(&r->h), h->len);
	if (!bad)
		bad = draft_copy(mb, &d, mb->fd, h->size, r->size - h->size);
	if (bad)
		draft_drop(mb, &d);
	else
		bad = draft_name(mb, &d, JOURNAL_MOVE, h->at, r->size, 0);
	return bad ? bad : AGAIN;
}

static int resume_move(struct replay *r)
{
	struct mbox *mb = r->mb;
	const struct journal_head *h = &r->h;
	char there[sizeof(mark)];
	uint64_t before, behind;
	int64_t got = mbox_read(mb->fd, there, mark_len(h), h->at + h->len);

	if (got < 0)
		return mbox_failed(mb, "read", NULL);
	if (h->copied == h->sum &&
		(got < (int64_t)mark_len(h) || memcmp(there, mark, (size_t)got) != 0)) {
		journal_remove(mb);
		return RESTANTE_OK;
	}
	if (r->size < h->size)
		return journal_set_aside(mb, "another program made the file shorter");
	if (journal_witness(mb->fd, h, &before, &behind))
		return mbox_failed(mb, "read", NULL);
	if (before != h->before || behind != h->behind)
		return journal_set_aside(mb, "another program changed the file");
	return r->size > h->size ? absorb(r) : move(r);
}

/* --- APPEND --- */

/* How many octets of the text are in the file, from where it should begin. -1 = cannot read. */
static int64_t common(const struct replay *r)
{
	char *ours = malloc(2 * COMPARE), *there = ours ? ours + COMPARE : NULL;
	uint64_t len = r->h.len, n = 0;
	bool differs = false;
	int64_t a = 0, b = 0;

	errno = ENOMEM;
	if (len > r->size - r->h.at)
		len = r->size - r->h.at;
	while (ours && n < len && !differs) {
		size_t part = len - n < COMPARE ? (size_t)(len - n) : COMPARE, same = 0;

		a = mbox_read(r->fd, ours, part, journal_text(&r->h) + n);
		b = mbox_read(r->mb->fd, there, part, r->h.at + n);
		if (a < 0 || b < 0)
			break;
		while (same < (size_t)a && same < (size_t)b && ours[same] == there[same])
			same++;
		n += same;
		differs = same < part;
	}
	free(ours);
	return !ours || a < 0 || b < 0 ? -1 : (int64_t)n;
}

/* Where the mail of others begins: the last From_ line at or before the n octets that look like
 * ours, for theirs may begin like our next ones; or behind the blank line that some write first. -1
 * = there is none, or it cannot be read. */
static int64_t others_from(const struct replay *r, uint64_t n)
{
	char window[2 * FROM_MAX];
	uint64_t start = n > FROM_MAX - 2 ? n - (FROM_MAX - 2) : 0;
	int64_t got = mbox_read(r->mb->fd, window, sizeof(window), r->h.at + start);
	int64_t i = (int64_t)(n - start);

	while (i < got && i < (int64_t)(n - start) + 2 && (window[i] == '\r' || window[i] == '\n'))
		i++;
	for (; got >= 0 && i >= 0; i--)
		if (i < got && window[i] == 'F' && from_line(window + i, (size_t)(got - i), NULL))
			return (int64_t)start + i;
	return -1;
}

/* Lost writes of a crash of the machine: NULs as far as the text would have reached. */
static bool only_nuls(const struct replay *r, uint64_t from)
{
	char buffer[4096];

	if (r->size > r->h.at + r->h.len)
		return false;
	while (from < r->size) {
		int64_t got = mbox_read(r->mb->fd, buffer, sizeof(buffer), from);

		if (got <= 0)
			return false;
		for (int64_t i = 0; i < got; i++)
			if (buffer[i])
				return false;
		from += (uint64_t)got;
	}
	return true;
}

/* Moves what others appended, from octet n of where ours should be, to our beginning, but behind
 * the line ends that complete the mail before. */
static int close_gap(struct replay *r, uint64_t n)
{
	struct mbox *mb = r->mb;
	uint64_t keep = 0;
	struct draft d;
	char ends[2];
	int bad;

	if (mbox_read(r->fd, ends, sizeof(ends), journal_text(&r->h)) != sizeof(ends))
		return mbox_failed(mb, "read", JOURNAL_FILE);
	while (keep < sizeof(ends) && keep < n && ends[keep] == '\n')
		keep++;
	if (keep == n)
		return journal_remove(mb);
	bad = draft_begin(mb, &d);
	if (bad)
		return bad;
	bad = draft_copy(mb, &d, mb->fd, r->h.at + n, r->size - r->h.at - n);
	if (bad)
		draft_drop(mb, &d);
	else
		bad = draft_name(mb, &d, JOURNAL_MOVE, r->h.at + keep, r->size, 0);
	return bad ? bad : AGAIN;
}

/* whole: is it good to find all of it? */
static int undo_append(struct replay *r, bool whole)
{
	struct mbox *mb = r->mb;
	int64_t ours, theirs;

	if (r->size <= r->h.at)
		return journal_remove(mb);
	ours = common(r);
	if (ours < 0)
		return mbox_failed(mb, "read", NULL);
	if (ours == 0 || (whole && (uint64_t)ours == r->h.len))
		return journal_remove(mb);
	if (r->h.at + (uint64_t)ours == r->size || only_nuls(r, r->h.at + (uint64_t)ours))
		return cut(r, r->h.at);
	theirs = others_from(r, (uint64_t)ours);
	if (theirs < 0)
		return journal_set_aside(mb, "another program changed the file");
	return close_gap(r, (uint64_t)theirs);
}

static int append(struct replay *r)
{
	struct mbox *mb = r->mb;
	const struct journal_head *h = &r->h;
	struct stat st;
	int bad = RESTANTE_OK;

	if (copy_octets(mb, r->fd, journal_text(&r->h), mb->fd, h->at, h->len))
		bad = failed_unless_lost(mb, "write");
	else if (fsync(mb->fd))
		bad = mbox_failed_full(mb, "sync", NULL);
	if (!bad) {
		journal_remove(mb);
		return RESTANTE_OK;
	}
	if (mbox_keep_lock(mb) == RESTANTE_OK && fstat(mb->fd, &st) == 0) {
		r->size = (uint64_t)st.st_size;
		if (undo_append(r, false) == AGAIN)
			journal_recover(mb);
	}
	return bad;
}

/* --- both --- */

static int replay(struct replay *r, bool first)
{
	struct mbox *mb = r->mb;
	struct stat st;

	if (mb->fd >= 0 && fstat(mb->fd, &st))
		return mbox_failed(mb, "read", NULL);
	if (mb->fd < 0 || st.st_ino != r->h.ino)
		return r->h.kind == JOURNAL_APPEND ? journal_remove(mb)
						   : journal_set_aside(mb, "the file was replaced");
	if (!mb->writable) {
		errno = EACCES;
		return mbox_failed(mb, "complete a change of", NULL);
	}
	r->size = (uint64_t)st.st_size;
	if (r->h.kind == JOURNAL_MOVE)
		return resume_move(r);
	return first ? append(r) : undo_append(r, true);
}

static int replay_all(struct mbox *mb, bool first)
{
	int bad = AGAIN;

	for (int tries = 0; tries < TRIES && bad == AGAIN; tries++, first = false) {
		struct replay r = {.mb = mb};

		bad = journal_open(mb, &r.h, &r.fd);
		if (bad)
			return bad;
		bad = replay(&r, first);
		close(r.fd);
	}
	return bad == AGAIN ? RESTANTE_TEMP : bad;
}

int journal_apply(struct mbox *mb)
{
	return replay_all(mb, true);
}

int journal_recover(struct mbox *mb)
{
	int bad = replay_all(mb, false);

	return bad == RESTANTE_NONE ? RESTANTE_OK : bad;
}
