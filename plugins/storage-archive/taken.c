/* taken.c - which UIDLs there are, for deliveries that bring one. Asked by conversions, thousands
 * of times: what there is is read once, and then only what was appended. */
#include <errno.h>
#include <string.h>

#include "archive.h"

static int no_memory(struct archive *ar)
{
	errno = ENOMEM;
	return archive_failed(ar, "index", "");
}

static int add_from(struct archive *ar, uint64_t i)
{
	for (; i < ar->taken.head.count; i++)
		if (archive_set_add(&ar->uids, &ar->taken, i))
			return no_memory(ar);
	return RESTANTE_OK;
}

static int read_all(struct archive *ar)
{
	int bad;

	archive_index_free(&ar->taken);
	archive_set_free(&ar->uids);
	bad = archive_refresh(ar, &ar->taken);
	if (!bad && ar->taken.block) { /* as parsed it cannot grow */
		struct index copy = {0};

		for (uint64_t s = 0, i = 0; s < ar->taken.head.segments; s++) {
			if (!archive_index_segment(&copy, &ar->taken.segment[s]))
				bad = no_memory(ar);
			for (uint64_t n = ar->taken.segment[s].entries; n && !bad; n--, i++)
				if (archive_index_add(&copy, &ar->taken.entry[i],
					    entry_uid(&ar->taken, &ar->taken.entry[i]),
					    ar->taken.entry[i].uid_len))
					bad = no_memory(ar);
			if (bad)
				break;
		}
		archive_index_free(&ar->taken);
		ar->taken = copy;
	}
	return bad ? bad : add_from(ar, 0);
}

/* Are the segments that are known still there, with nothing appended but to the last one? */
static bool as_before(const struct index *ix, const struct segments *l)
{
	size_t n = ix->head.segments;

	if (l->n < n || !n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct index_segment *was = &ix->segment[i], *is = &l->segment[i];

		if (was->number != is->number || was->ino != is->ino ||
			(i < n - 1 ? was->size != is->size : was->size > is->size))
			return false;
	}
	return true;
}

static int read_new(struct archive *ar, const struct segments *l)
{
	struct index *ix = &ar->taken;
	uint64_t known = ix->head.count;
	int bad = RESTANTE_OK;

	for (size_t i = ix->head.segments - 1; i < l->n && !bad; i++) {
		uint64_t from = 0;

		if (i == ix->head.segments) {
			if (!archive_index_segment(ix, &l->segment[i]))
				return no_memory(ar);
		} else {
			from = ix->segment[i].size;
			ix->segment[i].size = l->segment[i].size;
		}
		if (from < l->segment[i].size)
			bad = archive_walk_into(ar, ix, from);
	}
	return bad ? bad : add_from(ar, known);
}

int archive_uid_free(struct archive *ar, const char *uid)
{
	struct segments l = {0};
	int bad = archive_segments(ar, &l);

	if (!bad)
		bad = as_before(&ar->taken, &l) ? read_new(ar, &l) : read_all(ar);
	archive_segments_free(&l);
	if (bad) { /* it may be half of what it should be */
		archive_index_free(&ar->taken);
		archive_set_free(&ar->uids);
		return bad;
	}
	return archive_set_find(&ar->uids, &ar->taken, uid, strlen(uid)) == UINT64_MAX
		       ? RESTANTE_OK
		       : RESTANTE_NONE;
}
