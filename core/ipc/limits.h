/* How many connections there are, in all and from one address, over all processes that hold any.
 *
 * A table in a memfd that the master makes and the login processes and the session spawner map.
 * Each process counts in its own column, so that the master can take back what a dead process still
 * held by clearing that column; a count is the sum over the columns. Addresses are hashed (with a
 * random key) to one cell in each of two rows and the smaller cell counts: never too few, rarely
 * too many. An IPv6 address counts with its whole /64. */
#ifndef IPC_LIMITS_H
#define IPC_LIMITS_H

#include <stdint.h>
#include <sys/socket.h>

enum { LIMITS_COLUMNS = 64 }; /* the master gives one to each login process and session spawner */

struct limits_table;

/* {0} counts nothing and is never over a limit. */
struct limits {
	struct limits_table *table;
	uint32_t column; /* of this process */
};

enum limits_verdict { LIMITS_OK, LIMITS_TOTAL, LIMITS_ADDRESS };

/* For the master: a new table. The memfd (close-on-exec; sealed, so that nobody who has it can make
 * the others fault) or -1 with errno. */
int limits_create(void);

/* Maps the table; fd stays the caller's and may be closed. 0, or -1 with errno. */
int limits_open(struct limits *, int fd, uint32_t column);

/* For the master: the process that had this column is dead, or a new one is about to get it. */
void limits_clear(const struct limits *, uint32_t column);

/* The key of a client's address, for the calls below. An IPv4 address mapped to IPv6 is the IPv4
 * address. limits_key_text takes "192.0.2.1" or "2001:db8::1"; what is neither is one more address.
 */
uint64_t limits_key(const struct limits *, const struct sockaddr *);
uint64_t limits_key_text(const struct limits *, const char *ip);

/* Counts one more connection, if neither limit is reached; 0 = no limit. After LIMITS_OK the caller
 * gives it back once. Never blocks. */
enum limits_verdict limits_take(
	const struct limits *, uint64_t key, uint32_t max_total, uint32_t max_address);
void limits_give(const struct limits *, uint64_t key);

/* Connections counted now, over all columns. */
uint32_t limits_total(const struct limits *);
uint32_t limits_address(const struct limits *, uint64_t key);

#endif
