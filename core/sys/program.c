/* program - where the role programs are. */
#define _GNU_SOURCE
#include "sys/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int is_there(char *path, size_t cap, const char *folder, const char *name)
{
	int n = snprintf(path, cap, "%s/%s", folder, name);

	return n > 0 && (size_t)n < cap && access(path, X_OK) == 0;
}

int program_find(const char *name, char *path, size_t cap)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash != NULL) {
			*slash = '\0';
			if (is_there(path, cap, self, name))
				return 0;
		}
	}
	if (is_there(path, cap, PROGRAM_DIR, name))
		return 0;
	errno = ENOENT;
	return -1;
}
