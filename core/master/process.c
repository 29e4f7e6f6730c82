/* process - the table of roles, and what one process of them gets at its start. */
#define _GNU_SOURCE
#include "config.h"
#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <restante/plugin.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/wire.h"
#include "ipc/role.h"
#include "sys/drop.h"
#include "sys/program.h"

enum { MANY_CPUS = 16, NOFILE = 4096, NOFILE_UNLIMITED = 1 << 17 };

static size_t one(const struct conf *c)
{
	(void)c;
	return 1;
}

static size_t login_count(const struct conf *c)
{
	int64_t n = conf_num(c, "login_processes");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (n > 0)
		return (size_t)n;
	return cpus < 1 ? 1 : cpus > MANY_CPUS ? MANY_CPUS : (size_t)cpus;
}

static size_t lmtp_count(const struct conf *c)
{
	return conf_count(c, "listen_lmtp") > 0;
}

/* Workers come in groups, one for each auth plugin. */
static const struct conf_plugin *auth_plugin(const struct conf *c, size_t n)
{
	for (size_t i = 0; i < conf_plugins(c); i++)
		if ((conf_plugin(c, i)->kinds & CONF_AUTH) != 0 && n-- == 0)
			return conf_plugin(c, i);
	return NULL;
}

static const struct conf_plugin *plugin_of(const struct conf *c, const struct process *p)
{
	return auth_plugin(c, p->number / (uint32_t)conf_num(c, "auth_workers"));
}

static size_t worker_count(const struct conf *c)
{
	return conf_count(c, "auth") * (size_t)conf_num(c, "auth_workers");
}

static const struct row {
	const char *program;
	size_t (*count)(const struct conf *);
	const char *user; /* setting that names whom it runs as; may be overridden, see find_user */
	unsigned caps;    /* until it confines itself; all have DROP_SEARCH to load programs and
			     plugins */
	int empty_root;   /* starts in the folder that becomes its root */
	int tls;          /* gets certificates, their keys and ticket keys */
	int counts;       /* has a column in the table of connections */
} table[ROLES] = {
	[ROLE_LOGIN] = {"restante-login", login_count, "login_user", DROP_CHROOT, 1, 1, 1},
	[ROLE_AUTH] = {"restante-auth", one, "auth_user", DROP_CHROOT, 1, 0, 0},
	[ROLE_WORKER] = {"restante-worker", worker_count, "auth_user", 0, 0, 0, 0},
	[ROLE_SESSION] = {"restante-session", one, "auth_user", DROP_SETID, 0, 0, 1},
	[ROLE_LMTP] = {"restante-deliver", lmtp_count, "login_user", DROP_CHROOT, 1, 0, 0},
};

void processes_plan(struct generation *g)
{
	size_t count[ROLES] = {0};
	struct process *p;

	for (enum role r = ROLE_LOGIN; r < ROLES; r++)
		g->n += count[r] = table[r].count(g->conf);
	p = g->processes = mem_alloc(g->n, sizeof(*p));
	for (enum role r = ROLE_LOGIN; r < ROLES; r++)
		for (uint32_t i = 0; i < count[r]; i++)
			*p++ = (struct process){.role = r,
				.number = i,
				.channel = {.fd = -1, .self = ROLE_MASTER, .peer = r, .number = i},
				.column = LIMITS_COLUMNS};
}

/* --- whom it runs as --- */

static int needs_root(const struct conf *c, const struct process *p)
{
	return p->role == ROLE_WORKER && conf_num(c, "auth_root") != 0 &&
	       (plugin_of(c, p)->needs & RESTANTE_NEEDS_ROOT) != 0;
}

static int find_user(
	const struct generation *g, const struct process *p, uid_t *uid, gid_t *gid, unsigned *caps)
{
	enum role role = p->role;
	const char *setting = table[role].user;

	*caps = table[role].caps | DROP_SEARCH;
	if (role == ROLE_SESSION && conf_str(g->conf, "session_user")[0] != '\0') {
		setting = "session_user"; /* already whom every session would become */
		*caps = DROP_SEARCH;
	}
	if (needs_root(g->conf, p)) {
		*uid = 0;
		*gid = 0;
		return 0;
	}
	if (drop_lookup(conf_str(g->conf, setting), uid, gid) == -1) {
		log_line(LOG_ERR, "%s: user %s: %s", setting, conf_str(g->conf, setting),
			errno == ENOENT ? "is not known to the system" : strerror(errno));
		return -1;
	}
	if (*uid == 0) {
		log_line(LOG_ERR, "%s must not be root", setting);
		return -1;
	}
	return 0;
}

/* --- the new process --- */

static size_t files_of(const struct conf *c, enum role role)
{
	int64_t max = conf_num(c, "max_connections");

	if (role != ROLE_LOGIN)
		return NOFILE;
	/* A client over TLS takes two: its own and the one to its session. */
	return max == 0 ? NOFILE_UNLIMITED : 2 * (size_t)max + 256;
}

/* Of our environment only what means something to a role. */
static void clean_environment(char *env[5])
{
	static const char *const kept[] = {
		"TZ",
#ifdef SANITIZED
		"ASAN_OPTIONS",
		"UBSAN_OPTIONS",
#endif
	};
	static char path[] = "PATH=/usr/bin:/bin";
	size_t n = 0;

	env[n++] = path;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = getenv(kept[i]);
		struct buf text = {0}; /* lives as long as this process image */

		if (value == NULL)
			continue;
		buf_printf(&text, "%s=%s", kept[i], value);
		env[n++] = text.p;
	}
	env[n] = NULL;
}

struct start {
	const char *path, *folder;
	int channel, log;
	uid_t uid;
	gid_t gid;
	unsigned caps;
	int privileged;
	size_t nofile;
};

/* The child. Its own process group keeps a terminal's Ctrl-C from it, and lets the master reach
 * the sessions of a spawner. */
_Noreturn static void become_role(const struct start *s)
{
	const char *const argv[] = {s->path, NULL};
	char *env[5];
	sigset_t none;
	int null;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (setpgid(0, 0) == -1 || chdir(s->folder) == -1)
		die("cannot start in %s: %m", s->folder);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1 ||
		dup2(s->log, STDERR_FILENO) == -1)
		die("cannot redirect: %m");
	/* dup2 onto itself would leave close-on-exec set */
	if ((s->channel == ROLE_FD ? fcntl(ROLE_FD, F_SETFD, 0) : dup2(s->channel, ROLE_FD)) ==
			-1 ||
		close_range(ROLE_FD + 1, ~0U, 0) == -1)
		die("cannot redirect: %m");
	(void)drop_limits(s->nofile);
	if (s->privileged && drop_exec(s->uid, s->gid, s->caps) == -1)
		die("cannot become uid %ld: %m", (long)s->uid);
	clean_environment(env);
	execve(s->path, (char *const *)(uintptr_t)argv, env);
	die("cannot start %s: %m", s->path);
}

static int launch(struct master *m, const struct generation *g, struct process *p)
{
	struct start s = {.folder = table[p->role].empty_root ? m->empty : "/",
		.log = m->log,
		.privileged = m->privileged,
		.nofile = files_of(g->conf, p->role)};
	char path[4096];
	int ends[2];

	if (program_find(table[p->role].program, path, sizeof(path)) == -1) {
		log_line(LOG_ERR, "%s is missing", path);
		return -1;
	}
	if (m->privileged && find_user(g, p, &s.uid, &s.gid, &s.caps) == -1)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1) {
		log_line(LOG_ERR, "cannot start %s: %s", path, strerror(errno));
		return -1;
	}
	s.path = path;
	s.channel = ends[1];
	p->pid = fork();
	if (p->pid == 0)
		become_role(&s);
	close(ends[1]);
	if (p->pid == -1 || fcntl(ends[0], F_SETFL, O_NONBLOCK) == -1) {
		log_line(LOG_ERR, "cannot start %s: %s", path, strerror(errno));
		close(ends[0]);
		if (p->pid == -1)
			p->pid = 0;
		return -1;
	}
	(void)setpgid(p->pid, p->pid); /* whoever of both comes first */
	p->channel.fd = ends[0];
	p->state = STARTING;
	p->failed = 0;
	p->since = clock_ms();
	return 0;
}

/* --- what it gets --- */

/* A process that is dead counts as told: what follows from that is done when it is reaped. */
static int send_to(const struct process *p, const struct msg *msg)
{
	if (msg_send(&p->channel, msg) == 0 || errno == EPIPE || errno == ECONNRESET)
		return 0;
	log_line(LOG_ERR, "cannot send %s to %s %u: %s", msg_name(msg->type), role_name(p->role),
		p->number, strerror(errno));
	return -1;
}

static int send_config(struct master *m, const struct generation *g, const struct process *p)
{
	int own = p->role == ROLE_WORKER, result;
	int fd =
		own ? conf_to_fd(g->conf, BIT(p->role), plugin_of(g->conf, p)) : g->config[p->role];

	if (fd == -1) {
		log_line(LOG_ERR, "cannot hand out the configuration: %s", strerror(errno));
		return -1;
	}
	msg_start(&m->msg, MSG_CONFIG);
	m->msg.fd = fd;
	result = send_to(p, &m->msg);
	if (own)
		close(fd);
	return result;
}

static int send_listeners(struct master *m, const struct generation *g, const struct process *p)
{
	for (size_t i = 0; i < g->nlisteners; i++) {
		if (g->listeners[i].role != p->role)
			continue;
		msg_start(&m->msg, MSG_LISTEN);
		msg_put_str(&m->msg, g->listeners[i].text);
		msg_put_u32(&m->msg, (uint32_t)g->listeners[i].address.tls);
		msg_put_u32(&m->msg, (uint32_t)g->listeners[i].address.proxy);
		m->msg.fd = g->listeners[i].fd;
		if (send_to(p, &m->msg) == -1)
			return -1;
	}
	return 0;
}

static int send_control(struct master *m, const struct generation *g, const struct process *p)
{
	if (g->controls[p->role].fd == -1)
		return 0;
	msg_start(&m->msg, MSG_CONTROL);
	m->msg.fd = g->controls[p->role].fd;
	return send_to(p, &m->msg);
}

static int send_files(struct master *m, const struct generation *g, const struct process *p)
{
	for (size_t i = 0; i < g->nfiles; i++) {
		msg_start(&m->msg, MSG_FILE);
		msg_put_str(&m->msg, g->files[i].setting);
		msg_put_u32(&m->msg, g->files[i].index);
		msg_put_str(&m->msg, g->files[i].path);
		m->msg.fd = g->files[i].fd;
		if (send_to(p, &m->msg) == -1)
			return -1;
	}
	return 0;
}

static int send_counts(struct master *m, struct process *p)
{
	for (p->column = 0; p->column < LIMITS_COLUMNS; p->column++)
		if ((m->columns & UINT64_C(1) << p->column) == 0)
			break;
	if (p->column == LIMITS_COLUMNS) {
		log_line(LOG_ERR, "no column is free in the table of connections: too many login "
				  "processes, or "
				  "earlier configurations that still have sessions");
		return -1;
	}
	m->columns |= UINT64_C(1) << p->column;
	limits_clear(&m->limits, p->column);
	msg_start(&m->msg, MSG_SHARED);
	msg_put_u32(&m->msg, p->column);
	m->msg.fd = m->counts;
	return send_to(p, &m->msg);
}

int process_start(struct master *m, struct generation *g, struct process *p)
{
	const struct row *row = &table[p->role];

	if (launch(m, g, p) == -1 || send_config(m, g, p) == -1)
		return -1;
	if (row->counts && send_counts(m, p) == -1)
		return -1;
	if (send_listeners(m, g, p) == -1 || send_control(m, g, p) == -1)
		return -1;
	if (row->tls && (send_files(m, g, p) == -1 || tickets_send(m, p) == -1))
		return -1;
	return 0;
}

static int send_peer(struct master *m, struct process *to, const struct process *peer, int fd)
{
	msg_start(&m->msg, MSG_PEER);
	msg_put_u32(&m->msg, peer->role);
	msg_put_u32(&m->msg, peer->number);
	m->msg.fd = fd;
	return send_to(to, &m->msg);
}

int process_connect(struct master *m, struct process *a, struct process *b)
{
	int ends[2], result;

	if (!role_peers(a->role, b->role) || a->channel.fd == -1 || b->channel.fd == -1)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1) {
		log_line(LOG_ERR, "cannot make a channel: %s", strerror(errno));
		return -1;
	}
	result = send_peer(m, a, b, ends[0]) == -1 || send_peer(m, b, a, ends[1]) == -1 ? -1 : 0;
	close(ends[0]);
	close(ends[1]);
	return result;
}

int process_tell(struct master *m, struct process *p, enum msg_type type, uint32_t value)
{
	if (p->channel.fd == -1)
		return -1;
	msg_start(&m->msg, type);
	msg_put_u32(&m->msg, value);
	return send_to(p, &m->msg);
}

void process_gone(struct master *m, struct process *p)
{
	if (p->channel.fd != -1)
		close(p->channel.fd);
	p->channel.fd = -1;
	if (p->column < LIMITS_COLUMNS) {
		limits_clear(&m->limits, p->column);
		m->columns &= ~(UINT64_C(1) << p->column);
		p->column = LIMITS_COLUMNS;
	}
	p->pid = 0;
	p->state = DOWN;
}
