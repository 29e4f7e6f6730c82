/* grant - a login has succeeded. The session spawner learns of it before login does, so that a
 * ticket that login presents is always known; what login holds is good for one session of this user
 * and for nothing else. A spawner that is busy forking is waited for, without holding up others. */
#include "auth/auth.h"

#include <sys/random.h>
#include "auth/policy.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/wipe.h"

/* Root's mail is read as somebody else: a password guessed here must not become root. The client is
 * told what it would be told for a wrong password, so that it learns nothing about such accounts.
 */
static int may_have_session(const struct request *r, const struct restante_user *u)
{
	const char *why = conf_user_refused(r->auth->conf, u, r->auth->start.privileged);

	if (why != NULL)
		log_line(LOG_ERR, "user %s: uid %u, gid %u: %s", r->x.user, u->uid, u->gid, why);
	return why == NULL;
}

static int tell_session(struct request *r, const struct restante_user *u)
{
	struct msg *m = &r->auth->out;

	msg_start(m, MSG_GRANT);
	msg_put_bytes(m, r->ticket, TICKET_LEN);
	msg_put_u32(m, GRANT_SESSION);
	msg_put_user(m, u);
	return outbox_send(&r->auth->session, m, r);
}

static void tell_login(struct request *r)
{
	struct msg *m = &r->auth->out;

	msg_start(m, MSG_AUTH_OK);
	msg_put_u32(m, r->id);
	msg_put_bytes(m, r->ticket, TICKET_LEN);
	msg_put_str(m, r->x.user);
	(void)login_tell(r->login);
	wipe(m->data, m->len);
}

void granted(struct request *r, int result)
{
	if (r->lookup) {
		lookup_granted(r, result);
		return;
	}
	if (result == -1) {
		log_line(LOG_ERR, "cannot reach the session process: %m");
		refuse(r, RESTANTE_TEMP, "session");
		return;
	}
	tell_login(r);
	request_free(r);
}

void grant(struct request *r, const struct restante_user *user)
{
	const struct policy_client client = {.ip = r->client_ip, .tls = r->tls};
	const char *why;
	int result, sent;
	int64_t early;

	if (!may_have_session(r, user)) {
		refuse(r, RESTANTE_DENY, "uid");
		return;
	}
	result = policy_check(r->auth->conf, user, &client, &why, &r->note);
	if (result != RESTANTE_OK) {
		refuse(r, result, why);
		return;
	}
	/* From here on the user has the name that the plugin gives him. */
	if (str_copy(r->x.user, sizeof(r->x.user), user->name) == -1) {
		log_line(LOG_ERR, "user %s: expected a name of at most %d octets", r->x.user,
			MECH_USER_MAX);
		refuse(r, RESTANTE_PERM, NULL);
		return;
	}
	early = memory_passed(r, user);
	if (early > 0) {
		refuse_for(r, early);
		return;
	}
	if (getrandom(r->ticket, TICKET_LEN, 0) != TICKET_LEN)
		die("getrandom: %m");
	r->state = GRANTED;
	sent = tell_session(r, user);
	if (sent != 0)
		granted(r, sent == 1 ? 0 : -1);
}
