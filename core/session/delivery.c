/* delivery - a message that LMTP took, for one recipient: a process that becomes him, puts it into
 * his mailbox and ends with the result. */
#define _GNU_SOURCE
#include "session/spawner.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "conf/conf.h"
#include "mail/letter.h"

enum { GRACE = 1 }; /* seconds between the storage's deadline and the end */

struct parcel {
	uint32_t id;
	int fd;
	const unsigned char *ticket;
	struct envelope envelope;
};

static void tell(struct spawner *s, const struct channel *lmtp, uint32_t id, unsigned result)
{
	struct msg *m = &s->msg;

	msg_start(m, MSG_DELIVERED);
	msg_put_u32(m, id);
	msg_put_u32(m, result);
	if (msg_send(lmtp, m) == -1)
		log_line(
			LOG_ERR, "cannot tell lmtp %u what became of a delivery: %m", lmtp->number);
}

/* --- the process of one delivery ---------------------------------------------------------------
 */

static enum mail_result put(struct spawner *s, const struct restante_user *u,
	const struct letter *letter, const struct envelope *e)
{
	int64_t seconds = conf_num(s->conf, "storage_timeout");
	struct host host;

	if (child_host(s, u, &host) == NULL || child_become(s, u, &host) == -1)
		return MAIL_SETUP;
	host_deadline(&host, seconds * 1000);
	alarm((unsigned)seconds + GRACE);
	return letter_deliver(letter, e, u, &host);
}

static _Noreturn void run(struct spawner *s, const struct restante_user *u, const struct parcel *p)
{
	const struct conf_plugin *storage = conf_user_storage(s->conf, u);
	enum mail_result result = MAIL_TEMP;
	struct letter letter = {"", 0};

	(void)signal(SIGXFSZ, SIG_IGN); /* a write says so */
	child_separate(p->fd);
	if (letter_map(STDIN_FILENO, &letter) == -1)
		log_line(LOG_ERR, "user=%s: cannot read the message from lmtp: %m", u->name);
	else
		result = put(s, u, &letter, &p->envelope);
	letter_report(&letter, &p->envelope, u->name, storage != NULL ? storage->name : "", result);
	_exit((int)result);
}

/* --- the spawner -------------------------------------------------------------------------------
 */

void delivery_ended(struct spawner *s, const struct child *c, int status)
{
	for (size_t i = 0; i < s->start.npeers; i++) {
		const struct channel *peer = &s->start.peers[i];

		if (peer->peer == ROLE_LMTP && peer->number == c->lmtp && peer->fd != -1)
			tell(s, peer, c->id,
				WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : MAIL_TEMP);
	}
}

static void start(struct spawner *s, const struct channel *lmtp, const struct restante_user *u,
	const struct parcel *p)
{
	pid_t pid = fork();

	if (pid == 0)
		run(s, u, p);
	if (pid == -1) {
		log_line(LOG_ERR, "user=%s: no delivery: fork: %m", u->name);
		tell(s, lmtp, p->id, MAIL_TEMP);
		return;
	}
	children_add_delivery(&s->children, pid, u->name, lmtp->number, p->id);
}

static void get_parcel(struct msg *m, struct parcel *p)
{
	size_t n;

	p->id = msg_get_u32(m);
	p->ticket = msg_get_bytes(m, &n);
	p->envelope.sender = msg_get_str(m);
	p->envelope.address = msg_get_str(m);
	p->fd = m->fd;
	if (n != TICKET_LEN)
		m->bad = 1;
}

void delivery(struct spawner *s, const struct channel *lmtp)
{
	struct restante_user user;
	const char *attrs[USER_ATTRS];
	struct parcel p;

	get_parcel(&s->msg, &p);
	if (!msg_end(&s->msg))
		return;
	if (!grants_find(s, p.ticket, GRANT_DELIVERY)) {
		log_line(LOG_ERR, "lmtp wanted to deliver without a valid ticket");
		tell(s, lmtp, p.id, MAIL_TEMP);
	} else {
		msg_get_user(&s->grant, &user, attrs, USER_ATTRS);
		if (may_have_session(s, &user))
			start(s, lmtp, &user, &p);
		else
			tell(s, lmtp, p.id, MAIL_SETUP);
	}
	close(p.fd);
}
