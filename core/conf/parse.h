/* The grammar: which settings the files give, and where. What the values mean is not looked at.
 *
 * Plugins' settings are known only after the plugins are loaded, and which ones to load is in the
 * file. So it is parsed twice: with sections of any content first, with the plugins' tables then.
 */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include <stddef.h>
#include <stdint.h>
#include <restante/plugin.h>
#include "base/buf.h"
#include "conf/source.h"

/* A plugin that the configuration may name, and its section. */
struct section {
	char *name;      /* "storage-maildir" */
	char *file;      /* of the plugin */
	char *why;       /* NULL, or why the plugin cannot be had: the section is an error then */
	int known;       /* 0: first pass, the section may set anything */
	uint32_t offers; /* enum conf_kind: what the plugin is able to be */
	uint32_t needs;
	uint32_t answers; /* 1 << enum verify_what: what the plugin can be asked about a user */
	size_t nsettings;
	struct restante_setting *settings;
};

/* What a file sets. A section of its own is a row with the name NULL. */
struct given {
	const char *section; /* "" = the core */
	const char *name;
	const char *file;
	int line; /* 0: not known */
	size_t n;
	const char **items;
};

struct parsed {
	struct given *list;
	size_t n;
};

/* Where messages go: one line without a newline, file:line in front. */
typedef void complain_fn(const char *text);

/* Parses the files of *s. What they include is added to *s when it may grow, and is for the next
 * call: the caller repeats until nothing was added. Included files count as if they stood behind
 * those that name them. 0; or -1 after a complaint. The strings of *out live until parse_free. */
int parse(struct sources *s, int may_grow, const struct section *sections, size_t nsections,
	complain_fn *to, struct parsed *out);
const struct given *parse_find(const struct parsed *, const char *section, const char *name);
void parse_free(struct parsed *);

/* Adds to *list, all unknown, what could be the name of a plugin's section anywhere in the text. */
void parse_candidates(const struct source *, struct section **list, size_t *n);

#endif
