/* lock.c - the field's locks on the mbox file.
 *
 * Several kinds are taken in the order that the setting says. Other programs may take them in
 * another order, so nobody waits while holding some: where one is taken all are given back, and
 * tried again after a while. Locks of the kernel belong to the open file (OFD), so that closing
 * another descriptor of the same file does not give them back; fcntl()'s of other programs conflict
 * with them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <syslog.h>
#include <time.h>

#include "dotlock.h"
#include "mbox.h"

enum { PAUSE_MS = 50, KINDS = 3 };

#ifndef F_OFD_SETLK
#define F_OFD_SETLK F_SETLK
#endif

static int take_dotlock(struct mbox *);
static int take_fcntl(struct mbox *);
static int take_flock(struct mbox *);
static void give_dotlock(struct mbox *);
static void give_fcntl(struct mbox *);
static void give_flock(struct mbox *);

/* take: OK, BUSY, or NONE where there can be no such lock. */
static const struct kind {
	const char *name;
	int (*take)(struct mbox *);
	void (*give)(struct mbox *);
} kinds[KINDS] = {
	{"dotlock", take_dotlock, give_dotlock},
	{"fcntl", take_fcntl, give_fcntl},
	{"flock", take_flock, give_flock},
};

struct locks {
	const struct kind *order[KINDS];
	bool held[KINDS]; /* for each of order */
	size_t n;
	struct dotlock dot;
};

/* The setting's words, of which the core has seen that each is one of kinds. -1 with *why when the
 * list is empty or names one of them twice. */
static int parse(const struct restante_host *host, struct locks *l, const char **why)
{
	for (const char *const *word = host->list(host->c, "locks"); *word; word++) {
		size_t k = 0;

		while (k + 1 < KINDS && strcmp(kinds[k].name, *word) != 0)
			k++;
		*why = "a lock is named twice";
		for (size_t i = 0; i < l->n; i++)
			if (l->order[i] == &kinds[k])
				return -1;
		l->order[l->n++] = &kinds[k];
	}
	*why = "expected at least one of dotlock, fcntl and flock";
	return l->n ? 0 : -1;
}

int mbox_check(const struct restante_host *host)
{
	struct locks l = {.n = 0};
	const char *why;

	if (parse(host, &l, &why) == 0)
		return RESTANTE_OK;
	host->log(host->c, LOG_ERR, "locks: %s", why);
	return RESTANTE_PERM;
}

static int take_dotlock(struct mbox *mb)
{
	return dotlock_take(mb->host, mb->path, &mb->locks->dot);
}

static void give_dotlock(struct mbox *mb)
{
	dotlock_release(mb->path, &mb->locks->dot);
}

static int set_lock(int fd, int type)
{
	struct flock range = {.l_type = (short)type, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &range);
}

/* The file may only be readable: then a lock for reading is what there can be. */
static int take_fcntl(struct mbox *mb)
{
	if (mb->fd < 0 || set_lock(mb->fd, mb->writable ? F_WRLCK : F_RDLCK) == 0)
		return RESTANTE_OK;
	return errno == EAGAIN || errno == EACCES || errno == EINTR ? RESTANTE_BUSY
								    : mbox_failed(mb, "lock", NULL);
}

static void give_fcntl(struct mbox *mb)
{
	if (mb->fd >= 0)
		set_lock(mb->fd, F_UNLCK);
}

static int take_flock(struct mbox *mb)
{
	if (mb->fd < 0 || flock(mb->fd, LOCK_EX | LOCK_NB) == 0)
		return RESTANTE_OK;
	return errno == EWOULDBLOCK || errno == EINTR ? RESTANTE_BUSY
						      : mbox_failed(mb, "lock", NULL);
}

static void give_flock(struct mbox *mb)
{
	if (mb->fd >= 0)
		flock(mb->fd, LOCK_UN);
}

/* The file is opened when the first lock on it is due. If that is not what the path leads to once
 * all are taken, it was replaced meanwhile. */
static int take_all(struct mbox *mb)
{
	struct locks *l = mb->locks;
	bool any = false, opened = false;
	int bad = RESTANTE_OK;

	for (size_t i = 0; i <= l->n && !bad; i++) {
		if (!opened && (i == l->n || l->order[i]->take != take_dotlock)) {
			bad = mbox_file_open(mb);
			opened = true;
		}
		if (bad || i == l->n)
			break;
		bad = l->order[i]->take(mb);
		l->held[i] = bad == RESTANTE_OK;
		any = any || l->held[i];
		if (bad == RESTANTE_NONE)
			bad = RESTANTE_OK;
	}
	if (!bad && !any) {
		mb->host->log(mb->host->c, LOG_ERR,
			"%s: none of the locks \"%s\" can be taken here", mb->path,
			mb->host->str(mb->host->c, "locks"));
		bad = RESTANTE_PERM;
	}
	if (!bad && mb->fd >= 0 && !mbox_same_file(mb))
		bad = RESTANTE_BUSY;
	if (bad)
		mbox_unlock(mb);
	return bad;
}

static int make_locks(struct mbox *mb)
{
	const struct restante_host *host = mb->host;
	const char *why;

	mb->locks = host->alloc(host->c, sizeof(*mb->locks));
	if (parse(host, mb->locks, &why) == 0)
		return RESTANTE_OK;
	mb->locks->n = 0;
	return mbox_check(host);
}

int mbox_lock(struct mbox *mb)
{
	const struct restante_host *host = mb->host;
	int64_t wait_ms = host->num(host->c, "lock_wait") * 1000;
	int bad = mb->locks ? RESTANTE_OK : make_locks(mb);

	if (bad)
		return bad;
	while ((bad = take_all(mb)) == RESTANTE_BUSY) {
		struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

		if (wait_ms <= 0 || host->left_ms(host->c) <= PAUSE_MS)
			return bad;
		nanosleep(&pause, NULL);
		wait_ms -= PAUSE_MS;
	}
	return bad;
}

void mbox_unlock(struct mbox *mb)
{
	struct locks *l = mb->locks;

	for (size_t i = l ? l->n : 0; i-- > 0; l->held[i] = false)
		if (l->held[i])
			l->order[i]->give(mb);
}

bool mbox_dotlocked(const struct mbox *mb)
{
	for (size_t i = 0; mb->locks && i < mb->locks->n; i++)
		if (mb->locks->held[i] && mb->locks->order[i]->take == take_dotlock)
			return true;
	return false;
}

int mbox_keep_lock(struct mbox *mb)
{
	if (!mbox_dotlocked(mb) || dotlock_keep(mb->path, &mb->locks->dot))
		return RESTANTE_OK;
	mb->host->log(mb->host->c, LOG_ERR, "%s.lock was taken by another program", mb->path);
	return RESTANTE_TEMP;
}

int mbox_lock_other(struct mbox *mb, int fd)
{
	int own = mb->fd, bad = RESTANTE_OK;

	mb->fd = fd;
	for (size_t i = 0; i < mb->locks->n && !bad; i++)
		if (mb->locks->held[i] && mb->locks->order[i]->take != take_dotlock)
			bad = mb->locks->order[i]->take(mb);
	mb->fd = own;
	return bad;
}
