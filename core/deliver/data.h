/* The text between DATA and the dot (RFC 5321 sections 4.1.1.4 and 4.5.2). Pure; fuzzed by
 * tests/fuzz/fuzz_lmtp.c. */
#ifndef DELIVER_DATA_H
#define DELIVER_DATA_H

#include <stddef.h>

enum data_state { DATA_START, DATA_DOT, DATA_DOT_CR, DATA_TEXT, DATA_CR, DATA_CR_CR };

/* {0} before the first octet. */
struct data {
	enum data_state state;
	int end; /* the dot was there */
};

enum { DATA_MORE = 2 }; /* octets that may come out beyond those that went in */

/* Takes n octets up to the end, returns how many it took; writes to out, which has room for n +
 * DATA_MORE, what is to be stored, *made octets. Lines end with LF there, as MTAs store them
 * themselves; only a line whose text ends with CR keeps its CRLF, so that every octet comes back
 * on the wire. Nothing but CR LF . CR LF ends a message: what a sender smuggles with a bare CR or
 * LF is text. */
size_t data_take(struct data *, const char *in, size_t n, char *out, size_t *made);

#endif
