/* merge.c - a new index from an old one and what a scan found.
 *
 * Both are in the order of messages, so one walk over the two sides meets the files of one base
 * together. Nearly always that is one file, known by its base and hints: it keeps what the old
 * index knows, without a look at it.
 *
 * Otherwise all files of the base are looked at. One file under two names (a program that moves by
 * link and unlink, or that renamed it while the folder was read) is one message. Different files
 * are different messages: they are told apart by stamp, those that are known keep their UIDLs, and
 * of the others one may have the UIDL of the name and the rest get one that is made from inode
 * and time too. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "maildir.h"

enum { LOOKS = 64 }; /* files between two looks at the clock */

struct merger {
	struct maildir *md;
	const struct index *old;
	struct index *fresh;
	bool *unsure;
	unsigned int looks;
	bool late;
	bool no_memory;
};

/* One of several files with the same base. */
struct member {
	const struct found *found;
	const struct index_entry *old;
	struct facts facts;
	bool linked; /* had another name */
};

static void add(
	struct merger *m, const struct found *f, const struct index_entry *e, const char *uid)
{
	struct index_entry entry = *e;

	entry.flags &= (uint8_t) ~(ENTRY_CUR | ENTRY_LINKED);
	if (f->folder == FOLDER_CUR)
		entry.flags |= ENTRY_CUR;
	if (index_add(m->fresh, &entry, f->base, f->base_len, f->rest, f->rest_len, uid))
		m->no_memory = true;
}

static void add_known(struct merger *m, const struct found *f, const struct index_entry *old)
{
	add(m, f, old, old->uid_len ? entry_uid(m->old, old) : NULL);
}

static void add_new(struct merger *m, const struct found *f, const struct facts *facts, bool twin)
{
	const struct stat *st = &facts->st;
	char uid[UID_LEN + 1], salt[80];
	struct index_entry e = {
		.octets = facts->octets, .stamp = file_stamp(st), .flags = facts->flags};
	bool own;

	e.received = f->seconds ? f->seconds : (int64_t)st->st_mtim.tv_sec;
	snprintf(salt, sizeof(salt), "%ju.%jd.%ld", (uintmax_t)st->st_ino,
		(intmax_t)st->st_mtim.tv_sec, (long)st->st_mtim.tv_nsec);
	own = (!twin && name_kept(f->rest, f->hints_len, uid)) ||
	      name_uid(f->base, f->base_len, twin ? salt : NULL, uid);
	add(m, f, &e, own ? uid : NULL);
}

/* Looks at a file that is not known. True when it is a message. */
static bool look(struct merger *m, const struct found *f, struct facts *facts)
{
	const struct restante_host *host = m->md->host;
	int bad;

	if (m->looks++ % LOOKS == 0 && host->left_ms(host->c) <= 0)
		m->late = true;
	if (m->late)
		return false;
	bad = measure_found(m->md, f, facts);
	if (bad && bad != RESTANTE_GONE && bad != RESTANTE_NONE)
		m->unsure[f->folder] = true;
	return !bad;
}

static int by_age(const void *pa, const void *pb)
{
	const struct stat *a = &((const struct member *)pa)->facts.st;
	const struct stat *b = &((const struct member *)pb)->facts.st;

	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
		return a->st_mtim.tv_sec < b->st_mtim.tv_sec ? -1 : 1;
	if (a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)
		return a->st_mtim.tv_nsec < b->st_mtim.tv_nsec ? -1 : 1;
	return (a->st_ino > b->st_ino) - (a->st_ino < b->st_ino);
}

/* The files behind n names: those that are there, the oldest first, each once. Of two names of one
 * file the one in cur/ counts, for new/ is where it comes from. Which of them goes next is not
 * known: as long as there are two, both folders are read each time. */
static size_t members(struct merger *m, const struct found *f, size_t n, struct member *out)
{
	size_t there = 0, kept = 0;
	char path[PATH_LEN + 1];

	for (size_t i = 0; i < n; i++, f++) {
		struct stat *st = &out[there].facts.st;

		path_make(path, f->folder, f->base, f->base_len, f->rest, f->rest_len);
		if (fstatat(m->md->root, path, st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st->st_mode))
			out[there++].found = f;
	}
	qsort(out, there, sizeof(*out), by_age);
	for (size_t i = 0; i < there; i++) {
		if (!kept || out[kept - 1].facts.st.st_ino != out[i].facts.st.st_ino) {
			out[kept++] = out[i];
			continue;
		}
		if (out[i].found->folder == FOLDER_CUR)
			out[kept - 1].found = out[i].found;
		out[kept - 1].linked = m->unsure[FOLDER_NEW] = m->unsure[FOLDER_CUR] = true;
	}
	return kept;
}

/* Several names, or several entries, with one base. */
static void merge_twins(struct merger *m, const struct index_entry *old, size_t olds,
	const struct found *f, size_t n)
{
	struct member *member = calloc(n, sizeof(*member));
	bool plain_taken = false;
	size_t kept;

	if (!member) {
		m->no_memory = true;
		return;
	}
	kept = members(m, f, n, member);
	for (size_t i = 0; i < kept; i++)
		for (size_t k = 0; k < olds; k++)
			if (old[k].stamp == file_stamp(&member[i].facts.st)) {
				member[i].old = &old[k];
				plain_taken = true;
			}
	for (size_t i = 0; i < kept; i++) {
		uint64_t at = m->fresh->head.count;

		if (member[i].old) {
			add_known(m, member[i].found, member[i].old);
		} else if (look(m, member[i].found, &member[i].facts)) {
			add_new(m, member[i].found, &member[i].facts, plain_taken);
			plain_taken = true;
		}
		if (member[i].linked && m->fresh->head.count > at)
			m->fresh->entry[at].flags |= ENTRY_LINKED;
	}
	free(member);
}

static int order(const struct merger *m, const struct index_entry *e, const struct found *f)
{
	const char *base = entry_base(m->old, e);

	return name_order(name_seconds(base, e->base_len), base, e->base_len, f->seconds, f->base,
		f->base_len);
}

static bool same_base(const struct found *a, const struct found *b)
{
	return a->base_len == b->base_len && memcmp(a->base, b->base, a->base_len) == 0;
}

static bool same_hints(const struct index *ix, const struct index_entry *e, const struct found *f)
{
	const char *rest = entry_rest(ix, e);

	return name_hints(rest, e->rest_len) == f->hints_len &&
	       memcmp(rest, f->rest, f->hints_len) == 0;
}

static void merge_base(struct merger *m, const struct index_entry *old, size_t olds,
	const struct found *f, size_t n)
{
	if (n > 1) {
		merge_twins(m, old, olds, f, n);
	} else if (f->old && f->old->stamp) {
		add_known(m, f, f->old);
	} else if (olds == 1 && old->stamp && same_hints(m->old, old, f)) {
		add_known(m, f, old);
	} else if (olds) {
		merge_twins(m, old, olds, f, n);
	} else {
		struct facts facts;

		if (look(m, f, &facts))
			add_new(m, f, &facts, false);
	}
}

int merge(struct maildir *md, const struct index *old, const struct listing *l, struct index *fresh,
	bool unsure[FOLDERS])
{
	struct merger m = {.md = md, .old = old, .fresh = fresh, .unsure = unsure};
	const struct index_entry *e = old->entry, *end = e ? e + old->head.count : NULL, *next;
	const struct found *f = l->found;
	size_t left = l->n, n;

	m.no_memory = index_make(fresh, left) != 0;
	for (; left && !m.no_memory; f += n, left -= n) {
		for (n = 1; n < left && same_base(f, f + n); n++)
			;
		while (e < end && order(&m, e, f) < 0)
			e++;
		for (next = e; next < end && order(&m, next, f) == 0; next++)
			;
		merge_base(&m, e, (size_t)(next - e), f, n);
		e = next;
	}
	measure_done(md);
	if (m.no_memory || unique(fresh)) {
		errno = ENOMEM;
		return failed(md, "index", "");
	}
	if (m.late)
		md->host->log(md->host->c, LOG_ERR,
			"%s: no time to read all of it; the next session goes on", md->path);
	return m.late ? RESTANTE_TEMP : RESTANTE_OK;
}
