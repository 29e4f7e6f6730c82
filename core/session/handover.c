/* handover - login gives a client, its ticket says which user auth has granted: fork. */
#define _GNU_SOURCE
#include "session/spawner.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"

/* The auth channel is not waited for: its grants are read when a HANDOVER needs one, so that a
 * login wakes the spawner once. */
void grants_read(struct spawner *s)
{
	for (size_t i = 0; i < s->start.npeers; i++) {
		struct channel *c = &s->start.peers[i];
		enum msg_got got;

		if (c->peer != ROLE_AUTH || c->fd == -1)
			continue;
		while ((got = msg_recv(c, &s->grant)) == MSG_GOT)
			grants_add(&s->grants, &s->grant, clock_ms());
		if (got == MSG_CLOSED) {
			close(c->fd);
			c->fd = -1;
		}
	}
}

int grants_find(struct spawner *s, const unsigned char *ticket, enum grant_purpose purpose)
{
	if (grants_take(&s->grants, ticket, purpose, clock_ms(), &s->grant))
		return 1;
	grants_read(s);
	return grants_take(&s->grants, ticket, purpose, clock_ms(), &s->grant);
}

static const unsigned char *get_client(struct msg *m, struct client *c)
{
	size_t n;
	const unsigned char *ticket = msg_get_bytes(m, &n);
	uint32_t language;

	if (n != TICKET_LEN)
		m->bad = 1;
	c->ip = msg_get_str(m);
	c->server_ip = msg_get_str(m);
	c->tls = msg_get_str(m);
	c->relayed = msg_get_u32(m) != 0;
	language = msg_get_u32(m);
	c->language = language < LANG_COUNT ? (enum language)language : LANG_DEFAULT;
	c->utf8 = msg_get_u32(m) != 0;
	c->ahead = msg_get_bytes(m, &c->nahead);
	c->fd = m->fd;
	return ticket;
}

int may_have_session(const struct spawner *s, const struct restante_user *u)
{
	const char *why = conf_user_refused(s->conf, u, s->start.privileged);

	if (why != NULL)
		log_line(LOG_ERR, "user=%s uid=%u gid=%u gets no session: %s", u->name, u->uid,
			u->gid, why);
	return why == NULL;
}

/* RFC 2449 section 8.1.1: the password was right, and the maildrop cannot be had now. */
static int has_too_many(struct spawner *s, const struct restante_user *u, const struct client *c)
{
	int64_t max = conf_user_num(s->conf, u, "max_user_connections");
	char text[REPLY_MAX];
	struct buf line = {0};
	size_t n;

	if (max == 0)
		return 0;
	if (children_of(&s->children, u->name) < (size_t)max)
		return 0;
	buf_printf(&line, "session");
	log_field(&line, "user", u->name);
	log_field(&line, "ip", c->ip);
	buf_printf(&line, " why=max_user_connections");
	log_line(LOG_NOTICE, "%s", buf_str(&line));
	buf_free(&line);
	n = reply_format(text, sizeof(text), c->language, REPLY_OPEN_MANY, 0, 0);
	(void)send(c->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	return 1;
}

static void start(struct spawner *s, const struct restante_user *u, struct client *c)
{
	const struct conf_plugin *storage = conf_user_storage(s->conf, u);
	const struct child_session session = {.user = u->name,
		.label = conf_user_str(s->conf, u, "label"),
		.ip = c->ip,
		.tls = c->tls,
		.storage = storage != NULL ? storage->name + strlen("storage-") : "",
		.counted = !c->relayed};
	pid_t pid = fork();

	if (pid == 0)
		child_run(s, u, c);
	if (pid == -1)
		log_line(LOG_ERR, "user=%s gets no session: fork: %m", u->name);
	else
		children_add(&s->children, pid, &session);
}

void handover(struct spawner *s)
{
	struct client c;
	struct restante_user user;
	const char *attrs[USER_ATTRS];
	const unsigned char *ticket = get_client(&s->msg, &c);

	if (!msg_end(&s->msg))
		return;
	if (!grants_find(s, ticket, GRANT_SESSION)) {
		log_line(LOG_ERR, "login handed over a client without a valid ticket: ip=%s", c.ip);
		close(c.fd);
		return;
	}
	msg_get_user(&s->grant, &user, attrs, USER_ATTRS);
	if (may_have_session(s, &user) && !has_too_many(s, &user, &c))
		start(s, &user, &c);
	close(c.fd);
}
