/* The lines of an AUTH exchange: base64 with "=", "*" and the empty line as RFC 5034 has them. */
#include "pop3/sasl.h"

#include <string.h>

#include "pop3/base64.h"

static bool is(struct slice text, char c)
{
	return text.len == 1 && *text.at == c;
}

static enum sasl_line decode(struct slice text, void *out, size_t cap, size_t *len)
{
	return base64_decode(text.at, text.len, out, cap, len) ? SASL_DATA : SASL_BAD;
}

enum sasl_line sasl_initial(struct slice text, void *out, size_t cap, size_t *len)
{
	if (is(text, '='))
		text.len = 0;
	return decode(text, out, cap, len);
}

enum sasl_line sasl_response(struct slice text, void *out, size_t cap, size_t *len)
{
	*len = 0;
	return is(text, '*') ? SASL_CANCEL : decode(text, out, cap, len);
}

size_t sasl_challenge(const void *data, size_t n, char *out, size_t cap)
{
	if (cap < SASL_CHALLENGE(n))
		return 0;
	memcpy(out, "+ ", 2);
	size_t o = 2 + base64_encode(data, n, out + 2, cap - 4);
	memcpy(out + o, "\r\n", 2);
	return o + 2;
}
