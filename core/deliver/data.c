/* data - undoing dots and line ends. A CR is held back until the next octet tells what it is. */
#include "deliver/data.h"

#include <string.h>

/* An octet behind the beginning of a line. */
static size_t text(struct data *d, char c, char *out)
{
	if (c == '\r') {
		d->state = DATA_CR;
		return 0;
	}
	d->state = DATA_TEXT;
	*out = c;
	return 1;
}

/* The octet behind a CR; after_cr: the octet before that CR was one too, and is out. */
static size_t behind_cr(struct data *d, char c, int after_cr, char *out)
{
	size_t n = 0;

	if (c != '\n' || after_cr)
		out[n++] = '\r';
	if (c == '\r') {
		d->state = DATA_CR_CR;
		return n;
	}
	d->state = c == '\n' ? DATA_START : DATA_TEXT;
	out[n++] = c;
	return n;
}

static size_t step(struct data *d, char c, char *out)
{
	switch (d->state) {
	case DATA_START:
		if (c != '.')
			return text(d, c, out);
		d->state = DATA_DOT;
		return 0;
	case DATA_DOT: /* the dot is not stored, whatever follows */
		if (c != '\r')
			return text(d, c, out);
		d->state = DATA_DOT_CR;
		return 0;
	case DATA_DOT_CR:
		d->end = c == '\n';
		return d->end ? 0 : behind_cr(d, c, 0, out);
	case DATA_CR:
		return behind_cr(d, c, 0, out);
	case DATA_CR_CR:
		return behind_cr(d, c, 1, out);
	default:
		return text(d, c, out);
	}
}

size_t data_take(struct data *d, const char *in, size_t n, char *out, size_t *made)
{
	size_t at = 0;

	*made = 0;
	while (at < n && !d->end) {
		if (d->state == DATA_TEXT) { /* the rest of the line at once */
			const char *cr = memchr(in + at, '\r', n - at);
			size_t run = cr != NULL ? (size_t)(cr - in) - at : n - at;

			memcpy(out + *made, in + at, run);
			*made += run;
			at += run;
			if (at == n)
				break;
		}
		*made += step(d, in[at++], out + *made);
	}
	return at;
}
