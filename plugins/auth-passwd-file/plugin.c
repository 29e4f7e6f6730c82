/* auth-passwd-file: users and passwords in a file of Dovecot's format.
 *
 * The descriptor, its settings, and the calls of struct restante_auth. What the file says is found
 * by file.c, what a line says by line.c, what a password field says by scheme.c.
 *
 * A user who is not there costs as much time as one who is: a typical password is verified and the
 * result thrown away. The same goes for locked users and for those whose line is damaged.
 */
#include "file.h"
#include "scheme.h"
#include "scram.h"
#include "secrets.h"

#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <restante/plugin.h>

struct passwd {
	const struct restante_host *host;
	struct file *file;
	uint32_t uid, gid;     /* of users whose line has none; 0 = there are none such */
	struct file_line line; /* the user of the current call: what it returns points here */
	const char *attrs[2 * LINE_MAX_ATTRS + 3]; /* the same, with the label */
	struct file_line dummy;                    /* what is verified instead */
	struct scram_keys keys;
	unsigned char
		salt_key[32]; /* for the salts of SCRAM secrets that are made from PLAIN ones */
};

static int passwd_open(const struct restante_host *host, void **au)
{
	struct passwd *p = host->alloc(host->c, sizeof(*p));

	p->host = host;
	p->uid = (uint32_t)host->num(host->c, "uid");
	p->gid = (uint32_t)host->num(host->c, "gid");
	p->file = file_new(host, host->str(host->c, "path"));
	if (getrandom(p->salt_key, sizeof(p->salt_key), 0) != (ssize_t)sizeof(p->salt_key))
		return RESTANTE_TEMP;
	if (file_refresh(p->file) != RESTANTE_OK)
		return RESTANTE_PERM;
	*au = p;
	return RESTANTE_OK;
}

static void passwd_close(void *au)
{
	struct passwd *p = au;

	file_close(p->file);
	explicit_bzero(p, sizeof(*p));
}

/* OK: p->line is the user's; NONE, TEMP; DENY: the line is damaged. */
static int find(struct passwd *p, const struct restante_request *req)
{
	file_forget(&p->line);
	explicit_bzero(&p->keys, sizeof(p->keys));
	if (file_refresh(p->file) != RESTANTE_OK)
		return RESTANTE_TEMP;
	if (!file_find(p->file, req->user, &p->line))
		return RESTANTE_NONE;
	if (p->line.damaged) {
		p->host->log(p->host->c, LOG_ERR,
			"%s:%zu: this user's line is damaged: login refused",
			p->host->str(p->host->c, "path"), p->line.number);
		return RESTANTE_DENY;
	}
	return RESTANTE_OK;
}

/* The overrides, and the name of the application whose password it was. */
static const char *const *with_label(struct passwd *p, const char *label)
{
	size_t n = 2 * p->line.entry.nattrs;

	memcpy(p->attrs, p->line.entry.attrs, n * sizeof(p->attrs[0]));
	if (label) {
		p->attrs[n++] = "label";
		p->attrs[n++] = label;
	}
	p->attrs[n] = NULL;
	return n ? p->attrs : NULL;
}

static int fill(struct passwd *p, const char *label, struct restante_user *out)
{
	struct entry *e = &p->line.entry;

	if ((!e->has_uid && p->uid == 0) || (!e->has_gid && p->gid == 0)) {
		p->host->log(p->host->c, LOG_ERR,
			"user %s: expected %s in the line, or the setting %s for all users without "
			"one",
			e->user, e->has_uid || p->uid ? "a gid" : "a uid",
			e->has_uid || p->uid ? "gid" : "uid");
		return RESTANTE_PERM;
	}
	out->uid = e->has_uid ? e->uid : p->uid;
	out->gid = e->has_gid ? e->gid : p->gid;
	out->name = e->user;
	out->home = e->home;
	out->attrs = with_label(p, label);
	out->stamp = secrets_stamp(e);
	return RESTANTE_OK;
}

static void verify_dummy(struct passwd *p, const char *password)
{
	const char *label;

	if (file_typical(p->file, &p->dummy))
		(void)secrets_verify(&p->dummy.entry, password, &label);
	file_forget(&p->dummy);
}

static int passwd_verify(void *au, const struct restante_request *req, const char *password,
	struct restante_user *out)
{
	struct passwd *p = au;
	int rc = find(p, req);
	const char *label;

	if (rc == RESTANTE_TEMP)
		return rc;
	if (rc != RESTANTE_OK || secrets_locked(&p->line.entry)) {
		verify_dummy(p, password);
		return rc != RESTANTE_OK ? rc : RESTANTE_DENY;
	}
	switch (secrets_verify(&p->line.entry, password, &label)) {
	case SCHEME_MATCH:
		return fill(p, label, out);
	case SCHEME_NO_MATCH:
		return RESTANTE_DENY;
	default:
		return RESTANTE_TEMP;
	}
}

static int passwd_lookup(void *au, const struct restante_request *req, struct restante_user *out)
{
	struct passwd *p = au;
	int rc = find(p, req);

	if (rc == RESTANTE_DENY)
		return RESTANTE_PERM;
	return rc == RESTANTE_OK ? fill(p, NULL, out) : rc;
}

static bool is_plain(const char *password, const char **value)
{
	const struct scheme *s = scheme_split(password, value);

	return s && s->verify == scheme_find("PLAIN", 5)->verify;
}

static int passwd_apop(void *au, const struct restante_request *req, const char **shared_secret)
{
	struct passwd *p = au;
	int rc = find(p, req);

	if (rc != RESTANTE_OK)
		return rc;
	if (scheme_locked(p->line.entry.password) ||
		!is_plain(p->line.entry.password, shared_secret))
		return RESTANTE_DENY;
	return RESTANTE_OK;
}

/* hash is "SHA-256": the scheme is SCRAM- and that. */
static const struct scheme *scram_scheme(const char *hash)
{
	char name[32] = "SCRAM-";
	size_t n = strlen(hash);

	if (n > sizeof(name) - 7)
		return NULL;
	memcpy(name + 6, hash, n + 1);
	return scheme_find(name, n + 6);
}

/* Secrets in plain text have to be derived first, which takes time that would tell who has one. */
static int scram_masked(
	struct passwd *p, const struct restante_request *req, const struct scheme *want, int rc)
{
	const char *value;

	if (want && file_typical(p->file, &p->dummy) && is_plain(p->dummy.entry.password, &value))
		(void)scram_from_plain(want->param, p->salt_key, req->user, value, &p->keys);
	file_forget(&p->dummy);
	explicit_bzero(&p->keys, sizeof(p->keys));
	return rc;
}

static int passwd_scram(
	void *au, const struct restante_request *req, const char *hash, struct restante_scram *out)
{
	struct passwd *p = au;
	const struct scheme *want = scram_scheme(hash), *have;
	const char *value;
	int rc = find(p, req);

	if (rc == RESTANTE_TEMP)
		return rc;
	if (rc != RESTANTE_OK)
		return scram_masked(p, req, want, rc);
	have = scheme_split(p->line.entry.password, &value);
	if (!want || !have || scheme_locked(p->line.entry.password))
		return scram_masked(p, req, want, RESTANTE_DENY);
	if (have == want) {
		if (scram_parse(want->param, value, &p->keys) < 0)
			return RESTANTE_DENY;
	} else if (is_plain(p->line.entry.password, &value)) {
		if (scram_from_plain(want->param, p->salt_key, req->user, value, &p->keys) < 0)
			return RESTANTE_TEMP;
	} else {
		return RESTANTE_DENY;
	}
	out->iterations = p->keys.iterations;
	out->salt_len = p->keys.salt_len;
	out->key_len = p->keys.key_len;
	out->salt = p->keys.salt;
	out->stored = p->keys.stored;
	out->server = p->keys.server;
	return RESTANTE_OK;
}

static const struct restante_setting settings[] = {
	{"path", RESTANTE_PATH, RESTANTE_READ_ONLY | RESTANTE_IN_FOLDER, SYSCONF_DIR "/users",
		"the file with a line for each user", NULL},
	{"uid", RESTANTE_INT, 0, "0", "uid of users whose line has none; 0: such users are refused",
		"0..4294967294"},
	{"gid", RESTANTE_INT, 0, "0", "gid of users whose line has none; 0: such users are refused",
		"0..4294967294"},
};

static const struct restante_auth auth = {
	.size = sizeof(auth),
	.open = passwd_open,
	.close = passwd_close,
	.verify = passwd_verify,
	.lookup = passwd_lookup,
	.scram = passwd_scram,
	.apop = passwd_apop,
};

RESTANTE_PLUGIN(auth_passwd_file) = {
	.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "auth-passwd-file",
	.version = "1",
	.doc = "users and passwords in a file of Dovecot's passwd-file format",
	.settings = settings,
	.auth = &auth,
};
