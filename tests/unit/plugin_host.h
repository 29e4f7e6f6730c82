/* plugin_host.h - a core for one storage plugin: what tests and drivers hand to its open(). */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <restante/plugin.h>

struct plugin_host {
	struct restante_host api; /* give &host.api to the plugin; the struct must not move */
	const struct restante_plugin *plugin;
	const char *const *values; /* "setting", "value", ..., NULL; others have their defaults */
	int64_t left_ms;           /* what left_ms() says; at first a minute */
	struct plugin_host_block *blocks;
	bool loud; /* print the log to stderr too */
	size_t log_len;
	char log[16 * 1024]; /* lines, as far as there is room */
};

void plugin_host_init(
	struct plugin_host *, const struct restante_plugin *, const char *const *values);
/* Frees what the plugin allocated; after its close(). */
void plugin_host_free(struct plugin_host *);
/* A message to put from that sender. */
struct restante_put plugin_host_from(const char *sender);
/* Does a line of the log contain the text? */
bool plugin_host_logged(const struct plugin_host *, const char *text);
/* The octets of n stored octets on the wire, one by one as RFC 1939 section 11 says it. */
int64_t plugin_host_measure(void *c, const void *p, size_t n, uint32_t *state);

#endif
