/* The maildrop as the session sees it: messages 1..n, frozen when it was opened, and which of them
 * are marked as deleted. */
#ifndef SESSION_MAILDROP_H
#define SESSION_MAILDROP_H

#include <stddef.h>
#include <stdint.h>
#include <restante/plugin.h>

struct message {
	uint64_t key;
	uint64_t octets;
	const char *uid; /* the storage's */
	uint32_t uid_len;
	uint32_t deleted;
};

struct maildrop {
	struct message *list; /* message number n is list[n - 1] */
	size_t n, cap;
	uint64_t octets;
	size_t ndeleted; /* marked */
	uint64_t deleted_octets;
};

/* Fills a zeroed maildrop from an open storage. RESTANTE_OK, what list() returned, or PERM where
 * the storage gave a unique-id that is none (RFC 1939 section 7). */
int maildrop_load(struct maildrop *, const struct restante_storage *, void *st);
/* Message n when it exists, deleted or not; else NULL. */
struct message *maildrop_at(struct maildrop *, uint32_t n);
void maildrop_delete(struct maildrop *, struct message *);
void maildrop_reset(struct maildrop *);

#endif
