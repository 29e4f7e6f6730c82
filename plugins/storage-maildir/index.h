/* index.h - the index: what was found out about the messages of a Maildir, in memory and as the
 * octets of the file restante.index. No I/O here.
 *
 * The file is a header, an array of entries in the order of the messages, and their text, all in
 * the machine's own form: it is a cache that is made again where it does not fit, so it need not
 * be understood elsewhere. Its checksum notices every changed bit.
 */
#ifndef MAILDIR_INDEX_H
#define MAILDIR_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum folder { FOLDER_NEW, FOLDER_CUR, FOLDERS };

enum entry_flag {
	ENTRY_CUR = 1, /* the file was in cur/ */
	ENTRY_EXACT =
		2, /* octets were counted in the file that stamp describes; else a hint says so */
	ENTRY_CRLF = 4, /* as RESTANTE_BODY_CRLF, _NODOT; known only with EXACT */
	ENTRY_NODOT = 8,
	ENTRY_LINKED = 16 /* the file had another name with the same base: it goes with this one */
};

struct index_entry {
	uint64_t octets; /* on the wire */
	uint64_t stamp;  /* of the file: see file_stamp(). 0 = is no longer what was measured */
	int64_t received;
	uint32_t text; /* offset of: base NUL rest NUL, and where uid_len is not 0: UIDL NUL */
	uint8_t base_len, rest_len, uid_len, flags;
};

/* What a folder was when it was read; ino 0 = it must be read again. */
struct index_folder {
	uint64_t ino;
	int64_t sec, nsec; /* time of modification */
};

struct index_head {
	uint64_t magic;
	uint64_t count, text_len;
	int64_t cleaned; /* when tmp/ was last cleaned */
	struct index_folder folder[FOLDERS];
	uint64_t sum; /* of all else */
};

struct index {
	struct index_head head;
	struct index_entry *entry; /* head.count of them */
	char *text;
	size_t text_room;
	void *block; /* what entry and text point into, when the index was parsed */
};

/* Takes the len octets at block (from malloc) as an index. 0 = *ix is it and owns the block; -1 =
 * damaged or of another version or machine: the block is still the caller's. */
int index_parse(struct index *ix, void *block, size_t len);

/* Makes *ix an empty index with room for n entries. -1 = no memory. */
int index_make(struct index *ix, size_t n);

/* Adds an entry: *e says all but text and the lengths, which come from the strings. uid is NULL
 * where the base serves. At most the n entries of index_make. -1 = no memory, or more than 4 GiB
 * of text. */
int index_add(struct index *ix, const struct index_entry *e, const char *base, size_t base_len,
	const char *rest, size_t rest_len, const char *uid);

/* Gives an entry of *ix another UIDL. -1 = no memory, or more than 4 GiB of text. */
int index_rename(struct index *ix, struct index_entry *e, const char *uid);

/* Fills in the header for writing: header, entries and text follow each other in the file. */
void index_seal(struct index *ix);

/* Frees what *ix owns and leaves it empty. */
void index_free(struct index *ix);

static inline const char *entry_base(const struct index *ix, const struct index_entry *e)
{
	return ix->text + e->text;
}

static inline const char *entry_rest(const struct index *ix, const struct index_entry *e)
{
	return entry_base(ix, e) + e->base_len + 1;
}

static inline const char *entry_uid(const struct index *ix, const struct index_entry *e)
{
	return e->uid_len ? entry_rest(ix, e) + e->rest_len + 1 : entry_base(ix, e);
}

static inline enum folder entry_folder(const struct index_entry *e)
{
	return e->flags & ENTRY_CUR ? FOLDER_CUR : FOLDER_NEW;
}

#endif
