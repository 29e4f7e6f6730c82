/* mbox_out - messages to the form of an mbox. */
#define _GNU_SOURCE
#include "ctl/mbox_out.h"

#include <string.h>
#include <time.h>

/* Where in a line the message is: in its middle, or so many octets of "From " behind the ">" that
 * it begins with, which are not written yet. */
enum { IN_LINE = -1, LINE_START = 0 };

static const char from[] = "From ";
enum { FROM_LEN = sizeof(from) - 1 };

/* The end of the year 9999: a later one is no date of a From_ line. */
#define TIME_LAST INT64_C(253402300799)

/* An address that stays one word. */
static void add_sender(struct mbox_out *o, const char *sender)
{
	for (const char *p = sender; *p != '\0'; p++)
		buf_add(&o->text, (unsigned char)*p <= ' ' || *p == 0x7f ? "_" : p, 1);
	if (sender[0] == '\0')
		buf_printf(&o->text, "MAILER-DAEMON");
}

void mbox_out_begin(struct mbox_out *o, const char *sender, int64_t received)
{
	time_t when = received > 0 && received <= TIME_LAST ? (time_t)received : 0;
	char date[64] = "";
	struct tm tm;

	buf_add(&o->text, from, FROM_LEN);
	add_sender(o, sender);
	if (gmtime_r(&when, &tm) != NULL)
		strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
	buf_printf(&o->text, " %s\n", date);
	o->place = LINE_START;
	o->last = '\n';
}

void mbox_out_add(struct mbox_out *o, const char *p, size_t n)
{
	const char *end = p + n, *newline;

	if (n > 0)
		o->last = end[-1];
	while (p < end) {
		if (o->place == IN_LINE) {
			newline = memchr(p, '\n', (size_t)(end - p));
			n = (size_t)((newline != NULL ? newline + 1 : end) - p);
			buf_add(&o->text, p, n);
			p += n;
			o->place = newline != NULL ? LINE_START : IN_LINE;
		} else if (o->place == LINE_START && *p == '>') {
			buf_add(&o->text, p++, 1);
		} else if (*p != from[o->place]) {
			buf_add(&o->text, from, (size_t)o->place);
			o->place = IN_LINE;
		} else if (p++, ++o->place == FROM_LEN) {
			buf_add(&o->text, ">From ", FROM_LEN + 1);
			o->place = IN_LINE;
		}
	}
}

void mbox_out_end(struct mbox_out *o)
{
	if (o->place > LINE_START)
		buf_add(&o->text, from, (size_t)o->place);
	if (o->last == '\r') /* else it would become part of the line's end */
		buf_add(&o->text, "\r\n", 2);
	else if (o->last != '\n')
		buf_add(&o->text, "\n", 1);
	buf_add(&o->text, "\n", 1);
}
