/* record - what the auth plugins say about a user.
 *
 * The plugins are asked in a child with the rights of a worker: a file that only root can read must
 * not look readable here and fail in the server. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tool/tool.h"
#include "plug/host.h"
#include "sys/drop.h"

#define GRACE 1 /* seconds between the plugin's deadline and the end */

struct question {
	const struct conf *conf;
	const char *service, *name, *password;
	void (*each)(const char *plugin, int result);
};

const char *record_text(int result)
{
	switch (result) {
	case RESTANTE_OK:
		return "yes";
	case RESTANTE_DENY:
		return "no: wrong password, or the user may not log in";
	case RESTANTE_NONE:
		return "does not know the user";
	case RESTANTE_TEMP:
		return "cannot find out now";
	case RESTANTE_PERM:
		return "cannot find out until an administrator mends something";
	default:
		return "gives an answer that is none";
	}
}

/* --- the child -------------------------------------------------------------------------------- */

static int ask_plugin(const struct question *q, const struct plug *plug, struct restante_user *user)
{
	const struct restante_auth *a = plug->entry->auth;
	const struct restante_request request = {.size = sizeof(request),
		.user = q->name,
		.service = q->service,
		.client_ip = "",
		.server_ip = ""};
	struct host *host = mem_alloc(1, sizeof(*host)); /* the answer lives in it: not freed */
	void *au = NULL;
	int result;

	*user = (struct restante_user){.size = sizeof(*user)};
	if (host_open(host, plug, NULL) != RESTANTE_OK)
		return RESTANTE_PERM;
	host_deadline(host, conf_num(q->conf, "auth_timeout") * 1000);
	if (RESTANTE_HAS(a, open) && (result = a->open(&host->api, &au)) != RESTANTE_OK)
		return result;
	if (q->password != NULL)
		return RESTANTE_HAS(a, verify) ? a->verify(au, &request, q->password, user)
					       : RESTANTE_NONE;
	return RESTANTE_HAS(a, lookup) ? a->lookup(au, &request, user) : RESTANTE_NONE;
}

/* Loads the auth plugins and gives up root's rights. The number of plugins, or -1. */
static int prepare(const struct conf *c, struct plug *plugs)
{
	struct buf why = {0};
	uint32_t needs = 0;
	uid_t uid;
	gid_t gid;
	int n = 0;

	for (size_t i = 0; i < conf_plugins(c); i++) {
		const struct conf_plugin *p = conf_plugin(c, i);

		if ((p->kinds & CONF_AUTH) == 0)
			continue;
		plugs[n] = (struct plug){p, plug_load(p->name, p->file, &why)};
		if (plugs[n++].entry == NULL) {
			complain("%s", why.p);
			return -1;
		}
		needs |= p->needs;
	}
	if (geteuid() != 0 || ((needs & RESTANTE_NEEDS_ROOT) != 0 && conf_num(c, "auth_root") != 0))
		return n;
	if (drop_lookup(conf_str(c, "auth_user"), &uid, &gid) == -1 ||
		drop_exec(uid, gid, 0) == -1) {
		complain("cannot become %s: %m", conf_str(c, "auth_user"));
		return -1;
	}
	return n;
}

static _Noreturn void child(const struct question *q, int fd)
{
	const struct channel out = {.fd = fd, .self = ROLE_WORKER, .peer = ROLE_AUTH};
	struct plug *plugs = mem_alloc(conf_plugins(q->conf) + 1, sizeof(*plugs));
	struct restante_user user = {.size = sizeof(user)};
	struct msg *m = mem_alloc(1, sizeof(*m));
	int n = prepare(q->conf, plugs), i = -1, result = RESTANTE_NONE;

	if (n == -1)
		_exit(EXIT_FAILURE);
	(void)signal(SIGPIPE, SIG_IGN);
	alarm((unsigned)conf_num(q->conf, "auth_timeout") + GRACE);
	while (result == RESTANTE_NONE && ++i < n) {
		result = ask_plugin(q, &plugs[i], &user);
		if (q->each != NULL)
			q->each(plugs[i].conf->name, result);
	}
	if (result != RESTANTE_OK)
		user = (struct restante_user){.size = sizeof(user)};
	else if (user.name == NULL || user.name[0] == '\0')
		user.name = q->name;
	msg_start(m, MSG_VERIFIED);
	msg_put_u32(m, (uint32_t)(i < n ? i : n - 1));
	msg_put_u32(m, (uint32_t)-result);
	msg_put_user(m, &user);
	msg_put_bytes(m, "", 0);
	_exit(msg_send(&out, m) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* --- the parent ------------------------------------------------------------------------------- */

/* The name of auth plugin i. */
static const char *plugin_name(const struct conf *c, uint32_t i)
{
	for (size_t j = 0; j < conf_plugins(c); j++)
		if ((conf_plugin(c, j)->kinds & CONF_AUTH) != 0 && i-- == 0)
			return conf_plugin(c, j)->name;
	return "";
}

static int take(const struct conf *c, int fd, struct record *r)
{
	const struct channel in = {.fd = fd, .self = ROLE_AUTH, .peer = ROLE_WORKER};
	size_t n;

	if (msg_recv(&in, &r->msg) != MSG_GOT)
		return -1;
	r->plugin = plugin_name(c, msg_get_u32(&r->msg));
	r->result = -(int)msg_get_u32(&r->msg);
	r->user.size = sizeof(r->user);
	msg_get_user(&r->msg, &r->user, r->attrs, RECORD_ATTRS);
	(void)msg_get_bytes(&r->msg, &n);
	return msg_end(&r->msg) ? 0 : -1;
}

int record_find(const struct conf *c, const char *service, const char *name, const char *password,
	void (*each)(const char *plugin, int result), struct record *r)
{
	const struct question q = {c, service, name, password, each};
	int fds[2], status = 0, result;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1 ||
		(pid = fork()) == -1) {
		complain("cannot start a process: %m");
		return -1;
	}
	if (pid == 0) {
		close(fds[0]);
		child(&q, fds[1]);
	}
	close(fds[1]);
	result = take(c, fds[0], r);
	close(fds[0]);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		complain("asking the auth plugins: %s",
			WTERMSIG(status) == SIGALRM ? "none answered within auth_timeout"
						    : strsignal(WTERMSIG(status)));
	return result;
}

/* What the spawner would say, and what it could not do. */
static void check_uid(const struct conf *c, const struct restante_user *u, struct buf *why)
{
	int root = geteuid() == 0;
	const char *one = conf_str(c, "session_user"), *refused = conf_user_refused(c, u, root);
	uid_t uid;
	gid_t gid;

	if (refused != NULL)
		buf_printf(why, "uid %u, gid %u: %s", u->uid, u->gid, refused);
	else if (root && one[0] != '\0' && (drop_lookup(one, &uid, &gid) == -1 || uid != u->uid))
		buf_printf(why, "uid %u is not that of session_user, %s", u->uid, one);
}

int record_check(const struct conf *c, const struct restante_user *u, struct buf *why)
{
	if (conf_user_check(c, u) != RESTANTE_OK)
		buf_printf(why, "the record has settings that it may not have");
	else
		check_uid(c, u, why);
	return why->len > 0 ? -1 : 0;
}
