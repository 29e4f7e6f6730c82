/* The log is descriptor 2, for every process: stderr in the foreground, a datagram socket
 * connected to syslog otherwise. It is inherited, so it survives chroot, fork and the sandbox. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <syslog.h>
#include "base/buf.h"

/* Writes one line; priority is syslog's (LOG_ERR ...). Control octets of the text become '?', a
 * text longer than 1 KiB is cut. Never blocks on a full syslog: the line is lost then. errno stays.
 */
void log_line(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_vline(int priority, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Appends " key=value" to a line that is being built; the value is quoted where it holds a space, a
 * quote, a control or an 8-bit octet, so that a client cannot forge a field. */
void log_field(struct buf *line, const char *key, const char *value);

/* Is descriptor 2 syslog's socket? */
int log_is_syslog(void);
/* Makes descriptor 2 the syslog socket. 0, or -1 with errno where nobody listens at /dev/log. */
int log_to_syslog(void);

/* log_line(LOG_CRIT) and exit with status 1. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
