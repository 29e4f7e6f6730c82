/* One run through a PAM stack, for one request. */
#ifndef AUTH_PAM_STACK_H
#define AUTH_PAM_STACK_H

#include <restante/plugin.h>

enum { STACK_NAME_MAX = 256 };

struct stack {
	const struct restante_host *host;
	const char *service, *confdir; /* confdir "" = the system's */
	int setcred, session;
};

/* Whether request->user may log in: with the password, or, where that is NULL, whether the account
 * is one that may (account management alone). OK; NONE: the stack knows no such user; DENY; TEMP.
 * What the stack said is in the log, where it is not OK. On OK name is whom the stack took the user
 * for. Blocks as long as the modules do. */
int pam_stack_run(const struct stack *, const struct restante_request *, const char *password,
	char name[STACK_NAME_MAX]);

#endif
