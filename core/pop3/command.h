/* pop3/command.h - the table of POP3 commands, and a line taken apart by it. */
#ifndef POP3_COMMAND_H
#define POP3_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pop3/slice.h"

enum command_id {
	COMMAND_APOP,
	COMMAND_AUTH,
	COMMAND_CAPA,
	COMMAND_DELE,
	COMMAND_LANG,
	COMMAND_LIST,
	COMMAND_NOOP,
	COMMAND_PASS,
	COMMAND_QUIT,
	COMMAND_RETR,
	COMMAND_RSET,
	COMMAND_STAT,
	COMMAND_STLS,
	COMMAND_TOP,
	COMMAND_UIDL,
	COMMAND_USER,
	COMMAND_UTF8,
	COMMAND_COUNT /* also: no command of ours */
};

/* States of RFC 1939, as a set of bits. */
enum pop3_state { POP3_AUTHORIZATION = 1, POP3_TRANSACTION = 2 };

enum command_error {
	COMMAND_OK,
	COMMAND_UNKNOWN,
	COMMAND_WRONG_STATE,
	COMMAND_BAD_ARGS,  /* too few or too many, or one with a control character */
	COMMAND_BAD_NUMBER /* not only digits, or above 4294967295 */
};

enum { COMMAND_ARGS = 2 };

struct command {
	enum command_id id; /* set also when the state or the arguments are wrong */
	size_t argc;
	struct slice arg[COMMAND_ARGS]; /* point into the line */
	uint32_t num[COMMAND_ARGS];     /* values of numbers; 0 is one, and of no message */
};

/* Takes a line (without its line end) apart for a client in the given state. Fills *out.
 *
 *	APOP name digest, AUTH [mechanism [initial]], CAPA, DELE n, LANG [range], LIST [n],
 *	NOOP, PASS secret, QUIT, RETR n, RSET, STAT, STLS, TOP n lines, UIDL [n], USER name, UTF8
 *
 * Keywords in any case; spaces separate arguments, trailing ones are dropped. PASS takes all that
 * follows its one space, as it is (RFC 1939 section 7). USER takes the rest of the line without
 * spaces at its ends: a name may hold spaces, as clients send it. */
enum command_error command_parse(struct slice line, enum pop3_state, struct command *out);

/* "USER", for the log. "" for COMMAND_COUNT. */
const char *command_name(enum command_id);

/* Digits only, at most 4294967295. */
bool command_number(struct slice, uint32_t *out);

#endif
