/* case_auth - auth plugins; with user= and password= also what they say of a user who exists. */
#define _GNU_SOURCE
#include "testkit/kit.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "sys/filter.h"
#include "sys/landlock.h"

enum { LONG = 16 * 1024, ROUNDS = 30, WARM = 10, LEAK = 16, TRIES = 5, PATHS = 32 };
#define AUTH_RESULTS \
	(R(RESTANTE_OK) | R(RESTANTE_TEMP) | R(RESTANTE_PERM) | R(RESTANTE_DENY) | R(RESTANTE_NONE))
#define NOBODY "nobody-has-this-name"
#define WRONG "not the password of anybody"

struct desk {
	struct kit *kit;
	const struct restante_auth *a;
	void *au;
	struct restante_user user;
	struct kit_host host;
};

static void desk_open(struct desk *d, struct kit *k)
{
	*d = (struct desk){.kit = k, .a = k->auth};
	kit_host_open(&d->host, k, NULL);
	if (legal("open", d->a->open(&d->host.api, &d->au),
		    R(RESTANTE_OK) | R(RESTANTE_TEMP) | R(RESTANTE_PERM)) != RESTANTE_OK)
		fail("open: it fails with these settings");
}

static void desk_close(struct desk *d)
{
	d->a->close(d->au);
	kit_host_close(&d->host);
}

static struct restante_request request(const char *user)
{
	return (struct restante_request){.size = sizeof(struct restante_request),
		.user = user,
		.service = "pop3",
		.client_ip = "192.0.2.1",
		.server_ip = ""};
}

static int verify(struct desk *d, const char *user, const char *password)
{
	struct restante_request r = request(user);

	d->user = (struct restante_user){.size = sizeof(d->user)};
	host_deadline(&d->host.inner, KIT_MS * d->kit->opt->factor);
	if (d->a->verify == NULL)
		skip("it checks no passwords");
	return legal("verify", d->a->verify(d->au, &r, password, &d->user), AUTH_RESULTS);
}

static int lookup(struct desk *d, const char *user)
{
	struct restante_request r = request(user);

	d->user = (struct restante_user){.size = sizeof(d->user)};
	if (d->a->lookup == NULL)
		skip("it has no lookup()");
	return legal("lookup", d->a->lookup(d->au, &r, &d->user), AUTH_RESULTS);
}

static void check_user(const struct restante_user *u)
{
	if (u->uid == 0)
		fail("uid 0 gets no session");
	if (u->home != NULL && u->home[0] != '\0' && u->home[0] != '/')
		fail("the home \"%s\" is not an absolute path", u->home);
	if ((u->flags & ~(uint32_t)RESTANTE_USER_NAME_ONLY) != 0)
		fail("user.flags 0x%x", (unsigned)u->flags);
	for (const char *const *a = u->attrs; a != NULL && a[0] != NULL; a += 2)
		if (a[1] == NULL)
			fail("the attribute %s has no value", a[0]);
}

/* --- anybody --- */

static void opens(struct kit *k)
{
	struct desk d;

	for (int i = 0; i < 3; i++) {
		desk_open(&d, k);
		desk_close(&d);
	}
}

static void stranger(struct kit *k)
{
	struct desk d;
	int result;

	desk_open(&d, k);
	result = verify(&d, NOBODY, WRONG);
	if (result == RESTANTE_OK)
		fail("verify: everybody is let in");
	if (result == RESTANTE_PERM)
		fail("verify: a user who does not exist is no reason for PERM");
	if (k->auth->lookup != NULL && lookup(&d, NOBODY) == RESTANTE_OK)
		fail("lookup: it knows everybody");
	desk_close(&d);
}

static void names(struct kit *k)
{
	static const char *const odd[] = {"", " ", ":", "a:b", "\n", "a\nb", "../../etc/passwd",
		"/", "%s%s%n", "*", "*)(uid=*", "' OR 1=1 --", "\\", "\377\376", "a@", "@",
		"root\r", ","};
	char *large = mem_alloc(1, LONG + 1);
	struct desk d;

	memset(large, 'a', LONG);
	desk_open(&d, k);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (verify(&d, odd[i], WRONG) == RESTANTE_OK ||
			verify(&d, odd[i], "") == RESTANTE_OK ||
			verify(&d, odd[i], odd[i]) == RESTANTE_OK)
			fail("verify: the name \"%s\" is let in", odd[i]);
		if (k->auth->lookup != NULL)
			(void)lookup(&d, odd[i]);
	}
	if (verify(&d, large, WRONG) == RESTANTE_OK || verify(&d, NOBODY, large) == RESTANTE_OK)
		fail("verify: a very long one is let in");
	free(large);
	desk_close(&d);
}

/* --- the user of the command line --- */

static void right(struct kit *k)
{
	struct desk d;

	desk_open(&d, k);
	for (int i = 0; i < 3; i++) {
		if (verify(&d, k->opt->user, k->opt->password) != RESTANTE_OK)
			fail("verify: the right password is refused");
		check_user(&d.user);
	}
	desk_close(&d);
}

static void wrong(struct kit *k)
{
	struct buf p = {0};
	char *large = mem_alloc(1, LONG + 1);
	struct desk d;
	const char *refused[5];

	memset(large, 'a', LONG);
	(void)str_copy(large, strlen(k->opt->password) + 1, k->opt->password);
	large[strlen(k->opt->password)] = 'a';
	buf_printf(&p, "%s ", k->opt->password);
	refused[0] = WRONG;
	refused[1] = "";
	refused[2] = p.p;
	refused[3] = large;
	refused[4] = k->opt->password + 1;
	desk_open(&d, k);
	for (size_t i = 0; i < 5; i++) {
		int result = verify(&d, k->opt->user, refused[i]);

		if (k->opt->password[0] == '\0' && (i == 1 || i == 4))
			continue;
		if (result != RESTANTE_DENY)
			fail("verify: wrong password no. %zu gives %d, not DENY", i + 1, result);
		if (verify(&d, k->opt->user, k->opt->password) != RESTANTE_OK)
			fail("verify: after a wrong password the right one is refused");
	}
	buf_free(&p);
	free(large);
	desk_close(&d);
}

static void record(struct kit *k)
{
	struct restante_user first;
	struct buf name = {0}, home = {0};
	struct desk d;

	desk_open(&d, k);
	if (verify(&d, k->opt->user, k->opt->password) != RESTANTE_OK)
		fail("verify: the right password is refused");
	first = d.user;
	buf_printf(&name, "%s",
		first.name != NULL && first.name[0] != '\0' ? first.name : k->opt->user);
	buf_printf(&home, "%s", first.home != NULL ? first.home : "");
	if (lookup(&d, k->opt->user) != RESTANTE_OK)
		fail("lookup: a user who may log in is not found");
	check_user(&d.user);
	if (d.user.uid != first.uid || d.user.gid != first.gid || d.user.stamp != first.stamp ||
		strcmp(d.user.home != NULL ? d.user.home : "", buf_str(&home)) != 0)
		fail("lookup: another record than that of verify()");
	if (d.user.name != NULL && d.user.name[0] != '\0' &&
		strcmp(d.user.name, buf_str(&name)) != 0)
		fail("lookup: another name than that of verify()");
	buf_free(&name);
	buf_free(&home);
	desk_close(&d);
}

/* What the request held is gone when out is read. */
static void copies(struct kit *k)
{
	char *user = mem_strdup(k->opt->user), *password = mem_strdup(k->opt->password);
	struct desk d;

	desk_open(&d, k);
	if (verify(&d, user, password) != RESTANTE_OK)
		fail("verify: the right password is refused");
	memset(user, '?', strlen(user));
	memset(password, '?', strlen(password));
	if ((d.user.name != NULL && strchr(d.user.name, '?') != NULL) ||
		(d.user.home != NULL && strchr(d.user.home, '?') != NULL))
		fail("verify: out points into the request, which is gone after the call");
	for (const char *const *a = d.user.attrs; a != NULL && a[0] != NULL; a += 2)
		if (strchr(a[1], '?') != NULL && strspn(a[1], "?") == strlen(a[1]))
			fail("verify: an attribute points into the request, which is gone after "
			     "the call");
	free(user);
	free(password);
	desk_close(&d);
}

static void later(struct kit *k)
{
	enum { MORE = 64 };
	struct {
		struct restante_user user;
		unsigned char more[MORE];
	} out = {.user = {.size = sizeof(out)}};
	struct restante_request r = request(k->opt->user);
	struct desk d = {.kit = k, .a = k->auth};

	memset(out.more, 0xa5, MORE);
	kit_host_open(&d.host, k, NULL);
	d.host.api.size += MORE;
	d.host.api.minor = RESTANTE_MINOR + 7;
	r.flags = 0x80000000u; /* a flag of the future */
	if (d.a->open(&d.host.api, &d.au) != RESTANTE_OK)
		fail("open: a core of a later version is refused");
	if (d.a->verify == NULL)
		skip("it checks no passwords");
	if (d.a->verify(d.au, &r, k->opt->password, &out.user) != RESTANTE_OK)
		fail("verify: a core of a later version is refused");
	for (size_t i = 0; i < MORE; i++)
		if (out.more[i] != 0xa5)
			fail("verify: it writes behind the end of struct restante_user");
	desk_close(&d);
}

static void secrets(struct kit *k)
{
	struct restante_request r = request(k->opt->user);
	struct restante_scram s = {.size = sizeof(s)};
	const char *shared = NULL;
	struct desk d;
	int result;

	desk_open(&d, k);
	if (k->auth->apop != NULL) {
		result = legal("apop", k->auth->apop(d.au, &r, &shared), AUTH_RESULTS);
		if (result == RESTANTE_OK &&
			(shared == NULL || strcmp(shared, k->opt->password) != 0))
			fail("apop: another secret than the password");
	}
	if (k->auth->scram != NULL) {
		result = legal(
			"scram", k->auth->scram(d.au, &r, "NO-SUCH-HASH-1", &s), AUTH_RESULTS);
		if (result == RESTANTE_OK)
			fail("scram: it has keys for a hash that does not exist");
		result = legal("scram", k->auth->scram(d.au, &r, "SHA-256", &s), AUTH_RESULTS);
		if (result == RESTANTE_OK &&
			(s.iterations == 0 || s.salt_len == 0 || s.salt_len > 1024 ||
				s.key_len != 32 || s.salt == NULL || s.stored == NULL ||
				s.server == NULL))
			fail("scram: the keys for SHA-256 are not what RFC 5802 wants");
	}
	if (k->auth->token != NULL &&
		legal("token", k->auth->token(d.au, &r, "no.such.token", &d.user), AUTH_RESULTS) ==
			RESTANTE_OK)
		fail("token: any token is let in");
	desk_close(&d);
}

/* --- time, leaks, the sandbox --- */

static int by_value(const void *a, const void *b)
{
	return (*(const int64_t *)a > *(const int64_t *)b) -
	       (*(const int64_t *)a < *(const int64_t *)b);
}

static int64_t median_ms(struct desk *d, const char *user)
{
	int64_t t[TRIES];

	for (size_t i = 0; i < TRIES; i++) {
		int64_t start = clock_ms();

		(void)verify(d, user, WRONG);
		t[i] = clock_ms() - start;
	}
	qsort(t, TRIES, sizeof(t[0]), by_value);
	return t[TRIES / 2];
}

/* Only what is plain to see: a password hash that is computed for one and not for the other. */
static void timing(struct kit *k)
{
	int64_t wrong_ms, nobody_ms;
	struct desk d;

	desk_open(&d, k);
	wrong_ms = median_ms(&d, k->opt->user);
	nobody_ms = median_ms(&d, NOBODY);
	if (wrong_ms > nobody_ms * 4 + 20)
		fail("a wrong password takes %lld ms, a user who does not exist %lld: that tells "
		     "them apart",
			(long long)wrong_ms, (long long)nobody_ms);
	desk_close(&d);
}

static size_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	if (dir == NULL)
		skip("/proc/self/fd cannot be read");
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void visit(struct kit *k)
{
	struct desk d;

	desk_open(&d, k);
	(void)verify(&d, k->opt->user, k->opt->password);
	(void)verify(&d, NOBODY, WRONG);
	desk_close(&d);
}

static void leaks(struct kit *k)
{
	size_t files = 0, memory = 0, more;

	for (int i = 0; i < ROUNDS; i++) {
		if (i == WARM) {
			files = open_files();
			memory = mallinfo2().uordblks;
		}
		visit(k);
	}
	more = mallinfo2().uordblks;
	if (more > memory + (ROUNDS - WARM) * LEAK)
		fail("%zu octets more are allocated after %d rounds", more - memory, ROUNDS - WARM);
	if (open_files() > files)
		fail("%zu descriptors more are open after %d rounds", open_files() - files,
			ROUNDS - WARM);
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		fail("a child process is left after close()");
}

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

static void sandbox(struct kit *k)
{
	const uint32_t open_needs = RESTANTE_NEEDS_ROOT | RESTANTE_NEEDS_FORK;
	struct paths p = {.n = 0};
	struct kit_host h;
	struct desk d;
	struct filter f;
	const char *failed = "";

	if (!filter_works())
		skip("this build has no system call filters");
	if (k->opt->valgrind)
		skip("not under valgrind, which needs more than a plugin");
	kit_host_open(&h, k, NULL);
	(void)host_paths(&h.inner, add_path, &p);
	if ((k->plugin->needs & open_needs) == 0 &&
		landlock_enter(p.list, p.n, k->plugin->needs, &failed) == -1)
		skip("%s: %s", failed, strerror(errno));
	if (filter_build(&f, FILTER_WORKER, k->plugin->needs) == -1 || filter_install(&f) == -1)
		skip("system call filters: %s", strerror(errno));
	kit_host_close(&h);
	desk_open(&d, k);
	if (k->auth->verify != NULL)
		(void)verify(&d, NOBODY, WRONG);
	if (k->auth->verify != NULL && k->opt->user != NULL && k->opt->password != NULL &&
		verify(&d, k->opt->user, k->opt->password) != RESTANTE_OK)
		fail("verify: the right password is refused in the sandbox: see needs, and paths");
	desk_close(&d);
}

const struct kit_case auth_cases[] = {
	{"auth-open", "it opens and closes", NEED_AUTH, 30, opens},
	{"auth-none", "a user who does not exist is not let in", NEED_AUTH, 30, stranger},
	{"auth-names", "names that mean something elsewhere do no harm", NEED_AUTH, 120, names},
	{"auth-box", "it keeps to what its settings and needs declare", NEED_AUTH, 60, sandbox},
	{"auth-right", "the right password is let in", NEED_AUTH | NEED_USER, 30, right},
	{"auth-wrong", "wrong passwords get DENY", NEED_AUTH | NEED_USER, 60, wrong},
	{"auth-record", "lookup() knows what verify() knows", NEED_AUTH | NEED_USER, 30, record},
	{"auth-copies", "nothing of a request is used afterwards", NEED_AUTH | NEED_USER, 30,
		copies},
	{"auth-later", "a core of a later version is served", NEED_AUTH | NEED_USER, 30, later},
	{"auth-keys", "secrets for APOP, SCRAM and tokens are whole", NEED_AUTH | NEED_USER, 30,
		secrets},
	{"auth-time", "time does not tell who exists", NEED_AUTH | NEED_USER, 60, timing},
	{"auth-leaks", "close() gives everything back", NEED_AUTH | NEED_USER, 120, leaks},
	{NULL, NULL, 0, 0, NULL},
};
