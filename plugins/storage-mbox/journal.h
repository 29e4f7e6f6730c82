/* journal.h - what is about to be written into the mbox, kept in the state folder until it is
 * there.
 *
 * A journal is a header and a text. Once it has its name it says all that is needed to complete the
 * change from whatever a crash left of it, or, for an APPEND, to undo it. The mbox is never written
 * to before its journal is on disk, but where the change is a single system call.
 */
#ifndef MBOX_JOURNAL_H
#define MBOX_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mbox;

enum journal_kind {
	JOURNAL_MOVE = 1, /* the file becomes its first at octets and the text: complete it */
	JOURNAL_APPEND =
		2 /* the text goes behind the file's end: undo it if it is not there whole */
};

enum {
	JOURNAL_TEXT = 4096, /* where the text begins */
	JOURNAL_CHUNK = 1024 * 1024,
	JOURNAL_MARK_LEN = 16 /* of what marks an end that is to be cut off */
};

struct journal_head {
	uint64_t magic, kind;
	uint64_t ino, size; /* of the mbox, before */
	uint64_t at, len;   /* where in the mbox the text goes; its length */
	uint64_t skip;      /* octets before the text in the journal that are none of it */
	uint64_t text_sum;  /* of what was skipped and the text, added up in pieces of JOURNAL_CHUNK
			     */
	uint64_t before,
		behind;  /* of octets of the mbox that stay as they are until it is complete */
	uint64_t sum;    /* of all above */
	uint64_t copied; /* becomes the same as sum when the text is in the mbox and on disk */
};

/* A journal that is being written. */
struct draft {
	int fd;
	uint64_t len, sum; /* of what was added */
	size_t fill;
	char *buffer;
	char name[64];
};

/* --- journal.c: the file --- */
/* Makes one. Others may write theirs at the same time: only journal_name needs the lock. */
int draft_begin(struct mbox *, struct draft *);
int draft_add(struct mbox *, struct draft *, const void *, size_t n);
/* Adds n octets of another file. */
int draft_copy(struct mbox *, struct draft *, int fd, uint64_t off, uint64_t n);
/* Writes what is in memory, so that fd has all of it, from JOURNAL_TEXT on. */
int draft_flush(struct mbox *, struct draft *);
/* Lock held: syncs it and gives it its name, over an older journal. The draft is over. On error
 * either may be the journal now. Of what was added the first skip octets are left out. */
int draft_name(struct mbox *, struct draft *, enum journal_kind, uint64_t at, uint64_t size,
	uint64_t skip);
/* Drops it. */
void draft_drop(struct mbox *, struct draft *);
/* Removes drafts that crashes left behind. */
void draft_clean(struct mbox *);

/* Is this the header of a file of that length, with nothing in it that cannot be? Pure. */
bool journal_head_good(const struct journal_head *, uint64_t file_len);
void journal_head_seal(struct journal_head *);
/* The sums before and behind, from the mbox as it is. -1 = cannot read. */
int journal_witness(int fd, const struct journal_head *, uint64_t *before, uint64_t *behind);
/* Opens the journal and reads all of it. NONE = there is none (any longer: a damaged one was set
 * aside). */
int journal_open(struct mbox *, struct journal_head *, int *fd);
/* Notes in the journal that the text is in the mbox. */
int journal_set_copied(struct mbox *, int fd, const struct journal_head *);
/* Gives it another name, for an administrator to look at, and says so. */
int journal_set_aside(struct mbox *, const char *why);
int journal_remove(struct mbox *);

/* --- replay.c --- */
/* Lock held: does what the journal says. After an error an APPEND has been undone; a MOVE will be
 * completed by the next journal_recover(). */
int journal_apply(struct mbox *);

static inline uint64_t journal_text(const struct journal_head *h)
{
	return JOURNAL_TEXT + h->skip;
}

/* --- copy.c --- */
/* Copies n octets between files in big pieces, and keeps the lock meanwhile. OK; or TEMP with errno
 * set, 0 when the lock was lost. Logs nothing. */
int copy_octets(struct mbox *, int from, uint64_t from_off, int to, uint64_t to_off, uint64_t n);
/* Waits until what was done to the names in the mbox's folder is on disk. */
int mbox_folder_sync(struct mbox *);

#endif
