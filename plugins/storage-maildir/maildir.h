/* maildir.h - what the files of this plugin share: the open mailbox, and who does what to it.
 *
 * Unless a comment says otherwise, functions return an enum restante_result, log what went wrong,
 * and may block on the disk.
 */
#ifndef MAILDIR_H
#define MAILDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <restante/plugin.h>

#include "index.h"
#include "names.h"

enum {
	PATH_LEN = 4 + NAME_LEN,      /* "cur/" and a name */
	STALE_SECONDS = 36 * 60 * 60, /* after that nobody is still writing a file in tmp/ */
	CLEAN_EVERY = 6 * 60 * 60,    /* seconds between two looks into tmp/ */
	SCAN_TRIES = 5                /* readings of a folder that changes while it is read */
};

#define LOCK_FILE "restante.lock"
#define INDEX_FILE "restante.index"
#define NOTE_FILE "restante.note."

/* A name that a scan found, or an entry of the index in a folder that did not change. */
struct found {
	const char *base, *rest;
	const struct index_entry *old; /* NULL = read from the folder */
	int64_t seconds;
	uint8_t base_len, rest_len, hints_len, folder;
};

/* What scans found. The names live in chunks that never move. */
struct listing {
	struct found *found;
	size_t n, room;
	struct chunk *chunks;
	unsigned int skipped; /* names that are no messages, and the first of them */
	char first[PATH_LEN + 64];
};

struct maildir {
	const struct restante_host *host;
	const char *path;
	uint32_t uid;        /* the user's */
	int root, lock;      /* lock -1 = none held, or held on root */
	int body;            /* the open message, or -1 */
	uint32_t puts;       /* names made by deliveries */
	bool dirty;          /* the index knows more than its file */
	int64_t hint_budget; /* octets that may yet be read to check a hint */
	struct index index;
	struct listing
		moved; /* the folders read again, after a file was renamed by somebody else */
	char *buffer;  /* for measuring; NULL or MEASURE_BUFFER octets */
	void *note;
};

/* --- mailbox.c: the calls of struct restante_storage that need no file of their own --- */
int maildir_open(
	const struct restante_host *, const struct restante_user *, uint32_t mode, void **);
void maildir_close(void *);
int maildir_list(void *, int (*each)(void *, const struct restante_message *), void *arg);
/* Makes new/, cur/ and tmp/ where they are missing. */
int maildir_make_folders(struct maildir *);
/* The result that fits errno. full says whether FULL is an answer (deliveries, notes). */
int result_of(int error, bool full);
/* Logs "<what> <name>: <errno>" with the mailbox's path, and returns result_of(errno). */
int failed(struct maildir *, const char *what, const char *name);
int failed_full(struct maildir *, const char *what, const char *name);
/* "cur/<base><rest>". The entry's file as the index knows it. */
void path_make(char path[PATH_LEN + 1], enum folder, const char *base, size_t base_len,
	const char *rest, size_t rest_len);
void path_of(const struct maildir *, const struct index_entry *, char path[PATH_LEN + 1]);
/* Makes a file in tmp/ to write to: a descriptor, or -1 with errno. name gets its path, unique
 * among all who write here: "tmp/" and a name by the rules of Maildir. */
int tmp_create(struct maildir *, char *name, size_t room);
/* Writes all of it. 0, or -1 with errno. */
int write_all(int fd, const void *, size_t n);
/* Waits until what was done in a folder of the Maildir ("new", ".") is on disk. */
int folder_sync(struct maildir *, const char *folder);

/* --- lock.c: one session at a time --- */
int lock_take(struct maildir *);

/* --- scan.c: reading folders --- */
/* Adds the names in a folder; *st, what the folder was before, is filled when it was read quietly;
 * its st_ino is 0 when the folder kept changing. */
int scan_folder(struct maildir *, enum folder, struct listing *, struct stat *st);
/* Adds the entries of an index that are in a folder, instead of reading it. */
int scan_known(const struct index *, enum folder, struct listing *);
void scan_sort(struct listing *);
/* The files with this entry's base in a sorted listing: the first one, and their number. */
const struct found *scan_find(
	const struct listing *, const struct index *, const struct index_entry *, size_t *n);
void scan_free(struct listing *);

/* --- merge.c: a new index from an old one and what a scan found --- */
/* TEMP when the time was over: *fresh holds what was done until then. unsure[] becomes true where a
 * folder has files that could not be read now and may be later. */
int merge(struct maildir *, const struct index *old, const struct listing *, struct index *fresh,
	bool unsure[FOLDERS]);

/* --- unique.c: one UIDL, one message --- */
/* Sees to it that no two entries have one UIDL. -1 = no memory. */
int unique(struct index *);

/* --- store.c: the index on disk --- */
/* A file that will be the index. */
struct saver {
	int fd;
	struct timespec clock; /* of the file system, when the saver began */
	char name[PATH_LEN + 1];
};
/* *ix is what the file says, or empty when there is none that can be used. */
void store_load(struct maildir *, struct index *ix);
/* fd -1 = not possible (logged); the mailbox works without. */
void store_begin(struct maildir *, struct saver *);
void store_end(struct maildir *, struct saver *, struct index *);

/* --- refresh.c: the index brought up to date --- */
int refresh(struct maildir *);

/* --- measure.c: what a file is and holds --- */
/* Tells one file from another, and a file from what it was before it was written to. Never 0. */
uint64_t file_stamp(const struct stat *);
/* What a scan learns of a message. */
struct facts {
	struct stat st;
	uint64_t octets;
	uint8_t flags; /* ENTRY_EXACT, _CRLF, _NODOT */
};
/* Reads the file from its beginning; *len is the octets that it has. Leaves its offset alone. */
int measure_file(struct maildir *, int fd, const char *name, struct facts *, uint64_t *len);
/* Looks at a file that was found. GONE = vanished, NONE = not a message of this user. */
int measure_found(struct maildir *, const struct found *, struct facts *);
void measure_done(struct maildir *); /* frees the buffer */

/* --- body.c --- */
int maildir_body(void *, uint64_t key, struct restante_body *);
/* Reads the folders again and finds where the entry's file is now. GONE = nowhere. */
int find_again(struct maildir *, const struct index_entry *, char path[PATH_LEN + 1]);

/* --- remove.c, deliver.c, notes.c, maintain.c: the rest of struct restante_storage --- */
int maildir_remove(void *, const uint64_t *keys, size_t n);
int maildir_put_begin(void *, const struct restante_put *, void **put);
int maildir_put_data(void *put, const void *, size_t n);
int maildir_put_end(void *put, int commit);
int maildir_note_get(void *, const char *name, const void **, size_t *n);
int maildir_note_put(void *, const char *name, const void *, size_t n);
int maildir_maintain(void *, uint32_t tasks);
/* Removes from tmp/ what a crash left there. */
void clean_tmp(struct maildir *);

#endif
