/* mech - the table of mechanisms as functions; PLAIN, LOGIN and EXTERNAL. To add one is to add a
 * row to ipc/mechanisms.h and two functions.
 *
 * USER and PASS come as PLAIN too. */
#include "auth/mech.h"

#include <stdlib.h>
#include <string.h>
#include <restante/plugin.h>
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

static void drop_secret(struct exchange *x)
{
	if (x->secret == NULL)
		return;
	wipe(x->secret, strlen(x->secret));
	free(x->secret);
	x->secret = NULL;
}

int mech_take_secret(struct exchange *x, size_t max, const char *from, size_t n)
{
	drop_secret(x);
	if (n > max)
		return -1;
	x->secret = mem_alloc(n + 1, 1);
	return mech_take(x->secret, max, from, n);
}

enum mech_result mech_challenge(struct exchange *x, const void *p, size_t n)
{
	buf_wipe(&x->challenge);
	buf_add(&x->challenge, p, n);
	return MECH_CONTINUE;
}

enum mech_result mech_ask(struct exchange *x)
{
	x->what = x->mech->what;
	return MECH_ASK;
}

/* When the worker says yes that is all. */
static enum mech_result take_word(
	struct exchange *x, int result, const unsigned char *extra, size_t n)
{
	(void)extra;
	(void)n;
	return result == RESTANTE_OK ? MECH_GOOD : mech_bad(x, NULL);
}

/* RFC 4616: [authzid] NUL authcid NUL passwd. Nobody acts for somebody else here, so an authzid is
 * taken only when it says the same as authcid. */
static enum mech_result plain_step(struct exchange *x, const char *in, size_t n)
{
	const char *user, *secret, *end = in + n;
	size_t authzid;

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
	if (mech_take_secret(x, MECH_SECRET_MAX, secret, (size_t)(end - secret)) == -1)
		return mech_bad(x, "syntax");
	return mech_ask(x);
}
#define plain_answer take_word

/* draft-murchison-sasl-login: two questions. An initial response is the answer to the first. */
static enum mech_result login_step(struct exchange *x, const char *in, size_t n)
{
	static const char user[] = "Username:", password[] = "Password:";

	if (in == NULL)
		return mech_challenge(x, user, sizeof(user) - 1);
	if (x->user[0] == '\0') {
		if (mech_take(x->user, MECH_USER_MAX, in, n) == -1)
			return mech_bad(x, "syntax");
		return mech_challenge(x, password, sizeof(password) - 1);
	}
	if (mech_take_secret(x, MECH_SECRET_MAX, in, n) == -1)
		return mech_bad(x, "syntax");
	return mech_ask(x);
}
#define login_answer take_word

/* RFC 4422 appendix A: the response is whom to act for, or nobody in particular. */
static enum mech_result external_step(struct exchange *x, const char *in, size_t n)
{
	const char *who = x->client.certificate;

	if (mech_take(x->user, MECH_USER_MAX, who, strlen(who)) == -1)
		return mech_bad(x, "certificate");
	if (n != 0 && (n != strlen(who) || memcmp(in, who, n) != 0))
		return mech_bad(x, "authzid");
	return mech_ask(x);
}
#define external_answer take_word

static const struct mech mechs[MECHANISM_COUNT] = {
#define X(id, name, family, what, hash, flags) \
	{name, id, what, hash, flags, family##_step, family##_answer},
	MECHANISMS(X)
#undef X
};

const struct mech *mech_find(const char *name)
{
	enum mechanism i = mechanism_find(name, strlen(name));

	return i < MECHANISM_COUNT ? &mechs[i] : NULL;
}

void mech_begin(struct exchange *x, const struct mech *mech, const struct mech_client *client,
	struct mech_mask *mask)
{
	*x = (struct exchange){
		.mech = mech, .client = *client, .mask = mask, .verdict = MECH_CONTINUE};
}

enum mech_result mech_step(struct exchange *x, const char *in, size_t n)
{
	/* An answer to success or failure in words: it changes nothing. */
	if (x->verdict == MECH_GOOD)
		return n == 0 ? MECH_GOOD : mech_bad(x, "syntax");
	if (x->verdict == MECH_BAD)
		return MECH_BAD;
	if (in == NULL && (x->mech->flags & MECHANISM_FIRST) != 0)
		return x->round == 0 ? mech_challenge(x, "", 0) : mech_bad(x, "syntax");
	if (in == NULL && x->round != 0)
		return mech_bad(x, "syntax");
	return x->mech->step(x, in, n);
}

enum mech_result mech_answer(struct exchange *x, int result, const unsigned char *extra, size_t n)
{
	return x->mech->answer(x, result, extra, n);
}

const char *mech_question(const struct exchange *x)
{
	return x->what == VERIFY_APOP || x->secret == NULL ? "" : x->secret;
}

void mech_asked(struct exchange *x)
{
	if (x->what != VERIFY_APOP)
		drop_secret(x);
}

void mech_forget(struct exchange *x)
{
	drop_secret(x);
	buf_wipe(&x->challenge);
	scram_free(x->scram);
	x->scram = NULL;
}

const char *mech_prepare(int apop)
{
	if (apop && apop_prepare() == -1)
		return "MD5";
	return scram_prepare() == -1 ? "HMAC with SHA-256 and SHA-1" : NULL;
}
