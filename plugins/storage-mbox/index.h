/* index.h - the index: what was found out about the messages of an mbox, in memory and as the
 * octets of the file mbox.index. No I/O here.
 *
 * The file is a header, an array of entries in the order of the messages, and their text, all in
 * the machine's own form: it is a cache that is made again where it does not fit, so it need not
 * be understood elsewhere. Its checksum notices every changed bit.
 */
#ifndef MBOX_INDEX_H
#define MBOX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_LEN = 16, UID_LEN = 70 };

enum entry_flag {
	ENTRY_QUOTED = 1, /* lines in it must be unquoted */
	ENTRY_CRLF = 2,   /* as RESTANTE_BODY_CRLF, _NODOT */
	ENTRY_NODOT = 4,
	ENTRY_HIDDEN = 8, /* the pseudo message of other programs: not listed */
	ENTRY_FRESH =
		16 /* while scanning: uid is not yet the UIDL, but the X-UIDL (uid_len 0 = none) */
};

/* A message in the file:
 *	from			From_ line, from_len octets with its line end
 *	from + from_len		the message as stored, len octets
 *	... end			the separating blank line, where there is one
 * end is the next one's from, or the end of the file. */
struct index_entry {
	uint64_t from, end;
	uint64_t len;
	uint64_t octets;        /* on the wire */
	int64_t received;       /* of the From_ line */
	uint8_t hash[HASH_LEN]; /* of the From_ line and the headers that nobody rewrites */
	uint32_t uid;           /* offset in text; the UIDL there ends with NUL */
	uint16_t from_len;
	uint8_t uid_len, flags;
};

/* What the file was when it was scanned. */
struct index_file {
	uint64_t ino, size;    /* ino 0 = nothing is known */
	int64_t m_sec, m_nsec; /* time of modification; m_nsec -1 = proves nothing */
	int64_t c_sec, c_nsec; /* time of change */
	uint64_t head, tail;   /* checksums of the first octets; of the last From_ line and the last
				  octets */
};

struct index_head {
	uint64_t magic;
	uint64_t count, text_len;
	struct index_file file;
	uint64_t how; /* the settings that made it (quoting, uidl) */
	uint64_t sum; /* of all else */
};

struct index {
	struct index_head head;
	struct index_entry *entry; /* head.count of them */
	char *text;
	size_t room, text_room;
	void *block; /* what entry and text point into, when the index was parsed */
};

/* Takes the len octets at block (from malloc) as an index. 0 = *ix is it and owns the block; -1 =
 * damaged or of another version or machine: the block is still the caller's. */
int mbox_index_parse(struct index *ix, void *block, size_t len);

/* Adds an entry (without a UIDL) behind the others. NULL = no memory. */
struct index_entry *mbox_index_add(struct index *ix, const struct index_entry *e);

/* Gives entry i its UIDL (or, while scanning, its X-UIDL). -1 = no memory, or text beyond 4 GiB. */
int mbox_index_set_uid(struct index *ix, uint64_t i, const char *uid, size_t len);

/* Adds the first n entries of another index, with their UIDLs. -1 = no memory. */
int mbox_index_copy(struct index *ix, const struct index *from, uint64_t n);

/* Fills in the header for writing: header, entries and text follow each other in the file. */
void mbox_index_seal(struct index *ix);

/* A checksum of n octets, also for other uses; seed starts it or goes on with another's. */
uint64_t mbox_index_sum(uint64_t seed, const void *, size_t n);

/* Frees what *ix owns and leaves it empty. */
void mbox_index_free(struct index *ix);

static inline const char *entry_uid(const struct index *ix, const struct index_entry *e)
{
	return ix->text + e->uid;
}

#endif
