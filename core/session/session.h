/* One logged-in user's session: TRANSACTION and UPDATE state (RFC 1939 sections 5 and 6).
 *
 * It runs in a process of its own, as the mailbox's owner; everything it knows is in struct
 * session. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdint.h>
#include "plug/host.h"
#include "pop3/command.h"
#include "pop3/line.h"
#include "pop3/reply.h"
#include "session/maildrop.h"
#include "session/out.h"

/* Why a session ends: the last field of its log line, and the end of its command loop. */
enum session_end {
	END_NOT_YET,
	END_QUIT,        /* the only end that deletes */
	END_QUIT_FAILED, /* UPDATE state could not delete all */
	END_DISCONNECT,  /* the client closed, or reset */
	END_IDLE,        /* nothing came for idle_timeout */
	END_STALLED,     /* the client read nothing for idle_timeout */
	END_READ_ERROR,  /* a message broke off while it was sent */
	END_LOST,        /* the storage could not go on holding the maildrop */
	END_IN_USE,      /* the maildrop could not be opened: */
	END_OPEN_TEMP,
	END_OPEN_PERM
};

/* What login told about the client. Strings live as long as the session. */
struct client {
	int fd;
	const char *ip, *server_ip, *tls; /* tls "" = none */
	enum language language;
	int utf8;
	int relayed;                /* login has its socket, this one is a socket pair */
	const unsigned char *ahead; /* octets that login had read behind the PASS */
	size_t nahead;
};

struct session {
	const struct conf *conf;
	const struct client *client;
	const struct restante_user *user;
	const struct restante_storage *storage;
	void *st;
	struct host host;
	struct maildrop drop;
	struct line_reader in;
	struct out out;
	enum language language;
	int64_t began;      /* clock_ms */
	int64_t idle_ms;    /* a client may be silent for so long */
	int64_t storage_ms; /* and the storage may take so long for one call */
	int64_t kept;       /* clock_ms of the storage's last keep() */
	int64_t keep_ms;    /* when it is called again */
	uint64_t retrieved, retrieved_octets, deleted;
	enum session_end end;
};

/* Opens the maildrop, answers the PASS, serves until the end and writes the log line. The process
 * has already become the user and is in its sandbox; s is zeroed but for conf, client, user,
 * host and began. */
void session_serve(struct session *, const struct plug *);
/* The log line of a session that could not be opened, or has ended. */
void session_report(const struct session *);
/* Adds one reply to the output. */
void session_reply(struct session *, enum reply_id, uint64_t n1, uint64_t n2);

/* Runs one line in TRANSACTION state. */
void transaction_line(struct session *, struct slice line);
/* RETR and TOP: sends message number n (it exists and is not deleted). lines: of the body, or
 * SEND_ALL. */
#define SEND_ALL UINT64_MAX
void send_message(struct session *, uint32_t n, uint64_t lines);
/* QUIT in TRANSACTION: removes what was marked, answers, sets the end. */
void update_enter(struct session *);

#endif
