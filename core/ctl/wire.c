/* wire - the digest of a message as it is sent. */
#define _GNU_SOURCE
#include "ctl/wire.h"

#include <stdio.h>
#include "base/log.h"

void wire_begin(struct wire *w)
{
	encode_init(&w->encoder);
	w->digest = EVP_MD_CTX_new();
	if (w->digest == NULL || EVP_DigestInit_ex(w->digest, EVP_sha256(), NULL) != 1)
		die("cannot make a digest");
}

static void put(struct wire *w, const unsigned char *p, size_t n)
{
	if (EVP_DigestUpdate(w->digest, p, n) != 1)
		die("cannot make a digest");
}

int wire_add(void *wire, const void *p, size_t n)
{
	const unsigned char *at = p;
	unsigned char out[16 * 1024];
	struct wire *w = wire;

	for (size_t used; n > 0; at += used, n -= used)
		put(w, out, encode(&w->encoder, at, n, &used, out, sizeof(out)));
	return 0;
}

void wire_end(struct wire *w, char hex[WIRE_HEX + 1])
{
	unsigned char end[ENCODE_FINISH], sum[EVP_MAX_MD_SIZE];

	put(w, end, encode_finish(&w->encoder, end));
	if (EVP_DigestFinal_ex(w->digest, sum, NULL) != 1)
		die("cannot make a digest");
	EVP_MD_CTX_free(w->digest);
	for (int i = 0; i < WIRE_HEX / 2; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}
