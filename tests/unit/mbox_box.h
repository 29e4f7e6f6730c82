/* mbox_box.h - an mbox to play with, and sessions of the plugin on it. */
#ifndef MBOX_BOX_H
#define MBOX_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>

#include "plugin_host.h"

extern const struct restante_plugin storage_mbox_LTX_restante_plugin_v1;
#define storage (storage_mbox_LTX_restante_plugin_v1.storage)

/* A From_ line, also in the form that begins further ones. */
#define FROM "From a@example.org Mon Nov 23 01:30:09 2026\n"

/* The settings of the next sessions: "setting", "value", ..., NULL. */
extern const char *values[];
enum { LOCK_WAIT = 5, QUOTING = 7, UIDL = 9, LOCKS = 11 };

struct session {
	struct plugin_host host;
	void *st;
	size_t n;
	struct restante_message m[300];
};

/* First of all: gives root up, for file modes must count, and sets an end to sessions that hang. */
bool box_ready(void);

/* Set-up and tear-down of a test: the mbox is the file "spool/u" of the working directory, its
 * state is in "state". The file is not there yet. */
int enter(void **state);
int leave(void **state);
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)

#define MBOX "spool/u"
/* Writes a file anew, or at its end, and makes it look as if that was long ago. */
void put(const char *path, const char *text);
void put_octets(const char *path, const void *, size_t len);
void append(const char *path, const char *text);
void age(const char *path, time_t seconds);
bool there(const char *path);

/* Opens and returns the plugin's result. */
int try_open(struct session *s, uint32_t mode);
/* A session that must open, and its list of messages; and its end. */
void begin(struct session *s);
void end(struct session *s);
/* The result of body(), and the message in *text (from malloc, with a NUL behind it) with its
 * length: what would be sent, before dot-stuffing. Fails the test if that has not as many octets as
 * promised. */
int fetch(struct session *s, size_t i, char **text, size_t *len);
/* The same, for a message that must be there: kept until the next call. */
const char *text(struct session *s, size_t i);
/* What a session sees, in one string: "octets octets ", or "text|text|". */
const char *see_octets(void);
const char *see(void);

#endif
