/* Fills the blanks of a row of replies.c, and knows the languages. */
#include "pop3/reply.h"

#include <string.h>
#include <strings.h>

#include "pop3/replies.h"

static const struct {
	const char *tag, *name; /* in the language itself (RFC 6856 section 3) */
	int text;               /* column of reply_rows */
} languages[LANG_COUNT] = {
	[LANG_DEFAULT] = {"i-default", "Default language", 0},
	[LANG_EN] = {"en", "English", 0},
	[LANG_DE] = {"de", "Deutsch", 1},
	[LANG_ES] = {"es", "Español", 2},
};

/* Writes within buf[0..cap) and drops what is too much. */
struct out {
	char *buf;
	size_t cap, len;
};

static void add(struct out *out, const char *p, size_t n)
{
	if (n > out->cap - out->len)
		n = out->cap - out->len;
	memcpy(out->buf + out->len, p, n);
	out->len += n;
}

static void add_string(struct out *out, const char *s)
{
	add(out, s, strlen(s));
}

size_t reply_number(char *to, uint64_t n)
{
	char digits[REPLY_NUMBER_MAX];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	memcpy(to, digits + i, sizeof(digits) - i);
	return sizeof(digits) - i;
}

static void add_number(struct out *out, uint64_t n)
{
	char digits[REPLY_NUMBER_MAX];

	add(out, digits, reply_number(digits, n));
}

static size_t format(
	struct out out, enum language lang, enum reply_id id, const char *s, const uint64_t n[2])
{
	const char *text = reply_text(lang, id), *blank;

	if (out.cap < 2)
		return 0;
	out.cap -= 2;
	add_string(&out, reply_rows[id].status);
	for (; (blank = strchr(text, '%')); text = blank + 2) {
		add(&out, text, (size_t)(blank - text));
		if (blank[1] == 's')
			add_string(&out, s);
		else if (blank[1] == 'l')
			add_string(&out, languages[lang].tag);
		else
			add_number(&out, n[blank[1] - '1']);
	}
	add_string(&out, text);
	out.cap += 2;
	add(&out, "\r\n", 2);
	return out.len;
}

size_t reply_format(
	char *buf, size_t cap, enum language lang, enum reply_id id, uint64_t n1, uint64_t n2)
{
	return format((struct out){buf, cap, 0}, lang, id, "", (const uint64_t[]){n1, n2});
}

size_t reply_format_text(
	char *buf, size_t cap, enum language lang, enum reply_id id, const char *s, uint64_t n1)
{
	return format((struct out){buf, cap, 0}, lang, id, s, (const uint64_t[]){n1, 0});
}

const char *reply_text(enum language lang, enum reply_id id)
{
	return reply_rows[id].text[languages[lang].text];
}

const char *language_tag(enum language lang)
{
	return languages[lang].tag;
}

bool language_find(struct slice range, enum language fallback, enum language *out)
{
	if (range.len == 1 && *range.at == '*') {
		*out = fallback;
		return true;
	}
	/* Lookup of RFC 4647 section 3.4: subtags are taken off the end until a tag matches. Our
	 * tags match whole, or with a "-" behind them. */
	for (enum language lang = 0; lang < LANG_COUNT; lang++) {
		size_t n = strlen(languages[lang].tag);

		if (range.len >= n && strncasecmp(range.at, languages[lang].tag, n) == 0 &&
			(range.len == n || range.at[n] == '-')) {
			*out = lang;
			return true;
		}
	}
	return false;
}

size_t language_list(char *buf, size_t cap, enum language lang)
{
	struct out out = {buf, cap, 0};

	out.len = reply_format(buf, cap, lang, REPLY_LANG_LIST, 0, 0);
	for (size_t i = 0; i < LANG_COUNT; i++) {
		add_string(&out, languages[i].tag);
		add(&out, " ", 1);
		add_string(&out, languages[i].name);
		add(&out, "\r\n", 2);
	}
	add(&out, ".\r\n", 3);
	return out.len;
}
