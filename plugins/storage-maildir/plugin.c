/* plugin.c - storage-maildir: mail in Maildir folders.
 *
 * The descriptor and the settings. The work is done in
 *	mailbox.c	open, close, list
 *	refresh.c	the index brought up to date: store.c (its file), scan.c (folders), merge.c
 *	measure.c	octets on the wire, counted or taken from hints
 *	body.c		one message		remove.c	deletion
 *	deliver.c	new messages		notes.c		small records
 *	maintain.c	tmp/, check, repair	lock.c		one session at a time
 *	names.c, index.c	the forms of names and of the index: pure functions
 */
#include "maildir.h"

static const struct restante_setting settings[] = {
	{"path", RESTANTE_PATH, RESTANTE_PER_USER | RESTANTE_FOLDER, "~/Maildir",
		"the Maildir; made where it is missing", NULL},
	{"lock_wait", RESTANTE_SECONDS, 0, "3s",
		"how long a session waits for another one on the same Maildir", "0..1h"},
	{"check_sizes", RESTANTE_SIZE, 0, "2MB",
		"octets of new messages read at once to check sizes in file names; beyond, at RETR",
		NULL},
};

static const struct restante_storage storage = {
	.size = sizeof(storage),
	.open = maildir_open,
	.close = maildir_close,
	.list = maildir_list,
	.body = maildir_body,
	.remove = maildir_remove,
	.put_begin = maildir_put_begin,
	.put_data = maildir_put_data,
	.put_end = maildir_put_end,
	.note_get = maildir_note_get,
	.note_put = maildir_note_put,
	.maintain = maildir_maintain,
};

RESTANTE_PLUGIN(storage_maildir) = {
	.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.need_minor = 0,
	.setting_size = sizeof(struct restante_setting),
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "storage-maildir",
	.version = VERSION,
	.doc = "mail in Maildir folders, one file a message",
	.settings = settings,
	.storage = &storage,
};
