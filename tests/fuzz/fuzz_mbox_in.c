/* mbox files that restantectl imports: whatever is read from one is read again from what is
 * exported of it: as many messages, each the same but for a last line end, and their times. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/mbox_in.h"
#include "ctl/mbox_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int condition)
{
	if (!condition)
		abort();
}

/* The last line as an mbox keeps it. */
static void complete(struct buf *text)
{
	char last = text->len > 0 ? text->p[text->len - 1] : '\n';

	if (last != '\n')
		buf_printf(text, last == '\r' ? "\r\n" : "\n");
}

static FILE *open_octets(const void *p, size_t n)
{
	FILE *f = n > 0 ? fmemopen((void *)(uintptr_t)p, n, "r") : fopen("/dev/null", "r");

	expect(f != NULL);
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct original one = {.received = 0}, two = {.received = 0};
	struct mbox_in in, again;
	struct mbox_out out = {.place = 0};
	FILE *f = open_octets(data, size), *g;
	int is_mbox = mbox_in_open(&in, f), got;

	expect(is_mbox == 0 || is_mbox == 1);
	while (is_mbox && (got = mbox_in_next(&in, &one)) == 1) {
		mbox_out_begin(&out, one.sender, one.received);
		mbox_out_add(&out, buf_str(&one.text), one.text.len / 2);
		mbox_out_add(&out, buf_str(&one.text) + one.text.len / 2,
			one.text.len - one.text.len / 2);
		mbox_out_end(&out);
	}
	mbox_in_close(&in);
	rewind(f);
	g = open_octets(out.text.p, out.text.len);
	expect(mbox_in_open(&in, f) == is_mbox && mbox_in_open(&again, g) == is_mbox);
	while (is_mbox && (got = mbox_in_next(&in, &one)) == 1) {
		expect(mbox_in_next(&again, &two) == 1);
		complete(&one.text);
		expect(one.text.len == two.text.len);
		expect(one.text.len == 0 || memcmp(one.text.p, two.text.p, one.text.len) == 0);
		expect(one.received < 0 || one.received == two.received);
	}
	expect(!is_mbox || mbox_in_next(&again, &two) == 0);
	mbox_in_close(&in);
	mbox_in_close(&again);
	buf_free(&one.text);
	buf_free(&two.text);
	buf_free(&out.text);
	fclose(f);
	fclose(g);
	return 0;
}
