/* restante-plugin-test: what its files share.
 *
 * A case is a function that runs in a process of its own, with a home folder of its own, and ends
 * by returning (it passed) or by fail() or skip(). main.c reads the arguments, run.c runs the
 * cases, load.c loads the plugin into a case, host.c is the core that the plugin sees there, box.c
 * opens mailboxes and reads them, watch.c sees what is left behind, peer.c starts and kills other
 * processes, disturb.c lets their system calls fail, samples.c makes messages; the cases are in
 * case_*.c.
 */
#ifndef TESTKIT_KIT_H
#define TESTKIT_KIT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <restante/plugin.h>
#include "base/buf.h"
#include "conf/conf.h"
#include "plug/host.h"

enum { KIT_ARGS = 64, KIT_MS = 30000 /* what left_ms() begins with */ };

/* What the command line says; the same for all cases. */
struct kit_options {
	const char *file; /* absolute: path */
	char path[PATH_MAX];
	char name[128];                      /* "storage-maildir" */
	const char *args[KIT_ARGS];          /* "setting=value" */
	size_t nargs, messages;              /* messages: of the case "many" */
	unsigned points;                     /* how many system calls are disturbed */
	const char *user, *password, *token; /* NULL = not given */
	int factor;                          /* of all time limits */
	bool verbose, valgrind;
};

/* One case's world. */
struct kit {
	const struct kit_options *opt;
	void *handle; /* of the plugin's file, which stays loaded */
	const struct restante_plugin *plugin;
	const struct restante_storage *storage;
	const struct restante_auth *auth;
	struct conf_setting *settings;
	struct conf_plugin conf;
	struct plug plug;
	struct restante_user
		user; /* whose mailbox: the invoking user's ids, a home of the case's */
	char home[256];
	int ms;      /* what left_ms() begins with; 0 = KIT_MS */
	bool strict; /* a call of the host that breaks a rule ends the case */
};

/* What a case needs; without it there is nothing to run. */
enum kit_need {
	NEED_NOTHING = 0,
	NEED_STORAGE = 1,
	NEED_PUT = 2, /* put_begin ...: deliveries */
	NEED_NOTES = 4,
	NEED_MAINTAIN = 8,
	NEED_AUTH = 16,
	NEED_USER = 32, /* user= and password= on the command line */
	NEED_CHECK = 64,
	NEED_VERIFY = 128,
	NEED_LOOKUP = 256,
	NEED_TOKENS = 512, /* token() */
	NEED_TOKEN = 1024, /* token= on the command line */
	NEED_KEEP = 2048
};

struct kit_case {
	const char *name, *doc;
	unsigned needs; /* enum kit_need */
	int seconds;
	void (*run)(struct kit *);
};
/* each ends with a row without a name */
extern const struct kit_case entry_cases[], read_cases[], write_cases[], process_cases[],
	crash_cases[], fault_cases[], auth_cases[];

/* End the case. */
void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* --- run.c --- */
enum { KIT_PASSED = 0, KIT_FAILED = 1, KIT_USAGE = 2, KIT_CANNOT = 4, KIT_SKIPPED = 77 };
/* Runs one case in a child; prints its line of TAP. KIT_PASSED, KIT_FAILED or KIT_SKIPPED. */
int run_case(const struct kit_options *, const struct kit_case *, size_t number);
/* The needs that the plugin can meet, found out in a child; -1 with *why. */
int run_probe(const struct kit_options *, struct buf *why);
/* For --run: the case in this process. */
_Noreturn void run_here(const struct kit_options *, const struct kit_case *);

/* --- load.c --- */
/* Loads the plugin and reads the settings; calls nothing in it. 0, or -1 with *why. */
int kit_load(struct kit *, const struct kit_options *, struct buf *why);
/* Gives the setting another value. 0, or -1 when its type does not allow that. */
int kit_set(struct kit *, size_t setting, const char *value);
unsigned kit_offers(const struct kit *);
/* Was the plugin built from a later header, and may know members that this program does not? */
bool kit_is_older(const struct kit *);

/* --- host.c: the core that the plugin sees --- */
struct kit_host {
	struct host inner;
	struct restante_host api; /* give &host.api to the plugin; the struct must not move */
	const struct kit *kit;
	unsigned errors, lines; /* lines of the log: errors and worse, all */
};
/* user NULL: for an auth plugin. Makes the folders that PATH settings name. */
void kit_host_open(struct kit_host *, const struct kit *, const struct restante_user *);
void kit_host_close(struct kit_host *);

/* --- box.c: a mailbox --- */
struct item {
	uint64_t key, octets;
	char *uid;
	const char *its_uid; /* the plugin's string: it has to stay */
};
struct box {
	struct kit *kit;
	const struct restante_storage *s;
	void *st;
	struct item *list;
	size_t n;
	struct kit_host host;
};
enum { ANY_MODE = 0 };
/* Fails the case when the result is none that the call may give. */
int legal(const char *call, int result, unsigned mask);
#define R(result) (1u << -(result))
#define OPEN_RESULTS (R(RESTANTE_OK) | R(RESTANTE_TEMP) | R(RESTANTE_PERM) | R(RESTANTE_BUSY))
#define BODY_RESULTS (R(RESTANTE_OK) | R(RESTANTE_TEMP) | R(RESTANTE_PERM) | R(RESTANTE_GONE))
#define PUT_RESULTS (OPEN_RESULTS | R(RESTANTE_FULL))
int box_try(struct box *, struct kit *, uint32_t mode);
void box_open(struct box *, struct kit *, uint32_t mode); /* must succeed */
int box_try_list(struct box *);
void box_list(struct box *);                /* must succeed */
void box_begin(struct box *, struct kit *); /* a session, listed */
void box_close(struct box *);
void box_forget(struct box *); /* the list */
/* The whole stored message into *out, read() asked for at most piece octets. OK or the result. */
int box_read(struct box *, uint64_t key, size_t piece, struct restante_body *, struct buf *out);
/* The wire form of message i, which must be there. */
void box_wire(struct box *, size_t i, struct buf *wire);
/* The same, and it must be as long as list() and body() say. */
void box_exact(struct box *, size_t i, struct buf *wire);
/* One message into a handle. commit 0 drops it. */
int box_put(struct box *, const struct restante_put *, const struct buf *, int commit);
/* A delivery of its own: open, put, close; must succeed. */
void deliver(struct kit *, const struct buf *);
void deliver_number(struct kit *, size_t number);
/* Index in the list, or n. */
size_t box_find(const struct box *, const char *uid);
/* Skips the case when the mailbox is not empty. */
void need_empty(struct kit *);

/* --- samples.c --- */
size_t samples(void);
const char *sample(size_t i, struct buf *out); /* its name */
void numbered(size_t number, struct buf *out); /* a message that tells its number */
/* RFC 1939 sections 3 and 11: CRLF line ends, a last line that is whole; counted octet by octet. */
void to_wire(const struct buf *stored, struct buf *out);
size_t wire_octets(const struct buf *stored); /* of to_wire; allocates nothing */
bool same(const struct buf *, const struct buf *);

/* --- watch.c --- */
size_t watch_files(void); /* how many are open */
/* Fails the case when fn leaves memory behind each time. */
void watch_memory(struct kit *, void (*fn)(struct kit *), int rounds);
void watch_children(const struct kit *); /* fails the case when there are any */
/* Enters the sandbox in which a server calls the plugin: a session's, or (user NULL) a worker's. */
void watch_sandbox(struct kit *, const struct restante_user *user);

/* --- peer.c: other processes --- */
struct peer {
	pid_t pid;
	int to, from;
};
/* Forks; fn runs there when peer_go is called, its value is peer_go's. It may be called again and
 * again. No handle may be open while it is started. */
void peer_start(struct peer *, struct kit *, int (*fn)(struct kit *, int step));
int peer_go(struct peer *, int step);
void peer_stop(struct peer *); /* in order */
void peer_kill(struct peer *); /* SIGKILL */
/* Runs fn in a process that is killed before its nth system call (0 = never). The number of system
 * calls that it made; *status as waitpid gives it. Skips the case where that is not permitted. */
unsigned killed_at(
	struct kit *, void (*fn)(struct kit *, void *), void *, unsigned nth, int *status);

/* --- disturb.c --- */
/* The same, and the nth system call on files fails with EIO; only these are counted. */
unsigned failed_at(
	struct kit *, void (*fn)(struct kit *, void *), void *, unsigned nth, int *status);

#endif
