/* notes.c - small named records, each a file restante.note.<name> beside the segments. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "archive.h"

enum { NOTE_MAX = 64 * 1024, NOTE_NAME = 64, NAME_ROOM = sizeof(NOTE_FILE) + NOTE_NAME };

static int note_file(struct archive *ar, const char *name, char file[NAME_ROOM])
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			len = 0;
	if (len < 1 || len > NOTE_NAME) {
		ar->host->log(ar->host->c, LOG_ERR, "a note cannot have the name \"%.80s\"", name);
		return RESTANTE_PERM;
	}
	snprintf(file, NAME_ROOM, NOTE_FILE "%s", name);
	return RESTANTE_OK;
}

int archive_note_get(void *st, const char *name, const void **p, size_t *n)
{
	struct archive *ar = st;
	char file[NAME_ROOM];
	int bad = note_file(ar, name, file);

	if (bad)
		return bad;
	free(ar->note);
	ar->note = NULL;
	bad = archive_read_file(ar, file, &ar->note, n);
	*p = ar->note;
	return bad;
}

int archive_note_put(void *st, const char *name, const void *p, size_t n)
{
	struct archive *ar = st;
	char file[NAME_ROOM];
	int bad = note_file(ar, name, file);

	if (bad)
		return bad;
	if (n > NOTE_MAX) {
		ar->host->log(ar->host->c, LOG_ERR, "note %s: more than %d octets", name, NOTE_MAX);
		return RESTANTE_PERM;
	}
	if (n)
		return archive_replace(ar, file, p, n);
	if (unlinkat(ar->root, file, 0) && errno != ENOENT)
		return archive_failed(ar, "remove", file);
	return archive_sync(ar);
}
