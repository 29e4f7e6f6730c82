/* The one table of SASL mechanisms, and APOP as one of them: what login offers, what auth speaks,
 * what the configuration may name.
 *
 * A row: id; name; the family of functions in core/auth/mech*.c; what a worker is asked; the hash
 * (RFC 5802 section 4), NULL = none; flags. */
#ifndef IPC_MECHANISMS_H
#define IPC_MECHANISMS_H

#include <stddef.h>
#include "ipc/messages.h"

enum mechanism_flag {
	MECHANISM_PLAINTEXT = 1,   /* who listens learns enough to log in: the setting plaintext_auth */
	MECHANISM_BINDING = 2,     /* bound to the client's TLS */
	MECHANISM_CERTIFICATE = 4, /* needs a verified certificate of the client */
	MECHANISM_COMMAND = 8,     /* a command of its own, not for AUTH: the setting apop */
	MECHANISM_FIRST = 16       /* the client speaks first: RFC 4422 section 3.3 */
};

#define MECHANISMS(X)                                                                              \
	X(MECHANISM_PLAIN, "PLAIN", plain, VERIFY_PASSWORD, NULL,                                  \
		MECHANISM_PLAINTEXT | MECHANISM_FIRST)                                             \
	X(MECHANISM_LOGIN, "LOGIN", login, VERIFY_PASSWORD, NULL, MECHANISM_PLAINTEXT)             \
	X(MECHANISM_SCRAM_SHA_256, "SCRAM-SHA-256", scram, VERIFY_SCRAM, "SHA-256",                \
		MECHANISM_FIRST)                                                                   \
	X(MECHANISM_SCRAM_SHA_256_PLUS, "SCRAM-SHA-256-PLUS", scram, VERIFY_SCRAM, "SHA-256",      \
		MECHANISM_BINDING | MECHANISM_FIRST)                                               \
	X(MECHANISM_SCRAM_SHA_1, "SCRAM-SHA-1", scram, VERIFY_SCRAM, "SHA-1", MECHANISM_FIRST)     \
	X(MECHANISM_SCRAM_SHA_1_PLUS, "SCRAM-SHA-1-PLUS", scram, VERIFY_SCRAM, "SHA-1",            \
		MECHANISM_BINDING | MECHANISM_FIRST)                                               \
	X(MECHANISM_EXTERNAL, "EXTERNAL", external, VERIFY_LOOKUP, NULL,                           \
		MECHANISM_CERTIFICATE | MECHANISM_FIRST)                                           \
	X(MECHANISM_OAUTHBEARER, "OAUTHBEARER", oauth, VERIFY_TOKEN, NULL,                         \
		MECHANISM_PLAINTEXT | MECHANISM_FIRST)                                             \
	X(MECHANISM_XOAUTH2, "XOAUTH2", oauth, VERIFY_TOKEN, NULL,                                 \
		MECHANISM_PLAINTEXT | MECHANISM_FIRST)                                             \
	X(MECHANISM_APOP, "APOP", apop, VERIFY_APOP, NULL, MECHANISM_COMMAND)

enum mechanism {
#define X(id, name, family, what, hash, flags) id,
	MECHANISMS(X)
#undef X
	MECHANISM_COUNT
};

struct mechanism_row {
	const char *name;
	enum verify_what what;
	unsigned flags;
};

extern const struct mechanism_row mechanisms[MECHANISM_COUNT];

/* By name in any case, n octets; MECHANISM_COUNT = there is none. */
enum mechanism mechanism_find(const char *name, size_t n);

/* A set of mechanisms. */
#define MECHANISM_BIT(id) (1u << (id))
#define MECHANISMS_BOUND                                                                           \
	(MECHANISM_BIT(MECHANISM_SCRAM_SHA_256_PLUS) | MECHANISM_BIT(MECHANISM_SCRAM_SHA_1_PLUS))

#endif
