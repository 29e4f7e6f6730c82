/* plugins - what plugins there are, and what one of them can be told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "conf/table.h"
#include "conf/value.h"
#include "ctl/ctl.h"
#include "plug/plug.h"

struct listing {
	const struct conf *conf; /* NULL: it is not valid */
	const char *const *folders;
	size_t nfolders;
};

/* plugin_path, or its default, so that plugins can be looked at before the configuration is right.
 */
static const char **folders_of(const struct conf *c, size_t *n)
{
	const char **folders;

	*n = c != NULL ? conf_count(c, "plugin_path") : 1;
	folders = mem_alloc(*n, sizeof(*folders));
	if (c == NULL)
		folders[0] = conf_row("plugin_path")->s.fallback;
	for (size_t i = 0; c != NULL && i < *n; i++)
		folders[i] = conf_item(c, "plugin_path", i);
	return folders;
}

/* NULL with *why. */
static const struct restante_plugin *get(
	const struct listing *l, const char *name, struct buf *file, struct buf *why)
{
	if (plug_find(l->folders, l->nfolders, name, file, why) == -1 ||
		plug_probe(name, buf_str(file), why) == -1)
		return NULL;
	return plug_load(name, buf_str(file), why);
}

/* --- the list --------------------------------------------------------------------------------- */

static const char *use(const struct conf *c, const char *name)
{
	const struct conf_plugin *p = c != NULL ? conf_plugin_named(c, name) : NULL;

	return c == NULL ? "?" : p != NULL && p->kinds != 0 ? "used" : "-";
}

static void list_one(void *arg, const char *name)
{
	struct listing *l = arg;
	struct buf file = {0}, why = {0};
	const struct restante_plugin *e = get(l, name, &file, &why);

	if (e == NULL)
		printf("%-24s refused: %s\n", name, buf_str(&why));
	else
		printf("%-24s %-10s 1.%-4u %-5s %s\n", name, e->version, (unsigned)e->need_minor,
			use(l->conf, name), file.len > 0 ? file.p : "(linked in)");
	buf_free(&file);
	buf_free(&why);
}

static int list(struct listing *l)
{
	printf("%-24s %-10s %-6s %-5s %s\n", "NAME", "VERSION", "ABI", "USE", "FILE");
	plug_each(l->folders, l->nfolders, list_one, l);
	return EXIT_SUCCESS;
}

/* --- one -------------------------------------------------------------------------------------- */

static const struct {
	uint32_t bit;
	const char *text;
} needs_texts[] = {
	{RESTANTE_NEEDS_ROOT, "root"},
	{RESTANTE_NEEDS_NETWORK, "network"},
	{RESTANTE_NEEDS_THREADS, "threads"},
	{RESTANTE_NEEDS_FORK, "other programs"},
};

static void print_needs(uint32_t needs)
{
	int any = 0;

	printf("needs      ");
	for (size_t i = 0; i < sizeof(needs_texts) / sizeof(needs_texts[0]); i++)
		if ((needs & needs_texts[i].bit) != 0)
			printf("%s%s", any++ ? ", " : "", needs_texts[i].text);
	printf("%s\n", any ? "" : "nothing but the files that its settings name");
}

static void print_setting(const struct restante_setting *s)
{
	printf("\n    %s (%s%s", s->name, (s->flags & RESTANTE_LIST) != 0 ? "list of " : "",
		value_type_name(s->type));
	if (s->range != NULL)
		printf(" %s", s->range);
	if ((s->flags & RESTANTE_REQUIRED) != 0)
		printf(", required");
	else if (s->fallback != NULL)
		printf(", default \"%s\"", s->fallback);
	if ((s->flags & RESTANTE_PER_USER) != 0)
		printf(", may be set per user");
	printf(")\n        %s\n", s->doc);
}

static int describe(const struct listing *l, const char *name)
{
	struct buf file = {0}, why = {0};
	const struct restante_plugin *e = get(l, name, &file, &why);

	if (e == NULL)
		return complain("%s", buf_str(&why));
	printf("%s %s: %s\n\n", e->name, e->version, e->doc);
	printf("file       %s\n", file.len > 0 ? file.p : "(linked in)");
	printf("interface  1.%u (this server: 1.%u)\n", (unsigned)e->need_minor,
		(unsigned)RESTANTE_MINOR);
	printf("kind       %s%s%s\n", e->storage != NULL ? "storage" : "",
		e->storage != NULL && e->auth != NULL ? ", " : "", e->auth != NULL ? "auth" : "");
	print_needs(e->needs);
	printf("used       %s\n", strcmp(use(l->conf, name), "used") == 0 ? "yes" : "no");
	printf("settings   %s\n", e->nsettings > 0 ? "" : "none");
	for (size_t i = 0; i < e->nsettings; i++)
		print_setting(plug_setting(e, i));
	buf_free(&file);
	return EXIT_SUCCESS;
}

int ctl_plugins(const struct ctl *ctl, int argc, char **argv)
{
	struct listing l = {0};
	const char **folders;
	int status;

	if (argc > 1)
		return USAGE;
	l.conf = tool_conf(ctl->file, false);
	folders = folders_of(l.conf, &l.nfolders);
	l.folders = folders;
	status = argc == 1 ? describe(&l, argv[0]) : list(&l);
	free(folders);
	return status;
}
