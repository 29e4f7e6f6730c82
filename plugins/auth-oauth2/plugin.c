/* auth-oauth2: bearer tokens that an issuer has signed (JWT), checked against its public keys in a
 * file. Nobody is asked over the net: a token is good until it expires.
 *
 * A token tells who the user is; where his mail is, the other auth plugins know.
 *
 * The file is read again when it has changed. One that cannot be read, or holds no key, stops all
 * logins with tokens (TEMP): the keys of before may be in it no longer because they are not good
 * any more. */
#include "jwks.h"
#include "jwt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <restante/plugin.h>

enum { FILE_OCTETS_MAX = 256 * 1024 };

struct oauth2 {
	const struct restante_host *host;
	struct jwks *keys; /* NULL = the file as it was is no good */
	struct stat st;    /* of the file that was read; st_ino 0 = none was */
	char user[JWT_NAME_MAX + 1];
};

/* --- the file --- */

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Up to FILE_OCTETS_MAX octets in memory for free(), NULL with errno. */
static char *read_all(int fd, size_t *n)
{
	char *text = malloc(FILE_OCTETS_MAX + 1);
	ssize_t got = 0;

	*n = 0;
	while (text != NULL && *n <= FILE_OCTETS_MAX &&
		(got = read(fd, text + *n, FILE_OCTETS_MAX + 1 - *n)) > 0)
		*n += (size_t)got;
	if (text != NULL && got >= 0 && *n <= FILE_OCTETS_MAX)
		return text;
	if (*n > FILE_OCTETS_MAX)
		errno = EFBIG;
	free(text);
	return NULL;
}

static const char *load(struct oauth2 *o, int fd)
{
	const char *why;
	size_t n;
	char *text = read_all(fd, &n);

	if (text == NULL)
		return strerror(errno);
	o->keys = jwks_read(text, n, &why);
	free(text);
	return o->keys == NULL ? why : NULL;
}

static void complain(const struct oauth2 *o, const char *expected, const char *why)
{
	o->host->log(
		o->host->c, LOG_ERR, "%s: %s%s", o->host->str(o->host->c, "jwks"), expected, why);
}

/* Reads the file where it is not what was read. */
static void refresh(struct oauth2 *o)
{
	const char *path = o->host->str(o->host->c, "jwks"), *why;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1) {
		complain(o, "", strerror(errno));
		memset(&st, 0, sizeof(st));
	} else if (is_same(&st, &o->st)) {
		close(fd);
		return;
	}
	jwks_free(o->keys);
	o->keys = NULL;
	o->st = st;
	if (st.st_ino != 0) {
		why = load(o, fd);
		if (why != NULL)
			complain(o, "expected ", why);
	}
	if (fd != -1)
		close(fd);
}

/* --- calls --- */

static int oauth2_open(const struct restante_host *host, void **au)
{
	struct oauth2 *o = host->alloc(host->c, sizeof(*o));

	o->host = host;
	refresh(o);
	if (o->keys == NULL)
		return RESTANTE_PERM;
	*au = o;
	return RESTANTE_OK;
}

static void oauth2_close(void *au)
{
	struct oauth2 *o = au;

	jwks_free(o->keys);
}

static int refuse(const struct oauth2 *o, const char *why)
{
	o->host->log(o->host->c, LOG_INFO, "a token was refused: %s", why);
	return RESTANTE_DENY;
}

static int oauth2_token(void *au, const struct restante_request *request, const char *token,
	struct restante_user *out)
{
	struct oauth2 *o = au;
	const struct restante_host *h = o->host;
	const struct jwt_policy policy = {.issuer = h->str(h->c, "issuer"),
		.audiences = h->list(h->c, "audience"),
		.claim = h->str(h->c, "user_claim"),
		.now = time(NULL),
		.leeway = h->num(h->c, "leeway")};
	const char *why;

	refresh(o);
	if (o->keys == NULL)
		return RESTANTE_TEMP;
	switch (jwt_check(token, o->keys, &policy, o->user, &why)) {
	case JWT_FOREIGN:
		return RESTANTE_NONE;
	case JWT_REFUSED:
		return refuse(o, why);
	default:
		break;
	}
	if (request->user[0] != '\0' && strcmp(request->user, o->user) != 0)
		return refuse(o, "the client wants to be another user");
	out->name = o->user;
	out->flags = RESTANTE_USER_NAME_ONLY;
	return RESTANTE_OK;
}

static const struct restante_setting settings[] = {
	{"jwks", RESTANTE_PATH, RESTANTE_REQUIRED | RESTANTE_READ_ONLY | RESTANTE_IN_FOLDER, NULL,
		"the file with the issuer's public keys, a JSON Web Key Set", NULL},
	{"issuer", RESTANTE_STRING, RESTANTE_REQUIRED, NULL, "who signs: what iss of a token is",
		"1..1024"},
	{"audience", RESTANTE_STRING, RESTANTE_REQUIRED | RESTANTE_LIST, NULL,
		"names of this service: one of them is in aud of a token", "1..1024"},
	{"user_claim", RESTANTE_STRING, 0, "email", "the claim whose value is the user's name",
		"1..64"},
	{"leeway", RESTANTE_SECONDS, 0, "60s", "by how much clocks may differ", "0..10min"},
};

static const struct restante_auth auth = {
	.size = sizeof(auth),
	.open = oauth2_open,
	.close = oauth2_close,
	.token = oauth2_token,
};

RESTANTE_PLUGIN(auth_oauth2) = {
	.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "auth-oauth2",
	.version = "1",
	.doc = "bearer tokens (JWT), checked against an issuer's public keys in a file",
	.settings = settings,
	.auth = &auth,
};
