/* refuse - a login has failed: the line in the log, and the answer at its time.
 *
 * How long a check took can tell whether a user exists, which backend knows him, how his password
 * is stored. So a DENY goes out at the next multiple of step_ms since the exchange began, whatever
 * it was that refused. Only then login's own delay begins. Other failures tell about this server
 * and not about the user; they go out at once. */
#include "auth/auth.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

/* The word in the log for what the plugins said. */
static const char *const reasons[] = {
	[-RESTANTE_TEMP] = "backend",
	[-RESTANTE_PERM] = "setup",
	[-RESTANTE_DENY] = "refused",
	[-RESTANTE_NONE] = "unknown",
};

static const char *reason(int result)
{
	unsigned i = (unsigned)-result;

	return i < sizeof(reasons) / sizeof(reasons[0]) && reasons[i] != NULL ? reasons[i]
									      : "backend";
}

/* fail2ban reads these lines (packaging/fail2ban). The address stands before all that a client has
 * chosen, so that nothing can push it out of a line that is cut, or pretend to be it. */
static void log_failure(const struct request *r, const char *why)
{
	struct buf line = {0};

	buf_printf(&line, "login failed:");
	log_field(&line, "ip", r->client_ip);
	log_field(&line, "mech", r->x.mech->name);
	log_field(&line, "reason", why);
	log_field(&line, "user", r->x.user);
	if (r->note != NULL)
		log_field(&line, "note", r->note);
	log_line(LOG_NOTICE, "%s", buf_str(&line));
	buf_free(&line);
}

static void send_failure(struct request *r)
{
	struct msg *m = &r->auth->out;

	msg_start(m, MSG_AUTH_FAIL);
	msg_put_u32(m, r->id);
	msg_put_u32(m, r->result);
	msg_put_str(m, r->x.user);
	if (msg_send(&r->login->c, m) == -1)
		log_line(LOG_ERR, "cannot reach login %u: %m", r->login->c.number);
	request_free(r);
}

static void due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_failure(arg);
}

static void delay(struct request *r)
{
	int64_t left = r->auth->step_ms - (clock_ms() - r->began) % r->auth->step_ms;
	const struct timeval tv = {(time_t)(left / 1000), (suseconds_t)(left % 1000 * 1000)};

	r->state = DELAYED;
	event_assign(&r->timer, r->auth->base, -1, 0, due, r);
	event_add(&r->timer, &tv);
}

void refuse(struct request *r, int result, const char *why)
{
	if (r->lookup) {
		lookup_answered(r, result, NULL);
		return;
	}
	mech_forget(&r->x);
	log_failure(r, why != NULL ? why : reason(result));
	if (result == RESTANTE_NONE)
		result = RESTANTE_DENY;
	if (result != RESTANTE_DENY && result != RESTANTE_PERM)
		result = RESTANTE_TEMP;
	r->result = (uint32_t)-result;
	if (result == RESTANTE_DENY)
		delay(r);
	else
		send_failure(r);
}
