/* How every role begins: what the master sends on descriptor 3 before START, gathered. */
#ifndef IPC_ROLE_H
#define IPC_ROLE_H

#include "ipc/msg.h"

#define ROLE_FD 3 /* the channel to the master, in each role program */
#define ROLE_PEERS 1024
#define ROLE_LISTENERS 64
#define ROLE_FILES 128
#define TICKET_KEYS_MAX 512

struct role_start {
	struct channel master;
	int privileged;  /* started by root: the role has to drop uid and chroot itself */
	int config;      /* memfd, see core/conf/wire.h */
	int shared;      /* table of connection counts, or -1 */
	uint32_t column; /* the role's own column in it */
	struct channel peers[ROLE_PEERS];
	size_t npeers;
	struct {
		int fd, tls, proxy;
		char address[128]; /* as configured */
	} listeners[ROLE_LISTENERS];
	size_t nlisteners;
	int control; /* where restantectl asks, or -1 */
	struct {
		int fd;
		uint32_t index;
		char setting[64], path[512];
	} files[ROLE_FILES]; /* certificates and keys that only root can open */
	size_t nfiles;
	unsigned char ticket_keys[TICKET_KEYS_MAX];
	size_t nticket_keys;
};

/* Reads from descriptor 3 until START; blocks; ends the process where the master is gone or talks
 * nonsense. The descriptors in *s belong to the caller. */
void role_begin(struct role_start *s, enum role self);
/* Takes a PEER message that came later into *c. 0, or -1 when it was malformed. */
int role_peer(struct msg *, enum role self, struct channel *c);
void role_ready(const struct role_start *);
/* Tells the master why this role cannot work, logs it and exits. */
_Noreturn void role_fail(const struct role_start *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
