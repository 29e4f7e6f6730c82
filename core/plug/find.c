/* find - from a plugin's name to its file. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "plug/linked.h"
#include "plug/plug.h"

#define SUFFIX ".so"

static int is_name(const char *name, size_t n)
{
	return n > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") >= n &&
	       (strncmp(name, "storage-", 8) == 0 || strncmp(name, "auth-", 5) == 0);
}

/* Not access(2), which forgets the right to read any folder that a role has while it starts. */
static int look_in(const char *folder, const char *name, struct buf *file, struct buf *tried)
{
	struct buf path = {0};
	struct stat st;
	int there;

	buf_printf(&path, "%s/%s" SUFFIX, folder, name);
	there = stat(path.p, &st) == 0;
	if (there)
		buf_add(file, path.p, path.len);
	else
		buf_printf(tried, "%s %s", tried->len > 0 ? "," : "", folder);
	if (!there && errno != ENOENT)
		buf_printf(tried, " (%s)", strerror(errno));
	buf_free(&path);
	return there;
}

int plug_find(
	const char *const *folders, size_t n, const char *name, struct buf *file, struct buf *why)
{
	struct buf tried = {0};
	int found = 0;

	if (!is_name(name, strlen(name))) {
		buf_printf(why, "%s: not a name of a plugin", name);
		return -1;
	}
	if (linked_entry(name) != NULL) {
		buf_printf(file, "%s", "");
		return 0;
	}
	for (size_t i = 0; i < n && !found; i++)
		found = look_in(folders[i], name, file, &tried);
	if (!found)
		buf_printf(why, "no %s" SUFFIX " in%s", name, buf_str(&tried));
	buf_free(&tried);
	return found ? 0 : -1;
}

static int is_plugin_file(const struct dirent *d)
{
	size_t n = strlen(d->d_name), suffix = strlen(SUFFIX);

	return n > suffix && strcmp(d->d_name + n - suffix, SUFFIX) == 0 &&
	       is_name(d->d_name, n - suffix);
}

/* Found in an earlier folder, or linked in, which counts first. */
static int is_hidden(const char *const *folders, size_t n, const char *name)
{
	struct buf file = {0}, why = {0};
	int hidden = linked_entry(name) != NULL || plug_find(folders, n, name, &file, &why) == 0;

	buf_free(&file);
	buf_free(&why);
	return hidden;
}

void plug_each(
	const char *const *folders, size_t n, void (*each)(void *arg, const char *name), void *arg)
{
	struct dirent **list;
	int found;

	linked_each(each, arg);
	for (size_t i = 0; i < n; i++) {
		found = scandir(folders[i], &list, is_plugin_file, alphasort);
		for (int j = 0; j < found; j++) {
			list[j]->d_name[strlen(list[j]->d_name) - strlen(SUFFIX)] = '\0';
			if (!is_hidden(folders, i, list[j]->d_name))
				each(arg, list[j]->d_name);
			free(list[j]);
		}
		if (found >= 0)
			free(list);
	}
}
