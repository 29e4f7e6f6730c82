/* Base64 without tables: what is encoded here are passwords, and a table would tell the cache which
 * letters were looked up. Each range of the alphabet is a mask made by arithmetic. */
#include "pop3/base64.h"

#include <stdint.h>

/* All bits when lo <= c <= hi, else none; for values below 256. */
static uint32_t in_range(uint32_t c, uint32_t lo, uint32_t hi)
{
	return (((c - lo) | (hi - c)) >> 31) - 1;
}

static char letter(uint32_t v)
{
	return (char)((in_range(v, 0, 25) & (v + 'A')) | (in_range(v, 26, 51) & (v - 26 + 'a')) |
		      (in_range(v, 52, 61) & (v - 52 + '0')) | (in_range(v, 62, 62) & '+') |
		      (in_range(v, 63, 63) & '/'));
}

/* The six bits of a letter; bit 6 is set for what is none. */
static uint32_t value(char of)
{
	uint32_t c = (unsigned char)of;
	uint32_t known = in_range(c, 'A', 'Z') | in_range(c, 'a', 'z') | in_range(c, '0', '9') |
			 in_range(c, '+', '+') | in_range(c, '/', '/');

	return (in_range(c, 'A', 'Z') & (c - 'A')) | (in_range(c, 'a', 'z') & (c - 'a' + 26)) |
	       (in_range(c, '0', '9') & (c - '0' + 52)) | (in_range(c, '+', '+') & 62) |
	       (in_range(c, '/', '/') & 63) | (~known & 64);
}

size_t base64_encode(const void *in, size_t n, char *out, size_t cap)
{
	const unsigned char *p = in;
	size_t o = 0;

	if (cap < BASE64_ENCODED(n))
		return 0;
	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16;

		if (have > 1)
			bits |= (uint32_t)p[i + 1] << 8;
		if (have > 2)
			bits |= p[i + 2];
		out[o++] = letter(bits >> 18);
		out[o++] = letter(bits >> 12 & 63);
		out[o++] = have > 1 ? letter(bits >> 6 & 63) : '=';
		out[o++] = have > 2 ? letter(bits & 63) : '=';
	}
	return o;
}

bool base64_decode(const char *in, size_t n, void *out, size_t cap, size_t *len)
{
	unsigned char *p = out;
	size_t o = 0, pad = 0;
	uint32_t wrong = 0;

	*len = 0;
	if (n % 4 != 0 || cap < BASE64_DECODED(n))
		return false;
	if (n > 0 && in[n - 1] == '=')
		pad = in[n - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < n; i += 4) {
		size_t letters = i + 4 == n ? 4 - pad : 4;
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++) {
			uint32_t v = k < letters ? value(in[i + k]) : 0;

			wrong |= v & 64;
			bits = bits << 6 | (v & 63);
		}
		p[o++] = (unsigned char)(bits >> 16);
		if (letters > 2)
			p[o++] = (unsigned char)(bits >> 8);
		if (letters > 3)
			p[o++] = (unsigned char)bits;
		/* What the padding left over must be 0: "QQ==" is "A", "QR==" is nothing. */
		wrong |= letters == 2 ? bits & 0xffff : letters == 3 ? bits & 0xff : 0;
	}
	if (wrong)
		return false;
	*len = o;
	return true;
}
