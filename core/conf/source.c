/* source - reading the configuration's files.
 *
 * They are kept in memory, so that the parser can go over them twice and the process can give up
 * its privileges in between. Comments are blanked out here, because libconfuse 3.3 takes a comment
 * inside a list for a syntax error. */
#include "conf/source.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 256
#define FILE_SIZE_MAX (1u << 20)

static int read_file(int fd, struct buf *text)
{
	ssize_t got;

	do {
		got = read(fd, buf_room(text, 8192), 8192);
		if (got > 0)
			text->len += (size_t)got;
	} while ((got > 0 && text->len <= FILE_SIZE_MAX) || (got == -1 && errno == EINTR));
	buf_add(text, "", 0);
	if (text->len > FILE_SIZE_MAX)
		errno = EFBIG;
	return got == -1 || text->len > FILE_SIZE_MAX ? -1 : 0;
}

/* Overwrites a comment that begins at p with spaces; line ends stay, so that line numbers do.
 * Returns where it ends. */
static char *blank(char *p)
{
	char *end = p + strcspn(p, "\n");

	if (*p == '/' && p[1] == '*') {
		end = strstr(p + 2, "*/");
		end = end != NULL ? end + 2 : p + strlen(p);
	}
	for (; p < end; p++)
		if (*p != '\n')
			*p = ' ';
	return end;
}

/* Returns the brace that is not closed, the outermost one; NULL = there is none. To libconfuse the
 * end of a file closes every section. */
static const char *blank_comments(char *p)
{
	const char *open = NULL;
	unsigned depth = 0;
	char quote = '\0';

	while (*p != '\0') {
		if (quote != '\0') {
			if (*p == '\\' && p[1] != '\0')
				p++;
			else if (*p == quote)
				quote = '\0';
			p++;
		} else if (*p == '#' || (*p == '/' && (p[1] == '/' || p[1] == '*'))) {
			p = blank(p);
		} else {
			if (*p == '"' || *p == '\'')
				quote = *p;
			else if (*p == '{' && depth++ == 0)
				open = p;
			else if (*p == '}' && depth > 0)
				depth--;
			p++;
		}
	}
	return depth > 0 ? open : NULL;
}

static int line_of(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

int source_add(struct sources *s, const char *path, struct buf *why)
{
	struct source new = {0};
	const char *open_brace;
	struct stat st;
	int fd, result = -1;

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i].name, path) == 0)
			return 0;
	/* Non-blocking: a FIFO must not hold us up. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1)
		buf_printf(why, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		buf_printf(why, "%s: not a regular file", path);
	else if (s->n >= FILES_MAX)
		buf_printf(why, "%s: more than %d files are included", path, FILES_MAX);
	else if (read_file(fd, &new.text) == -1)
		buf_printf(why, "%s: %s", path, strerror(errno));
	else if (strlen(new.text.p) != new.text.len)
		buf_printf(why, "%s: a NUL octet is in it", path);
	else if ((open_brace = blank_comments(new.text.p)) != NULL)
		buf_printf(why, "%s:%d: the { of this line is not closed", path,
			line_of(new.text.p, open_brace));
	else
		result = 0;
	if (fd != -1)
		close(fd);
	if (result == -1) {
		buf_free(&new.text);
		return -1;
	}
	new.name = mem_strdup(path);
	s->list = mem_grow(s->list, s->n + 1, sizeof(*s->list));
	s->list[s->n++] = new;
	return 0;
}

int source_include(struct sources *s, const char *from, const char *pattern, struct buf *why)
{
	const char *slash = strrchr(from, '/');
	struct buf path = {0};
	glob_t found = {0};
	int got, result = 0;

	if (pattern[0] != '/' && slash != NULL)
		buf_add(&path, from, (size_t)(slash - from) + 1);
	buf_printf(&path, "%s", pattern);
	got = glob(path.p, GLOB_ERR, NULL, &found);
	if (got == GLOB_NOMATCH && strpbrk(pattern, "*?[") == NULL)
		result = source_add(s, path.p, why); /* says why it cannot be read */
	else if (got != 0 && got != GLOB_NOMATCH) {
		buf_printf(why, "%s: cannot read the folder", path.p);
		result = -1;
	}
	for (size_t i = 0; got == 0 && result == 0 && i < found.gl_pathc; i++)
		result = source_add(s, found.gl_pathv[i], why);
	globfree(&found);
	buf_free(&path);
	return result;
}

void source_free(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].name);
		buf_wipe(&s->list[i].text);
	}
	free(s->list);
	*s = (struct sources){0};
}
