/* config - the effective configuration, in the form of a configuration file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "conf/table.h"
#include "ctl/ctl.h"

/* As libconfuse reads it back: quote, backslash, and the $ of its variables. */
static void print_text(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if (strchr("\"\\$", *text) != NULL)
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

/* The items of a list against those of its default, which spaces separate. */
static int is_default(const struct conf *c, const struct conf_row *row)
{
	struct buf items = {0};
	int same;

	for (size_t i = 0; i < conf_count(c, row->s.name); i++)
		buf_printf(&items, "%s%s", i > 0 ? " " : "", conf_item(c, row->s.name, i));
	same = strcmp(buf_str(&items), row->s.fallback != NULL ? row->s.fallback : "") == 0;
	buf_free(&items);
	return same;
}

static void print_row(const struct conf *c, const struct conf_row *row)
{
	size_t n = conf_count(c, row->s.name);

	if ((row->s.flags & RESTANTE_LIST) == 0) {
		printf("%s = ", row->s.name);
		print_text(conf_str(c, row->s.name));
	} else {
		printf("%s = {", row->s.name);
		for (size_t i = 0; i < n; i++) {
			printf("%s", i > 0 ? ", " : " ");
			print_text(conf_item(c, row->s.name, i));
		}
		printf(" }");
	}
	putchar('\n');
}

static int setting_differs(const struct conf_setting *s)
{
	return s->value != NULL && (s->fallback == NULL || strcmp(s->value, s->fallback) != 0);
}

/* The items of a plugin's list. */
static void print_list(const char *value)
{
	printf("{");
	for (int n = 0; *value != '\0'; n++) {
		struct buf item = {0};
		size_t len = strcspn(value, " ");

		buf_add(&item, value, len);
		printf("%s", n > 0 ? ", " : " ");
		print_text(item.p);
		buf_free(&item);
		value += len + (value[len] == ' ');
	}
	printf(" }");
}

static void print_setting(const struct conf_setting *s)
{
	if (s->type == RESTANTE_SECRET) {
		printf("\t# %s is set; it is secret\n", s->name);
		return;
	}
	printf("\t%s = ", s->name);
	if ((s->flags & RESTANTE_LIST) == 0)
		print_text(s->value);
	else
		print_list(s->value);
	putchar('\n');
}

/* Does the configuration name the plugin elsewhere than by its section? */
static int is_named(const struct conf *c, const struct conf_plugin *p)
{
	return (p->kinds & CONF_AUTH) != 0 ||
	       (strncmp(p->name, "storage-", 8) == 0 &&
		       strcmp(p->name + 8, conf_str(c, "storage")) == 0);
}

static int is_all_default(const struct conf_plugin *p)
{
	for (size_t i = 0; i < p->nsettings; i++)
		if (setting_differs(&p->settings[i]))
			return 0;
	return 1;
}

static void print_plugin(const struct conf *c, const struct conf_plugin *p, int differing)
{
	if (differing && is_named(c, p) && is_all_default(p))
		return;
	printf("\n%s {\n", p->name);
	for (size_t i = 0; i < p->nsettings; i++) {
		const struct conf_setting *s = &p->settings[i];

		if (s->value != NULL && (!differing || setting_differs(s)))
			print_setting(s);
	}
	printf("}\n");
}

int ctl_config(const struct ctl *ctl, int argc, char **argv)
{
	int differing = argc == 1 && strcmp(argv[0], "-n") == 0;
	struct conf *c;

	if (argc > 1 || (argc == 1 && !differing))
		return USAGE;
	c = tool_conf(ctl->file, false);
	if (c == NULL)
		return EXIT_FAILURE;
	printf("# %s\n", ctl->file);
	for (size_t i = 0; i < conf_table_rows; i++) {
		const struct conf_row *row = &conf_table[i];

		/* What is unset has no form in a file. */
		if (is_default(c, row) ? differing || conf_count(c, row->s.name) == 0 : 0)
			continue;
		print_row(c, row);
	}
	for (size_t i = 0; i < conf_plugins(c); i++)
		print_plugin(c, conf_plugin(c, i), differing);
	conf_free(c);
	return EXIT_SUCCESS;
}
