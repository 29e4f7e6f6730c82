/* Certificates and what is agreed on before a client's first command. */
#ifndef LOGIN_TLS_H
#define LOGIN_TLS_H

#include <openssl/ssl.h>
#include <stddef.h>
#include "conf/conf.h"
#include "ipc/role.h"
#include "login/tickets.h"

struct tls {
	SSL_CTX **contexts; /* one for each certificate; the first is the default */
	size_t n;
	struct tickets tickets;
};

/* From the descriptors of tls_cert and tls_key that the master has opened; closes them. NULL when
 * no certificate is configured. Ends the role, with the path and the reason, where one is no good.
 */
struct tls *tls_load(const struct role_start *, const struct conf *);

/* The index of the certificate whose names fit the one that the client wants (wildcards count),
 * 0 when none does. */
size_t tls_choose(SSL_CTX *const *contexts, size_t n, const char *name);

/* The context that new connections start with. */
SSL_CTX *tls_context(const struct tls *);

/* What OpenSSL's error queue says about the last failure, for the log; a constant text. */
const char *tls_reason(void);

#endif
