/* restante-login - the role that clients talk to before they are logged in.
 *
 * It holds the listening sockets and the private keys, and nothing else of value: it knows no
 * mailbox, sees no password file, and can start a session only with a ticket that auth has given
 * for valid credentials. Of all processes it is the one under attack: it runs without privileges in
 * an empty folder. */
#define _GNU_SOURCE
#include "login/login.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/log.h"
#include "conf/wire.h"
#include "login/tls.h"
#include "sys/drop.h"
#include "sys/filter.h"

enum { NOFILE_SPARE = 128, NOFILE_MANY = 1 << 20 };

/* --- start --- */

static void read_settings(struct login *l, const struct conf *conf)
{
	struct settings *s = &l->settings;

	s->plaintext = (enum plaintext)conf_num(conf, "plaintext_auth");
	s->language = (enum language)conf_num(conf, "language");
	s->apop = conf_num(conf, "apop") != 0;
	s->client_name = (enum client_cert_name)conf_num(conf, "tls_client_name");
	mechanisms_read(s, conf);
	s->max_failures = (uint32_t)conf_num(conf, "max_auth_failures");
	s->max_connections = (uint32_t)conf_num(conf, "max_connections");
	s->max_per_address = (uint32_t)conf_num(conf, "max_connections_per_address");
	s->login_delay = (uint32_t)conf_num(conf, "login_delay");
	s->login_delay_max = (uint32_t)conf_num(conf, "login_delay_max");
	s->expire_days = (int32_t)conf_num(conf, "expire");
	s->login_timeout.tv_sec = (time_t)conf_num(conf, "login_timeout");
	s->proxy_tls = conf_num(conf, "proxy_tls") != 0;
	for (size_t i = 0; i < conf_count(conf, "proxy_trusted"); i++)
		buf_printf(
			&s->trusted, "%s%s", i > 0 ? "," : "", conf_item(conf, "proxy_trusted", i));
	(void)str_copy(s->hostname, sizeof(s->hostname), conf_str(conf, "hostname"));
	if (s->hostname[0] == '\0' && gethostname(s->hostname, sizeof(s->hostname) - 1) == -1)
		(void)str_copy(s->hostname, sizeof(s->hostname), "localhost");
}

static void load(struct login *l, const struct role_start *start)
{
	struct conf *conf;

	if (conf_from_fd(start->config, &conf) == -1)
		role_fail(start, "the configuration cannot be read");
	close(start->config);
	read_settings(l, conf);
	l->tls = tls_load(start, conf);
	conf_free(conf);
	if (start->shared == -1)
		return;
	if (limits_open(&l->limits, start->shared, start->column) == -1)
		role_fail(start, "cannot map the table of connections: %m");
	close(start->shared);
}

/* Timers to the microsecond: when a refusal comes must not tell how long it took to find. */
static struct event_base *make_base(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base = NULL;

	if (c != NULL) {
		event_config_set_flag(c, EVENT_BASE_FLAG_PRECISE_TIMER);
		base = event_base_new_with_config(c);
		event_config_free(c);
	}
	return base;
}

static void prepare(struct login *l, const struct role_start *start)
{
	l->master = start->master;
	l->epoll = -1;
	l->base = make_base();
	if (l->base == NULL || wire_setup(&l->wire, RELAY_CHUNK + 1024) == -1 ||
		getrandom(&l->started, sizeof(l->started), 0) != (ssize_t)sizeof(l->started))
		role_fail(start, "cannot prepare the event loop: %m");
	l->login_timeout = event_base_init_common_timeout(l->base, &l->settings.login_timeout);
	peer_init(&l->auth, l, true);
	peer_init(&l->session, l, false);
}

static void confine(const struct login *l, const struct role_start *start)
{
	struct filter filter;

	/* a session over TLS takes two descriptors */
	(void)drop_limits(l->settings.max_connections == 0
				  ? NOFILE_MANY
				  : 2 * (size_t)l->settings.max_connections + NOFILE_SPARE);
	if (drop_confine(start->privileged, DROP_CHROOT) == -1)
		role_fail(start, "cannot give up privileges: %m");
	if (filter_build(&filter, FILTER_LOGIN, 0) == -1 || filter_install(&filter) == -1)
		role_fail(start, "cannot install a system call filter: %m");
	filter_free(&filter);
}

/* --- the master's messages --- */

static void use_peer(struct login *l, const struct channel *c)
{
	switch (c->peer) {
	case ROLE_AUTH:
		peer_connect(&l->auth, c);
		break;
	case ROLE_SESSION:
		peer_connect(&l->session, c);
		break;
	default:
		close(c->fd);
	}
}

static void on_peer(struct login *l, struct msg *m)
{
	struct channel c;

	if (role_peer(m, ROLE_LOGIN, &c) == 0)
		use_peer(l, &c);
}

static void on_ticket_keys(struct login *l, struct msg *m)
{
	size_t n;
	const unsigned char *p = msg_get_bytes(m, &n);

	if (msg_end(m) && l->tls != NULL && tickets_set(&l->tls->tickets, p, n) == -1)
		log_line(LOG_ERR, "the new TLS ticket keys have a wrong length");
	explicit_bzero(m->data, m->len);
}

/* Clients that are not logged in go at the end of what they are doing, relays stay. */
static void send_away(struct login *l)
{
	struct client *c, *next;

	l->stopping = true;
	for (c = LIST_FIRST(&l->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->state <= CLIENT_HANDSHAKE)
			client_close(c, "shutdown");
		client_settle(c);
	}
}

static void drain(struct login *l, bool stopping)
{
	if (!l->draining)
		listen_close_all(l);
	l->draining = true;
	if (stopping)
		send_away(l);
	login_check_over(l);
}

static void on_drain(struct login *l, struct msg *m)
{
	bool stopping = msg_get_u32(m) != 0;

	if (msg_end(m))
		drain(l, stopping);
}

static void (*const handlers[MSG_TYPES])(struct login *, struct msg *) = {
	[MSG_PEER] = on_peer,
	[MSG_TICKET_KEYS] = on_ticket_keys,
	[MSG_DRAIN] = on_drain,
};

static void on_master(evutil_socket_t fd, short what, void *arg)
{
	struct login *l = arg;

	(void)fd;
	(void)what;
	switch (msg_recv(&l->master, &l->msg)) {
	case MSG_GOT:
		if (handlers[l->msg.type] != NULL)
			handlers[l->msg.type](l, &l->msg);
		else if (l->msg.fd != -1)
			close(l->msg.fd);
		break;
	case MSG_CLOSED: /* without a master nothing new can begin well */
		event_del(&l->from_master);
		drain(l, true);
		break;
	default:
		break;
	}
}

void login_check_over(struct login *l)
{
	if (l->draining && LIST_EMPTY(&l->clients) && LIST_EMPTY(&l->relays))
		event_base_loopbreak(l->base);
}

/* --- */

static void run(struct login *l, const struct role_start *start)
{
	event_assign(&l->from_master, l->base, l->master.fd, EV_READ | EV_PERSIST, on_master, l);
	event_add(&l->from_master, NULL);
	for (size_t i = 0; i < start->npeers; i++)
		use_peer(l, &start->peers[i]);
	listen_open_all(l, start);
	confine(l, start);
	role_ready(start);
}

int main(void)
{
	struct role_start *start = mem_alloc(1, sizeof(*start));
	struct login *l = mem_alloc(1, sizeof(*l));

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* for the master alone, also from a terminal */
	signal(SIGINT, SIG_IGN);
	role_begin(start, ROLE_LOGIN);
	load(l, start);
	prepare(l, start);
	run(l, start);
	explicit_bzero(start->ticket_keys, sizeof(start->ticket_keys));
	free(start);
	event_base_dispatch(l->base);
	return EXIT_SUCCESS;
}
