/* wire - the configuration as octets.
 *
 *	u32 magic, u32 roles
 *	u32 settings;   each: str name, u32 items, str items...
 *	u32 plugins;    each: str name, file; u32 kinds, needs, settings;
 *	                each: str name, doc, fallback, range, value; u32 type, flags
 *
 * A str is u32 octets, the octets, a NUL that is not counted; NO_STR octets stand for NULL. Numbers
 * are in the machine's own order. The reader keeps its first error (struct reader.bad) and gives
 * zeroes and "" from there on, so that each field need not be checked by itself; counts are bounded
 * by what is left to read before anything is allocated for them. */
#include "conf/wire.h"

#include <string.h>
#include "base/log.h"
#include "conf/impl.h"
#include "conf/value.h"

#define MAGIC 0x31464352u /* raise it when the form changes */
#define NO_STR UINT32_MAX

/* --- writing ---------------------------------------------------------------------------------- */

static void put_u32(struct buf *out, uint32_t v)
{
	buf_add(out, &v, sizeof(v));
}

static void put_str(struct buf *out, const char *s)
{
	if (s == NULL) {
		put_u32(out, NO_STR);
		return;
	}
	put_u32(out, (uint32_t)strlen(s));
	buf_add(out, s, strlen(s) + 1);
}

static int gets_row(uint32_t roles, size_t i)
{
	return roles == CONF_ALL || (conf_table[i].roles & roles) != 0;
}

static int gets_plugin(uint32_t roles, const struct conf_plugin *only, const struct conf_plugin *p)
{
	if (only != NULL && p != only)
		return 0;
	return (roles & BIT(ROLE_MASTER)) != 0 ||
	       ((roles & BIT(ROLE_SESSION)) != 0 && (p->kinds & CONF_STORAGE) != 0) ||
	       ((roles & BIT(ROLE_WORKER)) != 0 && (p->kinds & CONF_AUTH) != 0);
}

static void put_row(struct buf *out, const struct conf *c, size_t i)
{
	const struct conf_value *v = &c->values[i];

	put_str(out, conf_table[i].s.name);
	put_u32(out, (uint32_t)v->n);
	for (size_t j = 0; j < v->n; j++)
		put_str(out, v->items[j]);
}

static void put_plugin(struct buf *out, const struct conf_plugin *p)
{
	put_str(out, p->name);
	put_str(out, p->file);
	put_u32(out, p->kinds);
	put_u32(out, p->needs);
	put_u32(out, (uint32_t)p->nsettings);
	for (size_t i = 0; i < p->nsettings; i++) {
		const struct conf_setting *s = &p->settings[i];

		put_str(out, s->name);
		put_str(out, s->doc);
		put_str(out, s->fallback);
		put_str(out, s->range);
		put_str(out, s->value);
		put_u32(out, s->type);
		put_u32(out, s->flags);
	}
}

void conf_encode(
	const struct conf *c, uint32_t roles, const struct conf_plugin *only, struct buf *out)
{
	uint32_t n = 0;

	put_u32(out, MAGIC);
	put_u32(out, roles);
	for (size_t i = 0; i < conf_table_rows; i++)
		n += c->values[i].items != NULL && gets_row(roles, i);
	put_u32(out, n);
	for (size_t i = 0; i < conf_table_rows; i++)
		if (c->values[i].items != NULL && gets_row(roles, i))
			put_row(out, c, i);
	n = 0;
	for (size_t i = 0; i < c->nplugins; i++)
		n += gets_plugin(roles, only, &c->plugins[i]) != 0;
	put_u32(out, n);
	for (size_t i = 0; i < c->nplugins; i++)
		if (gets_plugin(roles, only, &c->plugins[i]))
			put_plugin(out, &c->plugins[i]);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reader {
	const char *p;
	size_t n;
	const char *bad; /* the first thing that was wrong */
};

static void fail(struct reader *r, const char *what)
{
	if (r->bad == NULL)
		r->bad = what;
	r->n = 0;
}

static uint32_t get_u32(struct reader *r)
{
	uint32_t v;

	if (r->n < sizeof(v)) {
		fail(r, "it is cut short");
		return 0;
	}
	memcpy(&v, r->p, sizeof(v));
	r->p += sizeof(v);
	r->n -= sizeof(v);
	return v;
}

static const char *get_str(struct reader *r, int may_be_null)
{
	const char *s;
	uint32_t len = get_u32(r);

	if (len == NO_STR && may_be_null)
		return NULL;
	if (len >= r->n || r->p[len] != '\0' || memchr(r->p, '\0', len) != NULL) {
		fail(r, "a string is damaged");
		return "";
	}
	s = r->p;
	r->p += len + 1;
	r->n -= len + 1;
	return s;
}

/* How many records of at least size octets follow. */
static size_t get_count(struct reader *r, size_t size)
{
	uint32_t n = get_u32(r);

	if (n > r->n / size) {
		fail(r, "a count is damaged");
		return 0;
	}
	return n;
}

static void get_row(struct reader *r, struct conf *c)
{
	const struct conf_row *row = conf_row(get_str(r, 0));
	size_t bad, n = get_count(r, sizeof(uint32_t) + 1);
	struct buf why = {0};
	const char **items;

	if (row == NULL || c->values[row - conf_table].items != NULL ||
		(n > 1 && (row->s.flags & RESTANTE_LIST) == 0)) {
		fail(r, "a setting is not of this version");
		return;
	}
	items = mem_alloc(n, sizeof(*items));
	for (size_t i = 0; i < n; i++)
		items[i] = get_str(r, 0);
	if (conf_set(c, row, items, n, &bad, &why) == -1)
		fail(r, "a value is damaged");
	buf_free(&why);
}

static void get_setting(struct reader *r, struct conf_setting *s)
{
	struct buf why = {0};

	s->name = get_str(r, 0);
	s->doc = get_str(r, 0);
	s->fallback = get_str(r, 1);
	s->range = get_str(r, 1);
	s->value = get_str(r, 1);
	s->type = get_u32(r);
	s->flags = get_u32(r);
	if (s->value != NULL &&
		value_check_setting(s->type, s->flags, s->range, s->value, &s->num, &why) == -1)
		fail(r, "a plugin's value is damaged");
	buf_free(&why);
}

static void get_plugin(struct reader *r, struct conf *c)
{
	const char *name = get_str(r, 0), *file = get_str(r, 0);
	uint32_t kinds = get_u32(r), needs = get_u32(r);
	size_t n = get_count(r, 7 * sizeof(uint32_t));
	struct conf_setting *settings;
	struct conf_plugin *p = conf_add_plugin(c, n, &settings);

	p->name = name;
	p->file = file;
	p->kinds = kinds;
	p->needs = needs;
	for (size_t i = 0; i < n; i++)
		get_setting(r, &settings[i]);
}

struct conf *conf_decode(const void *data, size_t len)
{
	struct reader r = {.p = data, .n = len};
	struct conf *c = conf_new();
	uint32_t roles;
	size_t n;

	if (get_u32(&r) != MAGIC)
		fail(&r, "it is of another version");
	roles = get_u32(&r);
	for (n = get_count(&r, 2 * sizeof(uint32_t)); n > 0 && r.bad == NULL; n--)
		get_row(&r, c);
	for (n = get_count(&r, 5 * sizeof(uint32_t)); n > 0 && r.bad == NULL; n--)
		get_plugin(&r, c);
	for (size_t i = 0; i < conf_table_rows; i++)
		if (gets_row(roles, i) && c->values[i].items == NULL)
			fail(&r, "a setting is missing");
	if (r.bad == NULL && r.n == 0)
		return c;
	log_line(LOG_ERR, "the configuration that came is damaged: %s",
		r.bad != NULL ? r.bad : "something is left over");
	conf_free(c);
	return NULL;
}
