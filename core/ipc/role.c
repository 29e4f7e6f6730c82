/* role - the prologue of a role: one loop over the master's messages, one table of what they mean.
 */
#define _GNU_SOURCE
#include "ipc/role.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/log.h"

static void take_config(struct role_start *s, struct msg *m)
{
	s->config = m->fd;
}

int role_peer(struct msg *m, enum role self, struct channel *c)
{
	uint32_t role = msg_get_u32(m);

	c->self = self;
	c->peer = role < ROLES ? (enum role)role : ROLE_MASTER;
	c->number = msg_get_u32(m);
	c->fd = m->fd;
	if (!msg_end(m))
		return -1;
	return 0;
}

static void take_peer(struct role_start *s, struct msg *m)
{
	if (s->npeers == ROLE_PEERS)
		die("more than %d peers", ROLE_PEERS);
	if (role_peer(m, s->master.self, &s->peers[s->npeers]) == 0)
		s->npeers++;
}

static void take_listen(struct role_start *s, struct msg *m)
{
	if (s->nlisteners == ROLE_LISTENERS)
		die("more than %d addresses to listen on", ROLE_LISTENERS);
	(void)str_copy(s->listeners[s->nlisteners].address, sizeof(s->listeners[0].address),
		msg_get_str(m));
	s->listeners[s->nlisteners].tls = msg_get_u32(m) != 0;
	s->listeners[s->nlisteners].proxy = msg_get_u32(m) != 0;
	s->listeners[s->nlisteners++].fd = m->fd;
}

static void take_control(struct role_start *s, struct msg *m)
{
	s->control = m->fd;
}

static void take_file(struct role_start *s, struct msg *m)
{
	if (s->nfiles == ROLE_FILES)
		die("more than %d certificate and key files", ROLE_FILES);
	(void)str_copy(s->files[s->nfiles].setting, sizeof(s->files[0].setting), msg_get_str(m));
	s->files[s->nfiles].index = msg_get_u32(m);
	(void)str_copy(s->files[s->nfiles].path, sizeof(s->files[0].path), msg_get_str(m));
	s->files[s->nfiles++].fd = m->fd;
}

static void take_shared(struct role_start *s, struct msg *m)
{
	s->column = msg_get_u32(m);
	s->shared = m->fd;
}

static void take_ticket_keys(struct role_start *s, struct msg *m)
{
	size_t n;
	const unsigned char *p = msg_get_bytes(m, &n);

	if (n > sizeof(s->ticket_keys))
		die("%zu octets of ticket keys", n);
	memcpy(s->ticket_keys, p, n);
	s->nticket_keys = n;
}

static void take_start(struct role_start *s, struct msg *m)
{
	s->privileged = msg_get_u32(m) != 0;
}

static void (*const take[MSG_TYPES])(struct role_start *, struct msg *) = {
	[MSG_CONFIG] = take_config,
	[MSG_PEER] = take_peer,
	[MSG_LISTEN] = take_listen,
	[MSG_CONTROL] = take_control,
	[MSG_FILE] = take_file,
	[MSG_SHARED] = take_shared,
	[MSG_TICKET_KEYS] = take_ticket_keys,
	[MSG_START] = take_start,
};

void role_begin(struct role_start *s, enum role self)
{
	struct msg m;

	memset(s, 0, sizeof(*s));
	s->master = (struct channel){.fd = ROLE_FD, .self = self, .peer = ROLE_MASTER};
	s->config = -1;
	s->shared = -1;
	s->control = -1;
	(void)fcntl(ROLE_FD, F_SETFD, FD_CLOEXEC); /* not for programs that a plugin runs */
	do {
		enum msg_got got = msg_recv(&s->master, &m);

		if (got == MSG_NONE)
			continue;
		if (got != MSG_GOT || take[m.type] == NULL)
			die("not started by restanted: this program is no command of its own");
		take[m.type](s, &m);
		if (m.type != MSG_PEER && !msg_end(&m))
			die("restanted and this program do not fit together");
	} while (m.type != MSG_START);
	explicit_bzero(m.data, sizeof(m.data));
}

void role_ready(const struct role_start *s)
{
	struct msg m;

	msg_start(&m, MSG_READY);
	if (msg_send(&s->master, &m) == -1)
		die("cannot reach restanted: %m");
}

_Noreturn void role_fail(const struct role_start *s, const char *fmt, ...)
{
	char reason[512];
	struct msg m;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	log_line(LOG_ERR, "%s", reason);
	msg_start(&m, MSG_FAILED);
	msg_put_str(&m, reason);
	(void)msg_send(&s->master, &m);
	exit(EXIT_FAILURE);
}
