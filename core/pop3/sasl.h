/* pop3/sasl.h - the lines of an AUTH exchange (RFC 5034 section 4). */
#ifndef POP3_SASL_H
#define POP3_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "pop3/slice.h"

enum sasl_line {
	SASL_DATA,   /* octets for the mechanism, perhaps none */
	SASL_CANCEL, /* "*": REPLY_AUTH_CANCELLED */
	SASL_BAD     /* REPLY_AUTH_BASE64 */
};

/* Decodes the argument of AUTH that holds the initial response: "=" is an empty one. out: at least
 * BASE64_DECODED(text.len) octets, of which *len are filled; the caller wipes them. */
enum sasl_line sasl_initial(struct slice text, void *out, size_t cap, size_t *len);

/* Decodes a line that answers a challenge: an empty line is an empty response, "*" cancels. */
enum sasl_line sasl_response(struct slice text, void *out, size_t cap, size_t *len);

/* Writes the challenge "+ base64" with CRLF: 4 + BASE64_ENCODED(n) octets. Returns them, 0 when cap
 * is less. */
#define SASL_CHALLENGE(n) (4 + BASE64_ENCODED(n))
size_t sasl_challenge(const void *data, size_t n, char *out, size_t cap);

#endif
