/* What the encoder must do, written for plainness: an octet at a time, the whole message at once.
 * encode_test.c and fuzz_encode.c hold encode(), cut into pieces at random, against it. */
#ifndef TESTS_ENCODE_REFERENCE_H
#define TESTS_ENCODE_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pop3/encode.h"

struct encoded {
	unsigned char *p;
	size_t len;
	uint64_t octets; /* before dot-stuffing */
	bool done;       /* TOP was complete */
};

enum { WHOLE = -1 }; /* in place of the lines of TOP: RETR */

static inline struct encoded reference(const unsigned char *in, size_t n, int64_t top)
{
	struct encoded e = {malloc(ENCODE_WORST(n) + ENCODE_FINISH), 0, 0, top == WHOLE};
	bool header = true;
	size_t line = 0; /* where the current line starts in in */
	size_t i;

	for (i = 0; i < n && (top == WHOLE || !e.done); i++) {
		if (i == line && in[i] == '.')
			e.p[e.len++] = '.';
		if (in[i] == '\n' && (i == 0 || in[i - 1] != '\r')) {
			e.p[e.len++] = '\r';
			e.octets++;
		}
		e.p[e.len++] = in[i];
		e.octets++;
		if (in[i] != '\n')
			continue;
		if (header && (i == line || (i == line + 1 && in[line] == '\r')))
			header = false;
		else if (!header && top != WHOLE)
			top--;
		e.done = e.done || (!header && top == 0);
		line = i + 1;
	}
	if (line < i) {
		memcpy(e.p + e.len, "\r\n", 2);
		e.len += 2;
		e.octets += 2;
	}
	return e;
}

/* A number below limit, the next of a sequence that starts at *seed (xorshift). */
static inline size_t next_random(uint64_t *seed, size_t limit)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (size_t)(*seed % limit);
}

/* Encodes with pieces of in and room in out of random sizes up to max_piece and max_room (0: all at
 * once). Each piece and each room is a block of memory of its own, so that a sanitizer sees an
 * octet too far. */
static inline struct encoded in_pieces(const unsigned char *in, size_t n, int64_t top,
	uint64_t *seed, size_t max_piece, size_t max_room)
{
	struct encoded all = {malloc(ENCODE_WORST(n) + ENCODE_FINISH), 0, 0, false};
	struct encoder e;

	if (top == WHOLE)
		encode_init(&e);
	else
		encode_init_top(&e, (uint32_t)top);
	for (size_t i = 0; i < n && !encode_done(&e);) {
		size_t piece = max_piece ? 1 + next_random(seed, max_piece) : n;
		size_t room = max_room ? 2 + next_random(seed, max_room) : ENCODE_WORST(n);
		size_t used;

		if (piece > n - i)
			piece = n - i;
		unsigned char *from = malloc(piece), *to = malloc(room);
		memcpy(from, in + i, piece);
		size_t written = encode(&e, from, piece, &used, to, room);
		if (written > room || used > piece || (used == 0 && !encode_done(&e)))
			abort();
		memcpy(all.p + all.len, to, written);
		all.len += written;
		i += used;
		free(from);
		free(to);
	}
	all.done = top == WHOLE || encode_done(&e);
	all.len += encode_finish(&e, all.p + all.len);
	all.octets = e.octets;
	return all;
}

static inline bool same(struct encoded a, struct encoded b)
{
	return a.len == b.len && a.octets == b.octets && a.done == b.done &&
	       memcmp(a.p, b.p, a.len) == 0;
}

/* Is the message, cut as told, what the reference makes of it? */
static inline bool as_reference(const unsigned char *in, size_t n, int64_t top, uint64_t *seed,
	size_t max_piece, size_t max_room)
{
	struct encoded want = reference(in, n, top);
	struct encoded have = in_pieces(in, n, top, seed, max_piece, max_room);
	bool ok = same(want, have);

	free(want.p);
	free(have.p);
	return ok;
}

/* The octets that measure() counts in random pieces. */
static inline uint64_t measured(const unsigned char *in, size_t n, uint64_t *seed, size_t max_piece)
{
	uint32_t state = 0;
	uint64_t octets = 0;

	for (size_t i = 0, piece; i < n; i += piece) {
		piece = max_piece ? 1 + next_random(seed, max_piece) : n;
		if (piece > n - i)
			piece = n - i;
		unsigned char *from = malloc(piece);
		memcpy(from, in + i, piece);
		octets += (uint64_t)measure(from, piece, &state);
		free(from);
	}
	return octets + (uint64_t)measure(in, 0, &state);
}

#endif
