/* send - RETR and TOP: the path of a message from the storage to the client.
 *
 * A piece of the stored message is read into one buffer, encoded into the output buffer in one
 * pass, and written when enough is there. What is stored as it is sent goes by sendfile.
 *
 * A message that cannot be read whole, or has other octets than LIST said, is never ended by the
 * terminating dot: while none of it was written the reply is taken back and an error sent instead,
 * later the connection is closed. */
#define _GNU_SOURCE
#include "session/session.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include "base/log.h"
#include "pop3/encode.h"

enum {
	SENDFILE_FROM = 128 * 1024 /* below this one copy is cheaper than two more system calls */
};

struct sending {
	struct session *s;
	struct restante_body body;
	struct encoder enc;
	uint64_t left; /* of a body that is a file range */
	int all;       /* RETR, not TOP */
};

/* The next piece of the stored message: octets, 0 at its end, or a restante_result. */
static int64_t read_piece(struct sending *p, unsigned char *buf, size_t n)
{
	ssize_t got;

	if (p->body.fd == -1) {
		/* the time that the client took is not the storage's */
		host_deadline(&p->s->host, p->s->storage_ms);
		return p->body.read(p->body.b, buf, n);
	}
	if (p->left == 0)
		return 0;
	do
		got = pread(p->body.fd, buf, n < p->left ? n : p->left, (off_t)p->body.off);
	while (got == -1 && errno == EINTR);
	if (got <= 0) {
		log_line(LOG_ERR, "a message of %s broke off with %llu octets left: %s",
			p->s->user->name, (unsigned long long)p->left,
			got == 0 ? "the file is shorter than it was" : strerror(errno));
		return RESTANTE_PERM;
	}
	p->body.off += (uint64_t)got;
	p->left -= (uint64_t)got;
	return got;
}

/* Encodes one piece; writes when the buffer is full. -1 when the client has gone. */
static int encode_piece(struct sending *p, const unsigned char *in, size_t n)
{
	struct out *out = &p->s->out;

	while (n > 0 && !encode_done(&p->enc)) {
		size_t used;

		if (out->len > OUT_SIZE - 2 && out_flush_more(out) == -1)
			return -1;
		out->len += encode(&p->enc, in, n, &used, out->buf + out->len, OUT_SIZE - out->len);
		in += used;
		n -= used;
		if (n > 0 && out_flush_more(out) == -1)
			return -1;
	}
	return 0;
}

/* RESTANTE_OK, the storage's error, or 1 when the client has gone. */
static int send_encoded(struct sending *p)
{
	unsigned char *piece = p->s->out.piece;
	int64_t n;

	while (!encode_done(&p->enc) && (n = read_piece(p, piece, PIECE_SIZE)) != 0) {
		if (n < 0)
			return (int)n;
		if (encode_piece(p, piece, (size_t)n) == -1)
			return 1;
		if (p->s->out.len >= OUT_FULL && p->left > 0 && out_flush_more(&p->s->out) == -1)
			return 1;
	}
	if (!encode_done(&p->enc))
		p->s->out.len += encode_finish(&p->enc, out_room(&p->s->out, ENCODE_FINISH));
	return RESTANTE_OK;
}

static int send_file(struct sending *p)
{
	struct out *out = &p->s->out;
	off_t off = (off_t)p->body.off;

	if (out_flush_more(out) == -1)
		return 1;
	while (p->left > 0) {
		ssize_t n = sendfile(out->fd, p->body.fd, &off, p->left);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EPIPE || errno == ECONNRESET || errno == EAGAIN)) {
			out->error = errno;
			return 1;
		}
		if (n <= 0) {
			log_line(LOG_ERR, "a message of %s broke off with %llu octets left: %s",
				p->s->user->name, (unsigned long long)p->left,
				n == 0 ? "the file is shorter than it was" : strerror(errno));
			return RESTANTE_PERM;
		}
		p->left -= (uint64_t)n;
		p->enc.octets += (uint64_t)n;
		out->written += (uint64_t)n;
	}
	return RESTANTE_OK;
}

static int is_wire_form(const struct sending *p)
{
	uint32_t both = RESTANTE_BODY_CRLF | RESTANTE_BODY_NODOT;

	return p->all && p->body.fd != -1 && (p->body.flags & both) == both &&
	       p->body.len >= SENDFILE_FROM && p->body.octets == p->body.len;
}

static enum reply_id error_reply(int result)
{
	switch (result) {
	case RESTANTE_GONE:
		return REPLY_VANISHED;
	case RESTANTE_TEMP:
	case RESTANTE_BUSY:
		return REPLY_READ_TEMP;
	default:
		return REPLY_READ_PERM;
	}
}

/* Nothing of the reply from mark on has reached the client if as much was written as then. */
static void give_up(struct session *s, uint32_t n, size_t mark, uint64_t written, int result)
{
	if (s->out.written == written && s->out.error == 0) {
		s->out.len = mark;
		session_reply(s, error_reply(result), n, 0);
	} else if (s->end == END_NOT_YET) {
		s->out.len = 0;
		s->end = END_READ_ERROR;
	}
}

static int finish(struct sending *p, uint32_t n)
{
	if (p->all && p->enc.octets != p->body.octets) {
		log_line(LOG_ERR, "message %u of %s has %llu octets instead of %llu", n,
			p->s->user->name, (unsigned long long)p->enc.octets,
			(unsigned long long)p->body.octets);
		return RESTANTE_PERM;
	}
	memcpy(out_room(&p->s->out, 3), ".\r\n", 3);
	p->s->out.len += 3;
	return RESTANTE_OK;
}

void send_message(struct session *s, uint32_t n, uint64_t lines)
{
	struct sending p = {.s = s, .all = lines == SEND_ALL};
	struct message *m = maildrop_at(&s->drop, n);
	uint64_t written;
	size_t mark;
	int result;

	p.body = (struct restante_body){
		.size = sizeof(p.body), .flags = p.all ? 0 : RESTANTE_BODY_TOP, .fd = -1};
	result = s->storage->body(s->st, m->key, &p.body);
	if (result != RESTANTE_OK) {
		session_reply(s, error_reply(result), n, 0);
		return;
	}
	(void)out_room(&s->out, REPLY_MAX);
	mark = s->out.len;
	written = s->out.written;
	session_reply(s, p.all ? REPLY_RETR : REPLY_TOP, p.body.octets, 0);
	p.left = p.body.len;
	if (p.all)
		encode_init(&p.enc);
	else
		encode_init_top(&p.enc, (uint32_t)lines);
	result = is_wire_form(&p) ? send_file(&p) : send_encoded(&p);
	if (result == RESTANTE_OK)
		result = finish(&p, n);
	if (p.body.release != NULL)
		p.body.release(p.body.b);
	if (result < 0)
		give_up(s, n, mark, written, result);
	if (result == RESTANTE_OK && p.all) {
		s->retrieved++;
		s->retrieved_octets += p.enc.octets;
	}
}
