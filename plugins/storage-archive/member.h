/* member.h - the header of a member: what restante-archive(5) says of it, in memory and as octets.
 * Pure functions.
 *
 * A member is a gzip member (RFC 1952) and holds one message. Its header has one subfield, "RA",
 * that says all that has to be known of the message without inflating it. Numbers are
 * little-endian, as everywhere in gzip:
 *
 *	 0  10  gzip's header: 1f 8b, 08, flags 04 (FEXTRA), time, 00, ff
 *	10   2  XLEN: octets up to the end of the header
 *	12   4  "RA", LEN (XLEN - 4)
 *	16   1  version: 1
 *	17   1  state: 4c alive, b3 dead; changed in place
 *	18   1  tail: octets behind the message that are not the message's
 *	19   1  octets of the UIDL
 *	20   4  CRC-32 of the header, with state and this field as 0
 *	24   8  octets of the member
 *	32   8  octets of the message on the wire
 *	40   8  octets that inflating gives
 *	48   8  time of delivery
 *	56   2  octets of the From_ line
 *	58   2  flags: 1 = lines are quoted
 *	60      UIDL
 */
#ifndef ARCHIVE_MEMBER_H
#define ARCHIVE_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	UID_LEN = 70,                         /* of a UIDL (RFC 1939 section 7), without NUL */
	MEMBER_STATE = 17,                    /* where the state is */
	MEMBER_FIXED = 60,                    /* of the header, before the UIDL */
	MEMBER_HEAD = MEMBER_FIXED + UID_LEN, /* at most */
	MEMBER_TRAILER = 8,                   /* gzip's: CRC-32 and length of what was deflated */
	MEMBER_MAGIC = 4                      /* octets that each header begins with */
};

/* All bits differ, so that up to three wrong ones do not make the one into the other. */
enum member_state { MEMBER_ALIVE = 0x4c, MEMBER_DEAD = 0xb3 };

enum member_flag { MEMBER_QUOTED = 1 };

struct member {
	uint64_t len;     /* of the member, with header and trailer */
	uint64_t octets;  /* on the wire */
	uint64_t plain;   /* From_ line, message as stored, tail */
	int64_t received; /* seconds since the epoch */
	uint16_t from_len, flags, head_len;
	uint8_t state, tail, uid_len;
	char uid[UID_LEN + 1];
};

/* Writes the header; *m says all but head_len, which is set. Returns the octets. */
size_t archive_member_write(struct member *m, uint8_t out[MEMBER_HEAD]);

/* Takes the octets at p as a header. Its length, or 0: there is none that is whole and sound. */
size_t archive_member_parse(const void *p, size_t n, struct member *m);

/* Where in n octets a header might begin; n - MEMBER_MAGIC + 1, or less, where none does. */
size_t archive_member_search(const void *p, size_t n);

/* May octets be a UIDL (RFC 1939 section 7)? */
bool archive_uid_legal(const char *uid, size_t len);

/* Dead is what has more of that state's bits than of the other's: in doubt mail is kept. */
static inline bool archive_member_dead(const struct member *m)
{
	return __builtin_popcount(m->state ^ MEMBER_DEAD) < 4;
}

/* Octets of the message as it came. */
static inline uint64_t archive_member_text(const struct member *m)
{
	return m->plain - m->from_len - m->tail;
}

#endif
