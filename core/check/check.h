/* restante-check: what its files share. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include <stdbool.h>
#include "conf/conf.h"
#include "conf/parse.h"

/* One line to descriptor 2: to the log where that is syslog, else as it is. */
void say(const char *text);

/* Which plugins the files name, in the order in which roles get them: those of `auth`, the default
 * storage, those with a section. Each is found and loaded, where try says so first in a child that
 * may die. Whatever cannot be had is in the section's why. */
void plugins_gather(const struct parsed *, const struct section *candidates, size_t ncandidates,
	bool try, struct section **out, size_t *n);
/* Complains where `auth` or `storage` name a plugin that cannot be had. The number of complaints.
 */
int plugins_missing(const struct parsed *, const struct section *, size_t n, const char *main_file);

/* Complains about certificates and keys that are not there; what is in them is for the login role
 * to say. The number of complaints. */
int files_missing(const struct conf *, const struct parsed *);

#endif
