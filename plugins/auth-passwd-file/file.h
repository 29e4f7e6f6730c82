/* A users file in memory: read once, found again by name, read again when it has changed.
 *
 * Its text stays as it was read, with a hash table of line starts beside it: a login costs one
 * stat(2), one look into the table and the parsing of one line.
 */
#ifndef PASSWD_FILE_H
#define PASSWD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <restante/plugin.h>
#include "line.h"

struct file;

/* A line of the file, cut up. The text is the struct's own: wipe it with file_forget(). */
struct file_line {
	size_t number;
	bool damaged; /* only entry.user is valid then */
	struct entry entry;
	char text[LINE_MAX_OCTETS + 1];
};

/* Makes an empty table for path (which must outlive it); reads nothing yet. It lives in memory of
 * host; file_close() wipes and frees the text. */
struct file *file_new(const struct restante_host *host, const char *path);
void file_close(struct file *);

/* Reads the file when it is not read yet or has changed since. OK, or TEMP with a line in the log
 * when it cannot be read: what was read before is not used then. Blocks on the disk, and up to a
 * second on a file that is just being written. */
int file_refresh(struct file *);

/* Finds a user. False = not in the file. */
bool file_find(struct file *, const char *user, struct file_line *out);

/* A line whose password takes as long to verify as those of most users: what is verified for users
 * that do not exist. False = the file has no user with a password. */
bool file_typical(struct file *, struct file_line *out);

/* Wipes what file_find() or file_typical() filled in. */
void file_forget(struct file_line *);

#endif
