/* The file with the master's process id; its lock is what makes a second instance impossible. */
#ifndef SYS_PIDFILE_H
#define SYS_PIDFILE_H

#include <sys/types.h>

/* Opens and locks path. The lock is this process's own: fork does not hand it on, and it ends with
 * the process. Returns the descriptor, or -1 with errno: EAGAIN when another process holds it,
 * *other is then its id. The file can be read by its owner only, for whoever may open it may lock
 * it. */
int pidfile_lock(const char *path, pid_t *other);
/* Writes the id of this process. 0, or -1 with errno. */
int pidfile_write(int fd);
/* The id of the process that holds the lock; 0 = nobody does. For restantectl(8). */
pid_t pidfile_read(const char *path);

#endif
