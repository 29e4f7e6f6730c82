/* load.h - what the files of restante-load share.
 *
 * A mode (load_mode.c) is a row of steps: POP3 commands, each with the reply that it must get. A
 * connection (load_conn.c) walks the steps, reply.c's scanner finds where replies end, and the run
 * (load_run.c) owns the connections, the clock and the samples. Whatever is not exactly as POP3
 * wants ends the program: a figure is only printed when every reply was right.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/ssl.h>

enum {
	PIPELINE_MAX = 256, /* commands under way on one connection */
	COMMAND_MAX = 256,  /* octets of a command with CRLF */
	STATUS_MAX = 512,   /* octets of a status line or of a line of LIST or UIDL, with CRLF */
	IN_SIZE = 128 * 1024
};

/* --- replies (load_reply.c) --- */

enum reply_kind {
	REPLY_LINE, /* a status line */
	REPLY_ROWS, /* a status line, then rows up to the dot: each goes to row() */
	REPLY_BODY  /* a status line, then a message up to the dot: counted */
};

struct reply {
	enum reply_kind kind;
	enum { AT_STATUS, AT_LINE, IN_LINE, AT_END } at;
	char last;       /* octet before the next one, in REPLY_BODY */
	uint64_t octets; /* of the message: without the stuffed dots and the ending line */
	const char *error;
	/* One row without its CRLF; returns NULL or what is wrong with it. */
	const char *(*row)(void *arg, const char *line, size_t n);
	void *arg;
	size_t status_len;
	char status[STATUS_MAX]; /* without CRLF, NUL-terminated */
};

void reply_begin(struct reply *r, enum reply_kind kind,
	const char *(*row)(void *, const char *, size_t), void *arg);
/* Scans the next n octets and returns how many it used; the rest (at most STATUS_MAX) must come
 * again with more behind it. Ends with r->at == AT_END, or with r->error set. */
size_t reply_scan(struct reply *r, const char *p, size_t n);

/* --- steps and modes (load_mode.c) --- */

struct conn;

struct step {
	const char *name;
	const char *format; /* of the command, see step_command(); NULL: nothing is sent */
	enum reply_kind kind;
	const char *(*row)(void *conn, const char *line, size_t n);
	const char *(*check)(struct conn *c, uint32_t number); /* NULL, or what is wrong */
};

struct mode {
	const char *name, *doc;
	const struct step *head[8]; /* once a session, one after the other */
	const struct step *each[4]; /* for every message; these are pipelined */
	const struct step *tail[2]; /* at the end of the session */
	/* A sample: from asking the one to the end of the reply to the other. */
	const struct step *from, *to;
	bool hold; /* after the head: print "ready", wait for a line of standard input or its end */
	bool unique; /* see to it that no UIDL comes twice */
};

extern const struct mode load_modes[];
const struct mode *mode_find(const char *name);
/* Writes the command of a step; returns its octets. */
size_t step_command(
	const struct step *s, const struct conn *c, uint32_t number, char *out, size_t n);

/* --- connections (load_conn.c) --- */

struct user {
	char *name, *password;
};

struct asked {
	const struct step *step;
	uint32_t number;
	uint64_t at; /* nanoseconds */
};

struct mailbox {
	uint32_t count, room;
	uint32_t rows; /* seen of the listing that is being read */
	uint64_t octets, sum;
	uint32_t *sizes;
	uint64_t *hashes; /* of the UIDLs; NULL unless mode->unique */
};

enum phase { IN_HEAD, AT_BARRIER, IN_EACH, AT_FINISH, IN_TAIL, CLOSING, CLOSED };

struct conn {
	struct run *run;
	unsigned index; /* among the connections */
	unsigned lap;   /* sessions begun */
	int fd;
	SSL *ssl;
	bool shaking;   /* TLS handshake not over */
	uint32_t armed; /* epoll events asked for */
	enum phase phase;
	unsigned next;                    /* step of head or tail */
	uint64_t done, sent, quota;       /* steps of each */
	struct asked asked[PIPELINE_MAX]; /* a ring; positions count up */
	unsigned oldest, newest;
	uint64_t from; /* when mode->from was asked */
	struct reply reply;
	struct mailbox box;
	char *in;
	size_t in_len, out_len;
	char out[PIPELINE_MAX * 32 + COMMAND_MAX];
};

const struct user *conn_user(const struct conn *c);
/* Connects and begins a session. */
void conn_start(struct conn *c);
/* Asks what can be asked now. */
void conn_advance(struct conn *c);
/* Reads what is there (blocks first when the run is a blocking one) and deals with it. */
void conn_event(struct conn *c);
/* Says what went wrong on this connection and ends the program with 1. */
_Noreturn void conn_fail(const struct conn *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* --- the run (load_run.c) --- */

struct load_options {
	const char *host, *port, *users, *cpu_file;
	const struct mode *mode;
	bool tls, resume;
	unsigned connections, pipeline;
	unsigned first; /* modes that hold: so many connections, "ready", a line; then the others */
	uint64_t count; /* sessions of the run, or messages a connection; 0 = all, or no limit */
	double seconds; /* 0 = no limit */
	int timeout;    /* seconds without any reply until the run has failed */
};

struct run {
	const struct load_options *opt;
	bool blocking; /* one connection: plain blocking reads, as an ordinary client does */
	int epoll;
	SSL_CTX *tls;
	SSL_SESSION *ticket;
	struct user *users;
	unsigned nusers;
	struct conn *conns;
	unsigned open, waiting, finished;
	uint64_t started; /* sessions */
	uint64_t units, octets, resumed;
	uint64_t begin, end, deadline; /* nanoseconds */
	uint64_t cpu_begin, cpu_end;   /* microseconds, of the server */
	uint64_t own_begin, own_end;   /* microseconds, of this program */
	uint32_t *samples;             /* microseconds */
	size_t nsamples, room;
};

uint64_t now_ns(void);
void run_sample(struct run *r, uint64_t ns);
/* A connection has its head behind it; has got all its messages; its session is over. */
void run_arrived(struct conn *c);
void run_finished(struct conn *c);
void run_closed(struct conn *c);
/* Does the run and prints its figures as one line of key=value. */
void run_all(const struct load_options *opt);
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- the self-test (load_self.c) --- */

/* Runs restante-load's checks against a server that breaks the protocol; returns an exit code. */
int self_test(void);

#endif
