/* conf - asking for settings. */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/buf.h"
#include "base/log.h"
#include "conf/impl.h"
#include "conf/value.h"

static const struct conf_value *get(const struct conf *c, const char *name)
{
	const struct conf_row *row = conf_row(name);

	if (row == NULL || c->values[row - conf_table].items == NULL)
		die("this program has no setting %s", name);
	return &c->values[row - conf_table];
}

const char *conf_str(const struct conf *c, const char *name)
{
	const struct conf_value *v = get(c, name);

	return v->n > 0 ? v->items[0] : "";
}

int64_t conf_num(const struct conf *c, const char *name)
{
	return get(c, name)->num;
}

size_t conf_count(const struct conf *c, const char *name)
{
	return get(c, name)->n;
}

const char *conf_item(const struct conf *c, const char *name, size_t i)
{
	const struct conf_value *v = get(c, name);

	if (i >= v->n)
		die("setting %s has no item %zu", name, i);
	return v->items[i];
}

size_t conf_plugins(const struct conf *c)
{
	return c->nplugins;
}

const struct conf_plugin *conf_plugin(const struct conf *c, size_t i)
{
	return &c->plugins[i];
}

const struct conf_plugin *conf_plugin_named(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->nplugins; i++)
		if (strcmp(c->plugins[i].name, name) == 0)
			return &c->plugins[i];
	return NULL;
}

const struct conf_setting *conf_plugin_setting(const struct conf_plugin *p, const char *name)
{
	for (size_t i = 0; i < p->nsettings; i++)
		if (strcmp(p->settings[i].name, name) == 0)
			return &p->settings[i];
	return NULL;
}

static const struct conf_setting *get_of(const struct conf *c, const char *plugin, const char *name)
{
	const struct conf_plugin *p = conf_plugin_named(c, plugin);
	const struct conf_setting *s = p != NULL ? conf_plugin_setting(p, name) : NULL;

	if (s == NULL)
		die("this program has no setting %s of %s", name, plugin);
	return s;
}

const char *conf_plugin_str(const struct conf *c, const char *plugin, const char *name)
{
	const struct conf_setting *s = get_of(c, plugin, name);

	return s->value != NULL ? s->value : "";
}

int64_t conf_plugin_num(const struct conf *c, const char *plugin, const char *name)
{
	return get_of(c, plugin, name)->num;
}

/* --- making and ending one -------------------------------------------------------------------- */

struct conf *conf_new(void)
{
	struct conf *c = mem_alloc(1, sizeof(*c));

	c->values = mem_alloc(conf_table_rows, sizeof(*c->values));
	return c;
}

int conf_set(struct conf *c, const struct conf_row *row, const char **items, size_t n, size_t *bad,
	struct buf *why)
{
	struct conf_value *v = &c->values[row - conf_table];
	int64_t num;

	free(v->items);
	*v = (struct conf_value){.items = items, .n = n};
	for (size_t i = 0; i < n; i++) {
		*bad = i;
		if (value_check(row->s.type, row->s.range, items[i], &num, why) == -1)
			return -1;
		if (i == 0)
			v->num = num;
	}
	return 0;
}

struct conf_plugin *conf_add_plugin(
	struct conf *c, size_t nsettings, struct conf_setting **settings)
{
	struct conf_plugin *p;

	c->plugins = mem_grow(c->plugins, c->nplugins + 1, sizeof(*c->plugins));
	p = &c->plugins[c->nplugins++];
	*settings = mem_alloc(nsettings + 1, sizeof(**settings));
	*p = (struct conf_plugin){.settings = *settings, .nsettings = nsettings};
	return p;
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < conf_table_rows; i++)
		free(c->values[i].items);
	for (size_t i = 0; i < c->nplugins; i++)
		free((void *)(uintptr_t)c->plugins[i].settings);
	free(c->plugins);
	free(c->values);
	free(c->block);
	if (c->map != NULL)
		munmap(c->map, c->map_len);
	free(c);
}
