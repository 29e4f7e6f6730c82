/* parse - libconfuse does the grammar, a callback notes each setting with its file and line.
 *
 * libconfuse stores values too, but forgets where they came from and drops those of a section that
 * is opened a second time; so only its list values are read back. Its callbacks have no argument:
 * `now` is the parse that is going on, set in parse() alone.
 *
 * It wants to know which settings are lists. As long as a section's plugin is not known, those are
 * taken for lists that have a brace behind them anywhere in the files. */
#include "conf/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <confuse.h>
#include "conf/table.h"

struct parser {
	struct sources *sources;
	int may_grow;
	const struct section *sections;
	size_t nsections;
	char **lists; /* names of what may be lists in sections that are not known */
	size_t nlists;
	complain_fn *to;
	struct parsed *out;
	size_t source; /* which is being read */
	int complained;
};

static struct parser *now;

/* In front of the items of a default in a section: libconfuse parses it when the section opens, as
 * if the file gave it. No value that is valid has it. */
#define DEFAULT_MARK '\001'

/* --- messages --------------------------------------------------------------------------------- */

static void complain_at(const char *file, int line, const char *text)
{
	struct buf message = {0};

	buf_printf(&message, "%s:%d: %s", file, line, text);
	now->to(buf_str(&message));
	buf_free(&message);
	now->complained = 1;
}

/* The last line that has anything in it. */
static int last_line(const struct source *s)
{
	size_t n = s->text.len;
	int line = 1;

	while (n > 0 && strchr(" \t\r\n", s->text.p[n - 1]) != NULL)
		n--;
	for (size_t i = 0; i < n; i++)
		line += s->text.p[i] == '\n';
	return line;
}

/* libconfuse's messages; those about unknown names and the end of the file say too little. */
__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	const struct source *source = &now->sources->list[now->source];
	char text[512], name[128];
	struct buf better = {0};
	int line = cfg->line;

	vsnprintf(text, sizeof(text), fmt, ap);
	if (strcmp(text, "premature end of file") == 0) {
		line = last_line(source);
		buf_printf(&better, "the file ends inside a value");
	}
	if (sscanf(text, "no such option '%127[^']'", name) == 1) {
		if ((cfg->flags & CFGF_KEYSTRVAL) != 0)
			return; /* any setting may be there: it is added after the message */
		buf_printf(&better, "%s: no such setting", name);
		if (strcmp(cfg->name, "root") != 0)
			buf_printf(&better, " of %s", cfg->name);
		for (size_t i = 0; i < now->nsections; i++)
			if (strcmp(now->sections[i].name, name) == 0 &&
				now->sections[i].why != NULL) {
				buf_free(&better);
				buf_printf(&better, "section %s: %s", name, now->sections[i].why);
			}
	}
	complain_at(source->name, line, better.len > 0 ? buf_str(&better) : text);
	buf_free(&better);
}

/* --- noting what is given --------------------------------------------------------------------- */

static struct given *note(const char *section, const char *name)
{
	struct parsed *out = now->out;
	struct given *g;

	for (size_t i = 0; i < out->n; i++) {
		g = &out->list[i];
		if (strcmp(g->section, section) == 0 && (name == NULL) == (g->name == NULL) &&
			(name == NULL || strcmp(g->name, name) == 0))
			return g;
	}
	out->list = mem_grow(out->list, out->n + 1, sizeof(*out->list));
	g = &out->list[out->n++];
	*g = (struct given){
		.section = mem_strdup(section), .name = name != NULL ? mem_strdup(name) : NULL};
	return g;
}

static void free_items(struct given *g)
{
	for (size_t i = 0; i < g->n; i++)
		free((void *)(uintptr_t)g->items[i]);
	free(g->items);
	g->n = 0;
}

static const char *item_text(cfg_opt_t *opt, size_t i)
{
	const char *text = cfg_opt_getnstr(opt, (unsigned)i);

	return text + (*text == DEFAULT_MARK);
}

/* Is the value that came last one of a default? */
static int is_default(cfg_opt_t *opt)
{
	return *cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1) == DEFAULT_MARK;
}

/* Called after each value, in a list after each item. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *file = now->sources->list[now->source].name;
	const char *section = strcmp(cfg->name, "root") == 0 ? "" : cfg->name;
	struct given *g;
	struct buf text = {0};

	if (section[0] == '\0' && conf_row(opt->name) == NULL) {
		/* libconfuse's "section|name", of which callbacks are not told the section */
		complain_at(file, cfg->line, "expected the setting inside its section");
		return -1;
	}
	if (section[0] != '\0' && (opt->flags & CFGF_LIST) != 0 && is_default(opt))
		return 0;
	g = note(section, opt->name);
	if (g->file != NULL && strcmp(g->file, file) == 0 && (opt->flags & CFGF_LIST) == 0) {
		buf_printf(&text, "%s: set already in line %d", opt->name, g->line);
		complain_at(file, cfg->line, buf_str(&text));
		buf_free(&text);
		return -1;
	}
	free_items(g);
	g->file = file;
	g->line = cfg->line;
	g->n = cfg_opt_size(opt);
	g->items = mem_alloc(g->n, sizeof(*g->items));
	for (size_t i = 0; i < g->n; i++)
		g->items[i] = mem_strdup(item_text(opt, i));
	return 0;
}

/* A list that the source leaves empty: no callback is called for it, so its line is not known. */
static void note_if_empty(const char *section, const cfg_opt_t *opt)
{
	struct given *g;

	if ((opt->flags & CFGF_LIST) == 0 || (opt->flags & CFGF_MODIFIED) == 0 || opt->nvalues > 0)
		return;
	g = note(section, opt->name);
	if (g->file != NULL && g->n == 0)
		return;
	free_items(g);
	g->items = NULL;
	g->file = now->sources->list[now->source].name;
	g->line = 0;
}

/* Called when a section ends. */
static int on_section(cfg_t *cfg, cfg_opt_t *opt)
{
	const cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	struct given *g = note(opt->name, NULL);

	if (g->file == NULL) {
		g->file = now->sources->list[now->source].name;
		g->line = cfg->line;
	}
	for (size_t i = 0; section->opts[i].name != NULL; i++)
		note_if_empty(opt->name, &section->opts[i]);
	return 0;
}

static int on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	const char *file = now->sources->list[now->source].name;
	struct buf why = {0};
	int result = 0;

	(void)opt;
	if (argc != 1)
		buf_printf(&why, "expected include(\"file\")");
	else if (now->may_grow)
		(void)source_include(now->sources, file, argv[0], &why);
	if (why.len > 0) {
		/* sources may have moved: file's name has not */
		complain_at(now->sources->list[now->source].name, cfg->line, why.p);
		result = -1;
	}
	buf_free(&why);
	return result;
}

/* --- what libconfuse is told ------------------------------------------------------------------ */

/* "a b" to {"a", "b"}: the default of a list, to which += appends. mark stands before each item. */
static char *list_default(const char *fallback, const char *mark)
{
	struct buf text = {0};

	if (fallback == NULL)
		return NULL;
	buf_printf(&text, "{\"%s", mark);
	for (; *fallback != '\0'; fallback++) {
		if (*fallback == ' ')
			buf_printf(&text, "\", \"%s", mark);
		else
			buf_add(&text, fallback, 1);
	}
	buf_printf(&text, "\"}");
	return text.p;
}

static cfg_opt_t row_option(const struct conf_row *row)
{
	cfg_opt_t one = CFG_STR(row->s.name, NULL, CFGF_NODEFAULT);
	cfg_opt_t list = CFG_STR_LIST(row->s.name, list_default(row->s.fallback, ""), CFGF_NONE);

	if ((row->s.flags & RESTANTE_LIST) != 0)
		return list;
	free(list.def.parsed);
	return one;
}

static cfg_opt_t setting_option(const struct restante_setting *s)
{
	static const char mark[] = {DEFAULT_MARK, '\0'};
	cfg_opt_t one = CFG_STR(s->name, NULL, CFGF_NODEFAULT);
	cfg_opt_t list = CFG_STR_LIST(s->name, NULL, CFGF_NONE);

	if ((s->flags & RESTANTE_LIST) == 0)
		return one;
	if (s->fallback != NULL && s->fallback[0] != '\0')
		list.def.parsed = list_default(s->fallback, mark);
	return list;
}

static cfg_opt_t section_option(const struct parser *p, const struct section *s)
{
	size_t n = s->known ? s->nsettings : p->nlists;
	cfg_opt_t *opts = mem_alloc(n + 1, sizeof(*opts));
	cfg_opt_t option = CFG_SEC(s->name, opts, CFGF_NODEFAULT);

	for (size_t i = 0; i < n; i++) {
		struct restante_setting any = {.flags = RESTANTE_LIST};

		if (!s->known)
			any.name = p->lists[i];
		opts[i] = setting_option(s->known ? &s->settings[i] : &any);
		opts[i].validcb = on_value;
	}
	if (!s->known)
		option.flags |= CFGF_KEYSTRVAL;
	option.validcb = on_section;
	return option;
}

/* What cfg_init has copied. */
static void free_options(cfg_opt_t *opts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (cfg_opt_t *o = opts[i].subopts; o != NULL && o->name != NULL; o++)
			free(o->def.parsed);
		free(opts[i].subopts);
		free(opts[i].def.parsed);
	}
	free(opts);
}

static cfg_t *prepare(const struct parser *p)
{
	cfg_opt_t *opts = mem_alloc(conf_table_rows + p->nsections + 2, sizeof(*opts));
	cfg_opt_t include = CFG_FUNC("include", on_include);
	size_t n = 0;
	cfg_t *cfg;

	opts[n++] = include;
	for (size_t i = 0; i < conf_table_rows; i++)
		opts[n++] = row_option(&conf_table[i]);
	for (size_t i = 0; i < p->nsections; i++)
		if (p->sections[i].why == NULL)
			opts[n++] = section_option(p, &p->sections[i]);
	cfg = cfg_init(opts, CFGF_NONE);
	free_options(opts, n);
	if (cfg == NULL)
		return NULL;
	/* Only now: what cfg_init parses itself are the defaults. */
	for (size_t i = 0; i < conf_table_rows; i++)
		cfg_set_validate_func(cfg, conf_table[i].s.name, on_value);
	cfg_set_error_function(cfg, on_error);
	return cfg;
}

/* --- which settings are lists ------------------------------------------------------------------
 */

static void add_list(struct parser *p, const char *name, size_t len)
{
	for (size_t i = 0; i < p->nlists; i++)
		if (strlen(p->lists[i]) == len && memcmp(p->lists[i], name, len) == 0)
			return;
	p->lists = mem_grow(p->lists, p->nlists + 1, sizeof(*p->lists));
	p->lists[p->nlists] = mem_alloc(len + 1, 1);
	memcpy(p->lists[p->nlists++], name, len);
}

/* Every name in the text with = { or += { behind it; comments are blank already. */
static void find_lists(struct parser *p, const char *text)
{
	const char *blanks = " \t\r\n";

	while (*text != '\0') {
		size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
		const char *at = text + len + strspn(text + len, blanks);

		at += *at == '+';
		if (len > 0 && *at == '=' && at[1 + strspn(at + 1, blanks)] == '{')
			add_list(p, text, len);
		text += len > 0 ? len : 1;
	}
}

/* --- the pass --------------------------------------------------------------------------------- */

static int parse_source(cfg_t *cfg, const struct source *s)
{
	FILE *f;
	int result;

	if (s->text.len == 0)
		return 0;
	f = fmemopen(s->text.p, s->text.len, "r");
	if (f == NULL)
		return -1;
	free(cfg->filename);
	cfg->filename = strdup(s->name);
	result = cfg_parse_fp(cfg, f);
	fclose(f);
	return result == CFG_SUCCESS ? 0 : -1;
}

int parse(struct sources *s, int may_grow, const struct section *sections, size_t nsections,
	complain_fn *to, struct parsed *out)
{
	struct parser p = {.sources = s,
		.may_grow = may_grow,
		.sections = sections,
		.nsections = nsections,
		.to = to,
		.out = out};
	size_t n = s->n; /* what is included is for the next pass */
	int result = 0;
	cfg_t *cfg;

	*out = (struct parsed){0};
	now = &p;
	for (size_t i = 0; i < n; i++)
		find_lists(&p, buf_str(&s->list[i].text));
	cfg = prepare(&p);
	if (cfg == NULL)
		result = -1;
	for (; result == 0 && p.source < n; p.source++) {
		result = parse_source(cfg, &s->list[p.source]);
		for (size_t i = 0; i < conf_table_rows && result == 0; i++)
			note_if_empty("", cfg_getopt(cfg, conf_table[i].s.name));
		if (result == -1 && !p.complained)
			complain_at(s->list[p.source].name, cfg->line, "syntax error");
	}
	cfg_free(cfg);
	for (size_t i = 0; i < p.nlists; i++)
		free(p.lists[i]);
	free(p.lists);
	now = NULL;
	if (result == -1)
		parse_free(out);
	return result;
}

const struct given *parse_find(const struct parsed *p, const char *section, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct given *g = &p->list[i];

		if (strcmp(g->section, section) == 0 && (name == NULL) == (g->name == NULL) &&
			(name == NULL || strcmp(g->name, name) == 0))
			return g;
	}
	return NULL;
}

void parse_free(struct parsed *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free_items(&p->list[i]);
		free((void *)(uintptr_t)p->list[i].section);
		free((void *)(uintptr_t)p->list[i].name);
	}
	free(p->list);
	*p = (struct parsed){0};
}

/* --- names of sections ------------------------------------------------------------------------ */

static int is_name(char c)
{
	return islower((unsigned char)c) || isdigit((unsigned char)c) || c == '-';
}

void parse_candidates(const struct source *s, struct section **list, size_t *n)
{
	const char *p = buf_str(&s->text);

	while (*p != '\0') {
		size_t len = 0, known = 0;

		while (is_name(p[len]))
			len++;
		if (strncmp(p, "storage-", 8) == 0 || strncmp(p, "auth-", 5) == 0) {
			while (known < *n && (strlen((*list)[known].name) != len ||
						     memcmp((*list)[known].name, p, len) != 0))
				known++;
			if (known == *n) {
				*list = mem_grow(*list, *n + 1, sizeof(**list));
				(*list)[*n] = (struct section){.name = mem_alloc(len + 1, 1)};
				memcpy((*list)[(*n)++].name, p, len);
			}
		}
		p += len > 0 ? len : 1;
	}
}
