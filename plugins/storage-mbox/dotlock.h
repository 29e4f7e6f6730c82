/* dotlock.h - the lock file beside the mbox, "<path>.lock".
 *
 * Its first line is the holder's process, as liblockfile and its programs read and write it; the
 * second, which they do not read, its host.
 */
#ifndef MBOX_DOTLOCK_H
#define MBOX_DOTLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct restante_host;

struct dotlock {
	int fd;         /* of the lock file; -1 = not held */
	int64_t looked; /* seconds of a clock: when it was last refreshed */
};

/* Takes it without waiting. BUSY = another has it; NONE = there can be no such file: the folder may
 * not be written to, or is full. Removes a lock that its holder left behind. */
int dotlock_take(const struct restante_host *, const char *path, struct dotlock *);
/* Lets others see that it is still in use; to be called now and then while work takes long, does
 * nothing most of the time. false = it is no longer ours. */
bool dotlock_keep(const char *path, struct dotlock *);
void dotlock_release(const char *path, struct dotlock *);

#endif
