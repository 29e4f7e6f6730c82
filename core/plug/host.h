/* What one plugin gets from the core for one user: the implementation of struct restante_host.
 *
 *	struct host h;
 *	if (host_open(&h, plug, user) != RESTANTE_OK) ...	(nothing to close)
 *	host_deadline(&h, 30000);
 *	plug->entry->storage->open(&h.api, user, RESTANTE_SESSION, &st);
 *	...
 *	plug->entry->storage->close(st);
 *	host_close(&h);
 */
#ifndef PLUG_HOST_H
#define PLUG_HOST_H

#include <restante/plugin.h>
#include "plug/plug.h"

struct host {
	struct restante_host api; /* what the plugin gets; api.c is the struct host */
	const struct plug *plug;
	const char *user;          /* "" = none; for the log. Borrowed from the restante_user */
	int64_t deadline;          /* of clock_ms; 0 = none */
	struct host_value *values; /* one for each row of the plugin's table, in the arena */
	struct host_block *arena;
};

/* Resolves every setting of the plugin: default, section of the file, user's override; ~ and % are
 * expanded in PATHs. user is NULL for an auth plugin or a check. The struct host must not move
 * until host_close. RESTANTE_OK, or RESTANTE_PERM with a line in the log (an override that is not
 * allowed, a name that would escape a path): nothing is held then. Does no I/O. plug, its conf and
 * user must outlive it. */
int host_open(struct host *, const struct plug *, const struct restante_user *user);
/* Frees all that the plugin allocated; after the plugin's own close(). */
void host_close(struct host *);

/* Calls from now on should return within ms milliseconds (left_ms); 0 = no limit. */
void host_deadline(struct host *, int64_t ms);

/* Calls each() for every PATH setting that has a value, resolved, with the row's flags
 * (RESTANTE_READ_ONLY, FOLDER, IN_FOLDER): what the sandbox opens. Stops with each()'s value when
 * that is not 0. */
int host_paths(
	const struct host *, int (*each)(void *arg, const char *path, uint32_t flags), void *arg);
/* The resolved value of row i of plug->conf->settings; "" = unset. For restantectl. */
const char *host_value(const struct host *, size_t i);

#endif
