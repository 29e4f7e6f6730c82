/* restantectl: what its verbs share. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stddef.h>
#include "base/buf.h"
#include "tool/tool.h"

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
int ctl_mailbox_stat(const struct ctl *, int argc, char **argv);
int ctl_mailbox_check(const struct ctl *, int argc, char **argv);
int ctl_mailbox_repair(const struct ctl *, int argc, char **argv);
int ctl_mailbox_compact(const struct ctl *, int argc, char **argv);
int ctl_mailbox_export(const struct ctl *, int argc, char **argv);
int ctl_mailbox_import(const struct ctl *, int argc, char **argv);
int ctl_mailbox_convert(const struct ctl *, int argc, char **argv);
int ctl_who(const struct ctl *, int argc, char **argv);
int ctl_penalty_list(const struct ctl *, int argc, char **argv);
int ctl_penalty_clear(const struct ctl *, int argc, char **argv);
int ctl_auth_flush(const struct ctl *, int argc, char **argv);
int ctl_reload(const struct ctl *, int argc, char **argv);
int ctl_stop(const struct ctl *, int argc, char **argv);

/* --- user.c ----------------------------------------------------------------------------------- */

/* Reads the configuration and asks the auth plugins for the record of a user. The caller frees both.
 * NULL after a message. */
struct record *ctl_record(const struct ctl *, const char *user, struct conf **);

/* --- secret.c --------------------------------------------------------------------------------- */

/* Reads a password: from the terminal without echo (twice when confirm is set), else one line of
 * stdin. 0, or -1 after a message. The caller wipes it. */
int ctl_secret(struct buf *out, int confirm);

#endif
