/* Any octets as mbox.journal, beside an mbox that it may fit: what is not whole is set aside and
 * changes nothing; what is applied is what it says; and there is no journal left.
 *
 * The first octet says how many of the others are the mbox. Where only the checksums are wrong they
 * are put right, so that what lies behind them is reached too. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/plugin_host.h"
#include "journal.h"
#include "mbox.h"

extern const struct restante_plugin storage_mbox_LTX_restante_plugin_v1;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make(int folder, const char *name, const void *p, size_t n)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || mbox_write(fd, p, n))
		abort();
	close(fd);
}

/* The journal with its sums, inode and length as they should be. */
static void put_right(struct mbox *mb, uint8_t *journal, size_t n)
{
	struct journal_head h;
	struct stat st;
	bool copied;

	if (n <= JOURNAL_TEXT || fstat(mb->fd, &st))
		return;
	memcpy(&h, journal, sizeof(h));
	h.ino = st.st_ino;
	h.size %= 2048;
	h.at %= 2048;
	h.skip %= 3;
	h.kind = h.kind % 2 + 1;
	if (n - JOURNAL_TEXT <= h.skip)
		return;
	h.len = n - JOURNAL_TEXT - h.skip;
	h.text_sum = mbox_index_sum(0, journal + JOURNAL_TEXT, n - JOURNAL_TEXT);
	if (h.kind == JOURNAL_APPEND)
		h.size = h.at;
	if (journal_witness(mb->fd, &h, &h.before, &h.behind))
		abort();
	copied = h.copied % 2;
	journal_head_seal(&h);
	h.copied = copied ? h.sum : 0;
	memcpy(journal, &h, sizeof(h));
}

static void recover(struct mbox *mb, const uint8_t *data, size_t size, bool right)
{
	size_t len = size ? (size_t)data[0] * 8 : 0, rest;
	uint8_t *journal;

	size -= size > 0;
	if (len > size)
		len = size;
	rest = size - len;
	make(mb->state, "u", data + 1, len);
	mb->fd = openat(mb->state, "u", O_RDWR);
	journal = malloc(rest + 1);
	if (mb->fd < 0 || !journal)
		abort();
	memcpy(journal, data + 1 + len, rest);
	if (right)
		put_right(mb, journal, rest);
	make(mb->state, JOURNAL_FILE, journal, rest);
	free(journal);
	if (journal_recover(mb) || journal_left(mb) || lseek(mb->fd, 0, SEEK_END) > 1024 * 1024)
		abort();
	close(mb->fd);
}

static void clean(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	if (rmdir(folder))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char folder[] = "/tmp/restante-fuzz-XXXXXX";
	struct plugin_host host;
	struct mbox mb = {.host = &host.api, .path = "u", .session = -1, .writable = true};

	if (size == 0 || !mkdtemp(folder))
		return 0;
	plugin_host_init(&host, &storage_mbox_LTX_restante_plugin_v1, NULL);
	mb.state_path = folder;
	mb.state = open(folder, O_RDONLY | O_DIRECTORY);
	for (int right = 0; right < 2; right++)
		recover(&mb, data, size, right);
	close(mb.state);
	plugin_host_free(&host);
	clean(folder);
	return 0;
}
