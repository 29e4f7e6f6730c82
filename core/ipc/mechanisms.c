/* mechanisms - the table of mechanisms.h as data. */
#define _GNU_SOURCE
#include "ipc/mechanisms.h"

#include <string.h>
#include <strings.h>

const struct mechanism_row mechanisms[MECHANISM_COUNT] = {
#define X(id, name, family, what, hash, flags) {name, what, flags},
	MECHANISMS(X)
#undef X
};

enum mechanism mechanism_find(const char *name, size_t n)
{
	enum mechanism i = 0;

	while (i < MECHANISM_COUNT &&
		(strlen(mechanisms[i].name) != n || strncasecmp(mechanisms[i].name, name, n) != 0))
		i++;
	return i;
}
