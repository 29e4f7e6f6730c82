/* refresh.c - the index brought up to date when a mailbox is opened.
 *
 * A folder that is what the index says (inode, time of modification) is not read: opening a mailbox
 * that did not change costs two fstatat() and the reading of the index. As in git, a time that is
 * not older than the moment when the reading began proves nothing, because another change may
 * have followed within one tick of the clock; such a folder is read again next time. The clock
 * is the file system's own, for it may be on another machine.
 *
 * new/ is read before cur/ is looked at: messages move in that direction only, so one that
 * moves meanwhile is seen twice and not missed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>

#include "maildir.h"

struct work {
	struct maildir *md;
	struct index old;
	struct saver saver;
	bool begun;                          /* the saver */
	struct index_folder folder[FOLDERS]; /* as they will stand in the index */
	bool read[FOLDERS];
};

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static int look_at(struct maildir *md, enum folder folder, struct stat *st)
{
	const char *name = folder == FOLDER_CUR ? "cur" : "new";
	int bad;

	if (fstatat(md->root, name, st, 0) == 0)
		return RESTANTE_OK;
	if (errno != ENOENT)
		return failed(md, "open", name);
	bad = maildir_make_folders(md);
	if (bad)
		return bad;
	return fstatat(md->root, name, st, 0) ? failed(md, "open", name) : RESTANTE_OK;
}

/* Adds what is in a folder to the listing, reading it only if it changed. */
static int gather(struct work *w, enum folder folder, struct listing *l)
{
	const struct index_folder *was = &w->old.head.folder[folder];
	struct stat st;
	int bad = look_at(w->md, folder, &st);

	if (bad)
		return bad;
	w->folder[folder] = *was;
	if (was->ino && was->ino == st.st_ino && was->sec == st.st_mtim.tv_sec &&
		was->nsec == st.st_mtim.tv_nsec)
		return RESTANTE_OK;
	w->read[folder] = true;
	if (!w->begun) {
		store_begin(w->md, &w->saver);
		w->begun = true;
	}
	bad = scan_folder(w->md, folder, l, &st);
	if (w->saver.fd < 0 || !before(&st.st_mtim, &w->saver.clock))
		st.st_ino = 0;
	w->folder[folder] = (struct index_folder){
		.ino = st.st_ino, .sec = st.st_mtim.tv_sec, .nsec = st.st_mtim.tv_nsec};
	return bad;
}

static void say_skipped(struct maildir *md, const struct listing *l)
{
	if (l->skipped)
		md->host->log(md->host->c, LOG_INFO,
			"%s: skipped %u names that are no messages, such as %s", md->path,
			l->skipped, l->first);
}

/* A folder was read: makes the new index and takes it into use. */
static int rebuild(struct work *w, struct listing *l)
{
	struct maildir *md = w->md;
	bool unsure[FOLDERS] = {false, false};
	int bad = RESTANTE_OK;

	for (enum folder f = FOLDER_NEW; f < FOLDERS; f++)
		if (!w->read[f] && scan_known(&w->old, f, l)) {
			errno = ENOMEM;
			return failed(md, "index", "");
		}
	scan_sort(l);
	say_skipped(md, l);
	bad = merge(md, &w->old, l, &md->index, unsure);
	for (enum folder f = FOLDER_NEW; f < FOLDERS; f++) {
		md->index.head.folder[f] = w->folder[f];
		if (bad || unsure[f])
			md->index.head.folder[f].ino = 0;
	}
	md->index.head.cleaned = w->old.head.cleaned;
	return bad;
}

static void clean_now_and_then(struct maildir *md)
{
	int64_t now = time(NULL), since = now - md->index.head.cleaned;

	if (since >= 0 && since < CLEAN_EVERY)
		return;
	clean_tmp(md);
	md->index.head.cleaned = now;
	md->dirty = true;
}

int refresh(struct maildir *md)
{
	struct work w = {.md = md, .saver.fd = -1};
	struct listing l = {0};
	int bad;

	store_load(md, &w.old);
	bad = gather(&w, FOLDER_NEW, &l);
	if (!bad)
		bad = gather(&w, FOLDER_CUR, &l);
	if (!bad && w.begun) {
		bad = rebuild(&w, &l);
	} else if (!bad) {
		md->index = w.old;
		w.old = (struct index){0};
	}
	if (!bad)
		clean_now_and_then(md);
	if (w.begun) {
		store_end(md, &w.saver, md->index.entry ? &md->index : NULL);
		md->dirty = false;
	}
	index_free(&w.old);
	scan_free(&l);
	return bad;
}
