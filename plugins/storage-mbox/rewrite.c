/* rewrite.c - the file without some of its messages.
 *
 * Where the folder may be written to, a new file takes the old one's place in one step. That needs
 * the dotlock: who waits for a lock on the file itself would get it on the old one, and most would
 * write there. The new file must be what the old one was to everybody else: owner, mode, ACL and
 * other attributes. Where it cannot, where the path is a symbolic link or the file has other names,
 * only the part behind the first deleted message is rewritten, in place, by a journal. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "journal.h"
#include "mbox.h"
#include "rewrite.h"

enum { XATTR_NAMES = 4096, XATTR_VALUE = 64 * 1024 };

/* "<folder>/.<name>.restante": one name for each mbox, so that what a crash left is found again.
 * Only who holds the dotlock uses it. */
static bool fresh_name(const struct mbox *mb, char name[PATH_MAX])
{
	const char *slash = strrchr(mb->path, '/'), *base = slash ? slash + 1 : mb->path;
	int n = snprintf(
		name, PATH_MAX, "%.*s.%s.restante", (int)(base - mb->path), mb->path, base);

	return n > 0 && n < PATH_MAX;
}

static bool has_xattr(int fd, const char *name, const char *value, ssize_t len)
{
	char *there = malloc(XATTR_VALUE);
	ssize_t n = there ? fgetxattr(fd, name, there, XATTR_VALUE) : -1;
	bool same = n == len && memcmp(there, value, (size_t)len) == 0;

	free(there);
	return same;
}

/* Does every attribute of from exist for to, with its value? If not and set is true, sets it. */
static bool same_xattrs(int from, int to, bool set)
{
	char names[XATTR_NAMES], *value = malloc(XATTR_VALUE);
	ssize_t len = flistxattr(from, names, sizeof(names));
	bool good = value && (len >= 0 || errno == ENOTSUP);

	for (const char *name = names; good && name < names + len; name += strlen(name) + 1) {
		ssize_t n = fgetxattr(from, name, value, XATTR_VALUE);

		good = n >= 0 && (has_xattr(to, name, value, n) ||
					 (set && fsetxattr(to, name, value, (size_t)n, 0) == 0));
	}
	free(value);
	return good;
}

static bool make_alike(int from, int to, const struct stat *old)
{
	struct stat st;

	if (fstat(to, &st))
		return false;
	if ((st.st_uid != old->st_uid || st.st_gid != old->st_gid) &&
		fchown(to, old->st_uid, old->st_gid))
		return false;
	if (fchmod(to, old->st_mode & 07777))
		return false;
	/* What the new file has more, as from its folder's default ACL, it must not have. */
	return same_xattrs(from, to, true) && same_xattrs(to, from, false);
}

static int copy_ranges(struct mbox *mb, int to, const struct range *range, size_t n)
{
	uint64_t at = 0;

	for (size_t i = 0; i < n; at += range[i].to - range[i].from, i++) {
		if (copy_octets(mb, mb->fd, range[i].from, to, at, range[i].to - range[i].from) ==
			0)
			continue;
		if (errno == ENOSPC || errno == EDQUOT) /* in place it may fit */
			return RESTANTE_NONE;
		return errno ? mbox_failed(mb, "copy", NULL) : RESTANTE_TEMP;
	}
	return RESTANTE_OK;
}

/* Fills the new file and puts it in place. */
static int replace(struct mbox *mb, int to, const char *name, const struct range *range, size_t n,
	const struct stat *old)
{
	struct stat now;
	int bad = copy_ranges(mb, to, range, n);

	if (bad)
		return bad;
	if (fsync(to))
		return mbox_failed(mb, "sync", NULL);
	bad = mbox_lock_other(mb, to);
	if (bad)
		return bad;
	/* Somebody wrote without a lock? */
	if (!mbox_same_file(mb) || fstat(mb->fd, &now) || now.st_size != old->st_size)
		return RESTANTE_NONE;
	if (rename(name, mb->path))
		return errno == EPERM || errno == EACCES ? RESTANTE_NONE
							 : mbox_failed(mb, "replace", NULL);
	close(mb->fd);
	mb->fd = to;
	return mbox_folder_sync(mb);
}

int rewrite_file(struct mbox *mb, const struct range *range, size_t n)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	char name[PATH_MAX];
	struct stat old;
	int fd, bad = RESTANTE_NONE;

	if (!mbox_dotlocked(mb) || !fresh_name(mb, name))
		return RESTANTE_NONE;
	if (lstat(mb->path, &old) || !S_ISREG(old.st_mode) || old.st_nlink != 1 ||
		!mbox_same_file(mb))
		return RESTANTE_NONE;
	if (unlink(name) && errno != ENOENT)
		return RESTANTE_NONE;
	fd = open(name, flags, 0600);
	if (fd < 0)
		return RESTANTE_NONE;
	if (make_alike(mb->fd, fd, &old))
		bad = replace(mb, fd, name, range, n, &old);
	if (mb->fd != fd) {
		unlink(name);
		close(fd);
	}
	return bad;
}

/* The octets that stay where they are: what the first range covers of the beginning. */
int rewrite_tail(struct mbox *mb, const struct range *range, size_t n, uint64_t size)
{
	uint64_t at = n && range[0].from == 0 ? range[0].to : 0;
	struct draft d;
	int bad = draft_begin(mb, &d);

	if (bad)
		return bad;
	for (size_t i = at ? 1 : 0; i < n && !bad; i++)
		bad = draft_copy(mb, &d, mb->fd, range[i].from, range[i].to - range[i].from);
	if (bad) {
		draft_drop(mb, &d);
		return bad;
	}
	bad = draft_name(mb, &d, JOURNAL_MOVE, at, size, 0);
	if (bad) { /* nothing was done yet, and nothing shall be */
		journal_remove(mb);
		return bad;
	}
	return journal_apply(mb);
}
