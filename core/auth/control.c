/* control - what restantectl asks: who has to pay for failures; to forget that, or passwords. */
#include "auth/auth.h"

#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "ipc/control.h"

static void list_row(const struct failures *f, const struct penalty *p, struct buf *line)
{
	if (f->user[0] != '\0')
		log_field(line, "user", f->user);
	if (f->address[0] != '\0')
		log_field(line, "address", f->address);
	buf_printf(line, " level=%u failures=%u wait=%lld", p->level, f->failed,
		(long long)((p->wait_ms + 999) / 1000));
	control_time(line, "until", p->until);
}

static void list(struct auth *a, const struct control_request *r, struct buf *out)
{
	const struct rows *rows = &a->memory.penalties.failures;
	struct buf line = {0};
	struct penalty p;
	size_t n = 0;

	(void)r;
	for (size_t i = 0; i < rows->n; i++) {
		const struct failures *f = rows_at(rows, i);

		if (!penalties_look(f, clock_ms(), &p))
			continue;
		list_row(f, &p, &line);
		control_line(out, &line);
		n++;
	}
	buf_free(&line);
	control_done(out, n);
}

static void clear(struct auth *a, const struct control_request *r, struct buf *out)
{
	size_t n = penalties_clear(&a->memory.penalties, r->argument);
	struct buf line = {0};

	buf_printf(&line, "penalties cleared by restantectl:");
	log_field(&line, "what", r->argument);
	log_line(LOG_NOTICE, "%s", buf_str(&line));
	buf_free(&line);
	control_done(out, n);
}

static void flush(struct auth *a, const struct control_request *r, struct buf *out)
{
	control_done(
		out, cache_flush(&a->memory.cache, r->argument[0] != '\0' ? r->argument : NULL));
}

static void (*const answers[CONTROL_COUNT])(
	struct auth *, const struct control_request *, struct buf *out) = {
	[CONTROL_PENALTY_LIST] = list,
	[CONTROL_PENALTY_CLEAR] = clear,
	[CONTROL_AUTH_FLUSH] = flush,
};

static void answer(void *arg, const char *line, size_t n, struct buf *out)
{
	struct control_request r;

	if (control_parse(line, n, ROLE_AUTH, &r, out) == 0)
		answers[r.question](arg, &r, out);
}

static void on_question(evutil_socket_t fd, short what, void *arg)
{
	struct auth *a = arg;

	(void)fd;
	(void)what;
	query_work(&a->query);
}

void control_listen(struct auth *a)
{
	uid_t other = a->start.privileged ? 0 : geteuid();

	if (query_open(&a->query, a->start.control, other, answer, a) == -1)
		role_fail(&a->start, "cannot listen to restantectl: %m");
	if (a->query.fd == -1)
		return;
	event_assign(&a->questions, a->base, a->query.fd, EV_READ | EV_PERSIST, on_question, a);
	event_add(&a->questions, NULL);
}
