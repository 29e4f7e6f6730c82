/* from.c - From_ lines: "From <sender> <date>", and is that a date?
 *
 * The date is looked for word by word, because a sender may hold anything, even spaces. It is what
 * asctime(3) writes, with the variants that MTAs made of it:
 *
 *	Mon Nov 23 01:30:09 2026		Mon Nov 23 01:30 2026
 *	Mon Nov 23 01:30:09 MET DST 2026	Mon Nov 23 01:30:09 2026 +0100
 *	Mon, 23 Nov 2026 01:30:09 +0100		... remote from host
 */
#include "from.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct cursor {
	const char *p, *end;
};

struct date {
	int year, month, day, hour, minute, second;
	int east; /* of UTC, in minutes */
};

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool take(struct cursor *c, char what)
{
	if (c->p == c->end || *c->p != what)
		return false;
	c->p++;
	return true;
}

static bool spaces(struct cursor *c)
{
	const char *p = c->p;

	while (c->p < c->end && is_space(*c->p))
		c->p++;
	return c->p > p;
}

/* Takes one of the names of three letters: its number from 0 on, or -1. */
static int name(struct cursor *c, const char *names)
{
	for (int i = 0; names[3 * i] && c->end - c->p >= 3; i++)
		if (strncasecmp(c->p, names + 3 * i, 3) == 0) {
			c->p += 3;
			return i;
		}
	return -1;
}

/* Takes a number of least to most digits that is not above max: the number, or -1. */
static int number(struct cursor *c, int least, int most, int max)
{
	int n = 0, digits = 0;

	for (; digits < most && c->p < c->end && is_digit(*c->p); digits++)
		n = 10 * n + (*c->p++ - '0');
	return digits >= least && n <= max ? n : -1;
}

static bool clock_time(struct cursor *c, struct date *d)
{
	d->hour = number(c, 1, 2, 23);
	if (d->hour < 0 || !take(c, ':') || (d->minute = number(c, 2, 2, 59)) < 0)
		return false;
	return !take(c, ':') || (d->second = number(c, 2, 2, 60)) >= 0;
}

/* Takes "+0100", or a name such as "EST". */
static bool zone(struct cursor *c, struct date *d)
{
	const char *p = c->p;
	int hours, minutes, sign = take(c, '-') ? -1 : 1;

	if (c->p > p || take(c, '+')) {
		hours = number(c, 2, 2, 23);
		minutes = number(c, 2, 2, 59);
		d->east = sign * (60 * hours + minutes);
		return hours >= 0 && minutes >= 0;
	}
	while (c->p < c->end && is_letter(*c->p))
		c->p++;
	return c->p > p && c->p - p <= 5;
}

/* Takes up to two zones, each with the spaces before it, as long as they are zones. */
static void zones(struct cursor *c, struct date *d)
{
	for (int i = 0; i < 2; i++) {
		struct cursor next = *c;
		struct date with = *d;

		if (!spaces(&next) || !zone(&next, &with) ||
			(next.p < next.end && !is_space(*next.p)))
			return;
		*c = next;
		*d = with;
	}
}

/* "Nov 23 01:30:09 MET 2026" */
static bool unix_date(struct cursor *c, struct date *d)
{
	if ((d->month = name(c, months)) < 0 || !spaces(c) || (d->day = number(c, 1, 2, 31)) < 1 ||
		!spaces(c) || !clock_time(c, d))
		return false;
	zones(c, d);
	return spaces(c) && (d->year = number(c, 4, 4, 9999)) >= 0;
}

/* "23 Nov 2026 01:30:09" */
static bool mail_date(struct cursor *c, struct date *d)
{
	return (d->day = number(c, 1, 2, 31)) >= 1 && spaces(c) &&
	       (d->month = name(c, months)) >= 0 && spaces(c) &&
	       (d->year = number(c, 4, 4, 9999)) >= 0 && spaces(c) && clock_time(c, d);
}

/* A date that goes on to the end of the line. */
static bool whole_date(struct cursor c, struct date *d)
{
	static const char remote[] = "remote from ";
	struct cursor after;

	*d = (struct date){0};
	if (name(&c, days) < 0)
		return false;
	take(&c, ',');
	if (!spaces(&c))
		return false;
	after = c;
	if (!unix_date(&c, d)) {
		c = after;
		*d = (struct date){0};
		if (!mail_date(&c, d))
			return false;
	}
	after = c;
	spaces(&after);
	if ((size_t)(after.end - after.p) < sizeof(remote) - 1 ||
		memcmp(after.p, remote, sizeof(remote) - 1) != 0) {
		zones(&c, d);
		after = c;
		spaces(&after);
	}
	return after.p == after.end || ((size_t)(after.end - after.p) > sizeof(remote) - 1 &&
					       memcmp(after.p, remote, sizeof(remote) - 1) == 0);
}

/* Seconds since the epoch, by the Gregorian calendar counted from 1 March of the year 0. */
static int64_t seconds_of(const struct date *d)
{
	int64_t year = d->year - (d->month < 2), month = (d->month + 10) % 12;
	int64_t day = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 +
		      d->day - 1;

	return (((day - 719468) * 24 + d->hour) * 60 + d->minute - d->east) * 60 + d->second;
}

size_t from_line(const char *p, size_t n, int64_t *date)
{
	const char *newline;
	struct cursor c;
	struct date d;
	size_t len;

	if (n < 5 || memcmp(p, "From ", 5) != 0)
		return 0;
	newline = memchr(p, '\n', n < FROM_MAX ? n : FROM_MAX);
	if (!newline) /* or not whole yet */
		return 0;
	len = (size_t)(newline - p) + 1;
	c = (struct cursor){p + 5, newline};
	if (c.end > c.p && c.end[-1] == '\r')
		c.end--;
	for (; c.p < c.end; c.p++) {
		if (!is_space(c.p[-1]) || !whole_date(c, &d))
			continue;
		if (date)
			*date = seconds_of(&d);
		return len;
	}
	return 0;
}
