/* secrets - which of a user's passwords is it, and have they changed? */
#include "secrets.h"

#include <string.h>
#include <openssl/evp.h>

bool secrets_locked(const struct entry *e)
{
	return e->password[0] == '!' || (scheme_locked(e->password) && e->napps == 0);
}

enum scheme_result secrets_verify(const struct entry *e, const char *password, const char **label)
{
	enum scheme_result result = SCHEME_NO_MATCH;

	*label = NULL;
	if (secrets_locked(e))
		return result;
	if (!scheme_locked(e->password))
		result = scheme_verify(e->password, password);
	for (size_t i = 0; i < e->napps && result == SCHEME_NO_MATCH; i++) {
		result = scheme_verify(e->apps[i].password, password);
		if (result == SCHEME_MATCH)
			*label = e->apps[i].label;
	}
	return result;
}

/* With its NUL, so that no two lists of secrets are the same octets. */
static bool add(EVP_MD_CTX *c, const char *text)
{
	return EVP_DigestUpdate(c, text, strlen(text) + 1) == 1;
}

uint64_t secrets_stamp(const struct entry *e)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 && add(c, e->password);
	uint64_t stamp = 0;

	for (size_t i = 0; ok && i < e->napps; i++)
		ok = add(c, e->apps[i].label) && add(c, e->apps[i].password);
	if (ok && EVP_DigestFinal_ex(c, md, NULL) == 1) {
		memcpy(&stamp, md, sizeof(stamp));
		stamp |= 1; /* 0 means that nothing is known */
	}
	EVP_MD_CTX_free(c);
	return stamp;
}
