/* deliver.c - new messages, appended to the last segment.
 *
 * A message is quoted and deflated while it comes in, into memory and, where it is large, into a
 * file without a name. So nobody waits while a sender is slow: the append lock is held for one
 * write and one fsync. What fails in between is cut again, at once or by the next who comes
 * (tail.c). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "archive.h"
#include "quote.h"

enum {
	SENDER_LEN = 255,
	PLAIN_SIZE = 32 * 1024, /* what waits to be deflated */
	MADE_SIZE = 512 * 1024, /* what is deflated and still in memory */
	UID_RANDOM = 12,        /* octets of time and chance in a UIDL of our own */
	RAW = -15,
	MEM_LEVEL = 9
};

struct put {
	struct archive *ar;
	struct member m;
	char wanted[UID_LEN + 1]; /* the UIDL that the message brings, or "" */
	struct quote quote;
	uint32_t state; /* of measure() */
	char last;      /* octet of the message; 0 = there is none */
	uint32_t crc;
	z_stream z;
	int spill;        /* a file for what does not fit into made[], or -1 */
	uint64_t spilled; /* octets in it */
	size_t plains, mades;
	char plain[PLAIN_SIZE];
	/* Room for a header, then what was deflated, then room for the trailer. */
	uint8_t made[MEMBER_HEAD + MADE_SIZE + MEMBER_TRAILER];
};

/* --- what comes in --- */

/* Empties made[] into the file. */
static int spill(struct put *put)
{
	struct archive *ar = put->ar;

	if (put->spill < 0) {
		char name[TMP_NAME];

		put->spill = archive_tmp(ar, name);
		if (put->spill < 0)
			return archive_failed_full(ar, "write", TMP_FILE);
		unlinkat(ar->root, name, 0);
	}
	if (archive_write(put->spill, put->made + MEMBER_HEAD, put->mades, put->spilled))
		return archive_failed_full(ar, "write", TMP_FILE);
	put->spilled += put->mades;
	put->mades = 0;
	return RESTANTE_OK;
}

/* Deflates what waits; the last piece ends the stream. */
static int squeeze(struct put *put, int flush)
{
	int bad = RESTANTE_OK, z = Z_OK;

	put->crc = (uint32_t)crc32_z(put->crc, (const Bytef *)put->plain, put->plains);
	put->m.plain += put->plains;
	put->z.next_in = (Bytef *)put->plain;
	put->z.avail_in = (uInt)put->plains;
	put->plains = 0;
	do {
		put->z.next_out = put->made + MEMBER_HEAD + put->mades;
		put->z.avail_out = (uInt)(MADE_SIZE - put->mades);
		z = deflate(&put->z, flush);
		put->mades = MADE_SIZE - put->z.avail_out;
		if (put->mades == MADE_SIZE)
			bad = spill(put);
	} while (!bad && (put->z.avail_in || (flush == Z_FINISH && z == Z_OK)));
	return bad;
}

static int add(void *arg, const char *p, size_t n)
{
	struct put *put = arg;

	while (n) {
		size_t part = PLAIN_SIZE - put->plains;
		int bad;

		if (part > n)
			part = n;
		memcpy(put->plain + put->plains, p, part);
		put->plains += part;
		p += part;
		n -= part;
		bad = put->plains == PLAIN_SIZE ? squeeze(put, Z_NO_FLUSH) : RESTANTE_OK;
		if (bad)
			return bad;
	}
	return RESTANTE_OK;
}

/* The sender as one word, and the time: RFC 4155 says that it is UTC. */
static int put_from(struct put *put, const char *sender)
{
	char word[SENDER_LEN + 1], date[64], line[SENDER_LEN + 80];
	time_t when = (time_t)put->m.received;
	struct tm tm;
	size_t n = 0;
	int len;

	for (; n < SENDER_LEN && sender[n]; n++)
		word[n] = (unsigned char)sender[n] <= ' ' || sender[n] == 0x7f ? '_' : sender[n];
	word[n] = '\0';
	if (!gmtime_r(&when, &tm) || tm.tm_year < 0 || tm.tm_year > 9999 - 1900)
		gmtime_r(&(time_t){0}, &tm); /* the date is to have four digits of a year */
	asctime_r(&tm, date);
	len = snprintf(line, sizeof(line), "From %s %s", n ? word : "MAILER-DAEMON", date);
	put->m.from_len = (uint16_t)len;
	return add(put, line, (size_t)len);
}

static int deflate_begin(struct put *put, int level)
{
	if (put->z.state)
		return deflateReset(&put->z) == Z_OK ? 0 : -1;
	return deflateInit2(&put->z, level, Z_DEFLATED, RAW, MEM_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK
		       ? 0
		       : -1;
}

/* An earlier delivery's memory, or new one. NULL = no memory. */
static struct put *put_make(struct archive *ar)
{
	struct put *put = ar->spare ? ar->spare : malloc(sizeof(*put));
	z_stream z = {0};

	if (!put)
		return NULL;
	if (ar->spare)
		z = put->z;
	ar->spare = NULL;
	memset(put, 0, offsetof(struct put, plain));
	put->z = z;
	put->ar = ar;
	put->spill = -1;
	if (deflate_begin(put, (int)ar->host->num(ar->host->c, "level")) == 0)
		return put;
	archive_put_free(put);
	return NULL;
}

void archive_put_free(struct put *put)
{
	if (put->spill >= 0)
		close(put->spill);
	if (put->z.state)
		deflateEnd(&put->z);
	free(put);
}

int archive_put_begin(void *st, const struct restante_put *what, void **out)
{
	struct archive *ar = st;
	struct put *put = put_make(ar);
	int bad;

	if (!put) {
		errno = ENOMEM;
		return archive_failed(ar, "write", "");
	}
	put->m.received = what->received ? what->received : (int64_t)time(NULL);
	put->m.state = MEMBER_ALIVE;
	if (what->uid && archive_uid_legal(what->uid, strlen(what->uid)))
		memcpy(put->wanted, what->uid, strlen(what->uid));
	bad = put_from(put, what->sender);
	if (bad)
		archive_put_free(put);
	else
		*out = put;
	return bad;
}

int archive_put_data(void *p, const void *data, size_t n)
{
	struct put *put = p;
	const struct restante_host *host = put->ar->host;

	if (!n)
		return RESTANTE_OK;
	put->m.octets += (uint64_t)host->measure(host->c, data, n, &put->state);
	put->last = ((const char *)data)[n - 1];
	return archive_quote(&put->quote, data, n, add, put);
}

/* Completes the last line, adds the blank line, ends the stream. What was added is the tail. */
static int put_ends(struct put *put)
{
	const struct restante_host *host = put->ar->host;
	const char *tail = "\n";
	int bad = archive_quote_end(&put->quote, add, put);
	uint8_t *trailer;

	if (put->last == '\r') /* else it would become part of the line's end */
		tail = "\r\n\n";
	else if (put->last && put->last != '\n')
		tail = "\n\n";
	put->m.tail = (uint8_t)strlen(tail);
	put->m.octets += (uint64_t)host->measure(host->c, NULL, 0, &put->state);
	put->m.flags = put->quote.used ? MEMBER_QUOTED : 0;
	if (!bad)
		bad = add(put, tail, put->m.tail);
	if (!bad)
		bad = squeeze(put, Z_FINISH);
	if (bad)
		return bad;
	trailer = put->made + MEMBER_HEAD + put->mades;
	for (int i = 0; i < 4; i++) {
		trailer[i] = (uint8_t)(put->crc >> 8 * i);
		trailer[4 + i] = (uint8_t)(put->m.plain >> 8 * i);
	}
	put->mades += MEMBER_TRAILER;
	return RESTANTE_OK;
}

/* --- what goes out --- */

/* Time and chance, in 64 letters that a UIDL may have. */
static int make_uid(struct put *put)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-_";
	uint8_t octet[UID_RANDOM];
	char *out = put->m.uid;
	uint64_t now = (uint64_t)time(NULL);

	if (getrandom(octet, sizeof(octet), 0) != sizeof(octet))
		return archive_failed(put->ar, "make a UIDL in", "");
	for (int i = 0; i < 4; i++)
		octet[i] = (uint8_t)(now >> 8 * (3 - i));
	for (int i = 0; i < UID_RANDOM; i += 3) {
		uint32_t three =
			(uint32_t)octet[i] << 16 | (uint32_t)octet[i + 1] << 8 | octet[i + 2];

		for (int shift = 18; shift >= 0; shift -= 6)
			*out++ = letters[three >> shift & 63];
	}
	*out = '\0';
	return RESTANTE_OK;
}

static int choose_uid(struct put *put)
{
	struct archive *ar = put->ar;
	int bad = put->wanted[0] ? archive_uid_free(ar, put->wanted) : RESTANTE_NONE;

	if (!bad)
		memcpy(put->m.uid, put->wanted, sizeof(put->m.uid));
	if (bad == RESTANTE_NONE) {
		if (put->wanted[0])
			ar->host->log(ar->host->c, LOG_NOTICE,
				"%s: there is a message %s already: the new one gets another UIDL",
				ar->path, put->wanted);
		bad = make_uid(put);
	}
	put->m.uid_len = (uint8_t)strlen(put->m.uid);
	return bad;
}

/* Opens the segment to append to; *t says where, and *fresh whether it is a new one. */
static int choose_segment(struct put *put, struct tail *t, int *fd, bool *fresh)
{
	struct archive *ar = put->ar;
	uint64_t size = (uint64_t)ar->host->num(ar->host->c, "segment_size");
	char name[SEGMENT_NAME];
	struct stat st;

	*fresh = !t->number || (t->end && t->end + put->m.len > size);
	if (*fresh && t->number == SEGMENT_LAST) {
		ar->host->log(ar->host->c, LOG_ERR, "%s: there is no higher number for a segment",
			ar->path);
		return RESTANTE_PERM;
	}
	if (*fresh)
		t->number++;
	archive_segment_name(t->number, name);
	*fd = archive_segment_open(ar, t->number, *fresh ? O_RDWR | O_CREAT | O_EXCL : O_RDWR);
	if (*fd < 0)
		return archive_failed_full(ar, "open", name);
	if (*fresh)
		t->end = 0;
	if (fstat(*fd, &st) == 0) {
		t->ino = st.st_ino;
		return RESTANTE_OK;
	}
	close(*fd);
	return archive_failed(ar, "open", name);
}

/* Header, what was deflated, trailer: in one write where it is in memory. */
static int write_member(struct put *put, int fd, uint64_t off)
{
	uint8_t head[MEMBER_HEAD];
	size_t len = archive_member_write(&put->m, head);
	uint8_t *data = put->made + MEMBER_HEAD;

	if (put->spill < 0) {
		memcpy(data - len, head, len);
		return archive_write(fd, data - len, len + put->mades, off);
	}
	if (archive_write(fd, head, len, off) ||
		archive_copy(put->spill, 0, fd, off + len, put->spilled))
		return -1;
	return archive_write(fd, data, put->mades, off + len + put->spilled);
}

/* Takes back what is not whole, or not certain to be on disk. */
static void undo(struct archive *ar, int fd, const struct tail *t, bool fresh)
{
	char name[SEGMENT_NAME];

	archive_segment_name(t->number, name);
	if (fresh ? unlinkat(ar->root, name, 0) : ftruncate(fd, (off_t)t->end))
		archive_failed(ar, "undo a delivery to", name);
}

/* Append lock held. */
static int append(struct put *put)
{
	struct archive *ar = put->ar;
	char name[SEGMENT_NAME];
	struct tail t;
	bool fresh;
	int fd, bad = archive_settle(ar, &t);

	if (!bad)
		bad = choose_uid(put);
	put->m.len = MEMBER_FIXED + (uint64_t)put->m.uid_len + put->spilled + put->mades;
	if (!bad)
		bad = choose_segment(put, &t, &fd, &fresh);
	if (bad)
		return bad;
	archive_segment_name(t.number, name);
	if (write_member(put, fd, t.end) || fdatasync(fd))
		bad = archive_failed_full(ar, "write", name);
	if (!bad && fresh)
		bad = archive_sync(ar);
	if (bad) {
		undo(ar, fd, &t, fresh);
	} else {
		t.last = t.end;
		t.end += put->m.len;
		archive_tail_write(ar, &t);
	}
	close(fd);
	return bad;
}

int archive_put_end(void *p, int commit)
{
	struct put *put = p;
	struct archive *ar = put->ar;
	int bad = commit ? put_ends(put) : RESTANTE_OK;

	if (commit && !bad) {
		bad = archive_append_lock(ar);
		if (!bad) {
			bad = append(put);
			archive_append_unlock(ar);
		}
	}
	if (put->spill >= 0)
		close(put->spill);
	put->spill = -1;
	if (ar->spare)
		archive_put_free(put);
	else
		ar->spare = put;
	return bad;
}
