/* linked - what libtool's -dlpreopen leaves in a program: a list of symbols and addresses.
 *
 * The list is there only in programs that were linked so; the weak reference is NULL in others. */
#include "plug/linked.h"

#include <ltdl.h>
#include <string.h>

#define SYMBOL "_LTX_restante_plugin_v1"

extern const lt_dlsymlist lt_preloaded_symbols[] __attribute__((weak));

void linked_symbol(const char *name, struct buf *out)
{
	for (; *name != '\0'; name++)
		buf_add(out, *name == '-' ? "_" : name, 1);
	buf_add(out, SYMBOL, strlen(SYMBOL));
}

const struct restante_plugin *linked_entry(const char *name)
{
	const struct restante_plugin *entry = NULL;
	const lt_dlsymlist *s = lt_preloaded_symbols;
	struct buf symbol = {0};

	if (s == NULL)
		return NULL;
	linked_symbol(name, &symbol);
	for (; s->name != NULL && entry == NULL; s++)
		if (s->address != NULL && strcmp(s->name, symbol.p) == 0)
			entry = s->address;
	buf_free(&symbol);
	return entry;
}

void linked_each(void (*each)(void *arg, const char *name), void *arg)
{
	const lt_dlsymlist *s = lt_preloaded_symbols;

	for (; s != NULL && s->name != NULL; s++) {
		size_t n = strlen(s->name);

		if (s->address != NULL && n > strlen(SYMBOL) &&
			strcmp(s->name + n - strlen(SYMBOL), SYMBOL) == 0)
			each(arg, ((const struct restante_plugin *)s->address)->name);
	}
}
