/* The mailboxes that restantectl works on: one storage of one user, as its owner.
 *
 *	mailbox_user		who it is, and the configuration
 *	mailbox_prepare		the plugin is loaded: the last thing done with root's rights
 *	mailbox_become
 *	mailbox_open ... mailbox_close
 *
 * What fails here has said why on stderr. Everything may block on the disk for as long as it takes.
 */
#ifndef CTL_MAILBOX_H
#define CTL_MAILBOX_H

#include <stdint.h>
#include "ctl/ctl.h"
#include "plug/host.h"

/* One storage of one user. Must not move once it is prepared. */
struct mailbox {
	const struct restante_user *user;
	const char *name; /* of the storage: "maildir" */
	struct plug plug;
	const struct restante_storage *api;
	struct host host;
	void *st; /* NULL = not open */
};

/* The user's record, if it is one that a login would get, and the configuration. NULL after a
 * message. */
struct record *mailbox_user(const struct ctl *, const char *user, struct conf **);
/* 0, or -1. */
int mailbox_prepare(
	struct mailbox *, const struct restante_user *, const struct conf_plugin *storage);
/* Becomes the user, for good, and closes the file system but for these mailboxes and what is also
 * to be read. 0, or -1. */
int mailbox_become(const struct mailbox *const *, size_t n, const char *const *also, size_t nalso);
/* mode: enum restante_mode. 0, or -1. */
int mailbox_open(struct mailbox *, uint32_t mode);
/* Leaves it prepared. */
void mailbox_close(struct mailbox *);
/* All of this for the storage of a user: the whole of a verb. Returns run()'s status, or 1. */
int mailbox_with(const struct ctl *, const char *user, int (*run)(struct mailbox *));
/* "the mailbox of ann in maildir: <what the result means>". Returns 1. */
int mailbox_complain(const struct mailbox *, int result);
/* A time in words; "-" = not known. */
enum { MAILBOX_DATE = 32 };
void mailbox_date(int64_t, char date[MAILBOX_DATE]);
/* What an enum restante_result means to an administrator. */
const char *mailbox_result(int result);

/* --- the list of messages --- */

struct mail {
	uint64_t key, octets;
	int64_t received;
	char *uid;
	size_t number; /* from 1 */
};

struct mails {
	struct mail **list;
	size_t n, cap;
	uint64_t octets;
	void *by_uid; /* of tsearch() */
};

/* Reads the list of an open mailbox, which may then be closed. 0, or -1. */
int mails_load(struct mails *, const struct mailbox *);
/* NULL = there is none with that UIDL. */
const struct mail *mails_find(const struct mails *, const char *uid);
void mails_free(struct mails *);

/* --- one message --- */

/* Gives each piece of the stored message to each() (NULL = only reads it), and stops with its value
 * when that is not 0.
 * PERM where the message turns out shorter or longer than was promised: what each() got is of no
 * use. *octets (may be NULL) are those on the wire, as promised. */
int mailbox_read(struct mailbox *, const struct mail *, uint64_t *octets,
	int (*each)(void *arg, const void *p, size_t n), void *arg);
/* The envelope's sender, where the first line is a Return-Path field, as a delivery agent writes it
 * (RFC 5321 section 4.4), else ""; and the octets, as mailbox_read. A result as of mailbox_read. */
enum { SENDER_LEN = 255 };
int mailbox_top(
	struct mailbox *, const struct mail *, char sender[SENDER_LEN + 1], uint64_t *octets);

#endif
