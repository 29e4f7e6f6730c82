/* The LMTP dialogue (RFC 2033) as pure functions: a line in, what is to be done and said out.
 *
 *	lmtp_greet
 *	lmtp_line -> LMTP_SAY                       (the reply is in out)
 *	          -> LMTP_LOOK_UP, then lmtp_found  (RCPT: who is that?)
 *	          -> LMTP_DATA: the message comes; then lmtp_result for each recipient, lmtp_reset
 *
 * Fuzzed by tests/fuzz/fuzz_lmtp.c. */
#ifndef DELIVER_LMTP_H
#define DELIVER_LMTP_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "mail/address.h"
#include "mail/result.h"

enum {
	LMTP_LINE = 4096,     /* octets of a command; RFC 5321 section 4.5.3.1 and its extensions */
	LMTP_RECIPIENTS = 100 /* RFC 5321 section 4.5.3.1.8 */
};

struct lmtp {
	const char *hostname;
	uint64_t size_limit;        /* 0 = none */
	int greeted;                /* LHLO */
	int mail;                   /* MAIL was accepted */
	int utf8;                   /* with SMTPUTF8 */
	size_t recipients;          /* that were accepted */
	char sender[MAIL_ADDRESS];  /* as in the command: with its quotes */
	char address[MAIL_ADDRESS]; /* of the RCPT that is looked up: the same */
	char plain[MAIL_ADDRESS];   /* and without quotes */
};

enum lmtp_act { LMTP_SAY, LMTP_LOOK_UP, LMTP_DATA, LMTP_QUIT };

void lmtp_greet(const struct lmtp *, struct buf *out);
/* One line without its end. The reply is appended to out, but for LMTP_LOOK_UP. */
enum lmtp_act lmtp_line(struct lmtp *, const char *line, size_t n, struct buf *out);
/* A line of more than LMTP_LINE octets. */
void lmtp_too_long(struct buf *out);
/* The recipient lmtp.address: MAIL_OK, or why not. */
void lmtp_found(struct lmtp *, enum mail_result, struct buf *out);
/* The reply for one recipient, behind the dot. */
void lmtp_result(const char *address, unsigned result, struct buf *out);
/* The transaction is over. */
void lmtp_reset(struct lmtp *);
/* The server goes away, or has no place: the connection is closed after it. */
void lmtp_bye(const struct lmtp *, const char *why, struct buf *out);

#endif
