/* deliver.c - new messages, appended to the file.
 *
 * A message arrives in a draft in the state folder, already in the form that it will have in the
 * mbox; so the file is not locked while a sender is slow. At the end the draft becomes a journal
 * and is appended under lock. What a crash or a full disk leaves of it is undone, by the next who
 * comes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "mbox.h"

enum { SENDER_LEN = 255, ENDS = 2 };

/* Where in a line the message is, as far as quoting needs to know: in its middle, or so many octets
 * of "From " behind its beginning, which are not in the draft yet. */
enum place { IN_LINE = -1, LINE_START = 0 };

static const char from[] = "From ";
enum { FROM_LEN = sizeof(from) - 1 };

struct put {
	struct mbox *mb;
	struct draft draft;
	char uid[UID_LEN + 2]; /* to be kept; too long, if it is; "" = none */
	int place;
	char last; /* octet of the message; 0 = there is none */
};

/* An address that stays one word. */
static void sender_word(const char *sender, char word[SENDER_LEN + 1])
{
	size_t n = 0;

	for (; n < SENDER_LEN && sender[n]; n++)
		word[n] = (unsigned char)sender[n] <= ' ' || sender[n] == 0x7f ? '_' : sender[n];
	word[n] = '\0';
	if (!n)
		memcpy(word, "MAILER-DAEMON", sizeof("MAILER-DAEMON"));
}

/* The line ends that may have to come first, of which the journal skips what it does not need; and
 * the From_ line. RFC 4155: its time is UTC. */
static int put_from(struct put *put, const struct restante_put *what)
{
	char word[SENDER_LEN + 1], date[64], line[SENDER_LEN + 80];
	time_t when = what->received != 0 ? (time_t)what->received : time(NULL);
	struct tm tm;
	int n;

	sender_word(what->sender, word);
	gmtime_r(&when, &tm);
	asctime_r(&tm, date);
	n = snprintf(line, sizeof(line), "\n\nFrom %s %s", word, date);
	return draft_add(put->mb, &put->draft, line, (size_t)n);
}

int mbox_put_begin(void *st, const struct restante_put *what, void **out)
{
	struct mbox *mb = st;
	struct put *put = calloc(1, sizeof(*put));
	int bad;

	if (!put)
		return mbox_failed(mb, "write", NULL);
	put->mb = mb;
	put->place = LINE_START;
	if (what->uid)
		snprintf(put->uid, sizeof(put->uid), "%s", what->uid);
	bad = draft_begin(mb, &put->draft);
	if (!bad) {
		bad = put_from(put, what);
		if (bad)
			draft_drop(mb, &put->draft);
	}
	if (bad)
		free(put);
	else
		*out = put;
	return bad;
}

static int add(struct put *put, const char *p, size_t n)
{
	if (n)
		put->last = p[n - 1];
	return draft_add(put->mb, &put->draft, p, n);
}

/* At the beginning of a line: takes one octet, or none if it does not belong to what is quoted. */
static int put_start(struct put *put, char octet, size_t *taken)
{
	int bad = RESTANTE_OK;

	*taken = 1;
	if (octet == '>' && put->place == LINE_START && put->mb->quoting == QUOTING_MBOXRD)
		return add(put, ">", 1);
	if (octet == from[put->place]) {
		if (++put->place < FROM_LEN)
			return RESTANTE_OK;
		bad = add(put, ">From ", FROM_LEN + 1);
	} else {
		*taken = 0;
		bad = add(put, from, (size_t)put->place);
	}
	put->place = IN_LINE;
	return bad;
}

int mbox_put_data(void *p, const void *data, size_t n)
{
	struct put *put = p;
	const char *at = data;

	for (size_t taken; n; at += taken, n -= taken) {
		int bad;

		if (put->place == IN_LINE) {
			const char *end = memchr(at, '\n', n);

			taken = end ? (size_t)(end - at) + 1 : n;
			put->place = end ? LINE_START : IN_LINE;
			bad = add(put, at, taken);
		} else {
			bad = put_start(put, *at, &taken);
		}
		if (bad)
			return bad;
	}
	return RESTANTE_OK;
}

/* Completes the last line, as the client would see it anyway, and adds the blank line. */
static int put_ends(struct put *put)
{
	int bad = put->place > LINE_START ? add(put, from, (size_t)put->place) : RESTANTE_OK;

	if (!bad && put->last == '\r') /* else it would become part of the line's end */
		bad = add(put, "\r\n", 2);
	else if (!bad && put->last && put->last != '\n')
		bad = add(put, "\n", 1);
	return bad ? bad : add(put, "\n", 1);
}

/* Makes the file, as MTAs do: where the folder gives it a group of its own, that may write too. */
static int make_file(struct mbox *mb)
{
	int fd = open(mb->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 && errno != EEXIST)
		return mbox_failed_full(mb, "make", NULL);
	if (fd < 0)
		return RESTANTE_OK;
	if (fstat(fd, &st) == 0 && st.st_gid != mb->gid)
		fchmod(fd, 0660);
	close(fd);
	return mbox_folder_sync(mb);
}

/* Locks the file; there is one then. */
static int lock_file(struct mbox *mb)
{
	int bad = mbox_lock(mb);

	if (!bad && mb->fd < 0) {
		bad = make_file(mb);
		mbox_unlock(mb);
		if (!bad)
			bad = mbox_lock(mb);
	}
	return bad;
}

/* Who may write to the folder could make the path lead anywhere. */
static int check_file(struct mbox *mb)
{
	struct stat there, here;

	if (mb->fd < 0 || lstat(mb->path, &there) || fstat(mb->fd, &here))
		return mbox_failed(mb, "open", NULL);
	if (!S_ISREG(there.st_mode) || there.st_ino != here.st_ino || there.st_dev != here.st_dev) {
		mb->host->log(
			mb->host->c, LOG_ERR, "%s: expected a file, not a symbolic link", mb->path);
		return RESTANTE_PERM;
	}
	errno = EACCES;
	return mb->writable ? RESTANTE_OK : mbox_failed(mb, "write to", NULL);
}

/* How many of the two line ends are there: what the file ends with must be a whole line, and a
 * blank one. */
static int ends_there(struct mbox *mb, uint64_t size, uint64_t *there)
{
	char end[3];
	size_t n = size < sizeof(end) ? (size_t)size : sizeof(end);

	if (mbox_read(mb->fd, end, n, size - n) != (int64_t)n)
		return mbox_failed(mb, "read", NULL);
	if (n && end[n - 1] != '\n')
		*there = 0;
	else if (n < 2 || end[n - 2] == '\n' || (end[n - 2] == '\r' && n == 3 && end[0] == '\n'))
		*there = ENDS;
	else
		*there = 1;
	return RESTANTE_OK;
}

/* Takes the draft. */
static int append(struct put *put)
{
	struct mbox *mb = put->mb;
	uint64_t there = 0;
	struct stat st;
	int bad = journal_recover(mb);

	if (!bad)
		bad = check_file(mb);
	if (!bad && fstat(mb->fd, &st))
		bad = mbox_failed(mb, "read", NULL);
	if (!bad)
		bad = ends_there(mb, (uint64_t)st.st_size, &there);
	if (!bad)
		bad = keep_uid(mb, &put->draft, ENDS, put->uid);
	if (bad) {
		draft_drop(mb, &put->draft);
		return bad;
	}
	bad = draft_name(
		mb, &put->draft, JOURNAL_APPEND, (uint64_t)st.st_size, (uint64_t)st.st_size, there);
	if (bad) /* nothing was done yet, and nothing shall be */
		journal_remove(mb);
	else
		bad = journal_apply(mb);
	if (bad)
		keep_undo(mb);
	else
		keep_done(mb);
	return bad;
}

int mbox_put_end(void *p, int commit)
{
	struct put *put = p;
	struct mbox *mb = put->mb;
	int bad = commit ? put_ends(put) : RESTANTE_OK;

	if (commit && !bad)
		bad = lock_file(mb);
	if (!commit || bad)
		draft_drop(mb, &put->draft);
	else
		bad = append(put);
	mbox_unlock(mb);
	free(put);
	return bad;
}
