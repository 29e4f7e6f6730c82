/* generation - all processes that work with one configuration.
 *
 * It is COMING until every process has said READY. Those that meet clients are started last, so
 * that no client meets a generation that may still fail. Then it is SERVING and its processes are
 * started again when they die, and the one before is DRAINING: it takes nothing new and ends with
 * its last session. */
#define _GNU_SOURCE
#include "master/master.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "sys/notify.h"

enum {
	READY_MS = 20 * 1000, /* from START to READY */
	PAUSE_MIN_MS = 100,   /* before a dead process is started again: doubles each time ... */
	PAUSE_MAX_MS = 30 * 1000,
	STEADY_MS = 60 * 1000 /* ... until one has lived as long as this */
};

struct generation *generation_in(const struct master *m, enum generation_state state)
{
	struct generation *g = m->generations;

	while (g != NULL && g->state != state)
		g = g->next;
	return g;
}

static void release(struct master *m, struct generation *g)
{
	resources_close(m, g);
	control_remove(g);
	conf_free(g->conf);
	free(g->processes);
	free(g);
}

static int is_empty(const struct generation *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->processes[i].pid != 0)
			return 0;
	return 1;
}

void generations_sweep(struct master *m)
{
	struct generation **link = &m->generations;

	while (*link != NULL) {
		struct generation *g = *link;

		if (g->state == DRAINING && is_empty(g)) {
			*link = g->next;
			release(m, g);
		} else {
			link = &g->next;
		}
	}
}

/* --- the end --- */

void generation_drain(struct master *m, struct generation *g)
{
	g->state = DRAINING;
	for (size_t i = 0; i < g->n; i++) {
		struct process *p = &g->processes[i];

		if (p->state == WORKING)
			(void)process_tell(m, p, MSG_DRAIN, m->stop_step > 0);
		else if (p->pid != 0) /* has no client and may not listen to us */
			(void)kill(p->pid, SIGKILL);
	}
	resources_close(m, g);
	control_close(g);
}

void generation_refused(struct master *m)
{
	if (generation_in(m, SERVING) == NULL) {
		m->status = EXIT_FAILURE;
		stop_begin(m);
		return;
	}
	log_line(LOG_ERR, "the new configuration is not used; the old one stays");
	notify_ready("the last new configuration was refused");
}

static void fail(struct master *m, struct generation *g)
{
	generation_drain(m, g);
	generation_refused(m);
}

/* --- the beginning --- */

/* Does it take connections? */
static int is_front(const struct process *p)
{
	return p->role == ROLE_LOGIN || p->role == ROLE_LMTP;
}

/* Tells those, or all others, to start. */
static int start_those(struct master *m, struct generation *g, int front)
{
	for (size_t i = 0; i < g->n; i++) {
		struct process *p = &g->processes[i];

		if (is_front(p) != front)
			continue;
		p->since = clock_ms();
		if (process_tell(m, p, MSG_START, (uint32_t)m->privileged) == -1)
			return -1;
	}
	return 0;
}

static int start_all(struct master *m, struct generation *g)
{
	if (resources_open(m, g) == -1)
		return -1;
	control_open(m, g);
	for (size_t i = 0; i < g->n; i++)
		if (process_start(m, g, &g->processes[i]) == -1)
			return -1;
	for (size_t i = 0; i < g->n; i++)
		for (size_t j = 0; j < i; j++)
			if (process_connect(m, &g->processes[i], &g->processes[j]) == -1)
				return -1;
	return start_those(m, g, 0);
}

void generation_start(struct master *m, struct conf *conf)
{
	struct generation *g = mem_alloc(1, sizeof(*g));

	g->conf = conf;
	for (enum role r = 0; r < ROLES; r++)
		g->config[r] = g->controls[r].fd = -1;
	processes_plan(g);
	g->next = m->generations;
	m->generations = g;
	if (start_all(m, g) == -1)
		fail(m, g);
}

static int all_work(const struct generation *g, int front)
{
	for (size_t i = 0; i < g->n; i++)
		if ((front || !is_front(&g->processes[i])) && g->processes[i].state != WORKING)
			return 0;
	return 1;
}

static void serve(struct master *m, struct generation *g)
{
	struct generation *old = generation_in(m, SERVING);

	g->state = SERVING;
	if (old != NULL)
		generation_drain(m, old);
	for (size_t i = 0; i < g->nlisteners; i++)
		log_line(LOG_INFO, "serving %s", g->listeners[i].text);
	master_serves(m);
}

static void came_up(struct master *m, struct generation *g)
{
	if (g->state != COMING)
		return;
	if (all_work(g, 1)) {
		serve(m, g);
	} else if (!g->asked_front && all_work(g, 0)) {
		g->asked_front = 1;
		if (start_those(m, g, 1) == -1)
			fail(m, g);
	}
}

/* --- what a process says --- */

/* 0, or -1 where a process does not keep to what a role may say. */
static int take_message(struct master *m, struct generation *g, struct process *p)
{
	const char *reason;

	if (m->msg.type == MSG_READY && msg_end(&m->msg)) {
		if (p->state == STARTING) {
			p->state = WORKING;
			came_up(m, g);
		}
		return 0;
	}
	if (m->msg.type != MSG_FAILED)
		return -1;
	reason = msg_get_str(&m->msg);
	if (!msg_end(&m->msg))
		return -1;
	p->failed = 1;
	if (m->log != STDERR_FILENO) /* else it is there already */
		log_line(LOG_ERR, "%s: %s", role_name(p->role), reason);
	return 0; /* it ends by itself */
}

void generation_message(struct master *m, struct generation *g, struct process *p)
{
	switch (msg_recv(&p->channel, &m->msg)) {
	case MSG_NONE:
		return;
	case MSG_GOT:
		if (take_message(m, g, p) == 0)
			return;
		break;
	default:
		break;
	}
	/* It is about to end, or has lost its mind. A spawner's sessions may go on. */
	close(p->channel.fd);
	p->channel.fd = -1;
	(void)kill(p->pid, SIGKILL);
}

/* --- what becomes of it --- */

/* A worker whose plugin does not give up in time is killed by its own timer: that tells about a
 * server elsewhere that does not answer, and is no reason to start the next one later. */
static int ended_at_deadline(const struct generation *g, const struct process *p, int status)
{
	return p->role == ROLE_WORKER && p->state == WORKING && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL &&
	       clock_ms() - p->since >= conf_num(g->conf, "auth_timeout") * 1000;
}

static void report_end(const struct process *p, int status, int deadline)
{
	const char *name = role_name(p->role);
	long pid = (long)p->pid;

	if (deadline)
		log_line(LOG_ERR, "%s %u (%ld) was ended: a plugin took longer than auth_timeout",
			name, p->number, pid);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_line(LOG_ERR,
			"%s %u (%ld) made a system call that its filter forbids and was ended; the "
			"kernel's log names the call",
			name, p->number, pid);
	else if (WIFSIGNALED(status))
		log_line(LOG_ERR, "%s %u (%ld) was ended by signal %d", name, p->number, pid,
			WTERMSIG(status));
	else
		log_line(LOG_ERR, "%s %u (%ld) ended with status %d", name, p->number, pid,
			WEXITSTATUS(status));
}

static void schedule(struct process *p)
{
	int64_t now = clock_ms();

	if (p->pause == 0 || now - p->since >= STEADY_MS)
		p->pause = PAUSE_MIN_MS;
	else
		p->pause = p->pause * 2 < PAUSE_MAX_MS ? p->pause * 2 : PAUSE_MAX_MS;
	p->due = now + p->pause;
}

void generation_ended(struct master *m, struct generation *g, struct process *p, int status)
{
	int deadline = ended_at_deadline(g, p, status);

	if (g->state != DRAINING && !(p->failed && WIFEXITED(status)))
		report_end(p, status, deadline);
	if (deadline)
		p->pause = 0;
	if (p->role == ROLE_SESSION)
		stop_remember(m, p->pid);
	else if (p->role == ROLE_WORKER)
		(void)kill(-p->pid, SIGKILL); /* programs that its plugins were running */
	process_gone(m, p);
	if (g->state == COMING)
		fail(m, g);
	else if (g->state == SERVING)
		schedule(p);
}

static void restart(struct master *m, struct generation *g, struct process *p)
{
	int result = process_start(m, g, p);

	for (size_t i = 0; result == 0 && i < g->n; i++)
		if (&g->processes[i] != p)
			result = process_connect(m, p, &g->processes[i]);
	if (result == 0)
		result = process_tell(m, p, MSG_START, (uint32_t)m->privileged);
	if (result == 0)
		return;
	if (p->pid != 0) /* its end will be told */
		(void)kill(p->pid, SIGKILL);
	else
		schedule(p);
}

static int64_t tick(struct master *m, struct generation *g, struct process *p, int64_t now)
{
	if (p->state == DOWN && g->state == SERVING) {
		if (now >= p->due)
			restart(m, g, p);
		return p->state == DOWN ? p->due : now + READY_MS;
	}
	if (p->state != STARTING || (is_front(p) && g->state == COMING && !g->asked_front))
		return INT64_MAX;
	if (now < p->since + READY_MS)
		return p->since + READY_MS;
	log_line(LOG_ERR, "%s %u (%ld) was not ready in %d s", role_name(p->role), p->number,
		(long)p->pid, READY_MS / 1000);
	(void)kill(p->pid, SIGKILL); /* the rest follows when it is reaped */
	p->since = now;
	return INT64_MAX;
}

int64_t generation_tick(struct master *m, struct generation *g, int64_t now)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < g->n && g->state != DRAINING; i++) {
		int64_t due = tick(m, g, &g->processes[i], now);

		if (due < next)
			next = due;
	}
	return next;
}
