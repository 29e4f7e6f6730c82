/* What failed logins cost: time, which grows with each of them.
 *
 * Failures are counted for the address (IPv4; IPv6: its /64, and more coarsely its /48), for the
 * user, and for both together. A failure is answered late: the second twice as late as the first,
 * and so on up to eight times; at once, but one behind the other, so that many connections gain
 * nothing. Who has that much waiting already is refused unheard. A right password is never delayed.
 *
 * A user who has logged in from an address is known there: only his own failures from there count
 * against him, so that an office behind one address is not locked out by one phone that has an old
 * password. The same wrong password again does not count as one more guess. Where many addresses
 * guess at one user, each of them has one try before it pays for the others. */
#ifndef AUTH_PENALTY_H
#define AUTH_PENALTY_H

#include "auth/keyed.h"
#include "auth/rows.h"
#include "base/net.h"

enum penalty_kind { PENALTY_ADDRESS, PENALTY_NET, PENALTY_USER, PENALTY_PAIR, PENALTY_KINDS };
enum { PENALTY_RECENT = 4 };

struct penalties {
	const struct keyed *keyed;
	struct rows failures, known;
	int64_t base_ms; /* of a first failure; 0 = nothing costs anything */
};

/* Who tries. */
struct attempt {
	uint64_t key[PENALTY_KINDS];                           /* 0 = there is no such thing */
	char address[NET_TEXT], net[NET_TEXT], user[NET_TEXT]; /* for the administrator; cut */
	int known;
};

struct failures {
	struct row row;
	enum penalty_kind kind;
	uint32_t level;                  /* at last; one less for each minute since */
	uint32_t failed;                 /* so many since all before was forgiven */
	int64_t last;                    /* clock_ms */
	int64_t next;                    /* until then answers wait already */
	int64_t logged;                  /* when it was last logged that one was refused unheard */
	uint64_t recent[PENALTY_RECENT]; /* wrong passwords, as fingerprints */
	char address[NET_TEXT], user[NET_TEXT]; /* what of both the kind is about */
};

void penalties_init(struct penalties *, const struct keyed *, int64_t base_ms, size_t rows);
/* user may be "", ip "" or no address. */
void penalties_begin(const struct penalties *, const char *ip, const char *user, struct attempt *);
/* 1: to be refused unheard. *log: this has not been logged for a second. */
int penalties_refuse(const struct penalties *, const struct attempt *, int64_t now, int *log);
/* It has failed. fingerprint: of the password, 0 = none. For how many ms the answer is to wait. */
int64_t penalties_failed(
	struct penalties *, const struct attempt *, uint64_t fingerprint, int64_t now);
/* The password was right. */
void penalties_passed(struct penalties *, const struct attempt *, int64_t now);

/* For the administrator. */
struct penalty {
	uint32_t level;  /* so many failures count */
	int64_t wait_ms; /* the next one's answer waits so long, at least */
	int64_t until;   /* clock_ms: forgiven and over then, if nothing more happens */
};
/* 0 = it is over. */
int penalties_look(const struct failures *, int64_t now, struct penalty *);
/* Forgets what an address with its networks has to pay, or a user wherever he comes from. How many
 * rows there were. */
size_t penalties_clear(const struct penalties *, const char *what);

#endif
