/* The effective configuration of one role: validated, complete, read-only.
 *
 * Settings of the core are asked for by name; which exist, and which roles may ask for them, is the
 * table in core/conf/table.c. Asking for one that is not in the table or that this role does not
 * get is a mistake in the program and ends it. All strings live as long as the struct conf.
 * Nothing here blocks or writes to memory, so that a forked session shares it all. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <restante/plugin.h>

struct conf;

/* The value as text; "" where it is unset. Of a list: its first item. */
const char *conf_str(const struct conf *, const char *name);
/* BOOL 0/1, INT, SIZE octets, SECONDS, ENUM its index; `expire`: days, -1 = never. */
int64_t conf_num(const struct conf *, const char *name);
/* The items of a list. */
size_t conf_count(const struct conf *, const char *name);
const char *conf_item(const struct conf *, const char *name, size_t i);

/* --- plugins ----------------------------------------------------------------------------------
 *
 * A plugin is in the configuration when `auth` or `storage` names it or when it has a section.
 * Workers see the auth plugins, in the order in which they are asked; sessions see the storages,
 * the default one first; the master and restantectl see all. */

struct conf_setting { /* one row of a plugin's table with its value */
	const char *name, *doc;
	const char *fallback, *range; /* NULL = none, as in struct restante_setting */
	const char *value;            /* validated, not yet expanded; NULL = unset. Of a list: its
					 items with one space between them */
	uint32_t type, flags;         /* of restante/plugin.h */
	int64_t num;                  /* as conf_num */
};

enum conf_kind { CONF_STORAGE = 1, CONF_AUTH = 2 };

struct conf_plugin {
	const char *name; /* "storage-maildir" */
	const char *file; /* absolute path; "" = linked in (--disable-shared) */
	uint32_t kinds;   /* enum conf_kind: what it is used for */
	uint32_t needs;   /* enum restante_needs */
	size_t nsettings;
	const struct conf_setting *settings;
};

size_t conf_plugins(const struct conf *);
const struct conf_plugin *conf_plugin(const struct conf *, size_t i);
/* NULL when it is not in the configuration. */
const struct conf_plugin *conf_plugin_named(const struct conf *, const char *name);
/* NULL when the plugin has no such setting. */
const struct conf_setting *conf_plugin_setting(const struct conf_plugin *, const char *name);
/* As conf_str and conf_num; an unknown plugin or setting is a mistake in the program. */
const char *conf_plugin_str(const struct conf *, const char *plugin, const char *name);
int64_t conf_plugin_num(const struct conf *, const char *plugin, const char *name);

/* --- one user's overrides ---------------------------------------------------------------------
 *
 * An auth record may override settings that are marked PER_USER: "storage", "mbox",
 * "storage-mbox.path", "/var/mail/%u". */

/* May there be a session with these ids at all? NULL, or a constant text that says why not: root
 * and uids below first_valid_uid never; a server that runs without root as one uid serves that uid
 * only. */
const char *conf_user_refused(const struct conf *, const struct restante_user *, int privileged);
/* RESTANTE_OK when each of the user's attrs may be overridden and is valid; else RESTANTE_PERM and
 * a line in the log that names user, setting and reason. Call it before the three below. */
int conf_user_check(const struct conf *, const struct restante_user *);
/* The same for the overrides of core settings alone, for a role that has no storages. */
int conf_user_check_core(const struct conf *, const struct restante_user *);
/* A core setting with the user's override. */
const char *conf_user_str(const struct conf *, const struct restante_user *, const char *name);
int64_t conf_user_num(const struct conf *, const struct restante_user *, const char *name);
/* The user's login_delay in seconds: no larger than CAPA has announced before login. */
int64_t conf_user_login_delay(const struct conf *, const struct restante_user *);
/* The storage of this user, NULL when it is not in the configuration (conf_user_check says so). */
const struct conf_plugin *conf_user_storage(const struct conf *, const struct restante_user *);

void conf_free(struct conf *);

#endif
