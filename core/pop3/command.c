/* The table of commands.
 *
 * A row says in which states a command is known and what its arguments are, one letter each:
 *
 *	w  a word			n  a number
 *	r  the rest of the line, without spaces at its ends
 *	p  the rest of the line, as it is: a password
 *	?  what follows may be missing
 */
#include "pop3/command.h"

#include <string.h>

enum { BOTH = POP3_AUTHORIZATION | POP3_TRANSACTION };

static const struct row {
	char name[5];
	unsigned char states;
	char args[4];
} rows[COMMAND_COUNT + 1] = {
	[COMMAND_APOP] = {"APOP", POP3_AUTHORIZATION, "ww"},
	[COMMAND_AUTH] = {"AUTH", POP3_AUTHORIZATION, "?ww"},
	[COMMAND_CAPA] = {"CAPA", BOTH, ""},
	[COMMAND_DELE] = {"DELE", POP3_TRANSACTION, "n"},
	[COMMAND_LANG] = {"LANG", BOTH, "?w"},
	[COMMAND_LIST] = {"LIST", POP3_TRANSACTION, "?n"},
	[COMMAND_NOOP] = {"NOOP", POP3_TRANSACTION, ""},
	[COMMAND_PASS] = {"PASS", POP3_AUTHORIZATION, "p"},
	[COMMAND_QUIT] = {"QUIT", BOTH, ""},
	[COMMAND_RETR] = {"RETR", POP3_TRANSACTION, "n"},
	[COMMAND_RSET] = {"RSET", POP3_TRANSACTION, ""},
	[COMMAND_STAT] = {"STAT", POP3_TRANSACTION, ""},
	[COMMAND_STLS] = {"STLS", POP3_AUTHORIZATION, ""},
	[COMMAND_TOP] = {"TOP", POP3_TRANSACTION, "nn"},
	[COMMAND_UIDL] = {"UIDL", POP3_TRANSACTION, "?n"},
	[COMMAND_USER] = {"USER", POP3_AUTHORIZATION, "r"},
	[COMMAND_UTF8] = {"UTF8", POP3_AUTHORIZATION, ""},
	[COMMAND_COUNT] = {"", 0, ""},
};

const char *command_name(enum command_id id)
{
	return rows[id].name;
}

bool command_number(struct slice s, uint32_t *out)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(s.at[i] - '0');
		if (value > UINT32_MAX)
			return false;
	}
	*out = (uint32_t)value;
	return true;
}

static struct slice skip_spaces(struct slice s)
{
	while (s.len > 0 && *s.at == ' ') {
		s.at++;
		s.len--;
	}
	return s;
}

static struct slice trim_spaces(struct slice s)
{
	s = skip_spaces(s);
	while (s.len > 0 && s.at[s.len - 1] == ' ')
		s.len--;
	return s;
}

/* Cuts the word off the front of *rest; the space behind it stays. */
static struct slice next_word(struct slice *rest)
{
	struct slice word = {rest->at, 0};

	while (word.len < rest->len && word.at[word.len] != ' ')
		word.len++;
	rest->at += word.len;
	rest->len -= word.len;
	return word;
}

static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f)
			return true;
	return false;
}

/* Cuts one argument of the given kind off *rest. */
static enum command_error take_arg(char kind, struct slice *rest, struct command *out)
{
	struct slice *arg = &out->arg[out->argc];

	if (kind == 'p') {
		*arg = rest->len > 0 ? (struct slice){rest->at + 1, rest->len - 1} : *rest;
		rest->len = 0;
	} else if (kind == 'r') {
		*arg = trim_spaces(*rest);
		rest->len = 0;
	} else {
		*rest = skip_spaces(*rest);
		*arg = next_word(rest);
	}
	if (arg->len == 0 || (kind != 'p' && has_control(*arg)))
		return COMMAND_BAD_ARGS;
	if (kind == 'n' && !command_number(*arg, &out->num[out->argc]))
		return COMMAND_BAD_NUMBER;
	out->argc++;
	return COMMAND_OK;
}

/* Not strncasecmp: its tables of the locale are two pages that each session would touch for this. */
static bool is_keyword(const char *name, struct slice word)
{
	size_t i = 0;

	for (; i < word.len && name[i] != '\0'; i++) {
		char c = word.at[i];

		if ((c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) != name[i])
			return false;
	}
	return i == word.len && name[i] == '\0';
}

static enum command_id find(struct slice keyword)
{
	enum command_id id = 0;

	while (id < COMMAND_COUNT && !is_keyword(rows[id].name, keyword))
		id++;
	return id;
}

enum command_error command_parse(struct slice line, enum pop3_state state, struct command *out)
{
	bool optional = false;

	*out = (struct command){.id = find(next_word(&line))};
	if (out->id == COMMAND_COUNT)
		return COMMAND_UNKNOWN;
	if (!(rows[out->id].states & state))
		return COMMAND_WRONG_STATE;
	for (const char *kind = rows[out->id].args; *kind; kind++) {
		if (*kind == '?') {
			optional = true;
			continue;
		}
		if (optional && trim_spaces(line).len == 0)
			break;
		enum command_error error = take_arg(*kind, &line, out);
		if (error)
			return error;
	}
	return trim_spaces(line).len == 0 ? COMMAND_OK : COMMAND_BAD_ARGS;
}
