/* The last step before a storage is opened: becoming the owner of the mailbox. */
#ifndef PLUG_BECOME_H
#define PLUG_BECOME_H

#include <restante/plugin.h>
#include "base/buf.h"
#include "plug/host.h"

/* Gives up root's rights, where privileged is set, and all files but those that the settings of the
 * host's plugin name (Landlock). For good. 0; or -1 with *why: the caller must end then. Makes a
 * FOLDER that is missing. Blocks on disk only. */
int become_owner(
	const struct restante_user *, const struct host *, int privileged, struct buf *why);
/* The same for several storages of one user; also: files and folders that may be read, too. */
int become_owner_of(const struct restante_user *, const struct host *const *hosts, size_t n,
	const char *const *also, size_t nalso, int privileged, struct buf *why);

#endif
