/* encode-bench [FILE...]: the speed of encode() and measure() beside memcpy() of the same octets.
 *
 * Without files: lines of mail's usual length, made up. Each row is the best of many runs in CPU
 * time, so that other programs on the machine disturb little; still, only the ratio to memcpy()
 * means something on another machine. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pop3/encode.h"

enum { PIECE = 64 * 1024, INPUT = 4 * 1024 * 1024, RUNS = 200 };

struct bench {
	unsigned char *in, *out;
	size_t n;
};

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t run_memcpy(struct bench *b)
{
	for (size_t i = 0; i < b->n; i += PIECE)
		memcpy(b->out, b->in + i, b->n - i < PIECE ? b->n - i : PIECE);
	return b->n;
}

static uint64_t run_encode(struct bench *b)
{
	struct encoder e;
	size_t used;

	encode_init(&e);
	for (size_t i = 0; i < b->n; i += used)
		encode(&e, b->in + i, b->n - i < PIECE ? b->n - i : PIECE, &used, b->out,
			ENCODE_WORST(PIECE));
	return e.octets + encode_finish(&e, b->out);
}

static uint64_t run_measure(struct bench *b)
{
	uint32_t state = 0;
	uint64_t octets = 0;

	for (size_t i = 0; i < b->n; i += PIECE)
		octets += (uint64_t)measure(b->in + i, b->n - i < PIECE ? b->n - i : PIECE, &state);
	return octets + (uint64_t)measure(NULL, 0, &state);
}

static double best_mb_per_second(struct bench *b, uint64_t (*run)(struct bench *), uint64_t *result)
{
	double best = 1e9;

	for (int i = 0; i < RUNS; i++) {
		double start = cpu_seconds();

		*result = run(b);
		double took = cpu_seconds() - start;
		if (took < best)
			best = took;
	}
	return (double)b->n / best / 1e6;
}

/* Lines of 40 to 78 octets, now and then an empty one. */
static size_t make_up(unsigned char *p, size_t cap)
{
	uint32_t random = 1;
	size_t n = 0;

	while (n + 80 < cap) {
		random = random * 1103515245u + 12345u;
		size_t len = random >> 16 & 7 ? 40 + (random >> 20) % 39 : 0;

		memset(p + n, 'x', len);
		n += len;
		p[n++] = '\n';
	}
	return n;
}

static size_t read_files(unsigned char *p, size_t cap, char **paths)
{
	size_t n = 0;

	for (; *paths; paths++) {
		FILE *f = fopen(*paths, "rb");

		if (!f) {
			perror(*paths);
			exit(1);
		}
		n += fread(p + n, 1, cap - n, f);
		fclose(f);
	}
	return n;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		uint64_t (*run)(struct bench *);
	} rows[] = {{"memcpy", run_memcpy}, {"encode", run_encode}, {"measure", run_measure}};
	struct bench b = {malloc(INPUT), malloc(ENCODE_WORST(PIECE)), 0};
	double copy = 0;
	uint64_t result;

	if (!b.in || !b.out)
		return 1;
	b.n = argc > 1 ? read_files(b.in, INPUT, argv + 1) : make_up(b.in, INPUT);
	if (b.n == 0)
		return 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double speed = best_mb_per_second(&b, rows[i].run, &result);

		if (i == 0)
			copy = speed;
		printf("%-8s %8.0f MB/s   %.2f of memcpy   %llu octets\n", rows[i].name, speed,
			speed / copy, (unsigned long long)result);
	}
	free(b.in);
	free(b.out);
	return 0;
}
