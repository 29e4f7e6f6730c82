/* Channel bindings: octets that both ends of a TLS connection know, and nobody between two. */
#ifndef LOGIN_BINDING_H
#define LOGIN_BINDING_H

#include <openssl/ssl.h>
#include <stddef.h>

enum { BINDING_MAX = EVP_MAX_MD_SIZE };

struct binding {
	unsigned char exporter[BINDING_MAX], end_point[BINDING_MAX];
	size_t exporter_len, end_point_len; /* 0 = this connection has none */
};

/* tls-exporter (RFC 9266) and tls-server-end-point (RFC 5929 section 4) of a connection; ssl may be
 * NULL. False = it has neither. */
int binding_get(SSL *ssl, struct binding *);

#endif
