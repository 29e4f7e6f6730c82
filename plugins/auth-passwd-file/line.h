/* One line of a users file: user:password:uid:gid:gecos:home:shell:extra
 *
 * The parser works on a copy of the line that it cuts up in place; it allocates nothing and keeps
 * nothing. What struct entry points to is part of that copy.
 */
#ifndef PASSWD_LINE_H
#define PASSWD_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LINE_MAX_OCTETS = 8192, /* of a line; a longer one is damaged */
	LINE_MAX_ATTRS = 64,    /* overrides in one line */
	LINE_MAX_APPS = 8,      /* passwords of applications */
	LINE_MAX_LABEL = 64,    /* octets of the name of one */
	LINE_WHY_MAX = 200      /* octets of an explanation */
};

struct app { /* "app.LABEL={SCHEME}value" */
	const char *label, *password;
};

struct entry {
	char *user;       /* 1..255 octets, no control characters */
	char *password;   /* see scheme.h */
	const char *home; /* "" = none */
	bool has_uid, has_gid;
	uint32_t uid, gid;
	size_t nattrs, napps;
	struct app apps[LINE_MAX_APPS];
	const char *attrs[2 * LINE_MAX_ATTRS + 1]; /* "setting", "value", ..., NULL */
};

/* Is the line (n octets, without its newline) empty or a comment? */
bool line_is_blank(const char *line, size_t n);

/* The length of the user's name at the start of the line, 0 = none. Where this is not 0 the name is
 * known even when line_parse() refuses the rest. */
size_t line_name(const char *line, size_t n);

/* Cuts the n octets of line (line[n] must be writable: it becomes NUL) into *out. 0, or -1 with the
 * field and what was expected of it in why[LINE_WHY_MAX]. No password is ever copied to why. */
int line_parse(char *line, size_t n, struct entry *out, char *why);

#endif
