/* restante-auth - the role that says who may log in. It takes credentials from login processes,
 * runs the mechanisms, and has secrets checked by workers, which alone load the auth plugins. It
 * opens no file, speaks to no network and runs nobody else's code. */
#include "auth/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/log.h"
#include "base/wipe.h"
#include "conf/wire.h"
#include "sys/drop.h"
#include "sys/filter.h"

enum {
	NOFILE = 2048,
	STEP_MIN_MS = 50, /* see refuse.c */
	STEP_MAX_MS = 500,
	REQUESTS_MORE = 4096, /* beside one for each connection */
	REQUESTS_MANY = 65536 /* where connections have no limit */
};

/* --- login processes --- */

static void (*const take[MSG_TYPES])(struct login *) = {
	[MSG_AUTH_START] = request_start,
	[MSG_AUTH_STEP] = request_step,
	[MSG_AUTH_ABORT] = request_abort,
	[MSG_LOOKUP] = lookup_start,
};

static void lost_login(struct login *l)
{
	struct auth *a = l->auth;
	struct login **p = &a->logins;

	request_abort_all(l);
	while (*p != l)
		p = &(*p)->next;
	*p = l->next;
	event_del(&l->readable);
	outbox_close(&l->answers);
	free(l);
	if (a->draining && a->logins == NULL)
		event_base_loopbreak(a->base);
}

static void from_login(evutil_socket_t fd, short what, void *arg)
{
	struct login *l = arg;
	struct msg *m = &l->auth->in;

	(void)fd;
	(void)what;
	switch (msg_recv(&l->c, m)) {
	case MSG_GOT:
		take[m->type](l);
		wipe(m->data, m->len);
		break;
	case MSG_CLOSED:
		lost_login(l);
		break;
	default:
		break;
	}
}

int login_tell(struct login *l)
{
	if (outbox_send(&l->answers, &l->auth->out, NULL) != -1)
		return 0;
	if (errno != EPIPE) /* it has just ended: lost_login comes next */
		log_line(LOG_ERR, "cannot reach %s %u: %m", role_name(l->c.peer), l->c.number);
	return -1;
}

/* --- peers --- */

static void add_login(struct auth *a, const struct channel *c)
{
	struct login *l = mem_alloc(1, sizeof(*l));

	l->auth = a;
	l->c = *c;
	l->next = a->logins;
	a->logins = l;
	outbox_init(&l->answers, NULL);
	outbox_connect(&l->answers, a->base, c);
	event_assign(&l->readable, a->base, c->fd, EV_READ | EV_PERSIST, from_login, l);
	event_add(&l->readable, NULL);
}

static void add_session(struct auth *a, const struct channel *c)
{
	outbox_connect(&a->session, a->base, c);
}

static void (*const add[ROLES])(struct auth *, const struct channel *) = {
	[ROLE_LOGIN] = add_login,
	[ROLE_WORKER] = pool_add,
	[ROLE_SESSION] = add_session,
	[ROLE_LMTP] = add_login,
};

static void add_peer(struct auth *a, const struct channel *c)
{
	if (add[c->peer] == NULL || fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1) {
		log_line(LOG_ERR, "a channel to %s is of no use here", role_name(c->peer));
		close(c->fd);
		return;
	}
	add[c->peer](a, c);
}

/* --- the master --- */

static void from_master(evutil_socket_t fd, short what, void *arg)
{
	struct auth *a = arg;
	struct channel c;

	(void)fd;
	(void)what;
	switch (msg_recv(&a->start.master, &a->in)) {
	case MSG_GOT:
		if (a->in.type == MSG_PEER && role_peer(&a->in, ROLE_AUTH, &c) == 0)
			add_peer(a, &c);
		else if (a->in.type == MSG_DRAIN)
			a->draining = 1;
		else if (a->in.type != MSG_PEER && a->in.fd != -1)
			close(a->in.fd);
		if (a->draining && a->logins == NULL)
			event_base_loopbreak(a->base);
		break;
	case MSG_CLOSED:
		/* Without a master nobody restarts what dies: better to end together. */
		event_base_loopbreak(a->base);
		break;
	default:
		break;
	}
}

/* --- start --- */

static void configure_mechanisms(struct auth *a)
{
	int apop = conf_num(a->conf, "apop") != 0;
	const char *missing = mech_prepare(apop);

	for (size_t i = 0; i < conf_count(a->conf, "auth_mechanisms"); i++) {
		const char *name = conf_item(a->conf, "auth_mechanisms", i);

		a->mechanisms |= MECHANISM_BIT(mechanism_find(name, strlen(name)));
	}
	if (apop)
		a->mechanisms |= MECHANISM_BIT(MECHANISM_APOP);
	if (missing != NULL)
		role_fail(&a->start, "expected an OpenSSL that has %s", missing);
	if (getrandom(a->mask.key, sizeof(a->mask.key), 0) != (ssize_t)sizeof(a->mask.key))
		role_fail(&a->start, "getrandom: %m");
}

static void configure(struct auth *a)
{
	int64_t delay_ms, connections;

	if (conf_from_fd(a->start.config, &a->conf) == -1)
		role_fail(&a->start, "the configuration cannot be read");
	close(a->start.config);
	a->timeout_ms = conf_num(a->conf, "auth_timeout") * 1000;
	delay_ms = conf_num(a->conf, "auth_failure_delay") * 1000;
	a->step_ms = delay_ms < STEP_MIN_MS   ? STEP_MIN_MS
		     : delay_ms > STEP_MAX_MS ? STEP_MAX_MS
					      : delay_ms;
	/* A client has one exchange at a time, and may sit in it: no number of them keeps others
	 * out. */
	connections = conf_num(a->conf, "max_connections");
	a->max_requests = connections > 0 ? (size_t)connections + REQUESTS_MORE : REQUESTS_MANY;
	configure_mechanisms(a);
	if (memory_init(&a->memory, a->conf) == -1)
		role_fail(&a->start, "expected an OpenSSL that has BLAKE2");
}

static void make_base(struct auth *a)
{
	struct event_config *c = event_config_new();

	if (c != NULL) {
		/* One loop, one thread; the environment has no say in it. */
		event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK);
		event_config_set_flag(c, EVENT_BASE_FLAG_IGNORE_ENV);
		a->base = event_base_new_with_config(c);
		event_config_free(c);
	}
	if (a->base == NULL)
		role_fail(&a->start, "cannot make an event loop: %m");
	pool_init(a);
	event_assign(
		&a->from_master, a->base, a->start.master.fd, EV_READ | EV_PERSIST, from_master, a);
	event_add(&a->from_master, NULL);
	for (size_t i = 0; i < a->start.npeers; i++)
		add_peer(a, &a->start.peers[i]);
	control_listen(a);
}

static void confine(struct auth *a)
{
	struct filter f;

	(void)drop_limits(NOFILE);
	if (drop_confine(a->start.privileged, DROP_CHROOT) == -1)
		role_fail(&a->start, "cannot give up privileges: %m");
	if (filter_build(&f, FILTER_AUTH, 0) == -1 || filter_install(&f) == -1)
		role_fail(&a->start, "cannot install a system call filter: %m");
	filter_free(&f);
}

int main(void)
{
	static struct auth role; /* of the process; too large for a stack */
	struct auth *a = &role;

	outbox_init(&a->session, granted);
	role_begin(&a->start, ROLE_AUTH);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		role_fail(&a->start, "cannot ignore SIGPIPE: %m");
	configure(a);
	make_base(a);
	confine(a);
	role_ready(&a->start);
	if (event_base_dispatch(a->base) == -1)
		die("the event loop failed: %m");
	return EXIT_SUCCESS;
}
