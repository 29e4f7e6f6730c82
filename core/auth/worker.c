/* restante-worker - the role that checks passwords: loads an auth plugin, takes one question at a
 * time from auth and answers it. There are some for each plugin, so that each has the rights and
 * the sandbox that this plugin declares and no other's. Whatever a plugin does to this process, it
 * has no socket to a client, no mail, and only the files that the plugin's settings name. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "auth/backend.h"
#include "base/log.h"
#include "base/wipe.h"
#include "conf/wire.h"
#include "ipc/role.h"
#include "sys/drop.h"
#include "sys/filter.h"
#include "sys/landlock.h"

enum { NOFILE = 256, PATHS = 256 };

struct worker {
	struct role_start start;
	struct conf *conf;
	struct backend backend;
	struct channel auth; /* fd -1: it died, another will come */
	struct buf extra;
	int draining;
	struct msg in, out;
};

/* --- start --- */

static void load(struct worker *w)
{
	struct buf why = {0};

	if (conf_from_fd(w->start.config, &w->conf) == -1)
		role_fail(&w->start, "the configuration cannot be read");
	close(w->start.config);
	if (backend_load(&w->backend, w->conf, &why) == -1)
		role_fail(&w->start, "%s", buf_str(&why));
}

struct paths {
	struct landlock_path path[PATHS];
	size_t n;
};

static int add_path(void *arg, const char *path, uint32_t flags)
{
	struct paths *p = arg;

	if (p->n == PATHS)
		return -1;
	p->path[p->n++] = (struct landlock_path){path, flags};
	return 0;
}

/* A plugin that runs programs or is root (PAM) reads files that no setting names: closing the file
 * system would break it. All others get theirs and nothing else. */
static void close_files(struct worker *w)
{
	struct paths p = {.n = 0};
	const char *failed = "";

	if ((w->backend.needs & (RESTANTE_NEEDS_ROOT | RESTANTE_NEEDS_FORK)) != 0)
		return;
	if (host_paths(&w->backend.host, add_path, &p) != 0)
		role_fail(&w->start, "more than %d paths in the plugin's settings", PATHS);
	if (landlock_enter(p.path, p.n, w->backend.needs, &failed) == -1)
		role_fail(&w->start, "cannot close the file system: %s: %m", failed);
}

static void confine(struct worker *w)
{
	int root = w->start.privileged && geteuid() == 0; /* the master has decided that */
	struct filter f;

	if (!root)
		w->backend.needs &= ~(uint32_t)RESTANTE_NEEDS_ROOT;
	(void)drop_limits(NOFILE);
	if ((root ? drop_confine_root() : drop_confine(w->start.privileged, 0)) == -1)
		role_fail(&w->start, "cannot give up privileges: %m");
	close_files(w);
	if (filter_build(&f, FILTER_WORKER, w->backend.needs) == -1 || filter_install(&f) == -1)
		role_fail(&w->start, "cannot install a system call filter: %m");
	filter_free(&f);
}

static void open_backend(struct worker *w)
{
	struct buf why = {0};

	if (backend_open(&w->backend, &why) == -1)
		role_fail(&w->start, "%s", buf_str(&why));
}

/* --- work --- */

static void answer(struct worker *w, uint32_t id, int result, const struct restante_user *user)
{
	const struct restante_user nobody = {.size = sizeof(nobody)};

	msg_start(&w->out, MSG_VERIFIED);
	msg_put_u32(&w->out, id);
	msg_put_u32(&w->out, (uint32_t)-result);
	msg_put_user(&w->out, result == RESTANTE_OK ? user : &nobody);
	msg_put_bytes(&w->out, w->extra.p, result == RESTANTE_OK ? w->extra.len : 0);
	if (msg_send(&w->auth, &w->out) == 0)
		return;
	if (errno != EMSGSIZE)
		return; /* auth has gone: poll says so */
	log_line(LOG_ERR, "user %s: expected a shorter record", user->name);
	answer(w, id, RESTANTE_PERM, &nobody);
}

static void serve(struct worker *w)
{
	struct msg *m = &w->in;
	uint32_t id = msg_get_u32(m), what = msg_get_u32(m);
	struct restante_request q = {.size = sizeof(q)};
	struct restante_user user = {.size = sizeof(user)};
	const char *secret;
	int result;

	q.service = msg_get_str(m);
	q.user = msg_get_str(m);
	q.client_ip = msg_get_str(m);
	q.server_ip = msg_get_str(m);
	q.flags = msg_get_u32(m) != 0 ? RESTANTE_REQUEST_TLS : 0;
	secret = msg_get_str(m);
	if (!msg_end(m) || what >= VERIFY_COUNT)
		die("auth and this program do not fit together");
	result = backend_ask(&w->backend, (enum verify_what)what, &q, secret, &user, &w->extra);
	answer(w, id, result, &user);
	wipe(m->data, m->len);
	wipe(w->out.data, w->out.len);
	if (w->extra.len > 0)
		wipe(w->extra.p, w->extra.len);
	w->extra.len = 0;
}

static void take_peer(struct worker *w, const struct channel *c)
{
	if (w->auth.fd != -1)
		close(w->auth.fd);
	w->auth = *c;
}

_Noreturn static void finish(struct worker *w)
{
	backend_close(&w->backend);
	exit(EXIT_SUCCESS);
}

static void from_master(struct worker *w)
{
	struct channel c;

	switch (msg_recv(&w->start.master, &w->in)) {
	case MSG_GOT:
		if (w->in.type == MSG_PEER && role_peer(&w->in, ROLE_WORKER, &c) == 0)
			take_peer(w, &c);
		else if (w->in.type == MSG_DRAIN)
			w->draining = 1;
		else if (w->in.type != MSG_PEER && w->in.fd != -1)
			close(w->in.fd);
		break;
	case MSG_CLOSED:
		finish(w);
	default:
		break;
	}
}

static void from_auth(struct worker *w)
{
	switch (msg_recv(&w->auth, &w->in)) {
	case MSG_GOT:
		serve(w);
		break;
	case MSG_CLOSED:
		close(w->auth.fd);
		w->auth.fd = -1;
		break;
	default:
		break;
	}
}

static void loop(struct worker *w)
{
	while (!w->draining || w->auth.fd != -1) {
		struct pollfd fds[2] = {{.fd = w->auth.fd, .events = POLLIN},
			{.fd = w->start.master.fd, .events = POLLIN}};

		if (poll(fds, 2, -1) == -1) {
			if (errno != EINTR)
				die("poll: %m");
			continue;
		}
		if (fds[0].revents != 0)
			from_auth(w);
		if (fds[1].revents != 0)
			from_master(w);
	}
}

int main(void)
{
	static struct worker role; /* of the process; too large for a stack */
	struct worker *w = &role;

	w->auth.fd = -1;
	role_begin(&w->start, ROLE_WORKER);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		role_fail(&w->start, "cannot ignore SIGPIPE: %m");
	for (size_t i = 0; i < w->start.npeers; i++)
		take_peer(w, &w->start.peers[i]);
	load(w);
	confine(w);
	open_backend(w);
	role_ready(&w->start);
	loop(w);
	finish(w);
}
