/* The index as the octets of a file (plugins/storage-maildir/index.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "index.h"

/* An index of three messages, one of them with a UIDL of its own. */
static void make(struct index *ix)
{
	struct index_entry e = {
		.octets = 1000, .stamp = 77, .received = 1700000000, .flags = ENTRY_CUR};

	assert_int_equal(index_make(ix, 3), 0);
	ix->head.cleaned = 5;
	ix->head.folder[FOLDER_CUR] = (struct index_folder){.ino = 9, .sec = 10, .nsec = 11};
	assert_int_equal(index_add(ix, &e, "1.a", 3, ":2,S", 4, NULL), 0);
	e.octets = 2000;
	assert_int_equal(index_add(ix, &e, "2 b", 3, "", 0, "~00"), 0);
	e.flags = ENTRY_EXACT;
	assert_int_equal(index_add(ix, &e, "3.c", 3, ",S=1,W=1", 8, NULL), 0);
}

/* The octets of its file. */
static char *seal(struct index *ix, size_t *len)
{
	size_t entries = ix->head.count * sizeof(*ix->entry);
	char *block;

	index_seal(ix);
	*len = sizeof(ix->head) + entries + ix->head.text_len;
	block = malloc(*len);
	memcpy(block, &ix->head, sizeof(ix->head));
	if (entries)
		memcpy(block + sizeof(ix->head), ix->entry, entries);
	if (ix->head.text_len)
		memcpy(block + sizeof(ix->head) + entries, ix->text, ix->head.text_len);
	return block;
}

static int parse_copy(const char *block, size_t len)
{
	struct index ix;
	char *copy = malloc(len ? len : 1);
	int bad;

	memcpy(copy, block, len);
	bad = index_parse(&ix, copy, len);
	if (bad)
		free(copy);
	else
		index_free(&ix);
	return bad;
}

static void what_is_written_is_read(void **state)
{
	struct index ix, back;
	size_t len;
	char *block;

	(void)state;
	make(&ix);
	block = seal(&ix, &len);
	index_free(&ix);
	assert_int_equal(index_parse(&back, block, len), 0);
	assert_int_equal(back.head.count, 3);
	assert_int_equal(back.head.cleaned, 5);
	assert_int_equal(back.head.folder[FOLDER_CUR].nsec, 11);
	assert_string_equal(entry_uid(&back, &back.entry[0]), "1.a");
	assert_string_equal(entry_rest(&back, &back.entry[0]), ":2,S");
	assert_int_equal(entry_folder(&back.entry[0]), FOLDER_CUR);
	assert_string_equal(entry_base(&back, &back.entry[1]), "2 b");
	assert_string_equal(entry_rest(&back, &back.entry[1]), "");
	assert_string_equal(entry_uid(&back, &back.entry[1]), "~00");
	assert_int_equal(back.entry[1].octets, 2000);
	assert_int_equal(entry_folder(&back.entry[2]), FOLDER_NEW);
	index_free(&back);
}

static void an_empty_index_is_one_too(void **state)
{
	struct index ix;
	size_t len;
	char *block;

	(void)state;
	assert_int_equal(index_make(&ix, 0), 0);
	block = seal(&ix, &len);
	index_free(&ix);
	assert_int_equal(parse_copy(block, len), 0);
	free(block);
}

static void every_flipped_bit_is_noticed(void **state)
{
	struct index ix;
	size_t len;
	char *block;

	(void)state;
	make(&ix);
	block = seal(&ix, &len);
	for (size_t bit = 0; bit < len * 8; bit++) {
		block[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(parse_copy(block, len), -1);
		block[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_int_equal(parse_copy(block, len), 0);
	free(block);
	index_free(&ix);
}

static void every_truncation_is_noticed_and_so_is_more(void **state)
{
	struct index ix;
	size_t len;
	char *block;

	(void)state;
	make(&ix);
	block = seal(&ix, &len);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(parse_copy(block, n), -1);
	block = realloc(block, len + 8);
	memset(block + len, 0, 8);
	assert_int_equal(parse_copy(block, len + 8), -1);
	free(block);
	index_free(&ix);
}

/* A checksum protects from accidents, not from whoever can compute one. */
static void text_that_lies_outside_is_refused_even_with_a_right_checksum(void **state)
{
	static const struct {
		uint32_t text;
		uint8_t base_len, rest_len, uid_len;
	} wrong[] = {{UINT32_MAX, 3, 4, 0}, {0, 255, 4, 0}, {0, 3, 255, 0}, {0, 3, 4, 200},
		{0, 2, 4, 0}, {0, 3, 3, 0}, {0, 3, 4, 1}, {40, 3, 4, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct index ix;
		size_t len;
		char *block;

		make(&ix);
		ix.entry[0].text = wrong[i].text;
		ix.entry[0].base_len = wrong[i].base_len;
		ix.entry[0].rest_len = wrong[i].rest_len;
		ix.entry[0].uid_len = wrong[i].uid_len;
		block = seal(&ix, &len);
		assert_int_equal(parse_copy(block, len), -1);
		free(block);
		index_free(&ix);
	}
}

static void a_count_beyond_the_file_is_refused(void **state)
{
	struct index ix;
	size_t len;
	char *block;

	(void)state;
	make(&ix);
	block = seal(&ix, &len);
	for (int shift = 2; shift < 64; shift++) {
		struct index_head head = ix.head;

		head.count = UINT64_C(1) << shift;
		memcpy(block, &head, sizeof(head));
		assert_int_equal(parse_copy(block, len), -1);
		head.text_len = len - sizeof(head) - head.count * sizeof(*ix.entry); /* wraps */
		memcpy(block, &head, sizeof(head));
		assert_int_equal(parse_copy(block, len), -1);
	}
	free(block);
	index_free(&ix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(an_empty_index_is_one_too),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(every_truncation_is_noticed_and_so_is_more),
		cmocka_unit_test(text_that_lies_outside_is_refused_even_with_a_right_checksum),
		cmocka_unit_test(a_count_beyond_the_file_is_refused),
	};

	return cmocka_run_group_tests_name("maildir_index", tests, NULL, NULL);
}
