/* control - the sockets where restantectl asks a role: one for each role of a generation that can
 * be asked, in a folder that only we may enter (ipc/control.h). The master makes them, hands them
 * out and removes them; it reads nothing that comes in there. Without them the server does its
 * work. */
#define _GNU_SOURCE
#include "master/master.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/log.h"
#include "ipc/control.h"

enum { BACKLOG = 16, TRIES = 64 };

static int can_be_asked(enum role r)
{
	for (int i = 0; i < CONTROL_COUNT; i++)
		if (control_rows[i].role == r)
			return 1;
	return 0;
}

/* 0, or -1 with errno. */
static int address(const struct master *m, const char *name, struct listen_address *a)
{
	struct buf text = {0};
	const char *why;
	int result;

	buf_printf(&text, "unix:%s/" CONTROL_FOLDER "/%s", m->runtime_dir, name);
	result = listen_parse_local(buf_str(&text), a, &why);
	buf_free(&text);
	if (result == -1)
		errno = ENAMETOOLONG;
	return result;
}

/* A number is not used twice: what a file of that name is can never be in doubt. One that another
 * master's sessions, which have outlived it, still listen at is passed over. */
static int open_next(struct master *m, enum role r, struct listen_address *a)
{
	char name[32];
	int fd = -1;

	for (int i = 0; i < TRIES && fd == -1; i++) {
		snprintf(name, sizeof(name), "%s.%u", role_name(r), ++m->controls);
		if (address(m, name, a) == -1)
			return -1;
		fd = listen_open(a, BACKLOG);
		if (fd == -1 && errno != EADDRINUSE)
			return -1;
	}
	return fd;
}

void control_open(struct master *m, struct generation *g)
{
	for (enum role r = ROLE_LOGIN; r < ROLES; r++) {
		struct control *c = &g->controls[r];

		if (!can_be_asked(r))
			continue;
		c->fd = open_next(m, r, &c->address);
		if (c->fd == -1)
			log_line(LOG_WARNING,
				"runtime_dir: %s/" CONTROL_FOLDER
				": no socket for %s: %s; restantectl "
				"cannot ask it",
				m->runtime_dir, role_name(r), strerror(errno));
	}
}

void control_close(struct generation *g)
{
	for (enum role r = ROLE_LOGIN; r < ROLES; r++) {
		if (g->controls[r].fd != -1)
			close(g->controls[r].fd);
		g->controls[r].fd = -1;
	}
}

void control_remove(struct generation *g)
{
	for (enum role r = ROLE_LOGIN; r < ROLES; r++)
		if (g->controls[r].address.len != 0)
			listen_remove(&g->controls[r].address);
}

void control_sweep(const struct master *m)
{
	struct buf path = {0};
	struct listen_address a;
	struct dirent *e;
	DIR *d;

	buf_printf(&path, "%s/" CONTROL_FOLDER, m->runtime_dir);
	d = opendir(buf_str(&path));
	buf_free(&path);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (address(m, e->d_name, &a) == 0 && listen_is_stale(&a))
			listen_remove(&a);
	closedir(d);
}
