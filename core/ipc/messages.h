/* Who may say what to whom: the one table of all messages between the processes.
 *
 * Fields are written with msg_put_* in the order given and read with msg_get_* in the same order;
 * a message with anything missing or left over is refused whole.
 *
 *   id      u32   the sender's own number for one authentication, in every message about it
 *   ticket  bytes TICKET_LEN octets, good for one HANDOVER or one DELIVER, as it was granted
 *   user    see msg_put_user
 */
#ifndef IPC_MESSAGES_H
#define IPC_MESSAGES_H

/* Words in a user record (see restante_user.attrs), the ending NULL included. */
#define USER_ATTRS 65

enum role { ROLE_MASTER, ROLE_LOGIN, ROLE_AUTH, ROLE_WORKER, ROLE_SESSION, ROLE_LMTP, ROLES };

#define BIT(role) (1u << (role))
#define FROM_MASTER BIT(ROLE_MASTER)
#define TO_MASTER BIT(ROLE_MASTER)
#define TO_ROLES                                                                                   \
	(BIT(ROLE_LOGIN) | BIT(ROLE_AUTH) | BIT(ROLE_WORKER) | BIT(ROLE_SESSION) | BIT(ROLE_LMTP))
#define LOGIN BIT(ROLE_LOGIN)
#define AUTH BIT(ROLE_AUTH)
#define WORKER BIT(ROLE_WORKER)
#define SESSION BIT(ROLE_SESSION)
#define LMTP BIT(ROLE_LMTP)

/*  X(name, from, to, carries a descriptor)       fields */
#define MESSAGES(X)                                                                                \
	/* start of a role, on descriptor 3 */                                                     \
	X(CONFIG, FROM_MASTER, TO_ROLES, 1)      /* -; fd: the role's settings, core/conf/wire.h */   \
	X(PEER, FROM_MASTER, TO_ROLES, 1)        /* u32 role, u32 number; fd: a channel to it; again   \
						    while running when that peer was restarted */      \
	X(LISTEN, FROM_MASTER, LOGIN | LMTP, 1)  /* str address as configured, u32 tls, u32 proxy; fd */ \
	X(FILE, FROM_MASTER, TO_ROLES, 1)        /* str setting, u32 index, str path; fd, read-only */ \
	X(SHARED, FROM_MASTER, LOGIN | SESSION, 1) /* u32 column; fd: table of connection counts */     \
	X(CONTROL, FROM_MASTER, AUTH | SESSION, 1) /* -; fd: where restantectl asks, see control.h */  \
	X(TICKET_KEYS, FROM_MASTER, LOGIN, 0)    /* bytes: TLS ticket keys, newest first */            \
	X(START, FROM_MASTER, TO_ROLES, 0)       /* u32 privileged: 1 = started by root */             \
	X(DRAIN, FROM_MASTER, TO_ROLES, 0)       /* u32 stopping: take nothing new, exit when the last is  \
						    over; 1: the server stops, those who are not     \
						    logged in are sent away */                       \
	X(READY, TO_ROLES, TO_MASTER, 0)         /* -; privileges are dropped, work can come */        \
	X(FAILED, TO_ROLES, TO_MASTER, 0)        /* str reason */                                      \
	/* one authentication */                                                                       \
	X(AUTH_START, LOGIN, AUTH, 0)    /* id, str mechanism, u32 has_initial, bytes initial,          \
					    str client_ip, str server_ip, u32 tls, str apop_banner,      \
					    bytes tls-exporter, bytes tls-server-end-point (both "" =    \
					    none), str user of the client's certificate ("" = none) */   \
	X(AUTH_STEP, LOGIN, AUTH, 0)     /* id, bytes response */                                       \
	X(AUTH_ABORT, LOGIN, AUTH, 0)    /* id; the client has gone: no answer is wanted */             \
	X(AUTH_CONTINUE, AUTH, LOGIN, 0) /* id, bytes challenge */                                      \
	X(AUTH_OK, AUTH, LOGIN, 0)       /* id, ticket, str user */                                     \
	X(AUTH_FAIL, AUTH, LOGIN, 0)     /* id, u32 -restante_result, u64 when, str user as far as       \
					    known. DENY: to be answered at that clock_us; BUSY: too soon \
					    after the last login, by so many seconds; FULL: too many    \
					    failures, this was not looked at */                         \
	X(VERIFY, AUTH, WORKER, 0)       /* id, u32 enum verify_what, str service, str user,              \
					    str client_ip, str server_ip, u32 tls, bytes secret */                     \
	X(VERIFIED, WORKER, AUTH, 0)     /* id, u32 -restante_result, user, bytes extra */              \
	/* a login becomes a session */                                                                \
	X(GRANT, AUTH, SESSION, 0)       /* ticket, u32 enum grant_purpose, user */                                             \
	X(HANDOVER, LOGIN, SESSION, 1)   /* ticket, str client_ip, str server_ip, str tls ("" = none),    \
					    u32 relayed, u32 language, u32 utf8, bytes read ahead; fd: the client */ \
	/* a delivery through LMTP */                                                                  \
	X(LOOKUP, LMTP, AUTH, 0)         /* id, str name */                                            \
	X(LOOKED_UP, AUTH, LMTP, 0)      /* id, u32 -restante_result, ticket ("" unless OK) */         \
	X(DELIVER, LMTP, SESSION, 1)     /* id, ticket, str sender, str address; fd: the message, see  \
					    mail/letter.h */                                            \
	X(DELIVERED, SESSION, LMTP, 0)   /* id, u32 enum mail_result */

enum msg_type {
#define X(name, from, to, fd) MSG_##name,
	MESSAGES(X)
#undef X
	MSG_TYPES
};

#define TICKET_LEN 16

/* What a ticket is good for: nothing else. */
enum grant_purpose { GRANT_SESSION, GRANT_DELIVERY, GRANT_PURPOSES };

/* What VERIFY asks for. secret: the password; "" ; "" ; hash name; token. extra in the answer: "",
 * "", the shared secret, the SCRAM keys, "". The user may be "" with a token: it names him. */
enum verify_what {
	VERIFY_PASSWORD,
	VERIFY_LOOKUP,
	VERIFY_APOP,
	VERIFY_SCRAM,
	VERIFY_TOKEN,
	VERIFY_COUNT
};

#endif
