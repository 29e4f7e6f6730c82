/* Typed messages over a SOCK_SEQPACKET socket: one datagram each, bounds checked on both sides.
 *
 * Writing:  msg_start, msg_put_*, msg_send.  Reading: msg_recv, msg_get_*, msg_end.
 * An error while putting or getting is kept until msg_send or msg_end reports it. Numbers are in
 * the machine's own order: both ends run on it. */
#ifndef IPC_MSG_H
#define IPC_MSG_H

#include <stddef.h>
#include <stdint.h>
#include <restante/plugin.h>
#include "ipc/messages.h"

#define MSG_MAX 32768 /* octets of a message; AUTH data (16 KiB) is the largest part of one */

struct msg {
	enum msg_type type;
	int fd;       /* to send with it, or received with it (the reader owns it); -1 = none */
	uint32_t len; /* octets in data that are written or were received */
	uint32_t pos; /* of the reader */
	int bad;
	unsigned char data[MSG_MAX];
};

/* A peer: the socket, who is at the other end. */
struct channel {
	int fd;
	enum role self, peer;
	uint32_t number; /* of the peer among its role */
};

enum msg_got {
	MSG_GOT,    /* a message that this peer may send to us */
	MSG_NONE,   /* nothing there (non-blocking socket) or interrupted */
	MSG_CLOSED, /* the peer has gone */
	MSG_REFUSED /* not of the table, damaged, too long: dropped and logged */
};

void msg_start(struct msg *, enum msg_type);
void msg_put_u32(struct msg *, uint32_t);
void msg_put_u64(struct msg *, uint64_t);
void msg_put_bytes(struct msg *, const void *, size_t);
void msg_put_str(struct msg *, const char *);
/* Name, home, uid, gid, flags, stamp and all attrs. */
void msg_put_user(struct msg *, const struct restante_user *);

/* 0, or -1 with errno: EAGAIN the peer does not keep up (a non-blocking socket; callers bound what
 * they have under way, so that this means trouble), EPIPE it has gone, EMSGSIZE too much was put,
 * EPERM not of the table. fd stays the caller's and may be closed at once. */
int msg_send(const struct channel *, const struct msg *);

enum msg_got msg_recv(const struct channel *, struct msg *);
uint32_t msg_get_u32(struct msg *);
uint64_t msg_get_u64(struct msg *);
/* Points into the message; *n octets. Never NULL. */
const unsigned char *msg_get_bytes(struct msg *, size_t *n);
/* Points into the message; "" when bad. Strings with a NUL inside are bad. */
const char *msg_get_str(struct msg *);
/* The strings point into the message; attrs gets up to cap pointers with the ending NULL. */
void msg_get_user(struct msg *, struct restante_user *, const char **attrs, size_t cap);
/* 1 when all was read, nothing is left and nothing was bad; else 0, and a line in the log. A
 * descriptor that came with a bad message is closed. */
int msg_end(struct msg *);

const char *msg_name(enum msg_type);
const char *role_name(enum role);
/* May these two roles talk at all? The master makes a channel for each such pair. */
int role_peers(enum role, enum role);

#endif
