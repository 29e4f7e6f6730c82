/* plugins - which ones the configuration names, and their tables. */
#include <stdlib.h>
#include <string.h>
#include "check/check.h"
#include "conf/conf.h"
#include "conf/table.h"
#include "ipc/messages.h"
#include "plug/plug.h"

struct gathering {
	const char *const *folders;
	size_t nfolders;
	bool try;
	struct section *list;
	size_t n;
};

#define CAN(a, call, what) (RESTANTE_HAS(a, call) ? BIT(VERIFY_##what) : 0)

/* What the calls that the plugin has are good for. */
static uint32_t answers(const struct restante_auth *a)
{
	uint32_t can;

	if (a == NULL)
		return 0;
	can = CAN(a, verify, PASSWORD) | CAN(a, lookup, LOOKUP) | CAN(a, token, TOKEN);
	if ((can & BIT(VERIFY_LOOKUP)) != 0)
		can |= CAN(a, scram, SCRAM) | CAN(a, apop, APOP);
	return can;
}

static void describe(struct section *s, const struct restante_plugin *e)
{
	s->known = 1;
	s->offers = (e->storage != NULL ? CONF_STORAGE : 0) | (e->auth != NULL ? CONF_AUTH : 0);
	s->needs = e->needs;
	s->answers = answers(e->auth);
	s->nsettings = e->nsettings;
	s->settings = mem_alloc(e->nsettings, sizeof(*s->settings));
	for (size_t i = 0; i < e->nsettings; i++)
		s->settings[i] = *plug_setting(e, i); /* the plugin's rows may be longer */
}

static void add(struct gathering *g, const char *name)
{
	struct buf file = {0}, why = {0};
	const struct restante_plugin *e = NULL;
	struct section *s;

	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->list[i].name, name) == 0)
			return;
	g->list = mem_grow(g->list, g->n + 1, sizeof(*g->list));
	s = &g->list[g->n++];
	*s = (struct section){.name = mem_strdup(name)};
	if (plug_find(g->folders, g->nfolders, name, &file, &why) == 0 &&
		(!g->try || plug_probe(name, buf_str(&file), &why) == 0))
		e = plug_load(name, buf_str(&file), &why);
	s->file = mem_strdup(buf_str(&file));
	if (e != NULL)
		describe(s, e);
	else
		s->why = mem_strdup(buf_str(&why));
	buf_free(&file);
	buf_free(&why);
}

static void add_prefixed(struct gathering *g, const char *prefix, const char *name)
{
	struct buf full = {0};

	buf_printf(&full, "%s%s", prefix, name);
	add(g, full.p);
	buf_free(&full);
}

/* What the files give for a setting, or its default. */
static const char *const *items_of(const struct parsed *p, const char *name, size_t *n)
{
	const struct given *given = parse_find(p, "", name);
	const struct conf_row *row = conf_row(name);

	*n = given != NULL ? given->n : 1;
	return given != NULL ? given->items : &row->s.fallback;
}

void plugins_gather(const struct parsed *p, const struct section *candidates, size_t ncandidates,
	bool try, struct section **out, size_t *n)
{
	struct gathering g = {.try = try};
	const char *const *items;
	size_t nitems;

	g.folders = items_of(p, "plugin_path", &g.nfolders);
	items = items_of(p, "auth", &nitems);
	for (size_t i = 0; i < nitems; i++)
		add_prefixed(&g, "auth-", items[i]);
	items = items_of(p, "storage", &nitems);
	if (nitems > 0)
		add_prefixed(&g, "storage-", items[0]);
	for (size_t i = 0; i < ncandidates; i++)
		if (parse_find(p, candidates[i].name, NULL) != NULL)
			add(&g, candidates[i].name);
	*out = g.list;
	*n = g.n;
}

static int is_item(
	const struct parsed *p, const char *setting, const char *prefix, const char *name)
{
	const char *const *items;
	size_t n;

	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return 0;
	items = items_of(p, setting, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(items[i], name + strlen(prefix)) == 0)
			return 1;
	return 0;
}

int plugins_missing(
	const struct parsed *p, const struct section *list, size_t n, const char *main_file)
{
	int missing = 0;

	for (size_t i = 0; i < n; i++) {
		const char *setting = is_item(p, "auth", "auth-", list[i].name)         ? "auth"
				      : is_item(p, "storage", "storage-", list[i].name) ? "storage"
											: NULL;
		const struct given *g = setting != NULL ? parse_find(p, "", setting) : NULL;
		struct buf text = {0};

		if (list[i].why == NULL || setting == NULL)
			continue;
		if (g != NULL)
			buf_printf(&text, "%s:%d: ", g->file, g->line);
		else
			buf_printf(&text, "%s: ", main_file);
		buf_printf(&text, "%s = \"%s\": %s", setting, strchr(list[i].name, '-') + 1,
			list[i].why);
		say(text.p);
		buf_free(&text);
		missing++;
	}
	return missing;
}
