/* mbox.h - what the files of this plugin share: the open mailbox, and who does what to it.
 *
 * The file is at one path, which other programs append to, rewrite and replace; Restante's own
 * records are in the state folder, which belongs to the user alone. Unless a comment says
 * otherwise, functions return an enum restante_result, log what went wrong, and may block on the
 * disk.
 */
#ifndef MBOX_H
#define MBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <restante/plugin.h>

#include "from.h"
#include "groups.h"
#include "index.h"

/* Settings of type ENUM, in the order of their ranges. */
enum quoting { QUOTING_MBOXRD, QUOTING_MBOXO, QUOTING_NONE };
enum uidl_from { UIDL_HASH, UIDL_XUIDL };

/* Names in the state folder. */
#define SESSION_FILE "mbox.lock"
#define INDEX_FILE "mbox.index"
#define UIDL_FILE "mbox.uidl"
#define JOURNAL_FILE "mbox.journal"
#define NOTE_FILE "mbox.note."
#define TMP_SUFFIX ".new" /* of a file that is renamed when it is whole */

struct reader; /* body.c */
struct locks;  /* lock.c */
struct kept;   /* keep.c */
struct draft;  /* journal.h */

struct mbox {
	const struct restante_host *host;
	const char *path; /* of the file */
	const char *state_path;
	uint32_t uid, gid; /* the user's */
	enum quoting quoting;
	enum uidl_from uidl_from;
	int state;      /* the state folder */
	int session;    /* the session lock, or -1 */
	int fd;         /* the file, or -1 where there is none */
	bool writable;  /* fd can be written to */
	struct stat st; /* fd as it was when it was last looked at; all 0 where there is no file */
	struct stat seen;      /* and when the places of the messages were last found true */
	struct index index;    /* the messages as they are numbered; never changes after open */
	struct index now;      /* the messages as they are, once others changed the file */
	bool moved;            /* now is in use */
	bool unnoted;          /* the record of UIDLs could not be brought up to date */
	uint64_t *place;       /* for each entry of index: its number in now, or NOWHERE */
	struct reader *reader; /* body.c; NULL until the first one */
	struct locks *locks;   /* lock.c; NULL until the first one */
	struct kept *kept;     /* keep.c; NULL until the first delivery that brings a UIDL */
	void *note;            /* notes.c; from malloc, freed by close */
};

#define NOWHERE UINT64_MAX

/* --- mailbox.c: the calls of struct restante_storage that need no file of their own --- */
int mbox_open(const struct restante_host *, const struct restante_user *, uint32_t mode, void **);
void mbox_close(void *);
int mbox_list(void *, int (*each)(void *, const struct restante_message *), void *arg);
/* Makes fd a descriptor of what is at path now (for reading and writing where that is allowed, else
 * for reading; -1 where there is no file), and st what it is. PERM if that is no regular file.
 * Needs no lock. */
int mbox_file_open(struct mbox *);
/* Is fd what the path leads to? Then st is what that is now. */
bool mbox_same_file(struct mbox *);

/* --- state.c: files in the state folder, and reading, writing and failing --- */
/* The result that fits errno. full says whether FULL is an answer (deliveries, notes). */
int mbox_result(int error, bool full);
/* Logs "cannot <what> <name>: <errno>", and returns mbox_result(errno). name NULL = the mbox file,
 * else one in the state folder. */
int mbox_failed(struct mbox *, const char *what, const char *name);
int mbox_failed_full(struct mbox *, const char *what, const char *name);
/* Writes all of it at the descriptor's offset. 0, or -1 with errno. */
int mbox_write(int fd, const void *, size_t n);
/* Reads n octets at off. Octets that there were (fewer only at the end of the file), or -1 with
 * errno. */
int64_t mbox_read(int fd, void *, size_t n, uint64_t off);
/* Replaces a file of the state folder by n octets: new file, fsync if durable, rename, and if
 * durable the folder's fsync. */
int state_replace(struct mbox *, const char *name, const void *, size_t n, bool durable);
int state_sync(struct mbox *); /* fsync of the state folder */
/* The two halves of state_replace(): a descriptor to write to, or -1 with errno; the rename, which
 * closes it, or where good is false removes what was written. */
int state_begin(struct mbox *, const char *name);
int state_end(struct mbox *, const char *name, int fd, bool good, bool durable);
/* Reads a file of the state folder into memory of its size, from malloc. NONE = there is none. */
int state_read(struct mbox *, const char *name, void **, size_t *n);

/* --- lock.c, dotlock.c: the field's locks on the file --- */
/* [check] Looks at the setting "locks". */
int mbox_check(const struct restante_host *);
/* Takes the locks that the setting names, with mbox_file_open() between (so that what was replaced
 * meanwhile is not locked by mistake): fd is locked, or -1 where there is no file. BUSY after
 * lock_wait or when left_ms() is over. */
int mbox_lock(struct mbox *);
/* Gives back what is held. fd stays open. */
void mbox_unlock(struct mbox *);
/* To be called every few seconds while work under lock takes long: refreshes the dotlock. TEMP =
 * somebody else took it. */
int mbox_keep_lock(struct mbox *);
/* Is a dotlock among what is held? */
bool mbox_dotlocked(const struct mbox *);
/* Takes the locks on files that are held on fd also on another file; its closing gives them back.
 */
int mbox_lock_other(struct mbox *, int fd);

/* --- session.c: one session at a time --- */
int mbox_session(struct mbox *);

/* --- scan.c --- */
/* Adds the messages from off (a From_ line) up to size to the index, as ENTRY_FRESH. PERM if there
 * is no From_ line at off. The file is fd. */
int mbox_scan(struct mbox *, uint64_t off, uint64_t size, struct index *);

/* --- refresh.c: the index brought up to date --- */
/* At open: index from the stored one, scanning under lock what that does not know. */
int mbox_refresh(struct mbox *);
/* Before a message is used: makes sure that place_of() is true, scanning again under lock if others
 * did more to the file than append. */
int look_again(struct mbox *);
/* The same for a caller that holds the lock: it stays true until unlock. */
int look_again_locked(struct mbox *);
/* Where message key is; NULL = it has vanished. */
const struct index_entry *place_of(const struct mbox *, uint64_t key);
/* The index that place_of() points into. */
const struct index *current(const struct mbox *);
/* Lock held: a new index of the file as it is, with the help of the stored one, which it replaces.
 */
int index_now(struct mbox *, struct index *);
/* Did a file that was as the index says only grow since? *st is what it is now. */
bool only_grew(struct mbox *, const struct index *, const struct stat *st);

/* --- uidl.c: unique ids --- */
/* Gives the entries of fresh from known on their UIDLs; old (may be empty) is what the same file
 * held before, and its entries up to known are the same. */
int uidl_assign(struct mbox *, const struct index *old, struct index *fresh, uint64_t known);
/* Lock held, before messages are removed from the file: makes sure that the UIDLs of identical
 * messages that are left stay theirs. gone[i] = entry i of current() will be removed. */
int uidl_removing(struct mbox *, const bool *gone);
/* The same, after they were. */
int uidl_removed(struct mbox *);
/* The entries of an index by their UIDLs; freed with groups_free(). -1 = no memory. And the number
 * of the one that has it, or NOWHERE. */
int uidl_set(struct groups *, const struct index *);
uint64_t uidl_find(const struct groups *, const struct index *, const char *uid, size_t len);

/* --- keep.c: UIDLs that deliveries bring --- */
/* Lock held: notes on disk that the message in the draft, whose From_ line is skip octets behind
 * the beginning, will have that UIDL, unless it is illegal or in use. Either keep_done() or
 * keep_undo() must follow. */
int keep_uid(struct mbox *, struct draft *, uint64_t skip, const char *uid);
/* Lock held: the message is in the file. */
void keep_done(struct mbox *);
/* It will not be. */
void keep_undo(struct mbox *);
void keep_free(struct mbox *);

/* --- store.c: the index on disk --- */
void mbox_store_load(struct mbox *, struct index *);
void mbox_store_save(struct mbox *, struct index *);

/* --- body.c --- */
int mbox_body(void *, uint64_t key, struct restante_body *);

/* --- journal.c --- */
/* Lock held: completes or undoes what a crash left of a rewriting in place. Cheap where there is
 * no journal. After it the file is whole. */
int journal_recover(struct mbox *);
/* Is there a journal? No lock needed. */
bool journal_left(struct mbox *);

/* --- remove.c, deliver.c, notes.c, maintain.c: the rest of struct restante_storage --- */
int mbox_remove(void *, const uint64_t *keys, size_t n);
int mbox_put_begin(void *, const struct restante_put *, void **put);
int mbox_put_data(void *put, const void *, size_t n);
int mbox_put_end(void *put, int commit);
int mbox_note_get(void *, const char *name, const void **, size_t *n);
int mbox_note_put(void *, const char *name, const void *, size_t n);
int mbox_maintain(void *, uint32_t tasks);

#endif
