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

static const struct host_value *find(const struct host *h, const char *name)
{
	static const struct host_value none = {"", 0};
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

static int resolve(struct host *h, size_t i, const struct restante_user *user, struct buf *why)
{
	const struct conf_setting *s = &h->plug->conf->settings[i];
	const char *own = override(h->plug->conf, s, user);
	struct host_value *v = &h->values[i];
	struct buf path = {0};
	int result;

	v->text = own != NULL ? own : s->value != NULL ? s->value : "";
	v->num = s->num;
	if (own != NULL) {
		if ((s->flags & RESTANTE_PER_USER) == 0) {
			buf_printf(why, "not a setting that users may override");
			return -1;
		}
		if (value_check(s->type, s->range, own, &v->num, why) == -1)
			return -1;
	}
	if (s->type != RESTANTE_PATH || user == NULL || strpbrk(v->text, "~%") == NULL)
		return 0;
	result = expand_path(v->text, user, &path, why);
	if (result == 0)
		v->text = keep(h, buf_str(&path));
	buf_free(&path);
	return result;
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
				   .ext = host_ext},
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

	for (size_t i = 0; i < p->nsettings && result == 0; i++)
		if (p->settings[i].type == RESTANTE_PATH && h->values[i].text[0] != '\0')
			result = each(arg, h->values[i].text, p->settings[i].flags);
	return result;
}

const char *host_value(const struct host *h, size_t i)
{
	return h->values[i].text;
}
