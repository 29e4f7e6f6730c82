/* One value of one setting: is it of the type, and which number is it? */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include <stdint.h>
#include "base/buf.h"

/* Checks text against a type (enum restante_type, enum conf_type) and a range as restante/plugin.h
 * describes them (NULL = any). 0 and *num (0 for texts); or -1 and what was expected, appended to
 * *why: "expected a time such as 30s, 10min or 2h". */
int value_check(uint32_t type, const char *range, const char *text, int64_t *num, struct buf *why);

/* The same for a setting with flags: text is the value of a plugin's setting, which holds the items
 * of a RESTANTE_LIST with one space between them; "" is the list without items. *num is that of the
 * first item. */
int value_check_setting(uint32_t type, uint32_t flags, const char *range, const char *text,
	int64_t *num, struct buf *why);

/* Is the range itself written as its type wants it? For the tables of plugins. 0 or -1. */
int value_check_range(uint32_t type, const char *range);

/* "int", "time", ... for help texts; NULL for a number that is no type. */
const char *value_type_name(uint32_t type);

#endif
