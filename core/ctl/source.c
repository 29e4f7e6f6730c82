/* source - messages that come from files.
 *
 * Files are opened by who calls restantectl, and read when it has become the user: what is in them
 * is not to be trusted with more rights than that. The messages of a Maildir are opened by the
 * user, too, so they have to be readable for him. */
#define _GNU_SOURCE
#include "ctl/source.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tool/tool.h"

enum { PIECE = 64 * 1024 };

int source_open(struct source *s, const char *name)
{
	int is_stdin = strcmp(name, "-") == 0, fd;
	struct stat st;

	*s = (struct source){.name = name, .folder = -1};
	fd = is_stdin ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return complain("%s: %m", name), -1;
	s->changed = st.st_mtime;
	if (S_ISDIR(st.st_mode)) {
		s->folder = fd;
		s->state = SOURCE_MAILDIR;
		return 0;
	}
	if (S_ISREG(st.st_mode))
		s->octets = (uint64_t)st.st_size;
	s->f = fdopen(fd, "r");
	if (s->f == NULL)
		return complain("%s: %m", name), -1;
	return 0;
}

void source_close(struct source *s)
{
	for (size_t i = 0; i < s->nfiles; i++)
		free(s->files[i]);
	free(s->files);
	mbox_in_close(&s->mbox);
	if (s->f != NULL)
		fclose(s->f);
	if (s->folder != -1)
		close(s->folder);
}

static int failed(const struct source *s, const char *file)
{
	complain("%s%s%s: %m", s->name, file[0] != '\0' ? "/" : "", file);
	return -1;
}

/* --- a Maildir -------------------------------------------------------------------------------- */

static int add_files(struct source *s, const char *sub)
{
	int fd = openat(s->folder, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct buf file = {0};
	struct dirent *e;

	if (d == NULL)
		return failed(s, sub);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		buf_printf(&file, "%s/%s", sub, e->d_name);
		s->files = mem_grow(s->files, s->nfiles + 1, sizeof(*s->files));
		s->files[s->nfiles++] = file.p;
		file = (struct buf){0};
	}
	closedir(d);
	return 0;
}

/* By the time that names begin with. */
static int by_name(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a + 4, *(char *const *)b + 4);
}

/* The time of delivery: the name's, else the file's. */
static int64_t time_of(const char *file, const struct stat *st)
{
	char *end;
	long long seconds = strtoll(file + 4, &end, 10);

	return isdigit((unsigned char)file[4]) && seconds > 0 && *end == '.' ? seconds
									     : st->st_mtime;
}

static int read_fd(int fd, struct original *l)
{
	ssize_t n;

	l->text.len = 0;
	while ((n = read(fd, buf_room(&l->text, PIECE), PIECE)) != 0) {
		if (n == -1 && errno != EINTR)
			return -1;
		l->text.len += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* 1; 0 = it is no file. */
static int read_file(struct source *s, const char *file, struct original *l)
{
	int fd = openat(s->folder, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int result = 1;
	struct stat st;

	if (fd == -1 && errno == ELOOP)
		return 0;
	if (fd == -1 || fstat(fd, &st) == -1 || (S_ISREG(st.st_mode) && read_fd(fd, l) == -1))
		result = failed(s, file);
	else if (!S_ISREG(st.st_mode))
		result = 0;
	else
		l->received = time_of(file, &st);
	if (fd != -1)
		close(fd);
	return result;
}

static int next_file(struct source *s, struct original *l)
{
	int got = 0;

	if (s->files == NULL) {
		if (add_files(s, "cur") == -1 || add_files(s, "new") == -1)
			return -1;
		if (s->nfiles > 0)
			qsort(s->files, s->nfiles, sizeof(*s->files), by_name);
	}
	l->sender[0] = '\0';
	while (got == 0 && s->at < s->nfiles)
		got = read_file(s, s->files[s->at++], l);
	return got;
}

/* --- a file ----------------------------------------------------------------------------------- */

/* Does a header begin with this line (RFC 5322 section 2.2)? */
static int is_header(const char *line, size_t n)
{
	size_t name = 0;

	while (name < n && line[name] > ' ' && line[name] < 0x7f && line[name] != ':')
		name++;
	return name > 0 && name < n && line[name] == ':';
}

/* What kind of file is it? */
static int begin(struct source *s)
{
	int is_mbox = mbox_in_open(&s->mbox, s->f);

	if (is_mbox == -1)
		return failed(s, "");
	if (is_mbox || s->mbox.len == 0) {
		s->state = SOURCE_MBOX;
		return 0;
	}
	s->state = SOURCE_LETTER;
	if (is_header(s->mbox.line, s->mbox.len))
		return 0;
	complain("%s: neither an mbox nor a message: its first line is no From_ line and no header",
		s->name);
	return -1;
}

/* The file is one message, whose first line has been read. */
static int whole_file(struct source *s, struct original *l)
{
	size_t n;

	s->state = SOURCE_END;
	l->text.len = 0;
	l->sender[0] = '\0';
	l->received = s->changed;
	buf_add(&l->text, s->mbox.line, s->mbox.len);
	while ((n = fread(buf_room(&l->text, PIECE), 1, PIECE, s->f)) > 0)
		l->text.len += n;
	return ferror(s->f) ? failed(s, "") : 1;
}

int source_next(struct source *s, struct original *l)
{
	int got;

	if (s->state == SOURCE_NEW && begin(s) == -1)
		return -1;
	switch (s->state) {
	case SOURCE_MAILDIR:
		return next_file(s, l);
	case SOURCE_LETTER:
		return whole_file(s, l);
	case SOURCE_MBOX:
		got = mbox_in_next(&s->mbox, l);
		return got == -1 ? failed(s, "") : got;
	default:
		return 0;
	}
}
