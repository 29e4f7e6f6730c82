/* plugin_host.c - a core for one storage plugin.
 *
 * Settings come from the plugin's own table and the test's list; octets are counted one by one,
 * slowly and plainly, so that this is a second opinion on what the core counts. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_host.h"

struct plugin_host_block {
	struct plugin_host_block *next;
	_Alignas(max_align_t) char data[];
};

static void __attribute__((format(printf, 3, 4)))
host_log(void *c, int priority, const char *fmt, ...)
{
	struct plugin_host *h = c;
	size_t room = sizeof(h->log) - h->log_len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(h->log + h->log_len, room, fmt, ap);
	va_end(ap);
	if (h->loud)
		fprintf(stderr, "<%d>%s\n", priority, h->log + h->log_len);
	if (n < 0 || (size_t)n + 2 > room)
		return;
	h->log_len += (size_t)n;
	h->log[h->log_len++] = '\n';
	h->log[h->log_len] = '\0';
}

static const char *host_str(void *c, const char *setting)
{
	const struct plugin_host *h = c;

	for (const char *const *v = h->values; v && *v; v += 2)
		if (strcmp(*v, setting) == 0)
			return v[1];
	for (uint32_t i = 0; i < h->plugin->nsettings; i++)
		if (strcmp(h->plugin->settings[i].name, setting) == 0)
			return h->plugin->settings[i].fallback ? h->plugin->settings[i].fallback
							       : "";
	fprintf(stderr, "the plugin asks for a setting that it did not declare: %s\n", setting);
	abort();
}

/* Which of the range's words ("none|fcntl|dotlock") the text is. */
static int64_t enum_index(const char *range, const char *text)
{
	for (int64_t i = 0;; i++) {
		size_t len = strcspn(range, "|");

		if (strlen(text) == len && strncmp(range, text, len) == 0)
			return i;
		if (!range[len])
			abort();
		range += len + 1;
	}
}

static int64_t host_num(void *c, const char *setting)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"kB", 1024}, {"MB", 1024 * 1024},
		{"yes", 1}};
	const struct plugin_host *h = c;
	const char *text = host_str(c, setting);
	char *unit;
	int64_t n = strtoll(text, &unit, 10);

	for (uint32_t i = 0; i < h->plugin->nsettings; i++)
		if (h->plugin->settings[i].type == RESTANTE_ENUM &&
			strcmp(h->plugin->settings[i].name, setting) == 0)
			return enum_index(h->plugin->settings[i].range, text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].unit) == 0)
			return (unit == text && *text ? 1 : n) * units[i].factor;
	return 0;
}

static void *host_alloc(void *c, size_t n)
{
	struct plugin_host *h = c;
	struct plugin_host_block *b = calloc(1, sizeof(*b) + n);

	if (!b)
		abort();
	b->next = h->blocks;
	h->blocks = b;
	return b->data;
}

static const char *const *host_list(void *c, const char *setting)
{
	const char *text = host_str(c, setting);
	char *p = host_alloc(c, strlen(text) + 1), *rest = NULL;
	const char **items = host_alloc(c, (strlen(text) + 2) * sizeof(*items));
	size_t n = 0;

	memcpy(p, text, strlen(text));
	for (p = strtok_r(p, " ", &rest); p; p = strtok_r(NULL, " ", &rest))
		items[n++] = p;
	return items;
}

static int64_t host_left_ms(void *c)
{
	return ((struct plugin_host *)c)->left_ms;
}

int64_t plugin_host_measure(void *c, const void *p, size_t n, uint32_t *state)
{
	enum { LINE_START, IN_LINE, AFTER_CR };
	const char *at = p;
	int64_t octets = 0;

	(void)c;
	if (n == 0)
		return *state == LINE_START ? 0 : 2;
	for (; n; n--, at++) {
		octets += *at == '\n' && *state != AFTER_CR ? 2 : 1;
		*state = *at == '\n' ? LINE_START : *at == '\r' ? AFTER_CR : IN_LINE;
	}
	return octets;
}

static const void *host_ext(void *c, const char *id)
{
	(void)c;
	(void)id;
	return NULL;
}

void plugin_host_init(
	struct plugin_host *h, const struct restante_plugin *plugin, const char *const *values)
{
	*h = (struct plugin_host){.plugin = plugin, .values = values, .left_ms = 60000};
	h->api = (struct restante_host){.size = sizeof(h->api),
		.minor = RESTANTE_MINOR,
		.c = h,
		.log = host_log,
		.str = host_str,
		.num = host_num,
		.alloc = host_alloc,
		.left_ms = host_left_ms,
		.measure = plugin_host_measure,
		.ext = host_ext,
		.list = host_list};
}

void plugin_host_free(struct plugin_host *h)
{
	while (h->blocks) {
		struct plugin_host_block *b = h->blocks;

		h->blocks = b->next;
		free(b);
	}
}

struct restante_put plugin_host_from(const char *sender)
{
	return (struct restante_put){.size = sizeof(struct restante_put), .sender = sender};
}

bool plugin_host_logged(const struct plugin_host *h, const char *text)
{
	return strstr(h->log, text) != NULL;
}
