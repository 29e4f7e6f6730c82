/* pop3/encode.h - stored octets to wire octets: the path that every message takes.
 *
 * LF becomes CRLF; CRLF stays; a bare CR, NUL and 8-bit octets pass as they are; a line that starts
 * with a dot, the first one too, gets a second dot; the last line is completed. The message comes
 * in pieces of any size and is the same however it is cut.
 *
 *	encode_init(&e);
 *	while ((n = read(...)) > 0)
 *		for (done = 0; done < n; done += used)
 *			o += encode(&e, in + done, n - done, &used, out + o, cap - o);
 *			(and flush out when little room is left)
 *	o += encode_finish(&e, out + o);
 *	if (e.octets == what LIST said)
 *		".\r\n"
 */
#ifndef POP3_ENCODE_H
#define POP3_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct encoder {
	uint64_t octets; /* wire octets so far, before dot-stuffing: what LIST counts */
	uint64_t stored; /* stored octets taken so far */
	uint64_t dots;   /* dots added so far */
	uint8_t last;    /* the last octet taken; '\n' before the first */
	struct encode_top {
		uint8_t part;   /* enum top_part of encode.c */
		uint8_t line;   /* enum top_line: what its current line holds */
		uint32_t lines; /* of the body, still to be sent */
	} top;
};

/* n octets can become at most ENCODE_WORST(n); encode() with that much room takes all of them. */
#define ENCODE_WORST(n) (2 * (n))
enum { ENCODE_FINISH = 2 };

/* Before the first octet of a message: RETR. */
void encode_init(struct encoder *);

/* The same for TOP: stops after the headers, the blank line and this many lines of the body. */
void encode_init_top(struct encoder *, uint32_t lines);

/* Encodes in[0..n) to out[0..cap). Returns the octets written; *used are the octets taken, fewer
 * than n when out is full or TOP is done. Takes at least one octet when cap >= 2 and TOP is not
 * done. Octets of out behind those returned, up to cap, may have been scribbled on. */
size_t encode(struct encoder *, const unsigned char *in, size_t n, size_t *used, unsigned char *out,
	size_t cap);

/* TOP is complete: reading can stop. Never true of RETR. */
bool encode_done(const struct encoder *);

/* After the last octet: completes the last line. Writes and returns 0 or ENCODE_FINISH octets. */
size_t encode_finish(struct encoder *, unsigned char *out);

/* After encode_finish: was each octet sent as it was stored? Then sendfile() could have done it. */
bool encode_verbatim(const struct encoder *);

/* The wire octets (before dot-stuffing) of n stored octets, as restante_host.measure in
 * <restante/plugin.h>: *state is 0 before the first piece of a message; a last call with n == 0
 * gives what completing the last line adds (2 or 0). */
int64_t measure(const void *p, size_t n, uint32_t *state);

#endif
