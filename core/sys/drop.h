/* Giving up privileges, in three places:
 *
 *   drop_exec     the master's child, just before it executes a role program: from here on the
 *                 process is no longer root, whatever the program does
 *   drop_confine  the role, when it has loaded what it needs: loses the last capabilities
 *   drop_become   the session's child, for each login
 *
 * Each verifies what it did. All return 0, or -1 with errno; a caller that gets -1 must end. */
#ifndef SYS_DROP_H
#define SYS_DROP_H

#include <stddef.h>
#include <sys/types.h>

/* Ids of a user by name. -1 with errno ENOENT when there is none. Asks NSS: may block, loads
 * libraries; never to be called in a role or after chroot. */
int drop_lookup(const char *name, uid_t *uid, gid_t *gid);

/* What a process may still do after drop_exec, as capabilities. */
enum drop_cap {
	DROP_CHROOT = 1, /* CAP_SYS_CHROOT */
	DROP_SETID = 2,  /* CAP_SETUID, CAP_SETGID: become the owner of any mailbox */
	DROP_SEARCH = 4  /* CAP_DAC_READ_SEARCH: read any file, until drop_confine */
};

/* Becomes uid:gid without other groups and without capabilities but caps (enum drop_cap), which
 * survive the next execve. uid 0 keeps all capabilities (an auth plugin with RESTANTE_NEEDS_ROOT).
 */
int drop_exec(uid_t uid, gid_t gid, unsigned caps);

/* A role's last step before READY; filters come after it. keep: DROP_CHROOT makes the working
 * folder (an empty one that the master chose) the root folder; DROP_SETID keeps these two
 * capabilities if they are there (the session spawner, without session_user); all others are lost,
 * no-new-privileges is set, and the process cannot be traced by its own uid. Does less where
 * privileged (see role_start) is 0: there is nothing to lose, and chroot is not possible. */
int drop_confine(int privileged, unsigned keep);
/* For the worker of a plugin with RESTANTE_NEEDS_ROOT: as drop_confine, uid 0 and its capabilities
 * stay. */
int drop_confine_root(void);

/* Becomes the owner of a mailbox, for good: groups, gid, uid, no capabilities. groups: further
 * groups, usually none; the user's own list in /etc/group is not read, because that costs more than
 * the rest of a login and a mailbox is its owner's. Refuses uid 0 and gid 0 (EPERM). */
int drop_become(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups);

/* No core files (they would hold passwords and mail); room for nofile descriptors, as far as the
 * hard limit allows. Returns how many the process may have now, 0 when not even the limit can be
 * read. */
size_t drop_limits(size_t nofile);

#endif
