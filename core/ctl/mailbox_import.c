/* mailbox import - messages from files, delivered into a mailbox.
 *
 * The UIDL of an imported message is made from its digest. So what was imported is known by the
 * list of the mailbox: a run that was interrupted is done again and goes on where it was, and a
 * file that is imported twice changes nothing. Of several messages in one run that are the same,
 * each gets a UIDL of its own: they were several where they came from. */
#define _GNU_SOURCE
#include "ctl/mailbox.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/progress.h"
#include "ctl/source.h"
#include "ctl/wire.h"

enum { HASH_LEN = 40, UID_LEN = HASH_LEN + 21 };

/* How often a message was met in this run. */
struct met {
	char hash[HASH_LEN + 1];
	uint64_t times;
};

struct importing {
	struct mailbox box;
	struct mails there; /* when the run began */
	void *met;          /* of tsearch() */
	struct progress progress;
	uint64_t imported, known;
	char first[UID_LEN + 1]; /* that was imported; "" = none */
};

static int by_hash(const void *a, const void *b)
{
	return strcmp(((const struct met *)a)->hash, ((const struct met *)b)->hash);
}

/* The UIDL that this message has here, for ever. */
static void make_uid(struct importing *im, const struct original *l, char uid[UID_LEN + 1])
{
	struct met *met = mem_alloc(1, sizeof(*met)), **found;
	char hex[WIRE_HEX + 1];
	struct wire w;

	wire_begin(&w);
	wire_add(&w, l->text.p, l->text.len);
	wire_end(&w, hex);
	memcpy(met->hash, hex, HASH_LEN);
	found = tsearch(met, &im->met, by_hash);
	if (found == NULL)
		abort();
	if ((*found)->times++ > 0)
		snprintf(uid, UID_LEN + 1, "%s.%" PRIu64, met->hash, (*found)->times - 1);
	else
		snprintf(uid, UID_LEN + 1, "%s", met->hash);
	if (*found != met)
		free(met);
}

static int deliver(struct importing *im, const struct original *l, const char *uid)
{
	struct restante_put what = {
		.size = sizeof(what), .sender = l->sender, .uid = uid, .received = l->received};
	const struct restante_storage *api = im->box.api;
	uint32_t state = 0;
	void *put;
	int result;

	what.octets = (uint64_t)measure(l->text.p, l->text.len, &state);
	what.octets += (uint64_t)measure(NULL, 0, &state);
	result = api->put_begin(im->box.st, &what, &put);
	if (result != RESTANTE_OK)
		return result;
	result = api->put_data(put, l->text.p, l->text.len);
	if (result == RESTANTE_OK)
		return api->put_end(put, 1);
	api->put_end(put, 0);
	return result;
}

static int import_one(struct importing *im, const struct original *l)
{
	char uid[UID_LEN + 1];
	int result;

	make_uid(im, l, uid);
	if (mails_find(&im->there, uid) != NULL) {
		im->known++;
	} else {
		result = deliver(im, l, uid);
		if (result != RESTANTE_OK) {
			progress_hide(&im->progress);
			mailbox_complain(&im->box, result);
			return -1;
		}
		if (im->imported++ == 0)
			memcpy(im->first, uid, sizeof(uid));
	}
	progress_step(&im->progress, l->text.len);
	return 0;
}

static int import_all(struct importing *im, struct source *sources, size_t n)
{
	struct original l = {.received = 0};
	uint64_t octets = 0;
	int got = 0;

	for (size_t i = 0; i < n; i++)
		octets += sources[i].octets;
	progress_begin(&im->progress, "import", 0, octets);
	for (size_t i = 0; i < n && got != -1; i++)
		while ((got = source_next(&sources[i], &l)) == 1)
			if (import_one(im, &l) == -1) {
				got = -1;
				break;
			}
	progress_hide(&im->progress);
	buf_free(&l.text);
	printf("%s: %" PRIu64 " messages imported, %" PRIu64 " were there already\n",
		im->box.user->name, im->imported, im->known);
	return got == -1 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Some storage of a third party might not keep UIDLs. */
static void warn_of_doubles(struct importing *im)
{
	struct mails now;

	if (im->imported == 0 || mailbox_open(&im->box, RESTANTE_MAINTAIN) == -1)
		return;
	if (mails_load(&now, &im->box) == 0 && mails_find(&now, im->first) == NULL)
		complain("%s does not keep UIDLs: what is imported again will be there twice",
			im->box.name);
	mails_free(&now);
	mailbox_close(&im->box);
}

/* Opens the files, then nothing more with the rights of who calls. */
static int import(const struct ctl *ctl, const char *user, char **names, size_t n)
{
	struct source *sources = mem_alloc(n, sizeof(*sources));
	const char **folders = mem_alloc(n, sizeof(*folders));
	struct importing im = {.imported = 0};
	const struct mailbox *box = &im.box;
	size_t nfolders = 0;
	struct record *r;
	struct conf *c;
	int status;

	r = mailbox_user(ctl, user, &c);
	if (r == NULL || mailbox_prepare(&im.box, &r->user, conf_user_storage(c, &r->user)) == -1)
		return EXIT_FAILURE;
	for (size_t i = 0; i < n; i++) {
		if (source_open(&sources[i], names[i]) == -1)
			return EXIT_FAILURE;
		if (sources[i].folder != -1)
			folders[nfolders++] = names[i];
	}
	if (mailbox_become(&box, 1, folders, nfolders) == -1 ||
		mailbox_open(&im.box, RESTANTE_MAINTAIN) == -1 ||
		mails_load(&im.there, &im.box) == -1)
		return EXIT_FAILURE;
	status = import_all(&im, sources, n);
	mailbox_close(&im.box);
	warn_of_doubles(&im);
	mails_free(&im.there);
	tdestroy(im.met, free);
	for (size_t i = 0; i < n; i++)
		source_close(&sources[i]);
	free(folders);
	free(sources);
	return status;
}

int ctl_mailbox_import(const struct ctl *ctl, int argc, char **argv)
{
	char input[] = "-", *names[] = {input};

	if (argc < 1)
		return USAGE;
	if (argc == 1)
		return import(ctl, argv[0], names, 1);
	return import(ctl, argv[0], argv + 1, (size_t)argc - 1);
}
