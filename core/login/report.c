/* report - log lines about strangers. Anybody can cause them, so there is a limit a second; what
 * was left out is counted in the next line. */
#define _GNU_SOURCE
#include "login/login.h"

#include "base/clock.h"
#include "base/log.h"

enum { REPORTS_A_SECOND = 100 };

bool report_allowed(struct login *l)
{
	int64_t second = clock_ms() / 1000;

	if (second != l->report_second) {
		l->report_second = second;
		l->reports = 0;
	}
	if (l->reports == REPORTS_A_SECOND) {
		l->unreported++;
		return false;
	}
	l->reports++;
	if (l->unreported > 0) {
		log_line(LOG_NOTICE, "%u lines like the next were left out", l->unreported);
		l->unreported = 0;
	}
	return true;
}

void report_end(const struct client *c)
{
	char ip[ADDRESS_TEXT];
	struct buf line = {0};

	if (!report_allowed(c->l))
		return;
	address_text(&c->from, ip, sizeof(ip));
	buf_printf(&line, "no login");
	log_field(&line, "ip", ip);
	if (c->stream.ssl == NULL ? c->front_tls : SSL_is_init_finished(c->stream.ssl))
		log_field(&line, "tls", client_tls(c));
	buf_printf(&line, " secs=%lld failures=%u",
		(long long)((clock_ms() - c->began + 500) / 1000), c->failures);
	log_field(&line, "why", c->why);
	log_line(LOG_INFO, "%s", buf_str(&line));
	buf_free(&line);
}
