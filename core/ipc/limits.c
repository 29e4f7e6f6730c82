/* limits - connection counts shared by processes: a count-min sketch of two rows with a column for
 * each process.
 *
 * A cell holds the counts of all columns side by side, so that a sum reads four cache lines. Each
 * counter has one writer; readers want no more than a recent value, so all access is relaxed. Two
 * processes that take at the same moment may both get the last place: the limit is there against
 * floods and may be off by the number of processes. */
#define _GNU_SOURCE
#include "ipc/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS 2
#define CELLS 1024 /* a power of two; each row takes its own bits of the key */

struct cell {
	atomic_uint count[LIMITS_COLUMNS];
};

struct limits_table {
	uint64_t seed[2]; /* so that nobody can look for addresses that share a victim's cells */
	struct cell total;
	struct cell cells[ROWS][CELLS];
};

int limits_create(void)
{
	int fd = memfd_create("restante-limits", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint64_t seed[2];

	if (fd == -1)
		return -1;
	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed) ||
		pwrite(fd, seed, sizeof(seed), 0) != (ssize_t)sizeof(seed) ||
		ftruncate(fd, sizeof(struct limits_table)) == -1 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int limits_open(struct limits *l, int fd, uint32_t column)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) == -1)
		return -1;
	if (st.st_size != (off_t)sizeof(struct limits_table) || column >= LIMITS_COLUMNS) {
		errno = EINVAL;
		return -1;
	}
	p = mmap(NULL, sizeof(struct limits_table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	*l = (struct limits){.table = p, .column = column};
	return 0;
}

void limits_clear(const struct limits *l, uint32_t column)
{
	struct limits_table *t = l->table;

	if (t == NULL || column >= LIMITS_COLUMNS)
		return;
	atomic_store_explicit(&t->total.count[column], 0, memory_order_relaxed);
	for (size_t r = 0; r < ROWS; r++)
		for (size_t i = 0; i < CELLS; i++)
			/* read first: a page that nobody used stays unallocated */
			if (atomic_load_explicit(
				    &t->cells[r][i].count[column], memory_order_relaxed) != 0)
				atomic_store_explicit(
					&t->cells[r][i].count[column], 0, memory_order_relaxed);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)(a | 1) * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t hash(const struct limits *l, uint64_t kind, uint64_t address)
{
	const uint64_t *seed;

	if (l->table == NULL)
		return 0;
	seed = l->table->seed;
	return mix(mix(seed[0] ^ address, seed[1] ^ kind) ^ seed[1], seed[0] ^ 0x9e3779b97f4a7c15u);
}

static uint64_t key4(const struct limits *l, const void *in_addr)
{
	uint32_t a;

	memcpy(&a, in_addr, sizeof(a));
	return hash(l, 4, a);
}

static uint64_t key6(const struct limits *l, const struct in6_addr *in6)
{
	uint64_t net;

	if (IN6_IS_ADDR_V4MAPPED(in6))
		return key4(l, in6->s6_addr + 12);
	memcpy(&net, in6, sizeof(net));
	return hash(l, 6, net);
}

uint64_t limits_key(const struct limits *l, const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return key4(l, &((const struct sockaddr_in *)(const void *)sa)->sin_addr);
	if (sa->sa_family == AF_INET6)
		return key6(l, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
	return hash(l, 0, 0);
}

uint64_t limits_key_text(const struct limits *l, const char *ip)
{
	struct in6_addr in6;
	struct in_addr in4;

	if (inet_pton(AF_INET, ip, &in4) == 1)
		return key4(l, &in4);
	if (inet_pton(AF_INET6, ip, &in6) == 1)
		return key6(l, &in6);
	return hash(l, 0, 0);
}

static struct cell *cell_of(const struct limits *l, size_t row, uint64_t key)
{
	return &l->table->cells[row][(key >> (32 * row)) % CELLS];
}

static uint32_t sum(const struct cell *c)
{
	uint32_t n = 0;

	for (size_t i = 0; i < LIMITS_COLUMNS; i++)
		n += atomic_load_explicit(&c->count[i], memory_order_relaxed);
	return n;
}

uint32_t limits_total(const struct limits *l)
{
	return l->table != NULL ? sum(&l->table->total) : 0;
}

uint32_t limits_address(const struct limits *l, uint64_t key)
{
	uint32_t least = UINT32_MAX;

	if (l->table == NULL)
		return 0;
	for (size_t r = 0; r < ROWS; r++) {
		uint32_t n = sum(cell_of(l, r, key));

		if (n < least)
			least = n;
	}
	return least;
}

enum limits_verdict limits_take(
	const struct limits *l, uint64_t key, uint32_t max_total, uint32_t max_address)
{
	if (l->table == NULL)
		return LIMITS_OK;
	if (max_total > 0 && limits_total(l) >= max_total)
		return LIMITS_TOTAL;
	if (max_address > 0 && limits_address(l, key) >= max_address)
		return LIMITS_ADDRESS;
	atomic_fetch_add_explicit(&l->table->total.count[l->column], 1, memory_order_relaxed);
	for (size_t r = 0; r < ROWS; r++)
		atomic_fetch_add_explicit(
			&cell_of(l, r, key)->count[l->column], 1, memory_order_relaxed);
	return LIMITS_OK;
}

/* Below 0 it would wrap to "4 billion connections": a column that was cleared early stays at 0. */
static void drop_one(atomic_uint *n)
{
	if (atomic_load_explicit(n, memory_order_relaxed) > 0)
		atomic_fetch_sub_explicit(n, 1, memory_order_relaxed);
}

void limits_give(const struct limits *l, uint64_t key)
{
	if (l->table == NULL)
		return;
	drop_one(&l->table->total.count[l->column]);
	for (size_t r = 0; r < ROWS; r++)
		drop_one(&cell_of(l, r, key)->count[l->column]);
}
