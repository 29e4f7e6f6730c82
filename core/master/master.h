/* The master: starts the roles, hands them what only root can get, and keeps them alive.
 *
 * It parses nothing that comes from outside and loads no plugin. A configuration is read by
 * restante-check and comes back in wire form; a generation is the set of role processes that work
 * with one configuration. A reload builds a whole new generation beside the old one. */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "conf/conf.h"
#include "ipc/limits.h"
#include "ipc/msg.h"
#include "sys/listen.h"

enum {
	MASTER_LISTENERS = 64,
	MASTER_FILES = 128,
	MASTER_GROUPS = 64,
	MASTER_KEY = 80, /* octets of a ticket key: name, AES key, HMAC key */
	MASTER_KEYS = 3  /* the one in use and two that still decrypt */
};

struct listener {
	enum role role; /* who takes its connections */
	char text[128]; /* as configured */
	struct listen_address address;
	int fd;
};

struct control {
	struct listen_address address; /* len 0 = there is none */
	int fd;
};

struct file {
	const char *setting; /* "tls_key" */
	uint32_t index;      /* in that list */
	const char *path;    /* of the configuration */
	int fd;
};

enum process_state { DOWN, STARTING, WORKING };

struct process {
	enum role role;
	uint32_t number; /* among its role: 0, 1, ... */
	pid_t pid;       /* also its process group, where a spawner's sessions live too */
	struct channel channel;
	enum process_state state;
	int failed;      /* it said why it is going to end */
	uint32_t column; /* in the table of connection counts */
	int64_t since;   /* when it was started */
	int64_t due;     /* when a dead one is to be started again */
	int64_t pause;   /* before that, in milliseconds */
};

enum generation_state { COMING, SERVING, DRAINING };

struct generation {
	struct generation *next;
	enum generation_state state;
	int asked_front; /* COMING: the other roles work, those that meet clients were told to start
			  */
	struct conf *conf;
	int config[ROLES]; /* a memfd with the subset of each role */
	struct listener listeners[MASTER_LISTENERS];
	size_t nlisteners;
	struct file files[MASTER_FILES];
	size_t nfiles;
	struct control controls[ROLES]; /* where restantectl asks */
	struct process *processes;
	size_t n;
};

struct master {
	const char *config_file;
	int foreground;
	int privileged; /* started by root */
	int log;        /* what the roles get as descriptor 2 */
	int outcome; /* whoever started us in the background waits at the other end; -1 = nobody */
	int pidfile, signals;
	char runtime_dir[3072], empty[3104]; /* empty: the root folder of roles without files */
	struct generation *generations;
	int counts; /* memfd */
	struct limits limits;
	uint64_t columns;                /* of the table that are taken */
	unsigned controls;               /* sockets for restantectl so far */
	int inherited[MASTER_LISTENERS]; /* sockets from systemd; -1 = taken */
	size_t ninherited;
	unsigned char keys[MASTER_KEYS * MASTER_KEY];
	size_t nkeys;
	int64_t rotate;              /* when the next ticket key is due */
	pid_t groups[MASTER_GROUPS]; /* of spawners that died before their sessions */
	size_t ngroups;
	int reload;       /* asked for while another was under way */
	int status;       /* exit status */
	int stop_step;    /* 0 = not stopping; see stop.c */
	int64_t stop_due; /* of the next step */
	struct msg msg;   /* being built or handled */
};

/* --- check.c: the configuration --- */

/* Runs restante-check on the file, for at most 5 seconds; its messages go to descriptor 2. NULL
 * when the configuration is refused. Blocks. */
struct conf *check_run(const char *config_file);

/* --- process.c: the table of roles, and one process of them --- */

/* Decides which processes there will be; allocates g->processes, none is started. */
void processes_plan(struct generation *g);
/* Starts p and gives it everything but its peers. 0, or -1 and a line in the log. */
int process_start(struct master *m, struct generation *g, struct process *p);
/* A channel between two processes that may talk. 0, or -1 and a line in the log. */
int process_connect(struct master *m, struct process *a, struct process *b);
/* Sends a message with one number: START, DRAIN. */
int process_tell(struct master *m, struct process *p, enum msg_type type, uint32_t value);
/* Closes what belongs to a process that is dead. */
void process_gone(struct master *m, struct process *p);

/* --- generation.c --- */

/* Starts the processes for conf, which it owns from now on. Whether they come up shows later; on an
 * error that shows at once it is on its way out already. Errors are in the log. */
void generation_start(struct master *m, struct conf *conf);
/* A new configuration came to nothing: the old one stays, or this is the end. */
void generation_refused(struct master *m);
/* Lets it take nothing new; it ends when its last session ends. */
void generation_drain(struct master *m, struct generation *g);
/* The process's channel has something. */
void generation_message(struct master *m, struct generation *g, struct process *p);
/* The process is dead. */
void generation_ended(struct master *m, struct generation *g, struct process *p, int status);
/* Does what is due. Returns when it wants to be called again, INT64_MAX = never. */
int64_t generation_tick(struct master *m, struct generation *g, int64_t now);
/* The one in that state, or NULL. */
struct generation *generation_in(const struct master *m, enum generation_state state);
/* Forgets those whose processes are all gone. */
void generations_sweep(struct master *m);

/* --- stop.c --- */

/* The end is asked for; a second time hurries. */
void stop_begin(struct master *m);
/* The next step when it is due, and the end: 1 = nothing is left. */
int stop_tick(struct master *m, int64_t now);
/* A spawner died; its sessions may live on, in its process group. */
void stop_remember(struct master *m, pid_t group);
/* Forgets groups that are empty. */
void stop_prune(struct master *m);

/* --- resources.c: what only root can open --- */

/* 0, or -1 and a line in the log. Sockets that another generation has open are shared. */
int resources_open(struct master *m, struct generation *g);
/* The file of a Unix socket goes with the last generation that has it open. */
void resources_close(struct master *m, struct generation *g);

/* --- control.c: where restantectl asks --- */

/* Makes the sockets of a generation; what cannot be made is logged and missing. */
void control_open(struct master *m, struct generation *g);
/* They are handed out, for good. */
void control_close(struct generation *g);
/* Nobody listens there any more: removes the files. */
void control_remove(struct generation *g);
/* Removes those that a master before this one has left. */
void control_sweep(const struct master *m);

/* --- tickets.c --- */

/* Makes a new key, newest first, and gives all login processes the keys. */
void tickets_rotate(struct master *m);
int tickets_send(struct master *m, const struct process *p);

/* --- loop.c --- */

/* Reads the configuration and starts the first generation, or the next. */
void loop_reload(struct master *m);
/* Works until the end; m->status is the exit status. */
void loop_run(struct master *m);

/* --- main.c --- */

/* The first generation serves: leaves the terminal, tells whoever waits. */
void master_serves(struct master *m);

#endif
