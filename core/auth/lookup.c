/* lookup - the record of a recipient, for LMTP. Nobody proves anything here, so what comes of it is
 * a ticket that puts one message into a mailbox and reads nothing. LMTP is told of no more than
 * that: it never sees the record. */
#include "auth/auth.h"

#include <sys/random.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

static void answer(struct login *l, uint32_t id, int result, const unsigned char *ticket)
{
	struct msg *m = &l->auth->out;

	msg_start(m, MSG_LOOKED_UP);
	msg_put_u32(m, id);
	msg_put_u32(m, (uint32_t)-result);
	msg_put_bytes(m, ticket, result == RESTANTE_OK ? TICKET_LEN : 0);
	(void)login_tell(l);
}

void lookup_start(struct login *l)
{
	struct msg *m = &l->auth->in;
	uint32_t id = msg_get_u32(m);
	const char *name = msg_get_str(m);
	struct request *r;

	if (!msg_end(m))
		return;
	r = request_new(l, id);
	if (r == NULL) {
		answer(l, id, RESTANTE_TEMP, NULL);
		return;
	}
	r->lookup = 1;
	r->x.what = VERIFY_LOOKUP;
	if (str_copy(r->x.user, sizeof(r->x.user), name) == -1)
		lookup_answered(r, RESTANTE_NONE, NULL);
	else
		pool_ask(r);
}

/* Tells the spawner, as grant does for a login. 1 told, 0 waiting, -1. */
static int tell_session(struct request *r, const struct restante_user *u)
{
	struct msg *m = &r->auth->out;

	if (getrandom(r->ticket, TICKET_LEN, 0) != TICKET_LEN)
		die("getrandom: %m");
	r->state = GRANTED;
	msg_start(m, MSG_GRANT);
	msg_put_bytes(m, r->ticket, TICKET_LEN);
	msg_put_u32(m, GRANT_DELIVERY);
	msg_put_user(m, u);
	return outbox_send(&r->auth->session, m, r);
}

/* RESTANTE_OK; DENY: never; PERM: not from this server, and an administrator can change that. */
static int may_have_mail(const struct request *r, const struct restante_user *u)
{
	const struct conf *c = r->auth->conf;
	const char *never = conf_user_refused(c, u, 1),
		   *here = conf_user_refused(c, u, r->auth->start.privileged);

	if (here == NULL)
		return RESTANTE_OK;
	log_line(LOG_NOTICE, "user %s: uid %u, gid %u: no mail is delivered: %s", r->x.user, u->uid,
		u->gid, here);
	return never != NULL ? RESTANTE_DENY : RESTANTE_PERM;
}

void lookup_answered(struct request *r, int result, const struct restante_user *u)
{
	int sent;

	if (result == RESTANTE_OK)
		result = may_have_mail(r, u);
	if (result != RESTANTE_OK) {
		answer(r->login, r->id, result, NULL);
		request_free(r);
		return;
	}
	sent = tell_session(r, u);
	if (sent != 0)
		lookup_granted(r, sent == 1 ? 0 : -1);
}

void lookup_granted(struct request *r, int result)
{
	if (result == -1)
		log_line(LOG_ERR, "cannot reach the session process: %m");
	answer(r->login, r->id, result == 0 ? RESTANTE_OK : RESTANTE_TEMP, r->ticket);
	request_free(r);
}
