/* What a message is on the wire, as a digest: two storages that keep the same message with other
 * line ends, or without its last one, have the same. */
#ifndef CTL_WIRE_H
#define CTL_WIRE_H

#include <stddef.h>
#include <openssl/evp.h>
#include "pop3/encode.h"

enum { WIRE_HEX = 64 }; /* SHA-256 in hexadecimal */

struct wire {
	struct encoder encoder;
	EVP_MD_CTX *digest;
};

void wire_begin(struct wire *);
/* A piece of the stored message. An each() of mailbox_read: returns 0. */
int wire_add(void *wire, const void *p, size_t n);
/* Fills hex, a string. Call it once after wire_begin. */
void wire_end(struct wire *, char hex[WIRE_HEX + 1]);

#endif
