/* storage-archive: headers of members, quoting, the index. No files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "index.h"
#include "member.h"
#include "quote.h"

static struct member example(void)
{
	return (struct member){.len = 1000,
		.octets = 3000,
		.plain = 2950,
		.received = 1700000000,
		.from_len = 50,
		.flags = MEMBER_QUOTED,
		.state = MEMBER_ALIVE,
		.tail = 2,
		.uid_len = 3,
		.uid = "uid"};
}

/* --- the header --- */

static void a_header_is_what_the_manual_says(void **state)
{
	static const uint8_t start[] = {0x1f, 0x8b, 8, 4, 0x00, 0xf1, 0x53, 0x65, 0, 0xff, 51, 0,
		'R', 'A', 47, 0, 1, 0x4c, 2, 3};
	static const uint8_t rest[] = {0xe8, 3, 0, 0, 0, 0, 0, 0, 0xb8, 0xb, 0, 0, 0, 0, 0, 0, 0x86,
		0xb, 0, 0, 0, 0, 0, 0, 0x00, 0xf1, 0x53, 0x65, 0, 0, 0, 0, 50, 0, 1, 0, 'u', 'i',
		'd'};
	struct member m = example();
	uint8_t head[MEMBER_HEAD];

	(void)state;
	assert_int_equal(archive_member_write(&m, head), 63);
	assert_memory_equal(head, start, sizeof(start));
	assert_memory_equal(head + 24, rest, sizeof(rest));
}

static void a_header_is_read_as_it_was_written(void **state)
{
	struct member m = example(), n;
	uint8_t head[MEMBER_HEAD];

	(void)state;
	for (size_t len = 1; len <= UID_LEN; len++) {
		memset(m.uid, 0, sizeof(m.uid));
		memset(m.uid, 'x', len);
		m.uid_len = (uint8_t)len;
		m.received = len % 2 ? -5 : INT64_C(1) << 40;
		assert_int_equal(archive_member_write(&m, head), MEMBER_FIXED + len);
		for (size_t n_len = 0; n_len < MEMBER_FIXED + len; n_len++)
			assert_int_equal(archive_member_parse(head, n_len, &n), 0);
		assert_int_equal(archive_member_parse(head, sizeof(head), &n), MEMBER_FIXED + len);
		assert_memory_equal(&m, &n, offsetof(struct member, uid));
		assert_string_equal(m.uid, n.uid);
	}
}

static void each_flipped_bit_is_noticed_but_in_the_state(void **state)
{
	struct member m = example(), n;
	uint8_t head[MEMBER_HEAD];
	size_t len = archive_member_write(&m, head);

	(void)state;
	for (size_t bit = 0; bit < len * 8; bit++) {
		head[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(archive_member_parse(head, len, &n) != 0, bit / 8 == MEMBER_STATE);
		head[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_damaged_state_is_the_one_that_is_nearer(void **state)
{
	struct member m = {0};
	int dead = 0;

	(void)state;
	for (int bit = 0; bit < 8; bit++) {
		m.state = (uint8_t)(MEMBER_ALIVE ^ 1 << bit);
		assert_false(archive_member_dead(&m));
		m.state = (uint8_t)(MEMBER_DEAD ^ 1 << bit);
		assert_true(archive_member_dead(&m));
	}
	for (int octet = 0; octet < 256; octet++) {
		m.state = (uint8_t)octet;
		dead += archive_member_dead(&m);
	}
	assert_int_equal(dead, 1 + 8 + 28 + 56);
}

static void what_cannot_be_true_is_refused_with_a_right_check_sum_too(void **state)
{
	struct member good = example(), m, n;
	uint8_t head[MEMBER_HEAD];

	(void)state;
#define REFUSED(change)                                                            \
	do {                                                                       \
		m = good;                                                          \
		change;                                                            \
		archive_member_write(&m, head);                                    \
		assert_int_equal(archive_member_parse(head, sizeof(head), &n), 0); \
	} while (0)
	REFUSED(m.len = 72);
	REFUSED(m.len = UINT64_MAX);
	REFUSED(m.plain = 51);
	REFUSED(m.octets = UINT64_MAX);
	REFUSED(m.uid_len = 0);
	REFUSED(m.uid[1] = ' ');
	REFUSED(m.uid[1] = 0x7f);
	m = good;
	m.len = 73;
	m.plain = 52;
	archive_member_write(&m, head);
	assert_int_equal(archive_member_parse(head, sizeof(head), &n), 63);
}

static void a_search_finds_the_next_beginning(void **state)
{
	uint8_t p[40];

	(void)state;
	memset(p, 0x1f, sizeof(p));
	assert_int_equal(archive_member_search(p, 3), 0);
	assert_int_equal(archive_member_search(p, sizeof(p)), sizeof(p) - 3);
	memcpy(p + 30, "\x1f\x8b\x08\x04", 4);
	assert_int_equal(archive_member_search(p, sizeof(p)), 30);
	assert_int_equal(archive_member_search(p, 34), 30);
	assert_int_equal(archive_member_search(p, 33), 30);
}

/* --- quoting --- */

struct text {
	char p[400];
	size_t len;
};

static int add(void *arg, const char *p, size_t n)
{
	struct text *t = arg;

	assert_true(t->len + n <= sizeof(t->p));
	memcpy(t->p + t->len, p, n);
	t->len += n;
	return 0;
}

/* Quotes and unquotes in pieces. */
static void quotes_to(const char *message, const char *expected, bool used)
{
	size_t len = strlen(message);

	for (size_t piece = 1; piece <= len + 1; piece++) {
		char out[UNQUOTE_KEPT + 400], plain[400];
		struct unquote u = {0};
		struct quote q = {0};
		struct text t = {.len = 0};
		size_t made = 0;

		for (size_t at = 0; at < len; at += piece)
			archive_quote(
				&q, message + at, len - at < piece ? len - at : piece, add, &t);
		archive_quote_end(&q, add, &t);
		assert_int_equal(t.len, strlen(expected));
		assert_memory_equal(t.p, expected, t.len);
		assert_int_equal(q.used, used);
		for (size_t at = 0; at < t.len; at += piece) {
			size_t n = t.len - at < piece ? t.len - at : piece;

			memcpy(out + UNQUOTE_KEPT, t.p + at, n); /* in place, as it is used */
			n = archive_unquote(&u, out, out + UNQUOTE_KEPT, n);
			memcpy(plain + made, out, n);
			made += n;
		}
		made += archive_unquote_end(&u, plain + made);
		assert_int_equal(made, len);
		assert_memory_equal(plain, message, len);
	}
}

static void lines_are_quoted_as_mboxrd(void **state)
{
	(void)state;
	quotes_to("From a\n", ">From a\n", true);
	quotes_to("a\nFrom b\n>From c\n>>From d", "a\n>From b\n>>From c\n>>>From d", true);
	quotes_to("Fro\nFromage\n> From\n>>>>x\n>Fro\n", "Fro\nFromage\n> From\n>>>>x\n>Fro\n",
		false);
	quotes_to("FFrom \n\r\nFrom \r\n", "FFrom \n\r\n>From \r\n", true);
	quotes_to("From", "From", false);
	quotes_to(">>>From", ">>>From", false);
	quotes_to("", "", false);
}

static void any_lines_come_back_as_they_were(void **state)
{
	static const char letters[] = ">>From \n\nx";

	(void)state;
	for (int i = 0; i < 3000; i++) {
		char message[40], quoted[100];
		struct quote q = {0};
		struct text t = {.len = 0};
		size_t n = (size_t)rand() % (sizeof(message) - 1);

		for (size_t k = 0; k < n; k++)
			message[k] = letters[(size_t)rand() % (sizeof(letters) - 1)];
		message[n] = '\0';
		archive_quote(&q, message, n, add, &t);
		archive_quote_end(&q, add, &t);
		memcpy(quoted, t.p, t.len);
		quoted[t.len] = '\0';
		assert_true(strncmp(quoted, "From ", 5) != 0 && !strstr(quoted, "\nFrom "));
		quotes_to(message, quoted, t.len != n);
	}
}

/* --- the index --- */

static void fill(struct index *ix)
{
	static const struct index_segment segment[] = {
		{.ino = 5, .size = 1000, .number = 1}, {.ino = 6, .size = 500, .number = 3}};
	struct index_entry e = {.off = 10, .len = 90, .octets = 300, .received = 7};

	*ix = (struct index){0};
	assert_non_null(archive_index_segment(ix, &segment[0]));
	assert_int_equal(archive_index_add(ix, &e, "one", 3), 0);
	e.off = 100;
	assert_int_equal(archive_index_add(ix, &e, "two", 3), 0);
	assert_non_null(archive_index_segment(ix, &segment[1]));
	assert_int_equal(archive_index_add(ix, &e, "one", 3), 0);
	e.off = 200;
	assert_int_equal(archive_index_add(ix, &e, "four", 4), 0);
	assert_int_equal(archive_index_copies(ix), 0);
}

static uint8_t *sealed(size_t *len)
{
	struct index ix;
	uint8_t *block, *at;

	fill(&ix);
	archive_index_seal(&ix);
	*len = sizeof(ix.head) + 2 * sizeof(*ix.segment) + 4 * sizeof(*ix.entry) + ix.head.text_len;
	at = block = malloc(*len);
	assert_non_null(block);
	memcpy(at, &ix.head, sizeof(ix.head));
	memcpy(at += sizeof(ix.head), ix.segment, 2 * sizeof(*ix.segment));
	memcpy(at += 2 * sizeof(*ix.segment), ix.entry, 4 * sizeof(*ix.entry));
	memcpy(at += 4 * sizeof(*ix.entry), ix.text, ix.head.text_len);
	archive_index_free(&ix);
	return block;
}

static void an_index_is_read_as_it_was_written(void **state)
{
	struct index ix;
	size_t len;
	uint8_t *block = sealed(&len);

	(void)state;
	assert_int_equal(archive_index_parse(&ix, block, len), 0);
	assert_int_equal(ix.head.count, 4);
	assert_int_equal(ix.segment[0].entries, 2);
	assert_int_equal(ix.segment[1].entries, 2);
	assert_string_equal(entry_uid(&ix, &ix.entry[3]), "four");
	assert_int_equal(ix.entry[2].segment, 1);
	archive_index_free(&ix);
}

static void the_second_of_one_uidl_is_a_copy(void **state)
{
	struct index ix;

	(void)state;
	fill(&ix);
	assert_int_equal(ix.head.copies, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ix.entry[i].flags, i == 2 ? ENTRY_COPY : 0);
	archive_index_free(&ix);
}

static void each_flipped_bit_of_an_index_and_each_cut_is_noticed(void **state)
{
	struct index ix;
	size_t len;
	uint8_t *block = sealed(&len);

	(void)state;
	for (size_t bit = 0; bit < len * 8; bit++) {
		block[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(archive_index_parse(&ix, block, len), -1);
		block[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(archive_index_parse(&ix, block, cut), -1);
	free(block);
}

static void a_set_finds_what_was_added(void **state)
{
	struct uid_set set = {0};
	struct index ix = {0};
	struct index_entry e = {.off = 0};
	char uid[20];

	(void)state;
	assert_int_equal(archive_set_find(&set, &ix, "x", 1), UINT64_MAX);
	assert_non_null(archive_index_segment(&ix, &(struct index_segment){.number = 1}));
	for (int i = 0; i < 5000; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		assert_int_equal(archive_set_find(&set, &ix, uid, strlen(uid)), UINT64_MAX);
		assert_int_equal(archive_index_add(&ix, &e, uid, strlen(uid)), 0);
		assert_int_equal(archive_set_add(&set, &ix, (uint64_t)i), 0);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		assert_int_equal(archive_set_find(&set, &ix, uid, strlen(uid)), i);
	}
	archive_set_free(&set);
	archive_index_free(&ix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_what_the_manual_says),
		cmocka_unit_test(a_header_is_read_as_it_was_written),
		cmocka_unit_test(each_flipped_bit_is_noticed_but_in_the_state),
		cmocka_unit_test(a_damaged_state_is_the_one_that_is_nearer),
		cmocka_unit_test(what_cannot_be_true_is_refused_with_a_right_check_sum_too),
		cmocka_unit_test(a_search_finds_the_next_beginning),
		cmocka_unit_test(lines_are_quoted_as_mboxrd),
		cmocka_unit_test(any_lines_come_back_as_they_were),
		cmocka_unit_test(an_index_is_read_as_it_was_written),
		cmocka_unit_test(the_second_of_one_uidl_is_a_copy),
		cmocka_unit_test(each_flipped_bit_of_an_index_and_each_cut_is_noticed),
		cmocka_unit_test(a_set_finds_what_was_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
