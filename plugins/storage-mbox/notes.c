/* notes.c - small named records, each a file mbox.note.<name> in the state folder. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "mbox.h"

enum { NOTE_MAX = 64 * 1024, NOTE_NAME = 64, NAME_ROOM = sizeof(NOTE_FILE) + NOTE_NAME };

static int note_file(struct mbox *mb, const char *name, char file[NAME_ROOM])
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			len = 0;
	if (len < 1 || len > NOTE_NAME) {
		mb->host->log(mb->host->c, LOG_ERR, "a note cannot have the name \"%.80s\"", name);
		return RESTANTE_PERM;
	}
	snprintf(file, NAME_ROOM, NOTE_FILE "%s", name);
	return RESTANTE_OK;
}

int mbox_note_get(void *st, const char *name, const void **p, size_t *n)
{
	struct mbox *mb = st;
	char file[NAME_ROOM];
	int bad = note_file(mb, name, file);

	if (bad)
		return bad;
	free(mb->note);
	mb->note = NULL;
	bad = state_read(mb, file, &mb->note, n);
	if (bad)
		mb->note = NULL;
	*p = mb->note;
	return bad;
}

int mbox_note_put(void *st, const char *name, const void *p, size_t n)
{
	struct mbox *mb = st;
	char file[NAME_ROOM];
	int bad = note_file(mb, name, file);

	if (bad)
		return bad;
	if (n > NOTE_MAX) {
		mb->host->log(mb->host->c, LOG_ERR, "note %s: more than %d octets", name, NOTE_MAX);
		return RESTANTE_PERM;
	}
	if (n)
		return state_replace(mb, file, p, n, true);
	if (unlinkat(mb->state, file, 0) && errno != ENOENT)
		return mbox_failed(mb, "remove", file);
	return state_sync(mb);
}
