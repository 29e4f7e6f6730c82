/* Parsing of a users file's lines. Pure functions, fuzzed by tests/fuzz/fuzz_passwd.c.
 *
 * Dovecot's files work here unless they say something that would be lost in silence: a word of the
 * extra field that restricts a login or moves a mailbox makes the line a damaged one, since to
 * leave it out would let somebody in, or show an empty mailbox. Words without such a meaning are
 * skipped.
 */
#include "line.h"
#include "scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NFIELDS = 8, NAME_MAX_OCTETS = 255 };
enum field { USER, PASSWORD, UID, GID, GECOS, HOME, SHELL, EXTRA };

bool line_is_blank(const char *line, size_t n)
{
	return n == 0 || line[0] == '#' || (n == 1 && line[0] == '\r');
}

size_t line_name(const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	size_t len = colon ? (size_t)(colon - line) : n;

	if (len > NAME_MAX_OCTETS)
		return 0;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] <= ' ' || line[i] == 0x7f)
			return 0;
	return len;
}

static int expected(char *why, const char *field, const char *what)
{
	snprintf(why, LINE_WHY_MAX, "%s: expected %s", field, what);
	return -1;
}

static int take_id(const char *text, const char *field, uint32_t *id, bool *has, char *why)
{
	size_t n = strspn(text, "0123456789");
	unsigned long long value;

	if (n == 0 && *text == '\0')
		return 0;
	value = n < 11 ? strtoull(text, NULL, 10) : UINT32_MAX;
	if (text[n] || n == 0 || value >= UINT32_MAX)
		return expected(why, field, "a number from 0 to 4294967294, or nothing");
	*id = (uint32_t)value;
	*has = true;
	return 0;
}

/* --- the extra field -------------------------------------------------------------------------- */

enum meaning { SKIP, REFUSE, AS_UID, AS_GID, AS_HOME, NOLOGIN, APP };

/* Words of Dovecot's; a name that ends with * stands for all that start so. The first row that
 * fits counts. Any other setting=value is an override for the core. */
static const struct word {
	const char *name;
	enum meaning meaning;
	const char *instead;
} words[] = {
	{"nologin", NOLOGIN, NULL},
	{"userdb_uid", AS_UID, NULL},
	{"userdb_gid", AS_GID, NULL},
	{"userdb_home", AS_HOME, NULL},
	{"userdb_mail*", REFUSE,
		"storage=NAME and storage-NAME.path=... instead of Dovecot's userdb_mail"},
	{"userdb_namespace*", REFUSE, "no Dovecot namespaces"},
	{"userdb_user", REFUSE, "the user's own name in the first field"},
	{"userdb_chroot", REFUSE, "no chroot: the sandbox follows from the storage's settings"},
	{"userdb_*", SKIP, NULL},
	{"allow_real_nets", REFUSE, "allow_nets instead of allow_real_nets"},
	{"app.*", APP, NULL},
	{"user", REFUSE, "the user's own name in the first field"},
	{"pass", REFUSE, "the password in the second field"},
	{"nopassword*", REFUSE, "a password: nobody logs in without one"},
	{"noauthenticate*", REFUSE, "\"nologin\" or a locked password"},
	{"proxy*", REFUSE, "no proxy: mail is served here"},
	{"host", REFUSE, "no proxy: mail is served here"},
	{"nodelay*", SKIP, NULL},
	{"forward_*", SKIP, NULL},
};

static const struct word *find_word(const char *name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].name);

		if (words[i].name[n - 1] == '*' ? strncmp(name, words[i].name, n - 1) == 0
						: strcmp(name, words[i].name) == 0)
			return &words[i];
	}
	return NULL;
}

static int take_attr(struct entry *e, const char *name, const char *value, char *why)
{
	if (!value || !*name)
		return expected(why, "extra", "words of the form setting=value");
	if (e->nattrs == LINE_MAX_ATTRS)
		return expected(why, "extra", "fewer overrides");
	e->attrs[2 * e->nattrs] = name;
	e->attrs[2 * e->nattrs + 1] = value;
	e->nattrs++;
	return 0;
}

/* The core has no word without a value: Dovecot's gets one. */
static int take_nologin(struct entry *e, const char *word, const char *value, char *why)
{
	return take_attr(e, word, value && *value ? value : word, why);
}

static bool is_label(const char *label)
{
	size_t n = strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return n > 0 && n <= LINE_MAX_LABEL && label[n] == '\0';
}

static int take_app(struct entry *e, const char *label, const char *password, char *why)
{
	const char *what = password && !scheme_locked(password)
				   ? scheme_check(password)
				   : "app.LABEL={SCHEME}value";

	if (!is_label(label))
		return expected(why, "extra: app", "a label of letters, digits, dots, - and _");
	if (what)
		return expected(why, "extra: app", what);
	if (e->napps == LINE_MAX_APPS)
		return expected(why, "extra: app", "at most 8 of them");
	for (size_t i = 0; i < e->napps; i++)
		if (strcmp(e->apps[i].label, label) == 0)
			return expected(why, "extra: app", "each label once");
	e->apps[e->napps++] = (struct app){label, password};
	return 0;
}

static int take_word(struct entry *e, char *word, char *why)
{
	char *value = strchr(word, '=');
	const struct word *w;

	if (value)
		*value++ = '\0';
	w = find_word(word);
	if (!w)
		return take_attr(e, word, value, why);
	switch (w->meaning) {
	case REFUSE:
		return expected(why, "extra", w->instead);
	case AS_UID:
		return take_id(value ? value : "", "extra: userdb_uid", &e->uid, &e->has_uid, why);
	case AS_GID:
		return take_id(value ? value : "", "extra: userdb_gid", &e->gid, &e->has_gid, why);
	case AS_HOME:
		e->home = value ? value : "";
		break;
	case NOLOGIN:
		return take_nologin(e, word, value, why);
	case APP:
		return take_app(e, strchr(word, '.') + 1, value, why);
	case SKIP:
		break;
	}
	return 0;
}

static int take_extra(struct entry *e, char *extra, char *why)
{
	char *rest = NULL;

	for (char *w = strtok_r(extra, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest))
		if (take_word(e, w, why) < 0)
			return -1;
	return 0;
}

/* --- the line --------------------------------------------------------------------------------- */

/* Colons behind the seventh belong to the extra field. */
static void split(char *line, char *end, char *field[NFIELDS])
{
	for (int i = 0; i < NFIELDS; i++) {
		char *colon = i < EXTRA ? strchr(line, ':') : NULL;

		field[i] = line;
		if (colon)
			*colon = '\0';
		line = colon ? colon + 1 : end;
	}
}

int line_parse(char *line, size_t n, struct entry *e, char *why)
{
	char *field[NFIELDS];
	const char *what;

	memset(e, 0, sizeof(*e));
	if (n > LINE_MAX_OCTETS)
		return expected(why, "line", "at most 8192 octets");
	if (n > 0 && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	if (memchr(line, '\0', n))
		return expected(why, "line", "text without NUL octets");
	if (line_name(line, n) == 0)
		return expected(why, "user", "a name of 1 to 255 octets without spaces");
	if (!strchr(line, ':'))
		return expected(why, "line", "user:password:uid:gid:gecos:home:shell:extra");
	split(line, line + n, field);
	e->user = field[USER];
	e->password = field[PASSWORD];
	e->home = field[HOME];
	what = scheme_check(e->password);
	if (what)
		return expected(why, "password", what);
	if (take_id(field[UID], "uid", &e->uid, &e->has_uid, why) < 0 ||
		take_id(field[GID], "gid", &e->gid, &e->has_gid, why) < 0)
		return -1;
	return take_extra(e, field[EXTRA], why);
}
