/* Hashes under a key that this process has made and nobody else knows: who reads the memory of
 * another process, a core file of tomorrow or the log learns nothing from them, and nobody can
 * choose names that fall together. BLAKE2b. */
#ifndef AUTH_KEYED_H
#define AUTH_KEYED_H

#include <stdint.h>
#include <openssl/evp.h>

enum { KEYED_LEN = 32 };

struct keyed {
	EVP_MAC_CTX *mac;
};

/* What is hashed; the same text is something else in each. */
enum keyed_kind { KEYED_SECRET = 1, KEYED_USER, KEYED_ADDRESS, KEYED_NET, KEYED_PAIR, KEYED_LOGIN };

/* 0; -1: there is no BLAKE2 in this OpenSSL, or no random octets. Before the sandbox. */
int keyed_init(struct keyed *);
/* Hashes two texts; b may be "". Ends the process where OpenSSL fails. */
void keyed_hash(const struct keyed *, enum keyed_kind, const char *a, const char *b,
	unsigned char out[KEYED_LEN]);
/* Its first octets as a key for rows.h: never 0. */
uint64_t keyed_key(const struct keyed *, enum keyed_kind, const char *a, const char *b);

#endif
