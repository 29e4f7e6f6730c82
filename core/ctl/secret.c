/* secret - reading a password. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "base/wipe.h"
#include "ctl/ctl.h"

#define SECRET_MAX 4096

/* One line without its end. By octets, so that nothing of it stays in a stdio buffer. */
static int read_line(struct buf *out)
{
	char c;
	ssize_t n;

	while ((n = read(STDIN_FILENO, &c, 1)) != 0) {
		if (n == -1 && errno != EINTR)
			return complain("cannot read the password: %m");
		if (n == 1 && c == '\n')
			break;
		if (out->len == SECRET_MAX)
			return complain("the password is longer than %d octets", SECRET_MAX);
		if (n == 1)
			buf_add(out, &c, 1);
	}
	if (out->len > 0 && out->p[out->len - 1] == '\r')
		out->p[--out->len] = '\0';
	if (out->len == 0)
		return complain("no password was given");
	if (strlen(out->p) != out->len)
		return complain("a password cannot hold a NUL");
	return 0;
}

static int ask(const char *prompt, struct buf *out)
{
	struct termios before, quiet;
	int result;

	if (tcgetattr(STDIN_FILENO, &before) == -1)
		return complain("cannot read from the terminal: %m");
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(stderr, "%s: ", prompt);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	result = read_line(out);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fprintf(stderr, "\n");
	return result;
}

int ctl_secret(struct buf *out, int confirm)
{
	struct buf again = {0};
	int result;

	/* Large enough from the start: a buffer that grows leaves copies behind. */
	buf_room(out, SECRET_MAX + 1);
	buf_room(&again, SECRET_MAX + 1);
	if (!isatty(STDIN_FILENO)) {
		result = read_line(out);
	} else {
		result = ask("Password", out);
		if (result == 0 && confirm) {
			result = ask("Once more", &again);
			if (result == 0 &&
				(again.len != out->len || !same_secret(again.p, out->p, out->len)))
				result = complain("the two passwords are not the same");
		}
	}
	buf_wipe(&again);
	return result == 0 ? 0 : -1;
}
