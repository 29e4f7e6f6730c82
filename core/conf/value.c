/* value - the types of settings: one row of a table each.
 *
 * The same code judges the file, the plugins' defaults, the users' overrides and the wire form, so
 * that a value means the same wherever it comes from. */
#include "conf/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/net.h"
#include "conf/table.h"
#include "sys/listen.h"

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

/* As administrators write them; powers of 1024, as everywhere in mail. */
static const struct unit sizes[] = {{"", 1}, {"B", 1}, {"k", 1024}, {"kB", 1024}, {"KiB", 1024},
	{"M", 1 << 20}, {"MB", 1 << 20}, {"MiB", 1 << 20}, {"G", 1 << 30}, {"GB", 1 << 30},
	{"GiB", 1 << 30}, {"T", INT64_C(1) << 40}, {"TB", INT64_C(1) << 40},
	{"TiB", INT64_C(1) << 40}, {NULL, 0}};

static const struct unit times[] = {{"", 1}, {"s", 1}, {"sec", 1}, {"secs", 1}, {"second", 1},
	{"seconds", 1}, {"m", 60}, {"min", 60}, {"mins", 60}, {"minute", 60}, {"minutes", 60},
	{"h", 3600}, {"hour", 3600}, {"hours", 3600}, {"d", 86400}, {"day", 86400}, {"days", 86400},
	{"w", 604800}, {"week", 604800}, {"weeks", 604800}, {NULL, 0}};

/* --- numbers ---------------------------------------------------------------------------------- */

/* n octets of text: digits and a unit. 0 or -1. */
static int number(const char *text, size_t n, const struct unit *units, int64_t *num)
{
	int64_t v = 0;
	size_t i = 0;

	for (; i < n && isdigit((unsigned char)text[i]); i++)
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, text[i] - '0', &v))
			return -1;
	if (i == 0)
		return -1;
	while (i < n && text[i] == ' ')
		i++;
	for (; units->name != NULL; units++)
		if (strlen(units->name) == n - i && strncasecmp(text + i, units->name, n - i) == 0)
			return __builtin_mul_overflow(v, units->factor, num) ? -1 : 0;
	return -1;
}

/* "a..b", "..b", "a.." to numbers. 0 or -1. */
static int bounds(const char *range, const struct unit *units, int64_t *low, int64_t *high)
{
	const char *dots = strstr(range, "..");

	*low = 0;
	*high = INT64_MAX;
	if (dots == NULL)
		return -1;
	if (dots > range && number(range, (size_t)(dots - range), units, low) == -1)
		return -1;
	if (dots[2] != '\0' && number(dots + 2, strlen(dots + 2), units, high) == -1)
		return -1;
	return *low <= *high ? 0 : -1;
}

static int check_number(const char *range, const char *text, const struct unit *units,
	const char *expected, int64_t *num, struct buf *why)
{
	int64_t low, high;

	if (number(text, strlen(text), units, num) == -1) {
		buf_printf(why, "expected %s", expected);
		return -1;
	}
	if (range != NULL &&
		(bounds(range, units, &low, &high) == -1 || *num < low || *num > high)) {
		buf_printf(why, "expected %s", range);
		return -1;
	}
	return 0;
}

static int check_int(const char *range, const char *text, int64_t *num, struct buf *why)
{
	return check_number(range, text, no_units, "a number", num, why);
}

static int check_size(const char *range, const char *text, int64_t *num, struct buf *why)
{
	return check_number(range, text, sizes, "a size such as 4096, 64kB or 20MB", num, why);
}

static int check_seconds(const char *range, const char *text, int64_t *num, struct buf *why)
{
	return check_number(range, text, times, "a time such as 30s, 10min or 2h", num, why);
}

static int check_days(const char *range, const char *text, int64_t *num, struct buf *why)
{
	if (strcmp(text, "never") == 0) {
		*num = -1;
		return 0;
	}
	return check_number(range, text, no_units, "a number of days or never", num, why);
}

/* --- words ------------------------------------------------------------------------------------ */

static int check_bool(const char *range, const char *text, int64_t *num, struct buf *why)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

	(void)range;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(text, words[i]) == 0) {
			*num = i & 1;
			return 0;
		}
	buf_printf(why, "expected yes or no");
	return -1;
}

static int check_enum(const char *range, const char *text, int64_t *num, struct buf *why)
{
	size_t n = strlen(text);
	const char *p = range != NULL ? range : "";

	for (*num = 0; n > 0; (*num)++) {
		size_t len = strcspn(p, "|");

		if (len == n && memcmp(p, text, n) == 0)
			return 0;
		if (p[len] == '\0')
			break;
		p += len + 1;
	}
	*num = 0;
	buf_printf(why, "expected ");
	for (p = range; p != NULL && *p != '\0'; p++)
		buf_add(why, *p == '|' ? " or " : p, *p == '|' ? 4 : 1);
	return -1;
}

/* No control octets: a value is one line of a log, a message, a file name. */
static int check_text(const char *text, struct buf *why)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			buf_printf(why, "expected text without control characters");
			return -1;
		}
	return 0;
}

static int check_string(const char *range, const char *text, int64_t *num, struct buf *why)
{
	int64_t low, high, n = (int64_t)strlen(text);

	*num = 0;
	if (check_text(text, why) == -1)
		return -1;
	if (range == NULL)
		return 0;
	if (bounds(range, no_units, &low, &high) == 0 && n >= low && n <= high)
		return 0;
	buf_printf(why, "expected a text of %s octets", range);
	return -1;
}

/* --- paths and addresses ---------------------------------------------------------------------- */

static int check_path(const char *range, const char *text, int64_t *num, struct buf *why)
{
	(void)range;
	*num = 0;
	if (check_text(text, why) == -1)
		return -1;
	if (text[0] != '/' && strcmp(text, "~") != 0 && strncmp(text, "~/", 2) != 0 &&
		strncmp(text, "%h", 2) != 0) {
		buf_printf(why, "expected a path that begins with / or ~/");
		return -1;
	}
	for (const char *p = strchr(text, '%'); p != NULL; p = strchr(p + 2, '%'))
		if (p[1] == '\0' || strchr("undh%", p[1]) == NULL) {
			buf_printf(why, "expected %%u, %%n, %%d, %%h or %%%% where there is a %%");
			return -1;
		}
	for (const char *p = text; p != NULL; p = strchr(p, '/')) {
		p += *p == '/';
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0')) {
			buf_printf(why, "expected a path without ..");
			return -1;
		}
	}
	return 0;
}

static int check_address(const char *range, const char *text, int64_t *num, struct buf *why)
{
	struct listen_address address;
	const char *expected;

	(void)range;
	*num = 0;
	if (listen_parse(text, &address, &expected) == 0)
		return 0;
	buf_printf(why, "expected %s", expected);
	return -1;
}

static int check_local(const char *range, const char *text, int64_t *num, struct buf *why)
{
	struct listen_address address;
	const char *expected;

	(void)range;
	*num = 0;
	if (listen_parse_local(text, &address, &expected) == 0)
		return 0;
	buf_printf(why, "expected %s", expected);
	return -1;
}

static int check_nets(const char *range, const char *text, int64_t *num, struct buf *why)
{
	(void)range;
	*num = 0;
	if (net_list_wrong(text) == NULL)
		return 0;
	buf_printf(why, "expected networks such as 192.0.2.0/24,2001:db8::/32, not %s",
		net_list_wrong(text));
	return -1;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct type {
	uint32_t type;
	const char *name;
	int (*check)(const char *range, const char *text, int64_t *num, struct buf *why);
	const struct unit *units; /* of its range; NULL = takes none */
} types[] = {
	{RESTANTE_BOOL, "yes|no", check_bool, NULL},
	{RESTANTE_INT, "number", check_int, no_units},
	{RESTANTE_SIZE, "size", check_size, sizes},
	{RESTANTE_SECONDS, "time", check_seconds, times},
	{RESTANTE_STRING, "text", check_string, no_units},
	{RESTANTE_PATH, "path", check_path, NULL},
	{RESTANTE_ENUM, "word", check_enum, NULL},
	{RESTANTE_SECRET, "secret", check_string, no_units},
	{CONF_ADDRESS, "address", check_address, NULL},
	{CONF_LOCAL, "local address", check_local, NULL},
	{CONF_DAYS, "days", check_days, no_units},
	{CONF_NETS, "networks", check_nets, NULL},
};

static const struct type *find(uint32_t type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

int value_check(uint32_t type, const char *range, const char *text, int64_t *num, struct buf *why)
{
	const struct type *t = find(type);

	*num = 0;
	if (t != NULL)
		return t->check(range, text, num, why);
	buf_printf(why, "expected a type that this version knows");
	return -1;
}

static int check_list(
	uint32_t type, const char *range, const char *text, int64_t *num, struct buf *why)
{
	struct buf item = {0};
	int64_t one;
	int result = 0;

	*num = 0;
	for (const char *p = text; *text != '\0' && p != NULL && result == 0;) {
		size_t n = strcspn(p, " ");

		item.len = 0;
		buf_add(&item, p, n);
		if (n == 0) {
			buf_printf(why, "expected items with one space between them");
			result = -1;
		} else {
			result = value_check(type, range, buf_str(&item), &one, why);
		}
		if (p == text)
			*num = one;
		p = p[n] == ' ' ? p + n + 1 : NULL;
	}
	buf_wipe(&item);
	return result;
}

int value_check_setting(uint32_t type, uint32_t flags, const char *range, const char *text,
	int64_t *num, struct buf *why)
{
	if ((flags & RESTANTE_LIST) != 0)
		return check_list(type, range, text, num, why);
	return value_check(type, range, text, num, why);
}

int value_check_range(uint32_t type, const char *range)
{
	const struct type *t = find(type);
	int64_t low, high;

	if (t == NULL)
		return -1;
	if (range == NULL || type == RESTANTE_ENUM)
		return type == RESTANTE_ENUM && (range == NULL || *range == '\0') ? -1 : 0;
	return t->units != NULL ? bounds(range, t->units, &low, &high) : 0;
}

const char *value_type_name(uint32_t type)
{
	const struct type *t = find(type);

	return t != NULL ? t->name : NULL;
}
