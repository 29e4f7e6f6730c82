/* case_entry - the file, the descriptor and the settings. */
#include "testkit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DOC_MAX = 100 };

static void file(struct kit *k)
{
	struct buf why = {0};

	if (plug_vet_file(k->opt->file, &why) == -1)
		fail("%s", buf_str(&why));
}

static void one_line(const char *what, const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n > DOC_MAX)
		fail("%s: expected a line of 1 to %d octets", what, DOC_MAX);
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == '\177')
			fail("%s: there is a control character in it", what);
}

/* The loader has looked at what would make it unusable; here is what would make it a nuisance. */
static void entry(struct kit *k)
{
	const uint32_t known = RESTANTE_NEEDS_ROOT | RESTANTE_NEEDS_NETWORK |
			       RESTANTE_NEEDS_THREADS | RESTANTE_NEEDS_FORK;

	one_line("version", k->plugin->version);
	one_line("doc", k->plugin->doc);
	if ((k->plugin->needs & ~known) != 0)
		fail("needs: 0x%x is not known", (unsigned)(k->plugin->needs & ~known));
	if ((k->plugin->needs & RESTANTE_NEEDS_ROOT) != 0 && k->auth == NULL)
		fail("needs: only an auth plugin can have NEEDS_ROOT");
	if (strncmp(k->plugin->name, "storage-", 8) == 0 && k->storage == NULL)
		fail("its name begins with storage- and it has no storage");
	if (strncmp(k->plugin->name, "auth-", 5) == 0 && k->auth == NULL)
		fail("its name begins with auth- and it has no auth");
	if (k->plugin->ext != NULL && k->plugin->ext("no-such-extension/1") != NULL)
		fail("ext: it offers an extension that it has never heard of");
}

static void settings(struct kit *k)
{
	const uint32_t file_flags = RESTANTE_READ_ONLY | RESTANTE_FOLDER | RESTANTE_IN_FOLDER;
	const uint32_t known = RESTANTE_REQUIRED | RESTANTE_PER_USER | file_flags | RESTANTE_LIST;

	for (size_t i = 0; i < k->plugin->nsettings; i++) {
		const struct conf_setting *s = &k->settings[i];

		one_line(s->name, s->doc);
		if ((s->flags & ~known) != 0)
			fail("%s: flag 0x%x is not known", s->name, (unsigned)(s->flags & ~known));
		if ((s->flags & RESTANTE_REQUIRED) != 0 && s->fallback != NULL)
			fail("%s: required, and yet there is a default", s->name);
		if ((s->flags & file_flags) != 0 && s->type != RESTANTE_PATH)
			fail("%s: flags of files, and it is not a path", s->name);
		if ((s->flags & RESTANTE_FOLDER) != 0 && (s->flags & RESTANTE_IN_FOLDER) != 0)
			fail("%s: either FOLDER or IN_FOLDER", s->name);
		if (s->type == RESTANTE_SECRET && s->fallback != NULL && s->fallback[0] != '\0')
			fail("%s: a secret that everybody knows is the default", s->name);
	}
}

static void check(struct kit *k)
{
	struct kit_host h;
	int result;

	kit_host_open(&h, k, NULL);
	result = legal("check", k->plugin->check(&h.api), R(RESTANTE_OK) | R(RESTANTE_PERM));
	if (result == RESTANTE_PERM)
		fail("check() refuses these settings%s",
			h.lines > 0 ? "" : " and does not say why");
	kit_host_close(&h);
}

/* --- settings at the ends of their ranges: what the core lets through, the plugin must stand ---
 */

static void try_settings(struct kit *k, size_t i, const char *value)
{
	struct kit_host h;
	struct box b;
	int result;

	if (kit_set(k, i, value) == -1)
		return;
	printf("%s = %s\n", k->settings[i].name, value != NULL ? value : "(unset)");
	if (k->plugin->check != NULL) {
		kit_host_open(&h, k, NULL);
		result =
			legal("check", k->plugin->check(&h.api), R(RESTANTE_OK) | R(RESTANTE_PERM));
		if (result == RESTANTE_PERM && h.lines == 0)
			fail("check() refuses %s = %s and does not say why", k->settings[i].name,
				value);
		kit_host_close(&h);
		if (result == RESTANTE_PERM)
			return;
	}
	if (k->storage != NULL && box_try(&b, k, RESTANTE_SESSION) == RESTANTE_OK) {
		(void)box_try_list(&b);
		box_close(&b);
	}
}

static void ends_of_range(struct kit *k, size_t i)
{
	static const char *const values[] = {"0", "1", "-1", "2147483647", "2147483648",
		"4294967295", "9223372036854775807", "0s", "yes", "no", "x"};
	const struct conf_setting *s = &k->settings[i];
	char word[64];
	long long low, high;

	for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++)
		/* a name that means nothing is no value for what others must understand */
		if (s->type != RESTANTE_PATH && s->type != RESTANTE_STRING)
			try_settings(k, i, values[j]);
	if (s->type == RESTANTE_INT && s->range != NULL &&
		sscanf(s->range, "%lld..%lld", &low, &high) == 2) {
		snprintf(word, sizeof(word), "%lld", low);
		try_settings(k, i, word);
		snprintf(word, sizeof(word), "%lld", high);
		try_settings(k, i, word);
	}
	for (const char *p = s->type == RESTANTE_ENUM ? s->range : NULL; p != NULL;
		p = strchr(p, '|')) {
		p += *p == '|';
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, "|"), p);
		try_settings(k, i, word);
	}
}

static void ranges(struct kit *k)
{
	for (size_t i = 0; i < k->conf.nsettings; i++) {
		struct conf_setting before = k->settings[i];

		ends_of_range(k, i);
		k->settings[i] = before;
	}
}

const struct kit_case entry_cases[] = {
	{"file", "a server may load the file: owner, mode, folders above it", NEED_NOTHING, 5,
		file},
	{"entry", "the descriptor is whole", NEED_NOTHING, 5, entry},
	{"settings", "the table of settings makes sense", NEED_NOTHING, 5, settings},
	{"check", "check() accepts the settings given here", NEED_CHECK, 5, check},
	{"ranges", "no value that a setting's range allows does harm", NEED_NOTHING, 60, ranges},
	{NULL, NULL, 0, 0, NULL},
};
