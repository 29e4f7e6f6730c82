/* What becomes of one message for one recipient: one table for the command's exit status, LMTP's
 * reply and the log. A failure that an administrator or time can mend is temporary: the MTA keeps
 * the message and tries again. */
#ifndef MAIL_RESULT_H
#define MAIL_RESULT_H

#include <stdint.h>

enum mail_result {
	MAIL_OK,      /* on disk */
	MAIL_NO_USER, /* no auth plugin knows the user */
	MAIL_REFUSED, /* known, and gets no mail: disabled, or a uid that may have no mailbox */
	MAIL_LOOP,    /* it has been delivered to this address before */
	MAIL_TOO_BIG, /* message_size_limit */
	MAIL_TEMP,    /* a backend is down */
	MAIL_BUSY,    /* the mailbox is locked by somebody else */
	MAIL_FULL,    /* disk full or over quota */
	MAIL_SETUP,   /* an administrator must act */
	MAIL_RESULTS
};

struct mail_result_row {
	const char *word; /* for the log */
	int status;       /* of sysexits.h */
	unsigned code;    /* RFC 5321 section 4.2 */
	const char *dsn;  /* RFC 3463 */
	const char *text;
};

/* Any number: what is none of enum mail_result, such as the status of a process that died, is as
 * MAIL_TEMP. */
const struct mail_result_row *mail_result(unsigned result);
/* From what a storage or auth plugin returned (enum restante_result). */
enum mail_result mail_result_of(int restante_result);

#endif
