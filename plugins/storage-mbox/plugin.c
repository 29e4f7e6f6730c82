/* plugin.c - storage-mbox: mail in one file, which other programs write at the same time.
 *
 * The descriptor and the settings. The work is done in
 *
 *	mailbox.c   open, close, list            session.c  one session at a time
 *	refresh.c   the index brought up to date: store.c (its file), scan.c, header.c,
 *	            lines.c (the mbox)
 *	uidl.c      unique ids: record.c (their file), sip.c (the hash), groups.c (a table)
 *	body.c      one message: quote.c (>From lines)
 *	remove.c    deletion: rewrite.c (the two ways to do it)
 *	deliver.c   new messages: keep.c (UIDLs that they bring)
 *	notes.c     small records                maintain.c  check, repair
 *	journal.c   changes in place that a crash cannot break: replay.c, copy.c
 *	lock.c      the field's locks: dotlock.c
 *	state.c     files in the state folder
 *	from.c, index.c   the forms of From_ lines and of the index: pure functions
 */
#include "mbox.h"

static const struct restante_setting settings[] = {
	{"path", RESTANTE_PATH, RESTANTE_PER_USER | RESTANTE_IN_FOLDER, "/var/mail/%u",
		"the mbox file", NULL},
	{"state", RESTANTE_PATH, RESTANTE_PER_USER | RESTANTE_FOLDER, "~/.restante/%u",
		"the user's own folder for the index and other records, one for each mbox", NULL},
	{"quoting", RESTANTE_ENUM, RESTANTE_PER_USER, "mboxrd",
		"which lines lose a > when they are sent: >*From , >From , or none",
		"mboxrd|mboxo|none"},
	{"uidl", RESTANTE_ENUM, RESTANTE_PER_USER, "hash",
		"where UIDLs come from: the headers' hash, or X-UIDL where that can serve",
		"hash|xuidl"},
	{"locks", RESTANTE_ENUM, RESTANTE_LIST, "dotlock fcntl", "the locks to take, in this order",
		"dotlock|fcntl|flock"},
	{"lock_wait", RESTANTE_SECONDS, 0, "10s", "how long to wait for another's lock or session",
		"0..1h"},
};

static const struct restante_storage storage = {
	.size = sizeof(storage),
	.open = mbox_open,
	.close = mbox_close,
	.list = mbox_list,
	.body = mbox_body,
	.remove = mbox_remove,
	.put_begin = mbox_put_begin,
	.put_data = mbox_put_data,
	.put_end = mbox_put_end,
	.note_get = mbox_note_get,
	.note_put = mbox_note_put,
	.maintain = mbox_maintain,
};

RESTANTE_PLUGIN(storage_mbox) = {
	.magic = RESTANTE_MAGIC,
	.size = sizeof(struct restante_plugin),
	.need_minor = 0,
	.setting_size = sizeof(struct restante_setting),
	.nsettings = sizeof(settings) / sizeof(settings[0]),
	.name = "storage-mbox",
	.version = VERSION,
	.doc = "mail in one mbox file, shared with an MTA",
	.settings = settings,
	.storage = &storage,
	.check = mbox_check,
};
