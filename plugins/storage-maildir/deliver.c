/* deliver.c - new messages by the rules of Maildir: written to tmp/, synced, renamed into new/.
 *
 * The name is time.MmicrosecondsPprocessQcount.host, and tmp/ refuses it if it is taken there. The
 * sizes behind it are exact. Delivery asks nobody's leave: it takes no lock.
 *
 * A message that comes from another storage is named for the time when it was delivered there, so
 * that it keeps its place in the order; then behind the M comes the time of now, for uniqueness and
 * for the order within one second: time.MnowmicrosecondsPprocessQcount.host. Its UIDL is a hint. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "maildir.h"

enum { HOST_LEN = 64, NAME_TRIES = 5 };

struct put {
	struct maildir *md;
	int fd;
	int64_t received;        /* 0 = now */
	char keep[KEEP_LEN + 1]; /* the hint with the UIDL, or "" */
	uint32_t state;          /* of measure() */
	uint64_t stored, wire;
	size_t fill;
	char name[PATH_LEN + 1]; /* "tmp/..." */
	char buffer[64 * 1024];
};

/* The host's name, without what has a meaning in the names of messages. */
static void host_name(char host[HOST_LEN + 1])
{
	if (gethostname(host, HOST_LEN))
		host[0] = '\0';
	host[HOST_LEN] = '\0';
	for (char *p = host; *p; p++)
		if (*p == '/' || *p == ':' || *p == ',' || *p <= ' ' || *p > '~')
			*p = '_';
	if (!host[0])
		memcpy(host, "localhost", sizeof("localhost"));
}

int tmp_create(struct maildir *md, char *name, size_t room)
{
	char host[HOST_LEN + 1];
	struct timeval now;
	int fd = -1;

	host_name(host);
	for (int tries = 0; fd < 0 && tries < NAME_TRIES; tries++) {
		gettimeofday(&now, NULL);
		snprintf(name, room, "tmp/%jd.M%06ldP%ldQ%" PRIu32 ".%s", (intmax_t)now.tv_sec,
			(long)now.tv_usec, (long)getpid(), ++md->puts, host);
		fd = openat(md->root, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno == ENOENT && maildir_make_folders(md)) {
			errno = ENOENT;
			break;
		}
		if (fd < 0 && errno != EEXIST && errno != ENOENT)
			break;
	}
	return fd;
}

int write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

int maildir_put_begin(void *st, const struct restante_put *what, void **out)
{
	struct maildir *md = st;
	struct put *put = malloc(sizeof(*put));

	if (!put) {
		errno = ENOMEM;
		return failed(md, "write to", "tmp");
	}
	*put = (struct put){.md = md}; /* the sender has no place in a Maildir */
	if (what->received > 0 && what->received <= TIME_LAST)
		put->received = what->received;
	if (what->uid && !name_keep(what->uid, put->keep))
		put->keep[0] = '\0';
	put->fd = tmp_create(md, put->name, sizeof(put->name));
	if (put->fd < 0) {
		free(put);
		return failed_full(md, "write to", "tmp");
	}
	*out = put;
	return RESTANTE_OK;
}

static int flush(struct put *put)
{
	if (write_all(put->fd, put->buffer, put->fill))
		return failed_full(put->md, "write", put->name);
	put->fill = 0;
	return RESTANTE_OK;
}

int maildir_put_data(void *p, const void *data, size_t n)
{
	struct put *put = p;
	const struct restante_host *host = put->md->host;
	const char *at = data;

	put->stored += n;
	if (n)
		put->wire += (uint64_t)host->measure(host->c, data, n, &put->state);
	while (n) {
		size_t part = sizeof(put->buffer) - put->fill;

		if (part > n)
			part = n;
		memcpy(put->buffer + put->fill, at, part);
		put->fill += part;
		at += part;
		n -= part;
		if (put->fill == sizeof(put->buffer)) {
			int bad = flush(put);

			if (bad)
				return bad;
		}
	}
	return RESTANTE_OK;
}

/* The name in new/, of at most NAME_LEN octets: with a hint there is room for little of the host's
 * name. */
static void final_name(const struct put *put, char name[PATH_LEN + 1])
{
	const char *now = put->name + 4, *dot = strchr(now, '.');
	int n;

	if (put->received || put->keep[0])
		n = snprintf(name, PATH_LEN + 1, "new/%jd.M%.*s%.44s",
			put->received ? (intmax_t)put->received : (intmax_t)time(NULL),
			(int)(dot - now), now, dot + 2);
	else
		n = snprintf(name, PATH_LEN + 1, "new/%.160s", now);
	snprintf(name + n, (size_t)(PATH_LEN + 1 - n), "%s,S=%" PRIu64 ",W=%" PRIu64, put->keep,
		put->stored, put->wire);
}

static int set_time(struct put *put)
{
	const struct timespec times[] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = (time_t)put->received}};

	if (put->received && futimens(put->fd, times))
		return failed_full(put->md, "set the time of", put->name);
	return RESTANTE_OK;
}

/* Syncs the file and gives it its name in new/. */
static int commit_file(struct put *put)
{
	struct maildir *md = put->md;
	const struct restante_host *host = md->host;
	char name[PATH_LEN + 1];
	int bad = flush(put);

	if (!bad)
		bad = set_time(put);
	if (bad)
		return bad;
	if (fsync(put->fd))
		return failed_full(md, "sync", put->name);
	put->wire += (uint64_t)host->measure(host->c, NULL, 0, &put->state);
	final_name(put, name);
	if (renameat(md->root, put->name, md->root, name))
		return failed_full(md, "deliver to", name);
	bad = folder_sync(md, "new");
	if (bad) /* it may be on disk and may be not: the sender will try again */
		unlinkat(md->root, name, 0);
	return bad;
}

int maildir_put_end(void *p, int commit)
{
	struct put *put = p;
	int bad = commit ? commit_file(put) : RESTANTE_OK;

	if (!commit || bad)
		unlinkat(put->md->root, put->name, 0);
	close(put->fd);
	free(put);
	return bad;
}
