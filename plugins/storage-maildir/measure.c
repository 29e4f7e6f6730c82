/* measure.c - what a file is and holds.
 *
 * The octets on the wire are counted by the core's own measure(), so that LIST, RETR and this
 * plugin cannot disagree. A name with ,S= and ,W= (Dovecot's) saves reading the file where very
 * many are new at once: the sizes are believed when the file has as many octets as ,S= says, until
 * RETR. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir.h"

enum {
	MEASURE_BUFFER = 128 * 1024,
	FILE_COST = 4096 /* what opening a file costs, in octets read */
};

uint64_t file_stamp(const struct stat *st)
{
	const uint64_t word[] = {(uint64_t)st->st_ino, (uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec};
	uint64_t h = 0;

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		h = (h ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return h ? h : 1;
}

/* Does a line of the piece start with a dot? *at_start carries the line's start between pieces. */
static bool dotted(const char *p, size_t n, bool *at_start)
{
	const char *end = p + n;

	if (*at_start && *p == '.')
		return true;
	*at_start = end[-1] == '\n';
	while ((p = memchr(p, '\n', (size_t)(end - p))) && ++p < end)
		if (*p == '.')
			return true;
	return false;
}

int measure_file(struct maildir *md, int fd, const char *name, struct facts *facts, uint64_t *len)
{
	const struct restante_host *host = md->host;
	uint64_t size = (uint64_t)facts->st.st_size, wire = 0;
	bool dots = false, at_start = true;
	uint32_t state = 0;

	if (!md->buffer && !(md->buffer = malloc(MEASURE_BUFFER))) {
		errno = ENOMEM;
		return failed(md, "read", name);
	}
	for (*len = 0; *len < size;) {
		ssize_t n = pread(fd, md->buffer, MEASURE_BUFFER, (off_t)*len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(md, "read", name);
		if (n == 0)
			break;
		wire += (uint64_t)host->measure(host->c, md->buffer, (size_t)n, &state);
		*len += (uint64_t)n;
		if (wire <= *len && !dots) /* only what is stored as sent is of interest */
			dots = dotted(md->buffer, (size_t)n, &at_start);
	}
	wire += (uint64_t)host->measure(host->c, NULL, 0, &state);
	facts->octets = wire;
	facts->flags = ENTRY_EXACT;
	if (wire == *len)
		facts->flags |= dots ? ENTRY_CRLF : ENTRY_CRLF | ENTRY_NODOT;
	return RESTANTE_OK;
}

void measure_done(struct maildir *md)
{
	free(md->buffer);
	md->buffer = NULL;
}

/* The result for a file that cannot be looked at. */
static int no_file(struct maildir *md, const char *path)
{
	if (errno == ENOENT)
		return RESTANTE_GONE;
	if (errno == ELOOP || errno == ENXIO) /* a link; a pipe or a socket */
		return RESTANTE_NONE;
	return failed(md, "read", path);
}

/* Takes the octets from the file's name, if they can be believed. NONE = they cannot. */
static int believe(
	struct maildir *md, const char *path, uint64_t stored, uint64_t wire, struct facts *facts)
{
	const struct stat *st = &facts->st;

	if (fstatat(md->root, path, &facts->st, AT_SYMLINK_NOFOLLOW))
		return no_file(md, path);
	if (!S_ISREG(st->st_mode) || (uint64_t)st->st_size != stored)
		return RESTANTE_NONE;
	if (st->st_uid != md->uid || !(st->st_mode & S_IRUSR)) /* is it readable? */
		return RESTANTE_NONE;
	facts->octets = wire;
	facts->flags = 0;
	return RESTANTE_OK;
}

int measure_found(struct maildir *md, const struct found *f, struct facts *facts)
{
	uint64_t stored, wire, len = 0;
	char path[PATH_LEN + 1];
	bool hinted = name_sizes(f->rest, f->hints_len, &stored, &wire);
	int fd, bad;

	path_make(path, f->folder, f->base, f->base_len, f->rest, f->rest_len);
	if (hinted && (int64_t)stored + FILE_COST > md->hint_budget) {
		bad = believe(md, path, stored, wire, facts);
		if (bad != RESTANTE_NONE)
			return bad;
	}
	fd = openat(md->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return no_file(md, path);
	if (fstat(fd, &facts->st))
		bad = failed(md, "read", path);
	else
		bad = S_ISREG(facts->st.st_mode) ? measure_file(md, fd, path, facts, &len)
						 : RESTANTE_NONE;
	close(fd);
	if (hinted)
		md->hint_budget -= (int64_t)len + FILE_COST;
	return bad;
}
