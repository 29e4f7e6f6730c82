/* passwd - a line for auth-passwd-file(7) from a password. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/wipe.h"
#include "ctl/ctl.h"
#include "../plugins/auth-passwd-file/scheme.h"

#define DEFAULT_SCHEME "CRYPT"

static int unknown_scheme(const char *name)
{
	struct buf names = {0};

	for (size_t i = 0; scheme_at(i) != NULL; i++)
		buf_printf(&names, "%s%s", i > 0 ? ", " : "", scheme_at(i)->name);
	complain("%s: unknown scheme; expected one of %s", name, names.p);
	buf_free(&names);
	return EXIT_FAILURE;
}

/* The fields of a line are separated by colons, and there is no way to quote one. */
static int print_line(const char *user, const char *field)
{
	if (strpbrk(field, ":\n") != NULL)
		return complain("this scheme cannot hold a password with a colon in it");
	if (user != NULL)
		printf("%s:%s::::::\n", user, field);
	else
		printf("%s\n", field);
	return EXIT_SUCCESS;
}

static int make(const struct scheme *scheme, const char *user)
{
	struct buf password = {0}, field = {0};
	size_t room;
	int status = EXIT_FAILURE;

	if (ctl_secret(&password, 1) == 0) {
		room = SCHEME_SECRET_MAX + password.len;
		if (scheme_make(scheme, password.p, 0, buf_room(&field, room), room) == 0)
			status = print_line(user, field.p);
		else
			complain("cannot make a %s password: %s", scheme->name, strerror(errno));
	}
	buf_wipe(&password);
	buf_wipe(&field);
	return status;
}

int ctl_passwd(const struct ctl *c, int argc, char **argv)
{
	const char *name = DEFAULT_SCHEME, *user = NULL;
	const struct scheme *scheme;

	(void)c;
	if (argc > 1 && strcmp(argv[0], "-s") == 0) {
		name = argv[1];
		argc -= 2;
		argv += 2;
	}
	if (argc > 1 || (argc == 1 && argv[0][0] == '-'))
		return USAGE;
	if (argc == 1)
		user = argv[0];
	scheme = scheme_find(name, strlen(name));
	if (scheme == NULL)
		return unknown_scheme(name);
	if (user != NULL && strpbrk(user, ":\n") != NULL)
		return complain("%s: a name cannot hold a colon", user);
	return make(scheme, user);
}
