/* record - what the auth plugins say about a user.
 *
 * Each plugin is asked in a child with the rights of its workers: a file that only root can read
 * must not look readable here and fail in the server. */
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

/* Loads the plugin and gives up root's rights where its workers have none. 0, or -1. */
static int prepare(const struct conf *c, struct plug *plug)
{
	struct buf why = {0};
	uid_t uid;
	gid_t gid;

	plug->entry = plug_load(plug->conf->name, plug->conf->file, &why);
	if (plug->entry == NULL) {
		complain("%s", why.p);
		return -1;
	}
	if (geteuid() != 0 ||
		((plug->conf->needs & RESTANTE_NEEDS_ROOT) != 0 && conf_num(c, "auth_root") != 0))
		return 0;
	if (drop_lookup(conf_str(c, "auth_user"), &uid, &gid) == -1 ||
		drop_exec(uid, gid, 0) == -1) {
		complain("cannot become %s: %m", conf_str(c, "auth_user"));
		return -1;
	}
	return 0;
}

static _Noreturn void child(const struct question *q, const struct conf_plugin *plugin, int fd)
{
	const struct channel out = {.fd = fd, .self = ROLE_WORKER, .peer = ROLE_AUTH};
	struct plug *plug = mem_alloc(1, sizeof(*plug));
	struct restante_user user = {.size = sizeof(user)};
	struct msg *m = mem_alloc(1, sizeof(*m));
	int result;

	plug->conf = plugin;
	if (prepare(q->conf, plug) == -1)
		_exit(EXIT_FAILURE);
	(void)signal(SIGPIPE, SIG_IGN);
	alarm((unsigned)conf_num(q->conf, "auth_timeout") + GRACE);
	result = ask_plugin(q, plug, &user);
	if (result != RESTANTE_OK)
		user = (struct restante_user){.size = sizeof(user)};
	else if (user.name == NULL || user.name[0] == '\0')
		user.name = q->name;
	msg_start(m, MSG_VERIFIED);
	msg_put_u32(m, 0);
	msg_put_u32(m, (uint32_t)-result);
	msg_put_user(m, &user);
	msg_put_bytes(m, "", 0);
	_exit(msg_send(&out, m) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* --- the parent ------------------------------------------------------------------------------- */

static int take(int fd, struct record *r)
{
	const struct channel in = {.fd = fd, .self = ROLE_AUTH, .peer = ROLE_WORKER};
	size_t n;

	if (msg_recv(&in, &r->msg) != MSG_GOT)
		return -1;
	(void)msg_get_u32(&r->msg);
	r->result = -(int)msg_get_u32(&r->msg);
	r->user.size = sizeof(r->user);
	msg_get_user(&r->msg, &r->user, r->attrs, RECORD_ATTRS);
	(void)msg_get_bytes(&r->msg, &n);
	return msg_end(&r->msg) ? 0 : -1;
}

/* 0 when there is an answer, -1 after a message. */
static int ask_one(const struct question *q, const struct conf_plugin *plugin, struct record *r)
{
	int fds[2], status = 0, result;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1 ||
		(pid = fork()) == -1) {
		complain("cannot start a process: %m");
		return -1;
	}
	if (pid == 0) {
		close(fds[0]);
		child(q, plugin, fds[1]);
	}
	close(fds[1]);
	result = take(fds[0], r);
	close(fds[0]);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		complain("asking %s: %s", plugin->name,
			WTERMSIG(status) == SIGALRM ? "no answer within auth_timeout"
						    : strsignal(WTERMSIG(status)));
	return result;
}

/* One plugin after the other until one knows. 0, or -1 after a message. */
static int ask_all(
	const struct question *q, void (*each)(const char *plugin, int result), struct record *r)
{
	r->plugin = "";
	r->result = RESTANTE_NONE;
	for (size_t i = 0; i < conf_plugins(q->conf) && r->result == RESTANTE_NONE; i++) {
		const struct conf_plugin *plugin = conf_plugin(q->conf, i);

		if ((plugin->kinds & CONF_AUTH) == 0)
			continue;
		if (ask_one(q, plugin, r) == -1)
			return -1;
		r->plugin = plugin->name;
		if (each != NULL)
			each(plugin->name, r->result);
	}
	return 0;
}

int record_find(const struct conf *c, const char *service, const char *name, const char *password,
	void (*each)(const char *plugin, int result), struct record *r)
{
	struct question q = {c, service, name, password};
	int result = ask_all(&q, each, r);
	char *known;

	if (result == -1 || r->result != RESTANTE_OK ||
		(r->user.flags & RESTANTE_USER_NAME_ONLY) == 0)
		return result;
	q.name = known = mem_strdup(r->user.name); /* all that one knew; another has the record */
	q.password = NULL;
	result = ask_all(&q, NULL, r);
	free(known);
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
