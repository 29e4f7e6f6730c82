/* The login role: what all its files share.
 *
 *	main.c      start, the master's messages, the end
 *	listen.c    taking connections, the limits on them
 *	client.c    one connection before login: reading, writing, timers, its end
 *	commands.c  the commands of AUTHORIZATION
 *	auth.c      USER/PASS, APOP and AUTH as exchanges with the auth role
 *	mechanisms.c  which SASL mechanisms a client may use now
 *	peers.c     the channels to auth and to the session spawner
 *	handover.c  a client becomes a session
 *	relay.c     TLS of a session
 *	front.c     a client behind a proxy       proxy.c    the header that the proxy sends
 *	address.c   where a client comes from
 *	stream.c    a client's octets, with TLS or without
 *	tls.c       certificates, SNI, ALPN        tickets.c  keys of session tickets
 *	report.c    log lines, at a bounded rate
 *
 * One thread, one event loop. Nothing here blocks. */
#ifndef LOGIN_LOGIN_H
#define LOGIN_LOGIN_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <sys/queue.h>
#include "conf/conf.h"
#include "base/buf.h"
#include "ipc/limits.h"
#include "ipc/mechanisms.h"
#include "ipc/role.h"
#include "login/client_cert.h"
#include "login/stream.h"
#include "pop3/base64.h"
#include "pop3/capa.h"
#include "pop3/command.h"
#include "pop3/line.h"
#include "pop3/reply.h"
#include "pop3/sasl.h"

struct tls;
struct client;
struct relay;
struct login;
struct listener;

enum {
	INPUT_MAX = 2 * LINE_AUTH, /* what one connection may have unread here, and a read of it */
	TEXT_MAX = 8192,           /* replies that are gathered before they are written */
	RELAY_CHUNK = 64 * 1024,   /* what is taken from a session at a time */
	PROXY_WAIT = 5,            /* seconds that a proxy has for its header */
	MAX_ERRORS = 20,  /* commands that make no sense, before the connection is closed */
	LINGER_MS = 5000, /* for a client to take the last words before it is closed */
	EXCHANGE_BUCKETS = 256,
	ADDRESS_TEXT = 46,
	TIMESTAMP_MAX = 320,
	MECHANISMS_MAX = 200 /* the names of all */
};

/* --- settings, read once --- */

enum plaintext { PLAINTEXT_TLS, PLAINTEXT_LOOPBACK, PLAINTEXT_ALWAYS };

struct settings {
	enum plaintext plaintext;
	enum language language;
	bool apop;
	uint32_t max_failures, max_connections, max_per_address;
	uint32_t login_delay, login_delay_max;
	int32_t expire_days;
	enum mechanism mechanisms[MECHANISM_COUNT]; /* to offer, in this order */
	size_t nmechanisms;
	enum client_cert_name client_name;
	struct timeval login_timeout;
	char hostname[256];
	struct buf trusted; /* proxy_trusted, see net_list_holds */
	bool proxy_tls;
};

/* --- peers --- */

TAILQ_HEAD(held_list, held);
LIST_HEAD(client_list, client);

/* A peer: its channel (fd -1 while it is being restarted) and the messages that wait for it. */
struct peer {
	struct login *l;
	struct channel channel;
	struct event readable, writable;
	struct held_list held;
	uint32_t in_flight; /* questions that it has not answered */
	bool answers;       /* auth does, the spawner does not */
};

void peer_init(struct peer *, struct login *, bool answers);
/* Takes the channel of a peer that was started (again). */
void peer_connect(struct peer *, const struct channel *);
/* Sends l->send, and wipes it: it may hold a password. 1: sent; 0: it waits and will be sent, in
 * order; -1: it cannot be sent. */
int peer_send(struct peer *, struct client *);
/* Does a message of this type about the client still wait here? */
bool peer_holds(const struct client *, enum msg_type);
/* The client wants nothing more from the peer. */
void peer_forget(struct peer *, struct client *);
/* An answer about the client has come. */
void peer_answered(struct peer *, struct client *);

/* --- a connection before login --- */

enum client_state {
	CLIENT_PROXY,     /* the proxy before it owes a header */
	CLIENT_HANDSHAKE, /* of TLS */
	CLIENT_COMMAND,
	CLIENT_SASL,     /* owes a line of an AUTH exchange */
	CLIENT_AUTH,     /* auth owes an answer */
	CLIENT_DELAY,    /* a failure whose reply is being held back */
	CLIENT_HANDOVER, /* on its way to the spawner */
	CLIENT_CLOSING,  /* has its last words, and must take them */
	CLIENT_GONE      /* about to be freed */
};

struct address {
	sa_family_t family; /* 0 = none */
	unsigned char ip[16];
};

struct client {
	LIST_ENTRY(client) link;
	struct login *l;
	struct stream stream;
	struct event io, timer;
	short armed;      /* EV_READ, EV_WRITE: what io waits for */
	uint8_t state;    /* enum client_state */
	uint8_t language; /* enum language */
	bool utf8, loopback, greeted;
	bool counted;   /* in the limits, by us */
	bool in_flight; /* auth owes it an answer */
	bool finished;  /* CLIENT_CLOSING: TLS is ended */
	uint8_t failures, errors;
	struct line_reader in;
	char *user;        /* of USER; NULL = none */
	struct held *held; /* its message to a peer that waits; NULL = none */
	const char *why;   /* it ends */
	struct address from, to;
	bool tls_first;         /* CLIENT_PROXY: TLS comes next */
	bool front_tls;         /* came to a proxy over TLS, and that counts (proxy_tls) */
	char front_version[16]; /* of that TLS; "" = not told */
	char *header;           /* CLIENT_PROXY: what has come of it; NULL = nothing */
	size_t nheader;
	uint64_t serial;         /* makes its APOP timestamp unique */
	uint64_t limit;          /* key of its address in the limits */
	int64_t began, deadline; /* clock_ms */
	int64_t delay_over;      /* clock_us */
	LIST_ENTRY(client) exchange;
	uint32_t id; /* of its exchange with auth; 0 = none */
	int session; /* CLIENT_HANDOVER with TLS: our end; -1 = none */
	int handed;  /* CLIENT_HANDOVER: what the spawner gets */
};

/* Takes a connection that is counted in the limits. */
void client_open(const struct listener *, int fd, const struct address *, uint64_t limit);
/* The client's own first octets come next: greets, or starts TLS. Not the end of a turn. */
void client_begin(struct client *, bool tls);
/* Can nobody read what it says on its way here? By our TLS, or that of a proxy. */
bool client_encrypted(const struct client *);
/* The version of its TLS, "" = none. */
const char *client_tls(const struct client *);
/* Appends to what the client is told; it is sent when the commands that are here have run. */
void client_text(struct client *, const char *text, size_t n);
void client_reply(struct client *, enum reply_id);
/* Runs the commands that are here: after a pause (auth, delay) is over. */
void client_resume(struct client *);
/* Ends the turn of a client, the last call of every event about it: sends what it was told and
 * waits for more, or frees it. */
void client_settle(struct client *);
/* Last words were said: closes when the client has them. why: for the log. */
void client_end(struct client *, const char *why);
/* At once. */
void client_close(struct client *, const char *why);
/* No event of its socket is wanted any more. */
void client_unwatch(struct client *);
/* Waits until clock_us, in CLIENT_DELAY; then auth_delayed(). */
void client_delay(struct client *, int64_t until);
void client_start_tls(struct client *);

/* "192.0.2.1", "" when it is none; cap at least ADDRESS_TEXT. */
void address_text(const struct address *, char *to, size_t cap);
bool address_from(const struct sockaddr *, struct address *);
bool address_is_loopback(const struct address *);
/* The server's end of the connection. */
void client_server_ip(struct client *, char *to, size_t cap);
/* One more senseless command; ends the connection when there were too many. */
void client_error(struct client *, enum reply_id);

/* --- commands --- */

void command_greet(struct client *);
void command_line(struct client *, struct slice line);

/* --- authentication --- */

void auth_user(struct client *, struct slice name);
void auth_pass(struct client *, struct slice password);
void auth_apop(struct client *, struct slice name, struct slice digest);
void auth_sasl(struct client *, const struct command *);
/* The client's line in CLIENT_SASL. */
void auth_line(struct client *, struct slice line);
/* The line was longer than anybody's response may be, or held a NUL. */
void auth_bad_line(struct client *, enum reply_id);
/* The reply that was held back. */
void auth_delayed(struct client *);
/* The client goes away, whatever was under way. */
void auth_forget(struct client *);
/* Its message that waited cannot be sent. */
void auth_unsent(struct client *);
/* Auth was restarted: what it was asked is lost. */
void auth_lost(struct login *);
/* Messages of the auth role, in l->msg. */
void auth_message(struct login *);
/* Its APOP timestamp, "<...>". */
void auth_timestamp(const struct client *, char *to, size_t cap);

/* --- which mechanisms --- */

void mechanisms_read(struct settings *, const struct conf *);
/* May this client use it now? Where not, *why is what to reply. */
bool mechanism_allowed(const struct client *, enum mechanism, enum reply_id *why);
/* All that it may use now; cap at least MECHANISMS_MAX. */
void mechanisms_list(const struct client *, const char *separator, char *to, size_t cap);
/* Puts what the mechanism needs to know of the client's TLS into AUTH_START. */
void mechanism_facts(const struct client *, enum mechanism, struct msg *);

/* --- handover, relay --- */

/* Auth has granted a session: ticket of TICKET_LEN octets. */
void handover(struct client *, const unsigned char *ticket);
/* The HANDOVER message is with the spawner: the client is gone from here, or becomes a relay. */
void handover_sent(struct client *);
void handover_failed(struct client *);
/* The spawner was restarted: it does not know the tickets of before. */
void handover_lost(struct login *);
/* Takes over stream and count of a client; session: our end of the socket pair. */
void relay_open(struct login *, const struct stream *, int session, uint64_t limit);

/* --- behind a proxy --- */

/* Is this one of the proxies that may say where a client comes from? */
bool front_is_trusted(const struct login *, const struct address *);
/* CLIENT_PROXY: the socket has something. Reads no octet beyond the header. */
void front_read(struct client *);

/* --- listening --- */

struct listener {
	struct login *l;
	struct event event;
	bool tls, proxy;
};

void listen_open_all(struct login *, const struct role_start *);
void listen_close_all(struct login *);
/* Lets the other processes take the next connections: this one has taken on the work of TLS. */
void listen_step_back(struct login *);

/* --- reports --- */

/* The line for a connection that ended without a login. */
void report_end(const struct client *);
/* May one more line about strangers be written now? So a flood does not fill the disk. */
bool report_allowed(struct login *);

/* --- the process --- */

struct login {
	struct event_base *base;
	struct channel master;
	struct event from_master;
	struct settings settings;
	const struct timeval *login_timeout; /* libevent's shared timer queue for it */
	struct tls *tls;                     /* NULL = no certificate */
	struct peer auth, session;
	struct limits limits;
	struct listener *listeners;
	size_t nlisteners;
	struct event listen_again;
	struct client_list clients;
	LIST_HEAD(, relay) relays;
	struct client_list exchanges[EXCHANGE_BUCKETS]; /* clients by id */
	uint32_t exchange;                              /* the id given last */
	uint64_t serial, started;                       /* for APOP timestamps */
	int epoll;     /* libevent's, see listen.c; -1 = not known */
	bool draining; /* takes no new connections */
	bool stopping; /* nor a login */
	int64_t report_second;
	uint32_t reports, unreported;
	struct wire wire;      /* to a client's socket; one at a time uses it */
	char input[INPUT_MAX]; /* from the client whose turn it is */
	size_t ninput;         /* how much of it is not wiped */
	char text[TEXT_MAX];   /* replies to that client */
	size_t ntext;
	const struct client *speaking_to;
	char chunk[RELAY_CHUNK]; /* between a session and its client */
	struct msg msg;          /* received */
	struct msg send;         /* being made */
};

/* Ends the loop when the process is draining and nothing is left. */
void login_check_over(struct login *);

#endif
