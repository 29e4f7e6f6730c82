/* pop3/reply.h - every line that a client is told, in every language (RFC 6856 section 3).
 *
 * i-default and en are ASCII. de and es are UTF-8, which RFC 6856 section 3 allows once the client
 * has chosen them with LANG: it need not have sent UTF8.
 */
#ifndef POP3_REPLY_H
#define POP3_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pop3/slice.h"

/* LANG_DEFAULT (i-default) is what a connection starts with; its texts are those of en. */
enum language { LANG_DEFAULT, LANG_EN, LANG_DE, LANG_ES, LANG_COUNT };

/* In brackets: the response code (RFC 2449, RFC 3206). n1, n2 numbers and s a string that the text
 * holds. */
enum reply_id {
	/* both states */
	REPLY_BYE,               /* +OK to QUIT when nothing was to be deleted */
	REPLY_CAPA,              /* +OK, first line of a list */
	REPLY_LANG_LIST,         /* +OK, first line of a list */
	REPLY_LANG_SET,          /* +OK */
	REPLY_LANG_UNKNOWN,      /* -ERR */
	REPLY_UNKNOWN_COMMAND,   /* -ERR */
	REPLY_LOG_IN_FIRST,      /* -ERR command of TRANSACTION in AUTHORIZATION */
	REPLY_LOGGED_IN_ALREADY, /* -ERR command of AUTHORIZATION in TRANSACTION */
	REPLY_BAD_ARGS,          /* -ERR */
	REPLY_BAD_NUMBER,        /* -ERR */
	REPLY_LINE_NUL,          /* -ERR */
	REPLY_LINE_TOO_LONG,     /* -ERR */
	REPLY_TOO_MANY_ERRORS,   /* -ERR and close */
	REPLY_SHUTDOWN,          /* -ERR [SYS/TEMP] and close */
	REPLY_INTERNAL,          /* -ERR [SYS/TEMP] a fault of ours */

	/* AUTHORIZATION */
	REPLY_GREETING,          /* +OK */
	REPLY_GREETING_APOP,     /* +OK; s = timestamp with its <> */
	REPLY_TOO_MANY_CLIENTS,  /* -ERR [SYS/TEMP] instead of the greeting */
	REPLY_TOO_MANY_FROM_YOU, /* -ERR [SYS/TEMP] the same: from one address */
	REPLY_USER,              /* +OK */
	REPLY_USER_FIRST,        /* -ERR PASS without USER */
	REPLY_UTF8,              /* +OK */
	REPLY_TLS_BEGIN,         /* +OK to STLS */
	REPLY_TLS_ACTIVE,        /* -ERR STLS under TLS */
	REPLY_TLS_NONE,          /* -ERR STLS where no certificate is */
	REPLY_TLS_FIRST,         /* -ERR a password is not taken in the clear */
	REPLY_APOP_NONE,         /* -ERR APOP is not offered */
	REPLY_AUTH_LIST,         /* +OK AUTH without argument, first line of a list */
	REPLY_AUTH_MECHANISM,    /* -ERR no such mechanism */
	REPLY_AUTH_CANCELLED,    /* -ERR the client sent "*" */
	REPLY_AUTH_BASE64,       /* -ERR */
	REPLY_AUTH_MALFORMED,    /* -ERR base64, and not what the mechanism wants */
	REPLY_LOGIN_REFUSED,     /* -ERR [AUTH] */
	REPLY_LOGIN_TOO_MANY,    /* -ERR [AUTH] and close: too many failures */
	REPLY_LOGIN_TEMP,        /* -ERR [SYS/TEMP] the password cannot be checked */
	REPLY_LOGIN_PERM,        /* -ERR [SYS/PERM] the account is misconfigured */
	REPLY_LOGIN_PENALTY,     /* -ERR [SYS/TEMP] and close; nothing was checked */
	REPLY_LOGIN_DELAY,       /* -ERR [LOGIN-DELAY]; n1 = seconds to wait */
	REPLY_LOGIN_TIMEOUT,     /* -ERR and close: no login in time */

	/* opening the maildrop: the reply to PASS, APOP, AUTH */
	REPLY_OPEN,        /* +OK; n1 = messages, n2 = octets */
	REPLY_OPEN_IN_USE, /* -ERR [IN-USE] and close */
	REPLY_OPEN_MANY,   /* -ERR [IN-USE] and close: max_user_connections */
	REPLY_OPEN_TEMP,   /* -ERR [SYS/TEMP] and close */
	REPLY_OPEN_PERM,   /* -ERR [SYS/PERM] and close */

	/* TRANSACTION */
	REPLY_STAT,       /* +OK; n1 = messages, n2 = octets */
	REPLY_LIST,       /* +OK, first line of a list; n1 = messages, n2 = octets */
	REPLY_LIST_ONE,   /* +OK; n1 = number, n2 = octets */
	REPLY_UIDL,       /* +OK, first line of a list; n1 = messages */
	REPLY_UIDL_ONE,   /* +OK; n1 = number, s = unique-id */
	REPLY_RETR,       /* +OK; n1 = octets */
	REPLY_TOP,        /* +OK */
	REPLY_DELE,       /* +OK; n1 = number */
	REPLY_NOOP,       /* +OK */
	REPLY_RSET,       /* +OK; n1 = messages, n2 = octets */
	REPLY_NO_MESSAGE, /* -ERR; n1 = messages in the maildrop */
	REPLY_IS_DELETED, /* -ERR; n1 = number */
	REPLY_VANISHED,   /* -ERR; n1 = number: another program removed it */
	REPLY_READ_TEMP,  /* -ERR [SYS/TEMP]; n1 = number */
	REPLY_READ_PERM,  /* -ERR [SYS/PERM]; n1 = number */

	/* UPDATE (RFC 1939 section 6) */
	REPLY_QUIT,        /* +OK; n1 = messages deleted */
	REPLY_QUIT_FAILED, /* -ERR [SYS/TEMP] some deleted messages not removed */

	REPLY_COUNT
};

enum { REPLY_MAX = 512 }; /* octets of a reply's line with its CRLF (RFC 1939 section 3) */

/* Writes the whole line with +OK or -ERR and CRLF to buf. Returns its octets; no NUL follows. With
 * cap >= REPLY_MAX it always fits, as long as s keeps below 400 octets; a text that does not fit is
 * cut, the CRLF is always there. Numbers that the text does not hold are not looked at. */
size_t reply_format(char *buf, size_t cap, enum language, enum reply_id, uint64_t n1, uint64_t n2);

/* As above with a string (of printable octets) and a number. */
size_t reply_format_text(
	char *buf, size_t cap, enum language, enum reply_id, const char *s, uint64_t n1);

/* Writes n in decimal, at most REPLY_NUMBER_MAX octets, for the lines of a list. Returns how many. */
enum { REPLY_NUMBER_MAX = 20 };
size_t reply_number(char *to, uint64_t n);

/* The bare text with %1, %2 (n1, n2), %s and %l (the language's tag) still in it. Constant. */
const char *reply_text(enum language, enum reply_id);

/* "de" */
const char *language_tag(enum language);

/* The language for the argument of LANG: a tag or a longer one (de-AT finds de), in any case; "*"
 * is the server's choice, fallback. False: none of ours (REPLY_LANG_UNKNOWN). */
bool language_find(struct slice range, enum language fallback, enum language *out);

/* The whole reply to LANG without an argument, up to the dot line. Returns its octets; cap is at
 * least LANGUAGE_LIST_MAX. */
enum { LANGUAGE_LIST_MAX = 1024 };
size_t language_list(char *buf, size_t cap, enum language);

#endif
