/* plugin.c - storage-archive: mail kept compressed, readable with zcat for ever.
 *
 * The descriptor and the settings. The format is in restante-archive(5). The work is done in
 *	mailbox.c	open, close, list	lock.c		sessions, and who appends
 *	refresh.c	the index brought up to date: store.c (its file), segments.c, walk.c
 *	tail.c		the end of the last segment, and what a crash left there
 *	body.c		one message		deliver.c	new messages: taken.c (UIDLs)
 *	remove.c	deletion		rewrite.c	segments without what was deleted
 *	maintain.c	check, repair		notes.c		small records
 *	files.c		reading, writing and failing
 *	member.c, quote.c, index.c	the forms of headers, lines and the index: pure functions
 */
#include "archive.h"

static const struct restante_setting settings[] = {
	{"path", RESTANTE_PATH, RESTANTE_PER_USER | RESTANTE_FOLDER, "~/Mail.archive",
		"the folder of the archive; made where it is missing", NULL},
	{"segment_size", RESTANTE_SIZE, 0, "64MB", "octets after which a new segment is begun",
		"4k..1GB"},
	{"level", RESTANTE_INT, 0, "6", "how hard new messages are compressed", "1..9"},
	{"compact", RESTANTE_INT, 0, "50",
		"percent of a segment that must be deleted mail before it is rewritten without",
		"1..100"},
	{"purge", RESTANTE_BOOL, 0, "no", "rewrite a segment whenever mail in it was deleted",
		NULL},
	{"lock_wait", RESTANTE_SECONDS, 0, "3s",
		"how long a session waits for another one on the same archive", "0..1h"},
};

static const struct restante_storage storage = {
	.size = sizeof(storage),
	.open = archive_open,
	.close = archive_close,
	.list = archive_list,
	.body = archive_body,
	.remove = archive_remove,
	.put_begin = archive_put_begin,
	.put_data = archive_put_data,
	.put_end = archive_put_end,
	.note_get = archive_note_get,
	.note_put = archive_note_put,
	.maintain = archive_maintain,
};

RESTANTE_PLUGIN(storage_archive) = {
	.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.need_minor = 0,
	.setting_size = sizeof(struct restante_setting),
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "storage-archive",
	.version = VERSION,
	.doc = "mail in compressed mbox files that zcat reads",
	.settings = settings,
	.storage = &storage,
};
