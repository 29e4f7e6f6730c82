/* remove.c - deletion, at QUIT.
 *
 * Each file is unlinked, and then the folders are synced: OK means that they are gone for good. An
 * error with one message does not keep the others. The index is left alone: it no longer fits
 * the folders, and the next open reads those anyway to see what others did meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "maildir.h"

/* Which folder a path like "cur/..." is in. */
static enum folder folder_of(const char *path)
{
	return path[0] == 'c' ? FOLDER_CUR : FOLDER_NEW;
}

/* Wherever the file is by now, and all names that it has here. */
static int remove_one(struct maildir *md, const struct index_entry *e, bool touched[FOLDERS])
{
	char path[PATH_LEN + 1];
	int bad;

	path_of(md, e, path);
	do {
		if (unlinkat(md->root, path, 0) == 0) {
			touched[folder_of(path)] = true;
			if (!(e->flags & ENTRY_LINKED))
				return RESTANTE_OK;
		} else if (errno != ENOENT) {
			return failed(md, "remove", path);
		}
		bad = find_again(md, e, path);
	} while (!bad);
	return bad == RESTANTE_GONE ? RESTANTE_OK : bad;
}

int maildir_remove(void *st, const uint64_t *keys, size_t n)
{
	struct maildir *md = st;
	bool touched[FOLDERS] = {false, false};
	int result = RESTANTE_OK;

	for (size_t i = 0; i < n; i++) {
		int bad = RESTANTE_OK;

		if (keys[i] < md->index.head.count)
			bad = remove_one(md, &md->index.entry[keys[i]], touched);
		if (!result)
			result = bad;
	}
	for (enum folder f = FOLDER_NEW; f < FOLDERS; f++) {
		int bad =
			touched[f] ? folder_sync(md, f == FOLDER_CUR ? "cur" : "new") : RESTANTE_OK;

		if (!result)
			result = bad;
	}
	return result;
}
