/* resources - what only root can open: ports, certificates and keys. Roles get the descriptors. */
#define _GNU_SOURCE
#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/log.h"
#include "conf/wire.h"
#include "sys/drop.h"

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

/* A duplicate of a socket that another generation listens with, -1 when none does. Reloads so keep
 * the queue of connections that nobody has taken yet. */
static int shared_listener(const struct master *m, const struct listen_address *a)
{
	for (const struct generation *g = m->generations; g != NULL; g = g->next)
		for (size_t i = 0; i < g->nlisteners; i++)
			if (g->listeners[i].fd != -1 && listen_same(&g->listeners[i].address, a))
				return fcntl(g->listeners[i].fd, F_DUPFD_CLOEXEC, 3);
	return -1;
}

static int inherited_listener(struct master *m, const struct listen_address *a)
{
	for (size_t i = 0; i < m->ninherited; i++)
		if (m->inherited[i] != -1 && listen_is(m->inherited[i], a))
			return fcntl(m->inherited[i], F_DUPFD_CLOEXEC, 3);
	return -1;
}

/* The Unix socket's file is root's until here: its mode comes first, for to change that of somebody
 * else's is one more capability. 0, or -1 with errno. */
static int hand_out_file(const struct conf *c, const struct listen_address *a)
{
	static const mode_t modes[] = {0600, 0660, 0666}; /* lmtp_socket_mode */
	const char *path = a->addr.un.sun_path, *user = conf_str(c, "lmtp_socket_user");
	uid_t uid;
	gid_t gid;

	if (a->addr.sa.sa_family != AF_UNIX)
		return 0;
	if (chmod(path, modes[conf_num(c, "lmtp_socket_mode")]) == -1)
		return -1;
	if (user[0] == '\0')
		return 0;
	return drop_lookup(user, &uid, &gid) == -1 ? -1 : lchown(path, uid, gid);
}

static int open_new(const struct conf *c, const struct listen_address *a)
{
	int fd = listen_open(a, BACKLOG), saved;

	if (fd == -1 || hand_out_file(c, a) == 0)
		return fd;
	saved = errno;
	close(fd);
	listen_remove(a);
	errno = saved;
	return -1;
}

static int open_listener(struct master *m, struct generation *g, enum role role, const char *text)
{
	struct listener *l = &g->listeners[g->nlisteners];
	int (*parse)(const char *, struct listen_address *, const char **) =
		role == ROLE_LMTP ? listen_parse_local : listen_parse;
	const char *why;

	if (g->nlisteners == MASTER_LISTENERS) {
		log_line(LOG_ERR, "listen: more than %d addresses", MASTER_LISTENERS);
		return -1;
	}
	if (parse(text, &l->address, &why) == -1) {
		log_line(LOG_ERR, "listen: %s: expected %s", text, why);
		return -1;
	}
	l->role = role;
	(void)str_copy(l->text, sizeof(l->text), text);
	l->fd = shared_listener(m, &l->address);
	if (l->fd == -1)
		l->fd = inherited_listener(m, &l->address);
	if (l->fd == -1)
		l->fd = open_new(g->conf, &l->address);
	if (l->fd == -1 && errno == EAFNOSUPPORT) {
		log_line(LOG_NOTICE, "listen: %s: this system has no such addresses", text);
		return 0;
	}
	if (l->fd == -1) {
		log_line(LOG_ERR, "listen: %s: %s", text, strerror(errno));
		return -1;
	}
	g->nlisteners++;
	return 0;
}

static int open_files(struct generation *g, const char *setting)
{
	for (size_t i = 0; i < conf_count(g->conf, setting); i++) {
		struct file *f = &g->files[g->nfiles];
		struct stat st;

		if (g->nfiles == MASTER_FILES) {
			log_line(LOG_ERR, "%s: more than %d files", setting, MASTER_FILES);
			return -1;
		}
		*f = (struct file){setting, (uint32_t)i, conf_item(g->conf, setting, i), -1};
		/* A FIFO by mistake must not stop us: neither here nor in the one that reads it. */
		f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (f->fd == -1 || fstat(f->fd, &st) == -1) {
			log_line(LOG_ERR, "%s: %s: %s", setting, f->path, strerror(errno));
			return -1;
		}
		g->nfiles++;
		if (!S_ISREG(st.st_mode)) {
			log_line(LOG_ERR, "%s: %s: is no file", setting, f->path);
			return -1;
		}
	}
	return 0;
}

static int make_configs(struct generation *g)
{
	for (enum role r = ROLE_LOGIN; r < ROLES; r++) {
		if (r == ROLE_WORKER)
			continue; /* each plugin's have their own: process.c */
		g->config[r] = conf_to_fd(g->conf, BIT(r), NULL);
		if (g->config[r] == -1) {
			log_line(LOG_ERR, "cannot hand out the configuration: %s", strerror(errno));
			return -1;
		}
	}
	return 0;
}

static int open_listeners(
	struct master *m, struct generation *g, enum role role, const char *setting)
{
	for (size_t i = 0; i < conf_count(g->conf, setting); i++)
		if (open_listener(m, g, role, conf_item(g->conf, setting, i)) == -1)
			return -1;
	return 0;
}

int resources_open(struct master *m, struct generation *g)
{
	if (open_listeners(m, g, ROLE_LOGIN, "listen") == -1)
		return -1;
	if (g->nlisteners == 0) {
		log_line(LOG_ERR, "listen: no address to serve");
		return -1;
	}
	if (open_listeners(m, g, ROLE_LMTP, "listen_lmtp") == -1)
		return -1;
	if (open_files(g, "tls_cert") == -1 || open_files(g, "tls_key") == -1 ||
		open_files(g, "tls_client_ca") == -1 || open_files(g, "tls_client_crl") == -1)
		return -1;
	return make_configs(g);
}

static void close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void close_listener(struct master *m, struct listener *l)
{
	int again;

	if (l->fd == -1)
		return;
	close_fd(&l->fd);
	again = shared_listener(m, &l->address);
	if (again == -1)
		listen_remove(&l->address);
	else
		close(again);
}

void resources_close(struct master *m, struct generation *g)
{
	for (size_t i = 0; i < g->nlisteners; i++)
		close_listener(m, &g->listeners[i]);
	for (size_t i = 0; i < g->nfiles; i++)
		close_fd(&g->files[i].fd);
	for (enum role r = 0; r < ROLES; r++)
		close_fd(&g->config[r]);
	g->nlisteners = g->nfiles = 0;
}
