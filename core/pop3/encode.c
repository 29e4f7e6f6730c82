/* The encoder. Nearly all octets go through windows(): it copies 64 of them at a time, the octets
 * behind a line end too, and has the positions of the newlines as a bit mask when they are copied.
 * The next line is then written over what was copied too much. So a line of mail costs two windows
 * and no call; memchr() and memcpy() for each line are slower, for lines are short. step() does
 * what is left over near the ends of the buffers, without reading or writing past them.
 *
 * TOP is a search for where the message ends, done before: top_scan(). The rest does not know it.
 */
#include "pop3/encode.h"

#include <string.h>

#include "pop3/vector.h"

#if VECTOR_LEVEL > 0
#include <immintrin.h>
#endif

enum top_part { TOP_OFF, TOP_HEADER, TOP_BODY, TOP_DONE };
enum top_line { LINE_EMPTY, LINE_CR, LINE_TEXT };

/* The buffers of one call of encode(). */
struct run {
	const unsigned char *in, *in_end;
	unsigned char *out, *out_end;
	uint64_t dots;
	unsigned char last; /* the octet before in */
};

void encode_init(struct encoder *e)
{
	*e = (struct encoder){.last = '\n'};
}

void encode_init_top(struct encoder *e, uint32_t lines)
{
	*e = (struct encoder){.last = '\n', .top = {TOP_HEADER, LINE_EMPTY, lines}};
}

bool encode_done(const struct encoder *e)
{
	return e->top.part == TOP_DONE;
}

#if VECTOR_LEVEL > 0

enum { WINDOW = 64 };

/* Copies WINDOW octets; returns a mask of the newlines among them, the first one lowest. */
typedef uint64_t copy_window(unsigned char *out, const unsigned char *in);

static inline uint64_t copy_sse2(unsigned char *out, const unsigned char *in)
{
	uint64_t newlines = 0;

	for (int i = 0; i < WINDOW; i += 16) {
		__m128i v = _mm_loadu_si128((const void *)(in + i));

		_mm_storeu_si128((void *)(out + i), v);
		v = _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'));
		newlines |= (uint64_t)(uint32_t)_mm_movemask_epi8(v) << i;
	}
	return newlines;
}

__attribute__((target("avx2"))) static inline uint64_t copy_avx2(
	unsigned char *out, const unsigned char *in)
{
	uint64_t newlines = 0;

	for (int i = 0; i < WINDOW; i += 32) {
		__m256i v = _mm256_loadu_si256((const void *)(in + i));

		_mm256_storeu_si256((void *)(out + i), v);
		v = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n'));
		newlines |= (uint64_t)(uint32_t)_mm256_movemask_epi8(v) << i;
	}
	return newlines;
}

/* Runs as long as a window is left in both buffers. The octet before r->in is in memory. Compiled
 * into each of its two callers, with its copy(). */
static inline __attribute__((always_inline)) void windows(struct run *r, copy_window *copy)
{
	const unsigned char *in = r->in;
	unsigned char *out = r->out;

	/* The most that one round writes: a dot, a window of text, CRLF. */
	while (r->in_end - in >= WINDOW && r->out_end - out >= 1 + WINDOW + 2) {
		if (in[0] == '.' && in[-1] == '\n') {
			*out++ = '.';
			r->dots++;
		}
		uint64_t newlines = copy(out, in);
		if (!newlines) {
			in += WINDOW;
			out += WINDOW;
			continue;
		}
		size_t len = (size_t)__builtin_ctzll(newlines);
		size_t cr = in[(ptrdiff_t)len - 1] == '\r';

		in += len + 1;
		out += len + 2 - cr;
		memcpy(out - 2, "\r\n", 2);
	}
	r->last = in[-1];
	r->in = in;
	r->out = out;
}

static void windows_sse2(struct run *r)
{
	windows(r, copy_sse2);
}

__attribute__((target("avx2,bmi"))) static void windows_avx2(struct run *r)
{
	windows(r, copy_avx2);
}

static void many(struct run *r)
{
	if (VECTOR_LEVEL > 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
		windows_avx2(r);
	else
		windows_sse2(r);
}

#else

static void many(struct run *r)
{
	(void)r;
}

#endif

/* Takes a dot at the start of a line, or text without a newline, or a newline. */
static void step(struct run *r)
{
	size_t left = (size_t)(r->in_end - r->in), room = (size_t)(r->out_end - r->out);
	size_t n = left < room ? left : room;

	if (r->last == '\n' && *r->in == '.') {
		*r->out++ = '.';
		r->dots++;
		n = 1;
	} else if (*r->in == '\n') {
		if (r->last != '\r')
			*r->out++ = '\r';
		n = 1;
	} else {
		const unsigned char *newline = memchr(r->in, '\n', n);

		if (newline)
			n = (size_t)(newline - r->in);
	}
	memcpy(r->out, r->in, n);
	r->in += n;
	r->out += n;
	r->last = r->in[-1];
}

static void encode_run(struct run *r)
{
	const unsigned char *start = r->in;

	/* Two octets of room are enough for any step. */
	while (r->in < r->in_end && r->out_end - r->out >= 2) {
		step(r);
		if (r->in > start)
			many(r);
	}
}

/* The octets of in[0..n) that belong to the answer to TOP. */
static size_t top_scan(struct encode_top *top, const unsigned char *in, size_t n)
{
	size_t i = 0;

	while (i < n && top->part != TOP_DONE) {
		const unsigned char *newline = memchr(in + i, '\n', n - i);
		size_t len = newline ? (size_t)(newline - (in + i)) : n - i;

		if (len == 1 && in[i] == '\r' && top->line == LINE_EMPTY)
			top->line = LINE_CR;
		else if (len > 0)
			top->line = LINE_TEXT;
		i += len;
		if (!newline)
			break;
		i++;
		if (top->part == TOP_BODY)
			top->lines--;
		else if (top->line != LINE_TEXT)
			top->part = TOP_BODY;
		if (top->part == TOP_BODY && top->lines == 0)
			top->part = TOP_DONE;
		top->line = LINE_EMPTY;
	}
	return i;
}

size_t encode(struct encoder *e, const unsigned char *in, size_t n, size_t *used,
	unsigned char *out, size_t cap)
{
	struct encode_top top = e->top;

	if (top.part != TOP_OFF)
		n = top_scan(&top, in, n);

	struct run r = {in, in + n, out, out + cap, 0, e->last};
	encode_run(&r);
	*used = (size_t)(r.in - in);
	/* Where out was full, TOP was searched further than the octets that were taken. */
	if (*used == n)
		e->top = top;
	else if (top.part != TOP_OFF)
		top_scan(&e->top, in, *used);

	size_t written = (size_t)(r.out - out);
	e->octets += written - r.dots;
	e->stored += *used;
	e->dots += r.dots;
	e->last = r.last;
	return written;
}

size_t encode_finish(struct encoder *e, unsigned char *out)
{
	if (e->last == '\n')
		return 0;
	memcpy(out, "\r\n", ENCODE_FINISH);
	e->octets += ENCODE_FINISH;
	e->last = '\n';
	return ENCODE_FINISH;
}

bool encode_verbatim(const struct encoder *e)
{
	return e->octets == e->stored && e->dots == 0;
}
