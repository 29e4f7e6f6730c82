/* auth-broken: an auth plugin with one user, joe, who has the password "secret" and the token
 * "t.o.k", that keeps every promise of plugin.h but the one that its setting `fault` names. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <restante/plugin.h>

/* With a header of a later version: values for the members that it has more. */
#ifdef LATER
#define MORE .later_number = ~(uint64_t)0, .later_text = "later"
#define SET_MORE(s)                                       \
	do {                                              \
		if (RESTANTE_FITS(s, later_text)) {       \
			(s)->later_number = ~(uint64_t)0; \
			(s)->later_text = "later";        \
		}                                         \
	} while (0)
#else
#define MORE
#define SET_MORE(s) (void)0
#endif

struct desk {
	const struct restante_host *h;
	const char *fault;
	int calls, right; /* right: one after the other */
};

static int is(const struct desk *d, const char *fault)
{
	return strcmp(d->fault, fault) == 0;
}

static int idle; /* handles that were closed without a call */

static int open_it(const struct restante_host *h, void **au)
{
	struct desk *d = h->alloc(h->c, sizeof(*d));

	d->h = h;
	d->fault = h->str(h->c, "fault");
	if (is(d, "auth-open") && idle == 2)
		return RESTANTE_PERM;
	if (is(d, "auth-box")) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd == -1)
			return RESTANTE_PERM;
		close(fd);
	}
	if (is(d, "auth-later") && (h->size > sizeof(*h) || h->minor > RESTANTE_MINOR))
		return RESTANTE_PERM;
	if (is(d, "auth-host"))
		(void)h->num(h->c, "fault");
	if (is(d, "auth-leaks-memory"))
		(void)!strdup("lost");
	if (is(d, "auth-leaks-files"))
		(void)!dup(0);
	if (is(d, "auth-leaks-children") && fork() == 0)
		_exit(0);
	*au = d;
	return RESTANTE_OK;
}

static void close_it(void *au)
{
	struct desk *d = au;

	idle += d->calls == 0;
}

static void fill(const struct desk *d, const struct restante_request *r, struct restante_user *out)
{
	out->uid = out->gid = 1001;
	out->name = is(d, "auth-copies") ? r->user : "joe";
	out->home = "/home/joe";
	SET_MORE(out);
	if (is(d, "auth-later-writes"))
		memset((char *)out + sizeof(*out), 0, out->size - sizeof(*out));
}

static void busy(struct desk *d)
{
	d->calls++;
	if (is(d, "auth-late") && d->h->left_ms(d->h->c) == 0)
		sleep(6);
}

static int verify(
	void *au, const struct restante_request *r, const char *password, struct restante_user *out)
{
	struct desk *d = au;
	int known = strcmp(r->user, "joe") == 0;
	size_t n = is(d, "auth-wrong") ? strlen("secret") : 100;
	int right = known && strncmp(password, "secret", n) == 0;

	busy(d);
	d->right = right ? d->right + 1 : 0;
	if (is(d, "auth-none") && strncmp(r->user, "nobody", 6) == 0 && strlen(password) < 100)
		right = 1;
	if (is(d, "auth-names") && strchr(r->user, '%') != NULL)
		abort();
	if (is(d, "auth-right") && d->right == 3)
		right = 0;
	if (is(d, "auth-time") && known && !right)
		usleep(300000);
	if (right)
		fill(d, r, out);
	return right ? RESTANTE_OK : known ? RESTANTE_DENY : RESTANTE_NONE;
}

static int lookup(void *au, const struct restante_request *r, struct restante_user *out)
{
	struct desk *d = au;

	if (strcmp(r->user, "joe") != 0)
		return RESTANTE_NONE;
	fill(d, r, out);
	out->uid += is(d, "auth-record");
	return RESTANTE_OK;
}

static int scram(
	void *au, const struct restante_request *r, const char *hash, struct restante_scram *out)
{
	static const unsigned char key[32], salt[8];
	struct desk *d = au;

	if (strcmp(r->user, "joe") != 0 || strcmp(hash, "SHA-256") != 0)
		return RESTANTE_DENY;
	out->iterations = 4096;
	SET_MORE(out);
	out->salt = salt;
	out->salt_len = sizeof(salt);
	out->stored = out->server = key;
	out->key_len = is(d, "auth-keys-scram") ? 20 : sizeof(key);
	return RESTANTE_OK;
}

static int apop(void *au, const struct restante_request *r, const char **secret)
{
	struct desk *d = au;

	*secret = is(d, "auth-keys-apop") ? "{PLAIN}secret" : "secret";
	return strcmp(r->user, "joe") == 0 ? RESTANTE_OK : RESTANTE_DENY;
}

static int token(
	void *au, const struct restante_request *r, const char *text, struct restante_user *out)
{
	struct desk *d = au;

	if (is(d, "auth-forged") && text[0] == '\0')
		text = "t.o.k";
	if (strcmp(text, "t.o.k") != 0)
		return RESTANTE_NONE;
	if (r->user[0] != '\0' && strcmp(r->user, "joe") != 0 && !is(d, "auth-token"))
		return RESTANTE_DENY;
	out->name = "joe";
	out->flags = RESTANTE_USER_NAME_ONLY;
	return RESTANTE_OK;
}

static const struct restante_setting settings[] = {
	{"fault", RESTANTE_STRING, 0, "none", "the promise that is not kept", NULL, MORE},
};

static const struct restante_auth auth = {.size = sizeof(auth),
	.open = open_it,
	.close = close_it,
	.verify = verify,
	.lookup = lookup,
	.scram = scram,
	.apop = apop,
	.token = token,
	MORE};

RESTANTE_PLUGIN(auth_broken) = {.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.needs = RESTANTE_NEEDS_FORK,
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "auth-broken",
	.version = "1",
	.doc = "keeps all promises but one",
	.settings = settings,
	.auth = &auth,
	MORE};
