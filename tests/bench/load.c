/* restante-load - a load generator for POP3 servers that checks every reply.
 *
 * restante-load MODE --port PORT --users FILE [options] runs one mode (load_mode.c) and prints one
 * line of key=value; exit 0. The first reply that is not right is told on standard error; exit 1.
 */
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
enum { O_HOST = 1, O_PORT, O_USERS, O_TLS, O_RESUME, O_CONNECTIONS, O_PIPELINE, O_FIRST, O_COUNT, O_SECONDS,
	O_TIMEOUT, O_CPU, O_SELF_TEST, O_HELP };
/* clang-format on */

static const struct load_flag {
	const char *name;
	int id, has_arg;
	const char *doc;
} flags[] = {
	{"host", O_HOST, required_argument, "numeric address of the server; 127.0.0.1"},
	{"port", O_PORT, required_argument, "its port"},
	{"users", O_USERS, required_argument, "file of lines \"name password\""},
	{"tls", O_TLS, no_argument, "TLS from the first octet"},
	{"resume", O_RESUME, no_argument, "offer the last TLS session"},
	{"connections", O_CONNECTIONS, required_argument,
		"at the same time; 1 (then with blocking reads)"},
	{"pipeline", O_PIPELINE, required_argument, "commands under way a connection; 1"},
	{"first", O_FIRST, required_argument,
		"idle, connect: so many, \"ready\", and the others after a line"},
	{"count", O_COUNT, required_argument, "sessions, or messages a connection; all messages"},
	{"seconds", O_SECONDS, required_argument, "start nothing new after that time"},
	{"timeout", O_TIMEOUT, required_argument, "seconds without a reply; 60"},
	{"cpu", O_CPU, required_argument, "cpu.stat (or cpuacct.usage) of the server's cgroup"},
	{"selftest", O_SELF_TEST, no_argument, "see that every kind of wrong reply is noticed"},
	{"help", O_HELP, no_argument, "this"},
};
#define NFLAGS (sizeof(flags) / sizeof(flags[0]))

static void usage(FILE *out)
{
	fputs("usage: restante-load MODE --port PORT --users FILE [options]\nmodes:\n", out);
	for (const struct mode *m = load_modes; m->name; m++)
		fprintf(out, "  %-14s %s\n", m->name, m->doc);
	fputs("options:\n", out);
	for (size_t i = 0; i < NFLAGS; i++)
		fprintf(out, "  --%-12s %s\n", flags[i].name, flags[i].doc);
}

static double number_in(const char *name, const char *text, double least, double most)
{
	char *end;
	double n = strtod(text, &end);

	if (*text == '\0' || *end || n < least || n > most)
		die("--%s %s: expected a number from %.0f to %.0f", name, text, least, most);
	return n;
}

/* clang-format off */
static void set_flag(struct load_options *o, int id, const char *name, const char *arg)
{
	switch (id) {
	case O_HOST: o->host = arg; break;
	case O_PORT: o->port = arg; break;
	case O_USERS: o->users = arg; break;
	case O_TLS: o->tls = true; break;
	case O_RESUME: o->resume = true; break;
	case O_CONNECTIONS: o->connections = (unsigned)number_in(name, arg, 1, 10000); break;
	case O_PIPELINE: o->pipeline = (unsigned)number_in(name, arg, 1, PIPELINE_MAX); break;
	case O_FIRST: o->first = (unsigned)number_in(name, arg, 1, 10000); break;
	case O_COUNT: o->count = (uint64_t)number_in(name, arg, 1, 1e9); break;
	case O_SECONDS: o->seconds = number_in(name, arg, 0, 3600); break;
	case O_TIMEOUT: o->timeout = (int)number_in(name, arg, 1, 3600); break;
	case O_CPU: o->cpu_file = arg; break;
	case O_SELF_TEST: exit(self_test());
	case O_HELP: usage(stdout); exit(0);
	default: usage(stderr); exit(2);
	}
}
/* clang-format on */

int main(int argc, char **argv)
{
	struct load_options o = {
		.host = "127.0.0.1", .connections = 1, .pipeline = 1, .timeout = 60};
	struct option longs[NFLAGS + 1] = {{0}};
	int id, at;

	for (size_t i = 0; i < NFLAGS; i++)
		longs[i] = (struct option){flags[i].name, flags[i].has_arg, NULL, flags[i].id};
	while ((id = getopt_long(argc, argv, "", longs, &at)) != -1)
		set_flag(&o, id, id == '?' ? "" : longs[at].name, optarg);
	if (optind + 1 != argc || !o.port || !o.users) {
		usage(stderr);
		return 2;
	}
	o.mode = mode_find(argv[optind]);
	if (!o.mode)
		die("%s: no such mode (see --help)", argv[optind]);
	if (!o.mode->each[0] && !o.mode->hold && !o.count && o.seconds == 0)
		die("mode %s needs --count or --seconds", o.mode->name);
	signal(SIGPIPE, SIG_IGN);
	run_all(&o);
	return 0;
}
