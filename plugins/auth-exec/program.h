/* The administrator's program as a child process. */
#ifndef AUTH_EXEC_PROGRAM_H
#define AUTH_EXEC_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <restante/plugin.h>

struct program {
	const char **argv; /* [0] is its path */
	pid_t pid;         /* 0 = it does not run */
	char mark[80];     /* in the environment of it and of all that it starts */
};

/* From the settings. RESTANTE_OK, or PERM with a line in the log. Starts nothing.
 */
int program_prepare(struct program *, const struct restante_host *);
/* Starts it. *fd is its standard input and output, a socket that does not block; *errors is what it
 * writes to its standard error, a pipe that does not block. Both are the caller's. 0, or -1 with
 * errno. Does not wait: whether it could be executed at all is what comes from errors. */
int program_start(struct program *, int *fd, int *errors);
/* Waits grace_ms for it to end by itself, then kills it and whatever it has started and left. Its
 * status as waitpid has it; -1 where it had to be killed, or did not run. */
int program_end(struct program *, int grace_ms);

#endif
