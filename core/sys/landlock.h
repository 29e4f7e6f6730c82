/* Which files a session may touch (Landlock): those that its plugin's PATH settings name, and
 * nothing else; no TCP, no signals or abstract sockets to the outside, as far as the kernel knows
 * how. */
#ifndef SYS_LANDLOCK_H
#define SYS_LANDLOCK_H

#include <stddef.h>
#include <stdint.h>

#define LANDLOCK_ABI_OLDEST 2 /* the first that knows rename from one folder to another */

struct landlock_path {
	const char *path; /* absolute, ~ and % expanded */
	uint32_t flags;   /* RESTANTE_READ_ONLY, RESTANTE_FOLDER, RESTANTE_IN_FOLDER of plugin.h;
			     others ignored */
};

/* Closes the file system but for paths, for the rest of the process's life. To be called as the
 * mailbox's owner. A FOLDER that is missing is made first with its missing parents, mode 0700; any
 * other path that is missing is passed over. needs: enum restante_needs; NETWORK leaves TCP and the
 * resolver's and TLS's files open. 0; 0 too on a kernel without Landlock (or with its version 1)
 * and in a sanitized build; -1 with errno, and *failed (never NULL on -1) names the path or step.
 * Costs 2 system calls and 3 for each path. */
int landlock_enter(
	const struct landlock_path *paths, size_t n, uint32_t needs, const char **failed);
/* The kernel's version of Landlock, 0 = none. Cheap, but a system call: ask once, to log it. */
int landlock_abi(void);

#endif
