/* A message on its way into a mailbox.
 *
 * It lies in a memory file, complete and sealed, so that the process that delivers it may map it,
 * whoever gave it: nothing can change or shrink it any more. */
#ifndef MAIL_LETTER_H
#define MAIL_LETTER_H

#include <stddef.h>
#include <stdint.h>
#include <restante/plugin.h>
#include "mail/result.h"
#include "plug/host.h"

/* An empty memory file, or -1 with errno. */
int letter_new(void);
/* Appends. 0, or -1 with errno. */
int letter_write(int fd, const char *p, size_t n);
/* It is complete. 0, or -1 with errno. */
int letter_seal(int fd);

struct letter {
	const char *text;
	size_t len;
};

/* Maps it, for as long as this process lives. 0; -1 with errno: EINVAL = it is no sealed memory
 * file. */
int letter_map(int fd, struct letter *);

struct envelope {
	const char *sender;  /* "" = the null sender */
	const char *address; /* of the recipient, for Delivered-To */
};

/* As the mailbox's owner, in his sandbox: opens the storage, delivers, closes. MAIL_OK = it is on
 * disk. May block until the host's deadline. */
enum mail_result letter_deliver(const struct letter *, const struct envelope *,
	const struct restante_user *, const struct host *);
/* The line in the log about one delivery. storage may be "". */
void letter_report(const struct letter *, const struct envelope *, const char *user,
	const char *storage, unsigned result);

#endif
