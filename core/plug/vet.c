/* vet - is a plugin's file, and what it exports, fit to be loaded?
 *
 * A plugin runs with a role's rights, so its file must be nobody's to change but root's (or, in a
 * server that runs without root, its user's), and so must every folder above it: who can rename a
 * folder can put another file in its place. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "conf/value.h"
#include "plug/plug.h"

/* --- the file --------------------------------------------------------------------------------- */

static int vet_owner(const char *path, const struct stat *st, struct buf *why)
{
	int sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;

	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		buf_printf(why, "%s: owned by uid %u, which is neither root nor the server's", path,
			(unsigned)st->st_uid);
		return -1;
	}
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
		buf_printf(why, "%s: mode %04o lets others than its owner write", path,
			(unsigned)(st->st_mode & 07777));
		return -1;
	}
	return 0;
}

/* Every folder above path, from the root down. path is changed and restored. */
static int vet_folders(char *path, struct buf *why)
{
	struct stat st;
	int result = 0;

	if (stat("/", &st) == -1 || vet_owner("/", &st, why) == -1)
		return -1;
	for (char *p = strchr(path + 1, '/'); p != NULL && result == 0; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (lstat(path, &st) == -1) {
			buf_printf(why, "%s: %s", path, strerror(errno));
			result = -1;
		} else {
			result = vet_owner(path, &st, why);
		}
		*p = '/';
	}
	return result;
}

/* This program's own header; the linker puts it there. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {{EM_386, "i386"}, {EM_X86_64, "x86-64"}, {EM_ARM, "arm"},
		{EM_AARCH64, "aarch64"}, {EM_RISCV, "riscv"}, {EM_PPC64, "ppc64"},
		{EM_S390, "s390"}, {EM_MIPS, "mips"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "another one";
}

/* The loader's own words for these are hard to understand. */
static int vet_header(const char *path, const ElfW(Ehdr) * e, struct buf *why)
{
	const ElfW(Ehdr) *own = &__ehdr_start;

	if (memcmp(e->e_ident, ELFMAG, SELFMAG) != 0) {
		buf_printf(why, "%s: not a shared object", path);
		return -1;
	}
	if (e->e_ident[EI_CLASS] != own->e_ident[EI_CLASS] ||
		e->e_ident[EI_DATA] != own->e_ident[EI_DATA] || e->e_machine != own->e_machine) {
		buf_printf(why, "%s: built for another machine (%s), this is %s", path,
			machine_name(e->e_machine), machine_name(own->e_machine));
		return -1;
	}
	if (e->e_type != ET_DYN) {
		buf_printf(why, "%s: not a shared object but an object file or a program", path);
		return -1;
	}
	return 0;
}

static int vet_content(const char *path, struct buf *why)
{
	ElfW(Ehdr) header = {.e_type = ET_NONE};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1 || read(fd, &header, sizeof(header)) == -1) {
		buf_printf(why, "%s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	close(fd);
	return vet_header(path, &header, why);
}

int plug_vet_file(const char *file, struct buf *why)
{
	struct stat st;
	char *path;
	int result = -1;

	if (file[0] != '/') {
		buf_printf(why, "%s: expected an absolute path", file);
		return -1;
	}
	path = realpath(file, NULL);
	if (path == NULL || lstat(path, &st) == -1)
		buf_printf(why, "%s: %s", file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		buf_printf(why, "%s: not a regular file", path);
	else if (vet_owner(path, &st, why) == 0 && vet_folders(path, why) == 0)
		result = vet_content(path, why);
	free(path);
	return result;
}

/* --- the entry -------------------------------------------------------------------------------- */

const struct restante_setting *plug_setting(const struct restante_plugin *e, size_t i)
{
	return (const struct restante_setting *)(const void *)((const char *)e->settings +
							       i * e->setting_size);
}

static int vet_name(const char *name)
{
	return name != NULL && name[0] >= 'a' && name[0] <= 'z' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* NULL, or what is wrong with row i. */
static const char *vet_setting(const struct restante_plugin *e, size_t i)
{
	const struct restante_setting *s = plug_setting(e, i);
	struct buf why = {0};
	const char *wrong = NULL;
	int64_t num;

	if (!vet_name(s->name))
		return "its name is not lower-case letters, digits and _";
	for (size_t j = 0; j < i; j++)
		if (strcmp(plug_setting(e, j)->name, s->name) == 0)
			return "the name occurs twice";
	if (s->type < RESTANTE_BOOL || s->type > RESTANTE_SECRET)
		return "its type is unknown";
	if (s->doc == NULL)
		return "it is not described";
	if (value_check_range(s->type, s->range) == -1)
		return "its range is malformed";
	if (s->fallback != NULL &&
		value_check_setting(s->type, s->flags, s->range, s->fallback, &num, &why) == -1)
		wrong = "its default is not valid";
	buf_free(&why);
	return wrong;
}

/* What structures were in interface 1.0, by their last member. Plugins that were built then stay
 * good for ever, so this never grows with the header. */
#define SIZE_1_0(type, last) (offsetof(struct type, last) + sizeof(((struct type *)0)->last))
enum {
	PLUGIN_1_0 = SIZE_1_0(restante_plugin, ext),
	SETTING_1_0 = SIZE_1_0(restante_setting, range),
	STORAGE_1_0 = SIZE_1_0(restante_storage, keep),
	AUTH_1_0 = SIZE_1_0(restante_auth, token)
};

static const char *vet_tables(const struct restante_plugin *e)
{
	const struct restante_storage *s = e->storage;

	if (s == NULL && e->auth == NULL)
		return "it is neither a storage nor an auth plugin";
	if (s != NULL && (s->size < STORAGE_1_0 || s->open == NULL || s->close == NULL ||
				 s->list == NULL || s->body == NULL || s->remove == NULL))
		return "its storage has calls missing";
	if (s != NULL && ((s->put_begin == NULL) != (s->put_data == NULL) ||
				 (s->put_begin == NULL) != (s->put_end == NULL) ||
				 (s->note_get == NULL) != (s->note_put == NULL)))
		return "its storage has half of the calls for deliveries or notes";
	if (e->auth != NULL &&
		(e->auth->size < AUTH_1_0 || e->auth->open == NULL || e->auth->close == NULL))
		return "its auth has calls missing";
	return NULL;
}

int plug_vet_entry(const struct restante_plugin *e, const char *name, struct buf *why)
{
	const char *wrong = NULL;

	if (e->magic != RESTANTE_MAGIC)
		wrong = "the magic number is wrong: not a plugin of Restante";
	else if (e->size < PLUGIN_1_0)
		wrong = "the entry is too small";
	else if (e->need_minor > RESTANTE_MINOR) {
		buf_printf(why, "it needs interface 1.%u, this is 1.%u: too new for this server",
			(unsigned)e->need_minor, (unsigned)RESTANTE_MINOR);
		return -1;
	} else if (e->name == NULL || strcmp(e->name, name) != 0) {
		buf_printf(why, "it calls itself %s", e->name != NULL ? e->name : "nothing");
		return -1;
	} else if (e->version == NULL || e->doc == NULL)
		wrong = "it has no version or description";
	else if (e->nsettings > 0 && (e->settings == NULL || e->setting_size < SETTING_1_0))
		wrong = "its table of settings is malformed";
	else
		wrong = vet_tables(e);
	for (size_t i = 0; wrong == NULL && i < e->nsettings; i++)
		if ((wrong = vet_setting(e, i)) != NULL) {
			buf_printf(why, "setting %zu: %s", i + 1, wrong);
			return -1;
		}
	if (wrong == NULL)
		return 0;
	buf_printf(why, "%s", wrong);
	return -1;
}
