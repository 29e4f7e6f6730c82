/* The line to the program: its own process or a socket where it listens, and one line of each side
 * at a time. */
#ifndef AUTH_EXEC_LINK_H
#define AUTH_EXEC_LINK_H

#include <stdint.h>
#include "program.h"
#include "wire.h"

enum { LINK_ERRORS_MAX = 1000 }; /* octets of a line that it writes to its standard error */

struct link {
	const struct restante_host *host;
	const char *socket; /* "" = program is what is talked to */
	struct program program;
	int fd;             /* -1 = nobody is there */
	int errors;         /* the program's standard error, or -1 */
	bool late;          /* it may hang: not waited for when it is ended */
	size_t have, taken; /* octets that were read; of the line that the caller has */
	char in[EXEC_REPLY_MAX];
	char error[LINK_ERRORS_MAX + 1]; /* the line that is coming in */
	size_t error_len;
	unsigned error_lines; /* in this exchange */
};

/* Milliseconds on the clock that deadlines are told in. */
int64_t link_now(void);

/* From the settings. RESTANTE_OK, or PERM with a line in the log. Starts nothing. */
int link_prepare(struct link *, const struct restante_host *);
/* All of these: NULL, or what went wrong, for the log. */
/* Starts the program or connects. Does not wait. */
const char *link_open(struct link *);
/* Before a request: has it ended meanwhile, has it said something that it was not asked? */
const char *link_check(struct link *);
/* Sends n octets and waits for one line, which is *line, without its LF, until the next call. */
const char *link_talk(
	struct link *, const char *out, size_t n, int64_t deadline, char **line, size_t *len);
/* Ends it: waits grace_ms for the program, then kills it with all that it has started. Its status,
 * as program_end. What was read is wiped. */
int link_close(struct link *, int grace_ms);

#endif
