/* mech_apop - APOP (RFC 1939 section 7) in the shape of a mechanism: one response, "name digest",
 * where digest is the MD5 of the greeting's timestamp and the shared secret in 32 hex digits.
 *
 * MD5 is broken for signatures and slow to break for this, but its secrets have to be stored in the
 * clear and anybody who listened can guess at leisure: that is why it is off by default. */
#include "auth/mech.h"

#include <string.h>
#include <openssl/evp.h>
#include <restante/plugin.h>
#include "base/wipe.h"

enum { MD5_LEN = 16, DIGEST_LEN = 2 * MD5_LEN };

/* The name may hold spaces: the digest is what follows the last one. */
enum mech_result apop_step(struct exchange *x, const char *in, size_t n)
{
	if (in == NULL || x->round != 0 || n < DIGEST_LEN + 2 || in[n - DIGEST_LEN - 1] != ' ' ||
		x->client.banner[0] == '\0')
		return mech_bad(x, "syntax");
	if (mech_take(x->user, MECH_USER_MAX, in, n - DIGEST_LEN - 1) == -1 ||
		mech_take_secret(x, MECH_SECRET_MAX, in + n - DIGEST_LEN, DIGEST_LEN) == -1)
		return mech_bad(x, "syntax");
	return mech_ask(x);
}

static int digest(const char *banner, const unsigned char *secret, size_t n, char hex[DIGEST_LEN])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char md[MD5_LEN];
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int ok = c != NULL && EVP_DigestInit_ex(c, EVP_md5(), NULL) == 1 &&
		 EVP_DigestUpdate(c, banner, strlen(banner)) == 1 &&
		 EVP_DigestUpdate(c, secret, n) == 1 && EVP_DigestFinal_ex(c, md, NULL) == 1;

	EVP_MD_CTX_free(c);
	for (size_t i = 0; ok && i < MD5_LEN; i++) {
		hex[2 * i] = digits[md[i] >> 4];
		hex[2 * i + 1] = digits[md[i] & 15];
	}
	return ok ? 0 : -1;
}

enum mech_result apop_answer(struct exchange *x, int result, const unsigned char *secret, size_t n)
{
	char hex[DIGEST_LEN];

	if (result != RESTANTE_OK)
		return mech_bad(x, NULL);
	if (n == 0 || x->secret == NULL || digest(x->client.banner, secret, n, hex) == -1)
		return mech_bad(x, "backend");
	return same_secret(hex, x->secret, DIGEST_LEN) ? MECH_GOOD : mech_bad(x, "refused");
}

int apop_prepare(void)
{
	char hex[DIGEST_LEN];

	return digest("", (const unsigned char *)"", 0, hex);
}
