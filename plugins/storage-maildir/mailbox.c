/* mailbox.c - opening, closing and listing a Maildir.
 *
 * All names are relative to one descriptor of the Maildir's folder. A session keeps that, the
 * lock, and the index; nothing else stays open or allocated between two commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "maildir.h"

int result_of(int error, bool full)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return full ? RESTANTE_FULL : RESTANTE_TEMP;
	case EACCES:
	case EPERM:
	case EROFS:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return RESTANTE_PERM;
	default:
		return RESTANTE_TEMP;
	}
}

static int say_failed(struct maildir *md, const char *what, const char *name, bool full)
{
	int error = errno;

	md->host->log(
		md->host->c, LOG_ERR, "cannot %s %s/%s: %s", what, md->path, name, strerror(error));
	return result_of(error, full);
}

int failed(struct maildir *md, const char *what, const char *name)
{
	return say_failed(md, what, name, false);
}

int failed_full(struct maildir *md, const char *what, const char *name)
{
	return say_failed(md, what, name, true);
}

void path_make(char path[PATH_LEN + 1], enum folder folder, const char *base, size_t base_len,
	const char *rest, size_t rest_len)
{
	memcpy(path, folder == FOLDER_CUR ? "cur/" : "new/", 4);
	memcpy(path + 4, base, base_len);
	memcpy(path + 4 + base_len, rest, rest_len);
	path[4 + base_len + rest_len] = '\0';
}

void path_of(const struct maildir *md, const struct index_entry *e, char path[PATH_LEN + 1])
{
	path_make(path, entry_folder(e), entry_base(&md->index, e), e->base_len,
		entry_rest(&md->index, e), e->rest_len);
}

int folder_sync(struct maildir *md, const char *folder)
{
	int fd = openat(md->root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), bad;

	if (fd < 0)
		return failed(md, "open", folder);
	bad = fsync(fd) ? failed(md, "sync", folder) : 0;
	close(fd);
	return bad;
}

int maildir_make_folders(struct maildir *md)
{
	static const char *const names[] = {"new", "cur", "tmp"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mkdirat(md->root, names[i], 0700) && errno != EEXIST)
			return failed_full(md, "make", names[i]);
	return folder_sync(md, ".");
}

static int open_root(struct maildir *md)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

	md->root = open(md->path, flags);
	if (md->root < 0 && errno == ENOENT && (mkdir(md->path, 0700) == 0 || errno == EEXIST))
		md->root = open(md->path, flags);
	return md->root < 0 ? failed_full(md, "open", "") : RESTANTE_OK;
}

int maildir_open(const struct restante_host *host, const struct restante_user *user, uint32_t mode,
	void **st)
{
	struct maildir *md = host->alloc(host->c, sizeof(*md));
	int bad;

	if (mode < RESTANTE_SESSION || mode > RESTANTE_MAINTAIN)
		return RESTANTE_PERM;
	md->host = host;
	md->uid = user->uid;
	md->path = host->str(host->c, "path");
	md->hint_budget = host->num(host->c, "check_sizes");
	md->root = md->lock = md->body = -1;
	bad = open_root(md);
	if (!bad && mode == RESTANTE_SESSION)
		bad = lock_take(md);
	if (!bad && mode != RESTANTE_DELIVER)
		bad = refresh(md);
	if (bad) {
		maildir_close(md);
		return bad;
	}
	*st = md;
	return RESTANTE_OK;
}

void maildir_close(void *st)
{
	struct maildir *md = st;

	if (md->dirty) {
		struct saver saver;

		store_begin(md, &saver);
		store_end(md, &saver, &md->index);
	}
	index_free(&md->index);
	scan_free(&md->moved);
	free(md->note);
	if (md->lock >= 0)
		close(md->lock);
	if (md->root >= 0)
		close(md->root);
}

int maildir_list(void *st, int (*each)(void *, const struct restante_message *), void *arg)
{
	const struct maildir *md = st;
	struct restante_message m = {.size = sizeof(m)};

	for (uint64_t i = 0; i < md->index.head.count; i++) {
		const struct index_entry *e = &md->index.entry[i];
		int stop;

		m.key = i;
		m.octets = e->octets;
		m.received = e->received;
		m.uid = entry_uid(&md->index, e);
		stop = each(arg, &m);
		if (stop)
			return stop;
	}
	return RESTANTE_OK;
}
