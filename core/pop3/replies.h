/* pop3/replies.h - the table behind reply.h. */
#ifndef POP3_REPLIES_H
#define POP3_REPLIES_H

#include "pop3/reply.h"

enum { REPLY_TEXTS = 3 }; /* en (i-default too), de, es */

struct reply_row {
	const char *status; /* "+OK ", or "-ERR " perhaps with a response code */
	const char *text[REPLY_TEXTS];
};

extern const struct reply_row reply_rows[REPLY_COUNT];

#endif
