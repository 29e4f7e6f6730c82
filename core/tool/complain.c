/* complain - a command's messages: to whoever called it, or to syslog where the MTA reads the rest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "tool/tool.h"

int complain(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	fflush(stdout);
	errno = saved; /* for %m */
	va_start(ap, fmt);
	if (log_is_syslog()) {
		log_vline(LOG_ERR, fmt, ap);
	} else {
		fprintf(stderr, "%s: ", program_invocation_short_name);
		errno = saved;
		vfprintf(stderr, fmt, ap);
		fprintf(stderr, "\n");
	}
	va_end(ap);
	return EXIT_FAILURE;
}
