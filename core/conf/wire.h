/* The configuration as octets: how restante-check hands it to the master, and the master to roles.
 *
 * The form is private to one build of the programs; a version in it guards against a mixture. What
 * is decoded points into the octets, so that the processes of a role share one mapping. */
#ifndef CONF_WIRE_H
#define CONF_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "conf/conf.h"
#include "ipc/messages.h"

#define CONF_ALL ((1u << ROLES) - 1) /* every setting and plugin: from restante-check */
#define CONF_WIRE_MAX (1u << 20)

/* Appends what a role may know: core settings of the table's mask for it, storages for the session,
 * an auth plugin for the worker: only, of these; NULL = all. roles is BIT(ROLE_LOGIN) and so on, or
 * CONF_ALL. */
void conf_encode(
	const struct conf *, uint32_t roles, const struct conf_plugin *only, struct buf *out);

/* Takes n octets at p, which must stay where they are until conf_free. NULL when they are damaged,
 * with a line in the log. Every value is validated again. */
struct conf *conf_decode(const void *p, size_t n);

/* A new sealed memfd (close-on-exec) that holds conf_encode(roles, only); -1 with errno. */
int conf_to_fd(const struct conf *, uint32_t roles, const struct conf_plugin *only);

/* For a role: maps the memfd of MSG_CONFIG, read-only. 0 and *out, or -1 and a line in the log. The
 * caller may close fd at once. */
int conf_from_fd(int fd, struct conf **out);

/* Reads a pipe or file to its end (blocks) and decodes what restante-check wrote. 0, or -1 and a
 * line in the log; -1 without a line where there was nothing to read: the checker said why. */
int conf_read(int fd, struct conf **out);

#endif
