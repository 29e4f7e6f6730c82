/* scan.c - reading new/ and cur/.
 *
 * A folder that another program changes while it is read may show a renamed file twice or not at
 * all. So its time of modification is looked at before and after, and the folder is read again when
 * they differ. What is no message (folders, links, pipes) is skipped by the type that readdir()
 * gives, where it gives one: nothing is opened here. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "maildir.h"

struct chunk {
	struct chunk *next;
	size_t used;
	char text[64 * 1024 - sizeof(void *) - sizeof(size_t)];
};

static const char *keep(struct listing *l, const char *name, size_t len)
{
	struct chunk *c = l->chunks;
	char *at;

	if (!c || sizeof(c->text) - c->used < len) {
		c = malloc(sizeof(*c));
		if (!c)
			return NULL;
		c->next = l->chunks;
		c->used = 0;
		l->chunks = c;
	}
	at = c->text + c->used;
	memcpy(at, name, len);
	c->used += len;
	return at;
}

static struct found *more(struct listing *l)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct found *p = realloc(l->found, room * sizeof(*p));

		if (!p)
			return NULL;
		l->found = p;
		l->room = room;
	}
	return &l->found[l->n++];
}

static int add_name(struct listing *l, enum folder folder, const char *name)
{
	size_t len = strlen(name), base = name_base(name, len);
	const char *kept = keep(l, name, len);
	struct found *f = kept ? more(l) : NULL;

	if (!f)
		return -1;
	*f = (struct found){.base = kept,
		.rest = kept + base,
		.folder = (uint8_t)folder,
		.seconds = name_seconds(name, base),
		.base_len = (uint8_t)base,
		.rest_len = (uint8_t)(len - base),
		.hints_len = (uint8_t)name_hints(name + base, len - base)};
	return 0;
}

static int add_dirent(struct listing *l, enum folder folder, const struct dirent *e)
{
	if (e->d_name[0] == '.')
		return 0;
	if (strlen(e->d_name) <= NAME_LEN && (e->d_type == DT_REG || e->d_type == DT_UNKNOWN))
		return add_name(l, folder, e->d_name);
	if (!l->skipped++)
		snprintf(l->first, sizeof(l->first), "%s", e->d_name);
	return 0;
}

/* One reading of an open folder. 0, or -1 with errno. */
static int read_names(DIR *d, enum folder folder, struct listing *l)
{
	struct dirent *e;

	rewinddir(d);
	for (errno = 0; (e = readdir(d)); errno = 0)
		if (add_dirent(l, folder, e)) {
			errno = ENOMEM;
			return -1;
		}
	return errno ? -1 : 0;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int scan_folder(struct maildir *md, enum folder folder, struct listing *l, struct stat *st)
{
	const char *name = folder == FOLDER_CUR ? "cur" : "new";
	int fd = openat(md->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t before = l->n;
	struct stat after;

	if (!d) {
		int bad = failed(md, "open", name);

		if (fd >= 0)
			close(fd);
		return bad;
	}
	for (int tries = 0;; tries++) {
		l->n = before;
		if (fstat(fd, st) || read_names(d, folder, l) || fstat(fd, &after)) {
			int bad = failed(md, "read", name);

			closedir(d);
			return bad;
		}
		if (same(st, &after))
			break;
		if (tries == SCAN_TRIES) {
			st->st_ino = 0;
			break;
		}
	}
	closedir(d);
	return RESTANTE_OK;
}

int scan_known(const struct index *ix, enum folder folder, struct listing *l)
{
	for (uint64_t i = 0; i < ix->head.count; i++) {
		const struct index_entry *e = &ix->entry[i];
		const char *base = entry_base(ix, e), *rest = entry_rest(ix, e);
		struct found *f;

		if (entry_folder(e) != folder)
			continue;
		f = more(l);
		if (!f)
			return -1;
		*f = (struct found){.base = base,
			.rest = rest,
			.old = e,
			.folder = (uint8_t)folder,
			.seconds = name_seconds(base, e->base_len),
			.base_len = e->base_len,
			.rest_len = e->rest_len,
			.hints_len = (uint8_t)name_hints(rest, e->rest_len)};
	}
	return 0;
}

static int compare(const void *pa, const void *pb)
{
	const struct found *a = pa, *b = pb;
	int order = name_order(a->seconds, a->base, a->base_len, b->seconds, b->base, b->base_len);

	if (order)
		return order;
	if (a->folder != b->folder)
		return a->folder < b->folder ? -1 : 1;
	return name_order(0, a->rest, a->rest_len, 0, b->rest, b->rest_len);
}

void scan_sort(struct listing *l)
{
	if (l->n)
		qsort(l->found, l->n, sizeof(*l->found), compare);
}

const struct found *scan_find(
	const struct listing *l, const struct index *ix, const struct index_entry *e, size_t *n)
{
	const char *base = entry_base(ix, e);
	int64_t seconds = name_seconds(base, e->base_len);
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct found *f = &l->found[mid];

		if (name_order(f->seconds, f->base, f->base_len, seconds, base, e->base_len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (high = low; high < l->n; high++) {
		const struct found *f = &l->found[high];

		if (f->base_len != e->base_len || memcmp(f->base, base, f->base_len) != 0)
			break;
	}
	*n = high - low;
	return *n ? l->found + low : NULL;
}

void scan_free(struct listing *l)
{
	while (l->chunks) {
		struct chunk *c = l->chunks;

		l->chunks = c->next;
		free(c);
	}
	free(l->found);
	*l = (struct listing){0};
}
