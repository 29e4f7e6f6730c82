/* body.c - one message.
 *
 * RETR of a message that the index knows costs openat(), fstat() and, at the end, close(); the core
 * reads. If only a hint told its size, or the file is not the one that was measured, it is measured
 * here, before the core promises anything to the client.
 *
 * A message that was written to after it was measured is refused, for its octets are frozen from
 * login on (and files in a Maildir are never written to: it may be half of what it was). The next
 * session shows what there is then. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "maildir.h"

/* Is there another message with the entry's base? Neighbours have it. */
static bool has_twin(const struct index *ix, const struct index_entry *e)
{
	const struct index_entry *first = ix->entry, *last = first + ix->head.count - 1;

	for (int side = -1; side <= 1; side += 2) {
		const struct index_entry *other = e + side;

		if (e == (side < 0 ? first : last))
			continue;
		if (other->base_len == e->base_len &&
			memcmp(entry_base(ix, other), entry_base(ix, e), e->base_len) == 0)
			return true;
	}
	return false;
}

/* Finds the entry's file in the folders as they were last read. */
static int find_in(struct maildir *md, const struct index_entry *e, char path[PATH_LEN + 1])
{
	size_t n;
	const struct found *f = scan_find(&md->moved, &md->index, e, &n);
	bool alone = n == 1 && !(e->flags & ENTRY_LINKED) && !has_twin(&md->index, e);
	struct stat st;

	for (; n; n--, f++) {
		path_make(path, f->folder, f->base, f->base_len, f->rest, f->rest_len);
		if (fstatat(md->root, path, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		if (alone || file_stamp(&st) == e->stamp)
			return RESTANTE_OK;
	}
	return RESTANTE_GONE;
}

int find_again(struct maildir *md, const struct index_entry *e, char path[PATH_LEN + 1])
{
	struct stat st;
	int bad;

	if (md->moved.found && find_in(md, e, path) == RESTANTE_OK)
		return RESTANTE_OK;
	scan_free(&md->moved);
	bad = scan_folder(md, FOLDER_NEW, &md->moved, &st);
	if (!bad)
		bad = scan_folder(md, FOLDER_CUR, &md->moved, &st);
	if (bad)
		return bad;
	scan_sort(&md->moved);
	return find_in(md, e, path);
}

/* Opens the entry's file wherever it is now. *fd, and path for messages about it. */
static int open_entry(
	struct maildir *md, const struct index_entry *e, char path[PATH_LEN + 1], int *fd)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

	path_of(md, e, path);
	*fd = openat(md->root, path, flags);
	if (*fd < 0 && errno == ENOENT) {
		int bad = find_again(md, e, path);

		if (bad)
			return bad;
		*fd = openat(md->root, path, flags);
	}
	if (*fd >= 0)
		return RESTANTE_OK;
	return errno == ENOENT ? RESTANTE_GONE : failed(md, "open", path);
}

/* The entry says something else than its file: the next open measures it. */
static int refuse(struct maildir *md, const char *path, struct index_entry *e)
{
	md->host->log(
		md->host->c, LOG_ERR, "%s/%s has changed since it was measured", md->path, path);
	e->stamp = 0;
	md->index.head.folder[entry_folder(e)].ino = 0;
	md->dirty = true;
	return RESTANTE_TEMP;
}

/* Makes the entry true for the open file. *len = the octets stored. */
static int check(struct maildir *md, int fd, const char *path, struct index_entry *e, uint64_t *len)
{
	struct facts facts;
	int bad;

	if (fstat(fd, &facts.st))
		return failed(md, "read", path);
	if (!S_ISREG(facts.st.st_mode))
		return RESTANTE_GONE;
	*len = (uint64_t)facts.st.st_size;
	if ((e->flags & ENTRY_EXACT) && e->stamp == file_stamp(&facts.st))
		return RESTANTE_OK;
	bad = measure_file(md, fd, path, &facts, len);
	measure_done(md);
	if (bad)
		return bad;
	if ((e->flags & ENTRY_EXACT) && (e->octets != facts.octets || !e->stamp))
		return refuse(md, path, e);
	e->octets = facts.octets;
	e->stamp = file_stamp(&facts.st);
	e->flags = (uint8_t)((e->flags & (ENTRY_CUR | ENTRY_LINKED)) | facts.flags);
	md->dirty = true;
	return RESTANTE_OK;
}

static void release(void *b)
{
	struct maildir *md = b;

	close(md->body);
	md->body = -1;
}

int maildir_body(void *st, uint64_t key, struct restante_body *out)
{
	struct maildir *md = st;
	struct index_entry *e;
	char path[PATH_LEN + 1];
	uint64_t len;
	int bad;

	if (key >= md->index.head.count)
		return RESTANTE_GONE;
	e = &md->index.entry[key];
	bad = open_entry(md, e, path, &md->body);
	if (bad)
		return bad;
	bad = check(md, md->body, path, e, &len);
	if (bad) {
		release(md);
		return bad;
	}
	out->flags = (e->flags & ENTRY_CRLF ? RESTANTE_BODY_CRLF : 0u) |
		     (e->flags & ENTRY_NODOT ? RESTANTE_BODY_NODOT : 0u);
	out->fd = md->body;
	out->off = 0;
	out->len = len;
	out->octets = e->octets;
	out->b = md;
	out->read = NULL;
	out->release = release;
	return RESTANTE_OK;
}
