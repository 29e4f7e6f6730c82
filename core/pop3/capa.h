/* pop3/capa.h - the reply to CAPA, from facts (RFC 2449). */
#ifndef POP3_CAPA_H
#define POP3_CAPA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pop3/command.h"
#include "pop3/reply.h"

/* What is true of this connection now. TOP, UIDL, RESP-CODES, AUTH-RESP-CODE, PIPELINING and LANG
 * are true always. */
struct capa_facts {
	enum pop3_state state;
	bool tls_available, tls_active; /* STLS: available, not active, not logged in */
	bool password;                  /* USER and PASS would be taken */
	bool utf8;                      /* UTF8 */
	bool utf8_user;                 /* UTF8 USER: names and passwords may be UTF-8 */
	const char *mechanisms;         /* SASL: "PLAIN LOGIN", what would be taken; NULL: none */
	int32_t expire_days;            /* EXPIRE; below 0: NEVER */
	uint32_t login_delay;           /* LOGIN-DELAY in seconds; 0: none, and no such line */
	bool login_delay_user;          /* LOGIN-DELAY n USER: of some user; others may have less */
	const char *implementation;     /* IMPLEMENTATION; NULL: not told */
};

enum { CAPA_MAX = 1024 };

/* Writes the whole reply, from +OK to the dot line. Returns its octets. With CAPA_MAX it fits,
 * except that arguments of 256 octets or more are left out with their tag. With less, down to
 * 100, tags that do not fit are left out. */
size_t capa_format(char *buf, size_t cap, enum language, const struct capa_facts *);

#endif
