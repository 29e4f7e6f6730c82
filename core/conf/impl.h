/* What a struct conf is made of: for those that make one (build.c, decode.c). */
#ifndef CONF_IMPL_H
#define CONF_IMPL_H

#include "base/buf.h"
#include "conf/conf.h"
#include "conf/table.h"

struct conf_value {
	const char **items; /* NULL: this role does not get the setting */
	size_t n;
	int64_t num; /* of the first item */
};

struct conf {
	struct conf_value *values; /* one for each row of conf_table */
	struct conf_plugin *plugins;
	size_t nplugins;
	/* Where the strings are, if they belong to the conf: a mapping or a block. */
	void *map, *block;
	size_t map_len;
};

struct conf *conf_new(void);
/* Sets a row of the table; items become the conf's, what they point to does not. 0; or -1, with
 * what was expected in *why and the number of the item in *bad. */
int conf_set(struct conf *, const struct conf_row *, const char **items, size_t n, size_t *bad,
	struct buf *why);
/* Room for one more plugin with room for nsettings settings, all zero. Moves the others. */
struct conf_plugin *conf_add_plugin(
	struct conf *, size_t nsettings, struct conf_setting **settings);

#endif
