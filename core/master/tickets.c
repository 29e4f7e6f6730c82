/* tickets - keys of TLS session tickets. All login processes have the same, so that a client
 * resumes whichever it meets; they are replaced by and by, and a key that is gone keeps old traffic
 * secret. */
#define _GNU_SOURCE
#include "master/master.h"

#include <string.h>
#include <sys/random.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/wipe.h"

#define ROTATE_MS (8 * 3600 * 1000)

int tickets_send(struct master *m, const struct process *p)
{
	int result;

	msg_start(&m->msg, MSG_TICKET_KEYS);
	msg_put_bytes(&m->msg, m->keys, m->nkeys * MASTER_KEY);
	result = msg_send(&p->channel, &m->msg);
	wipe(m->msg.data, m->msg.len);
	return result;
}

void tickets_rotate(struct master *m)
{
	memmove(m->keys + MASTER_KEY, m->keys, sizeof(m->keys) - MASTER_KEY);
	if (m->nkeys < MASTER_KEYS)
		m->nkeys++;
	m->rotate = clock_ms() + ROTATE_MS;
	if (getrandom(m->keys, MASTER_KEY, 0) != MASTER_KEY) {
		log_line(LOG_ERR, "no random numbers: TLS session tickets keep their key");
		memmove(m->keys, m->keys + MASTER_KEY, sizeof(m->keys) - MASTER_KEY);
		m->nkeys--;
	}
	for (struct generation *g = m->generations; g != NULL; g = g->next)
		for (size_t i = 0; i < g->n; i++)
			if (g->processes[i].role == ROLE_LOGIN && g->processes[i].state == WORKING)
				(void)tickets_send(m, &g->processes[i]);
}
