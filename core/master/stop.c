/* stop - the end of the server, in steps: DRAIN, and sessions have some seconds to finish; SIGTERM
 * to what is left; SIGKILL. A session that is cut off deletes nothing: that only QUIT does.
 *
 * Sessions are no children of ours. They share the process group of their spawner, which outlives
 * it: as the subreaper of all below, the master can ask whether a group still has members, so that
 * it never signals one that is not its own. */
#define _GNU_SOURCE
#include "master/master.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/log.h"
#include "sys/notify.h"

static const struct {
	int signal;
	int64_t patience; /* milliseconds until the next step */
} steps[] = {
	{0, 5000}, /* DRAIN */
	{SIGTERM, 2000},
	{SIGKILL, 2000},
};
#define STEPS ((int)(sizeof(steps) / sizeof(steps[0])))

static int has_members(pid_t group)
{
	siginfo_t info;

	return waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void stop_prune(struct master *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->ngroups; i++)
		if (has_members(m->groups[i]))
			m->groups[n++] = m->groups[i];
	m->ngroups = n;
}

void stop_remember(struct master *m, pid_t group)
{
	stop_prune(m);
	if (!has_members(group))
		return;
	if (m->ngroups == MASTER_GROUPS) {
		log_line(LOG_ERR, "too many session spawners have died; some sessions will not be "
				  "stopped with the server");
		return;
	}
	m->groups[m->ngroups++] = group;
}

static void signal_all(struct master *m, int number)
{
	for (struct generation *g = m->generations; g != NULL; g = g->next)
		for (size_t i = 0; i < g->n; i++)
			if (g->processes[i].pid != 0)
				(void)kill(-g->processes[i].pid, number);
	for (size_t i = 0; i < m->ngroups; i++)
		(void)kill(-m->groups[i], number);
}

static void step(struct master *m)
{
	int number = steps[m->stop_step].signal;

	m->stop_due = clock_ms() + steps[m->stop_step].patience;
	m->stop_step++;
	if (number != 0)
		signal_all(m, number);
	else /* again those that drain already: now we stop */
		for (struct generation *g = m->generations; g != NULL; g = g->next)
			generation_drain(m, g);
}

void stop_begin(struct master *m)
{
	if (m->stop_step == 0)
		notify_stopping();
	if (m->stop_step < STEPS)
		step(m);
}

int stop_tick(struct master *m, int64_t now)
{
	generations_sweep(m);
	stop_prune(m);
	if (m->generations == NULL && m->ngroups == 0)
		return 1;
	if (m->stop_step == 0 || now < m->stop_due)
		return 0;
	if (m->stop_step == STEPS) {
		log_line(LOG_ERR, "some processes could not be stopped");
		m->status = 1;
		return 1;
	}
	step(m);
	return 0;
}
