/* load_run.c - a run: all connections, the clock, the samples, and the line of figures at the end.
 *
 * Modes with messages have a barrier: the window that is measured opens when every connection has
 * logged in and read its LIST, and closes when the last one has its last message. The other modes
 * measure from the first connect to the end of the last session. With --cpu, the server's CPU time
 * (cpu.stat of its cgroup) is read at both ends of the same window.
 */
#include "load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_NS 20000000  /* sessions that have just ended go on using CPU for a moment */
#define STALL_FROM_US 35000 /* Nagle against delayed ACK costs 40 ms on Linux */
#define STALL_TO_US 60000

_Noreturn void die(const char *fmt, ...)
{
	va_list ap;

	fputs("restante-load: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- what is measured --- */

static uint64_t own_cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* cpu.stat of cgroup v2 ("usage_usec N" comes first), or cpuacct.usage of v1 (nanoseconds). */
static uint64_t server_cpu_us(const char *file)
{
	unsigned long long n = 0;
	FILE *f = file ? fopen(file, "re") : NULL;

	if (!file)
		return 0;
	if (!f)
		die("%s: %s", file, strerror(errno));
	if (fscanf(f, "usage_usec %llu", &n) != 1) {
		rewind(f);
		if (fscanf(f, "%llu", &n) != 1)
			die("%s: neither cpu.stat nor cpuacct.usage", file);
		n /= 1000;
	}
	fclose(f);
	return n;
}

static void open_window(struct run *r)
{
	r->cpu_begin = server_cpu_us(r->opt->cpu_file);
	r->own_begin = own_cpu_us();
	r->begin = now_ns();
	if (r->opt->seconds > 0)
		r->deadline = r->begin + (uint64_t)(r->opt->seconds * 1e9);
}

static void close_window(struct run *r)
{
	struct timespec settle = {.tv_nsec = SETTLE_NS};

	r->end = now_ns();
	r->own_end = own_cpu_us();
	nanosleep(&settle, NULL);
	r->cpu_end = server_cpu_us(r->opt->cpu_file);
}

void run_sample(struct run *r, uint64_t ns)
{
	if (r->nsamples == r->room) {
		r->room = r->room ? r->room * 2 : 65536;
		r->samples = realloc(r->samples, r->room * sizeof(*r->samples));
		if (!r->samples)
			die("no memory for samples");
	}
	r->samples[r->nsamples++] = (uint32_t)(ns / 1000);
}

static int sample_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t quantile(const struct run *r, double q)
{
	return r->nsamples ? r->samples[(size_t)(q * (double)(r->nsamples - 1))] : 0;
}

static void print_figures(struct run *r)
{
	const struct load_options *o = r->opt;
	double seconds = (double)(r->end - r->begin) / 1e9;
	size_t stalls = 0;

	if (r->nsamples)
		qsort(r->samples, r->nsamples, sizeof(*r->samples), sample_order);
	for (size_t i = 0; i < r->nsamples; i++)
		stalls += r->samples[i] >= STALL_FROM_US && r->samples[i] < STALL_TO_US;
	printf("mode=%s tls=%d connections=%u pipeline=%u seconds=%.6f units=%llu per_s=%.1f "
	       "octets=%llu "
	       "mb_s=%.2f p50_us=%u p99_us=%u max_us=%u stalls=%zu resumed=%llu client_cpu_us=%llu "
	       "server_cpu_us=%llu\n",
		o->mode->name, o->tls, o->connections, o->pipeline, seconds,
		(unsigned long long)r->units, (double)r->units / seconds,
		(unsigned long long)r->octets, (double)r->octets / 1e6 / seconds, quantile(r, 0.5),
		quantile(r, 0.99), quantile(r, 1), stalls, (unsigned long long)r->resumed,
		(unsigned long long)(r->own_end - r->own_begin),
		(unsigned long long)(r->cpu_end - r->cpu_begin));
}

/* --- what the connections report --- */

static bool has_messages(const struct mode *m)
{
	return m->each[0] != NULL;
}

static void everyone(struct run *r, enum phase phase)
{
	for (unsigned i = 0; i < r->opt->connections; i++) {
		r->conns[i].phase = phase;
		r->conns[i].next = 0;
	}
	for (unsigned i = 0; i < r->opt->connections; i++)
		conn_advance(&r->conns[i]);
}

/* Until a line or the end of standard input. */
static void hold(void)
{
	char c = '\0';

	puts("ready");
	fflush(stdout);
	while (c != '\n' && read(STDIN_FILENO, &c, 1) > 0)
		;
}

static void start_some(struct run *r, unsigned connections)
{
	while (r->started < connections) {
		struct conn *c = &r->conns[r->started];
		c->run = r;
		c->index = (unsigned)r->started++;
		c->in = malloc(IN_SIZE);
		if (!c->in)
			die("no memory for connections");
		r->open++;
		conn_start(c);
	}
}

void run_arrived(struct conn *c)
{
	struct run *r = c->run;

	if (!has_messages(r->opt->mode) && !r->opt->mode->hold) {
		c->phase = IN_TAIL;
		c->next = 0;
		conn_advance(c);
		return;
	}
	if (++r->waiting < (r->opt->mode->hold ? r->started : r->opt->connections))
		return;
	if (r->opt->mode->hold) {
		hold();
		if (r->started < r->opt->connections)
			start_some(r, r->opt->connections);
		else
			everyone(r, IN_TAIL);
	} else {
		open_window(r);
		everyone(r, IN_EACH);
	}
}

void run_finished(struct conn *c)
{
	struct run *r = c->run;

	if (++r->finished < r->opt->connections)
		return;
	close_window(r);
	everyone(r, IN_TAIL);
}

void run_closed(struct conn *c)
{
	struct run *r = c->run;
	const struct load_options *o = r->opt;

	if (has_messages(o->mode) || o->mode->hold) {
		r->open--;
		return;
	}
	r->units++;
	if ((o->count && r->started >= o->count) || (r->deadline && now_ns() >= r->deadline)) {
		r->open--;
		return;
	}
	r->started++;
	conn_start(c);
}

/* --- the run itself --- */

/* A line: name, blank, password (which may have blanks). */
static void read_users(struct run *r)
{
	FILE *f = fopen(r->opt->users, "re");
	char *line = NULL;
	size_t room = 0;

	if (!f)
		die("%s: %s", r->opt->users, strerror(errno));
	while (getline(&line, &room, f) > 0) {
		struct user u = {0};
		if (sscanf(line, "%ms %m[^\n]", &u.name, &u.password) != 2)
			die("%s: line %u is not \"name password\"", r->opt->users, r->nusers + 1);
		r->users = realloc(r->users, (r->nusers + 1) * sizeof(*r->users));
		if (!r->users)
			die("no memory for users");
		r->users[r->nusers++] = u;
	}
	free(line);
	fclose(f);
	if (r->nusers < r->opt->connections)
		die("%s: %u users for %u connections", r->opt->users, r->nusers,
			r->opt->connections);
}

static int keep_ticket(SSL *ssl, SSL_SESSION *ticket)
{
	struct run *r = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(r->ticket);
	r->ticket = ticket;
	return 1;
}

static void open_tls(struct run *r)
{
	r->tls = SSL_CTX_new(TLS_client_method());
	if (!r->tls)
		die("no memory for TLS");
	SSL_CTX_set_app_data(r->tls, r);
	SSL_CTX_set_min_proto_version(r->tls, TLS1_2_VERSION);
	/* One recv() for many records, and a session that ends without close_notify is no error
	 * here: what must be whole is known to be whole by its octets. */
	SSL_CTX_set_read_ahead(r->tls, 1);
	SSL_CTX_set_default_read_buffer_len(r->tls, IN_SIZE);
	SSL_CTX_set_options(r->tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(r->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(r->tls, keep_ticket);
}

static void loop(struct run *r)
{
	struct epoll_event ev[64];

	if (r->blocking) {
		while (r->open)
			conn_event(&r->conns[0]);
		return;
	}
	while (r->open) {
		int n = epoll_wait(r->epoll, ev, 64, r->opt->timeout * 1000);
		if (n == 0)
			die("no reply on any of %u connections within %d s", r->open,
				r->opt->timeout);
		for (int i = 0; i < n; i++)
			conn_event(ev[i].data.ptr);
	}
}

static void run_free(struct run *r)
{
	for (unsigned i = 0; i < r->opt->connections; i++) {
		free(r->conns[i].in);
		free(r->conns[i].box.sizes);
		free(r->conns[i].box.hashes);
	}
	for (unsigned i = 0; i < r->nusers; i++) {
		free(r->users[i].name);
		free(r->users[i].password);
	}
	free(r->conns);
	free(r->users);
	free(r->samples);
	SSL_SESSION_free(r->ticket);
	SSL_CTX_free(r->tls);
	if (!r->blocking)
		close(r->epoll);
}

void run_all(const struct load_options *opt)
{
	struct run r = {.opt = opt, .blocking = opt->connections == 1};

	read_users(&r);
	if (opt->tls)
		open_tls(&r);
	r.epoll = r.blocking ? -1 : epoll_create1(EPOLL_CLOEXEC);
	r.conns = calloc(opt->connections, sizeof(*r.conns));
	if (!r.conns)
		die("no memory for connections");
	if (!has_messages(opt->mode))
		open_window(&r);
	start_some(&r, opt->mode->hold && opt->first ? opt->first : opt->connections);
	loop(&r);
	if (!has_messages(opt->mode))
		close_window(&r);
	print_figures(&r);
	run_free(&r);
}
