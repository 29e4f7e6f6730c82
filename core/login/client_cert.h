/* Certificates that clients log in with (EXTERNAL). */
#ifndef LOGIN_CLIENT_CERT_H
#define LOGIN_CLIENT_CERT_H

#include <openssl/ssl.h>
#include <stddef.h>
#include "base/buf.h"

/* The setting tls_client_name. */
enum client_cert_name { CERT_SUBJECT_CN, CERT_SUBJECT, CERT_SAN_EMAIL, CERT_SAN_DNS };

/* Lets connections of ctx ask for a certificate, and check it against the authorities and, unless
 * crl is NULL, against revocation lists, all PEM. A connection without a certificate, or with one
 * that is no good, goes on as one that has none. NULL, or what is wrong with the files. */
const char *client_cert_use(SSL_CTX *ctx, const struct buf *ca, const struct buf *crl);

/* Whom the verified certificate of a connection names: 1 to cap - 1 octets. Its length, 0 = nobody:
 * no certificate, not verified, no such name in it, or one that cannot be a user's. ssl may be
 * NULL.
 */
size_t client_cert_user(SSL *ssl, enum client_cert_name, char *to, size_t cap);

#endif
