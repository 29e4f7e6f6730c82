/* ask - questions to a server that runs: who, penalty, auth flush.
 *
 * Each generation of the server has its own roles, and after a reload old ones go on as long as
 * they have sessions: all are asked. What they answer is printed as it comes (ipc/control.h). */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "ctl/ctl.h"
#include "ipc/control.h"
#include "ipc/msg.h"

enum { PATIENCE_S = 10 };

struct asked {
	const struct control_row *row;
	const char *argument;
	size_t roles;       /* that have answered */
	unsigned long done; /* the sum of what they say */
};

/* The socket; -1 with errno. */
static int reach(const char *path)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;

	if (fd == -1)
		return -1;
	if (str_copy(to.sun_path, sizeof(to.sun_path), path) == -1)
		errno = ENAMETOOLONG;
	else if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
		 setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
		 connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int say(int fd, const struct asked *a)
{
	struct buf line = {0};
	ssize_t n;

	buf_printf(&line, "%s%s%s\n", a->row->words, a->argument != NULL ? " " : "",
		a->argument != NULL ? a->argument : "");
	n = send(fd, line.p, line.len, MSG_NOSIGNAL);
	n = n == (ssize_t)line.len ? 0 : -1;
	buf_free(&line);
	return (int)n;
}

/* Prints what comes. 0; 1 = it has gone without a word; -1 after a message. */
static int hear(FILE *f, const char *path, struct asked *a)
{
	char *line = NULL;
	size_t cap = 0, lines = 0;
	int result = 2;

	while (result == 2 && getline(&line, &cap, f) > 0) {
		if (strncmp(line, CONTROL_DONE, strlen(CONTROL_DONE)) == 0) {
			a->done += strtoul(line + strlen(CONTROL_DONE), NULL, 10);
			a->roles++;
			result = 0;
		} else if (strncmp(line, CONTROL_ERROR, strlen(CONTROL_ERROR)) == 0) {
			result = -complain("%s: %s", path, line + strlen(CONTROL_ERROR));
		} else {
			fputs(line, stdout);
			lines++;
		}
	}
	free(line);
	if (result == 2 && lines == 0 && feof(f))
		result = 1;
	else if (result == 2)
		result = -complain("%s: the answer broke off", path);
	return result;
}

/* 0; -1 after a message. Where nobody listens any more there is nothing to be asked. */
static int ask_one(const char *path, struct asked *a)
{
	int fd = reach(path), result;
	FILE *f;

	if (fd == -1 && (errno == ECONNREFUSED || errno == ENOENT))
		return 0;
	if (fd == -1)
		return -complain("%s: %m", path);
	f = say(fd, a) == 0 ? fdopen(fd, "r") : NULL;
	if (f == NULL) {
		result = errno == EPIPE ? 0 : -complain("%s: %m", path);
		close(fd);
		return result;
	}
	result = hear(f, path, a);
	fclose(f);
	return result == -1 ? -1 : 0;
}

/* Is it a socket of that role? */
static int is_of(const char *name, const char *role)
{
	size_t n = strlen(role);

	return strncmp(name, role, n) == 0 && name[n] == '.';
}

static int ask_all(const char *folder, struct asked *a)
{
	struct dirent **names;
	int n = scandir(folder, &names, NULL, versionsort), result = 0;

	if (n == -1 && errno != ENOENT)
		return -complain("%s: %m", folder);
	for (int i = 0; i < n; i++) {
		struct buf path = {0};

		buf_printf(&path, "%s/%s", folder, names[i]->d_name);
		if (is_of(names[i]->d_name, role_name(a->row->role)) &&
			ask_one(buf_str(&path), a) == -1)
			result = -1;
		buf_free(&path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	if (result == 0 && a->roles == 0)
		return -complain("the server is not running (%s: nobody answers)", folder);
	return result;
}

static int ask(const struct ctl *ctl, struct asked *a)
{
	struct conf *c = tool_conf(ctl->file, false);
	struct buf folder = {0};
	int result;

	if (c == NULL)
		return EXIT_FAILURE;
	buf_printf(&folder, "%s/" CONTROL_FOLDER, conf_str(c, "runtime_dir"));
	conf_free(c);
	result = ask_all(buf_str(&folder), a);
	buf_free(&folder);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int ctl_who(const struct ctl *ctl, int argc, char **argv)
{
	struct asked a = {.row = &control_rows[CONTROL_WHO]};

	(void)argv;
	return argc == 0 ? ask(ctl, &a) : USAGE;
}

int ctl_penalty_list(const struct ctl *ctl, int argc, char **argv)
{
	struct asked a = {.row = &control_rows[CONTROL_PENALTY_LIST]};

	(void)argv;
	return argc == 0 ? ask(ctl, &a) : USAGE;
}

int ctl_penalty_clear(const struct ctl *ctl, int argc, char **argv)
{
	struct asked a = {.row = &control_rows[CONTROL_PENALTY_CLEAR], .argument = argv[0]};

	if (argc != 1 || ask(ctl, &a) != EXIT_SUCCESS)
		return argc != 1 ? USAGE : EXIT_FAILURE;
	printf("cleared = %lu\n", a.done);
	return EXIT_SUCCESS;
}

int ctl_auth_flush(const struct ctl *ctl, int argc, char **argv)
{
	struct asked a = {.row = &control_rows[CONTROL_AUTH_FLUSH], .argument = argv[0]};

	if (argc > 1 || ask(ctl, &a) != EXIT_SUCCESS)
		return argc > 1 ? USAGE : EXIT_FAILURE;
	printf("forgotten = %lu\n", a.done);
	return EXIT_SUCCESS;
}
