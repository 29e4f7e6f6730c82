/* SASL mechanisms (RFC 4422), and APOP as one of them: pure functions over an exchange. They ask
 * for something about a user by returning MECH_ASK; who answers is not their business. No I/O;
 * fuzzed by tests/fuzz/fuzz_mech.c.
 *
 *	mech.c        the table, PLAIN, LOGIN, EXTERNAL
 *	mech_gs2.c    the header that SCRAM and OAUTHBEARER begin with
 *	mech_scram.c  SCRAM, with and without channel binding
 *	mech_oauth.c  OAUTHBEARER, XOAUTH2
 *	mech_apop.c   APOP
 */
#ifndef AUTH_MECH_H
#define AUTH_MECH_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "ipc/mechanisms.h"

#define MECH_USER_MAX 255
#define MECH_SECRET_MAX 1024
#define MECH_TOKEN_MAX 16384 /* plugin.h: restante_auth.token */
#define MECH_BANNER_MAX 320  /* RFC 1939: a greeting has 512 octets */
#define MECH_EXPORTER_LEN 32 /* RFC 9266 section 2 */
#define MECH_END_POINT_MAX 64

enum mech_result {
	MECH_CONTINUE, /* the challenge goes to the client */
	MECH_ASK,      /* ask a worker for exchange.what about exchange.user, then call mech_answer */
	MECH_GOOD,     /* the client is who it says */
	MECH_BAD       /* it is not, or the exchange is malformed: exchange.why */
};

/* What login says about the client's connection. */
struct mech_client {
	char banner[MECH_BANNER_MAX + 1]; /* APOP: of the greeting, with its <>; "" = none */
	char certificate[MECH_USER_MAX + 1]; /* whom a verified certificate names; "" = none */
	/* Channel bindings of its TLS, 0 octets = none. */
	unsigned char exporter[MECH_EXPORTER_LEN], end_point[MECH_END_POINT_MAX];
	size_t exporter_len, end_point_len;
	int plus; /* a -PLUS mechanism was offered: RFC 5802 section 6 */
};

/* What SCRAM tells about users that do not exist, so that it looks as for those that do: salts are
 * made from key, their length and the iterations are those of the first real user. */
struct mech_mask {
	unsigned char key[32];
	uint32_t iterations, salt_len; /* 0 = none has been seen */
};

/* One exchange. Holds secrets: mech_forget wipes it. */
struct exchange {
	const struct mech *mech;
	unsigned round; /* of steps, from 0 */
	enum verify_what what;
	char user[MECH_USER_MAX + 1]; /* as far as known; "" */
	/* What goes with the question: a password, a token, the name of a hash; or what proves that
	 * it is known. Allocated; NULL = none. */
	char *secret;
	struct mech_client client;
	struct mech_mask *mask;
	const char *why; /* for the log; NULL = what the worker said */
	struct buf challenge;
	enum mech_result verdict; /* known, but a last challenge is out; else MECH_CONTINUE */
	struct scram *scram;
	const char *nonce; /* SCRAM: ours; NULL = by chance. For tests with known answers */
};

struct mech {
	const char *name;
	enum mechanism id;
	enum verify_what what;
	const char *hash;
	unsigned flags; /* enum mechanism_flag */
	enum mech_result (*step)(struct exchange *, const char *in, size_t n);
	enum mech_result (*answer)(
		struct exchange *, int result, const unsigned char *extra, size_t n);
};

/* By name, as AUTH gives it: in any case. NULL = there is none. */
const struct mech *mech_find(const char *name);

/* *client is copied; *mask has to outlive the exchange. */
void mech_begin(struct exchange *, const struct mech *, const struct mech_client *client,
	struct mech_mask *mask);
/* Takes what the client sent; in is NULL when there was no initial response. */
enum mech_result mech_step(struct exchange *, const char *in, size_t n);
/* Takes what the worker found: RESTANTE_OK with extra (messages.h: enum verify_what), RESTANTE_DENY
 * or RESTANTE_NONE. May return anything but MECH_ASK. */
enum mech_result mech_answer(struct exchange *, int result, const unsigned char *extra, size_t n);
/* What to send to the worker with the question: exchange.secret, or "". */
const char *mech_question(const struct exchange *);
/* It was sent: wipes the secret, unless the answer is to be compared with it. */
void mech_asked(struct exchange *);
/* Wipes and frees all secrets; user and mech stay, for the log. */
void mech_forget(struct exchange *);
/* Makes later calls work in a sandbox. NULL, or the algorithm that is missing here. */
const char *mech_prepare(int apop);

/* --- for the functions of a mechanism --- */

enum mech_result mech_bad(struct exchange *, const char *why);
/* Copies n octets of a name: 1 to max, without NUL. 0, or -1. */
int mech_take(char *to, size_t max, const char *from, size_t n);
/* The same to x->secret. */
int mech_take_secret(struct exchange *, size_t max, const char *from, size_t n);
/* Sends n octets and goes on. */
enum mech_result mech_challenge(struct exchange *, const void *p, size_t n);
/* Asks for mech.what. */
enum mech_result mech_ask(struct exchange *);

/* RFC 5801 section 4, without the flag of non-standard mechanisms. */
struct gs2 {
	char flag;           /* 'n', 'y' or 'p' */
	const char *binding; /* its name with 'p' */
	size_t binding_len;
	char authzid[MECH_USER_MAX + 1]; /* "" = none */
	size_t len;                      /* octets of the header with its last comma */
};

/* Reads the header at the front of in. 0, or -1. */
int gs2_parse(struct gs2 *, const char *in, size_t n);
/* A saslname of RFC 5802 section 5.1: "=2C" and "=3D" for , and =. 0, or -1. */
int gs2_name(char *to, size_t max, const char *from, size_t n);

enum mech_result scram_step(struct exchange *, const char *in, size_t n);
enum mech_result scram_answer(struct exchange *, int result, const unsigned char *, size_t n);
void scram_free(struct scram *);
int scram_prepare(void);
enum mech_result oauth_step(struct exchange *, const char *in, size_t n);
enum mech_result oauth_answer(struct exchange *, int result, const unsigned char *, size_t n);
enum mech_result apop_step(struct exchange *, const char *in, size_t n);
enum mech_result apop_answer(struct exchange *, int result, const unsigned char *secret, size_t n);
int apop_prepare(void);

#endif
