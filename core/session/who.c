/* who - the sessions that run, as restantectl asks for them. */
#define _GNU_SOURCE
#include "session/spawner.h"

#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "ipc/control.h"

static void describe(const struct child *c, struct buf *line)
{
	log_field(line, "user", c->user);
	if (c->label[0] != '\0')
		log_field(line, "label", c->label);
	log_field(line, "ip", c->ip);
	log_field(line, "tls", c->tls[0] != '\0' ? c->tls : "none");
	control_time(line, "since", c->began);
	buf_printf(line, " secs=%lld", (long long)((clock_ms() - c->began) / 1000));
	log_field(line, "storage", c->storage);
	buf_printf(line, " pid=%ld", (long)c->pid);
}

static void who(const struct children *t, struct buf *out)
{
	struct buf line = {0};
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (!children_is_session(&t->list[i]))
			continue;
		describe(&t->list[i], &line);
		control_line(out, &line);
		n++;
	}
	buf_free(&line);
	control_done(out, n);
}

static void answer(void *arg, const char *line, size_t n, struct buf *out)
{
	struct spawner *s = arg;
	struct control_request r;

	if (control_parse(line, n, ROLE_SESSION, &r, out) == 0)
		who(&s->children, out); /* the only question there is */
}

void who_listen(struct spawner *s)
{
	uid_t other = s->start.privileged ? 0 : geteuid();

	if (query_open(&s->query, s->start.control, other, answer, s) == -1)
		role_fail(&s->start, "cannot listen to restantectl: %m");
}
