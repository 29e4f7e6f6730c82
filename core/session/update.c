/* update - UPDATE state (RFC 1939 section 6): the only place that deletes. */
#include "session/session.h"

#include <stdlib.h>
#include "base/buf.h"

static int remove_marked(struct session *s)
{
	uint64_t *keys = mem_alloc(s->drop.ndeleted, sizeof(*keys));
	size_t n = 0;
	int result;

	for (size_t i = 0; i < s->drop.n; i++)
		if (s->drop.list[i].deleted)
			keys[n++] = s->drop.list[i].key;
	result = s->storage->remove(s->st, keys, n);
	free(keys);
	return result;
}

void update_enter(struct session *s)
{
	s->end = END_QUIT;
	if (s->drop.ndeleted == 0) {
		session_reply(s, REPLY_BYE, 0, 0);
	} else if (remove_marked(s) == RESTANTE_OK) {
		s->deleted = s->drop.ndeleted;
		session_reply(s, REPLY_QUIT, s->deleted, 0);
	} else {
		s->end = END_QUIT_FAILED;
		session_reply(s, REPLY_QUIT_FAILED, 0, 0);
	}
}
