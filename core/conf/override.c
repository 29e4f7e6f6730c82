/* override - what an auth record changes for one user.
 *
 * Attributes come from a backend that the administrator may share with other software, and they
 * decide which files a session opens: only settings that are marked for it can be overridden, and
 * anything else ends the login instead of being passed over. */
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "conf/conf.h"
#include "conf/impl.h"
#include "conf/value.h"

/* The last value for the setting in the user's attrs, or NULL. */
static const char *attr(const struct restante_user *user, const char *name)
{
	const char *value = NULL;

	if (user != NULL && user->attrs != NULL)
		for (const char *const *a = user->attrs; a[0] != NULL && a[1] != NULL; a += 2)
			if (strcmp(a[0], name) == 0)
				value = a[1];
	return value;
}

/* A plugin's name and a dot before the setting's: the plugin and where the setting starts. */
static const struct conf_plugin *split(const struct conf *c, const char *name, const char **rest)
{
	for (size_t i = 0; i < c->nplugins; i++) {
		size_t n = strlen(c->plugins[i].name);

		if (strncmp(name, c->plugins[i].name, n) == 0 && name[n] == '.') {
			*rest = name + n + 1;
			return &c->plugins[i];
		}
	}
	return NULL;
}

static int check_one(const struct conf *c, const char *name, const char *value, struct buf *why)
{
	const struct conf_row *row = conf_row(name);
	const struct conf_setting *s = NULL;
	const struct conf_plugin *p;
	const char *rest;
	int64_t num;

	if (strchr(name, '.') != NULL) {
		p = split(c, name, &rest);
		if (p == NULL) {
			buf_printf(why, "no plugin of that name is in the configuration");
			return -1;
		}
		s = conf_plugin_setting(p, rest);
	}
	if (s == NULL && row == NULL) {
		buf_printf(why, "no such setting");
		return -1;
	}
	if (((s != NULL ? s->flags : row->s.flags) & RESTANTE_PER_USER) == 0) {
		buf_printf(why, "not a setting that users may override");
		return -1;
	}
	if (s != NULL)
		return value_check_setting(s->type, s->flags, s->range, value, &num, why);
	return value_check(row->s.type, row->s.range, value, &num, why);
}

const char *conf_user_refused(
	const struct conf *c, const struct restante_user *user, int privileged)
{
	if (user->uid == 0 || user->gid == 0)
		return "root gets no session";
	if (user->uid < conf_num(c, "first_valid_uid"))
		return "the uid is below first_valid_uid";
	if (!privileged && user->uid != geteuid())
		return "a server without root serves only the user that it runs as";
	return NULL;
}

/* core: those of the core alone, as a role sees it that knows no storage. */
static int check_all(const struct conf *c, const struct restante_user *user, int core)
{
	struct buf why = {0};
	int result = RESTANTE_OK;

	if (user->attrs == NULL)
		return RESTANTE_OK;
	for (const char *const *a = user->attrs; a[0] != NULL && a[1] != NULL; a += 2) {
		if ((core && strchr(a[0], '.') != NULL) || check_one(c, a[0], a[1], &why) == 0)
			continue;
		log_line(LOG_ERR, "the record of user %s sets %s: %s", user->name, a[0],
			buf_str(&why));
		buf_free(&why);
		result = RESTANTE_PERM;
	}
	buf_free(&why);
	return result;
}

int conf_user_check_core(const struct conf *c, const struct restante_user *user)
{
	return check_all(c, user, 1);
}

int conf_user_check(const struct conf *c, const struct restante_user *user)
{
	int result;

	if (user->attrs == NULL)
		return RESTANTE_OK;
	result = check_all(c, user, 0);
	if (result == RESTANTE_OK && conf_user_storage(c, user) == NULL) {
		log_line(LOG_ERR,
			"the record of user %s sets storage = \"%s\": add a section storage-%s "
			"to the configuration first",
			user->name, conf_user_str(c, user, "storage"),
			conf_user_str(c, user, "storage"));
		result = RESTANTE_PERM;
	}
	return result;
}

const char *conf_user_str(const struct conf *c, const struct restante_user *user, const char *name)
{
	const char *value = attr(user, name);

	return value != NULL ? value : conf_str(c, name);
}

int64_t conf_user_num(const struct conf *c, const struct restante_user *user, const char *name)
{
	const char *value = attr(user, name);
	const struct conf_row *row = conf_row(name);
	struct buf why = {0};
	int64_t num;

	if (value == NULL || row == NULL)
		return conf_num(c, name);
	if (value_check(row->s.type, row->s.range, value, &num, &why) == -1)
		num = conf_num(c, name);
	buf_free(&why);
	return num;
}

int64_t conf_user_login_delay(const struct conf *c, const struct restante_user *user)
{
	int64_t delay = conf_user_num(c, user, "login_delay"),
		most = conf_num(c, "login_delay_max"), usual = conf_num(c, "login_delay");

	if (most > 0 && delay > most && delay > usual)
		delay = most > usual ? most : usual;
	return delay;
}

const struct conf_plugin *conf_user_storage(const struct conf *c, const struct restante_user *user)
{
	static const char prefix[] = "storage-";
	const char *name = conf_user_str(c, user, "storage");

	for (size_t i = 0; i < c->nplugins; i++) {
		const struct conf_plugin *p = &c->plugins[i];

		if ((p->kinds & CONF_STORAGE) != 0 &&
			strncmp(p->name, prefix, sizeof(prefix) - 1) == 0 &&
			strcmp(p->name + sizeof(prefix) - 1, name) == 0)
			return p;
	}
	return NULL;
}
