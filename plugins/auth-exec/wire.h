/* The lines of auth-exec's protocol, restante-auth-exec(7): requests written, replies read. Pure.
 */
#ifndef AUTH_EXEC_WIRE_H
#define AUTH_EXEC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EXEC_VERSION = 1,
	EXEC_REQUEST_MAX = 128 * 1024, /* octets of a line, with its LF */
	EXEC_REPLY_MAX = 16 * 1024,
	EXEC_ATTRS_MAX = 64
};

/* What a program can be asked; a program's greeting says which of them it answers. */
enum exec_call { EXEC_VERIFY, EXEC_LOOKUP, EXEC_SCRAM, EXEC_APOP, EXEC_TOKEN, EXEC_CALLS };
const char *exec_call_name(enum exec_call);

/* --- requests ---
 *
 * text has room for EXEC_REQUEST_MAX octets and is the caller's to wipe. */
struct exec_request {
	char *text;
	size_t len;
	bool full; /* it was too long: not to be sent */
};
void exec_request_begin(struct exec_request *, uint64_t id, enum exec_call);
/* Appends " key=value", escaped; value: any octets. */
void exec_request_put(struct exec_request *, const char *key, const char *value);
/* Appends the LF. false = it was too long. */
bool exec_request_end(struct exec_request *);

/* --- replies --- */

enum exec_key {
	EXEC_UID,
	EXEC_GID,
	EXEC_STAMP,
	EXEC_ITERATIONS,
	EXEC_NAME,
	EXEC_HOME,
	EXEC_SECRET,
	EXEC_TEXT,
	EXEC_SALT,
	EXEC_STORED,
	EXEC_SERVER,
	EXEC_KEYS
};

struct exec_value {
	bool given;
	uint64_t number;  /* of a key that is a number */
	const char *text; /* of another: ends with NUL; NULL = not given */
	size_t len;       /* salt, stored and server may have NUL in them */
};

struct exec_reply {
	uint64_t id;
	int result; /* enum restante_result */
	struct exec_value value[EXEC_KEYS];
	const char *attrs[2 * EXEC_ATTRS_MAX + 1]; /* name, value, ..., NULL */
	size_t nattrs;
};

/* Reads a line of n octets, without its LF, in place: what *out points to is in line, whose octet n
 * is overwritten. NULL, or what was expected. */
const char *exec_reply_read(char *line, size_t n, struct exec_reply *out);
/* The same for the greeting; *can has a bit for each enum exec_call that the program answers. */
const char *exec_greeting_read(char *line, size_t n, unsigned *can);

#endif
