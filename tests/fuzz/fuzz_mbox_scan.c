/* Any octets as an mbox: refused, or messages that lie in the file one behind the other, each with
 * as many octets as unquoting and counting gives.
 *
 * The first octet chooses the quoting and a place where the file ends at first: scanning what was
 * appended later must never leave the file or break the order. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/plugin_host.h"
#include "mbox.h"
#include "quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct restante_plugin storage_mbox_LTX_restante_plugin_v1;

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void count(const struct mbox *mb, const struct index_entry *e, const char *file)
{
	struct unquote u = {.one = mb->quoting == QUOTING_MBOXO};
	const char *text = file + e->from + e->from_len;
	char *plain = malloc(e->len + UNQUOTE_KEPT);
	uint32_t state = 0;
	size_t len = e->len;
	int64_t octets;

	expect(plain != NULL);
	if (mb->quoting == QUOTING_NONE) {
		memcpy(plain, text, len);
	} else {
		len = unquote(&u, plain, text, len);
		len += unquote_end(&u, plain + len);
	}
	octets = len ? plugin_host_measure(NULL, plain, len, &state) : 0;
	octets += plugin_host_measure(NULL, NULL, 0, &state);
	expect((uint64_t)octets == e->octets);
	expect(!(e->flags & ENTRY_QUOTED) == (len == e->len));
	if (e->flags & ENTRY_CRLF)
		expect(e->octets == e->len);
	free(plain);
}

static void walk(const struct mbox *mb, const struct index *ix, const char *file, uint64_t size)
{
	uint64_t from = 0;

	for (uint64_t i = 0; i < ix->head.count; i++) {
		const struct index_entry *e = &ix->entry[i];

		expect(e->from == from && e->from_len >= 5 && memcmp(file + from, "From ", 5) == 0);
		expect(e->end <= size && e->from + e->from_len + e->len <= e->end);
		expect(e->end - e->from - e->from_len - e->len <= 2);
		count(mb, e, file);
		from = e->end;
	}
	expect(ix->head.count == 0 || from == size);
}

static int file_of(const uint8_t *data, size_t size)
{
	char path[] = "/tmp/restante-fuzz-XXXXXX";
	int fd = mkstemp(path);

	expect(fd >= 0);
	unlink(path);
	expect(write(fd, data, size) == (ssize_t)size);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plugin_host host;
	struct mbox mb = {.path = "fuzz"};
	struct index ix = {0};
	uint64_t first;

	if (size < 2)
		return 0;
	plugin_host_init(&host, &storage_mbox_LTX_restante_plugin_v1, NULL);
	mb.host = &host.api;
	mb.quoting = (enum quoting)(data[0] % 3);
	mb.uidl_from = data[0] & 0x80 ? UIDL_XUIDL : UIDL_HASH;
	first = size / 2;
	data++, size--;
	mb.fd = file_of(data, size);
	if (mbox_scan(&mb, 0, size, &ix) == RESTANTE_OK)
		walk(&mb, &ix, (const char *)data, size);
	mbox_index_free(&ix);
	if (mbox_scan(&mb, 0, first, &ix) == RESTANTE_OK && ix.head.count) {
		uint64_t from = ix.entry[--ix.head.count].from;

		expect(mbox_scan(&mb, from, size, &ix) == RESTANTE_OK);
		walk(&mb, &ix, (const char *)data, size);
	}
	mbox_index_free(&ix);
	close(mb.fd);
	plugin_host_free(&host);
	return 0;
}
