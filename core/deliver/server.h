/* The LMTP listener: the parts that its files share. One process, one loop, nothing that waits. */
#ifndef DELIVER_SERVER_H
#define DELIVER_SERVER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>
#include "deliver/data.h"
#include "deliver/lmtp.h"
#include "ipc/role.h"

enum { SERVER_CONNECTIONS = 100, SERVER_INPUT = 32 * 1024 };

struct server;

struct recipient {
	char *address;
	unsigned char ticket[TICKET_LEN];
};

enum conn_state {
	CONN_COMMANDS,
	CONN_MESSAGE, /* behind DATA */
	CONN_RESULTS  /* behind the dot: one recipient after the other */
};

struct conn {
	LIST_ENTRY(conn) link;
	struct server *s;
	int fd;
	struct event event;
	enum conn_state state;
	struct lmtp lmtp;
	uint32_t waiting; /* number of the LOOKUP or DELIVER that is out; 0 = none */
	int skipping;     /* the rest of a line that was too long */
	int closing;      /* when the replies are out */
	struct buf out;
	/* RCPT: the names that the recipient may have, and which is asked for */
	char names[MAIL_CANDIDATES][MAIL_ADDRESS];
	size_t nnames, name;
	struct recipient recipients[LMTP_RECIPIENTS];
	size_t nrecipients;
	/* the message */
	struct data data;
	int message; /* -1 = none */
	uint64_t size;
	enum mail_result failed; /* MAIL_OK: it can be delivered */
	size_t delivered;        /* recipients that have their reply */
	/* input: have octets, those before from are done */
	size_t from, have;
	char in[SERVER_INPUT];
};

struct server {
	struct role_start start;
	struct event_base *base;
	struct event from_master;
	struct channel auth, session; /* fd -1: it died, another will come */
	struct event from_auth, from_session;
	char hostname[256];
	const char *delimiters;
	uint64_t size_limit;
	int64_t delivery_s; /* a delivery may take so long */
	int64_t lookup_s;
	struct conf *conf;
	struct event listeners[ROLE_LISTENERS];
	size_t nlisteners;
	LIST_HEAD(, conn) conns;
	size_t nconns;
	uint32_t last; /* number of a LOOKUP or DELIVER */
	int draining;
	struct msg msg;
	char decoded[SERVER_INPUT + DATA_MORE];
};

/* server.c: restante-deliver as a role; returns the exit status. */
int server_run(void);
/* To end when the last connection has ended. */
void server_check_over(struct server *);

/* conn.c */

/* A new connection; fd is its own from now on. */
void conn_open(struct server *, int fd);
/* What auth answered to a LOOKUP: result, and on OK TICKET_LEN octets. */
void conn_found(struct conn *, int result, const unsigned char *ticket);
/* What became of a DELIVER. */
void conn_delivered(struct conn *, unsigned result);
/* The server takes nothing new: ends it, or sees that it ends after the transaction. */
void conn_drain(struct conn *);

#endif
