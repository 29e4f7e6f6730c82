/* The octets to and from a client, with TLS or without. Never blocks.
 *
 * What the kernel does not take at once is kept in out, so that a write always takes everything;
 * the owner writes no more (and reads no more) until out is empty again. TLS records are gathered
 * in the process's one struct wire and sent together. */
#ifndef LOGIN_STREAM_H
#define LOGIN_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/buf.h"

/* TLS records on their way from OpenSSL to the socket, for the call that is being made. */
struct wire {
	BIO_METHOD *method;
	char *buf;
	size_t len, cap;
};

struct stream {
	int fd;
	bool failed;  /* the socket is dead: write nothing more */
	bool eof;     /* the client has closed its side */
	bool drained; /* the socket gave less than was asked for: a read would only say EAGAIN */
	SSL *ssl;     /* NULL = in the clear */
	struct wire *wire;
	struct buf out; /* for the socket, as it goes over the net */
};

/* Once in a process, before the first TLS stream; records of about cap octets are sent together. 0,
 * or -1 when there is no memory. */
int wire_setup(struct wire *, size_t cap);

/* From here on TLS, as the server. 0, or -1: no memory. */
int stream_start_tls(struct stream *, SSL_CTX *);
/* A stream's TLS knows where the struct is: to be called after the struct was copied elsewhere. */
void stream_moved(struct stream *);
/* 1: done, and the last of it goes out with what is written next or by stream_push; 0: more is to
 * come from the client; -1: failed, OpenSSL's error queue says why. */
int stream_handshake(struct stream *);
/* 0, or -1 when the connection is dead. */
int stream_push(struct stream *);

/* Octets; 0 = the client has ended its side; -1 with errno: EAGAIN nothing is here, others: dead.
 */
ssize_t stream_read(struct stream *, void *to, size_t n);
/* True when stream_read could give something without the socket becoming readable. */
bool stream_has_more(const struct stream *);
/* 0, or -1 when the connection is dead. */
int stream_write(struct stream *, const void *p, size_t n);
/* Sends what out holds, as far as the kernel takes it. 0, or -1 when the connection is dead. */
int stream_flush(struct stream *);

/* Tells the client that nothing more will come (TLS: close_notify). */
void stream_finish(struct stream *);
/* Frees everything and closes the socket. */
void stream_close(struct stream *);

#endif
