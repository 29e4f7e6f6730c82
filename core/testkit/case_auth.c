/* case_auth - auth plugins; with user= and password=, or token=, also what they say of a user who
 * exists. */
#include "testkit/kit.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

enum { LONG = 16 * 1024, TRIES = 5, SOON_MS = 5000 };
#define AUTH_RESULTS \
	(R(RESTANTE_OK) | R(RESTANTE_TEMP) | R(RESTANTE_PERM) | R(RESTANTE_DENY) | R(RESTANTE_NONE))
#define NOBODY "nobody-has-this-name"
#define WRONG "not the password of anybody"

struct desk {
	struct kit *kit;
	const struct restante_auth *a;
	void *au;
	struct restante_user user;
	struct kit_host host;
};

static void desk_open(struct desk *d, struct kit *k)
{
	*d = (struct desk){.kit = k, .a = k->auth};
	kit_host_open(&d->host, k, NULL);
	if (legal("open", d->a->open(&d->host.api, &d->au),
		    R(RESTANTE_OK) | R(RESTANTE_TEMP) | R(RESTANTE_PERM)) != RESTANTE_OK)
		fail("open: it fails with these settings");
}

static void desk_close(struct desk *d)
{
	d->a->close(d->au);
	kit_host_close(&d->host);
}

static struct restante_request request(const char *user)
{
	return (struct restante_request){.size = sizeof(struct restante_request),
		.user = user,
		.service = "pop3",
		.client_ip = "192.0.2.1",
		.server_ip = ""};
}

static int verify(struct desk *d, const char *user, const char *password)
{
	struct restante_request r = request(user);

	d->user = (struct restante_user){.size = sizeof(d->user)};
	host_deadline(&d->host.inner, KIT_MS * d->kit->opt->factor);
	return legal("verify", d->a->verify(d->au, &r, password, &d->user), AUTH_RESULTS);
}

static int lookup(struct desk *d, const char *user)
{
	struct restante_request r = request(user);

	d->user = (struct restante_user){.size = sizeof(d->user)};
	return legal("lookup", d->a->lookup(d->au, &r, &d->user), AUTH_RESULTS);
}

static void check_user(const struct restante_user *u)
{
	if (u->uid == 0)
		fail("uid 0 gets no session");
	if (u->home != NULL && u->home[0] != '\0' && u->home[0] != '/')
		fail("the home \"%s\" is not an absolute path", u->home);
	if ((u->flags & ~(uint32_t)RESTANTE_USER_NAME_ONLY) != 0)
		fail("user.flags 0x%x", (unsigned)u->flags);
	for (const char *const *a = u->attrs; a != NULL && a[0] != NULL; a += 2)
		if (a[1] == NULL)
			fail("the attribute %s has no value", a[0]);
}

/* --- anybody --- */

static void opens(struct kit *k)
{
	struct desk d;

	for (int i = 0; i < 3; i++) {
		desk_open(&d, k);
		desk_close(&d);
	}
}

static void stranger(struct kit *k)
{
	struct desk d;
	int result;

	desk_open(&d, k);
	result = verify(&d, NOBODY, WRONG);
	if (result == RESTANTE_OK)
		fail("verify: everybody is let in");
	if (result == RESTANTE_PERM)
		fail("verify: a user who does not exist is no reason for PERM");
	if (k->auth->lookup != NULL && lookup(&d, NOBODY) == RESTANTE_OK)
		fail("lookup: it knows everybody");
	desk_close(&d);
}

static void names(struct kit *k)
{
	static const char *const odd[] = {"", " ", ":", "a:b", "\n", "a\nb", "../../etc/passwd",
		"/", "%s%s%n", "*", "*)(uid=*", "' OR 1=1 --", "\\", "\377\376", "a@", "@",
		"root\r", ","};
	char *large = mem_alloc(1, LONG + 1);
	struct desk d;

	memset(large, 'a', LONG);
	desk_open(&d, k);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (verify(&d, odd[i], WRONG) == RESTANTE_OK ||
			verify(&d, odd[i], "") == RESTANTE_OK ||
			verify(&d, odd[i], odd[i]) == RESTANTE_OK)
			fail("verify: the name \"%s\" is let in", odd[i]);
		if (k->auth->lookup != NULL)
			(void)lookup(&d, odd[i]);
	}
	if (verify(&d, large, WRONG) == RESTANTE_OK || verify(&d, NOBODY, large) == RESTANTE_OK)
		fail("verify: a very long one is let in");
	free(large);
	desk_close(&d);
}

/* --- the user of the command line --- */

static void right(struct kit *k)
{
	struct desk d;

	desk_open(&d, k);
	for (int i = 0; i < 3; i++) {
		if (verify(&d, k->opt->user, k->opt->password) != RESTANTE_OK)
			fail("verify: the right password is refused");
		check_user(&d.user);
	}
	desk_close(&d);
}

static void wrong(struct kit *k)
{
	struct buf p = {0};
	char *large = mem_alloc(1, LONG + 1);
	struct desk d;
	const char *refused[5];

	memset(large, 'a', LONG);
	(void)str_copy(large, strlen(k->opt->password) + 1, k->opt->password);
	large[strlen(k->opt->password)] = 'a';
	buf_printf(&p, "%s ", k->opt->password);
	refused[0] = WRONG;
	refused[1] = "";
	refused[2] = p.p;
	refused[3] = large;
	refused[4] = k->opt->password + 1;
	desk_open(&d, k);
	for (size_t i = 0; i < 5; i++) {
		int result = verify(&d, k->opt->user, refused[i]);

		if (k->opt->password[0] == '\0' && (i == 1 || i == 4))
			continue;
		if (result != RESTANTE_DENY)
			fail("verify: wrong password no. %zu gives %d, not DENY", i + 1, result);
		if (verify(&d, k->opt->user, k->opt->password) != RESTANTE_OK)
			fail("verify: after a wrong password the right one is refused");
	}
	buf_free(&p);
	free(large);
	desk_close(&d);
}

static void record(struct kit *k)
{
	struct restante_user first;
	struct buf name = {0}, home = {0};
	struct desk d;
	int result;

	desk_open(&d, k);
	if (verify(&d, k->opt->user, k->opt->password) != RESTANTE_OK)
		fail("verify: the right password is refused");
	first = d.user;
	buf_printf(&name, "%s",
		first.name != NULL && first.name[0] != '\0' ? first.name : k->opt->user);
	buf_printf(&home, "%s", first.home != NULL ? first.home : "");
	result = lookup(&d, k->opt->user);
	if (result == RESTANTE_NONE)
		skip("lookup() does not know this user, though verify() does");
	if (result != RESTANTE_OK)
		fail("lookup: a user who may log in is not found");
	check_user(&d.user);
	if (d.user.uid != first.uid || d.user.gid != first.gid || d.user.stamp != first.stamp ||
		strcmp(d.user.home != NULL ? d.user.home : "", buf_str(&home)) != 0)
		fail("lookup: another record than that of verify()");
	if (d.user.name != NULL && d.user.name[0] != '\0' &&
		strcmp(d.user.name, buf_str(&name)) != 0)
		fail("lookup: another name than that of verify()");
	buf_free(&name);
	buf_free(&home);
	desk_close(&d);
}

/* What the request held is gone when out is read. */
static void copies(struct kit *k)
{
	char *user = mem_strdup(k->opt->user), *password = mem_strdup(k->opt->password);
	struct desk d;

	desk_open(&d, k);
	if (verify(&d, user, password) != RESTANTE_OK)
		fail("verify: the right password is refused");
	memset(user, '?', strlen(user));
	memset(password, '?', strlen(password));
	if ((d.user.name != NULL && strchr(d.user.name, '?') != NULL) ||
		(d.user.home != NULL && strchr(d.user.home, '?') != NULL))
		fail("verify: out points into the request, which is gone after the call");
	for (const char *const *a = d.user.attrs; a != NULL && a[0] != NULL; a += 2)
		if (strchr(a[1], '?') != NULL && strspn(a[1], "?") == strlen(a[1]))
			fail("verify: an attribute points into the request, which is gone after "
			     "the call");
	free(user);
	free(password);
	desk_close(&d);
}

static void later(struct kit *k)
{
	enum { MORE = 64 };
	struct {
		struct restante_user user;
		unsigned char more[MORE];
	} out = {.user = {.size = sizeof(out)}};
	struct restante_request r = request(k->opt->user);
	struct desk d = {.kit = k, .a = k->auth};

	memset(out.more, 0xa5, MORE);
	kit_host_open(&d.host, k, NULL);
	d.host.api.size += MORE;
	d.host.api.minor = RESTANTE_MINOR + 7;
	r.flags = 0x80000000u; /* a flag of the future */
	if (d.a->open(&d.host.api, &d.au) != RESTANTE_OK)
		fail("open: a core of a later version is refused");
	if (d.a->verify(d.au, &r, k->opt->password, &out.user) != RESTANTE_OK)
		fail("verify: a core of a later version is refused");
	for (size_t i = 0; i < MORE && !kit_is_older(k); i++)
		if (out.more[i] != 0xa5)
			fail("verify: it writes behind the end of struct restante_user");
	desk_close(&d);
}

static void secrets(struct kit *k)
{
	struct restante_request r = request(k->opt->user);
	struct restante_scram s = {.size = sizeof(s)};
	const char *shared = NULL;
	struct desk d;
	int result;

	desk_open(&d, k);
	if (k->auth->apop != NULL) {
		result = legal("apop", k->auth->apop(d.au, &r, &shared), AUTH_RESULTS);
		if (result == RESTANTE_OK &&
			(shared == NULL || strcmp(shared, k->opt->password) != 0))
			fail("apop: another secret than the password");
	}
	if (k->auth->scram != NULL) {
		result = legal(
			"scram", k->auth->scram(d.au, &r, "NO-SUCH-HASH-1", &s), AUTH_RESULTS);
		if (result == RESTANTE_OK)
			fail("scram: it has keys for a hash that does not exist");
		result = legal("scram", k->auth->scram(d.au, &r, "SHA-256", &s), AUTH_RESULTS);
		if (result == RESTANTE_OK &&
			(s.iterations == 0 || s.salt_len == 0 || s.salt_len > 1024 ||
				s.key_len != 32 || s.salt == NULL || s.stored == NULL ||
				s.server == NULL))
			fail("scram: the keys for SHA-256 are not what RFC 5802 wants");
	}
	desk_close(&d);
}

/* --- tokens --- */

static int token(struct desk *d, const char *user, const char *text)
{
	struct restante_request r = request(user);

	d->user = (struct restante_user){.size = sizeof(d->user)};
	host_deadline(&d->host.inner, KIT_MS * d->kit->opt->factor);
	return legal("token", d->a->token(d->au, &r, text, &d->user), AUTH_RESULTS);
}

/* Most of these are no tokens at all, or have no signature. */
static void no_token(struct kit *k)
{
	static const char *const odd[] = {"", ".", "..", "...", "no.such.token", "e30.e30.",
		"eyJhbGciOiJub25lIn0.e30.", "a", "\377.\377.\377", "%s%n", "\n", "' OR 1=1 --"};
	char *large = mem_alloc(1, LONG + 1);
	struct desk d;

	memset(large, '.', LONG);
	desk_open(&d, k);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (token(&d, NOBODY, odd[i]) == RESTANTE_OK ||
			token(&d, "", odd[i]) == RESTANTE_OK)
			fail("token: \"%s\" is let in", odd[i]);
	if (token(&d, "", large) == RESTANTE_OK)
		fail("token: a very long one is let in");
	free(large);
	desk_close(&d);
}

static void good_token(struct kit *k)
{
	char *text = mem_strdup(k->opt->token), *last = text + strlen(text);
	struct desk d;

	desk_open(&d, k);
	for (int i = 0; i < 3; i++) {
		if (token(&d, "", text) != RESTANTE_OK)
			fail("token: the one of the command line is refused");
		if (d.user.name == NULL || d.user.name[0] == '\0')
			fail("token: out has no name");
		if ((d.user.flags & RESTANTE_USER_NAME_ONLY) == 0)
			check_user(&d.user);
		if (k->opt->user != NULL && strcmp(d.user.name, k->opt->user) != 0)
			fail("token: it is that of %s", d.user.name);
	}
	if (k->opt->user != NULL && token(&d, k->opt->user, text) != RESTANTE_OK)
		fail("token: with the user's name it is refused");
	if (token(&d, NOBODY, text) == RESTANTE_OK)
		fail("token: it is good for another user too");
	last[-2] = last[-2] == 'A' ? 'B' : 'A';
	if (text[0] != '\0' && token(&d, "", text) == RESTANTE_OK)
		fail("token: one with another signature is let in");
	free(text);
	desk_close(&d);
}

/* --- time, leaks, the sandbox --- */

static int by_value(const void *a, const void *b)
{
	return (*(const int64_t *)a > *(const int64_t *)b) -
	       (*(const int64_t *)a < *(const int64_t *)b);
}

static int64_t median_ms(struct desk *d, const char *user)
{
	int64_t t[TRIES];

	for (size_t i = 0; i < TRIES; i++) {
		int64_t start = clock_ms();

		(void)verify(d, user, WRONG);
		t[i] = clock_ms() - start;
	}
	qsort(t, TRIES, sizeof(t[0]), by_value);
	return t[TRIES / 2];
}

/* Only what is plain to see: a password hash that is computed for one and not for the other. */
static void timing(struct kit *k)
{
	int64_t wrong_ms, nobody_ms;
	struct desk d;

	desk_open(&d, k);
	wrong_ms = median_ms(&d, k->opt->user);
	nobody_ms = median_ms(&d, NOBODY);
	if (wrong_ms > nobody_ms * 4 + 50)
		fail("a wrong password takes %lld ms, a user who does not exist %lld: that tells "
		     "them apart",
			(long long)wrong_ms, (long long)nobody_ms);
	desk_close(&d);
}

/* A call that comes when the time is over does not begin what takes long. */
static void no_time(struct kit *k)
{
	int64_t start = clock_ms();
	struct desk d;

	desk_open(&d, k);
	for (int i = 0; i < 2; i++) {
		struct restante_request r = request(NOBODY);

		d.user = (struct restante_user){.size = sizeof(d.user)};
		d.host.inner.deadline = clock_ms() - 1;
		if (i == 0 && k->auth->verify != NULL)
			(void)legal(
				"verify", k->auth->verify(d.au, &r, WRONG, &d.user), AUTH_RESULTS);
		if (i == 1 && k->auth->lookup != NULL)
			(void)legal("lookup", k->auth->lookup(d.au, &r, &d.user), AUTH_RESULTS);
	}
	desk_close(&d);
	if (clock_ms() - start > SOON_MS * k->opt->factor)
		fail("with no time left, two calls take %lld ms", (long long)(clock_ms() - start));
}

static void visit(struct kit *k)
{
	const struct kit_options *o = k->opt;
	struct desk d;

	desk_open(&d, k);
	if (k->auth->verify != NULL)
		(void)verify(&d, NOBODY, WRONG);
	if (k->auth->verify != NULL && o->user != NULL && o->password != NULL)
		(void)verify(&d, o->user, o->password);
	if (k->auth->lookup != NULL)
		(void)lookup(&d, o->user != NULL ? o->user : NOBODY);
	if (k->auth->token != NULL)
		(void)token(&d, "", o->token != NULL ? o->token : "no.such.token");
	desk_close(&d);
}

static void asks(struct kit *k)
{
	k->strict = true;
	visit(k);
}

static void leaks(struct kit *k)
{
	size_t before;

	visit(k);
	visit(k);
	before = watch_files();
	watch_memory(k, visit, 30);
	if (watch_files() > before)
		fail("%zu descriptors more are open after 30 rounds", watch_files() - before);
	watch_children(k);
}

static void sandbox(struct kit *k)
{
	struct desk d;

	watch_sandbox(k, NULL);
	desk_open(&d, k);
	if (k->auth->verify != NULL)
		(void)verify(&d, NOBODY, WRONG);
	if (k->auth->verify != NULL && k->opt->user != NULL && k->opt->password != NULL &&
		verify(&d, k->opt->user, k->opt->password) != RESTANTE_OK)
		fail("verify: the right password is refused in the sandbox: see needs, and paths");
	desk_close(&d);
}

enum { AUTH = NEED_AUTH, CHECKS = AUTH | NEED_VERIFY, KNOWS = CHECKS | NEED_USER };

const struct kit_case auth_cases[] = {
	{"auth-open", "it opens and closes", AUTH, 30, opens},
	{"auth-none", "a user who does not exist is not let in", CHECKS, 30, stranger},
	{"auth-names", "names that mean something elsewhere do no harm", CHECKS, 120, names},
	{"auth-box", "it keeps to what its settings and needs declare", AUTH, 60, sandbox},
	{"auth-right", "the right password is let in", KNOWS, 30, right},
	{"auth-wrong", "wrong passwords get DENY", KNOWS, 60, wrong},
	{"auth-record", "lookup() knows what verify() knows", KNOWS | NEED_LOOKUP, 30, record},
	{"auth-copies", "nothing of a request is used afterwards", KNOWS, 30, copies},
	{"auth-later", "a core of a later version is served", KNOWS, 30, later},
	{"auth-keys", "secrets for APOP and SCRAM are whole", KNOWS, 30, secrets},
	{"auth-forged", "what is no token is not let in", AUTH | NEED_TOKENS, 30, no_token},
	{"auth-token", "the token is let in, as its user and unchanged",
		AUTH | NEED_TOKENS | NEED_TOKEN, 30, good_token},
	{"auth-time", "time does not tell who exists", KNOWS, 60, timing},
	{"auth-late", "calls that come when the time is over", AUTH, 60, no_time},
	{"auth-host", "it asks for settings that it has, by their type, and logs as syslog does",
		AUTH, 30, asks},
	{"auth-leaks", "close() gives everything back", AUTH, 120, leaks},
	{NULL, NULL, 0, 0, NULL},
};
