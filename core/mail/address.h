/* Addresses of the envelope (RFC 5321 section 4.1.2) and the users that they may mean. Pure. */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stddef.h>

enum { MAIL_ADDRESS = 1024, MAIL_CANDIDATES = 4 };

/* May this stand in a header: no control octet, at most MAIL_ADDRESS - 1 octets? */
int mail_address_ok(const char *address);

/* The names under which the recipient is looked for, in this order: the address without its
 * extension, its local part alone; and both in lower case where that differs. delimiters: octets of
 * which the first that occurs in the local part, not as its first, begins the extension; "" = none.
 * address holds no quotes. Returns how many. */
size_t mail_candidates(
	const char *address, const char *delimiters, char names[MAIL_CANDIDATES][MAIL_ADDRESS]);

/* Writes user with "+extension" behind its local part; extension "" = as it is. delimiters: as
 * above, the first is written. 0, or -1 when it would not fit into MAIL_ADDRESS octets. */
int mail_extend(const char *user, const char *extension, const char *delimiters,
	char address[MAIL_ADDRESS]);

#endif
