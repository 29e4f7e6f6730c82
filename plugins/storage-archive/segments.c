/* segments.c - the segment files of the folder: NNNNNNNN.mbox.gz, in the order of their numbers. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"

enum { DIGITS = 8 };
#define SUFFIX ".mbox.gz"

void archive_segment_name(uint32_t number, char name[SEGMENT_NAME])
{
	snprintf(name, SEGMENT_NAME, "%0*" PRIu32 SUFFIX, DIGITS, number);
}

/* The number in a name; 0 = it is none of ours. */
static uint32_t number_of(const char *name)
{
	uint32_t n = 0;

	for (int i = 0; i < DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		n = n * 10 + (uint32_t)(name[i] - '0');
	}
	return strcmp(name + DIGITS, SUFFIX) == 0 ? n : 0;
}

int archive_segment_open(struct archive *ar, uint32_t number, int flags)
{
	char name[SEGMENT_NAME];

	archive_segment_name(number, name);
	return openat(ar->root, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
}

/* Adds what has that name, if it is a file. */
static int add(struct archive *ar, struct segments *l, const char *name, uint32_t number)
{
	struct stat st;

	if (fstatat(ar->root, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? RESTANTE_OK : archive_failed(ar, "read", name);
	if (!S_ISREG(st.st_mode))
		return RESTANTE_OK;
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 16;
		struct index_segment *p = realloc(l->segment, room * sizeof(*p));

		if (!p)
			return archive_failed(ar, "read", name);
		l->segment = p;
		l->room = room;
	}
	l->segment[l->n++] = (struct index_segment){.number = number,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.sec = st.st_mtim.tv_sec,
		.nsec = st.st_mtim.tv_nsec};
	return RESTANTE_OK;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct index_segment *)a)->number;
	uint32_t y = ((const struct index_segment *)b)->number;

	return (x > y) - (x < y);
}

int archive_segments(struct archive *ar, struct segments *l)
{
	int fd = openat(ar->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), bad = RESTANTE_OK;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	l->n = 0;
	if (!d) {
		bad = archive_failed(ar, "read", "");
		if (fd >= 0)
			close(fd);
		return bad;
	}
	for (errno = 0; !bad && (e = readdir(d)); errno = 0) {
		uint32_t number = number_of(e->d_name);

		if (number)
			bad = add(ar, l, e->d_name, number);
	}
	if (!bad && errno)
		bad = archive_failed(ar, "read", "");
	closedir(d);
	if (l->n)
		qsort(l->segment, l->n, sizeof(*l->segment), by_number);
	return bad;
}

void archive_segments_free(struct segments *l)
{
	free(l->segment);
	*l = (struct segments){0};
}
