/* mech_oauth - bearer tokens: OAUTHBEARER (RFC 7628) and XOAUTH2, what was there before it.
 *
 *	OAUTHBEARER   gs2-header 0x01 "auth=Bearer " token 0x01 0x01
 *	XOAUTH2       "user=" user 0x01 "auth=Bearer " token 0x01 0x01
 *
 * with further pairs (host, port) that are of no interest here. A refusal is told in JSON as a
 * challenge, which the client has to answer before it hears -ERR. */
#include "auth/mech.h"

#include <string.h>
#include <strings.h>
#include <restante/plugin.h>

#define BEARER "Bearer "

/* RFC 6750 section 2.1 */
static int is_token(const char *p, size_t n)
{
	static const char others[] = "-._~+/=";

	for (size_t i = 0; i < n; i++)
		if ((p[i] < 'a' || p[i] > 'z') && (p[i] < 'A' || p[i] > 'Z') &&
			(p[i] < '0' || p[i] > '9') &&
			(p[i] == '\0' || strchr(others, p[i]) == NULL))
			return 0;
	return n > 0;
}

static int take_token(struct exchange *x, const char *p, size_t n)
{
	const size_t scheme = sizeof(BEARER) - 1;

	if (x->secret != NULL || n < scheme || strncasecmp(p, BEARER, scheme) != 0)
		return -1;
	for (p += scheme, n -= scheme; n > 0 && *p == ' '; n--)
		p++;
	return is_token(p, n) ? mech_take_secret(x, MECH_TOKEN_MAX, p, n) : -1;
}

/* One pair of n octets. */
static int take_pair(struct exchange *x, const char *p, size_t n)
{
	if (n >= 5 && memcmp(p, "auth=", 5) == 0)
		return take_token(x, p + 5, n - 5);
	if (x->mech->id == MECHANISM_XOAUTH2 && n >= 5 && memcmp(p, "user=", 5) == 0)
		return mech_take(x->user, MECH_USER_MAX, p + 5, n - 5);
	return n > 0 && memchr(p, '=', n) != NULL && memchr(p, '\0', n) == NULL ? 0 : -1;
}

/* Pairs, each with 0x01 behind it, and one more 0x01 at the end. */
static int take_pairs(struct exchange *x, const char *p, const char *end)
{
	while (p < end && *p != 1) {
		const char *stop = memchr(p, 1, (size_t)(end - p));

		if (stop == NULL || take_pair(x, p, (size_t)(stop - p)) == -1)
			return -1;
		p = stop + 1;
	}
	return end - p == 1 ? 0 : -1;
}

enum mech_result oauth_step(struct exchange *x, const char *in, size_t n)
{
	const char *p = in, *end = in + n;
	struct gs2 g;

	if (x->mech->id == MECHANISM_OAUTHBEARER) {
		if (gs2_parse(&g, in, n) == -1 || g.flag == 'p' || g.len == n || in[g.len] != 1)
			return mech_bad(x, "syntax");
		memcpy(x->user, g.authzid, sizeof(x->user));
		p += g.len + 1;
	}
	if (take_pairs(x, p, end) == -1 ||
		(x->mech->id == MECHANISM_XOAUTH2 && x->user[0] == '\0'))
		return mech_bad(x, "syntax");
	if (x->secret == NULL) /* RFC 7628 section 4.3: a question what is wanted */
		return oauth_answer(x, RESTANTE_DENY, NULL, 0);
	return mech_ask(x);
}

enum mech_result oauth_answer(struct exchange *x, int result, const unsigned char *extra, size_t n)
{
	static const char bearer[] = "{\"status\":\"invalid_token\"}",
			  xoauth2[] = "{\"status\":\"400\",\"schemes\":\"Bearer\",\"scope\":\"\"}";

	(void)extra;
	(void)n;
	if (result == RESTANTE_OK)
		return MECH_GOOD;
	x->why = result == RESTANTE_NONE ? "unknown" : "refused";
	x->verdict = MECH_BAD;
	return x->mech->id == MECHANISM_XOAUTH2 ? mech_challenge(x, xoauth2, sizeof(xoauth2) - 1)
						: mech_challenge(x, bearer, sizeof(bearer) - 1);
}
