/* notify - the service manager's datagram socket; a handful of lines, so libsystemd is not needed.
 */
#define _GNU_SOURCE
#include "sys/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	n = strlen(path);
	if (n >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0'; /* an abstract socket */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	(void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

static void notify_with(const char *state, const char *status)
{
	char text[512];

	snprintf(text, sizeof(text), "%s\nMAINPID=%ld%s%s", state, (long)getpid(),
		status != NULL ? "\nSTATUS=" : "", status != NULL ? status : "");
	notify(text);
}

void notify_ready(const char *status)
{
	notify_with("READY=1", status);
}

void notify_reloading(void)
{
	char text[128];
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
	notify(text);
}

void notify_stopping(void)
{
	notify("STOPPING=1");
}

void notify_status(const char *status)
{
	char text[512];

	snprintf(text, sizeof(text), "STATUS=%s", status);
	notify(text);
}
