/* Comparisons in constant time, and base64 by OpenSSL's block functions, which are lenient about
 * white space and count padding as octets: both are put right here. */
#include "equal.h"

#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

bool equal_octets(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

/* Walks over what the client sent, whose length it knows; where the secret is shorter, its NUL
 * is compared again and again. */
bool equal_strings(const char *given, const char *secret, size_t secret_len)
{
	size_t n = strlen(given);
	volatile unsigned char diff = n != secret_len;

	for (size_t i = 0; i < n; i++) {
		size_t beyond = (size_t)0 - (size_t)(i >= secret_len);
		size_t at = (i & ~beyond) | (secret_len & beyond);

		diff = (unsigned char)(diff | (given[i] ^ secret[at]));
	}
	return diff == 0;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int b64_decode(const char *in, size_t n, unsigned char *out, size_t size)
{
	size_t pad = n > 0 && in[n - 1] == '=' ? 1 + (size_t)(n > 1 && in[n - 2] == '=') : 0;
	unsigned char last[3];
	size_t whole, octets;

	if (n % 4 != 0 || n > 1 << 20)
		return -1;
	for (size_t i = 0; i < n - pad; i++)
		if (!memchr(alphabet, in[i], sizeof(alphabet) - 1))
			return -1;
	octets = n / 4 * 3 - pad;
	if (octets > size)
		return -1;
	/* The last group goes through a buffer of its own: padding decodes to octets too many. */
	whole = n >= 4 ? n - 4 : 0;
	if (EVP_DecodeBlock(out, (const unsigned char *)in, (int)whole) < 0)
		return -1;
	if (n > 0 && EVP_DecodeBlock(last, (const unsigned char *)in + whole, 4) < 0)
		return -1;
	if (n > 0)
		memcpy(out + whole / 4 * 3, last, 3 - pad);
	OPENSSL_cleanse(last, sizeof(last));
	return (int)octets;
}

int b64_encode(const unsigned char *in, size_t n, char *out, size_t size)
{
	if (n > 1 << 20 || size < (n + 2) / 3 * 4 + 1)
		return -1;
	return EVP_EncodeBlock((unsigned char *)out, in, (int)n);
}
