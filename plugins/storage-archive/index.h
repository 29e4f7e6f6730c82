/* index.h - the index: where the messages of an archive are, in memory and as the octets of the
 * file restante.index. No I/O here.
 *
 * The file is a header, an array of segments, an array of entries in the order of the messages, and
 * their UIDLs, all in the machine's own form: it is a cache that is made again where it does not
 * fit, so it need not be understood elsewhere. Its check sum notices every changed bit.
 */
#ifndef ARCHIVE_INDEX_H
#define ARCHIVE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A segment file as it was when it was walked. Its entries follow those of the one before. */
struct index_segment {
	uint64_t ino, size;
	int64_t sec, nsec; /* time of modification; nsec -1 = proves nothing */
	uint64_t entries;
	uint32_t number;  /* of its name */
	uint32_t damaged; /* regions that are no members */
};

enum entry_flag {
	ENTRY_COPY = 1 /* an earlier member has the same UIDL: it is not listed */
};

/* A member that is alive. */
struct index_entry {
	uint64_t off, len; /* in its segment */
	uint64_t octets;   /* on the wire */
	int64_t received;
	uint32_t uid;     /* offset in text; the UIDL there ends with NUL */
	uint32_t segment; /* which of the index's segments */
	uint8_t uid_len, flags, pad[6];
};

struct index_head {
	uint64_t magic;
	uint64_t segments, count, text_len;
	uint64_t copies; /* entries with ENTRY_COPY */
	uint64_t sum;    /* of all else */
};

struct index {
	struct index_head head;
	struct index_segment *segment; /* head.segments of them */
	struct index_entry *entry;     /* head.count of them */
	char *text;
	size_t segment_room, room, text_room;
	void *block; /* what the three point into, when the index was parsed */
};

/* Takes the len octets at block (from malloc) as an index. 0 = *ix is it and owns the block; -1 =
 * damaged or of another version or machine: the block is still the caller's. */
int archive_index_parse(struct index *ix, void *block, size_t len);

/* Adds a segment without entries. NULL = no memory. */
struct index_segment *archive_index_segment(struct index *ix, const struct index_segment *);

/* Adds an entry to the last segment: *e says all but uid, uid_len, segment. -1 = no memory, or more
 * than 4 GiB of text. */
int archive_index_add(struct index *ix, const struct index_entry *e, const char *uid, size_t len);

/* Marks the entries that have an earlier one's UIDL. -1 = no memory. */
int archive_index_copies(struct index *ix);

/* Fills in the header for writing: header, segments, entries, text follow each other in the file.
 */
void archive_index_seal(struct index *ix);

/* A check sum of n octets, also for other uses. */
uint64_t archive_sum(uint64_t seed, const void *, size_t n);

/* Frees what *ix owns and leaves it empty. */
void archive_index_free(struct index *ix);

static inline const char *entry_uid(const struct index *ix, const struct index_entry *e)
{
	return ix->text + e->uid;
}

/* --- a set of UIDLs of entries of one index, which may grow --- */
struct uid_set {
	uint32_t *slot;    /* number of an entry + 1; 0 = free */
	size_t room, used; /* room: a power of 2, or 0 */
};

/* The number of the entry in the set that has the UIDL, or UINT64_MAX. */
uint64_t archive_set_find(
	const struct uid_set *, const struct index *, const char *uid, size_t len);
/* Adds entry i. -1 = no memory. */
int archive_set_add(struct uid_set *, const struct index *, uint64_t i);
void archive_set_free(struct uid_set *);

#endif
