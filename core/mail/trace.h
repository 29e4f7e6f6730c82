/* The trace of a message at its final delivery (RFC 5321 section 4.4): what is taken from its
 * front, what is put there, and whether it has been here before. Pure functions over the whole
 * message; fuzzed by tests/fuzz/fuzz_lmtp.c. */
#ifndef MAIL_TRACE_H
#define MAIL_TRACE_H

#include <stddef.h>
#include "base/buf.h"

struct trace {
	size_t skip;       /* octets at the front that are not stored: a From_ line, Return-Path */
	int bare;          /* no header: one has to be ended */
	int loop;          /* a Delivered-To field has this very address */
	const char *msgid; /* in the message, msgid_len octets; "" = none */
	size_t msgid_len;
	const char *eol; /* of the message's first line */
};

/* Reads the header of the n octets at text. An MTA that delivers through a pipe may put a From_
 * line before it; a Return-Path in the first field is that of another delivery. */
void trace_read(const char *text, size_t n, const char *address, struct trace *);
/* Appends the fields that a delivery adds: Return-Path with the sender ("" = null sender, RFC 5321
 * section 4.5.5), Delivered-To with the address. Neither holds a control octet: see
 * mail_address_ok. */
void trace_write(const struct trace *, const char *sender, const char *address, struct buf *out);

#endif
