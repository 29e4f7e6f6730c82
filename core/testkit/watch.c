/* watch - what a plugin leaves behind in its process, and the sandbox that shows what it touches.
 */
#define _GNU_SOURCE
#include "testkit/kit.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/wait.h>
#include "sys/filter.h"
#include "sys/landlock.h"

enum { WARM = 10, PATHS = 32 };

static size_t count_in(const char *folder)
{
	DIR *d = opendir(folder);
	size_t n = 0;

	if (d == NULL)
		skip("%s cannot be read", folder);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

size_t watch_files(void)
{
	return count_in("/proc/self/fd");
}

/* A library that loads others or caches something takes a little more now and then; what is lost in
 * each round is a leak, however small. */
void watch_memory(struct kit *k, void (*fn)(struct kit *), int rounds)
{
	size_t before, now, first = 0;
	int grown = 0;

	for (int i = 0; i < WARM + rounds; i++) {
		before = mallinfo2().uordblks;
		if (i == WARM)
			first = before;
		fn(k);
		now = mallinfo2().uordblks;
		grown += i >= WARM && now > before;
	}
	now = mallinfo2().uordblks;
	if (grown > rounds / 2 && now > first)
		fail("%zu octets more are allocated after %d rounds", now - first, rounds);
}

void watch_children(const struct kit *k)
{
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		fail("a child process is left after close()");
	if ((k->plugin->needs & RESTANTE_NEEDS_THREADS) == 0 && count_in("/proc/self/task") != 3)
		fail("threads are left after close(), and needs does not say THREADS");
}

/* --- the sandbox --- */

struct paths {
	struct landlock_path list[PATHS];
	size_t n;
};

static int add_path(void *arg, const char *path, uint32_t flags)
{
	struct paths *p = arg;

	if (p->n == PATHS)
		fail("more than %d paths", PATHS);
	p->list[p->n++] = (struct landlock_path){path, flags};
	return 0;
}

void watch_sandbox(struct kit *k, const struct restante_user *user)
{
	/* Where root runs this, a plugin may start programs as somebody else. No worker is root
	 * here. */
	const uint32_t needs =
		k->plugin->needs | (user == NULL && geteuid() == 0 ? RESTANTE_NEEDS_ROOT : 0u);
	struct paths p = {.n = 0};
	struct kit_host h;
	struct filter f;
	const char *failed = "";

	if (!filter_works())
		skip("this build has no system call filters");
	if (k->opt->valgrind)
		skip("not under valgrind, which needs more than a plugin");
	kit_host_open(&h, k, user);
	(void)host_paths(&h.inner, add_path, &p);
	/* As in a worker: a plugin that runs programs or is root has no files that it could name.
	 */
	if ((user != NULL ||
		    (k->plugin->needs & (RESTANTE_NEEDS_ROOT | RESTANTE_NEEDS_FORK)) == 0) &&
		landlock_enter(p.list, p.n, needs, &failed) == -1)
		skip("%s: %s", failed, strerror(errno));
	if (filter_build(&f, FILTER_WORKER, needs) == -1 || filter_install(&f) == -1)
		skip("system call filters: %s", strerror(errno));
	kit_host_close(&h);
}
