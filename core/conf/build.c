/* build - defaults, validation, and the rules between settings. */
#include "conf/build.h"

#include <stdlib.h>
#include <string.h>
#include "conf/impl.h"
#include "conf/value.h"
#include "ipc/mechanisms.h"
#include "sys/listen.h"

#define DEFAULT_ITEMS 8

struct builder {
	const struct parsed *given;
	const char *main_file;
	complain_fn *to;
	struct conf *c;
	char *room; /* in the conf's block: for items of default lists, and for plugins' lists */
	int failed;
};

/* "file:line: name: text", where the setting is given, else the file alone. */
static void blame(struct builder *b, const char *section, const char *name, const char *text)
{
	const struct given *g = parse_find(b->given, section, name);
	struct buf message = {0};

	if (g == NULL)
		g = parse_find(b->given, section, NULL);
	buf_printf(&message, "%s:", g != NULL ? g->file : b->main_file);
	if (g != NULL && g->line > 0)
		buf_printf(&message, "%d:", g->line);
	buf_add(&message, " ", 1);
	if (section[0] != '\0')
		buf_printf(&message, "%s.", section);
	buf_printf(&message, "%s%s", name, text);
	b->to(message.p);
	buf_free(&message);
	b->failed = 1;
}

static void blame_value(struct builder *b, const char *section, const char *name, const char *value,
	struct buf *why)
{
	struct buf text = {0};

	if (value != NULL)
		buf_printf(&text, " = \"%s\": %s", value, buf_str(why));
	else
		buf_printf(&text, ": %s", buf_str(why));
	blame(b, section, name, text.p);
	buf_free(&text);
	buf_free(why);
}

/* --- the core's settings ---------------------------------------------------------------------- */

static void make_room(struct builder *b)
{
	size_t n = 0;

	for (size_t i = 0; i < conf_table_rows; i++)
		if (conf_table[i].s.fallback != NULL)
			n += strlen(conf_table[i].s.fallback) + 1;
	for (size_t i = 0; i < b->given->n; i++)
		for (size_t j = 0; j < b->given->list[i].n; j++)
			n += strlen(b->given->list[i].items[j]) + 1;
	b->c->block = b->room = mem_alloc(n, 1);
}

/* The items of a default: one, or in a list those between spaces. */
static const char **default_items(struct builder *b, const struct conf_row *row, size_t *n)
{
	const char **items = mem_alloc(DEFAULT_ITEMS, sizeof(*items));
	const char *p = row->s.fallback;

	*n = 0;
	if ((row->s.flags & RESTANTE_LIST) == 0 && p != NULL)
		items[(*n)++] = p;
	while ((row->s.flags & RESTANTE_LIST) != 0 && p != NULL && *p != '\0' &&
		*n < DEFAULT_ITEMS) {
		size_t len = strcspn(p, " ");

		memcpy(b->room, p, len);
		items[(*n)++] = b->room;
		b->room += len + 1; /* the block is zero: a NUL is there */
		p += len + (p[len] == ' ');
	}
	return items;
}

static void build_row(struct builder *b, const struct conf_row *row)
{
	const struct given *g = parse_find(b->given, "", row->s.name);
	struct buf why = {0};
	const char **items;
	size_t n, bad;

	if (g != NULL) {
		n = g->n;
		items = mem_alloc(n, sizeof(*items));
		for (size_t i = 0; i < n; i++)
			items[i] = g->items[i];
	} else {
		items = default_items(b, row, &n);
	}
	if (conf_set(b->c, row, items, n, &bad, &why) == -1)
		blame_value(b, "", row->s.name, items[bad], &why);
	buf_free(&why);
}

/* --- plugins ---------------------------------------------------------------------------------- */

/* The items of a plugin's list, each of them valid, with one space between them. */
static const char *join(
	struct builder *b, const struct restante_setting *s, const struct given *g, int64_t *first)
{
	const char *text = b->room;
	struct buf why = {0};
	int64_t num;

	for (size_t i = 0; i < g->n; i++) {
		const char *item = g->items[i];
		size_t len = strlen(item);

		if (len == 0 || strchr(item, ' ') != NULL)
			buf_printf(&why, "expected items that are not empty and have no spaces");
		else
			(void)value_check(s->type, s->range, item, i == 0 ? first : &num, &why);
		if (why.len > 0)
			blame_value(b, g->section, s->name,
				s->type == RESTANTE_SECRET ? "(secret)" : item, &why);
		memcpy(b->room, item, len);
		b->room[len] = i + 1 < g->n ? ' ' : '\0';
		b->room += len + 1;
	}
	return g->n > 0 ? text : "";
}

static void build_setting(struct builder *b, const char *plugin, const struct restante_setting *s,
	struct conf_setting *out)
{
	const struct given *g = parse_find(b->given, plugin, s->name);
	int list = (s->flags & RESTANTE_LIST) != 0;
	struct buf why = {0};

	*out = (struct conf_setting){.name = s->name,
		.doc = s->doc,
		.fallback = s->fallback,
		.range = s->range,
		.type = s->type,
		.flags = s->flags,
		.value = g != NULL && g->n > 0 ? g->items[0] : s->fallback};
	if (g != NULL && list)
		out->value = join(b, s, g, &out->num);
	else if (out->value != NULL && value_check_setting(s->type, s->flags, s->range, out->value,
					       &out->num, &why) == -1)
		blame_value(b, plugin, s->name,
			s->type == RESTANTE_SECRET ? "(secret)" : out->value, &why);
	if ((s->flags & RESTANTE_REQUIRED) != 0 &&
		(out->value == NULL || (list && out->value[0] == '\0'))) {
		buf_printf(&why, "has to be set: %s", s->doc);
		blame_value(b, plugin, s->name, NULL, &why);
	}
	buf_free(&why);
}

/* What the configuration uses the plugin for. */
static uint32_t kinds_of(const struct builder *b, const struct section *s)
{
	size_t n = conf_count(b->c, "auth");
	uint32_t kinds = 0;

	for (size_t i = 0; i < n; i++)
		if ((s->offers & CONF_AUTH) != 0 && strncmp(s->name, "auth-", 5) == 0 &&
			strcmp(s->name + 5, conf_item(b->c, "auth", i)) == 0)
			kinds |= CONF_AUTH;
	if (strncmp(s->name, "storage-", 8) == 0 && (s->offers & CONF_STORAGE) != 0)
		kinds |= CONF_STORAGE;
	return kinds;
}

/* An auth plugin works for all users: its paths cannot be one user's. */
static void check_auth_paths(struct builder *b, const struct conf_plugin *p)
{
	for (size_t i = 0; i < p->nsettings; i++) {
		const struct conf_setting *s = &p->settings[i];

		if (s->type == RESTANTE_PATH && s->value != NULL && strpbrk(s->value, "~%") != NULL)
			blame(b, p->name, s->name, ": expected a path without ~ and %");
	}
}

static void build_plugin(struct builder *b, const struct section *s)
{
	struct conf_setting *settings;
	struct conf_plugin *p = conf_add_plugin(b->c, s->nsettings, &settings);

	p->name = s->name;
	p->file = s->file;
	p->needs = s->needs;
	p->kinds = kinds_of(b, s);
	for (size_t i = 0; i < s->nsettings; i++)
		build_setting(b, s->name, &s->settings[i], &settings[i]);
	if ((p->kinds & CONF_AUTH) != 0)
		check_auth_paths(b, p);
}

/* --- rules between settings ------------------------------------------------------------------- */

static void check_listener(struct builder *b, const char *item)
{
	struct listen_address a;
	const char *why;

	if (listen_parse(item, &a, &why) == -1)
		return; /* has been said */
	if (a.tls && conf_count(b->c, "tls_cert") == 0)
		blame(b, "", "listen", ": an address with /tls needs tls_cert and tls_key");
	if (a.proxy && conf_count(b->c, "proxy_trusted") == 0)
		blame(b, "", "listen",
			": an address with /proxy needs proxy_trusted, the networks of the "
			"proxies");
}

static void check_listen(struct builder *b)
{
	size_t n = conf_count(b->c, "listen");

	if (n == 0)
		blame(b, "", "listen", ": expected at least one address");
	for (size_t i = 0; i < n; i++) {
		const char *item = conf_item(b->c, "listen", i);

		for (size_t j = 0; j < i; j++)
			if (strcmp(item, conf_item(b->c, "listen", j)) == 0)
				blame(b, "", "listen", ": the same address occurs twice");
		if (!b->failed)
			check_listener(b, item);
	}
}

static void check_tls(struct builder *b)
{
	const char *name = parse_find(b->given, "", "tls_key") != NULL ? "tls_key" : "tls_cert";

	if (conf_count(b->c, "tls_cert") != conf_count(b->c, "tls_key"))
		blame(b, "", name, ": expected one tls_key for each tls_cert, in the same order");
	if (conf_count(b->c, "tls_client_ca") != 0 && conf_count(b->c, "tls_cert") == 0)
		blame(b, "", "tls_client_ca", ": needs tls_cert and tls_key");
	if (conf_count(b->c, "tls_client_crl") != 0 && conf_count(b->c, "tls_client_ca") == 0)
		blame(b, "", "tls_client_crl", ": needs tls_client_ca");
}

static void check_paths(struct builder *b)
{
	static const char *const names[] = {"tls_cert", "tls_key", "tls_client_ca",
		"tls_client_crl", "plugin_path", "runtime_dir"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t j = 0; j < conf_count(b->c, names[i]); j++)
			if (conf_item(b->c, names[i], j)[0] != '/')
				blame(b, "", names[i], ": expected paths that begin with /");
}

/* It stands in greetings, in APOP's timestamp and in Received fields. */
static void check_hostname(struct builder *b)
{
	const char *name = conf_str(b->c, "hostname");

	if (name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			      "0123456789-_.:[]")] != '\0')
		blame(b, "", "hostname", ": expected the name of a host");
}

static void check_auth(struct builder *b)
{
	if (conf_count(b->c, "auth") == 0)
		blame(b, "", "auth", ": expected at least one auth plugin");
	for (size_t i = 0; i < conf_count(b->c, "auth"); i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(conf_item(b->c, "auth", i), conf_item(b->c, "auth", j)) == 0)
				blame(b, "", "auth", ": expected each auth plugin once");
}

/* `auth = { "x" }` and `storage = x` name plugins that exist and are of that kind. */
static void check_named(struct builder *b, const char *setting, const char *name, uint32_t kind)
{
	const struct conf_plugin *p = conf_plugin_named(b->c, name);
	struct buf text = {0};

	if (p != NULL && (p->kinds & kind) == 0) {
		buf_printf(&text, ": %s is no plugin of that kind", name);
		blame(b, "", setting, text.p);
		buf_free(&text);
	}
}

static void check_plugins(struct builder *b)
{
	struct buf name = {0};

	for (size_t i = 0; i < conf_count(b->c, "auth"); i++) {
		buf_printf(&name, "auth-%s", conf_item(b->c, "auth", i));
		check_named(b, "auth", name.p, CONF_AUTH);
		buf_free(&name);
	}
	buf_printf(&name, "storage-%s", conf_str(b->c, "storage"));
	check_named(b, "storage", name.p, CONF_STORAGE);
	buf_free(&name);
}

/* NULL, or what a mechanism would need. answers: what the auth plugins can be asked. */
static const char *mechanism_lacks(const struct builder *b, enum mechanism id, uint32_t answers)
{
	const struct mechanism_row *m = &mechanisms[id];

	if ((answers & BIT(m->what)) == 0)
		return "no plugin of auth can answer for it";
	if ((m->flags & MECHANISM_BINDING) != 0 && conf_count(b->c, "tls_cert") == 0)
		return "needs tls_cert and tls_key";
	if ((m->flags & MECHANISM_CERTIFICATE) != 0 && conf_count(b->c, "tls_client_ca") == 0)
		return "needs tls_client_ca";
	return NULL;
}

/* Leaves those that can work; to name another one is a mistake. */
static void check_mechanisms(struct builder *b, const struct section *sections, size_t nsections)
{
	struct conf_value *v = &b->c->values[conf_row("auth_mechanisms") - conf_table];
	int named = parse_find(b->given, "", "auth_mechanisms") != NULL;
	uint32_t answers = 0;
	size_t kept = 0;

	for (size_t i = 0; i < nsections; i++)
		if (sections[i].why == NULL && (kinds_of(b, &sections[i]) & CONF_AUTH) != 0)
			answers |= sections[i].answers;
	for (size_t i = 0; i < v->n; i++) {
		enum mechanism id = mechanism_find(v->items[i], strlen(v->items[i]));
		const char *lacks =
			id < MECHANISM_COUNT ? mechanism_lacks(b, id, answers) : "is unknown";
		struct buf text = {0};

		if (lacks == NULL) {
			v->items[kept++] = v->items[i];
		} else if (named && !b->failed) {
			buf_printf(&text, " = \"%s\": %s", v->items[i], lacks);
			blame(b, "", "auth_mechanisms", text.p);
			buf_free(&text);
		}
	}
	v->n = kept;
}

struct conf *build(const struct parsed *given, const struct section *sections, size_t nsections,
	const char *main_file, complain_fn *to)
{
	struct builder b = {.given = given, .main_file = main_file, .to = to, .c = conf_new()};

	make_room(&b);
	for (size_t i = 0; i < conf_table_rows; i++)
		build_row(&b, &conf_table[i]);
	for (size_t i = 0; i < nsections; i++)
		if (sections[i].why == NULL)
			build_plugin(&b, &sections[i]);
	check_listen(&b);
	check_tls(&b);
	check_paths(&b);
	check_hostname(&b);
	check_auth(&b);
	check_plugins(&b);
	check_mechanisms(&b, sections, nsections);
	if (!b.failed)
		return b.c;
	conf_free(b.c);
	return NULL;
}
