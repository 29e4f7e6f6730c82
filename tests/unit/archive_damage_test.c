/* storage-archive: damage, repair, torn ends. RESTANTE_FLIPS is how many places get a flipped bit;
 * 10000 take 15 seconds of a processor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_box.h"

enum { FLIPS = 1000, MAIL = 60 };

struct copy {
	char *text;
	size_t len;
	char uid[71];
};

/* --- flipped bits --- */

/* Messages of all sizes: the large ones are read by pieces. */
static void make_mail(struct copy *mail)
{
	struct session *s = begin(RESTANTE_DELIVER);

	for (size_t i = 0; i < MAIL; i++) {
		size_t len =
			i % 12 ? (size_t)rand() % 3000 : (size_t)70000 + (size_t)rand() % 30000;

		mail[i].len = len;
		mail[i].text = malloc(len + 1);
		snprintf(mail[i].uid, sizeof(mail[i].uid), "uid-%zu", i);
		for (size_t k = 0; k < len; k++)
			mail[i].text[k] = (char)(i % 3 ? "From \n> abcdef"[rand() % 14] : rand());
		assert_int_equal(put_piece(s, mail[i].text, len, 9999, mail[i].uid), RESTANTE_OK);
	}
	end(s);
}

/* Each message that ends is right; returns how many of those that were there did not. */
static size_t look(struct session *s, const struct copy *mail)
{
	size_t right = 0;

	for (size_t i = 0; i < s->n; i++) {
		size_t n = (size_t)atoi(s->m[i].uid + 4), len;
		char *text;
		int bad;

		assert_true(strncmp(s->m[i].uid, "uid-", 4) == 0 && n < MAIL);
		bad = fetch(s, i, 65536, &text, &len);
		if (!bad) {
			assert_int_equal(len, mail[n].len);
			assert_memory_equal(text, mail[n].text, len);
			right++;
		} else {
			assert_int_equal(bad, RESTANTE_PERM);
			if (mail[n].len < 60000) /* not one octet of a small one */
				assert_int_equal(len, 0);
		}
		free(text);
	}
	return MAIL - right;
}

static void a_flipped_bit_costs_one_message_at_most(void **state)
{
	const char *wanted = getenv("RESTANTE_FLIPS");
	int flips = wanted ? atoi(wanted) : FLIPS;
	static struct copy mail[MAIL];
	size_t size, lost = 0;
	uint8_t *octets;

	(void)state;
	alarm(120 + (unsigned)flips / 10);
	make_mail(mail);
	octets = slurp(FIRST, &size);
	for (int i = 0; i < flips; i++) {
		size_t place = ((size_t)rand() << 20 ^ (size_t)rand()) % size;
		uint8_t bit = (uint8_t)(1 << rand() % 8);
		struct session *s;
		size_t here;

		octets[place] ^= bit;
		write_file(FIRST, octets, size);
		octets[place] ^= bit;
		if (i % 2) /* what is known of it, or all anew */
			unlink("a/restante.index");
		if (i % 10 == 0)
			unlink("a/restante.append");
		s = begin(RESTANTE_SESSION);
		here = look(s, mail);
		end(s);
		assert_in_range(here, 0, 1);
		lost += here;
		if (i % 50)
			continue;
		maintain(RESTANTE_REPAIR);
		assert_int_equal(maintain(RESTANTE_CHECK), RESTANTE_OK);
		s = begin(RESTANTE_SESSION);
		assert_int_equal(look(s, mail), here);
		assert_int_equal(s->n, MAIL - here);
		end(s);
	}
	assert_true(lost > (size_t)flips * 9 / 10);
	for (size_t i = 0; i < MAIL; i++)
		free(mail[i].text);
	free(octets);
}

/* --- check and repair --- */

static void five(void)
{
	static const char *const texts[] = {"a\n", "b\n", "c\n", "d\n", "e\n"};

	for (size_t i = 0; i < 5; i++)
		deliver(texts[i]);
}

/* Changes one octet of the n-th of five members. */
static void hurt(size_t n, size_t at, uint8_t bits)
{
	size_t len;
	uint8_t *octets = slurp(FIRST, &len);

	octets[len / 5 * n + at] ^= bits;
	write_file(FIRST, octets, len);
	free(octets);
}

static void check_reports_where_and_changes_nothing(void **state)
{
	uint8_t *before, *after;
	char place[100];
	size_t len, n;

	(void)state;
	five();
	assert_int_equal(maintain(RESTANTE_CHECK), RESTANTE_OK);
	hurt(1, 25, 1);
	hurt(3, 80, 1);
	before = slurp(FIRST, &len);
	assert_int_equal(maintain(RESTANTE_CHECK), RESTANTE_PERM);
	snprintf(place, sizeof(place),
		"00000001.mbox.gz: damaged from octet %zu on, %zu octets: no", len / 5, len / 5);
	assert_true(said(place));
	snprintf(place, sizeof(place),
		"00000001.mbox.gz: damaged from octet %zu on, %zu octets: the", len / 5 * 3,
		len / 5);
	assert_true(said(place));
	after = slurp(FIRST, &n);
	assert_int_equal(n, len);
	assert_memory_equal(before, after, len);
	assert_false(there("a/damaged"));
	free(before);
	free(after);
}

static void repair_takes_damage_out_and_keeps_it(void **state)
{
	uint8_t *before, *damaged;
	size_t len, n;

	(void)state;
	five();
	hurt(1, 25, 1);
	hurt(3, 80, 1);
	before = slurp(FIRST, &len);
	assert_int_equal(maintain(RESTANTE_REPAIR), RESTANTE_OK);
	assert_int_equal(maintain(RESTANTE_CHECK), RESTANTE_OK);
	assert_string_equal(see(), "a\n|c\n|e\n|");
	damaged = slurp("a/damaged", &n);
	assert_int_equal(n, len / 5 * 2);
	assert_memory_equal(damaged, before + len / 5, len / 5);
	assert_memory_equal(damaged + len / 5, before + len / 5 * 3, len / 5);
	deliver("f\n");
	assert_string_equal(see(), "a\n|c\n|e\n|f\n|");
	free(before);
	free(damaged);
}

static void repair_mends_a_state_and_drops_what_is_deleted(void **state)
{
	(void)state;
	five();
	assert_int_equal(expunge(2), RESTANTE_OK);
	hurt(0, 17, 4);
	hurt(1, 17, 4);
	assert_string_equal(see(), "a\n|c\n|d\n|e\n|");
	assert_int_equal(maintain(RESTANTE_CHECK), RESTANTE_PERM);
	assert_true(said("neither alive nor dead"));
	assert_int_equal(maintain(RESTANTE_REPAIR), RESTANTE_OK);
	assert_false(there("a/damaged"));
	assert_int_equal(maintain(RESTANTE_CHECK), RESTANTE_OK);
	assert_string_equal(see(), "a\n|c\n|d\n|e\n|");
}

static void compacting_loses_no_damaged_octet(void **state)
{
	(void)state;
	five();
	hurt(1, 25, 1);
	assert_int_equal(expunge(1), RESTANTE_OK);
	assert_int_equal(maintain(RESTANTE_COMPACT), RESTANTE_OK);
	assert_string_equal(see(), "c\n|d\n|e\n|");
	assert_int_equal(maintain(RESTANTE_CHECK), RESTANTE_PERM);
	assert_int_equal(expunge(7), RESTANTE_OK);
	/* At the end of the last segment it makes room for the next delivery. */
	assert_string_equal(see(), "");
	assert_true(there("a/damaged"));
}

static void a_message_that_is_damaged_after_the_open_is_refused(void **state)
{
	struct session *s;
	size_t len;
	char *text;

	(void)state;
	five();
	s = begin(RESTANTE_SESSION);
	hurt(1, 25, 1);
	hurt(2, 80, 1);
	assert_int_equal(fetch(s, 1, 65536, &text, &len), RESTANTE_PERM);
	assert_int_equal(fetch(s, 2, 65536, &text, &len), RESTANTE_PERM);
	free(text);
	assert_int_equal(fetch(s, 3, 65536, &text, &len), RESTANTE_OK);
	free(text);
	assert_int_equal(
		storage->remove(s->st, (uint64_t[]){s->m[1].key, s->m[0].key}, 2), RESTANTE_PERM);
	end(s);
	assert_string_equal(expunge(1) ? "" : see(), "d\n|e\n|");
}

/* --- torn ends --- */

/* A crash at any octet of a delivery, with and without the hint of where the one before ended. */
static void a_torn_end_is_cut_and_nothing_else(void **state)
{
	size_t one, two;
	uint8_t *octets, *after;

	(void)state;
	deliver("a\n");
	free(slurp(FIRST, &one));
	deliver("b\n");
	octets = slurp(FIRST, &two);
	for (int hint = 0; hint < 2; hint++)
		for (size_t torn = one + 1; torn < two; torn += 5) {
			size_t n;

			unlink("a/restante.append");
			unlink("a/damaged");
			write_file(FIRST, octets, one);
			if (hint)
				see();
			write_file(FIRST, octets, torn); /* the same inode */
			if (torn % 2) {
				deliver("c\n");
				assert_string_equal(see(), "a\n|c\n|");
			}
			if (torn % 2 == 0)
				assert_string_equal(see(), "a\n|");
			after = slurp(FIRST, &n);
			assert_int_equal(n, torn % 2 ? two : one);
			assert_memory_equal(octets, after, one);
			free(after);
			assert_int_equal(there("a/damaged"), !hint);
			assert_int_equal(maintain(RESTANTE_CHECK), RESTANTE_OK);
		}
	free(octets);
}

/* After a power failure a file may be as long as it should be, and its end not what was written. */
static void an_end_of_zeros_is_cut(void **state)
{
	size_t one, two;
	uint8_t *octets;

	(void)state;
	deliver("a\n");
	free(slurp(FIRST, &one));
	deliver("b\n");
	octets = slurp(FIRST, &two);
	for (size_t torn = one; torn < two; torn += 7) {
		uint8_t lost[1000];

		unlink("a/restante.append");
		write_file(FIRST, octets, one);
		see();
		memcpy(lost, octets, torn);
		memset(lost + torn, 0, two - torn);
		write_file(FIRST, lost, two);
		if (memcmp(lost, octets, two) == 0)
			continue;
		assert_string_equal(see(), "a\n|");
		assert_false(there("a/damaged"));
		deliver("c\n");
		assert_string_equal(see(), "a\n|c\n|");
	}
	free(octets);
}

static void garbage_as_a_segment_is_kept_aside(void **state)
{
	uint8_t *octets;
	size_t len;

	(void)state;
	deliver("a\n");
	write_file(SECOND, "this is no member", 17);
	assert_string_equal(see(), "a\n|");
	octets = slurp("a/damaged", &len);
	assert_int_equal(len, 17);
	assert_memory_equal(octets, "this is no member", 17);
	free(octets);
	deliver("b\n");
	assert_string_equal(see(), "a\n|b\n|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_flipped_bit_costs_one_message_at_most),
		T(check_reports_where_and_changes_nothing),
		T(repair_takes_damage_out_and_keeps_it),
		T(repair_mends_a_state_and_drops_what_is_deleted),
		T(compacting_loses_no_damaged_octet),
		T(a_message_that_is_damaged_after_the_open_is_refused),
		T(a_torn_end_is_cut_and_nothing_else),
		T(an_end_of_zeros_is_cut),
		T(garbage_as_a_segment_is_kept_aside),
	};

	box_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
