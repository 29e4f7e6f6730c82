/* What a client sends, from octets to commands, in pieces and in one.
 *
 * However it is cut, the same events must come; an argument must lie in its line, a number must be
 * what its digits say. The first octet is the largest piece. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pop3/command.h"
#include "pop3/line.h"
#include "pop3/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 64 }; /* small, so that lines over it are found soon */

static void check(bool true_)
{
	if (!true_)
		abort();
}

static void check_command(struct slice line, enum pop3_state state)
{
	struct command c;
	enum command_error error = command_parse(line, state, &c);
	enum language lang;
	char digits[16];

	check(c.argc <= COMMAND_ARGS);
	check((error == COMMAND_UNKNOWN) == (c.id == COMMAND_COUNT));
	if (error)
		return;
	for (size_t i = 0; i < c.argc; i++) {
		check(c.arg[i].len > 0);
		check(c.arg[i].at >= line.at && c.arg[i].at + c.arg[i].len <= line.at + line.len);
		if (c.num[i] == 0)
			continue;
		snprintf(digits, sizeof(digits), "%lu", (unsigned long)c.num[i]);
		size_t n = strlen(digits);
		check(n <= c.arg[i].len);
		check(memcmp(c.arg[i].at + c.arg[i].len - n, digits, n) == 0);
	}
	if (c.id == COMMAND_LANG && c.argc && language_find(c.arg[0], LANG_EN, &lang))
		check(lang < LANG_COUNT);
}

/* The events as a text: a letter and the line for each. Returns its length. */
static size_t run(const uint8_t *data, size_t size, size_t piece, char *log)
{
	char *buf = malloc(LIMIT);
	struct line_reader r = {0};
	struct slice line;
	enum line_event event;
	size_t n = 0, room;

	line_attach(&r, buf, LIMIT);
	while (size > 0) {
		char *space = line_space(&r, &room);
		size_t take = size < piece ? size : piece;

		if (take > room)
			take = room;
		check(take > 0);
		memcpy(space, data, take);
		line_fill(&r, take);
		data += take;
		size -= take;
		while ((event = line_next(&r, LIMIT, &line)) != LINE_MORE) {
			log[n++] = (char)('0' + event);
			memcpy(log + n, line.at, line.len);
			n += line.len;
			if (event == LINE_READY) {
				check(line.at[line.len] == '\0' && strlen(line.at) == line.len);
				check_command(line, POP3_AUTHORIZATION);
				check_command(line, POP3_TRANSACTION);
			}
		}
	}
	free(buf);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;

	/* A line takes an octet at least, its event one more than that. */
	char *a = malloc(2 * size), *b = malloc(2 * size);
	size_t n = run(data + 1, size - 1, (size_t)data[0] + 1, a);

	check(run(data + 1, size - 1, 1, b) == n && memcmp(a, b, n) == 0);
	free(a);
	free(b);
	return 0;
}
