/* restantectl - administration.
 *
 *	restantectl [-c FILE] VERB ...
 *
 * A verb is a row of the table; each is in the file of its name. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/ctl.h"

static int help(const struct ctl *, int argc, char **argv);

static const struct verb {
	const char *name, *second; /* "mailbox", "list"; NULL = one word */
	const char *arguments, *doc;
	int (*run)(const struct ctl *, int argc, char **argv);
} verbs[] = {
	{"config", NULL, "[-n]",
		"print the effective configuration; -n: what differs from the defaults",
		ctl_config},
	{"plugins", NULL, "[NAME]", "list the plugins, or print the settings of one", ctl_plugins},
	{"passwd", NULL, "[-s SCHEME] [USER]", "make a line for a passwd-file from a password",
		ctl_passwd},
	{"auth", "test", "USER", "ask the auth plugins whether a password is right", ctl_auth_test},
	{"user", NULL, "USER", "print what a login would get", ctl_user},
	{"mailbox", "list", "USER", "list the messages in a user's mailbox", ctl_mailbox_list},
	{"mailbox", "stat", "USER", "print how much there is in it, and where", ctl_mailbox_stat},
	{"mailbox", "export", "USER", "write its messages to standard output, as an mbox",
		ctl_mailbox_export},
	{"mailbox", "import", "USER [FILE...]",
		"deliver the messages of mbox files, Maildirs and .eml files",
		ctl_mailbox_import},
	{"mailbox", "convert", "USER [--from STORAGE] --to STORAGE [--remove-source]",
		"copy the messages to another storage, with their UIDLs", ctl_mailbox_convert},
	{"mailbox", "check", "USER", "look for damage", ctl_mailbox_check},
	{"mailbox", "repair", "USER", "mend what can be mended without losing mail",
		ctl_mailbox_repair},
	{"mailbox", "compact", "USER", "give back the space of deleted mail", ctl_mailbox_compact},
	{"who", NULL, "", "list the sessions of the server that runs", ctl_who},
	{"penalty", "list", "", "list who has to pay for failed logins", ctl_penalty_list},
	{"penalty", "clear", "ADDRESS | USER", "let failed logins be forgotten", ctl_penalty_clear},
	{"auth", "flush", "[USER]", "let the server forget passwords that were right",
		ctl_auth_flush},
	{"reload", NULL, "", "check the configuration and let the server take it", ctl_reload},
	{"stop", NULL, "", "stop the server", ctl_stop},
	{"help", NULL, "", "print this", help},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void print_verb(FILE *f, const struct verb *v)
{
	fprintf(f, "  %s%s%s %s\n\t%s\n", v->name, v->second != NULL ? " " : "",
		v->second != NULL ? v->second : "", v->arguments, v->doc);
}

static int usage(const struct verb *v)
{
	fprintf(stderr, "usage: restantectl [-c FILE] VERB ...\n");
	for (size_t i = 0; i < VERBS; i++)
		if (v == NULL || v == &verbs[i])
			print_verb(stderr, &verbs[i]);
	return USAGE;
}

static int help(const struct ctl *c, int argc, char **argv)
{
	(void)c;
	(void)argv;
	if (argc > 0)
		return USAGE;
	printf("usage: restantectl [-c FILE] VERB ...\n");
	for (size_t i = 0; i < VERBS; i++)
		print_verb(stdout, &verbs[i]);
	return EXIT_SUCCESS;
}

static const struct verb *find(int argc, char **argv)
{
	for (size_t i = 0; i < VERBS; i++)
		if (argc > 0 && strcmp(argv[0], verbs[i].name) == 0 &&
			(verbs[i].second == NULL ||
				(argc > 1 && strcmp(argv[1], verbs[i].second) == 0)))
			return &verbs[i];
	return NULL;
}

int main(int argc, char **argv)
{
	struct ctl c = {.file = TOOL_CONFIG};
	const struct verb *v;
	int option, words, status;

	while ((option = getopt(argc, argv, "+c:")) != -1) {
		if (option != 'c')
			return usage(NULL);
		c.file = optarg;
	}
	v = find(argc - optind, argv + optind);
	if (v == NULL)
		return usage(NULL);
	words = optind + (v->second != NULL ? 2 : 1);
	status = v->run(&c, argc - words, argv + words);
	if (status == USAGE)
		usage(v);
	if (fflush(stdout) == EOF && status == EXIT_SUCCESS)
		return complain("cannot write: %m");
	return status;
}
