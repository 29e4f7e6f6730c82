/* host - the services that one plugin gets for one user. */
#include "plug/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "conf/value.h"
#include "plug/expand.h"
#include "pop3/encode.h"

/* The first block is small, for the sake of idle sessions; each is twice the one before. */
#define BLOCK_FIRST 1024
#define BLOCK_MAX 65536
#define NO_LIMIT_MS INT32_MAX /* fits the int of a poll() */

struct host_value {
	const char *text;
	int64_t num;
	const char *const *items; /* of a list, ended by NULL */
};

/* --- memory: given in pieces of larger blocks, all freed at once ------------------------------ */

struct host_block {
	struct host_block *next;
	size_t used, cap;
	max_align_t data[];
};

static void *arena_alloc(struct host *h, size_t n)
{
	const size_t unit = sizeof(max_align_t);
	struct host_block *b = h->arena;
	void *p;

	if (n > SIZE_MAX - BLOCK_MAX)
		die("%s asks for %zu octets", h->plug->conf->name, n);
	n = (n + unit - 1) / unit * unit;
	if (b == NULL || b->cap - b->used < n) {
		size_t cap = b == NULL ? BLOCK_FIRST : 2 * b->cap;

		if (cap > BLOCK_MAX)
			cap = BLOCK_MAX;
		if (cap < n)
			cap = n;
		b = mem_alloc(1, sizeof(*b) + cap);
		b->cap = cap;
		b->next = h->arena;
		h->arena = b;
	}
	p = (char *)b->data + b->used;
	b->used += n;
	return p;
}

static const char *keep(struct host *h, const char *text)
{
	size_t n = strlen(text) + 1;

	return memcpy(arena_alloc(h, n), text, n);
}

/* --- the calls -------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void host_log(
	void *c, int priority, const char *fmt, ...)
{
	const struct host *h = c;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (h->user[0] != '\0')
		log_line(priority, "%s(%s): %s", h->plug->conf->name, h->user, text);
	else
		log_line(priority, "%s: %s", h->plug->conf->name, text);
}

static const char *const no_items[] = {NULL};

static const struct host_value *find(const struct host *h, const char *name)
{
	static const struct host_value none = {"", 0, no_items};
	const struct conf_plugin *p = h->plug->conf;

	for (size_t i = 0; i < p->nsettings; i++)
		if (strcmp(p->settings[i].name, name) == 0)
			return &h->values[i];
	log_line(LOG_ERR, "%s asks for a setting %s that it has not declared", p->name, name);
	return &none;
}

static const char *host_str(void *c, const char *name)
{
	return find(c, name)->text;
}

static int64_t host_num(void *c, const char *name)
{
	return find(c, name)->num;
}

static const char *const *host_list(void *c, const char *name)
{
	return find(c, name)->items;
}

static void *host_alloc(void *c, size_t n)
{
	return arena_alloc(c, n);
}

static int64_t host_left_ms(void *c)
{
	const struct host *h = c;
	int64_t left;

	if (h->deadline == 0)
		return NO_LIMIT_MS;
	left = h->deadline - clock_ms();
	return left > 0 ? left : 0;
}

static int64_t host_measure(void *c, const void *p, size_t n, uint32_t *state)
{
	(void)c;
	return measure(p, n, state);
}

static const void *host_ext(void *c, const char *id)
{
	(void)c;
	(void)id;
	return NULL;
}

/* --- resolving the settings ------------------------------------------------------------------- */

/* The user's override of the setting, or NULL. The last one counts. */
static const char * override(
	const struct conf_plugin *p, const struct conf_setting *s, const struct restante_user *user)
{
	size_t n = strlen(p->name);
	const char *value = NULL;

	if (user == NULL || user->attrs == NULL)
		return NULL;
	for (const char *const *a = user->attrs; a[0] != NULL && a[1] != NULL; a += 2)
		if (strncmp(a[0], p->name, n) == 0 && a[0][n] == '.' &&
			strcmp(a[0] + n + 1, s->name) == 0)
			value = a[1];
	return value;
}

static int resolve_text(struct host *h, const struct conf_setting *s, const char **text,
	const struct restante_user *user, struct buf *why)
{
	struct buf path = {0};
	int result;

	if (s->type != RESTANTE_PATH || user == NULL || strpbrk(*text, "~%") == NULL)
		return 0;
	result = expand_path(*text, user, &path, why);
	if (result == 0)
		*text = keep(h, buf_str(&path));
	buf_free(&path);
	return result;
}

/* v->text becomes the items, each of them expanded, with one space between them. */
static int resolve_list(struct host *h, const struct conf_setting *s, struct host_value *v,
	const struct restante_user *user, struct buf *why)
{
	size_t n = v->text[0] != '\0';
	const char **items;
	struct buf text = {0};
	char *p;

	for (const char *at = v->text; (at = strchr(at, ' ')) != NULL; at++)
		n++;
	v->items = items = arena_alloc(h, (n + 1) * sizeof(*items));
	p = arena_alloc(h, strlen(v->text) + 1);
	memcpy(p, v->text, strlen(v->text));
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(p, " ");

		p[len] = '\0';
		items[i] = p;
		p += len + 1;
		if (resolve_text(h, s, &items[i], user, why) == -1) {
			buf_free(&text);
			return -1;
		}
		buf_printf(&text, "%s%s", i > 0 ? " " : "", items[i]);
	}
	v->text = keep(h, buf_str(&text));
	buf_wipe(&text);
	return 0;
}

static int resolve(struct host *h, size_t i, const struct restante_user *user, struct buf *why)
{
	const struct conf_setting *s = &h->plug->conf->settings[i];
	const char *own = override(h->plug->conf, s, user);
	struct host_value *v = &h->values[i];

	v->items = no_items;
	v->text = own != NULL ? own : s->value != NULL ? s->value : "";
	v->num = s->num;
	if (own != NULL) {
		if ((s->flags & RESTANTE_PER_USER) == 0) {
			buf_printf(why, "not a setting that users may override");
			return -1;
		}
		if (value_check_setting(s->type, s->flags, s->range, own, &v->num, why) == -1)
			return -1;
	}
	if ((s->flags & RESTANTE_LIST) != 0)
		return resolve_list(h, s, v, user, why);
	return resolve_text(h, s, &v->text, user, why);
}

int host_open(struct host *h, const struct plug *plug, const struct restante_user *user)
{
	const struct conf_plugin *p = plug->conf;
	struct buf why = {0};

	*h = (struct host){.api = {.size = sizeof(h->api),
				   .minor = RESTANTE_MINOR,
				   .c = h,
				   .log = host_log,
				   .str = host_str,
				   .num = host_num,
				   .alloc = host_alloc,
				   .left_ms = host_left_ms,
				   .measure = host_measure,
				   .ext = host_ext,
				   .list = host_list},
		.plug = plug,
		.user = user != NULL ? user->name : ""};
	h->values = arena_alloc(h, p->nsettings * sizeof(*h->values));
	for (size_t i = 0; i < p->nsettings; i++)
		if (resolve(h, i, user, &why) == -1) {
			log_line(LOG_ERR, "%s.%s of user %s: %s", p->name, p->settings[i].name,
				h->user, buf_str(&why));
			buf_free(&why);
			host_close(h);
			return RESTANTE_PERM;
		}
	buf_free(&why);
	return RESTANTE_OK;
}

void host_close(struct host *h)
{
	struct host_block *next;

	for (struct host_block *b = h->arena; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	h->arena = NULL;
	h->values = NULL;
}

void host_deadline(struct host *h, int64_t ms)
{
	h->deadline = ms > 0 ? clock_ms() + ms : 0;
}

int host_paths(
	const struct host *h, int (*each)(void *arg, const char *path, uint32_t flags), void *arg)
{
	const struct conf_plugin *p = h->plug->conf;
	int result = 0;

	for (size_t i = 0; i < p->nsettings && result == 0; i++) {
		const struct host_value *v = &h->values[i];

		if (p->settings[i].type != RESTANTE_PATH || v->text[0] == '\0')
			continue;
		if ((p->settings[i].flags & RESTANTE_LIST) == 0)
			result = each(arg, v->text, p->settings[i].flags);
		for (size_t j = 0; v->items[j] != NULL && result == 0; j++)
			result = each(arg, v->items[j], p->settings[i].flags);
	}
	return result;
}

const char *host_value(const struct host *h, size_t i)
{
	return h->values[i].text;
}
