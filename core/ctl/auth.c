/* auth test - is a password right, and who says so? */
#include <stdio.h>
#include <stdlib.h>
#include "ctl/ctl.h"

static void print_answer(const char *plugin, int result)
{
	printf("%s: %s\n", plugin, record_text(result));
	fflush(stdout);
}

int ctl_auth_test(const struct ctl *ctl, int argc, char **argv)
{
	struct record *r = mem_alloc(1, sizeof(*r));
	struct buf password = {0}, why = {0};
	struct conf *c;
	int got;

	if (argc != 1)
		return USAGE;
	c = tool_conf(ctl->file, false);
	if (c == NULL || ctl_secret(&password, 0) == -1)
		return EXIT_FAILURE;
	got = record_find(c, "pop3", argv[0], password.p, print_answer, r);
	buf_wipe(&password);
	if (got == -1)
		return EXIT_FAILURE;
	if (r->result != RESTANTE_OK)
		return complain("%s: the login is refused", argv[0]);
	if (record_check(c, &r->user, &why) == -1)
		return complain("%s: the password is right, but: %s", argv[0], why.p);
	return EXIT_SUCCESS;
}
