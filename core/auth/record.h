/* A user's record that outlives the message it came in. */
#ifndef AUTH_RECORD_H
#define AUTH_RECORD_H

#include <restante/plugin.h>

/* A copy with all that it points to, in one block: free() it. */
struct restante_user *record_keep(const struct restante_user *);

#endif
