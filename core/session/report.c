/* report - what a session says: replies to its client, one line to the log at its end. */
#include "session/session.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"

void session_reply(struct session *s, enum reply_id id, uint64_t n1, uint64_t n2)
{
	unsigned char *to = out_room(&s->out, REPLY_MAX);

	s->out.len += reply_format((char *)to, REPLY_MAX, s->language, id, n1, n2);
}

static const char *const why[] = {
	[END_QUIT] = "quit",
	[END_QUIT_FAILED] = "quit-failed",
	[END_DISCONNECT] = "disconnect",
	[END_IDLE] = "idle",
	[END_STALLED] = "stalled",
	[END_READ_ERROR] = "read-error",
	[END_LOST] = "lost",
	[END_IN_USE] = "in-use",
	[END_OPEN_TEMP] = "open-temp",
	[END_OPEN_PERM] = "open-perm",
};

void session_report(const struct session *s)
{
	const char *label = conf_user_str(s->conf, s->user, "label");
	struct buf line = {0};

	buf_printf(&line, "session");
	log_field(&line, "user", s->user->name);
	if (label[0] != '\0')
		log_field(&line, "label", label);
	log_field(&line, "ip", s->client->ip);
	log_field(&line, "tls", s->client->tls[0] != '\0' ? s->client->tls : "none");
	buf_printf(&line,
		" secs=%lld retrieved=%llu retrieved_octets=%llu deleted=%llu left=%llu "
		"left_octets=%llu",
		(long long)((clock_ms() - s->began + 500) / 1000), (unsigned long long)s->retrieved,
		(unsigned long long)s->retrieved_octets, (unsigned long long)s->deleted,
		(unsigned long long)(s->drop.n - s->deleted),
		(unsigned long long)(s->drop.octets -
				     (s->deleted > 0 ? s->drop.deleted_octets : 0)));
	log_field(&line, "why", why[s->end]);
	log_line(LOG_INFO, "%s", buf_str(&line));
	buf_free(&line);
}
