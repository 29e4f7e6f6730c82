/* What an auth record says about who may log in, and from where. */
#ifndef AUTH_POLICY_H
#define AUTH_POLICY_H

#include "conf/conf.h"

struct policy_client {
	const char *ip; /* "" = unknown: is in no network */
	int tls;
};

/* OK; DENY: the user may not log in from there now; PERM: the record is malformed. In *why the word
 * for the log, in *note more about it, of the record, or NULL. Asked after the password was right,
 * so that who does not know it learns nothing. */
int policy_check(const struct conf *, const struct restante_user *, const struct policy_client *,
	const char **why, const char **note);

#endif
