/* body.c - one message, inflated.
 *
 * A message that fits into the caller's buffer is read at once, inflated at once, and compared with
 * its check sum before one octet of it is given away. A larger one is inflated as far as it is
 * asked for; what then does not fit is an error in place of the end, so that no client ever takes
 * a damaged message for a whole one.
 *
 * The segment stays open until a message of another one is asked for. What it is read from never
 * moves: if the segment is rewritten meanwhile, the descriptor still has the old file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <zlib.h>
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#include "archive.h"
#include "quote.h"

enum {
	IN_SIZE =
		64 * 1024 + 1024, /* of what is still deflated: a piece, or a whole small member */
	PIECE_MAX = 1 << 30,
	RAW = -15 /* windowBits of a deflate stream without a header of zlib's */
};

struct reader {
	struct archive *ar;
	int fd;           /* of the segment, or -1 */
	uint64_t ino;     /* and its inode */
	int source;       /* what the message is read from: fd, or another's */
	struct member m;  /* the open message */
	uint64_t off;     /* of the member */
	uint64_t at, end; /* octets of the deflate stream that are yet to be read */
	uint64_t left;    /* octets of the message, as stored, that are yet to be inflated */
	bool begun, ended;
	const char *why; /* it is damaged */
	uint32_t crc;
	struct unquote unquote;
	z_stream z;
	bool z_ready;
#ifdef HAVE_LIBDEFLATE
	struct libdeflate_decompressor *whole;
#endif
	uint8_t in[IN_SIZE];
};

/* --- what is the same for all messages --- */

static struct reader *reader_of(struct archive *ar)
{
	if (!ar->reader && (ar->reader = calloc(1, sizeof(*ar->reader)))) {
		ar->reader->ar = ar;
		ar->reader->fd = -1;
	}
	return ar->reader;
}

void archive_reader_free(struct archive *ar)
{
	struct reader *r = ar->reader;

	if (!r)
		return;
	if (r->z_ready)
		inflateEnd(&r->z);
#ifdef HAVE_LIBDEFLATE
	libdeflate_free_decompressor(r->whole);
#endif
	if (r->fd >= 0)
		close(r->fd);
	free(r);
	ar->reader = NULL;
}

static uint32_t sum(uint32_t crc, const void *p, size_t n)
{
#ifdef HAVE_LIBDEFLATE
	return libdeflate_crc32(crc, p, n);
#else
	return (uint32_t)crc32_z(crc, p, n);
#endif
}

static int no_memory(struct archive *ar)
{
	errno = ENOMEM;
	return archive_failed(ar, "read", "");
}

static int damaged(struct reader *r, const char *why)
{
	r->why = why;
	return RESTANTE_PERM;
}

/* Compares what was inflated with the member's last octets. */
static int check_trailer(struct reader *r, const uint8_t trailer[MEMBER_TRAILER])
{
	uint32_t word[2];

	for (int i = 0; i < 2; i++, trailer += 4)
		word[i] = (uint32_t)trailer[0] | (uint32_t)trailer[1] << 8 |
			  (uint32_t)trailer[2] << 16 | (uint32_t)trailer[3] << 24;
	if (word[0] != r->crc)
		return damaged(r, "the check sum is wrong");
	return word[1] == (uint32_t)r->m.plain ? RESTANTE_OK : damaged(r, "its length is wrong");
}

/* --- all at once --- */

/* Inflates in[] into out, which gets m.plain octets. */
static bool inflate_whole(struct reader *r, uint8_t *in, size_t n, uint8_t *out)
{
#ifdef HAVE_LIBDEFLATE
	size_t used, made;

	return libdeflate_deflate_decompress_ex(
		       r->whole, in, n, out, (size_t)r->m.plain, &used, &made) == 0 &&
	       used == n && made == r->m.plain;
#else
	r->z.next_in = in;
	r->z.avail_in = (uInt)n;
	r->z.next_out = out;
	r->z.avail_out = (uInt)r->m.plain;
	return inflate(&r->z, Z_FINISH) == Z_STREAM_END && !r->z.avail_in && !r->z.avail_out;
#endif
}

/* The message in buf, which has room for all of the member, inflated. */
static int64_t read_whole(struct reader *r, uint8_t *buf)
{
	size_t n = (size_t)(r->end - r->at), len = (size_t)r->left;
	int64_t got = archive_read(r->source, r->in, n + MEMBER_TRAILER, r->at);
	char *text = (char *)buf;

	if (got < 0)
		return archive_failed(r->ar, "read", "");
	if (got != (int64_t)n + MEMBER_TRAILER || !inflate_whole(r, r->in, n, buf))
		return damaged(r, "it cannot be inflated");
	r->crc = sum(r->crc, buf, (size_t)r->m.plain);
	if (check_trailer(r, r->in + n))
		return RESTANTE_PERM;
	r->ended = true;
	if (r->m.flags & MEMBER_QUOTED) {
		size_t made = archive_unquote(&r->unquote, text, text + r->m.from_len, len);

		return (int64_t)(made + archive_unquote_end(&r->unquote, text + made));
	}
	memmove(buf, buf + r->m.from_len, len);
	return (int64_t)len;
}

/* --- piece by piece --- */

/* Inflates n octets into out. */
static int inflate_piece(struct reader *r, uint8_t *out, size_t n)
{
	int z = Z_OK;

	r->z.next_out = out;
	r->z.avail_out = (uInt)n;
	while (r->z.avail_out && z != Z_STREAM_END) {
		if (!r->z.avail_in && r->at < r->end) {
			size_t want = r->end - r->at < IN_SIZE ? (size_t)(r->end - r->at) : IN_SIZE;
			int64_t got = archive_read(r->source, r->in, want, r->at);

			if (got < 0)
				return archive_failed(r->ar, "read", "");
			if (got != (int64_t)want)
				return damaged(r, "it is cut off");
			r->at += want;
			r->z.next_in = r->in;
			r->z.avail_in = (uInt)want;
		}
		z = inflate(&r->z, Z_NO_FLUSH); /* it may have more to give without octets */
		if (z == Z_BUF_ERROR)
			return damaged(r, "it is cut off");
		if (z != Z_OK && z != Z_STREAM_END)
			return damaged(r, "it cannot be inflated");
	}
	r->crc = sum(r->crc, out, n - r->z.avail_out);
	return r->z.avail_out ? damaged(r, "it is shorter than it should be") : RESTANTE_OK;
}

/* The From_ line, which nobody gets. */
static int skip_from(struct reader *r)
{
	uint8_t line[512];
	size_t n;
	int bad = RESTANTE_OK;

	for (size_t left = r->m.from_len; left && !bad; left -= n) {
		n = left < sizeof(line) ? left : sizeof(line);
		bad = inflate_piece(r, line, n);
	}
	return bad;
}

/* Nothing but the end of stream and member may be left. */
static int check_end(struct reader *r)
{
	uint8_t rest[UINT8_MAX], trailer[MEMBER_TRAILER], more;
	int bad = inflate_piece(r, rest, r->m.tail), z = Z_OK;
	int64_t got;

	if (bad)
		return bad;
	do { /* the mark of the stream's end may be in octets that were not read yet */
		if (!r->z.avail_in && r->at < r->end) {
			if (archive_read(r->source, r->in, 1, r->at) != 1)
				return damaged(r, "it is cut off");
			r->at++;
			r->z.next_in = r->in;
			r->z.avail_in = 1;
		}
		r->z.next_out = &more;
		r->z.avail_out = 1;
		z = inflate(&r->z, Z_NO_FLUSH);
		if (!r->z.avail_out)
			return damaged(r, "it is longer than it should be");
	} while (z == Z_OK && (r->z.avail_in || r->at < r->end));
	if (z != Z_STREAM_END || r->z.avail_in || r->at != r->end)
		return damaged(r, "it has no end, or not there");
	got = archive_read(r->source, trailer, sizeof(trailer), r->end);
	if (got < 0)
		return archive_failed(r->ar, "read", "");
	return got == sizeof(trailer) ? check_trailer(r, trailer) : damaged(r, "it is cut off");
}

static int64_t read_on(struct reader *r, char *buf, size_t n)
{
	bool quoted = r->m.flags & MEMBER_QUOTED;
	size_t gap = quoted ? UNQUOTE_KEPT : 0, made = 0;
	int bad = RESTANTE_OK;

	if (n <= gap)
		return RESTANTE_TEMP;
	if (n > PIECE_MAX)
		n = PIECE_MAX;
	n = n - gap < r->left ? n - gap : (size_t)r->left;
	while (n && !made && !bad) { /* what unquoting keeps back may be all of a piece */
		bad = inflate_piece(r, (uint8_t *)buf + gap, n);
		r->left -= n;
		if (!bad)
			made = quoted ? archive_unquote(&r->unquote, buf, buf + gap, n) : n;
		n = n < r->left ? n : (size_t)r->left;
	}
	if (bad || made)
		return bad ? bad : (int64_t)made;
	r->ended = true;
	bad = check_end(r);
	return bad ? bad : (int64_t)archive_unquote_end(&r->unquote, buf);
}

static int64_t read_any(struct reader *r, void *buf, size_t n)
{
	bool small = r->m.plain <= n && r->m.plain <= PIECE_MAX && r->m.len <= IN_SIZE;

	if (r->ended)
		return 0;
	if (!r->begun) {
		int bad;

		r->begun = true;
		if (small)
			return read_whole(r, buf);
		bad = skip_from(r);
		if (bad)
			return bad;
	}
	return read_on(r, buf, n);
}

/* --- for callers --- */

static int z_begin(struct reader *r)
{
	int z;

#ifdef HAVE_LIBDEFLATE
	if (!r->whole && !(r->whole = libdeflate_alloc_decompressor()))
		return -1;
#endif
	r->z.next_in = NULL;
	r->z.avail_in = 0;
	z = r->z_ready ? inflateReset(&r->z) : inflateInit2(&r->z, RAW);
	r->z_ready = r->z_ready || z == Z_OK;
	return z == Z_OK ? 0 : -1;
}

/* The member at off of a file is what is read next. */
static int begin(struct reader *r, int fd, uint64_t off, const struct member *m)
{
	r->source = fd;
	r->m = *m;
	r->off = off;
	r->at = off + m->head_len;
	r->end = off + m->len - MEMBER_TRAILER;
	r->left = archive_member_text(m);
	r->begun = r->ended = false;
	r->crc = 0;
	r->why = NULL;
	r->unquote = (struct unquote){0};
	return z_begin(r) ? no_memory(r->ar) : RESTANTE_OK;
}

static int64_t read_piece(void *b, void *buf, size_t n)
{
	struct reader *r = b;
	struct archive *ar = r->ar;
	int64_t got;

	r->why = NULL;
	got = read_any(r, buf, n);
	if (r->why)
		ar->host->log(ar->host->c, LOG_ERR,
			"%s: message %s at octet %" PRIu64 " of its segment is damaged: %s",
			ar->path, r->m.uid, r->off, r->why);
	return got;
}

int archive_verify(
	struct archive *ar, int fd, uint64_t off, const struct member *m, const char **why)
{
	struct reader *r = reader_of(ar);
	uint8_t *buf = malloc(WALK_BUFFER);
	uint64_t octets = 0;
	uint32_t state = 0;
	int64_t got = 0;
	int bad = r && buf ? begin(r, fd, off, m) : no_memory(ar);

	*why = NULL;
	while (!bad && (got = read_any(r, buf, WALK_BUFFER)) > 0)
		octets += (uint64_t)ar->host->measure(ar->host->c, buf, (size_t)got, &state);
	free(buf);
	if (bad)
		return bad;
	octets += (uint64_t)ar->host->measure(ar->host->c, NULL, 0, &state);
	if (got == 0 && octets != m->octets)
		got = damaged(r, "it has not as many octets as its header says");
	*why = r->why;
	return (int)got;
}

/* Makes r->fd the segment that the entry is in. */
static int open_segment(struct reader *r, const struct index_segment *seg)
{
	struct stat st;
	int fd;

	if (r->fd >= 0 && r->ino == seg->ino)
		return RESTANTE_OK;
	fd = archive_segment_open(r->ar, seg->number, O_RDONLY);
	if (fd < 0)
		return errno == ENOENT ? RESTANTE_GONE
				       : archive_failed(r->ar, "open a segment of", "");
	if (fstat(fd, &st) || st.st_ino != seg->ino) {
		close(fd);
		return RESTANTE_GONE;
	}
	if (r->fd >= 0)
		close(r->fd);
	r->fd = fd;
	r->ino = st.st_ino;
	return RESTANTE_OK;
}

/* Opens the segment where message key is now, and says which entry it is. */
static int find(struct reader *r, uint64_t key, const struct index_entry **e)
{
	int bad = RESTANTE_GONE;

	for (int tries = 0; bad == RESTANTE_GONE && tries < 2; tries++) {
		int again = tries ? archive_look_again(r->ar) : RESTANTE_OK;

		*e = archive_place(r->ar, key);
		if (again || !*e)
			return again ? again : RESTANTE_GONE;
		bad = open_segment(r, &archive_current(r->ar)->segment[(*e)->segment]);
	}
	return bad;
}

int archive_body(void *st, uint64_t key, struct restante_body *out)
{
	struct archive *ar = st;
	struct reader *r = reader_of(ar);
	const struct index_entry *e = NULL;
	uint8_t head[MEMBER_HEAD];
	struct member m;
	int64_t got;
	int bad = r ? find(r, key, &e) : no_memory(ar);

	if (bad)
		return bad;
	got = archive_read(r->fd, head, sizeof(head), e->off);
	if (got < 0)
		return archive_failed(ar, "read", "");
	if (!archive_member_parse(head, (size_t)got, &m) || m.len != e->len ||
		m.octets != e->octets || strcmp(m.uid, entry_uid(archive_current(ar), e)) != 0) {
		ar->host->log(ar->host->c, LOG_ERR,
			"%s: the header of message %s is damaged, at octet %" PRIu64
			" of its segment",
			ar->path, entry_uid(archive_current(ar), e), e->off);
		return RESTANTE_PERM;
	}
	bad = archive_member_dead(&m) ? RESTANTE_GONE : begin(r, r->fd, e->off, &m);
	if (bad)
		return bad;
	out->flags = 0;
	out->fd = -1;
	out->off = 0;
	out->len = archive_member_text(&m);
	out->octets = m.octets;
	out->b = r;
	out->read = read_piece;
	out->release = NULL;
	return RESTANTE_OK;
}
