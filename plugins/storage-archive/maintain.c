/* maintain.c - what restantectl asks for: clean, check, repair, compact. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "archive.h"

/* Removes what nobody will rename any more. */
static void clean(struct archive *ar)
{
	int fd = openat(ar->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	time_t now = time(NULL);
	struct stat st;

	if (!d) {
		archive_failed(ar, "read", "");
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d))) {
		if (strncmp(e->d_name, TMP_FILE, sizeof(TMP_FILE) - 1) != 0 ||
			fstatat(ar->root, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
			now - st.st_mtim.tv_sec <= STALE_SECONDS)
			continue;
		if (unlinkat(ar->root, e->d_name, 0) == 0)
			ar->host->log(ar->host->c, LOG_INFO, "%s/%s: removed, nobody writes it",
				ar->path, e->d_name);
	}
	closedir(d);
}

static void report(struct archive *ar, const char *name, const struct walk *w, const char *what)
{
	ar->host->log(ar->host->c, LOG_ERR,
		"%s/%s: damaged from octet %" PRIu64 " on, %" PRIu64 " octets: %s%s%s", ar->path,
		name, w->off, w->len, what, w->member.uid_len ? ", message " : "", w->member.uid);
}

/* Inflates each member of a segment up to end. *damaged counts what is not as it should be. */
static int check_members(
	struct archive *ar, int fd, const char *name, uint64_t end, uint64_t *damaged)
{
	int bad = RESTANTE_OK;
	enum walked found;
	const char *why;
	struct walk w;

	if (archive_walk_begin(&w, fd, 0, end))
		return archive_failed(ar, "read", name);
	while (!bad && (found = archive_walk(&w)) != WALK_END) {
		why = NULL;
		if (found == WALK_FAILED) {
			bad = archive_failed(ar, "read", name);
		} else if (found == WALK_DAMAGE) {
			why = "no members";
			w.member = (struct member){0};
		} else {
			bad = archive_verify(ar, fd, w.off, &w.member, &why);
			if (bad == RESTANTE_PERM)
				bad = RESTANTE_OK;
			else if (w.member.state != MEMBER_ALIVE && w.member.state != MEMBER_DEAD)
				why = "its state is neither alive nor dead";
		}
		if (why) {
			report(ar, name, &w, why);
			++*damaged;
		}
	}
	archive_walk_end(&w);
	return bad;
}

static int check_segment(struct archive *ar, const struct index_segment *seg, uint64_t *damaged)
{
	int fd = archive_segment_open(ar, seg->number, O_RDONLY), bad;
	char name[SEGMENT_NAME];

	archive_segment_name(seg->number, name);
	if (fd < 0)
		return errno == ENOENT ? RESTANTE_OK : archive_failed(ar, "open", name);
	bad = check_members(ar, fd, name, seg->size, damaged);
	close(fd);
	return bad;
}

/* Every segment in turn. *damaged counts what was found and not mended. */
static int tend(struct archive *ar, const struct segments *l, uint32_t tasks, uint64_t *damaged)
{
	int result = RESTANTE_OK;

	for (size_t i = 0; i < l->n; i++) {
		uint32_t number = l->segment[i].number;
		uint64_t here = 0;
		int bad = RESTANTE_OK;

		if (tasks & (RESTANTE_CHECK | RESTANTE_REPAIR))
			bad = check_segment(ar, &l->segment[i], &here);
		if (!bad && here && tasks & RESTANTE_REPAIR) {
			bad = archive_rewrite(ar, number, REWRITE_REPAIR);
			here = bad ? here : 0;
		} else if (!bad && tasks & RESTANTE_COMPACT) {
			bad = archive_rewrite(ar, number, REWRITE_COMPACT);
		}
		*damaged += here;
		if (!result)
			result = bad;
	}
	return result;
}

/* The segments, the last one settled, so that a delivery at work does not look like damage. */
static int gather(struct archive *ar, struct segments *l)
{
	int bad = archive_append_lock(ar);
	struct tail t;

	if (bad)
		return bad;
	bad = archive_settle(ar, &t);
	if (!bad)
		bad = archive_segments(ar, l);
	archive_append_unlock(ar);
	return bad;
}

int archive_maintain(void *st, uint32_t tasks)
{
	struct archive *ar = st;
	struct segments l = {0};
	uint64_t damaged = 0;
	int bad = RESTANTE_OK;

	if (tasks & RESTANTE_CLEAN)
		clean(ar);
	if (!(tasks & (RESTANTE_CHECK | RESTANTE_REPAIR | RESTANTE_COMPACT)))
		return RESTANTE_OK;
	if (tasks & (RESTANTE_REPAIR | RESTANTE_COMPACT))
		bad = archive_session(ar);
	if (!bad)
		bad = gather(ar, &l);
	if (!bad)
		bad = tend(ar, &l, tasks, &damaged);
	archive_segments_free(&l);
	if (!bad && damaged)
		bad = RESTANTE_PERM;
	return bad;
}
