/* load - the plugin and its settings, for one case.
 *
 * The file is loaded as it is; whether a server would trust it (owner, modes) is a case of its own,
 * so that a plugin can be tried where it was built. */
#include "testkit/kit.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "conf/value.h"
#include "plug/linked.h"

static const char *given(const struct kit_options *opt, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < opt->nargs; i++)
		if (strncmp(opt->args[i], name, n) == 0 && opt->args[i][n] == '=')
			return opt->args[i] + n + 1;
	return NULL;
}

int kit_set(struct kit *k, size_t i, const char *value)
{
	struct conf_setting *s = &k->settings[i];
	struct buf why = {0};
	int64_t num = 0;
	int bad = value != NULL &&
		  value_check_setting(s->type, s->flags, s->range, value, &num, &why) == -1;

	buf_free(&why);
	if (bad)
		return -1;
	s->value = value;
	s->num = num;
	return 0;
}

static int read_settings(struct kit *k, struct buf *why)
{
	size_t used = 0;

	k->settings = mem_alloc(k->plugin->nsettings, sizeof(*k->settings));
	for (size_t i = 0; i < k->plugin->nsettings; i++) {
		const struct restante_setting *s = plug_setting(k->plugin, i);
		const char *value = given(k->opt, s->name);

		used += value != NULL;
		k->settings[i] = (struct conf_setting){.name = s->name,
			.doc = s->doc,
			.fallback = s->fallback,
			.range = s->range,
			.type = s->type,
			.flags = s->flags};
		if (value == NULL && (s->flags & RESTANTE_REQUIRED) != 0) {
			buf_printf(
				why, "the setting %s is required: add %s=VALUE", s->name, s->name);
			return -1;
		}
		if (value == NULL)
			value = s->fallback;
		if (kit_set(k, i, value) == -1) {
			buf_printf(why, "%s=%s: ", s->name, value);
			(void)value_check_setting(
				s->type, s->flags, s->range, value, &k->settings[i].num, why);
			return -1;
		}
	}
	if (used < k->opt->nargs) {
		buf_printf(why, "%s has no such setting; it has:", k->plugin->name);
		for (size_t i = 0; i < k->plugin->nsettings; i++)
			buf_printf(why, " %s", k->settings[i].name);
		return -1;
	}
	return 0;
}

int kit_load(struct kit *k, const struct kit_options *opt, struct buf *why)
{
	struct buf symbol = {0};

	*k = (struct kit){.opt = opt, .handle = dlopen(opt->file, RTLD_NOW | RTLD_LOCAL)};
	if (k->handle == NULL) {
		buf_printf(why, "%s", dlerror());
		return -1;
	}
	linked_symbol(opt->name, &symbol);
	k->plugin = dlsym(k->handle, symbol.p);
	if (k->plugin == NULL) {
		buf_printf(why, "%s: it has no symbol %s", opt->file, symbol.p);
		return -1;
	}
	buf_free(&symbol);
	if (plug_vet_entry(k->plugin, opt->name, why) == -1 || read_settings(k, why) == -1)
		return -1;
	k->conf = (struct conf_plugin){.name = k->plugin->name,
		.file = opt->file,
		.needs = k->plugin->needs,
		.nsettings = k->plugin->nsettings,
		.settings = k->settings};
	k->plug = (struct plug){.conf = &k->conf, .entry = k->plugin};
	k->storage = k->plugin->storage;
	k->auth = k->plugin->auth;
	k->user = (struct restante_user){.size = sizeof(k->user),
		.uid = geteuid(),
		.gid = getegid(),
		.name = opt->user != NULL ? opt->user : "test",
		.home = k->home};
	return 0;
}

bool kit_is_older(const struct kit *k)
{
	return k->plugin->size > sizeof(*k->plugin) ||
	       (k->storage != NULL && k->storage->size > sizeof(*k->storage)) ||
	       (k->auth != NULL && k->auth->size > sizeof(*k->auth)) ||
	       (k->plugin->nsettings > 0 &&
		       k->plugin->setting_size > sizeof(struct restante_setting));
}

unsigned kit_offers(const struct kit *k)
{
	unsigned offers = k->plugin->check != NULL ? NEED_CHECK : 0;

	if (k->storage != NULL)
		offers |= NEED_STORAGE;
	if (k->storage != NULL && k->storage->put_begin != NULL)
		offers |= NEED_PUT;
	if (k->storage != NULL && k->storage->note_get != NULL)
		offers |= NEED_NOTES;
	if (k->storage != NULL && k->storage->maintain != NULL)
		offers |= NEED_MAINTAIN;
	if (k->storage != NULL && RESTANTE_HAS(k->storage, keep))
		offers |= NEED_KEEP;
	if (k->auth != NULL)
		offers |= NEED_AUTH;
	if (k->auth != NULL && k->auth->verify != NULL)
		offers |= NEED_VERIFY;
	if (k->auth != NULL && k->auth->lookup != NULL)
		offers |= NEED_LOOKUP;
	if (k->auth != NULL && k->auth->token != NULL)
		offers |= NEED_TOKENS;
	if (k->opt->token != NULL)
		offers |= NEED_TOKEN;
	if (k->opt->user != NULL && k->opt->password != NULL)
		offers |= NEED_USER;
	return offers;
}
