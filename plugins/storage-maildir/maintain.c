/* maintain.c - what restantectl asks for, and the regular look into tmp/. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "maildir.h"

/* Nobody has read or written it for long. */
static bool stale(const struct stat *st, time_t now)
{
	time_t used =
		st->st_mtim.tv_sec > st->st_atim.tv_sec ? st->st_mtim.tv_sec : st->st_atim.tv_sec;

	return S_ISREG(st->st_mode) && now - used > STALE_SECONDS;
}

void clean_tmp(struct maildir *md)
{
	int fd = openat(md->root, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	time_t now = time(NULL);
	unsigned int removed = 0;
	struct dirent *e;
	struct stat st;

	if (!d) {
		if (errno != ENOENT)
			failed(md, "open", "tmp");
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d)))
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && stale(&st, now) &&
			unlinkat(fd, e->d_name, 0) == 0)
			removed++;
	closedir(d);
	if (removed)
		md->host->log(md->host->c, LOG_INFO,
			"%s/tmp: removed %u files of deliveries that did not end", md->path,
			removed);
}

/* Measures each message anew; what the index says of it is corrected if repair is set. PERM = there
 * is damage, and it was not mended. */
static int examine(struct maildir *md, bool repair)
{
	bool dirty = md->dirty || repair;
	int result = RESTANTE_OK;

	for (uint64_t i = 0; i < md->index.head.count; i++) {
		struct index_entry *e = &md->index.entry[i], was = *e;
		struct restante_body body = {.size = sizeof(body)};
		int bad;

		e->flags &= (uint8_t)~ENTRY_EXACT;
		bad = maildir_body(md, i, &body);
		if (!bad)
			body.release(body.b);
		if (bad == RESTANTE_GONE)
			continue;
		if (bad)
			md->host->log(md->host->c, LOG_ERR, "%s: message %s cannot be read",
				md->path, entry_uid(&md->index, e));
		else if (e->octets != was.octets)
			md->host->log(md->host->c, LOG_WARNING,
				"%s: message %s has %" PRIu64 " octets, not %" PRIu64, md->path,
				entry_uid(&md->index, e), e->octets, was.octets);
		if (bad || (e->octets != was.octets && !repair))
			result = RESTANTE_PERM;
		if (bad || !repair)
			*e = was;
	}
	md->dirty = dirty;
	return result;
}

int maildir_maintain(void *st, uint32_t tasks)
{
	struct maildir *md = st;

	if (tasks & RESTANTE_CLEAN)
		clean_tmp(md);
	if (tasks & (RESTANTE_CHECK | RESTANTE_REPAIR))
		return examine(md, tasks & RESTANTE_REPAIR);
	return RESTANTE_OK;
}
