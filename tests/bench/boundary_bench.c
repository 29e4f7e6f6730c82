/* boundary-bench PLUGIN OCTETS: what the plugin boundary costs, in ns for each message.
 *
 * storage-memory is here twice: linked in, its functions called by name, and loaded, its functions
 * called through its entry as a session does it. Each figure is the best of many runs in CPU time,
 * the two by turns, so that what else the machine does disturbs little. Output, a line for each
 * call: its name, direct, through the ABI. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "memory.h"

enum { MESSAGES = 10000, RUNS = 100, PIECE = 32 * 1024, RETRIEVED = 2000 };

extern const struct restante_plugin storage_memory_LTX_restante_plugin_v1;

/* The calls, as one side has them. Constants where they are linked in: they are called by name. */
struct side {
	int (*list)(void *, int (*)(void *, const struct restante_message *), void *);
	int (*body)(void *, uint64_t, struct restante_body *);
	int64_t (*read)(void *, void *, size_t); /* NULL = that of the body */
	void (*release)(void *);
	int (*remove)(void *, const uint64_t *, size_t);
};

static const struct side direct = {
	memory_list, memory_body, memory_read, memory_release, memory_remove};

static uint64_t keys[MESSAGES];
static char piece[PIECE];
static int64_t octets_wanted;

/* --- a core, as far as this plugin needs one --- */

static int64_t host_num(void *c, const char *setting)
{
	(void)c;
	return setting[0] == 'o' ? octets_wanted : MESSAGES;
}

static void *host_alloc(void *c, size_t n)
{
	void *p = calloc(1, n); /* until the end */

	(void)c;
	if (p == NULL)
		abort();
	return p;
}

static const struct restante_host host = {
	.size = sizeof(host), .num = host_num, .alloc = host_alloc};

/* --- what is measured; inlined into one copy for each side --- */

#define INLINE static inline __attribute__((always_inline))

static int add(void *arg, const struct restante_message *m)
{
	uint64_t **at = arg;

	*(*at)++ = m->key;
	return 0;
}

INLINE size_t list(const struct side *s, void *st)
{
	uint64_t *at = keys;

	if (s->list(st, add, &at) != RESTANTE_OK)
		abort();
	return MESSAGES;
}

INLINE size_t retrieve(const struct side *s, void *st)
{
	for (size_t i = 0; i < RETRIEVED; i++) {
		struct restante_body b = {.size = sizeof(b), .fd = -1};
		int64_t n;

		if (s->body(st, keys[i], &b) != RESTANTE_OK)
			abort();
		while ((n = s->read != NULL ? s->read(b.b, piece, PIECE)
					    : b.read(b.b, piece, PIECE)) > 0)
			;
		if (s->release != NULL)
			s->release(b.b);
		else
			b.release(b.b);
	}
	return RETRIEVED;
}

INLINE size_t delete (const struct side *s, void *st)
{
	if (s->remove(st, keys, MESSAGES) != RESTANTE_OK)
		abort();
	return MESSAGES;
}

#define BOTH(what)                                                   \
	static size_t what##_direct(const struct side *s, void *st)  \
	{                                                            \
		(void)s;                                             \
		return what(&direct, st);                            \
	}                                                            \
	static size_t what##_through(const struct side *s, void *st) \
	{                                                            \
		return what(s, st);                                  \
	}
BOTH(list)
BOTH(retrieve)
BOTH(delete)

static const struct {
	const char *name;
	size_t (*direct)(const struct side *, void *), (*through)(const struct side *, void *);
} rows[] = {
	{"list", list_direct, list_through},
	{"body,read,release", retrieve_direct, retrieve_through},
	{"remove", delete_direct, delete_through},
};

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void time_one(
	size_t (*run)(const struct side *, void *), const struct side *s, void *st, double *best)
{
	double start = cpu_ns();
	size_t n = run(s, st);
	double took = (cpu_ns() - start) / (double)n;

	if (took < *best)
		*best = took;
}

static void *open_with(const struct restante_plugin *p)
{
	const struct restante_user user = {.size = sizeof(user), .name = "bench"};
	void *st;

	if (p->storage->open(&host, &user, RESTANTE_SESSION, &st) != RESTANTE_OK)
		abort();
	return st;
}

int main(int argc, char **argv)
{
	void *object = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	const struct restante_plugin *loaded =
		object != NULL ? dlsym(object, "storage_memory_LTX_restante_plugin_v1") : NULL;
	struct side through;
	void *inside, *outside;

	if (loaded == NULL) {
		fprintf(stderr, "usage: boundary-bench storage-memory.so OCTETS; %s\n",
			argc == 3 ? dlerror() : "");
		return 1;
	}
	octets_wanted = strtol(argv[2], NULL, 10);
	through = (struct side){
		loaded->storage->list, loaded->storage->body, NULL, NULL, loaded->storage->remove};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double by_name = 1e12, by_abi = 1e12;

		inside = open_with(&storage_memory_LTX_restante_plugin_v1);
		outside = open_with(loaded);
		(void)list_direct(&direct, inside);
		for (int run = 0; run < RUNS; run++) {
			time_one(rows[i].direct, NULL, inside, &by_name);
			time_one(rows[i].through, &through, outside, &by_abi);
		}
		printf("%s %.2f %.2f\n", rows[i].name, by_name, by_abi);
	}
	return 0;
}
