/* notes.c - small named records, each a file restante.note.<name> beside new/ and cur/. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "maildir.h"

enum { NOTE_MAX = 64 * 1024, NOTE_NAME = 64 };

static int note_path(struct maildir *md, const char *name, char path[PATH_LEN + 1])
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			len = 0;
	if (len < 1 || len > NOTE_NAME) {
		md->host->log(md->host->c, LOG_ERR, "a note cannot have the name \"%.80s\"", name);
		return RESTANTE_PERM;
	}
	snprintf(path, PATH_LEN + 1, NOTE_FILE "%s", name);
	return RESTANTE_OK;
}

int maildir_note_get(void *st, const char *name, const void **p, size_t *n)
{
	struct maildir *md = st;
	char path[PATH_LEN + 1];
	int fd, bad = note_path(md, name, path);
	ssize_t got;

	if (bad)
		return bad;
	fd = openat(md->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? RESTANTE_NONE : failed(md, "open", path);
	if (!md->note && !(md->note = malloc(NOTE_MAX))) {
		close(fd);
		errno = ENOMEM;
		return failed(md, "read", path);
	}
	got = read(fd, md->note, NOTE_MAX);
	if (got < 0)
		bad = failed(md, "read", path);
	close(fd);
	if (bad)
		return bad;
	*p = md->note;
	*n = (size_t)got;
	return RESTANTE_OK;
}

static int replace(struct maildir *md, const char *path, const void *p, size_t n)
{
	char name[PATH_LEN + 1];
	int fd = tmp_create(md, name, sizeof(name)), bad = 0;

	if (fd < 0)
		return failed_full(md, "write", path);
	if (write_all(fd, p, n) || fsync(fd) || renameat(md->root, name, md->root, path)) {
		bad = failed_full(md, "write", path);
		unlinkat(md->root, name, 0);
	}
	close(fd);
	return bad;
}

int maildir_note_put(void *st, const char *name, const void *p, size_t n)
{
	struct maildir *md = st;
	char path[PATH_LEN + 1];
	int bad = note_path(md, name, path);

	if (bad)
		return bad;
	if (n > NOTE_MAX) {
		md->host->log(md->host->c, LOG_ERR, "note %s: more than %d octets", name, NOTE_MAX);
		return RESTANTE_PERM;
	}
	if (n)
		bad = replace(md, path, p, n);
	else if (unlinkat(md->root, path, 0) && errno != ENOENT)
		bad = failed(md, "remove", path);
	return bad ? bad : folder_sync(md, ".");
}
