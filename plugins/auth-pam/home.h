/* The home of a user who is unknown to the system. */
#ifndef AUTH_PAM_HOME_H
#define AUTH_PAM_HOME_H

#include <stddef.h>

/* Writes form to out, with %u the user's name, %n the part before the first @, %d what follows it,
 * %% a percent sign. 0; -1: it has no room, form has another % or the name has something in it that
 * would lead elsewhere: a slash, or a part that starts with a dot or is empty and asked for. */
int pam_home_expand(const char *form, const char *user, char *out, size_t cap);

#endif
