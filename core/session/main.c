/* restante-session - the role that reads mail. The spawner waits for clients that login hands over;
 * each gets a process of its own, forked, not executed, so that what all sessions share is loaded
 * once. The spawner itself opens no mailbox, and of root's powers it keeps only the change of uid.
 */
#define _GNU_SOURCE
#include "session/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/wire.h"
#include "sys/drop.h"
#include "sys/filter.h"

enum { TICK_MS = 10 * 1000, NOFILE = 4096, FIRST_PEER = 3, FDS = ROLE_PEERS + FIRST_PEER };

/* --- start --- */

static void load(struct spawner *s)
{
	struct buf why = {0};

	tzset(); /* reads a file: an mbox has dates of local time */
	if (conf_from_fd(s->start.config, &s->conf) == -1)
		role_fail(&s->start, "the configuration cannot be read");
	close(s->start.config);
	s->nplugs = conf_plugins(s->conf);
	if (plug_load_all(s->conf, &s->plugs, &why) == -1)
		role_fail(&s->start, "%s", buf_str(&why));
	buf_free(&why);
	if (s->start.shared != -1) {
		if (limits_open(&s->children.limits, s->start.shared, s->start.column) == -1)
			role_fail(&s->start, "cannot map the table of connections: %m");
		close(s->start.shared);
	}
}

/* The filter is made here, once; the sessions inherit it. Only where one storage declares needs
 * that another does not have, sessions of the other get a second, narrower one. */
static void confine(struct spawner *s)
{
	struct filter own;
	uint32_t needs = 0;

	for (size_t i = 0; i < s->nplugs; i++)
		needs |= s->plugs[i].conf->needs;
	s->filters = mem_alloc(s->nplugs, sizeof(*s->filters));
	for (size_t i = 0; i < s->nplugs; i++)
		if ((needs & ~s->plugs[i].conf->needs) != 0 &&
			filter_build(&s->filters[i], FILTER_SESSION, s->plugs[i].conf->needs) == -1)
			role_fail(&s->start, "cannot build a system call filter: %m");
	if (drop_confine(s->start.privileged, DROP_SETID) == -1)
		role_fail(&s->start, "cannot give up privileges: %m");
	if (filter_build(&own, FILTER_SPAWNER, needs) == -1 || filter_install(&own) == -1)
		role_fail(&s->start, "cannot install a system call filter: %m");
	filter_free(&own);
}

static void watch_signals(struct spawner *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
		(s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		role_fail(&s->start, "cannot watch for the end of sessions: %m");
}

/* --- the loop --- */

static void set_nonblocking(const struct channel *c)
{
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1)
		die("cannot prepare a channel: %m");
}

/* A peer that was restarted: its new channel takes the place of the old one. */
static void new_peer(struct spawner *s)
{
	struct channel c, *slot = NULL;

	if (role_peer(&s->msg, ROLE_SESSION, &c) == -1)
		return;
	set_nonblocking(&c);
	for (size_t i = 0; i < s->start.npeers && slot == NULL; i++)
		if (s->start.peers[i].peer == c.peer && s->start.peers[i].number == c.number)
			slot = &s->start.peers[i];
	if (slot == NULL && s->start.npeers < ROLE_PEERS) {
		slot = &s->start.peers[s->start.npeers++];
		slot->fd = -1;
	}
	if (slot == NULL) {
		log_line(LOG_ERR, "more than %d peers", ROLE_PEERS);
		close(c.fd);
		return;
	}
	if (slot->fd != -1)
		close(slot->fd);
	*slot = c;
}

static void from_master(struct spawner *s)
{
	switch (msg_recv(&s->start.master, &s->msg)) {
	case MSG_GOT:
		if (s->msg.type == MSG_PEER)
			new_peer(s);
		else if (s->msg.type == MSG_DRAIN)
			s->draining = 1;
		else if (s->msg.fd != -1)
			close(s->msg.fd);
		break;
	case MSG_CLOSED:
		/* The sessions that run are their users' business; nothing new can come. */
		s->draining = 1;
		close(s->start.master.fd);
		s->start.master.fd = -1;
		break;
	default:
		break;
	}
}

/* One message a turn: the loop looks at the others between two of them. */
static void from_front(struct spawner *s, struct channel *c)
{
	switch (msg_recv(c, &s->msg)) {
	case MSG_GOT:
		if (s->msg.type == MSG_DELIVER)
			delivery(s, c);
		else
			handover(s);
		break;
	case MSG_CLOSED:
		close(c->fd);
		c->fd = -1;
		break;
	default:
		break;
	}
}

static void delivery_is_over(void *arg, const struct child *c, int status)
{
	delivery_ended(arg, c, status);
}

static void from_signals(struct spawner *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		;
	children_reap(&s->children, delivery_is_over, s);
}

/* Those that bring work. */
static int is_front(const struct channel *c)
{
	return c->peer == ROLE_LOGIN || c->peer == ROLE_LMTP;
}

static int front_connected(const struct spawner *s)
{
	for (size_t i = 0; i < s->start.npeers; i++)
		if (is_front(&s->start.peers[i]) && s->start.peers[i].fd != -1)
			return 1;
	return 0;
}

static int is_over(const struct spawner *s)
{
	return s->draining && s->children.n == 0 && !front_connected(s);
}

static void loop(struct spawner *s)
{
	struct pollfd fds[FDS];

	while (!is_over(s)) {
		size_t n = FIRST_PEER + s->start.npeers;

		fds[0] = (struct pollfd){.fd = s->start.master.fd, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = s->signals, .events = POLLIN};
		fds[2] = (struct pollfd){.fd = s->query.fd, .events = POLLIN};
		for (size_t i = 0; i < s->start.npeers; i++) {
			const struct channel *c = &s->start.peers[i];

			fds[FIRST_PEER + i] =
				(struct pollfd){.fd = is_front(c) ? c->fd : -1, .events = POLLIN};
		}
		switch (poll(fds, n, TICK_MS)) {
		case -1:
			if (errno != EINTR)
				die("poll: %m");
			continue;
		case 0:
			grants_read(s);
			grants_expire(&s->grants, clock_ms());
			continue;
		default:
			break;
		}
		if (fds[0].revents != 0)
			from_master(s);
		if (fds[1].revents != 0)
			from_signals(s);
		if (fds[2].revents != 0)
			query_work(&s->query);
		for (size_t i = FIRST_PEER; i < n; i++)
			if (fds[i].revents != 0 && s->start.peers[i - FIRST_PEER].fd == fds[i].fd)
				from_front(s, &s->start.peers[i - FIRST_PEER]);
	}
}

int main(void)
{
	struct spawner *s = mem_alloc(1, sizeof(*s));

	role_begin(&s->start, ROLE_SESSION);
	load(s);
	watch_signals(s);
	who_listen(s);
	(void)drop_limits(NOFILE);
	for (size_t i = 0; i < s->start.npeers; i++)
		set_nonblocking(&s->start.peers[i]);
	confine(s);
	role_ready(&s->start);
	loop(s);
	return EXIT_SUCCESS;
}
