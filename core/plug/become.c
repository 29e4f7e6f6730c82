/* become - from who may be root to the owner of one mailbox, in a sandbox that its plugin's
 * settings drew. */
#define _GNU_SOURCE
#include "plug/become.h"

#include <errno.h>
#include <string.h>
#include "sys/drop.h"
#include "sys/landlock.h"

enum { PATHS = 64 };

struct paths {
	struct landlock_path list[PATHS];
	size_t n;
};

static int add_path(void *arg, const char *path, uint32_t flags)
{
	struct paths *p = arg;

	if (p->n == PATHS)
		return RESTANTE_PERM;
	p->list[p->n++] = (struct landlock_path){.path = path, .flags = flags};
	return 0;
}

int become_owner_of(const struct restante_user *u, const struct host *const *hosts, size_t n,
	const char *const *also, size_t nalso, int privileged, struct buf *why)
{
	struct paths paths = {.n = 0};
	const char *failed = "";
	uint32_t needs = 0;
	int full = 0;

	if (privileged && drop_become(u->uid, u->gid, NULL, 0) == -1) {
		buf_printf(
			why, "cannot become uid %u, gid %u: %s", u->uid, u->gid, strerror(errno));
		return -1;
	}
	for (size_t i = 0; i < n && !full; i++) {
		full = host_paths(hosts[i], add_path, &paths);
		needs |= hosts[i]->plug->conf->needs;
	}
	for (size_t i = 0; i < nalso && !full; i++)
		full = add_path(&paths, also[i], RESTANTE_READ_ONLY);
	if (full) {
		buf_printf(why, "%s: more than %d paths", hosts[0]->plug->conf->name, PATHS);
		return -1;
	}
	if (landlock_enter(paths.list, paths.n, needs, &failed) == -1) {
		buf_printf(why, "cannot close the file system: %s: %s", failed, strerror(errno));
		return -1;
	}
	return 0;
}

int become_owner(
	const struct restante_user *u, const struct host *host, int privileged, struct buf *why)
{
	return become_owner_of(u, &host, 1, NULL, 0, privileged, why);
}
