/* The passwords of one user: that of the second field, and those of single applications. */
#ifndef PASSWD_SECRETS_H
#define PASSWD_SECRETS_H

#include <stdint.h>
#include "line.h"
#include "scheme.h"

/* Can nobody log in as this user with a password, whichever? */
bool secrets_locked(const struct entry *);

/* Tries them in turn. *label is the application's whose password it was, NULL = the user's own. */
enum scheme_result secrets_verify(const struct entry *, const char *password, const char **label);

/* struct restante_user.stamp. 0 where it cannot be made. */
uint64_t secrets_stamp(const struct entry *);

#endif
