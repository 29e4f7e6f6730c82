/* auth-pam: users and passwords as the system's PAM has them.
 *
 * The descriptor, its settings, and the calls of struct restante_auth. The stack is run by stack.c;
 * here is who the user is afterwards: the system's own (getpwnam), or one of the virtual users that
 * share a uid.
 *
 * A module that hangs is ended with the worker, by the core; there is no way to call it back. */
#include "home.h"
#include "stack.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <restante/plugin.h>

enum { HOME_MAX = 4096, PW_FIRST = 1024, PW_MAX = 1 << 20 };

struct pam {
	const struct restante_host *host;
	struct stack stack;
	uint32_t uid, gid;     /* of all users; uid 0 = the system's */
	const char *home_form; /* of users that share a uid */
	/* what the last call returned points here */
	char name[STACK_NAME_MAX], home[HOME_MAX];
	char *pw; /* the last user's entry */
};

static int pam_plugin_open(const struct restante_host *host, void **au)
{
	struct pam *p = host->alloc(host->c, sizeof(*p));

	p->host = host;
	p->stack = (struct stack){.host = host,
		.service = host->str(host->c, "service"),
		.confdir = host->str(host->c, "confdir"),
		.setcred = host->num(host->c, "setcred") != 0,
		.session = host->num(host->c, "session") != 0};
	p->uid = (uint32_t)host->num(host->c, "uid");
	p->gid = (uint32_t)host->num(host->c, "gid");
	p->home_form = host->str(host->c, "home");
	*au = p;
	return RESTANTE_OK;
}

static void pam_plugin_close(void *au)
{
	struct pam *p = au;

	free(p->pw);
	p->pw = NULL;
}

/* --- who the user is --- */

static int fill_virtual(struct pam *p, struct restante_user *out)
{
	p->home[0] = '\0';
	if (p->home_form[0] != '\0' &&
		pam_home_expand(p->home_form, p->name, p->home, sizeof(p->home)) == -1) {
		p->host->log(p->host->c, LOG_ERR,
			"user %s: home: \"%s\" cannot be made from this "
			"name",
			p->name, p->home_form);
		return RESTANTE_PERM;
	}
	*out = (struct restante_user){
		.size = out->size, .uid = p->uid, .gid = p->gid, .name = p->name, .home = p->home};
	return RESTANTE_OK;
}

/* OK, NONE, TEMP. */
static int fill_system(struct pam *p, struct restante_user *out)
{
	struct passwd pw, *found = NULL;
	int error = ERANGE;

	for (size_t n = PW_FIRST; error == ERANGE && n <= PW_MAX; n *= 4) {
		free(p->pw);
		p->pw = malloc(n);
		if (p->pw == NULL)
			return RESTANTE_TEMP;
		error = getpwnam_r(p->name, &pw, p->pw, n, &found);
	}
	if (found == NULL && (error == 0 || error == ENOENT || error == ESRCH))
		return RESTANTE_NONE;
	if (found == NULL) {
		p->host->log(
			p->host->c, LOG_ERR, "user %s: getpwnam: %s", p->name, strerror(error));
		return RESTANTE_TEMP;
	}
	*out = (struct restante_user){.size = out->size,
		.uid = (uint32_t)pw.pw_uid,
		.gid = (uint32_t)pw.pw_gid,
		.name = p->name,
		.home = pw.pw_dir};
	return RESTANTE_OK;
}

/* --- the calls --- */

static int pam_plugin_verify(void *au, const struct restante_request *req, const char *password,
	struct restante_user *out)
{
	struct pam *p = au;
	int rc = pam_stack_run(&p->stack, req, password, p->name);

	if (rc != RESTANTE_OK)
		return rc;
	if (p->uid != 0)
		return fill_virtual(p, out);
	rc = fill_system(p, out);
	if (rc != RESTANTE_NONE)
		return rc;
	p->host->log(p->host->c, LOG_ERR,
		"user %s: PAM knows this user and the system does not: expected the settings uid "
		"and gid, or a name service that has the user",
		p->name);
	return RESTANTE_PERM;
}

/* Who logs in by other means than a password must have an account that is still good. A stack
 * cannot tell which virtual users there are. */
static int pam_plugin_lookup(
	void *au, const struct restante_request *req, struct restante_user *out)
{
	struct pam *p = au;
	int rc;

	if (p->uid != 0 || strlen(req->user) >= sizeof(p->name))
		return RESTANTE_NONE;
	memcpy(p->name, req->user, strlen(req->user) + 1);
	rc = fill_system(p, out);
	if (rc != RESTANTE_OK || strcmp(req->service, "deliver") == 0)
		return rc;
	rc = pam_stack_run(&p->stack, req, NULL, p->name);
	return rc == RESTANTE_OK ? fill_system(p, out) : rc;
}

static int pam_plugin_check(const struct restante_host *host)
{
	const char *home = host->str(host->c, "home");
	int64_t uid = host->num(host->c, "uid"), gid = host->num(host->c, "gid");
	char space[HOME_MAX];

	if (strchr(host->str(host->c, "service"), '/') != NULL) {
		host->log(host->c, LOG_ERR, "service: expected the name of a file in /etc/pam.d");
		return RESTANTE_PERM;
	}
	if ((uid == 0) != (gid == 0) || (uid == 0 && home[0] != '\0')) {
		host->log(host->c, LOG_ERR,
			"expected uid and gid, with or without home, or none of them");
		return RESTANTE_PERM;
	}
	if (pam_home_expand(home, "user@domain", space, sizeof(space)) == -1) {
		host->log(host->c, LOG_ERR, "home: expected no %% but %%u, %%n, %%d and %%%%");
		return RESTANTE_PERM;
	}
#ifndef HAVE_PAM_START_CONFDIR
	if (host->str(host->c, "confdir")[0] != '\0') {
		host->log(host->c, LOG_ERR, "confdir: this system's PAM has no such thing");
		return RESTANTE_PERM;
	}
#endif
	return RESTANTE_OK;
}

static const struct restante_setting settings[] = {
	{"service", RESTANTE_STRING, 0, "restante", "the stack: a file in /etc/pam.d", "..64"},
	{"confdir", RESTANTE_PATH, RESTANTE_READ_ONLY | RESTANTE_FOLDER, NULL,
		"another folder than /etc/pam.d", NULL},
	{"setcred", RESTANTE_BOOL, 0, "no", "call pam_setcred after a login was found good", NULL},
	{"session", RESTANTE_BOOL, 0, "no",
		"open and close a PAM session after a login was found good", NULL},
	{"uid", RESTANTE_INT, 0, "0", "uid of all users; 0: that of the system's user",
		"0..4294967294"},
	{"gid", RESTANTE_INT, 0, "0", "gid of all users, with uid", "0..4294967294"},
	{"home", RESTANTE_STRING, 0, NULL,
		"home of all users, with uid: %u name, %n part before the @, %d domain", "..1024"},
};

static const struct restante_auth auth = {
	.size = sizeof(auth),
	.open = pam_plugin_open,
	.close = pam_plugin_close,
	.verify = pam_plugin_verify,
	.lookup = pam_plugin_lookup,
};

RESTANTE_PLUGIN(auth_pam) = {
	.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.setting_size = sizeof(struct restante_setting),
	.needs = RESTANTE_NEEDS_ROOT | RESTANTE_NEEDS_NETWORK | RESTANTE_NEEDS_FORK,
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "auth-pam",
	.version = "1",
	.doc = "users and passwords as the system's PAM has them",
	.settings = settings,
	.auth = &auth,
	.check = pam_plugin_check,
};
