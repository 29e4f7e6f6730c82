/* pidfile - a record lock on the file says who is alive, its text only repeats that for people:
 * what a crash left behind never counts. The kernel tells the holder of a record lock by its id. */
#define _GNU_SOURCE
#include "sys/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static pid_t holder(int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_GETLK, &l) == -1 || l.l_type == F_UNLCK ? 0 : l.l_pid;
}

int pidfile_lock(const char *path, pid_t *other)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int saved;

	*other = 0;
	if (fd == -1)
		return -1;
	if (fcntl(fd, F_SETLK, &l) == 0)
		return fd;
	saved = errno == EACCES ? EAGAIN : errno;
	if (saved == EAGAIN)
		*other = holder(fd);
	close(fd);
	errno = saved;
	return -1;
}

int pidfile_write(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) == -1)
		return -1;
	return pwrite(fd, text, (size_t)n, 0) == n ? 0 : -1;
}

pid_t pidfile_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	pid_t pid;

	if (fd == -1)
		return 0;
	pid = holder(fd);
	close(fd);
	return pid;
}
