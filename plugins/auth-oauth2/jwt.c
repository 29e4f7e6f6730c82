/* jwt - header.payload.signature, each in base64url.
 *
 * What RFC 8725 asks for: the algorithm is one of two, whatever the header wants; issuer and
 * audience are compared; what the header calls critical is refused, since nothing of it is known
 * here. Who the issuer is comes first, before the signature: a token of somebody else is not this
 * plugin's to refuse. */
#include "jwt.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <jansson.h>

struct parts {
	const char *at[3];
	size_t len[3];
};

static bool split(const char *token, struct parts *p)
{
	for (int i = 0; i < 3; i++) {
		const char *dot = strchr(token, '.');

		if ((dot == NULL) != (i == 2))
			return false;
		p->at[i] = token;
		p->len[i] = dot != NULL ? (size_t)(dot - token) : strlen(token);
		token += p->len[i] + 1;
	}
	return true;
}

static json_t *object(const char *in, size_t n)
{
	size_t len;
	unsigned char *text = jwks_base64url(in, n, &len);
	json_t *o = text != NULL ? json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL)
				 : NULL;

	free(text);
	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

/* --- the header --- */

/* RFC 7519 section 5.1, RFC 9068 section 2.1: a media type that may leave out "application/". */
static bool is_type(const char *typ)
{
	if (strncasecmp(typ, "application/", 12) == 0)
		typ += 12;
	return strcasecmp(typ, "JWT") == 0 || strcasecmp(typ, "at+jwt") == 0;
}

static const char *check_header(const json_t *header, enum jwks_alg *alg, const char **kid)
{
	const json_t *typ = json_object_get(header, "typ"), *id = json_object_get(header, "kid");
	const char *name = json_string_value(json_object_get(header, "alg"));

	*alg = name != NULL ? jwks_alg(name) : JWKS_OTHER;
	*kid = json_string_value(id);
	if (*alg == JWKS_OTHER)
		return "its algorithm is neither RS256 nor ES256";
	if (json_object_get(header, "crit") != NULL)
		return "it has critical extensions";
	if (typ != NULL && (!json_is_string(typ) || !is_type(json_string_value(typ))))
		return "it is of another type";
	return id != NULL && *kid == NULL ? "its key id is no string" : NULL;
}

/* --- the claims --- */

static bool is_audience(const json_t *aud, const struct jwt_policy *p)
{
	const char *name = json_string_value(aud);

	for (size_t i = 0; name != NULL && p->audiences[i] != NULL; i++)
		if (strcmp(name, p->audiences[i]) == 0)
			return true;
	return false;
}

static bool has_audience(const json_t *aud, const struct jwt_policy *p)
{
	for (size_t i = 0; i < json_array_size(aud); i++)
		if (is_audience(json_array_get(aud, i), p))
			return true;
	return is_audience(aud, p);
}

/* RFC 7519 section 2: NumericDate, perhaps with a fraction. */
static bool get_time(const json_t *payload, const char *name, double *out)
{
	const json_t *n = json_object_get(payload, name);

	*out = json_number_value(n);
	return json_is_number(n);
}

static const char *check_times(const json_t *payload, const struct jwt_policy *p)
{
	double now = (double)p->now, leeway = (double)p->leeway, t;

	if (!get_time(payload, "exp", &t))
		return "it does not expire";
	if (now >= t + leeway)
		return "it has expired";
	if (json_object_get(payload, "nbf") != NULL &&
		(!get_time(payload, "nbf", &t) || now + leeway < t))
		return "it is not valid yet";
	if (json_object_get(payload, "iat") != NULL &&
		(!get_time(payload, "iat", &t) || now + leeway < t))
		return "it was issued in the future";
	return NULL;
}

static const char *take_user(
	const json_t *payload, const struct jwt_policy *p, char user[JWT_NAME_MAX + 1])
{
	const json_t *verified = json_object_get(payload, "email_verified");
	const char *name = json_string_value(json_object_get(payload, p->claim));
	size_t n = name != NULL ? strlen(name) : 0;

	if (n == 0 || n > JWT_NAME_MAX)
		return "the claim that names the user is missing";
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return "the user's name has control characters";
	/* OpenID Connect Core section 5.1: the user may have claimed any address */
	if (strcmp(p->claim, "email") == 0 && verified != NULL && !json_is_true(verified))
		return "the address is not verified";
	memcpy(user, name, n + 1);
	return NULL;
}

static const char *check_claims(
	const json_t *payload, const struct jwt_policy *p, char user[JWT_NAME_MAX + 1])
{
	const char *why;

	if (!has_audience(json_object_get(payload, "aud"), p))
		return "it is for another audience";
	why = check_times(payload, p);
	return why != NULL ? why : take_user(payload, p, user);
}

/* --- */

static const char *check_signature(
	const struct jwks *keys, const struct parts *p, enum jwks_alg alg, const char *kid)
{
	size_t len, signed_len = p->len[0] + 1 + p->len[1];
	unsigned char *signature = jwks_base64url(p->at[2], p->len[2], &len);
	bool good = signature != NULL &&
		    jwks_verify(keys, alg, kid, p->at[0], signed_len, signature, len);

	free(signature);
	return good ? NULL : "no key of the set has signed it";
}

static enum jwt_result check(const struct parts *parts, const json_t *header, const json_t *payload,
	const struct jwks *keys, const struct jwt_policy *policy, char user[JWT_NAME_MAX + 1],
	const char **why)
{
	const char *issuer = json_string_value(json_object_get(payload, "iss")), *kid;
	enum jwks_alg alg;

	if (header == NULL || issuer == NULL || strcmp(issuer, policy->issuer) != 0)
		return JWT_FOREIGN;
	*why = check_header(header, &alg, &kid);
	if (*why == NULL)
		*why = check_signature(keys, parts, alg, kid);
	if (*why == NULL)
		*why = check_claims(payload, policy, user);
	return *why == NULL ? JWT_GOOD : JWT_REFUSED;
}

enum jwt_result jwt_check(const char *token, const struct jwks *keys,
	const struct jwt_policy *policy, char user[JWT_NAME_MAX + 1], const char **why)
{
	enum jwt_result result;
	struct parts parts;
	json_t *header, *payload;

	user[0] = '\0';
	*why = "it is no token of this issuer";
	if (!split(token, &parts))
		return JWT_FOREIGN;
	header = object(parts.at[0], parts.len[0]);
	payload = object(parts.at[1], parts.len[1]);
	result = check(&parts, header, payload, keys, policy, user, why);
	json_decref(header);
	json_decref(payload);
	return result;
}
