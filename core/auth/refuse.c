/* refuse - a login has failed: the line in the log, and the answer at its time.
 *
 * How long a check took can tell whether a user exists, which backend knows him, how his password
 * is stored. So each check that is refused counts as long as the slowest of the last hour, and
 * login answers a DENY at the next multiple of step_ms since the client's last word, whatever it
 * was that refused, and behind it what the failure costs (penalty.c). Login is told the moment at
 * once and waits: nothing is held here. Other failures tell about this server and not about the
 * user; they are answered at once. */
#include "auth/auth.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

enum { EVEN_STEPS = 10 };                 /* more than so many are not evened out */
#define EVEN_US (INT64_C(3600) * 1000000) /* how long the slowest is remembered */

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

/* fail2ban reads these lines (packaging/fail2ban), and restanted(8) describes them. What is ours
 * stands before all that a client has chosen, so that nothing can push it out of a line that is
 * cut, or pretend to be it. */
static void log_failure(struct request *r, const char *why)
{
	struct buf line = {0};

	buf_printf(&line, "login failed:");
	log_field(&line, "ip", r->client_ip);
	log_field(&line, "mech", r->x.mech->name);
	log_field(&line, "reason", why);
	log_field(&line, "known", memory_known(r) ? "yes" : "no");
	log_field(&line, "user", r->x.user);
	if (r->note != NULL)
		log_field(&line, "note", r->note);
	log_line(LOG_NOTICE, "%s", buf_str(&line));
	buf_free(&line);
}

/* when: see messages.h. */
static void send_failure(struct request *r, int result, uint64_t when)
{
	struct msg *m = &r->auth->out;

	msg_start(m, MSG_AUTH_FAIL);
	msg_put_u32(m, r->id);
	msg_put_u32(m, (uint32_t)-result);
	msg_put_u64(m, when);
	msg_put_str(m, r->x.user);
	(void)login_tell(r->login);
	request_free(r);
}

/* How much faster than the slowest its check was, in us. One that is out of all proportion does not
 * hold up the others. */
static int64_t make_even(struct request *r, int64_t now)
{
	struct auth *a = r->auth;
	int64_t most = a->step_ms * EVEN_STEPS * 1000;

	if (r->took >= a->slowest || now - a->slowest_at > EVEN_US) {
		a->slowest = r->took < most ? r->took : most;
		a->slowest_at = now;
	}
	return a->slowest > r->took ? a->slowest - r->took : 0;
}

/* The next multiple of the step since the client has spoken, and what the failure costs. */
static uint64_t due(struct request *r)
{
	int64_t step = r->auth->step_ms * 1000, now = clock_us();
	int64_t steps = (now + make_even(r, now) - r->began) / step + 1;

	return (uint64_t)(r->began + steps * step + memory_failed(r) * 1000);
}

void refuse(struct request *r, int result, const char *why)
{
	if (r->lookup) {
		lookup_answered(r, result, NULL);
		return;
	}
	if (!r->silent)
		log_failure(r, why != NULL ? why : reason(result));
	switch (result) {
	case RESTANTE_NONE:
	case RESTANTE_DENY:
		send_failure(r, RESTANTE_DENY, due(r));
		break;
	case RESTANTE_PERM:
	case RESTANTE_FULL:
		send_failure(r, result, 0);
		break;
	default:
		send_failure(r, RESTANTE_TEMP, 0);
		break;
	}
}

/* Whether a mechanism with more steps, or the next plugin, would have refused is not known. */
void refuse_absent(struct request *r, int result)
{
	if (!r->lookup && (r->x.what == VERIFY_PASSWORD || r->x.what == VERIFY_TOKEN) &&
		(result == RESTANTE_DENY || (result == RESTANTE_NONE && pool_is_last(r)))) {
		log_failure(r, reason(result));
		(void)memory_failed(r);
	}
	request_free(r);
}

void refuse_for(struct request *r, int64_t seconds)
{
	log_failure(r, "login_delay");
	send_failure(r, RESTANTE_BUSY, (uint64_t)seconds);
}
