/* mailbox stat - how much there is in a mailbox, and what it takes on disk. */
#define _GNU_SOURCE
#include "ctl/mailbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 512, DEPTH = 16 }; /* of st_blocks; of folders */

/* What a file, or a folder with all that is in it, takes on disk. Links are not followed. */
static uint64_t disk_use(int at, const char *name, int depth)
{
	struct dirent *e;
	uint64_t sum;
	struct stat st;
	DIR *d = NULL;
	int fd;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	sum = (uint64_t)st.st_blocks * BLOCK;
	if (!S_ISDIR(st.st_mode) || depth == DEPTH)
		return sum;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL)
		return sum;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			sum += disk_use(fd, e->d_name, depth + 1);
	closedir(d);
	return sum;
}

static int print_path(void *arg, const char *path, uint32_t flags)
{
	(void)arg;
	(void)flags;
	printf("disk = %" PRIu64 " %s\n", disk_use(AT_FDCWD, path, 0), path);
	return 0;
}

static int print(struct mailbox *m)
{
	int64_t oldest = 0, newest = 0;
	char date[MAILBOX_DATE];
	struct mails all;

	if (mails_load(&all, m) == -1)
		return EXIT_FAILURE;
	for (size_t i = 0; i < all.n; i++) {
		int64_t when = all.list[i]->received;

		if (when != 0 && (oldest == 0 || when < oldest))
			oldest = when;
		if (when > newest)
			newest = when;
	}
	printf("storage = %s\nmessages = %zu\noctets = %" PRIu64 "\n", m->name, all.n, all.octets);
	mailbox_date(oldest, date);
	printf("oldest = %s\n", date);
	mailbox_date(newest, date);
	printf("newest = %s\n", date);
	host_paths(&m->host, print_path, NULL);
	mails_free(&all);
	return EXIT_SUCCESS;
}

int ctl_mailbox_stat(const struct ctl *ctl, int argc, char **argv)
{
	return argc == 1 ? mailbox_with(ctl, argv[0], print) : USAGE;
}
