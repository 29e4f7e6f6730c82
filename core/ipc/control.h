/* What restantectl may ask of a server that runs: the one table of it.
 *
 * Each role that can be asked listens at a socket of its own, in the folder CONTROL_FOLDER of
 * runtime_dir, which the master makes; restantectl asks those of all generations. A question is one
 * line: the words of a row, and an argument behind a space where there is one. The answer is any
 * number of lines "key=value ...", as in the log, and a last one: "done N", which says how many
 * there were or how many things were changed, or "error ..." with what was expected. */
#ifndef IPC_CONTROL_H
#define IPC_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "ipc/messages.h"

#define CONTROL_FOLDER "control" /* of runtime_dir; sockets "auth.1", "session.1", ... */
#define CONTROL_DONE "done "
#define CONTROL_ERROR "error "

enum control_argument { ARGUMENT_NONE, ARGUMENT_ONE, ARGUMENT_MAY };

/*	X(name, words, who answers, argument) */
#define CONTROL_QUESTIONS(X)                                                               \
	/* a line for each session that runs */                                            \
	X(WHO, "who", ROLE_SESSION, ARGUMENT_NONE)                                         \
	/* a line for each address, network or user whose failures still cost something */ \
	X(PENALTY_LIST, "penalty list", ROLE_AUTH, ARGUMENT_NONE)                          \
	/* forgets what an address, its networks or a user has to pay */                   \
	X(PENALTY_CLEAR, "penalty clear", ROLE_AUTH, ARGUMENT_ONE)                         \
	/* forgets the passwords of a user, or all, that were right */                     \
	X(AUTH_FLUSH, "auth flush", ROLE_AUTH, ARGUMENT_MAY)

enum control_question {
#define X(name, words, role, argument) CONTROL_##name,
	CONTROL_QUESTIONS(X)
#undef X
	CONTROL_COUNT
};

enum { CONTROL_ARGUMENT_MAX = 255 }; /* octets; the longest user name */

struct control_request {
	enum control_question question;
	char argument[CONTROL_ARGUMENT_MAX + 1]; /* "" = none */
};

extern const struct control_row {
	const char *words;
	enum role role;
	enum control_argument argument;
} control_rows[CONTROL_COUNT];

/* n octets without the newline, as they came, to that role. 0, or -1: what it is not is appended to
 * why. */
int control_parse(
	const char *line, size_t n, enum role self, struct control_request *, struct buf *why);
/* Appends the line to the answer, and empties it. */
void control_line(struct buf *out, struct buf *line);
/* The end of an answer. */
void control_done(struct buf *out, size_t n);
/* Appends " key=2026-11-26T17:22:22Z" to a line: the date at that time of clock_ms. */
void control_time(struct buf *line, const char *key, int64_t when_ms);

#endif
