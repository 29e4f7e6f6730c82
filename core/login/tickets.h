/* Keys of TLS session tickets: made by the master, the same in every login process, newest first,
 * so that a client resumes whichever process it meets. */
#ifndef LOGIN_TICKETS_H
#define LOGIN_TICKETS_H

#include <openssl/ssl.h>
#include <stddef.h>

enum { TICKETS_MAX = 6 };

struct ticket_key { /* as it lies in the message TICKET_KEYS */
	unsigned char name[16], aes[32], hmac[32];
};

struct tickets {
	size_t n;
	struct ticket_key key[TICKETS_MAX];
};

/* Takes over n octets of keys. 0, or -1 when they are no whole number of keys; then the old stay.
 */
int tickets_set(struct tickets *, const unsigned char *p, size_t n);

/* The index of the key with that name, -1 when it is not known (any more). */
int tickets_find(const struct tickets *, const unsigned char name[16]);

/* Lets a context issue and take tickets with them; *t must outlive it. */
int tickets_use(struct tickets *t, SSL_CTX *);

#endif
