/* Where the role programs are. */
#ifndef SYS_PROGRAM_H
#define SYS_PROGRAM_H

#include <stddef.h>

/* The path of a role program ("restante-check"): beside the running program first, so that a build
 * tree works, else in PROGRAM_DIR. 0, or -1 with errno ENOENT and the second place in path, for the
 * message. */
int program_find(const char *name, char *path, size_t cap);

#endif
