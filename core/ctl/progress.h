/* A line on the terminal that says how far long work is; nothing where stderr is none. */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdint.h>

struct progress {
	int shown; /* stderr is a terminal */
	const char *what;
	uint64_t messages, octets; /* all there are; 0 = not known */
	uint64_t done, done_octets;
	int64_t began, last; /* clock_ms */
};

/* what: the verb, which stays the caller's. */
void progress_begin(struct progress *, const char *what, uint64_t messages, uint64_t octets);
/* One more message of so many octets. Writes at most 5 times a second. */
void progress_step(struct progress *, uint64_t octets);
/* Takes the line away: before a message, and at the end. */
void progress_hide(struct progress *);

#endif
