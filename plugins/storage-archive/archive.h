/* archive.h - what the files of this plugin share: the open archive, and who does what to it.
 *
 * An archive is a folder of segments, NNNNNNNN.mbox.gz, each a series of members (member.h). Three
 * kinds of change are made to a segment: a delivery appends a member, under the append lock; a
 * session overwrites a member's state, under the session lock; and a rewriting replaces the file,
 * under both. So what was once appended never moves while a session reads it.
 *
 * Unless a comment says otherwise, functions return an enum restante_result, log what went wrong,
 * and may block on the disk.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <restante/plugin.h>

#include "index.h"
#include "member.h"

/* Names in the folder. */
#define LOCK_FILE "restante.lock"     /* the session lock */
#define APPEND_FILE "restante.append" /* the append lock, and how far the last segment is whole */
#define INDEX_FILE "restante.index"
#define NOTE_FILE "restante.note."
#define TMP_FILE "restante.tmp." /* a file that will be renamed when it is whole */
#define DAMAGED_FILE "damaged"

enum {
	SEGMENT_NAME = 32,            /* room for the name of a segment */
	TMP_NAME = 64,                /* and of a file that is being made */
	SEGMENT_LAST = 99999999,      /* the greatest number of one */
	STALE_SECONDS = 36 * 60 * 60, /* after that nobody is still writing a TMP_FILE */
	LOOKS = 1024                  /* members between two looks at the clock */
};

struct reader; /* body.c */
struct put;    /* deliver.c */

struct archive {
	const struct restante_host *host;
	const char *path;
	int root;           /* the folder */
	int session;        /* the session lock's file, or -1 */
	bool held;          /* the session lock */
	int append;         /* the append lock's file, or -1 before it is first needed */
	int appending;      /* how many times it is held */
	struct index index; /* the messages as they are numbered; never changes after open */
	struct index now;   /* where they are, once a segment was rewritten */
	bool moved;         /* now is in use */
	struct index taken; /* of deliveries that bring a UIDL: what there is, and its UIDLs */
	struct uid_set uids;
	struct reader *reader; /* body.c; NULL until the first one */
	struct put *spare;     /* deliver.c; of an earlier delivery */
	uint32_t tmps;         /* names made */
	void *note;            /* notes.c; from malloc */
};

/* --- mailbox.c: the calls of struct restante_storage that need no file of their own --- */
int archive_open(
	const struct restante_host *, const struct restante_user *, uint32_t mode, void **);
void archive_close(void *);
int archive_list(void *, int (*each)(void *, const struct restante_message *), void *arg);

/* --- files.c: reading, writing and failing --- */
/* Logs "cannot <what> <path>/<name>: <errno>", and returns the result that fits errno; the second
 * one may be FULL (deliveries, notes). */
int archive_failed(struct archive *, const char *what, const char *name);
int archive_failed_full(struct archive *, const char *what, const char *name);
/* Writes all of it at off. 0, or -1 with errno. */
int archive_write(int fd, const void *, size_t n, uint64_t off);
/* Reads n octets at off. How many there were (fewer only at the end), or -1 with errno. */
int64_t archive_read(int fd, void *, size_t n, uint64_t off);
/* Copies n octets from one file to another, inside the file system where it can do that. 0, or -1
 * with errno. */
int archive_copy(int from, uint64_t from_off, int to, uint64_t to_off, uint64_t n);
/* Makes a file to write to and read from, with a name that nobody has: a descriptor, or -1 with
 * errno. */
int archive_tmp(struct archive *, char name[TMP_NAME]);
/* Waits until what was done in the folder is on disk. */
int archive_sync(struct archive *);
/* Replaces a file by n octets, durably. */
int archive_replace(struct archive *, const char *name, const void *, size_t n);
/* Reads a file into memory of its size, from malloc. NONE = there is none. */
int archive_read_file(struct archive *, const char *name, void **, size_t *n);

/* --- lock.c --- */
/* One session at a time; also whoever marks or rewrites. BUSY after lock_wait. Held until close().
 */
int archive_session(struct archive *);
/* Among those who append; held for one write and one fsync. BUSY when left_ms() is over. */
int archive_append_lock(struct archive *);
void archive_append_unlock(struct archive *);

/* --- segments.c --- */
struct segments {
	struct index_segment *segment; /* in order; entries and damaged are 0 */
	size_t n, room;
};
void archive_segment_name(uint32_t number, char name[SEGMENT_NAME]);
/* A descriptor, or -1 with errno. flags: O_RDONLY or O_RDWR, or what makes one. */
int archive_segment_open(struct archive *, uint32_t number, int flags);
/* What there is in the folder. */
int archive_segments(struct archive *, struct segments *);
void archive_segments_free(struct segments *);

/* --- walk.c: from header to header --- */
enum { WALK_BUFFER = 64 * 1024 };
enum walked { WALK_MEMBER, WALK_DAMAGE, WALK_END, WALK_FAILED /* errno */ };
struct walk {
	int fd;
	uint64_t at, end;  /* octets yet to be walked */
	uint64_t off, len; /* of what was found */
	struct member member;
	uint64_t base;     /* where in the file the buffer is */
	size_t fill, step; /* octets in it, and to be read at once */
	uint8_t *buffer;
};
/* Begins at off, which is where a member begins. -1 = no memory. */
int archive_walk_begin(struct walk *, int fd, uint64_t off, uint64_t end);
/* The next member, or the octets up to the next one where there is none. */
enum walked archive_walk(struct walk *);
void archive_walk_end(struct walk *);

/* --- tail.c: where the last segment ends --- */
struct tail {
	uint32_t number; /* of the last segment; 0 = there is none */
	uint64_t ino, end;
	uint64_t last; /* offset of its last member, if there is one */
};
/* Append lock held: makes sure that the last segment ends with a whole member. What a crash left of
 * a delivery is cut; what may be more than that goes to the file of damaged octets first. */
int archive_settle(struct archive *, struct tail *);
/* Append lock held: remembers that the last segment is whole up to there. */
void archive_tail_write(struct archive *, const struct tail *);
/* Does the last one of the segments end where archive_tail_write() said? Needs no lock. */
bool archive_tail_known(struct archive *, const struct segments *);
/* Appends octets of a segment to the file of damaged ones, durably, and logs which. */
int archive_aside(struct archive *, int fd, uint32_t number, uint64_t off, uint64_t len);

/* --- refresh.c: the index brought up to date --- */
/* *ix becomes what the folder holds. */
int archive_refresh(struct archive *, struct index *ix);
/* Adds the members of the last segment of *ix that begin at off, up to its size. */
int archive_walk_into(struct archive *, struct index *ix, uint64_t off);
/* Makes current() true for the segments that are there now. */
int archive_look_again(struct archive *);
/* The index that says where messages are. */
const struct index *archive_current(const struct archive *);
/* Where message key is; NULL = it has vanished. */
const struct index_entry *archive_place(const struct archive *, uint64_t key);

/* --- store.c: the index on disk --- */
struct saver {
	int fd;
	struct timespec clock; /* of the file system, when the saver began */
	char name[TMP_NAME];
};
/* *ix is what the file says, or empty when there is none that can be used. */
void archive_store_load(struct archive *, struct index *ix);
/* fd -1 = not possible (logged); the mailbox works without. */
void archive_store_begin(struct archive *, struct saver *);
/* Without an index what was begun is dropped. */
void archive_store_end(struct archive *, struct saver *, struct index *);

/* --- body.c --- */
int archive_body(void *, uint64_t key, struct restante_body *);
void archive_reader_free(struct archive *);
/* Inflates a member and compares it with its header and its trailer. PERM = damaged (*why says
 * how; not logged). */
int archive_verify(struct archive *, int fd, uint64_t off, const struct member *, const char **why);

/* --- taken.c --- */
/* Append lock held, the tail settled: may a message be delivered with this UIDL? NONE = no. */
int archive_uid_free(struct archive *, const char *uid);

/* --- rewrite.c --- */
enum rewrite { REWRITE_COMPACT, REWRITE_REPAIR };
/* Session lock held: replaces a segment by one without its dead members, or removes it if nothing
 * is left. REPAIR: what is damaged is set aside, too. */
int archive_rewrite(struct archive *, uint32_t number, enum rewrite);

/* --- remove.c, deliver.c, notes.c, maintain.c: the rest of struct restante_storage --- */
int archive_remove(void *, const uint64_t *keys, size_t n);
int archive_put_begin(void *, const struct restante_put *, void **put);
int archive_put_data(void *put, const void *, size_t n);
int archive_put_end(void *put, int commit);
void archive_put_free(struct put *);
int archive_note_get(void *, const char *name, const void **, size_t *n);
int archive_note_put(void *, const char *name, const void *, size_t n);
int archive_maintain(void *, uint32_t tasks);

#endif
