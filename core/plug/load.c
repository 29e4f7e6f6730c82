/* load - libltdl, with its traps closed.
 *
 * libltdl 2.4.7 binds lazily, so that a missing symbol would end a session at the first call; its
 * own messages say "file not found" whatever went wrong; a bare name follows LTDL_LIBRARY_PATH. So
 * dlopen() binds the vetted absolute path first, completely and with a reason that can be printed,
 * and libltdl then finds it in memory. */
#include <dlfcn.h>
#include <ltdl.h>
#include <stdlib.h>
#include <string.h>
#include "plug/linked.h"
#include "plug/plug.h"

static lt_dlhandle open_resident(const char *file)
{
	lt_dlhandle handle = NULL;
	lt_dladvise advise;

	if (lt_dlinit() != 0 || lt_dladvise_init(&advise) != 0)
		return NULL;
	if (lt_dladvise_local(&advise) == 0 && lt_dladvise_resident(&advise) == 0)
		handle = lt_dlopenadvise(file, advise);
	lt_dladvise_destroy(&advise);
	return handle;
}

static const struct restante_plugin *open_entry(const char *name, const char *file, struct buf *why)
{
	const struct restante_plugin *entry = NULL;
	struct buf symbol = {0};
	lt_dlhandle handle;

	if (plug_vet_file(file, why) == -1)
		return NULL;
	if (dlopen(file, RTLD_NOW | RTLD_LOCAL) == NULL) {
		buf_printf(why, "%s", dlerror());
		return NULL;
	}
	handle = open_resident(file);
	if (handle == NULL) {
		buf_printf(why, "%s: %s", file, lt_dlerror());
		return NULL;
	}
	linked_symbol(name, &symbol);
	entry = lt_dlsym(handle, symbol.p);
	if (entry == NULL)
		buf_printf(why,
			"%s: it has no symbol %s: not a plugin of Restante, or not this one", file,
			symbol.p);
	buf_free(&symbol);
	return entry;
}

const struct restante_plugin *plug_load(const char *name, const char *file, struct buf *why)
{
	const struct restante_plugin *entry;
	struct buf reason = {0};
	char *path;

	if (file[0] != '\0') {
		/* What is vetted is what is loaded: no link that could change in between. */
		path = realpath(file, NULL);
		entry = open_entry(name, path != NULL ? path : file, why);
		free(path);
	} else {
		entry = linked_entry(name);
		if (entry == NULL)
			buf_printf(why, "%s: not linked into this program", name);
	}
	if (entry != NULL && plug_vet_entry(entry, name, &reason) == -1) {
		buf_printf(why, "%s: %s", file[0] != '\0' ? file : name, reason.p);
		entry = NULL;
	}
	buf_free(&reason);
	return entry;
}

int plug_load_all(const struct conf *c, struct plug **out, struct buf *why)
{
	size_t n = conf_plugins(c);
	struct plug *list = mem_alloc(n, sizeof(*list));

	for (size_t i = 0; i < n; i++) {
		list[i].conf = conf_plugin(c, i);
		list[i].entry = plug_load(list[i].conf->name, list[i].conf->file, why);
		if (list[i].entry == NULL) {
			free(list);
			return -1;
		}
	}
	*out = list;
	return 0;
}

const struct plug *plug_of(const struct plug *list, size_t n, const struct conf_plugin *p)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].conf == p)
			return &list[i];
	return NULL;
}
