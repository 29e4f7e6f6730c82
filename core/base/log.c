/* log - one line, one datagram.
 *
 * Whether descriptor 2 is syslog's socket is asked of the kernel at each line: two system calls
 * are cheap beside a log line, and no process needs a flag that it would have to inherit. */
#define _GNU_SOURCE
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LOG_FD 2
#define TEXT_MAX 1024

int log_is_syslog(void)
{
	int type = 0;
	socklen_t n = sizeof(type);

	return getsockopt(LOG_FD, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_DGRAM;
}

static void clean(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void log_vline(int priority, const char *fmt, va_list ap)
{
	int saved = errno;
	char text[TEXT_MAX], line[TEXT_MAX + 128];
	int n;

	errno = saved; /* for %m */
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		return;
	clean(text);
	if (log_is_syslog()) {
		n = snprintf(line, sizeof(line), "<%d>%s[%ld]: %s", LOG_MAIL | priority,
			program_invocation_short_name, (long)getpid(), text);
		(void)!send(LOG_FD, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	} else {
		n = snprintf(line, sizeof(line), "%s[%ld]: %s\n", program_invocation_short_name,
			(long)getpid(), text);
		(void)!write(LOG_FD, line, (size_t)n);
	}
	errno = saved;
}

void log_line(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vline(priority, fmt, ap);
	va_end(ap);
}

_Noreturn void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vline(LOG_CRIT, fmt, ap);
	va_end(ap);
	exit(EXIT_FAILURE);
}

static int is_plain(const char *value)
{
	if (*value == '\0')
		return 0;
	for (; *value != '\0'; value++)
		if (*value <= ' ' || *value > '~' || *value == '"' || *value == '\\' ||
			*value == '=')
			return 0;
	return 1;
}

void log_field(struct buf *line, const char *key, const char *value)
{
	buf_printf(line, "%s%s=", line->len > 0 ? " " : "", key);
	if (is_plain(value)) {
		buf_add(line, value, strlen(value));
		return;
	}
	buf_add(line, "\"", 1);
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\')
			buf_printf(line, "\\%c", c);
		else if (c < ' ' || c > '~')
			buf_printf(line, "\\x%02x", c);
		else
			buf_add(line, value, 1);
	}
	buf_add(line, "\"", 1);
}

int log_to_syslog(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 || dup2(fd, LOG_FD) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	close(fd);
	return 0;
}
