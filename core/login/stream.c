/* stream - a client's socket, with TLS or without.
 *
 * OpenSSL writes each record with a call of its own; a BIO of ours collects them in the process's
 * struct wire, so that 64 KiB of mail are one send() and not four. Since that BIO takes everything,
 * SSL_write never has to be repeated. */
#define _GNU_SOURCE
#include "login/stream.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the socket --- */

/* Keeps n octets for later; the first time in a buffer of just that size. */
static void keep(struct stream *s, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (s->out.p == NULL) {
		s->out.p = mem_alloc(n + 1, 1);
		s->out.cap = n + 1;
	}
	buf_add(&s->out, p, n);
}

static ssize_t send_some(struct stream *s, const char *p, size_t n)
{
	ssize_t sent;

	do
		sent = send(s->fd, p, n, MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	if (sent == -1 && errno == EAGAIN)
		return 0;
	if (sent == -1)
		s->failed = true;
	return sent;
}

/* In order: nothing overtakes what is already waiting in out. */
static int send_all(struct stream *s, const char *p, size_t n)
{
	ssize_t sent = 0;

	if (s->failed)
		return -1;
	if (s->out.len == 0)
		sent = send_some(s, p, n);
	if (sent == -1)
		return -1;
	keep(s, p + sent, n - (size_t)sent);
	return 0;
}

int stream_flush(struct stream *s)
{
	ssize_t sent;

	if (s->failed)
		return -1;
	if (s->out.len == 0)
		return 0;
	sent = send_some(s, s->out.p, s->out.len);
	if (sent == -1)
		return -1;
	if ((size_t)sent == s->out.len)
		buf_free(&s->out);
	else
		buf_drop(&s->out, (size_t)sent);
	return 0;
}

/* --- between OpenSSL and the socket --- */

static int wire_send(struct stream *s)
{
	struct wire *w = s->wire;
	int result = w->len > 0 ? send_all(s, w->buf, w->len) : 0;

	w->len = 0;
	return result;
}

int stream_push(struct stream *s)
{
	return s->ssl != NULL ? wire_send(s) : 0;
}

static int wire_write(BIO *b, const char *p, size_t n, size_t *written)
{
	struct stream *s = BIO_get_data(b);
	struct wire *w = s->wire;

	if (n > w->cap - w->len && wire_send(s) == -1)
		return 0;
	if (n > w->cap) {
		if (send_all(s, p, n) == -1)
			return 0;
	} else {
		memcpy(w->buf + w->len, p, n);
		w->len += n;
	}
	*written = n;
	return 1;
}

static int wire_read(BIO *b, char *to, size_t n, size_t *got)
{
	struct stream *s = BIO_get_data(b);
	ssize_t r;

	BIO_clear_retry_flags(b);
	if (s->drained) {
		BIO_set_retry_read(b);
		return 0;
	}
	r = recv(s->fd, to, n, 0);
	if (r > 0) {
		s->drained = (size_t)r < n;
		*got = (size_t)r;
		return 1;
	}
	if (r == -1 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(b);
	else if (r == 0)
		s->eof = true;
	return 0;
}

static long wire_ctrl(BIO *b, int command, long number, void *p)
{
	const struct stream *s = BIO_get_data(b);

	(void)number;
	(void)p;
	if (command == BIO_CTRL_EOF)
		return s->eof;
	return command == BIO_CTRL_FLUSH;
}

int wire_setup(struct wire *w, size_t cap)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");

	if (m == NULL || !BIO_meth_set_write_ex(m, wire_write) ||
		!BIO_meth_set_read_ex(m, wire_read) || !BIO_meth_set_ctrl(m, wire_ctrl))
		return -1;
	*w = (struct wire){.method = m, .buf = mem_alloc(cap, 1), .cap = cap};
	return 0;
}

int stream_start_tls(struct stream *s, SSL_CTX *ctx)
{
	BIO *b = BIO_new(s->wire->method);
	SSL *ssl = SSL_new(ctx);

	if (b == NULL || ssl == NULL) {
		BIO_free(b);
		SSL_free(ssl);
		return -1;
	}
	BIO_set_data(b, s);
	BIO_set_init(b, 1);
	SSL_set_bio(ssl, b, b);
	SSL_set_accept_state(ssl);
	s->ssl = ssl;
	return 0;
}

void stream_moved(struct stream *s)
{
	if (s->ssl != NULL)
		BIO_set_data(SSL_get_rbio(s->ssl), s);
}

/* --- both ways --- */

int stream_handshake(struct stream *s)
{
	int r, error;

	ERR_clear_error();
	s->drained = false;
	r = SSL_do_handshake(s->ssl);
	error = SSL_get_error(s->ssl, r);
	if (r == 1)
		return 1;
	if (wire_send(s) == -1)
		return -1;
	return error == SSL_ERROR_WANT_READ ? 0 : -1;
}

static ssize_t tls_read(struct stream *s, void *to, size_t n)
{
	size_t got = 0;
	int r, error;

	ERR_clear_error();
	s->drained = false;
	r = SSL_read_ex(s->ssl, to, n, &got);
	error = SSL_get_error(s->ssl, r);
	if (wire_send(s) == -1) {
		errno = ECONNRESET;
		return -1;
	}
	if (r == 1)
		return (ssize_t)got;
	switch (error) {
	case SSL_ERROR_WANT_READ:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		s->failed = true; /* after a fatal alert nothing may be written */
		errno = EPROTO;
		return -1;
	}
}

ssize_t stream_read(struct stream *s, void *to, size_t n)
{
	ssize_t r;

	if (s->ssl != NULL)
		return tls_read(s, to, n);
	do
		r = recv(s->fd, to, n, 0);
	while (r == -1 && errno == EINTR);
	return r;
}

bool stream_has_more(const struct stream *s)
{
	return s->ssl != NULL && SSL_has_pending(s->ssl);
}

int stream_write(struct stream *s, const void *p, size_t n)
{
	size_t written;

	if (s->failed || n == 0)
		return s->failed ? -1 : 0;
	if (s->ssl == NULL)
		return send_all(s, p, n);
	ERR_clear_error();
	if (SSL_write_ex(s->ssl, p, n, &written) != 1) {
		s->failed = true;
		s->wire->len = 0;
		return -1;
	}
	return wire_send(s);
}

void stream_finish(struct stream *s)
{
	if (s->ssl == NULL || s->failed || SSL_in_init(s->ssl))
		return;
	ERR_clear_error();
	(void)SSL_shutdown(s->ssl);
	(void)wire_send(s);
}

void stream_close(struct stream *s)
{
	SSL_free(s->ssl);
	s->ssl = NULL;
	buf_wipe(&s->out);
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}
