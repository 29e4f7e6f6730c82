/* auth-oauth2: a token against the keys of RFC 7515 appendix A, or, where the input begins with
 * '{', a set of keys. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "jwks.h"
#include "jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char keys_text[] =
	"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uP"
	"HvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static void check_token(const char *token, const struct jwks *keys)
{
	static const char *const audiences[] = {"mail.example", NULL};
	const struct jwt_policy policy = {
		.issuer = "joe", .audiences = audiences, .claim = "email", .now = 1300819000};
	char user[JWT_NAME_MAX + 1];
	const char *why = NULL;

	/* the one signature that is known here is of a token without an audience */
	if (jwt_check(token, keys, &policy, user, &why) == JWT_GOOD || why == NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why = NULL;
	struct jwks *keys;
	char *text;

	if (size > 0 && data[0] == '{') {
		keys = jwks_read((const char *)data, size, &why);
		if (keys == NULL && why == NULL)
			abort();
		if (keys != NULL)
			check_token("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UifQ.AAAA", keys);
	} else {
		keys = jwks_read(keys_text, sizeof(keys_text) - 1, &why);
		text = malloc(size + 1);
		if (keys == NULL || text == NULL)
			abort();
		memcpy(text, data, size);
		text[size] = '\0';
		check_token(text, keys);
		free(text);
	}
	jwks_free(keys);
	return 0;
}
