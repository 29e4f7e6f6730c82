/* From what the files give to a configuration that is complete and valid. */
#ifndef CONF_BUILD_H
#define CONF_BUILD_H

#include "conf/conf.h"
#include "conf/parse.h"

/* Defaults are filled in, every value is checked against its row, the settings against each other;
 * each error is a complaint. NULL when there was one. Of auth_mechanisms those are left that the
 * plugins and the rest of the configuration allow. The strings stay those of its arguments. The
 * plugins in the result are those of sections that the files name, in the order of sections. */
struct conf *build(const struct parsed *, const struct section *sections, size_t nsections,
	const char *main_file, complain_fn *to);

#endif
