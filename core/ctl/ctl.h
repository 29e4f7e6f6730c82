/* restantectl: what its verbs share. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stddef.h>
#include "base/buf.h"
#include "conf/conf.h"
#include "ipc/msg.h"

struct ctl {
	const char *file; /* of the configuration */
};

/* A verb gets the words behind its name and returns the exit status; USAGE: the words were wrong.
 */
enum { USAGE = 2 };
int ctl_config(const struct ctl *, int argc, char **argv);
int ctl_plugins(const struct ctl *, int argc, char **argv);
int ctl_passwd(const struct ctl *, int argc, char **argv);
int ctl_auth_test(const struct ctl *, int argc, char **argv);
int ctl_user(const struct ctl *, int argc, char **argv);
int ctl_mailbox_list(const struct ctl *, int argc, char **argv);
int ctl_reload(const struct ctl *, int argc, char **argv);
int ctl_stop(const struct ctl *, int argc, char **argv);

/* "restantectl: ..." to stderr. Returns 1, for `return complain(...)`. */
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- effective.c: the configuration ----------------------------------------------------------- */

/* Runs restante-check, which prints what is wrong. NULL then. Blocks until it is done. */
struct conf *ctl_conf(const struct ctl *);

/* --- secret.c --------------------------------------------------------------------------------- */

/* Reads a password: from the terminal without echo (twice when confirm is set), else one line of
 * stdin. 0, or -1 after a message. The caller wipes it. */
int ctl_secret(struct buf *out, int confirm);

/* --- record.c: asking the auth plugins -------------------------------------------------------- */

enum { RECORD_ATTRS = 128 };

struct record {
	int result;         /* enum restante_result: the last answer */
	const char *plugin; /* whose answer it is; "" = there is no auth plugin */
	struct restante_user user;
	const char *attrs[RECORD_ATTRS];
	struct msg msg; /* holds the strings */
};

/* Asks as a worker does, in a child that has a worker's rights: verify with a password, lookup
 * without. each: called in the child with each answer, or NULL. 0 when there is an answer, -1 after
 * a message. May block until auth_timeout. */
int record_find(const struct conf *, const char *name, const char *password,
	void (*each)(const char *plugin, int result), struct record *);
/* "knows the user", "refuses" ... */
const char *record_text(int result);
/* 0, or -1 when a session would be refused whatever the password is; *why says why, or the log. */
int record_check(const struct conf *, const struct restante_user *, struct buf *why);

#endif
