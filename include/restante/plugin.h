/* restante/plugin.h - the interface between Restante's core and its storage and auth plugins.
 *
 * A plugin is a shared object that exports one constant structure, defined with RESTANTE_PLUGIN().
 * It links with libc and with whatever libraries it likes, and never with the core: everything
 * that the core offers arrives in a struct restante_host.
 *
 * Interface 1.0 is frozen. A plugin that was built with this header, or with that of any later 1.x,
 * is never rebuilt for another release of Restante.
 *
 * What a plugin may count on:
 *
 *  - The entry is constant data. The core checks a configuration and prints help without calling
 *    the plugin. The major version of the interface is part of the symbol's name.
 *  - Structures grow at the end only; members are never reordered, resized or given a new meaning.
 *    Who allocates a structure sets .size; who reads a member that was added after 1.0 tests
 *    RESTANTE_HAS first, who writes one tests RESTANTE_FITS. 0 or NULL in a member always means
 *    "as before". A structure that is as long as in 1.0 is never too short, a longer one never too
 *    long. Experiments go through ext("name/1"), never through the tail of a structure.
 *  - Enumerations and flags grow too. A plugin ignores flags that it does not know and answers a
 *    mode or a task that it does not know with PERM. A core refuses a type of setting and passes
 *    over a flag that it does not know: a plugin that needs one says so in need_minor.
 *  - No call is made from a second thread, none from a signal handler, and no plugin is unloaded.
 *  - SIGPIPE is ignored wherever calls are made.
 *
 * What the core counts on: a call returns - no exit(), no longjmp() and no exception out of it -
 * and leaves alone what belongs to the process: other signals, the working folder, umask, locale,
 * environment, limits, descriptors that it did not open (0 to 2 among them), children that it did
 * not start. A plugin that declares threads or children starts them in open() or later and ends
 * them in close(), waits for its own children by their ids, and calls the host from no other
 * thread than the one it was called in.
 *
 * Where calls are made:
 *
 *   [load]   every process that uses the plugin, when it starts: constructors only, as whoever
 *            that process is at that moment. They have no business in a plugin.
 *   [check]  the configuration checker: no privileges, no I/O, killed after two seconds
 *   [auth]   a worker that has this plugin and no other, or a tool that asks as one does, one
 *            request at a time, unprivileged (root where the plugin NEEDS_ROOT); killed when a call
 *            is a second late
 *   [sess]   one POP3 session          } as the mailbox's owner, after fork, uid drop and sandbox
 *   [dlv]    one delivery; killed when it is a second late      }
 *   [mnt]    maintenance and conversion (restantectl): no limit }
 *
 * [auth], [sess], [dlv] and [mnt] may block on disk or network, until left_ms() is 0; each call has
 * its own time, but a delivery has one for all of its calls. The process has nothing else to do
 * meanwhile. Who calls a member stands before its comment in brackets.
 *
 * Ownership: what the core passes to a call dies when the call returns, except where it says
 * otherwise. What a plugin returns comes from host->alloc, is constant, or is owned by the handle
 * and stays valid until close(); the core frees none of it. No pointer that the core passes is NULL
 * except where it says so. Strings end with NUL. All times are seconds since the epoch, all sizes
 * octets. A descriptor that a plugin opens has O_CLOEXEC and is closed by close() at the latest.
 */
#ifndef RESTANTE_PLUGIN_H
#define RESTANTE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RESTANTE_MAGIC 0x52535431u /* "RST1" */
#define RESTANTE_MINOR 0u	   /* of the interface that this header describes */

/* Does the structure that s points to reach as far as member m, and is the member set? */
#define RESTANTE_FITS(s, m) ((s)->size >= (size_t)((const char *)&(s)->m - (const char *)(s)) + sizeof((s)->m))
#define RESTANTE_HAS(s, m) (RESTANTE_FITS(s, m) && (s)->m)

/* What a call returns. Every value below 0 leaves the mailbox as it was, except where it says so. A
 * value that the call may not give counts as PERM; any call may give OK, TEMP and PERM. The core
 * logs none of them: the plugin logs why, with what must be done. */
enum restante_result {
	RESTANTE_OK = 0,    /* any call */
	RESTANTE_TEMP = -1, /* the backend is down, try again later   -> -ERR [SYS/TEMP] */
	RESTANTE_PERM = -2, /* an administrator must act              -> -ERR [SYS/PERM] */
	RESTANTE_BUSY = -3, /* open, list: another session has it     -> -ERR [IN-USE] */
	RESTANTE_DENY = -4, /* auth: wrong secret or no such user     -> -ERR [AUTH] */
	RESTANTE_GONE = -5, /* body, read: the message exists no longer */
	RESTANTE_NONE = -6, /* auth: not known here, ask the next plugin; note_get: no such note */
	RESTANTE_FULL = -7  /* put calls, note_put, open for DELIVER: over quota or disk full */
};

/* --- settings ---------------------------------------------------------------------------------
 *
 * The table of settings is what the core validates a configuration against, what restantectl(8)
 * prints as help, and what the sandbox is derived from.
 */
enum restante_type {
	RESTANTE_BOOL = 1, /* yes | no */
	RESTANTE_INT,	   /* 0 and up; range "1..100", "..100", "1.."; of SIZE and SECONDS too */
	RESTANTE_SIZE,	   /* octets: "64MB", "4k"; num() gives octets */
	RESTANTE_SECONDS,  /* "10min", "36h"; num() gives seconds */
	RESTANTE_STRING,   /* range NULL, or the largest length as "..64" */
	RESTANTE_PATH,	   /* absolute; ~ or %h is the user's home, %u user, %n local part, %d domain */
	RESTANTE_ENUM,	   /* range "none|fcntl|dotlock" */
	RESTANTE_SECRET	   /* as STRING, never printed or logged. With PER_USER an auth record can hand
			      a storage its key or its password for another server */
};

enum restante_setting_flag {
	RESTANTE_REQUIRED = 1, /* has no usable default */
	RESTANTE_PER_USER = 2, /* an auth record may override it */
	/* What a PATH opens in the sandbox: by default the file or folder itself, for reading and
	 * writing. The rest of the file system stays closed. */
	RESTANTE_READ_ONLY = 4,
	RESTANTE_FOLDER = 8,   /* a folder with all below it; made, mode 0700, where it is missing */
	RESTANTE_IN_FOLDER = 16, /* a file; the folder that holds it is opened too (lock files, rename) */
	/* { "one", "two" } in the file; type and range are those of each item, which is never empty
	 * and has no space in it. fallback and an auth record's override have the items with one
	 * space between them. */
	RESTANTE_LIST = 32
};

struct restante_setting {
	const char *name;     /* a-z, 0-9 and _, a letter first; unique in the plugin */
	uint32_t type;	      /* enum restante_type */
	uint32_t flags;	      /* enum restante_setting_flag */
	const char *fallback; /* the default, as written in the file; NULL = unset ("" or 0) */
	const char *doc;      /* one line; printed by the tools */
	const char *range;    /* see enum restante_type; NULL = any */
};

/* --- what the core offers ---------------------------------------------------------------------
 *
 * The structure and what it points to stay valid until close() of the handle it was given to; that
 * of check() until check() returns. Its calls are made in the process and the thread that the core
 * called the plugin in, between open() and the end of close(); none of them does I/O but log(),
 * none fails, and none of what they return is freed by the plugin.
 */
struct restante_host {
	uint32_t size, minor; /* of this core: sizeof, RESTANTE_MINOR */
	void *c;	      /* first argument of each call */

	/* One line for the log, without a newline; syslog's priorities. Never blocks for long. */
	void (*log)(void *c, int syslog_priority, const char *fmt, ...)
#if defined(__GNUC__)
		__attribute__((format(printf, 3, 4)))
#endif
		;
	/* The value of one of the plugin's own settings: validated, the default and the user's
	 * override applied, ~ and % expanded; "" and 0 = unset. A name that is not in the table gives
	 * "" and 0 and a line in the log. In check() nothing is expanded and nobody's override is
	 * applied: it is not called for a user. */
	const char *(*str)(void *c, const char *setting);
	int64_t (*num)(void *c, const char *setting); /* BOOL 0/1, INT, SIZE octets, SECONDS, ENUM index */
	/* Zeroed memory that lives until close(); never NULL (the process ends when there is none). For
	 * what lasts as long as the handle. What comes and goes, in an auth plugin with each request,
	 * is malloc's, and a secret is wiped by who put it there. */
	void *(*alloc)(void *c, size_t n);
	/* Milliseconds until this call should have returned; 0 when the time is over. */
	int64_t (*left_ms)(void *c);
	/* The octets on the wire (RFC 1939 section 11: CRLF line ends, last line completed, before
	 * dot-stuffing) of n stored octets. *state is 0 before the first piece of a message; a last
	 * call with n == 0 gives what completing the last line adds (2 or 0). Bare CR, NUL and 8-bit
	 * octets count as themselves. */
	int64_t (*measure)(void *c, const void *p, size_t n, uint32_t *state);
	/* An extension of the core by name and version, "name/1": constant, or NULL. None exists. */
	const void *(*ext)(void *c, const char *id);
	/* The items of a LIST, ended by NULL; str() has them with one space between them. */
	const char *const *(*list)(void *c, const char *setting);
};

enum restante_user_flag {
	/* Only the name is known (a token, a certificate): the core asks the auth plugins' lookup()
	 * for the rest. */
	RESTANTE_USER_NAME_ONLY = 1
};

/* Whose mailbox: the result of authentication, the argument of a storage's open(). For an auth
 * plugin's out the core sets size and zeroes the rest. */
struct restante_user {
	uint32_t size, flags; /* flags: enum restante_user_flag */
	uint32_t uid, gid;    /* of the session; 0 is refused */
	/* name: NULL or "" in an auth plugin's out = as the client gave it. home: an absolute path, or
	 * NULL or "": then no setting may have a ~ in it. */
	const char *name, *home;
	const char *const *attrs; /* "setting", "value", ..., NULL: overrides from the auth record,
				     "storage", "mbox", "storage-mbox.path", "/var/mail/%u"; or NULL */
	/* [auth] Another value whenever one of the user's secrets has changed, so that the core may
	 * remember for a while that a password was right, and only look the record up; 0 = not known,
	 * ask each time. The same from verify() and lookup(). Always 0 where verify() gives attrs
	 * that lookup() cannot give, as a storage's key that comes from the password. */
	uint64_t stamp;
};

/* --- storage ---------------------------------------------------------------------------------- */

/* [sess, mnt] The plugin fills it for each(), which copies what it wants; only uid has to stay. */
struct restante_message {
	uint32_t size, flags; /* the plugin's sizeof; flags: 0 */
	uint64_t key;	      /* the plugin's own handle, valid until close() */
	uint64_t octets;      /* on the wire, before dot-stuffing: what LIST says (RFC 1939 section 5) */
	int64_t received;     /* time of delivery; 0 = unknown */
	const char *uid;      /* RFC 1939 section 7: 1..70 octets of 0x21..0x7e, unique in the mailbox, the
				 same for ever. Stays valid until close() of the storage handle. */
};

enum restante_body_flag {
	RESTANTE_BODY_CRLF = 1,	 /* stored as sent: each line, the last one too, ends with CRLF */
	RESTANTE_BODY_NODOT = 2, /* no line starts with a dot; with CRLF: the core may sendfile() it */
	/* Set by the core before the call: only the beginning is likely to be read (TOP), so a remote
	 * backend need not fetch the rest. */
	RESTANTE_BODY_TOP = 4
};

/* The core sets size, fd -1, flags as it says there, and zeroes the rest; body() fills it. What b
 * points to is the plugin's until release(). */
struct restante_body {
	uint32_t size, flags; /* flags: enum restante_body_flag */
	int32_t fd, pad;      /* a file to read from off, len octets; -1 = call read(). The core uses
				 pread() and sendfile() on it and leaves it open: release() closes it */
	uint64_t off, len;
	uint64_t octets; /* on the wire, exactly. The core counts while it sends: a message that turns
			    out shorter or longer is never ended as if it were whole. Differs from
			    restante_message.octets only where that came from a hint that was wrong:
			    a body whose length nobody has written down is read to its end first. */
	void *b; /* the plugin's: first argument of read() and release() */
	/* [sess, mnt] The next 1..n stored octets into buf; 0 = end; <0 = restante_result, and then the
	 * client gets no end of the message. n is 4096 at least. Not called after 0 or an error. A
	 * slow client may let minutes pass between two calls. NULL where fd is set. */
	int64_t (*read)(void *b, void *buf, size_t n);
	/* [sess, mnt] Called once after a body() that returned OK, also before the end was read; NULL =
	 * nothing to do */
	void (*release)(void *b);
};

/* What a mailbox is opened for: SESSION list, body, remove, notes; DELIVER put; MAINTAIN everything,
 * with or without a session beside it. */
enum restante_mode { RESTANTE_SESSION = 1, RESTANTE_DELIVER, RESTANTE_MAINTAIN };

enum restante_task {
	RESTANTE_CLEAN = 1,  /* remove what a crash left behind */
	RESTANTE_CHECK = 2,  /* report damage to the log */
	RESTANTE_REPAIR = 4, /* mend what can be mended without losing mail */
	RESTANTE_COMPACT = 8 /* give back the space of deleted mail */
};

/* One message to deliver. */
struct restante_put {
	uint32_t size, flags; /* flags: 0 */
	const char *sender;   /* of the envelope; "" = null sender, or not known */
	/* What the message had in another storage, to be kept if the storage can: the UIDL as in
	 * restante_message, NULL = the storage's own choice; time of delivery, 0 = now. A storage
	 * that cannot keep a UIDL gives its own; list() tells. */
	const char *uid;
	int64_t received;
	/* What will come, on the wire, before dot-stuffing: exactly. A backend can so announce the
	 * length of what it sends on with CRLF line ends, and look at a quota first. */
	uint64_t octets;
};

/* The calls of a storage. A handle is used by the process that opened it and by no other; a process
 * may hold several, of several modes, one after the other or at once. On one handle there is at most
 * one body and one put open, and not both. open, close, list, body and remove must be there; the
 * three put calls may be NULL together (read-only for an MTA), the two of notes too. */
struct restante_storage {
	uint32_t size, flags; /* flags: 0 */
	/* [sess, dlv, mnt] Opens the user's mailbox; one that is not there yet is empty. SESSION holds it
	 * against other sessions until close() (BUSY after the plugin's own bounded wait) or until its
	 * process ends in whatever way; a storage that never removes anything need not. DELIVER and
	 * MAINTAIN do not wait for sessions. On OK *st is the handle. On error nothing is held and
	 * close() is not called. */
	int (*open)(const struct restante_host *, const struct restante_user *, uint32_t mode, void **st);
	/* [sess, dlv, mnt] Ends the handle: called once after each open() that returned OK, with no body
	 * and no put open. Never deletes a message: a dropped connection loses nothing. */
	void (*close)(void *st);
	/* [sess, mnt] Calls each() for every message, oldest first, and stops with its value when
	 * that is not 0. The same messages for each call on one handle, whatever is delivered
	 * meanwhile. each() calls nothing in the plugin. */
	int (*list)(void *st, int (*each)(void *arg, const struct restante_message *), void *arg);
	/* [sess, mnt] Opens one message, key as list() gave it. GONE when it has vanished. On error
	 * release() is not called. */
	int (*body)(void *st, uint64_t key, struct restante_body *out);
	/* [sess, mnt] Deletes messages, keys as list() gave them, each once. OK = all are gone and that is
	 * on disk; a message that had already vanished counts as deleted. On error some may be gone.
	 * PERM where the storage is read-only. In a session it is called once, before close(). */
	int (*remove)(void *st, const uint64_t *keys, size_t n);
	/* [dlv, mnt] One message: begin, data as often as needed, end. commit 0 drops it. OK of
	 * put_end(1) = the message is on disk and will be seen by the next open. Data comes with the
	 * line ends that it had. On OK *put is the plugin's until put_end, which is called once after
	 * each put_begin that returned OK, also after an error of put_data (then with commit 0). */
	int (*put_begin)(void *st, const struct restante_put *, void **put);
	int (*put_data)(void *put, const void *p, size_t n);
	int (*put_end)(void *put, int commit);
	/* [sess, mnt] Small named records (64 KiB) kept with the mailbox and replaced atomically; a name
	 * is a-z, 0-9 and -, at most 32 of them. NONE = no such record. *p stays valid until the next
	 * note_ call. n == 0 in put removes. May be NULL. */
	int (*note_get)(void *st, const char *name, const void **p, size_t *n);
	int (*note_put)(void *st, const char *name, const void *p, size_t n);
	/* [mnt] Does the tasks of enum restante_task. PERM = there is damage, and the log says which;
	 * after REPAIR: that it could not mend. May be NULL. */
	int (*maintain)(void *st, uint32_t tasks);
	/* [sess] Keeps alive what would lapse of itself, a lease or a connection: about once a minute
	 * while the session waits for its client, more often where idle_timeout is short; never with a
	 * body open. An error says that the mailbox is not held any more: the session ends and deletes
	 * nothing. May be NULL. */
	int (*keep)(void *st);
};

/* --- auth ------------------------------------------------------------------------------------- */

enum restante_request_flag {
	RESTANTE_REQUEST_TLS = 1 /* the client's connection is encrypted */
};

struct restante_request {
	uint32_t size, flags; /* flags: enum restante_request_flag */
	const char *user;     /* as the client gave it: any octets but NUL */
	const char *service;  /* "pop3", "deliver": what the user is wanted for; others may come */
	const char *client_ip, *server_ip; /* numeric, "" = unknown */
};

/* RFC 5802 section 3: what a server stores for SCRAM. The core sets size, zeroes the rest and copies
 * what scram() fills in. */
struct restante_scram {
	uint32_t size, iterations, salt_len, key_len;
	const void *salt, *stored, *server;
};

/* [auth] Each call but open and close may be NULL: the plugin cannot do that. NONE = the user is not
 * in this backend. DENY = the user or the secret is refused. TEMP = could not find out; never DENY
 * for that. What out points to is the plugin's and stays valid until its next call or close(). The
 * core evens out the time that DENY takes; a plugin must not let it tell an unknown user from a wrong
 * password either. */
struct restante_auth {
	uint32_t size, flags; /* flags: 0 */
	/* Once when a worker starts, in its sandbox. On OK *au is the handle of all other calls, for
	 * as long as the worker lives (days); any other result keeps the server from starting, so that
	 * a backend which is down is no reason to fail: connect when asked. On error close() is not
	 * called. */
	int (*open)(const struct restante_host *, void **au);
	/* When the worker ends in order; a worker may also just end. */
	void (*close)(void *au);
	/* Is this the user's password? OK fills out. The core wipes the password after the call. */
	int (*verify)(void *au, const struct restante_request *, const char *password, struct restante_user *out);
	/* The same record without a password: for deliveries, restantectl, and after scram, apop, token. */
	int (*lookup)(void *au, const struct restante_request *, struct restante_user *out);
	/* What is stored for SCRAM with that hash ("SHA-1", "SHA-256"). DENY = this user has none. */
	int (*scram)(void *au, const struct restante_request *, const char *hash, struct restante_scram *out);
	/* RFC 1939 section 7: the secret that client and server share, valid until the plugin's next
	 * call. DENY = this user has none. */
	int (*apop)(void *au, const struct restante_request *, const char **shared_secret);
	/* RFC 7628: a bearer token of at most 16 KiB. request->user is whom the client wants to be,
	 * or "". NONE = not a token of this plugin's issuer. out->name is set, the rest may be left to
	 * lookup() by RESTANTE_USER_NAME_ONLY. */
	int (*token)(void *au, const struct restante_request *, const char *token, struct restante_user *out);
};

/* --- the entry -------------------------------------------------------------------------------- */

/* What the sandbox must leave open beyond the files that PATH settings name; `restantectl plugins`
 * shows them to the administrator. */
enum restante_needs {
	RESTANTE_NEEDS_ROOT = 1,    /* auth only: the worker keeps uid 0 */
	RESTANTE_NEEDS_NETWORK = 2, /* sockets, Unix sockets too; the resolver's and TLS's files in /etc */
	RESTANTE_NEEDS_THREADS = 4, /* libraries that make threads by themselves too */
	RESTANTE_NEEDS_FORK = 8	    /* other processes; programs in /bin and /usr */
};

/* All of it is constant: it is read in the processes of [check], and shown by restantectl(8), without
 * a call being made. */
struct restante_plugin {
	uint32_t magic, size; /* these two never move: RESTANTE_MAGIC, sizeof(struct restante_plugin) */
	uint32_t need_minor;  /* the oldest minor version of a core that the plugin can work with */
	uint32_t setting_size; /* sizeof(struct restante_setting) */
	uint32_t needs;	       /* enum restante_needs */
	uint32_t nsettings;
	const char *name;      /* "storage-maildir": also its file's name and its section's */
	const char *version, *doc; /* of the plugin, free text; what it is, one line */
	const struct restante_setting *settings;
	/* The one that the name begins with; the other is not looked at. A backend that is both is two
	 * plugins. */
	const struct restante_storage *storage;
	const struct restante_auth *auth;
	/* [check] Looks at the settings together; logs what is wrong, by setting; OK or PERM. Only
	 * host's log, str, num, list and alloc make sense here; what alloc gave is freed after the
	 * call. May be NULL. */
	int (*check)(const struct restante_host *);
	/* An extension of the plugin by name and version, "name/1": constant, or NULL. The core asks
	 * in any process, before open() too, and for names that the plugin has never heard of. May be
	 * NULL. */
	const void *(*ext)(const char *id);
};

#ifdef __cplusplus
#define RESTANTE_LINKAGE extern "C"
#else
#define RESTANTE_LINKAGE extern
#endif

/* RESTANTE_PLUGIN(storage_maildir) = { ... };  The name is the file's with _ for -, the form that
 * libltdl wants, so that the same source links statically. The one symbol that a plugin exports,
 * also where -fvisibility=hidden hides all others. */
#define RESTANTE_PLUGIN(mod)                                                                            \
	RESTANTE_LINKAGE __attribute__((visibility("default"))) const struct restante_plugin            \
		mod##_LTX_restante_plugin_v1;                                                           \
	const struct restante_plugin mod##_LTX_restante_plugin_v1

#ifdef __cplusplus
}
#endif
#endif
