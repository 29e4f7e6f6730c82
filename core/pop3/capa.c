/* The capabilities: one row for each tag, with the test that says whether it is true now and what
 * its arguments are. The order is that of the table. */
#include "pop3/capa.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ARGS_MAX = 256 };

/* A row's test: writes the arguments (with a leading space) to args, which is "" before. Returns
 * whether the tag is listed. */
typedef bool tag_test(const struct capa_facts *, char args[ARGS_MAX]);

static bool args_fit(int n)
{
	return n > 0 && n < ARGS_MAX;
}

static bool has_user(const struct capa_facts *f, char args[ARGS_MAX])
{
	(void)args;
	return f->password;
}

static bool has_sasl(const struct capa_facts *f, char args[ARGS_MAX])
{
	return f->mechanisms && *f->mechanisms &&
	       args_fit(snprintf(args, ARGS_MAX, " %s", f->mechanisms));
}

/* RFC 2595 section 4: present only where the command is permitted. */
static bool has_stls(const struct capa_facts *f, char args[ARGS_MAX])
{
	(void)args;
	return f->tls_available && !f->tls_active && f->state == POP3_AUTHORIZATION;
}

static bool has_expire(const struct capa_facts *f, char args[ARGS_MAX])
{
	if (f->expire_days < 0)
		return args_fit(snprintf(args, ARGS_MAX, " NEVER"));
	return args_fit(snprintf(args, ARGS_MAX, " %" PRId32, f->expire_days));
}

static bool has_login_delay(const struct capa_facts *f, char args[ARGS_MAX])
{
	return f->login_delay > 0 && args_fit(snprintf(args, ARGS_MAX, " %" PRIu32 "%s",
					     f->login_delay, f->login_delay_user ? " USER" : ""));
}

static bool has_utf8(const struct capa_facts *f, char args[ARGS_MAX])
{
	return f->utf8 && (!f->utf8_user || args_fit(snprintf(args, ARGS_MAX, " USER")));
}

static bool has_implementation(const struct capa_facts *f, char args[ARGS_MAX])
{
	return f->implementation && args_fit(snprintf(args, ARGS_MAX, " %s", f->implementation));
}

static const struct {
	const char *tag;
	tag_test *test; /* NULL: always true */
} tags[] = {
	{"TOP", NULL},
	{"UIDL", NULL},
	{"RESP-CODES", NULL},
	{"AUTH-RESP-CODE", NULL},
	{"PIPELINING", NULL},
	{"LANG", NULL},
	{"UTF8", has_utf8},
	{"STLS", has_stls},
	{"USER", has_user},
	{"SASL", has_sasl},
	{"EXPIRE", has_expire},
	{"LOGIN-DELAY", has_login_delay},
	{"IMPLEMENTATION", has_implementation},
};

size_t capa_format(char *buf, size_t cap, enum language lang, const struct capa_facts *facts)
{
	static const char end[] = ".\r\n";
	size_t o = reply_format(buf, cap, lang, REPLY_CAPA, 0, 0);

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		char args[ARGS_MAX] = "";

		if (tags[i].test && !tags[i].test(facts, args))
			continue;
		size_t room = cap - o - (sizeof(end) - 1);
		int n = snprintf(buf + o, room, "%s%s\r\n", tags[i].tag, args);

		if (n > 0 && (size_t)n < room)
			o += (size_t)n;
	}
	memcpy(buf + o, end, sizeof(end) - 1);
	return o + sizeof(end) - 1;
}
