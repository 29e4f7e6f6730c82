/* SASL mechanisms (RFC 4422), and APOP as one of them: pure functions over an exchange. They ask
 * for a user's secret to be checked by returning MECH_ASK; who checks it is not their business. No
 * I/O; fuzzed by tests/fuzz/fuzz_mech.c. */
#ifndef AUTH_MECH_H
#define AUTH_MECH_H

#include <stddef.h>
#include "ipc/messages.h"

#define MECH_USER_MAX 255
#define MECH_SECRET_MAX 1024
#define MECH_BANNER_MAX 320 /* RFC 1939: a greeting has 512 octets */

enum mech_result {
	MECH_CONTINUE, /* the challenge goes to the client */
	MECH_ASK,      /* ask a worker for exchange.what about exchange.user, then call answer */
	MECH_GOOD,     /* the client is who it says */
	MECH_BAD       /* it is not, or the exchange is malformed: exchange.why */
};

/* One exchange. Holds secrets: mech_end wipes it. */
struct exchange {
	const struct mech *mech;
	unsigned round; /* of steps, from 0 */
	enum verify_what what;
	char user[MECH_USER_MAX + 1];     /* as far as known; "" */
	char secret[MECH_SECRET_MAX + 1]; /* the password, or what proves that it is known */
	char banner[MECH_BANNER_MAX + 1]; /* APOP: of the greeting, with its <> */
	const char *why;                  /* for the log */
	const char *challenge;            /* constant text; n octets */
	size_t challenge_len;
};

enum mech_flag {
	MECH_PLAINTEXT = 1, /* the password crosses the net as it is */
	MECH_SHARED = 2     /* needs secrets that are stored in the clear: the setting apop */
};

struct mech {
	const char *name;
	unsigned flags;
	/* Takes what the client sent; in is NULL when there was no initial response. */
	enum mech_result (*step)(struct exchange *, const char *in, size_t n);
	/* Takes what the worker found (messages.h: enum verify_what). NULL: when the worker said
	 * yes, that is all. May return MECH_GOOD or MECH_BAD. */
	enum mech_result (*answer)(struct exchange *, const unsigned char *extra, size_t n);
};

/* By name, as AUTH gives it: in any case. NULL = there is none. */
const struct mech *mech_find(const char *name);

/* banner may be "". */
void mech_begin(struct exchange *, const struct mech *, const char *banner);
/* Wipes all secrets; user and mech stay, for the log. */
void mech_forget(struct exchange *);

/* For the functions of a mechanism. */
enum mech_result mech_bad(struct exchange *, const char *why);
/* Copies n octets of a name or a secret: 1 to max, without NUL. 0, or -1. */
int mech_take(char *to, size_t max, const char *from, size_t n);

/* mech_apop.c */
enum mech_result apop_step(struct exchange *, const char *in, size_t n);
enum mech_result apop_answer(struct exchange *, const unsigned char *secret, size_t n);
/* Makes later calls work in a sandbox. 0, or -1: there is no MD5 here. */
int apop_prepare(void);

#endif
