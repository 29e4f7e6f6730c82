/* progress - messages, octets, rate and time left, in one line of the terminal. */
#include "ctl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"

enum { EVERY_MS = 200, RATE_FROM_MS = 1000 }; /* before that a rate says nothing */

void progress_begin(struct progress *p, const char *what, uint64_t messages, uint64_t octets)
{
	*p = (struct progress){.shown = isatty(STDERR_FILENO),
		.what = what,
		.messages = messages,
		.octets = octets,
		.began = clock_ms()};
	p->last = p->began;
}

static double megabytes(uint64_t octets)
{
	return (double)octets / 1e6;
}

static void add_rate(const struct progress *p, int64_t ms, struct buf *line)
{
	uint64_t left = p->octets > p->done_octets ? p->octets - p->done_octets : 0, seconds;

	buf_printf(line, ", %.1f MB/s", megabytes(p->done_octets) * 1000 / (double)ms);
	if (p->octets == 0 || p->done_octets == 0)
		return;
	seconds = (uint64_t)((double)left / (double)p->done_octets * (double)ms / 1000);
	buf_printf(line, ", %" PRIu64 ":%02" PRIu64 " left", seconds / 60, seconds % 60);
}

void progress_step(struct progress *p, uint64_t octets)
{
	int64_t now = p->shown ? clock_ms() : 0;
	struct buf line = {0};

	p->done++;
	p->done_octets += octets;
	if (!p->shown || now - p->last < EVERY_MS)
		return;
	p->last = now;
	buf_printf(&line, "\r%s: %" PRIu64, p->what, p->done);
	if (p->messages > 0)
		buf_printf(&line, " of %" PRIu64, p->messages);
	buf_printf(&line, " messages, %.1f", megabytes(p->done_octets));
	if (p->octets > 0)
		buf_printf(&line, " of %.1f", megabytes(p->octets));
	buf_printf(&line, " MB");
	if (now - p->began >= RATE_FROM_MS)
		add_rate(p, now - p->began, &line);
	buf_printf(&line, "\033[K"); /* erases what is behind */
	(void)!write(STDERR_FILENO, line.p, line.len);
	buf_free(&line);
}

void progress_hide(struct progress *p)
{
	static const char erase[] = "\r\033[K";

	if (p->shown && p->last != p->began)
		(void)!write(STDERR_FILENO, erase, sizeof(erase) - 1);
}
