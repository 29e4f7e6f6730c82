/* pop3/base64.h - RFC 4648 section 4, strictly: padding is required, nothing else than the alphabet
 * is taken, the unused bits are 0. The octets are secrets, so no branch and no index depends on
 * them. */
#ifndef POP3_BASE64_H
#define POP3_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Octets that n octets become, and at most become. */
#define BASE64_ENCODED(n) (((n) + 2) / 3 * 4)
#define BASE64_DECODED(n) ((n) / 4 * 3)

/* Writes BASE64_ENCODED(n) octets to out, no NUL. Returns their number, 0 when cap is less. */
size_t base64_encode(const void *in, size_t n, char *out, size_t cap);

/* Decodes n octets to out; cap is at least BASE64_DECODED(n). False: it is not base64, or cap is
 * too small; then *len is 0 and out holds nothing of use. */
bool base64_decode(const char *in, size_t n, void *out, size_t cap, size_t *len);

#endif
