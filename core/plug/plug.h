/* Finding, vetting and loading plugins. Nothing is called in a plugin here, and none is unloaded.
 *
 * A role loads what its configuration names with plug_load_all; restante-check and restantectl,
 * which meet plugins that nobody has looked at, use plug_find and plug_probe first. Reasons are
 * texts that name the file; they are appended to *why. All of this reads files; none of it waits.
 */
#ifndef PLUG_PLUG_H
#define PLUG_PLUG_H

#include <restante/plugin.h>
#include "base/buf.h"
#include "conf/conf.h"

/* A loaded plugin and what the configuration says about it. */
struct plug {
	const struct conf_plugin *conf;
	const struct restante_plugin *entry;
};

/* Loads every plugin of the role's configuration, in its order: for a worker the order in which
 * they are asked, for a session the default storage first. *out is an array of conf_plugins(c) for
 * the caller to free. 0, or -1 with *why (the first plugin that cannot be loaded). */
int plug_load_all(const struct conf *, struct plug **out, struct buf *why);
/* The one with that conf_plugin, for instance of conf_user_storage; NULL when it is not there. */
const struct plug *plug_of(const struct plug *, size_t n, const struct conf_plugin *);

/* Appends to *file the absolute path of name ("storage-maildir") in the folders of plugin_path; ""
 * for a plugin that is linked in. 0, or -1 with *why. */
int plug_find(
	const char *const *folders, size_t n, const char *name, struct buf *file, struct buf *why);

/* Calls each() once for every plugin there is in the folders, by name: linked in, then as files. */
void plug_each(
	const char *const *folders, size_t n, void (*each)(void *arg, const char *name), void *arg);

/* May this file be loaded at all: owner and mode of it and of each folder above it, kind of file,
 * the ELF magic. Symbolic links are followed first. 0, or -1 with *why. */
int plug_vet_file(const char *file, struct buf *why);
/* Is this an entry that this core can work with? name is what it should be called. */
int plug_vet_entry(const struct restante_plugin *, const char *name, struct buf *why);
/* Row i of the plugin's table of settings. */
const struct restante_setting *plug_setting(const struct restante_plugin *, size_t i);

/* Vets and loads; file as plug_find gave it. NULL with *why. */
const struct restante_plugin *plug_load(const char *name, const char *file, struct buf *why);

/* --- for programs that meet plugins which nobody has looked at ---------------------------------
 */

#define PLUG_PROBE_MS 2000

enum { PLUG_REFUSED = -1, PLUG_DIED = -2 };

/* Calls fn in a child, because it runs a plugin's code that may crash or hang. 0 when fn returned
 * 0; PLUG_REFUSED when it returned something else, its text is appended to *why; PLUG_DIED when it
 * did not return within ms milliseconds, *why says how. The child's standard output goes nowhere.
 */
int plug_guard(int (*fn)(void *arg, struct buf *why), void *arg, int ms, struct buf *why);
/* plug_load under guard: 0 when it is safe to call here, else -1 with *why. */
int plug_probe(const char *name, const char *file, struct buf *why);

#endif
