/* restante-plugin-test - does a plugin keep what restante/plugin.h promises?
 *
 *	restante-plugin-test [-v] [--valgrind] [--messages N] [--points N] [--only CASE,...]
 *	                     PLUGIN.so [NAME=VALUE ...]
 *	restante-plugin-test --list
 *
 * Prints TAP. Exit status: 0 = nothing failed, 1 = something did, 2 = wrong usage. */
#include "config.h"
#include "testkit/kit.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct kit_case *const groups[] = {
	entry_cases, read_cases, write_cases, process_cases, crash_cases, fault_cases, auth_cases};

static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
	{"list", no_argument, NULL, 'l'}, {"messages", required_argument, NULL, 'm'},
	{"only", required_argument, NULL, 'o'}, {"points", required_argument, NULL, 'p'},
	{"run", required_argument, NULL, 'r'}, {"valgrind", no_argument, NULL, 'V'},
	{"verbose", no_argument, NULL, 'v'}, {"version", no_argument, NULL, 'n'},
	{NULL, 0, NULL, 0}};

static int usage(FILE *to)
{
	fprintf(to, "usage: restante-plugin-test [-v] [--valgrind] [--messages N] [--points N] "
		    "[--only CASE,...]\n"
		    "                            PLUGIN.so [SETTING=VALUE ...] [user=NAME "
		    "password=SECRET] [token=TOKEN]\n"
		    "       restante-plugin-test --list\n");
	return to == stdout ? KIT_PASSED : KIT_USAGE;
}

static bool in_list(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p != NULL; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, name, n) == 0 && (p[n] == '\0' || p[n] == ','))
			return true;
	}
	return false;
}

static const struct kit_case *find(const char *name, size_t n)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct kit_case *c = groups[g]; c->name != NULL; c++)
			if (strlen(c->name) == n && memcmp(c->name, name, n) == 0)
				return c;
	return NULL;
}

static int list_cases(void)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct kit_case *c = groups[g]; c->name != NULL; c++)
			printf("%-12s %s\n", c->name, c->doc);
	return KIT_PASSED;
}

/* Every name of the list is a case. */
static bool known(const char *list)
{
	for (const char *p = list; p != NULL; p = strchr(p, ',')) {
		p += *p == ',';
		if (find(p, strcspn(p, ",")) == NULL) {
			fprintf(stderr,
				"restante-plugin-test: no case is called %.*s; see --list\n",
				(int)strcspn(p, ","), p);
			return false;
		}
	}
	return true;
}

/* "dir/storage-x.so" -> absolute, and "storage-x". */
static int set_file(struct kit_options *opt, const char *file)
{
	const char *slash = strrchr(file, '/'), *base = slash != NULL ? slash + 1 : file;
	size_t n = strlen(base);

	opt->file = realpath(file, opt->path);
	if (opt->file == NULL) {
		fprintf(stderr, "restante-plugin-test: %s: %s\n", file, strerror(errno));
		return -1;
	}
	if (n <= 3 || strcmp(base + n - 3, ".so") != 0 || n - 3 >= sizeof(opt->name)) {
		fprintf(stderr, "restante-plugin-test: %s: expected a file such as storage-my.so\n",
			file);
		return -1;
	}
	memcpy(opt->name, base, n - 3);
	opt->name[n - 3] = '\0';
	return 0;
}

static int set_args(struct kit_options *opt, char **argv)
{
	opt->user = getenv("RESTANTE_TEST_USER");
	opt->password = getenv("RESTANTE_TEST_PASSWORD");
	opt->token = getenv("RESTANTE_TEST_TOKEN");
	for (; *argv != NULL; argv++) {
		if (strchr(*argv, '=') == NULL || opt->nargs == KIT_ARGS) {
			fprintf(stderr, "restante-plugin-test: %s: expected SETTING=VALUE\n",
				*argv);
			return -1;
		}
		if (strncmp(*argv, "user=", 5) == 0)
			opt->user = *argv + 5;
		else if (strncmp(*argv, "password=", 9) == 0)
			opt->password = *argv + 9;
		else if (strncmp(*argv, "token=", 6) == 0)
			opt->token = *argv + 6;
		else
			opt->args[opt->nargs++] = *argv;
	}
	return 0;
}

static int run_all(const struct kit_options *opt, const char *only)
{
	size_t n = 0, number = 0, failed = 0;
	struct buf why = {0};
	int offers = run_probe(opt, &why);

	if (offers == -1) {
		printf("1..1\n# %s\nnot ok 1 - load: the plugin can be loaded\n", buf_str(&why));
		return KIT_FAILED;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
			for (const struct kit_case *c = groups[g]; c->name != NULL; c++) {
				if ((c->needs & ~(unsigned)offers) != 0 ||
					(only != NULL && !in_list(only, c->name)))
					continue;
				if (pass == 0)
					n++;
				else
					failed += run_case(opt, c, ++number) == KIT_FAILED;
			}
		if (pass == 0)
			printf("1..%zu\n", n);
	}
	return failed == 0 ? KIT_PASSED : KIT_FAILED;
}

int main(int argc, char **argv)
{
	struct kit_options opt = {.messages = 10000, .points = 60, .factor = 1};
	const char *only = NULL, *here = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "vh", long_options, NULL)) != -1)
		switch (c) {
		case 'l':
			return list_cases();
		case 'm':
			opt.messages = strtoul(optarg, NULL, 10);
			break;
		case 'o':
			only = optarg;
			if (!known(only))
				return KIT_USAGE;
			break;
		case 'p':
			opt.points = (unsigned)strtoul(optarg, NULL, 10);
			if (opt.points == 0)
				return usage(stderr);
			break;
		case 'r':
			here = optarg;
			break;
		case 'V':
			opt.valgrind = true;
			opt.factor = 20;
			break;
		case 'v':
			opt.verbose = true;
			break;
		case 'n':
			printf("restante-plugin-test " VERSION ", interface 1.%u\n",
				RESTANTE_MINOR);
			return KIT_PASSED;
		default:
			return usage(c == 'h' ? stdout : stderr);
		}
	if (optind == argc)
		return usage(stderr);
	if (set_file(&opt, argv[optind]) == -1 || set_args(&opt, argv + optind + 1) == -1)
		return KIT_USAGE;
	if (here == NULL)
		return run_all(&opt, only);
	opt.valgrind = true; /* this is how it is called there */
	opt.factor = 20;
	if (!known(here))
		return KIT_USAGE;
	run_here(&opt, find(here, strlen(here)));
}
