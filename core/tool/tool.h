/* What the commands share, restantectl and restante-deliver: they run by themselves, beside the
 * server or without it, and ask for the configuration and for users as the server would. */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "conf/conf.h"
#include "ipc/msg.h"

#define TOOL_CONFIG SYSCONF_DIR "/restante.conf"

/* "PROGRAM: ..." and a newline to stderr, or a line to syslog where that is descriptor 2. Returns
 * 1, for `return complain(...)`. */
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- effective.c: the configuration ----------------------------------------------------------- */

/* Runs restante-check on the file, which prints what is wrong. NULL then. Blocks until it is done.
 * quick: without trying what plugins do. */
struct conf *tool_conf(const char *file, bool quick);

/* --- record.c: asking the auth plugins -------------------------------------------------------- */

enum { RECORD_ATTRS = 128 };

struct record {
	int result;         /* enum restante_result: the last answer */
	const char *plugin; /* whose answer it is; "" = there is no auth plugin */
	struct restante_user user;
	const char *attrs[RECORD_ATTRS];
	struct msg msg; /* holds the strings */
};

/* Asks as a worker does for that service ("pop3", "deliver"), in a child that has a worker's
 * rights: verify with a password, lookup without. each: called with each answer, or NULL. 0 when
 * there is an answer, -1 after a message. May block until auth_timeout, for each plugin. */
int record_find(const struct conf *, const char *service, const char *name, const char *password,
	void (*each)(const char *plugin, int result), struct record *);
/* "knows the user", "refuses" ... */
const char *record_text(int result);
/* 0, or -1 when a session would be refused whatever the password is; *why says why, or the log. */
int record_check(const struct conf *, const struct restante_user *, struct buf *why);

#endif
