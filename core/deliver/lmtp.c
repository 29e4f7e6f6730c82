/* lmtp - the commands: a row for each, a function for each. */
#include "deliver/lmtp.h"

#include <string.h>
#include <strings.h>

/* What is left of the line. */
struct words {
	const char *p, *end;
};

static enum lmtp_act say(struct buf *out, const char *reply)
{
	buf_printf(out, "%s\r\n", reply);
	return LMTP_SAY;
}

/* Takes a prefix, in any case. */
static int take(struct words *w, const char *prefix)
{
	size_t n = strlen(prefix);

	if ((size_t)(w->end - w->p) < n || strncasecmp(w->p, prefix, n) != 0)
		return 0;
	w->p += n;
	return 1;
}

static void skip_spaces(struct words *w)
{
	while (w->p < w->end && *w->p == ' ')
		w->p++;
}

/* --- addresses: RFC 5321 section 4.1.2 ---------------------------------------------------------
 */

struct path {
	char *raw, *plain; /* of MAIL_ADDRESS octets; without < and >, and without quotes too */
	size_t nraw, nplain;
};

static int put(struct path *a, char c, int plain)
{
	if (a->nraw + 1 >= MAIL_ADDRESS || (unsigned char)c < ' ' || c == 0x7f)
		return -1;
	a->raw[a->nraw++] = c;
	if (plain)
		a->plain[a->nplain++] = c;
	return 0;
}

static int take_quoted(struct words *w, struct path *a)
{
	if (put(a, *w->p++, 0) == -1)
		return -1;
	while (w->p < w->end && *w->p != '"') {
		if (*w->p == '\\' && (put(a, *w->p++, 0) == -1 || w->p == w->end))
			return -1;
		if (put(a, *w->p++, 1) == -1)
			return -1;
	}
	return w->p < w->end ? put(a, *w->p++, 0) : -1;
}

/* A route before the address is passed over (RFC 5321 section 4.1.1.3). */
static int skip_route(struct words *w)
{
	const char *colon;

	if (w->p == w->end || *w->p != '@')
		return 0;
	colon = memchr(w->p, ':', (size_t)(w->end - w->p));
	if (colon == NULL)
		return -1;
	w->p = colon + 1;
	return 0;
}

static int take_path(struct words *w, char raw[MAIL_ADDRESS], char plain[MAIL_ADDRESS])
{
	struct path a = {.raw = raw, .plain = plain};

	skip_spaces(w);
	if (!take(w, "<") || skip_route(w) == -1)
		return -1;
	if (w->p < w->end && *w->p == '"' && take_quoted(w, &a) == -1)
		return -1;
	while (w->p < w->end && *w->p != '>')
		if (strchr(" <\"\\", *w->p) != NULL || put(&a, *w->p++, 1) == -1)
			return -1;
	raw[a.nraw] = plain[a.nplain] = '\0';
	return take(w, ">") ? 0 : -1;
}

static int is_8bit(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s > 0x7f)
			return 1;
	return 0;
}

/* --- MAIL --------------------------------------------------------------------------------------
 */

/* RFC 1870. */
static int take_size(struct words *w, uint64_t *size)
{
	const char *first = w->p;

	for (*size = 0; w->p < w->end && *w->p >= '0' && *w->p <= '9'; w->p++)
		*size = *size > UINT64_MAX / 16 ? *size : *size * 10 + (uint64_t)(*w->p - '0');
	return w->p > first && w->p - first <= 20 ? 0 : -1;
}

/* 0, or -1: there is one that was not offered. */
static int take_parameters(struct words *w, int *utf8, uint64_t *size)
{
	*utf8 = 0;
	*size = 0;
	while (w->p < w->end && *w->p == ' ') {
		skip_spaces(w);
		if (w->p == w->end)
			break;
		if (take(w, "SIZE=")) {
			if (take_size(w, size) == -1)
				return -1;
		} else if (take(w, "SMTPUTF8")) {
			*utf8 = 1;
		} else if (!take(w, "BODY=7BIT") && !take(w, "BODY=8BITMIME")) {
			return -1;
		}
	}
	return w->p == w->end ? 0 : -1;
}

static enum lmtp_act mail(struct lmtp *l, struct words *w, struct buf *out)
{
	char raw[MAIL_ADDRESS], plain[MAIL_ADDRESS];
	uint64_t size;
	int utf8;

	if (!l->greeted)
		return say(out, "503 5.5.1 LHLO first");
	if (l->mail)
		return say(out, "503 5.5.1 a transaction is under way");
	if (!take(w, " FROM:") || take_path(w, raw, plain) == -1)
		return say(out, "501 5.1.7 expected MAIL FROM:<address>");
	if (take_parameters(w, &utf8, &size) == -1)
		return say(out, "555 5.5.4 a parameter was not offered");
	if (is_8bit(raw) && !utf8)
		return say(out, "553 5.6.7 an address like this needs SMTPUTF8");
	if (l->size_limit != 0 && size > l->size_limit)
		return say(out, "552 5.3.4 the message is too big");
	memcpy(l->sender, raw, sizeof(l->sender));
	l->mail = 1;
	l->utf8 = utf8;
	return say(out, "250 2.1.0 fine");
}

/* --- the others --------------------------------------------------------------------------------
 */

static enum lmtp_act lhlo(struct lmtp *l, struct words *w, struct buf *out)
{
	skip_spaces(w);
	if (w->p == w->end)
		return say(out, "501 5.5.4 expected LHLO and a name");
	lmtp_reset(l);
	l->greeted = 1;
	buf_printf(out,
		"250-%s\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"
		"250-SMTPUTF8\r\n250 SIZE %llu\r\n",
		l->hostname, (unsigned long long)l->size_limit);
	return LMTP_SAY;
}

static enum lmtp_act rcpt(struct lmtp *l, struct words *w, struct buf *out)
{
	if (!l->mail)
		return say(out, "503 5.5.1 MAIL first");
	if (!take(w, " TO:") || take_path(w, l->address, l->plain) == -1 || l->plain[0] == '\0')
		return say(out, "501 5.1.3 expected RCPT TO:<address>");
	skip_spaces(w);
	if (w->p < w->end)
		return say(out, "555 5.5.4 a parameter was not offered");
	if (is_8bit(l->address) && !l->utf8)
		return say(out, "553 5.6.7 an address like this needs SMTPUTF8");
	if (l->recipients == LMTP_RECIPIENTS)
		return say(out, "452 4.5.3 too many recipients");
	return LMTP_LOOK_UP;
}

static enum lmtp_act data(struct lmtp *l, struct words *w, struct buf *out)
{
	if (w->p < w->end)
		return say(out, "501 5.5.4 DATA takes nothing");
	if (l->recipients == 0) /* RFC 2033 section 4.2 */
		return say(out, "503 5.5.1 no valid recipients");
	say(out, "354 go on, and end with a dot");
	return LMTP_DATA;
}

static enum lmtp_act rset(struct lmtp *l, struct words *w, struct buf *out)
{
	(void)w;
	lmtp_reset(l);
	return say(out, "250 2.0.0 fine");
}

static enum lmtp_act noop(struct lmtp *l, struct words *w, struct buf *out)
{
	(void)l;
	(void)w;
	return say(out, "250 2.0.0 fine");
}

static enum lmtp_act vrfy(struct lmtp *l, struct words *w, struct buf *out)
{
	(void)l;
	(void)w;
	return say(out, "252 2.5.0 RCPT says more");
}

static enum lmtp_act helo(struct lmtp *l, struct words *w, struct buf *out)
{
	(void)l;
	(void)w;
	return say(out, "500 5.5.1 this is LMTP: LHLO"); /* RFC 2033 section 4.1 */
}

static enum lmtp_act quit(struct lmtp *l, struct words *w, struct buf *out)
{
	(void)w;
	buf_printf(out, "221 2.0.0 %s closes\r\n", l->hostname);
	return LMTP_QUIT;
}

static const struct {
	const char *name;
	enum lmtp_act (*run)(struct lmtp *, struct words *, struct buf *out);
} commands[] = {
	{"RCPT", rcpt},
	{"MAIL", mail},
	{"DATA", data},
	{"LHLO", lhlo},
	{"RSET", rset},
	{"NOOP", noop},
	{"QUIT", quit},
	{"VRFY", vrfy},
	{"HELO", helo},
	{"EHLO", helo},
};

enum lmtp_act lmtp_line(struct lmtp *l, const char *line, size_t n, struct buf *out)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct words w = {line, line + n};

		while (w.end > w.p && w.end[-1] == ' ')
			w.end--;
		if (take(&w, commands[i].name) && (w.p == w.end || *w.p == ' '))
			return commands[i].run(l, &w, out);
	}
	return say(out, "500 5.5.2 no such command");
}

/* --- replies -----------------------------------------------------------------------------------
 */

void lmtp_greet(const struct lmtp *l, struct buf *out)
{
	buf_printf(out, "220 %s LMTP Restante\r\n", l->hostname);
}

void lmtp_bye(const struct lmtp *l, const char *why, struct buf *out)
{
	buf_printf(out, "421 4.3.2 %s %s\r\n", l->hostname, why);
}

void lmtp_too_long(struct buf *out)
{
	say(out, "500 5.5.2 the line is too long");
}

void lmtp_found(struct lmtp *l, enum mail_result result, struct buf *out)
{
	const struct mail_result_row *row = mail_result(result);

	if (result != MAIL_OK) {
		buf_printf(out, "%u %s %s\r\n", row->code, row->dsn, row->text);
		return;
	}
	l->recipients++;
	say(out, "250 2.1.5 fine");
}

void lmtp_result(const char *address, unsigned result, struct buf *out)
{
	const struct mail_result_row *row = mail_result(result);

	buf_printf(out, "%u %s <%s> %s\r\n", row->code, row->dsn, address, row->text);
}

void lmtp_reset(struct lmtp *l)
{
	l->mail = 0;
	l->recipients = 0;
	l->sender[0] = '\0';
}
