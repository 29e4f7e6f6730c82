/* mailbox.c - opening, closing and listing an archive.
 *
 * All names are relative to one descriptor of the folder. A session keeps that, the lock, and the
 * index; what it reads with stays for the next message. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"

static int open_root(struct archive *ar)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

	ar->root = open(ar->path, flags);
	if (ar->root < 0 && errno == ENOENT && (mkdir(ar->path, 0700) == 0 || errno == EEXIST))
		ar->root = open(ar->path, flags);
	return ar->root < 0 ? archive_failed_full(ar, "open", "") : RESTANTE_OK;
}

int archive_open(const struct restante_host *host, const struct restante_user *user, uint32_t mode,
	void **st)
{
	struct archive *ar = host->alloc(host->c, sizeof(*ar));
	int bad;

	(void)user;
	if (mode < RESTANTE_SESSION || mode > RESTANTE_MAINTAIN)
		return RESTANTE_PERM; /* of a later version */
	ar->host = host;
	ar->path = host->str(host->c, "path");
	ar->root = ar->session = ar->append = -1;
	bad = open_root(ar);
	if (!bad && mode == RESTANTE_SESSION)
		bad = archive_session(ar);
	if (!bad && mode != RESTANTE_DELIVER)
		bad = archive_refresh(ar, &ar->index);
	if (bad) {
		archive_close(ar);
		return bad;
	}
	*st = ar;
	return RESTANTE_OK;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void archive_close(void *st)
{
	struct archive *ar = st;

	archive_reader_free(ar);
	if (ar->spare)
		archive_put_free(ar->spare);
	archive_index_free(&ar->index);
	archive_index_free(&ar->now);
	archive_index_free(&ar->taken);
	archive_set_free(&ar->uids);
	free(ar->note);
	close_if_open(ar->append);
	close_if_open(ar->session);
	close_if_open(ar->root);
}

int archive_list(void *st, int (*each)(void *, const struct restante_message *), void *arg)
{
	const struct archive *ar = st;
	struct restante_message m = {.size = sizeof(m)};

	for (uint64_t i = 0; i < ar->index.head.count; i++) {
		const struct index_entry *e = &ar->index.entry[i];
		int stop;

		if (e->flags & ENTRY_COPY)
			continue;
		m.key = i;
		m.octets = e->octets;
		m.received = e->received;
		m.uid = entry_uid(&ar->index, e);
		stop = each(arg, &m);
		if (stop)
			return stop;
	}
	return RESTANTE_OK;
}
