/* mailbox.c - opening, closing and listing an mbox.
 *
 * A session keeps the state folder, its lock, the file and the index. The file is locked only while
 * it is scanned or changed; what others do to it meanwhile is found by refresh.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "mbox.h"

bool mbox_same_file(struct mbox *mb)
{
	struct stat st;

	if (mb->fd < 0 || stat(mb->path, &st) || st.st_ino != mb->st.st_ino ||
		st.st_dev != mb->st.st_dev)
		return false;
	mb->st = st;
	return true;
}

int mbox_file_open(struct mbox *mb)
{
	const int flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	if (mbox_same_file(mb))
		return RESTANTE_OK;
	if (mb->fd >= 0)
		close(mb->fd);
	mb->st = (struct stat){0};
	mb->fd = open(mb->path, O_RDWR | flags);
	mb->writable = mb->fd >= 0;
	if (mb->fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS))
		mb->fd = open(mb->path, O_RDONLY | flags);
	if (mb->fd < 0)
		return errno == ENOENT ? RESTANTE_OK : mbox_failed(mb, "open", NULL);
	if (fstat(mb->fd, &mb->st))
		return mbox_failed(mb, "read", NULL);
	if (S_ISREG(mb->st.st_mode))
		return RESTANTE_OK;
	mb->host->log(mb->host->c, LOG_ERR, "%s: expected an mbox, a regular file", mb->path);
	return RESTANTE_PERM;
}

static int open_state(struct mbox *mb)
{
	mb->state = open(mb->state_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return mb->state < 0 ? mbox_failed_full(mb, "open", "") : RESTANTE_OK;
}

int mbox_open(const struct restante_host *host, const struct restante_user *user, uint32_t mode,
	void **st)
{
	struct mbox *mb = host->alloc(host->c, sizeof(*mb));
	int bad;

	if (mode < RESTANTE_SESSION || mode > RESTANTE_MAINTAIN)
		return RESTANTE_PERM;
	mb->host = host;
	mb->uid = user->uid;
	mb->gid = user->gid;
	mb->path = host->str(host->c, "path");
	mb->state_path = host->str(host->c, "state");
	mb->quoting = (enum quoting)host->num(host->c, "quoting");
	mb->uidl_from = (enum uidl_from)host->num(host->c, "uidl");
	mb->state = mb->session = mb->fd = -1;
	bad = open_state(mb);
	if (!bad && mode == RESTANTE_SESSION)
		bad = mbox_session(mb);
	if (!bad && mode != RESTANTE_DELIVER)
		bad = mbox_refresh(mb);
	if (bad) {
		mbox_close(mb);
		return bad;
	}
	*st = mb;
	return RESTANTE_OK;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void mbox_close(void *st)
{
	struct mbox *mb = st;

	mbox_unlock(mb);
	free(mb->reader);
	mbox_index_free(&mb->index);
	mbox_index_free(&mb->now);
	free(mb->place);
	keep_free(mb);
	free(mb->note);
	close_if_open(mb->fd);
	close_if_open(mb->session);
	close_if_open(mb->state);
}

int mbox_list(void *st, int (*each)(void *, const struct restante_message *), void *arg)
{
	const struct mbox *mb = st;
	struct restante_message m = {.size = sizeof(m)};

	for (uint64_t i = 0; i < mb->index.head.count; i++) {
		const struct index_entry *e = &mb->index.entry[i];
		int stop;

		if (e->flags & ENTRY_HIDDEN)
			continue;
		m.key = i;
		m.octets = e->octets;
		m.received = e->received;
		m.uid = entry_uid(&mb->index, e);
		stop = each(arg, &m);
		if (stop)
			return stop;
	}
	return RESTANTE_OK;
}
