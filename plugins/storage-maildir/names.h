/* names.h - what the name of a message's file says. Pure functions.
 *
 *	1700000000.M123456P789Q1.host,S=1234,W=1260:2,S
 *	|-------- base --------------||-- rest --------|
 *
 * The base is the unique part: all before the first ',' or ':'. It stays when flags change, when a
 * program moves the message from new/ to cur/, and when one adds a hint (",S=" ",W=" ",U="). The
 * hints are the part of the rest before ':'.
 *
 * A message that came from elsewhere may have brought its UIDL: ",UIDL=" and the UIDL, in which %s
 * stands for '/', %c for ',', %d for ':' and %p for '%'.
 */
#ifndef MAILDIR_NAMES_H
#define MAILDIR_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NAME_LEN = 255,            /* of a file's name, without NUL */
	UID_LEN = 70,              /* of a UIDL (RFC 1939 section 7), without NUL */
	KEEP_LEN = 6 + 2 * UID_LEN /* of the hint that keeps one */
};

/* The last time that is plausible: one more digit than today's times. */
#define TIME_LAST INT64_C(68719476736)

/* The length of the base of the len octets at name. */
size_t name_base(const char *name, size_t len);

/* The length of the hints that rest begins with. */
size_t name_hints(const char *rest, size_t len);

/* The time of delivery that a base begins with, in seconds since the epoch; 0 = it has none that
 * is plausible. */
int64_t name_seconds(const char *base, size_t len);

/* The sizes that the hints promise: stored octets (,S=) and octets on the wire (,W=). True when
 * both are there and can be true of one file. */
bool name_sizes(const char *hints, size_t len, uint64_t *stored, uint64_t *wire);

/* Fills uid, a string, from a base. Returns false when the base itself is a legal UIDL and no salt
 * (NULL) was given; otherwise uid is "~" and 32 hexadecimal digits, a hash of both. No base that
 * starts with "~" is ever taken as it is, so the two kinds never meet. */
bool name_uid(const char *base, size_t len, const char *salt, char uid[UID_LEN + 1]);

/* Fills hint, a string, with the hint that keeps this UIDL. False when it is none. */
bool name_keep(const char *uid, char hint[KEEP_LEN + 1]);

/* Fills uid, a string, with the one that hints keep. False when they keep none. */
bool name_kept(const char *hints, size_t len, char uid[UID_LEN + 1]);

/* The order of messages: by time of delivery, then by base. <0, 0, >0. */
int name_order(int64_t a_seconds, const char *a, size_t a_len, int64_t b_seconds, const char *b,
	size_t b_len);

#endif
