/* child - from a fork of the spawner to a session that is nothing but its user. */
#define _GNU_SOURCE
#include "session/spawner.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/log.h"
#include "conf/conf.h"
#include "plug/become.h"

enum { CLIENT_FD = 0, FIRST_OTHER_FD = 3 };

/* The client is descriptor 0; what the spawner had open is closed. */
static void keep_client_only(struct client *c)
{
	static const sigset_t none; /* empty */

	if (dup2(c->fd, CLIENT_FD) == -1 || close_range(FIRST_OTHER_FD, ~0U, 0) == -1 ||
		sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		die("cannot separate a session: %m");
	c->fd = CLIENT_FD;
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

/* 0, or -1 and a line in the log. */
static int become(const struct spawner *s, const struct session *session, const struct plug *plug)
{
	const struct restante_user *u = session->user;
	struct buf why = {0};

	if (become_owner(u, &session->host, s->start.privileged, &why) == -1) {
		log_line(LOG_ERR, "user=%s: %s", u->name, why.p);
		return -1;
	}
	if (filter_install(&s->filters[plug - s->plugs]) == -1) {
		log_line(LOG_ERR, "user=%s: system call filter: %m", u->name);
		return -1;
	}
	return forbid_fork(plug->conf->needs);
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
	struct session session = {.conf = s->conf, .client = c, .user = u};
	const struct conf_plugin *storage;
	const struct plug *plug = NULL;

	keep_client_only(c);
	if (conf_user_check(s->conf, u) == RESTANTE_OK &&
		(storage = conf_user_storage(s->conf, u)) != NULL)
		plug = plug_of(s->plugs, s->nplugs, storage);
	if (plug == NULL || host_open(&session.host, plug, u) != RESTANTE_OK ||
		become(s, &session, plug) == -1)
		refuse(&session);
	else
		session_serve(&session, plug);
	_exit(0);
}
