/* body.c - one message.
 *
 * The file is not locked while a client downloads, so it is looked at twice: before a message is
 * promised, and after each piece that was read. Whoever changed it has then changed its times. What
 * MTAs append moves nothing. A piece that may be of two minds is not given away, and the message is
 * not ended.
 *
 * A message that others made longer or shorter (a Status field) is refused: its octets are frozen
 * from login on. The next session shows what there is then. */
#include <errno.h>
#include <stdlib.h>
#include <syslog.h>

#include "mbox.h"
#include "quote.h"

struct reader {
	struct mbox *mb;
	uint64_t off, left;
	struct stat seen;
	struct unquote unquote;
	bool quoted;
};

/* Is what was just read still what is there? */
static bool unchanged(struct reader *r)
{
	struct stat st, *seen = &r->seen;

	if (fstat(r->mb->fd, &st))
		return false;
	if (st.st_size == seen->st_size && st.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
		st.st_mtim.tv_nsec == seen->st_mtim.tv_nsec)
		return true;
	if (!only_grew(r->mb, current(r->mb), &st))
		return false;
	*seen = st;
	return true;
}

static int64_t read_piece(void *b, void *buf, size_t n)
{
	struct reader *r = b;
	struct mbox *mb = r->mb;
	size_t gap = r->quoted ? UNQUOTE_KEPT : 0;
	char *at = (char *)buf + gap;
	int64_t got;

	if (n <= gap || n - gap > INT64_MAX)
		return RESTANTE_TEMP;
	n -= gap;
	if (n > r->left)
		n = (size_t)r->left;
	if (!n)
		return r->quoted ? (int64_t)unquote_end(&r->unquote, buf) : 0;
	got = mbox_read(mb->fd, at, n, r->off);
	if (got < 0)
		return mbox_failed(mb, "read", NULL);
	if (got != (int64_t)n || !unchanged(r)) {
		mb->host->log(
			mb->host->c, LOG_ERR, "%s was changed while a message was read", mb->path);
		return RESTANTE_TEMP;
	}
	r->off += n;
	r->left -= n;
	if (!r->quoted)
		return got;
	got = (int64_t)unquote(&r->unquote, buf, at, n);
	return got ? got : read_piece(b, buf, n + gap);
}

static int refuse(struct mbox *mb, const struct index_entry *was)
{
	mb->host->log(mb->host->c, LOG_ERR, "%s: message %s has changed since it was measured",
		mb->path, entry_uid(&mb->index, was));
	return RESTANTE_TEMP;
}

int mbox_body(void *st, uint64_t key, struct restante_body *out)
{
	struct mbox *mb = st;
	const struct index_entry *e;
	int bad = look_again(mb);

	if (bad)
		return bad;
	e = place_of(mb, key);
	if (!e)
		return RESTANTE_GONE;
	if (e->octets != mb->index.entry[key].octets)
		return refuse(mb, &mb->index.entry[key]);
	if (!mb->reader && !(mb->reader = malloc(sizeof(*mb->reader)))) {
		errno = ENOMEM;
		return mbox_failed(mb, "read", NULL);
	}
	*mb->reader = (struct reader){.mb = mb,
		.off = e->from + e->from_len,
		.left = e->len,
		.seen = mb->seen,
		.quoted = e->flags & ENTRY_QUOTED,
		.unquote.one = mb->quoting == QUOTING_MBOXO};
	out->flags = (e->flags & ENTRY_CRLF ? RESTANTE_BODY_CRLF : 0u) |
		     (e->flags & ENTRY_NODOT ? RESTANTE_BODY_NODOT : 0u);
	out->fd = -1;
	out->off = 0;
	out->len = e->len;
	out->octets = e->octets;
	out->b = mb->reader;
	out->read = read_piece;
	out->release = NULL;
	return RESTANTE_OK;
}
