/* mech - the table of mechanisms; PLAIN and LOGIN. To add one is to add a row.
 *
 * USER and PASS come as PLAIN too. */
#include "auth/mech.h"

#include <string.h>
#include <strings.h>
#include "base/wipe.h"

enum mech_result mech_bad(struct exchange *x, const char *why)
{
	x->why = why;
	return MECH_BAD;
}

int mech_take(char *to, size_t max, const char *from, size_t n)
{
	if (n == 0 || n > max || memchr(from, '\0', n) != NULL)
		return -1;
	memcpy(to, from, n);
	to[n] = '\0';
	return 0;
}

static enum mech_result ask(struct exchange *x, const char *challenge)
{
	x->challenge = challenge;
	x->challenge_len = strlen(challenge);
	return MECH_CONTINUE;
}

/* RFC 4616: [authzid] NUL authcid NUL passwd. Nobody acts for somebody else here, so an authzid is
 * taken only when it says the same as authcid. */
static enum mech_result plain_step(struct exchange *x, const char *in, size_t n)
{
	const char *user, *secret, *end;
	size_t authzid;

	if (in == NULL)
		return x->round == 0 ? ask(x, "") : mech_bad(x, "syntax");
	end = in + n;
	user = memchr(in, '\0', n);
	secret = user != NULL ? memchr(user + 1, '\0', (size_t)(end - user - 1)) : NULL;
	if (secret == NULL)
		return mech_bad(x, "syntax");
	authzid = (size_t)(user - in);
	user++;
	if (mech_take(x->user, MECH_USER_MAX, user, (size_t)(secret - user)) == -1)
		return mech_bad(x, "syntax");
	secret++;
	if (authzid != 0 && (authzid != strlen(x->user) || memcmp(in, x->user, authzid) != 0))
		return mech_bad(x, "authzid");
	if (mech_take(x->secret, MECH_SECRET_MAX, secret, (size_t)(end - secret)) == -1)
		return mech_bad(x, "syntax");
	x->what = VERIFY_PASSWORD;
	return MECH_ASK;
}

/* draft-murchison-sasl-login: two questions. An initial response is the answer to the first. */
static enum mech_result login_step(struct exchange *x, const char *in, size_t n)
{
	if (in == NULL)
		return x->round == 0 ? ask(x, "Username:") : mech_bad(x, "syntax");
	if (x->user[0] == '\0') {
		if (mech_take(x->user, MECH_USER_MAX, in, n) == -1)
			return mech_bad(x, "syntax");
		return ask(x, "Password:");
	}
	if (mech_take(x->secret, MECH_SECRET_MAX, in, n) == -1)
		return mech_bad(x, "syntax");
	x->what = VERIFY_PASSWORD;
	return MECH_ASK;
}

static const struct mech mechs[] = {
	{"PLAIN", MECH_PLAINTEXT, plain_step, NULL},
	{"LOGIN", MECH_PLAINTEXT, login_step, NULL},
	{"APOP", MECH_SHARED, apop_step, apop_answer},
};

const struct mech *mech_find(const char *name)
{
	for (size_t i = 0; i < sizeof(mechs) / sizeof(mechs[0]); i++)
		if (strcasecmp(mechs[i].name, name) == 0)
			return &mechs[i];
	return NULL;
}

void mech_begin(struct exchange *x, const struct mech *mech, const char *banner)
{
	size_t n = strlen(banner);

	*x = (struct exchange){.mech = mech};
	if (n <= MECH_BANNER_MAX)
		memcpy(x->banner, banner, n + 1);
}

void mech_forget(struct exchange *x)
{
	wipe(x->secret, sizeof(x->secret));
}
