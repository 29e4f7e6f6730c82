/* maildir_box.h - a Maildir to play with, and sessions of the plugin on it. */
#ifndef MAILDIR_BOX_H
#define MAILDIR_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>

#include "plugin_host.h"

extern const struct restante_plugin storage_maildir_LTX_restante_plugin_v1;
#define storage (storage_maildir_LTX_restante_plugin_v1.storage)

/* The settings of the next sessions. */
extern const char *values[];
enum { LOCK_WAIT = 3, CHECK_SIZES = 5 };

struct session {
	struct plugin_host host;
	void *st;
	size_t n;
	struct restante_message m[300];
};

/* First of all: gives root up, for file modes must count, and sets an end to sessions that hang. */
bool box_ready(void);

/* Set-up and tear-down of a test: the Maildir is the folder "box" of the working directory. */
int enter(void **state);
int leave(void **state);
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)

/* Writes a file, anew. */
void put(const char *path, const char *text);
void put_octets(const char *path, const char *text, size_t len);
/* Makes a file look as if it was used that long ago. */
void age(const char *path, time_t seconds);
/* Makes both folders look as if nothing happened for a while, so that an index can rely on it. */
void settle(void);
bool there(const char *path);
/* The number of names in a folder that begin with no dot, and one of them. */
size_t names_in(const char *path, char name[256]);

/* Opens and returns the plugin's result. s->host.left_ms is taken over: 0 = a minute, <0 = none. */
int try_open(struct session *s, uint32_t mode);
/* A session that must open, and its list of messages; and its end. */
void begin(struct session *s);
void end(struct session *s);
/* A body that must open. */
struct restante_body body(struct session *s, size_t i);
/* The first octets of a message. */
const char *text(struct session *s, size_t i);
/* What a session sees, in one string: "uid octets|uid octets|". */
const char *see(void);

#endif
