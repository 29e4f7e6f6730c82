/* keyed - one MAC context that holds the key, started anew for each hash. */
#include "auth/keyed.h"

#include <string.h>
#include <openssl/core_names.h>
#include <sys/random.h>
#include "base/log.h"
#include "base/wipe.h"

int keyed_init(struct keyed *k)
{
	unsigned char key[KEYED_LEN];
	size_t len = KEYED_LEN;
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "BLAKE2BMAC", NULL);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &len), OSSL_PARAM_construct_end()};
	int ok;

	k->mac = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	ok = k->mac != NULL && getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key) &&
	     EVP_MAC_init(k->mac, key, sizeof(key), params) == 1;
	wipe(key, sizeof(key));
	EVP_MAC_free(mac);
	return ok ? 0 : -1;
}

static int add(const struct keyed *k, const char *text)
{
	return EVP_MAC_update(k->mac, (const unsigned char *)text, strlen(text) + 1);
}

void keyed_hash(const struct keyed *k, enum keyed_kind kind, const char *a, const char *b,
	unsigned char out[KEYED_LEN])
{
	unsigned char first = (unsigned char)kind;
	size_t n = 0;

	if (EVP_MAC_init(k->mac, NULL, 0, NULL) != 1 || EVP_MAC_update(k->mac, &first, 1) != 1 ||
		add(k, a) != 1 || add(k, b) != 1 ||
		EVP_MAC_final(k->mac, out, &n, KEYED_LEN) != 1 || n != KEYED_LEN)
		die("OpenSSL cannot make a BLAKE2 hash");
}

uint64_t keyed_key(const struct keyed *k, enum keyed_kind kind, const char *a, const char *b)
{
	unsigned char out[KEYED_LEN];
	uint64_t key;

	keyed_hash(k, kind, a, b, out);
	memcpy(&key, out, sizeof(key));
	return key != 0 ? key : 1;
}
