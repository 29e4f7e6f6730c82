/* link - octets to and from the program, under a deadline.
 *
 * What the program writes to its standard error is read meanwhile, so that it cannot block there,
 * and goes to the log, a few lines for each request. */
#define _GNU_SOURCE
#include "link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { ERROR_LINES = 20 }; /* to the log, for each exchange */

int64_t link_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- its standard error ----------------------------------------------------------------------- */

static void log_error_line(struct link *l)
{
	l->error[l->error_len] = '\0';
	l->error_lines += l->error_len > 0;
	if (l->error_len > 0 && l->error_lines <= ERROR_LINES)
		l->host->log(l->host->c, LOG_NOTICE, "the program says: %s", l->error);
	else if (l->error_len > 0 && l->error_lines == ERROR_LINES + 1)
		l->host->log(l->host->c, LOG_NOTICE, "the program says more than is logged");
	l->error_len = 0;
}

/* Reads once. false = there is no more now. */
static bool read_errors(struct link *l)
{
	char piece[512];
	ssize_t n = read(l->errors, piece, sizeof(piece));

	if (n <= 0 && (n == 0 || (errno != EAGAIN && errno != EINTR))) {
		close(l->errors);
		l->errors = -1;
		n = 0;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (piece[i] == '\n' || l->error_len == LINK_ERRORS_MAX)
			log_error_line(l);
		if (piece[i] != '\n')
			l->error[l->error_len++] = piece[i];
	}
	return n > 0;
}

/* What it had to say before it ended, as far as one pipe holds it. */
static void read_last_errors(struct link *l)
{
	for (int i = 0; l->errors != -1 && i < 128 && read_errors(l); i++)
		;
	log_error_line(l);
}

/* --- begin and end ---------------------------------------------------------------------------- */

int link_prepare(struct link *l, const struct restante_host *host)
{
	l->host = host;
	l->fd = l->errors = -1;
	l->socket = host->str(host->c, "socket");
	return l->socket[0] != '\0' ? RESTANTE_OK : program_prepare(&l->program, host);
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd, saved;

	if (strlen(path) >= sizeof(a.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(a.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* To a socket of the file system this does not wait: EAGAIN where too many do already. */
	if (fd == -1 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

const char *link_open(struct link *l)
{
	l->late = false;
	if (l->socket[0] != '\0')
		l->fd = connect_to(l->socket);
	else if (program_start(&l->program, &l->fd, &l->errors) == -1)
		l->fd = -1;
	return l->fd == -1 ? strerror(errno) : NULL;
}

int link_close(struct link *l, int grace_ms)
{
	int status;

	if (l->fd != -1)
		(void)shutdown(l->fd, SHUT_WR); /* its end of file */
	status = program_end(&l->program, l->late ? 0 : grace_ms);
	if (l->errors != -1)
		read_last_errors(l);
	if (l->errors != -1)
		close(l->errors);
	if (l->fd != -1)
		close(l->fd);
	l->fd = l->errors = -1;
	explicit_bzero(l->in, sizeof(l->in));
	l->taken = l->have = 0;
	return status;
}

/* --- lines ------------------------------------------------------------------------------------ */

static const char ended[] = "it has ended";

/* NULL, or what is wrong. */
static const char *read_some(struct link *l)
{
	ssize_t n;

	if (l->have == sizeof(l->in))
		return "expected a shorter line";
	n = recv(l->fd, l->in + l->have, sizeof(l->in) - l->have, 0);
	if (n > 0)
		l->have += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		return n == 0 || errno == ECONNRESET ? ended : strerror(errno);
	return NULL;
}

/* Forgets the line that was taken. NULL, or what is wrong: something is behind it. */
static const char *forget(struct link *l)
{
	size_t more = l->have - l->taken;

	explicit_bzero(l->in, l->have);
	l->taken = l->have = 0;
	return more > 0 ? "it speaks without being asked" : NULL;
}

const char *link_check(struct link *l)
{
	const char *wrong = forget(l);

	if (wrong == NULL)
		wrong = read_some(l);
	return wrong == NULL && l->have > 0 ? forget(l) : wrong;
}

/* Sends what is left and reads what is there. */
static const char *step(struct link *l, const char **out, size_t *n, short events)
{
	const char *wrong = NULL;
	ssize_t sent;

	if ((events & (POLLIN | POLLHUP | POLLERR)) != 0)
		wrong = read_some(l);
	if (wrong != NULL || *n == 0 || (events & POLLOUT) == 0)
		return wrong;
	sent = send(l->fd, *out, *n, MSG_NOSIGNAL);
	if (sent >= 0) {
		*out += sent;
		*n -= (size_t)sent;
	} else if (errno != EAGAIN && errno != EINTR)
		wrong = errno == EPIPE || errno == ECONNRESET ? ended : strerror(errno);
	return wrong;
}

const char *link_talk(
	struct link *l, const char *out, size_t n, int64_t deadline, char **line, size_t *len)
{
	const char *wrong = forget(l), *lf = NULL;

	l->error_lines = 0;
	while (wrong == NULL && lf == NULL) {
		struct pollfd p[2] = {{l->fd, (short)(n > 0 ? POLLIN | POLLOUT : POLLIN), 0},
			{l->errors, POLLIN, 0}};
		int64_t left = deadline - link_now();

		if (left <= 0 || (poll(p, 2, (int)left) == -1 && errno != EINTR)) {
			l->late = true;
			return "no answer in time";
		}
		if (p[1].revents != 0)
			(void)read_errors(l);
		if (p[0].revents != 0)
			wrong = step(l, &out, &n, p[0].revents);
		lf = memchr(l->in, '\n', l->have);
	}
	if (wrong != NULL)
		return wrong;
	if (n > 0)
		return "it answers before it was asked";
	*line = l->in;
	*len = (size_t)(lf - l->in);
	l->taken = *len + 1;
	return NULL;
}
