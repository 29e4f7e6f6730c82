/* child - from a fork of the spawner to a session that is nothing but its user. */
#define _GNU_SOURCE
#include "session/spawner.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "plug/become.h"

enum { CHILD_FD = 0, FIRST_OTHER_FD = 3 };

void child_separate(int fd)
{
	static const sigset_t none; /* empty */

	if (dup2(fd, CHILD_FD) == -1 || close_range(FIRST_OTHER_FD, ~0U, 0) == -1 ||
		sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		die("cannot separate a process: %m");
}

/* The spawner's system call filter is inherited. What it allows beyond a session's needs is a
 * change of uid, which has no effect any more, and fork, which ends here. A second filter would say
 * the same and cost a third of a login. */
static int forbid_fork(uint32_t needs)
{
	static const struct rlimit none = {0, 0};

	if ((needs & (RESTANTE_NEEDS_FORK | RESTANTE_NEEDS_THREADS)) == 0 &&
		setrlimit(RLIMIT_NPROC, &none) == -1) {
		log_line(LOG_ERR, "cannot forbid a session to fork: %m");
		return -1;
	}
	return 0;
}

int child_become(const struct spawner *s, const struct restante_user *u, const struct host *host)
{
	const struct plug *plug = host->plug;
	struct buf why = {0};

	if (become_owner(u, host, s->start.privileged, &why) == -1) {
		log_line(LOG_ERR, "user=%s: %s", u->name, why.p);
		return -1;
	}
	if (filter_install(&s->filters[plug - s->plugs]) == -1) {
		log_line(LOG_ERR, "user=%s: system call filter: %m", u->name);
		return -1;
	}
	return forbid_fork(plug->conf->needs);
}

const struct plug *child_host(struct spawner *s, const struct restante_user *u, struct host *host)
{
	const struct conf_plugin *storage;
	const struct plug *plug;

	if (conf_user_check(s->conf, u) != RESTANTE_OK ||
		(storage = conf_user_storage(s->conf, u)) == NULL)
		return NULL;
	plug = plug_of(s->plugs, s->nplugs, storage);
	return plug != NULL && host_open(host, plug, u) == RESTANTE_OK ? plug : NULL;
}

static void refuse(struct session *session)
{
	char text[REPLY_MAX];
	size_t n =
		reply_format(text, sizeof(text), session->client->language, REPLY_OPEN_PERM, 0, 0);

	(void)!write(session->client->fd, text, n);
	session->end = END_OPEN_PERM;
	session_report(session);
}

_Noreturn void child_run(struct spawner *s, const struct restante_user *u, struct client *c)
{
	struct session session = {.conf = s->conf, .client = c, .user = u, .began = clock_ms()};
	const struct plug *plug;

	child_separate(c->fd);
	c->fd = CHILD_FD;
	plug = child_host(s, u, &session.host);
	if (plug == NULL || child_become(s, u, &session.host) == -1)
		refuse(&session);
	else
		session_serve(&session, plug);
	_exit(0);
}
