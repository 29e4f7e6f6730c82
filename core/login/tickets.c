/* tickets - a session ticket is sealed with the newest key (AES-256-CBC, HMAC-SHA256) and opened
 * with any that is still here; one that was sealed with an older key is replaced. */
#define _GNU_SOURCE
#include "login/tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include "base/wipe.h"

int tickets_set(struct tickets *t, const unsigned char *p, size_t n)
{
	size_t count = n / sizeof(t->key[0]);

	if (n % sizeof(t->key[0]) != 0 || count > TICKETS_MAX)
		return -1;
	wipe(t->key, sizeof(t->key));
	memcpy(t->key, p, n);
	t->n = count;
	return 0;
}

int tickets_find(const struct tickets *t, const unsigned char name[16])
{
	for (size_t i = 0; i < t->n; i++)
		if (memcmp(t->key[i].name, name, sizeof(t->key[i].name)) == 0)
			return (int)i;
	return -1;
}

static int start_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof(key->hmac)),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof(digest) - 1),
		OSSL_PARAM_END,
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* OpenSSL's protocol: 1 = go on, 2 = go on and issue a new ticket, 0 = do a full handshake (no
 * ticket), -1 = fail the handshake. */
static int seal_or_open(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int seal)
{
	struct tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	int i = 0;

	if (t->n == 0)
		return 0;
	if (seal) {
		memcpy(name, t->key[0].name, sizeof(t->key[0].name));
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
			return -1;
	} else {
		i = tickets_find(t, name);
		if (i == -1)
			return 0;
	}
	if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, t->key[i].aes, iv, seal) != 1 ||
		!start_mac(mac, &t->key[i]))
		return -1;
	/* In TLS 1.3 a client uses a ticket once (RFC 8446 appendix C.4): it gets another. */
	return i == 0 && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
}

int tickets_use(struct tickets *t, SSL_CTX *ctx)
{
	SSL_CTX_set_app_data(ctx, t);
	return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, seal_or_open) == 1 ? 0 : -1;
}
