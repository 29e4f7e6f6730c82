/* Questions of restantectl, as a role gets them: the first octet says which role. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "ipc/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

/* One line, and no octet that a terminal would obey. */
static void check(const struct buf *out)
{
	must(out->len > 0 && out->p[out->len - 1] == '\n');
	for (size_t i = 0; i + 1 < out->len; i++)
		must((unsigned char)out->p[i] >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request r = {.question = CONTROL_COUNT};
	enum role self = size > 0 ? (enum role)(data[0] % ROLES) : ROLE_AUTH;
	const char *line = (const char *)data + (size > 0);
	size_t n = size - (size > 0);
	struct buf out = {0}, answer = {0};

	if (control_parse(line, n, self, &r, &out) == -1) {
		check(&out);
	} else {
		const struct control_row *row = &control_rows[r.question];
		size_t words = strlen(row->words), argument = strlen(r.argument);

		must(out.len == 0 && row->role == self);
		must(row->argument != ARGUMENT_NONE || argument == 0);
		must(row->argument != ARGUMENT_ONE || argument > 0);
		must(n == words + (argument > 0 ? argument + 1 : 0));
		must(memcmp(line, row->words, words) == 0);
		must(argument == 0 || memcmp(line + words + 1, r.argument, argument) == 0);
		log_field(&answer, "what", r.argument);
		control_line(&out, &answer);
		check(&out);
	}
	buf_free(&out);
	buf_free(&answer);
	return 0;
}
