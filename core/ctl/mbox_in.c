/* mbox_in - reading an mbox. */
#define _GNU_SOURCE
#include "ctl/mbox_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../plugins/storage-mbox/from.h"

/* The next line with its end. 1; 0 at the end; -1 with errno. */
static int read_line(struct mbox_in *in)
{
	ssize_t n;

	errno = 0;
	n = getline(&in->line, &in->cap, in->f);
	in->len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return 1;
	return ferror(in->f) || errno != 0 ? -1 : 0;
}

static int is_from(struct mbox_in *in)
{
	size_t n = from_line(in->line, in->len, &in->date);

	return n > 0 && n == in->len;
}

static int is_empty(const struct mbox_in *in)
{
	return in->line[0] == '\n' || (in->len == 2 && memcmp(in->line, "\r\n", 2) == 0);
}

int mbox_in_open(struct mbox_in *in, FILE *f)
{
	int got;

	*in = (struct mbox_in){.f = f};
	got = read_line(in);
	return got == 1 ? is_from(in) : got;
}

/* Does the line begin with ">" and "From " behind more or no ">"? */
static int is_quoted(const struct mbox_in *in)
{
	size_t n = 0;

	while (n < in->len && in->line[n] == '>')
		n++;
	return n > 0 && in->len - n >= 5 && memcmp(in->line + n, "From ", 5) == 0;
}

/* What the From_ line says. */
static void begin(const struct mbox_in *in, struct original *l)
{
	static const char null_sender[] = "MAILER-DAEMON";
	const char *word = in->line + 5;
	size_t n = strcspn(word, " \t\r\n");

	l->text.len = 0;
	l->received = in->date;
	l->sender[0] = '\0';
	if (n >= sizeof(l->sender))
		return;
	memcpy(l->sender, word, n);
	l->sender[n] = '\0';
	if (strcmp(l->sender, null_sender) == 0)
		l->sender[0] = '\0';
}

int mbox_in_next(struct mbox_in *in, struct original *l)
{
	char empty[2]; /* an empty line that may be the mbox's */
	size_t held = 0, skip;
	int got;

	if (in->len == 0)
		return 0;
	begin(in, l);
	while ((got = read_line(in)) == 1 && !(held > 0 && is_from(in))) {
		buf_add(&l->text, empty, held);
		held = is_empty(in) ? in->len : 0;
		memcpy(empty, in->line, held);
		skip = is_quoted(in) ? 1 : 0;
		if (held == 0)
			buf_add(&l->text, in->line + skip, in->len - skip);
	}
	return got == -1 ? -1 : 1;
}

void mbox_in_close(struct mbox_in *in)
{
	free(in->line);
	in->line = NULL;
}
