/* ~ and % in paths. */
#ifndef PLUG_EXPAND_H
#define PLUG_EXPAND_H

#include <restante/plugin.h>
#include "base/buf.h"

/* Appends text with ~ and %h (home), %u (user), %n (local part), %d (domain), %% replaced. 0, or -1
 * with *why when the result could lead elsewhere than the text says: a part that is empty, begins
 * with a dot or has a slash in it, a home that is not absolute. */
int expand_path(const char *text, const struct restante_user *, struct buf *out, struct buf *why);

#endif
