/* The one table of the core's settings. */
#ifndef CONF_TABLE_H
#define CONF_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <restante/plugin.h>

/* Types that only the core uses, beside enum restante_type. */
enum conf_type {
	CONF_ADDRESS = 64, /* "192.0.2.1:110", "[::]:995/tls", "127.0.0.1:1110/proxy" */
	CONF_LOCAL,        /* "unix:/run/restante/lmtp", "127.0.0.1:24" */
	CONF_DAYS,         /* a number of days, or never (-1) */
	CONF_NETS          /* "192.0.2.0/24,2001:db8::/32": see base/net.h */
};

/* A row: enum restante_type or conf_type in type. */
struct conf_row {
	struct restante_setting s;
	uint32_t roles; /* BIT(role) of those that get it; the master gets all */
};

extern const struct conf_row conf_table[];
extern const size_t conf_table_rows;

/* The row, or NULL. */
const struct conf_row *conf_row(const char *name);

#endif
