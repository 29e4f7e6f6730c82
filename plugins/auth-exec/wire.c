/* wire - lines of words with a space between them, most of them key=value.
 *
 * One escape, %XX as in a URL, serves names, passwords and keys of SCRAM alike: what is written as
 * itself is 0x21 to 0x7e without %. Of a reply octets from 0x80 on are taken as they are too, so
 * that UTF-8 need not be escaped. A key that is not in the table is skipped, whatever its value:
 * that is how the protocol grows. */
#include "wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <restante/plugin.h>

static const char *const calls[EXEC_CALLS] = {
	[EXEC_VERIFY] = "verify",
	[EXEC_LOOKUP] = "lookup",
	[EXEC_SCRAM] = "scram",
	[EXEC_APOP] = "apop",
	[EXEC_TOKEN] = "token",
};

const char *exec_call_name(enum exec_call call)
{
	return calls[call];
}

/* --- requests --------------------------------------------------------------------------------- */

static void add(struct exec_request *r, const char *p, size_t n)
{
	if (r->full || n > EXEC_REQUEST_MAX - r->len) {
		r->full = true;
		return;
	}
	memcpy(r->text + r->len, p, n);
	r->len += n;
}

void exec_request_begin(struct exec_request *r, uint64_t id, enum exec_call call)
{
	char number[24];

	r->len = 0;
	r->full = false;
	(void)snprintf(number, sizeof(number), "%" PRIu64 " ", id);
	add(r, number, strlen(number));
	add(r, calls[call], strlen(calls[call]));
}

void exec_request_put(struct exec_request *r, const char *key, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";

	add(r, " ", 1);
	add(r, key, strlen(key));
	add(r, "=", 1);
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;
		const char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};

		if (c > 0x20 && c < 0x7f && c != '%')
			add(r, value, 1);
		else
			add(r, escaped, 3);
	}
}

bool exec_request_end(struct exec_request *r)
{
	add(r, "\n", 1);
	return !r->full;
}

/* --- words ------------------------------------------------------------------------------------ */

/* The next word of *line, which moves on behind it; NULL at the end. Words are cut apart by NUL. */
static char *next_word(char **line)
{
	char *word = *line, *space;

	if (word == NULL)
		return NULL;
	space = strchr(word, ' ');
	if (space != NULL)
		*space++ = '\0';
	*line = space;
	return word;
}

/* One line of words, with octets that may be there. */
static bool is_clean(char *line, size_t n)
{
	line[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return false;
	return true;
}

static bool number(const char *word, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (word[0] == '\0' || strspn(word, "0123456789") != strlen(word))
		return false;
	for (; *word != '\0'; word++) {
		uint64_t digit = (uint64_t)(*word - '0');

		if (n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes the escapes in place. */
static bool unescape(char *text, size_t *len)
{
	char *to = text;

	for (const char *p = text; *p != '\0'; p++, to++) {
		int high, low;

		*to = *p;
		if (*p != '%')
			continue;
		high = hex_digit(p[1]);
		low = high < 0 ? -1 : hex_digit(p[2]);
		if (low < 0)
			return false;
		*to = (char)(high << 4 | low);
		p += 2;
	}
	*to = '\0';
	*len = (size_t)(to - text);
	return true;
}

/* --- replies ---------------------------------------------------------------------------------- */

enum kind { NUMBER, TEXT, OCTETS };

static const struct {
	const char *name;
	enum kind kind;
	uint64_t max; /* of a number */
} keys[EXEC_KEYS] = {
	[EXEC_UID] = {"uid", NUMBER, UINT32_MAX - 1},
	[EXEC_GID] = {"gid", NUMBER, UINT32_MAX - 1},
	[EXEC_STAMP] = {"stamp", NUMBER, UINT64_MAX},
	[EXEC_ITERATIONS] = {"iterations", NUMBER, UINT32_MAX},
	[EXEC_NAME] = {"name", TEXT, 0},
	[EXEC_HOME] = {"home", TEXT, 0},
	[EXEC_SECRET] = {"secret", TEXT, 0},
	[EXEC_TEXT] = {"text", TEXT, 0},
	[EXEC_SALT] = {"salt", OCTETS, 0},
	[EXEC_STORED] = {"stored", OCTETS, 0},
	[EXEC_SERVER] = {"server", OCTETS, 0},
};

static const struct {
	const char *name;
	int result;
} results[] = {
	{"ok", RESTANTE_OK},
	{"deny", RESTANTE_DENY},
	{"none", RESTANTE_NONE},
	{"temp", RESTANTE_TEMP},
	{"perm", RESTANTE_PERM},
};

static const char *read_value(enum exec_key key, char *text, struct exec_value *v)
{
	static const char *const wrong[] = {
		[NUMBER] = "a number in its range as the value of a key",
		[TEXT] = "no escape but %01 to %FF",
		[OCTETS] = "no escape but %00 to %FF"};

	if (v->given)
		return "each key once";
	v->given = true;
	if (keys[key].kind == NUMBER)
		return number(text, keys[key].max, &v->number) ? NULL : wrong[NUMBER];
	if (!unescape(text, &v->len) || (keys[key].kind == TEXT && strlen(text) != v->len))
		return wrong[keys[key].kind];
	v->text = text;
	return NULL;
}

static const char *read_attr(struct exec_reply *r, const char *name, char *text)
{
	size_t len;

	if (r->nattrs == EXEC_ATTRS_MAX)
		return "64 attributes at most";
	if (name[0] == '\0' || !unescape(text, &len) || strlen(text) != len)
		return "attr.SETTING=value";
	r->attrs[2 * r->nattrs] = name;
	r->attrs[2 * r->nattrs++ + 1] = text;
	return NULL;
}

static const char *read_pair(struct exec_reply *r, char *word)
{
	char *value = strchr(word, '=');

	if (value == NULL || value == word)
		return "key=value";
	*value++ = '\0';
	if (strncmp(word, "attr.", 5) == 0)
		return read_attr(r, word + 5, value);
	for (size_t i = 0; i < EXEC_KEYS; i++)
		if (strcmp(keys[i].name, word) == 0)
			return read_value((enum exec_key)i, value, &r->value[i]);
	return NULL;
}

static bool read_result(const char *word, int *result)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (strcmp(results[i].name, word) == 0) {
			*result = results[i].result;
			return true;
		}
	return false;
}

const char *exec_reply_read(char *line, size_t n, struct exec_reply *r)
{
	const char *wrong = NULL;
	char *word;

	memset(r, 0, sizeof(*r));
	if (!is_clean(line, n))
		return "no control octets in a line";
	word = next_word(&line);
	if (!number(word, UINT64_MAX, &r->id))
		return "the number of the request first";
	word = next_word(&line);
	if (word == NULL || !read_result(word, &r->result))
		return "ok, deny, none, temp or perm behind the number";
	while (wrong == NULL && (word = next_word(&line)) != NULL)
		wrong = read_pair(r, word);
	return wrong;
}

/* "verify,lookup,...": words that are not known are calls of the future. */
static unsigned read_calls(const char *list)
{
	unsigned can = 0;

	for (; *list != '\0'; list += list[0] == ',') {
		size_t n = strcspn(list, ",");

		for (unsigned i = 0; i < EXEC_CALLS; i++)
			if (strlen(calls[i]) == n && memcmp(calls[i], list, n) == 0)
				can |= 1u << i;
		list += n;
	}
	return can;
}

const char *exec_greeting_read(char *line, size_t n, unsigned *can)
{
	char *word;
	uint64_t version;

	*can = 1u << EXEC_VERIFY | 1u << EXEC_LOOKUP;
	if (!is_clean(line, n) || strcmp(next_word(&line), "restante-auth") != 0)
		return "the greeting \"restante-auth 1\"";
	word = next_word(&line);
	if (word == NULL || !number(word, UINT64_MAX, &version) || version != EXEC_VERSION)
		return "version 1 in the greeting";
	while ((word = next_word(&line)) != NULL) {
		if (strchr(word, '=') == NULL || word[0] == '=')
			return "key=value in the greeting";
		if (strncmp(word, "can=", 4) == 0)
			*can = read_calls(word + 4);
	}
	return NULL;
}
