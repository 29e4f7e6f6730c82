/* loop - the master's only thread of work: signals, the roles' few messages, and what is due. */
#define _GNU_SOURCE
#include "master/master.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "sys/notify.h"

void loop_reload(struct master *m)
{
	struct conf *conf;

	if (generation_in(m, COMING) != NULL) { /* one at a time: again when that is decided */
		m->reload = 1;
		return;
	}
	m->reload = 0;
	if (generation_in(m, SERVING) != NULL)
		notify_reloading();
	conf = check_run(m->config_file);
	if (conf != NULL)
		generation_start(m, conf);
	else
		generation_refused(m);
}

static struct process *find_process(struct master *m, pid_t pid, struct generation **g)
{
	for (*g = m->generations; *g != NULL; *g = (*g)->next)
		for (size_t i = 0; i < (*g)->n; i++)
			if ((*g)->processes[i].pid == pid)
				return &(*g)->processes[i];
	return NULL;
}

static void reap(struct master *m)
{
	struct generation *g;
	struct process *p;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		p = find_process(m, pid, &g);
		if (p != NULL) /* else a session whose spawner died before it */
			generation_ended(m, g, p, status);
	}
}

static void take_signals(struct master *m)
{
	struct signalfd_siginfo info;

	while (read(m->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(m);
		else if (info.ssi_signo != SIGHUP) {
			log_line(LOG_INFO, "stopping");
			stop_begin(m);
		} else if (m->stop_step == 0)
			loop_reload(m);
	}
}

/* What is due. Returns the time of the next such thing. */
static int64_t work(struct master *m, int64_t now)
{
	int64_t next = m->rotate;

	if (now >= m->rotate)
		tickets_rotate(m);
	for (struct generation *g = m->generations; g != NULL; g = g->next) {
		int64_t due = generation_tick(m, g, now);

		if (due < next)
			next = due;
	}
	if (m->reload && m->stop_step == 0 && generation_in(m, COMING) == NULL)
		loop_reload(m);
	if (m->stop_step > 0 && m->stop_due < next)
		next = m->stop_due;
	return next;
}

static int is_over(struct master *m, int64_t now)
{
	generations_sweep(m);
	return m->stop_step > 0 && stop_tick(m, now);
}

struct watch { /* whose channel a descriptor is */
	struct generation *g;
	struct process *p;
};

/* Fills both arrays, which have room for all processes. Returns how many there are. */
static size_t watch_channels(struct master *m, struct pollfd *fds, struct watch *who)
{
	size_t n = 0;

	for (struct generation *g = m->generations; g != NULL; g = g->next)
		for (size_t i = 0; i < g->n; i++)
			if (g->processes[i].channel.fd != -1) {
				fds[n] = (struct pollfd){
					.fd = g->processes[i].channel.fd, .events = POLLIN};
				who[n++] = (struct watch){g, &g->processes[i]};
			}
	return n;
}

/* Waits until something happens or next is reached. */
static void wait_for(struct master *m, int64_t next, int64_t now)
{
	int64_t left = next <= now ? 0 : next - now > INT_MAX ? INT_MAX : next - now;
	size_t n = 0;
	struct pollfd *fds;
	struct watch *who;

	for (struct generation *g = m->generations; g != NULL; g = g->next)
		n += g->n;
	fds = mem_alloc(n + 1, sizeof(*fds));
	who = mem_alloc(n + 1, sizeof(*who));
	n = watch_channels(m, fds, who);
	fds[n] = (struct pollfd){.fd = m->signals, .events = POLLIN};
	if (poll(fds, n + 1, (int)left) > 0) {
		/* Messages first: FAILED says more than the end of its sender. */
		for (size_t i = 0; i < n; i++)
			if (fds[i].revents != 0)
				generation_message(m, who[i].g, who[i].p);
		if (fds[n].revents != 0)
			take_signals(m);
	}
	free(who);
	free(fds);
}

void loop_run(struct master *m)
{
	for (;;) {
		int64_t now = clock_ms(), next = work(m, now);

		if (is_over(m, now))
			return;
		wait_for(m, next, now);
	}
}
