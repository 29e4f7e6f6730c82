/* Plugins that are linked into the program (a build with --disable-shared). */
#ifndef PLUG_LINKED_H
#define PLUG_LINKED_H

#include <restante/plugin.h>
#include "base/buf.h"

/* The symbol of a plugin's entry: "storage_maildir_LTX_restante_plugin_v1"; appended to *out. */
void linked_symbol(const char *name, struct buf *out);
/* The entry, or NULL. */
const struct restante_plugin *linked_entry(const char *name);
void linked_each(void (*each)(void *arg, const char *name), void *arg);

#endif
