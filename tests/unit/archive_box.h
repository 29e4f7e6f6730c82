/* archive_box.h - an archive to play with, and sessions of the plugin on it. */
#ifndef ARCHIVE_BOX_H
#define ARCHIVE_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>

#include "plugin_host.h"

extern const struct restante_plugin storage_archive_LTX_restante_plugin_v1;
#define storage (storage_archive_LTX_restante_plugin_v1.storage)

/* The settings of the next sessions: "setting", "value", ..., NULL. */
extern const char *values[];
enum { LOCK_WAIT = 3, SEGMENT_SIZE = 5, COMPACT = 7, PURGE = 9 };

enum { MESSAGES = 3000 };
struct session {
	struct plugin_host host;
	void *st;
	size_t n;
	struct restante_message m[MESSAGES];
};

/* First of all: sets an end to tests that hang. */
void box_ready(void);

/* Set-up and tear-down of a test: the archive is the folder "a" of the working directory. */
int enter(void **state);
int leave(void **state);
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)

#define FIRST "a/00000001.mbox.gz"
#define SECOND "a/00000002.mbox.gz"
/* The octets of a file, from malloc; NULL = there is none. */
uint8_t *slurp(const char *path, size_t *len);
void write_file(const char *path, const void *, size_t len);
bool there(const char *path);

/* Opens and returns the plugin's result. */
int try_open(struct session *s, uint32_t mode);
/* A session that must open, and its list of messages; and its end. */
struct session *begin(uint32_t mode);
void end(struct session *s);

/* One delivery, in pieces of that length. uid may be NULL. */
int put_piece(struct session *s, const char *text, size_t len, size_t piece, const char *uid);
/* In a handle of its own; it must succeed. */
void deliver(const char *text);
void deliver_as(const char *text, const char *uid);

/* The result of reading a message with buffers of that many octets; *text (from malloc, with a NUL
 * behind it) gets what came. Fails the test if a message that ends has not as many octets as was
 * promised. */
int fetch(struct session *s, size_t i, size_t piece, char **text, size_t *len);
/* What a session sees, in one string: "text|text|". */
const char *see(void);
/* Deletes the messages that have a set bit, in a session of its own. */
int expunge(unsigned long which);
/* Tasks in a handle of their own; the log is in said() afterwards. */
int maintain(uint32_t tasks);
bool said(const char *text);

#endif
