/* What a program of auth-exec's says: greetings and replies, a line each
 * (plugins/auth-exec/wire.c).
 *
 * What is accepted keeps what wire.h promises; a request that is made of a reply's name comes back
 * as that name. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <restante/plugin.h>
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

static int lies_in(const char *p, size_t len, const char *line, size_t n)
{
	return p >= line && len <= n && p + len <= line + n && p[len] == '\0';
}

static void check_value(const struct exec_value *v, int is_number, const char *line, size_t n)
{
	must(v->given || (v->text == NULL && v->number == 0 && v->len == 0));
	must(!v->given || is_number || lies_in(v->text, v->len, line, n));
}

static void check_reply(const struct exec_reply *r, const char *line, size_t n)
{
	must(r->result <= 0 && r->result >= RESTANTE_FULL);
	must(r->nattrs <= EXEC_ATTRS_MAX && r->attrs[2 * r->nattrs] == NULL);
	for (size_t i = 0; i < 2 * r->nattrs; i++)
		must(lies_in(r->attrs[i], strlen(r->attrs[i]), line, n));
	for (size_t i = 0; i < EXEC_KEYS; i++)
		check_value(&r->value[i], i <= EXEC_ITERATIONS, line, n);
	must(r->value[EXEC_UID].number < UINT32_MAX && r->value[EXEC_GID].number < UINT32_MAX);
	must(r->value[EXEC_ITERATIONS].number <= UINT32_MAX);
	if (r->value[EXEC_NAME].given)
		must(strlen(r->value[EXEC_NAME].text) == r->value[EXEC_NAME].len);
}

/* A request is read as if it were a reply: the same words, the same escape. */
static void there_and_back(const char *name)
{
	static char text[EXEC_REQUEST_MAX];
	struct exec_request q = {.text = text};
	struct exec_reply r;

	exec_request_begin(&q, 1, EXEC_VERIFY);
	exec_request_put(&q, "name", name);
	must(exec_request_end(&q) && q.len > 0 && text[q.len - 1] == '\n');
	must(strcspn(text, "\n") == q.len - 1);
	memcpy(text + 2, "ok    ", 6); /* in the place of "verify" */
	memmove(text + 4, text + 8, q.len - 8);
	must(exec_reply_read(text, q.len - 5, &r) == NULL);
	must(strcmp(r.value[EXEC_NAME].text, name) == 0);
}

static void one_line(const char *p, size_t n)
{
	char *line = malloc(n + 1);
	struct exec_reply r;
	unsigned can;

	must(line != NULL);
	memcpy(line, p, n);
	if (exec_reply_read(line, n, &r) == NULL) {
		check_reply(&r, line, n);
		if (r.value[EXEC_NAME].given)
			there_and_back(r.value[EXEC_NAME].text);
	}
	memcpy(line, p, n);
	if (exec_greeting_read(line, n, &can) == NULL)
		must(can < 1u << EXEC_CALLS);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (n < EXEC_REPLY_MAX)
			one_line(p, n);
		p += n + 1;
	}
	return 0;
}
