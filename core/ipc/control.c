/* control - the lines between restantectl and a role. */
#define _GNU_SOURCE
#include "ipc/control.h"

#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"

const struct control_row control_rows[CONTROL_COUNT] = {
#define X(name, words, role, argument) {words, role, argument},
	CONTROL_QUESTIONS(X)
#undef X
};

static int is_text(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			return 0;
	return 1;
}

/* Does the line begin with these words, and a space or nothing behind them? */
static int begins(const char *line, size_t n, const char *words)
{
	size_t len = strlen(words);

	return n >= len && memcmp(line, words, len) == 0 && (n == len || line[len] == ' ');
}

static const struct control_row *find(const char *line, size_t n, enum role self)
{
	for (int i = 0; i < CONTROL_COUNT; i++)
		if (control_rows[i].role == self && begins(line, n, control_rows[i].words))
			return &control_rows[i];
	return NULL;
}

static int fail(struct buf *why, const char *expected)
{
	buf_printf(why, CONTROL_ERROR "expected %s\n", expected);
	return -1;
}

int control_parse(
	const char *line, size_t n, enum role self, struct control_request *r, struct buf *why)
{
	const struct control_row *row = find(line, n, self);
	size_t len;

	if (row == NULL)
		return fail(why, "a question that this version knows");
	len = strlen(row->words);
	line += len;
	n -= len;
	if (n == 0 && row->argument == ARGUMENT_ONE)
		return fail(why, "an argument");
	if (n > 0 && row->argument == ARGUMENT_NONE)
		return fail(why, "no argument");
	if (n == 1 || n > CONTROL_ARGUMENT_MAX + 1 || !is_text(line, n))
		return fail(why, "an argument of 1 to 255 octets, without control characters");
	r->question = (enum control_question)(row - control_rows);
	if (n > 0)
		memcpy(r->argument, line + 1, n - 1);
	r->argument[n > 0 ? n - 1 : 0] = '\0';
	return 0;
}

void control_line(struct buf *out, struct buf *line)
{
	buf_add(out, line->p, line->len);
	buf_add(out, "\n", 1);
	buf_drop(line, line->len);
}

void control_done(struct buf *out, size_t n)
{
	buf_printf(out, CONTROL_DONE "%zu\n", n);
}

void control_time(struct buf *line, const char *key, int64_t when_ms)
{
	time_t t = time(NULL) + (time_t)((when_ms - clock_ms()) / 1000);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	log_field(line, key, text);
}
