/* maintain.c - what restantectl asks for. */
#include <errno.h>
#include <inttypes.h>
#include <syslog.h>
#include <unistd.h>

#include "journal.h"
#include "mbox.h"

static bool alike(const struct index_entry *a, const struct index_entry *b)
{
	return a->from == b->from && a->end == b->end && a->len == b->len && a->octets == b->octets;
}

/* Compares what is known with the file, all of which was read anew. */
static bool compare(struct mbox *mb, const struct index *fresh)
{
	const struct index *known = current(mb);
	const struct restante_host *host = mb->host;
	bool good = known->head.count == fresh->head.count;

	if (!good)
		host->log(host->c, LOG_WARNING, "%s has %" PRIu64 " messages, not %" PRIu64,
			mb->path, fresh->head.count, known->head.count);
	for (uint64_t i = 0; good && i < fresh->head.count; i++) {
		good = alike(&known->entry[i], &fresh->entry[i]);
		if (!good)
			host->log(host->c, LOG_WARNING,
				"%s: message %s is not at octet %" PRIu64 " with %" PRIu64
				" octets",
				mb->path, entry_uid(known, &known->entry[i]), known->entry[i].from,
				known->entry[i].octets);
	}
	return good;
}

/* An index that is wrong goes: the next open makes it again. */
static int examine(struct mbox *mb, bool repair)
{
	struct index fresh = {0};
	int bad = mbox_lock(mb);

	if (bad)
		return bad;
	bad = look_again_locked(mb);
	if (!bad && mb->fd >= 0)
		bad = mbox_scan(mb, 0, (uint64_t)mb->st.st_size, &fresh);
	mbox_unlock(mb);
	if (!bad && !compare(mb, &fresh) && repair && unlinkat(mb->state, INDEX_FILE, 0) &&
		errno != ENOENT)
		bad = mbox_failed(mb, "remove", INDEX_FILE);
	mbox_index_free(&fresh);
	return bad;
}

int mbox_maintain(void *st, uint32_t tasks)
{
	struct mbox *mb = st;

	if (tasks & RESTANTE_CLEAN)
		draft_clean(mb);
	if (tasks & (RESTANTE_CHECK | RESTANTE_REPAIR))
		return examine(mb, tasks & RESTANTE_REPAIR);
	return RESTANTE_OK;
}
