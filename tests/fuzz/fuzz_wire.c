/* The configuration as it comes from restante-check or the master: any octets.
 *
 * The first octet of the input says which: even, the rest is the wire form; odd, the rest are edits
 * (3 octets: where, and what to put there) to a good one. What is taken answers every question that
 * a program may ask, and encodes to something that is taken again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "conf/impl.h"
#include "conf/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void good(struct buf *out)
{
	struct conf *c = conf_new();
	struct buf why = {0};
	struct conf_setting *settings;
	struct conf_plugin *p;
	size_t bad;

	for (size_t i = 0; i < conf_table_rows; i++) {
		const struct restante_setting *s = &conf_table[i].s;
		size_t n = (s->flags & RESTANTE_LIST) == 0 && s->fallback != NULL;
		const char **items = mem_alloc(n, sizeof(*items));

		if (n > 0)
			items[0] = s->fallback;
		if (conf_set(c, &conf_table[i], items, n, &bad, &why) == -1)
			abort();
	}
	p = conf_add_plugin(c, 3, &settings);
	p->name = "storage-x";
	p->file = "/x/storage-x.so";
	p->kinds = CONF_STORAGE;
	settings[0] = (struct conf_setting){
		.name = "path", .doc = "where", .type = RESTANTE_PATH, .value = "~/x"};
	settings[1] = (struct conf_setting){.name = "n",
		.doc = "many",
		.type = RESTANTE_INT,
		.range = "1..9",
		.fallback = "2",
		.value = "3",
		.num = 3};
	settings[2] = (struct conf_setting){.name = "list",
		.doc = "several",
		.type = RESTANTE_ENUM,
		.flags = RESTANTE_LIST,
		.range = "a|b",
		.value = "b a",
		.num = 1};
	conf_encode(c, CONF_ALL, NULL, out);
	conf_free(c);
}

static void ask(const struct conf *c)
{
	for (size_t i = 0; i < conf_table_rows; i++)
		for (size_t j = 0; c->values[i].items != NULL && j < c->values[i].n; j++)
			(void)strlen(conf_item(c, conf_table[i].s.name, j));
	for (size_t i = 0; i < conf_plugins(c); i++) {
		const struct conf_plugin *p = conf_plugin(c, i);

		for (size_t j = 0; j < p->nsettings; j++)
			if (conf_plugin_setting(p, p->settings[j].name) == NULL)
				abort();
	}
}

static void run(const void *data, size_t size)
{
	struct conf *c = conf_decode(data, size);
	struct buf again = {0};
	uint32_t roles;

	if (c == NULL)
		return;
	memcpy(&roles, (const char *)data + sizeof(roles), sizeof(roles));
	ask(c);
	conf_encode(c, roles, NULL, &again);
	conf_free(c);
	c = conf_decode(again.p, again.len);
	if (c == NULL)
		abort();
	conf_free(c);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf octets = {0};

	if (size == 0)
		return 0;
	if ((data[0] & 1) == 0) {
		run(data + 1, size - 1);
		return 0;
	}
	good(&octets);
	for (size_t i = 1; i + 3 <= size; i += 3)
		octets.p[((size_t)data[i] << 8 | data[i + 1]) % octets.len] = (char)data[i + 2];
	run(octets.p, octets.len);
	buf_free(&octets);
	return 0;
}
