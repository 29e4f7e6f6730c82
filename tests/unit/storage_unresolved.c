/* A storage that was linked without -z defs and calls what nobody has. */
#include <restante/plugin.h>

void nobody_has_this(void *);

static const struct restante_storage storage = {.size = sizeof(storage), .close = nobody_has_this};

RESTANTE_PLUGIN(storage_unresolved) = {.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.name = "storage-unresolved",
	.version = "0",
	.doc = "not whole",
	.storage = &storage};
void storage_unresolved_call(void);
void storage_unresolved_call(void)
{
	nobody_has_this(0);
}
