/* storage-mbox: which messages there are in a file, their octets and their text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mbox_box.h"

#define A "Subject: a\n\nfirst\n"
#define B "Subject: b\n\nsecond\n"

/* What the file says is seen. */
static void sees(const char *file, const char *texts)
{
	put(MBOX, file);
	assert_string_equal(see(), texts);
}

/* --- where messages begin --- */

static void no_file_is_an_empty_maildrop_and_is_not_made(void **state)
{
	(void)state;
	assert_string_equal(see(), "");
	assert_false(there(MBOX));
}

static void an_empty_file_is_an_empty_maildrop(void **state)
{
	(void)state;
	sees("", "");
}

static void messages_begin_at_from_lines(void **state)
{
	(void)state;
	sees(FROM A "\n" FROM B "\n", A "|" B "|");
}

static void the_last_empty_line_may_be_missing(void **state)
{
	(void)state;
	sees(FROM A "\n" FROM B, A "|" B "|");
}

static void only_one_empty_line_is_the_files(void **state)
{
	(void)state;
	sees(FROM A "\n\n" FROM B "\n\n", A "\n|" B "\n|");
}

static void a_from_line_needs_an_empty_line_before(void **state)
{
	(void)state;
	sees(FROM A FROM B "\n", A FROM B "|");
}

static void a_from_line_needs_a_date(void **state)
{
	(void)state;
	sees(FROM A "\nFrom here on\n\n" FROM B "\n", A "\nFrom here on\n|" B "|");
}

static void a_message_may_be_a_header_alone_or_nothing(void **state)
{
	(void)state;
	sees(FROM "\n" FROM "Subject: a\n\n" FROM, "|Subject: a\n||");
}

static void a_missing_last_newline_is_counted(void **state)
{
	(void)state;
	put(MBOX, FROM "a\n\nb");
	assert_string_equal(see_octets(), "8 ");
	put(MBOX, FROM "a\n\nb\r");
	assert_string_equal(see_octets(), "9 ");
	put(MBOX, FROM);
	assert_string_equal(see_octets(), "0 ");
}

static void a_file_with_crlf_is_read_alike(void **state)
{
	(void)state;
	sees("From a Mon Nov 23 01:30:09 2026\r\na: b\r\n\r\nc\r\n\r\n"
	     "From b Mon Nov 23 01:30:09 2026\r\nd: e\r\n\r\n.f\r\n",
		"a: b\r\n\r\nc\r\n|d: e\r\n\r\n.f\r\n|");
	assert_string_equal(see_octets(), "11 12 ");
}

static void bare_cr_and_nul_are_octets_like_others(void **state)
{
	static const char file[] = FROM "a: b\n\n\r\r\n\0\r \n\n" FROM "x\0y";
	struct session s;
	char *octets;
	size_t len;

	(void)state;
	put_octets(MBOX, file, sizeof(file) - 1);
	begin(&s);
	assert_int_equal(s.n, 2);
	assert_int_equal(fetch(&s, 0, &octets, &len), RESTANTE_OK);
	assert_int_equal(len, 13);
	assert_memory_equal(octets, "a: b\n\n\r\r\n\0\r \n", 13);
	free(octets);
	assert_int_equal(fetch(&s, 1, &octets, &len), RESTANTE_OK);
	assert_int_equal(s.m[1].octets, 5);
	assert_memory_equal(octets, "x\0y", 3);
	free(octets);
	end(&s);
}

static void leading_garbage_is_a_permanent_error_and_stays(void **state)
{
	static const char *const files[] = {
		"\n" FROM A, "hello\n" FROM A, "From nobody\n", "From", "\0x"};
	struct session s;
	struct stat before, after;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		put_octets(MBOX, files[i], strlen(files[i]) + !files[i][0]);
		assert_int_equal(stat(MBOX, &before), 0);
		assert_int_equal(try_open(&s, RESTANTE_SESSION), RESTANTE_PERM);
		assert_true(plugin_host_logged(&s.host, "expected a From_ line at octet 0"));
		assert_int_equal(stat(MBOX, &after), 0);
		assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	}
}

static void a_folder_or_a_pipe_is_a_permanent_error(void **state)
{
	struct session s;

	(void)state;
	assert_int_equal(mkdir(MBOX, 0700), 0);
	assert_int_equal(try_open(&s, RESTANTE_SESSION), RESTANTE_PERM);
	assert_int_equal(rmdir(MBOX), 0);
	assert_int_equal(mkfifo(MBOX, 0600), 0);
	assert_int_equal(try_open(&s, RESTANTE_SESSION), RESTANTE_PERM);
	assert_true(plugin_host_logged(&s.host, "a regular file"));
}

static void received_is_the_date_of_the_from_line(void **state)
{
	struct session s;

	(void)state;
	put(MBOX, "From a Thu Jan  1 00:01:40 1970 +0001\n\n");
	begin(&s);
	assert_int_equal(s.m[0].received, 40);
	end(&s);
}

/* --- Content-Length --- */

static void content_length_is_believed_where_a_from_line_follows(void **state)
{
	(void)state;
	sees(FROM "Content-Length: 54\n\n123456789\n" FROM "\n" FROM B,
		"Content-Length: 54\n\n123456789\n" FROM "|" B "|");
	sees(FROM "content-length:54\n\n123456789\n" FROM FROM B,
		"content-length:54\n\n123456789\n" FROM "|" B "|");
}

static void content_length_is_believed_where_the_file_ends(void **state)
{
	(void)state;
	sees(FROM "Content-Length: 6\n\n123\n\n\n\n", "Content-Length: 6\n\n123\n\n\n|");
	sees(FROM "Content-Length: 46\n\n\n" FROM "\n", "Content-Length: 46\n\n\n" FROM "\n|");
	sees(FROM "Content-Length: 3\n\n123", "Content-Length: 3\n\n123|");
}

static void content_length_is_not_believed_elsewhere(void **state)
{
	static const char *const lengths[] = {"0", "1", "5", "7", "53", "55", "1000", "-1", "", "x",
		"18446744073709551615", "99999999999999999999999", "6 6"};
	char file[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		snprintf(file, sizeof(file), FROM "Content-Length: %s\n\n123\n\nx\n\n" FROM B,
			lengths[i]);
		put(MBOX, file);
		see_octets();
		assert_non_null(strstr(see(), "123\n\nx\n|" B));
	}
}

static void content_length_cannot_split_a_message_inside_of_a_line(void **state)
{
	(void)state;
	sees(FROM "Content-Length: 4\n\n123 " FROM "x\n\n" FROM B,
		"Content-Length: 4\n\n123 " FROM "x\n|" B "|");
}

/* --- quoting --- */

static void mboxrd_takes_one_quote_from_each_line(void **state)
{
	(void)state;
	sees(FROM ">From a\n>>From b\n>>>From c\n> From\n>From\n>>x\nx >From \n>From ",
		"From a\n>From b\n>>From c\n> From\n>From\n>>x\nx >From \nFrom |");
	assert_string_equal(see_octets(), "64 ");
}

static void mboxo_takes_a_single_quote(void **state)
{
	(void)state;
	values[QUOTING] = "mboxo";
	sees(FROM ">From a\n>>From b\n>>>From c\n>Fro", "From a\n>>From b\n>>>From c\n>Fro|");
	values[QUOTING] = "mboxrd";
}

static void quoting_none_takes_nothing(void **state)
{
	(void)state;
	values[QUOTING] = "none";
	sees(FROM ">From a\n>>From b\n", ">From a\n>>From b\n|");
	values[QUOTING] = "mboxrd";
}

static void a_change_of_the_quoting_makes_the_index_anew(void **state)
{
	(void)state;
	put(MBOX, FROM ">From a\n");
	age(MBOX, 100);
	assert_string_equal(see_octets(), "8 ");
	values[QUOTING] = "none";
	assert_string_equal(see_octets(), "9 ");
	values[QUOTING] = "mboxrd";
}

/* --- the pseudo message --- */

#define PSEUDO                                                         \
	"From MAILER-DAEMON Mon Nov 23 01:30:09 2026\n"                \
	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n" \
	"X-IMAP: 1 2\n\nThis text is part of the internal format.\n\n"

static void the_pseudo_message_is_not_shown(void **state)
{
	(void)state;
	sees(PSEUDO FROM A, A "|");
	sees(PSEUDO, "");
}

static void only_a_first_message_is_a_pseudo_message(void **state)
{
	(void)state;
	put(MBOX, FROM A "\n" PSEUDO FROM
			 "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n");
	assert_string_equal(see_octets(), "21 118 60 ");
}

/* --- long and odd --- */

static void long_lines_and_runs_of_quotes_cross_every_limit(void **state)
{
	enum { BIG = 256 * 1024 };
	char *file = malloc(4 * BIG), *octets;
	size_t len;
	struct session s;

	(void)state;
	assert_non_null(file);
	for (int shift = -12; shift <= 3; shift++) {
		size_t at = 0, run = (size_t)(BIG + shift) - strlen(FROM "a: b\n\n") - 10;

		at += (size_t)sprintf(file + at, FROM "a: b\n\n");
		memset(file + at, 'x', run);
		at += run;
		at += (size_t)sprintf(file + at, "\n>>>>>From x\n\n" FROM "Status: ");
		memset(file + at, 's', BIG);
		at += BIG;
		at += (size_t)sprintf(file + at, "\n\n");
		memset(file + at, '>', BIG);
		at += BIG;
		at += (size_t)sprintf(file + at, "From b\n");
		put_octets(MBOX, file, at);
		begin(&s);
		assert_int_equal(s.n, 2);
		assert_int_equal(fetch(&s, 0, &octets, &len), RESTANTE_OK);
		assert_int_equal(len, 6 + run + 12);
		assert_memory_equal(octets + len - 12, "\n>>>>From x\n", 12);
		free(octets);
		assert_int_equal(fetch(&s, 1, &octets, &len), RESTANTE_OK);
		assert_int_equal(len, 8 + BIG + 2 + BIG - 1 + 7);
		free(octets);
		end(&s);
	}
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_file_is_an_empty_maildrop_and_is_not_made),
		T(an_empty_file_is_an_empty_maildrop),
		T(messages_begin_at_from_lines),
		T(the_last_empty_line_may_be_missing),
		T(only_one_empty_line_is_the_files),
		T(a_from_line_needs_an_empty_line_before),
		T(a_from_line_needs_a_date),
		T(a_message_may_be_a_header_alone_or_nothing),
		T(a_missing_last_newline_is_counted),
		T(a_file_with_crlf_is_read_alike),
		T(bare_cr_and_nul_are_octets_like_others),
		T(leading_garbage_is_a_permanent_error_and_stays),
		T(a_folder_or_a_pipe_is_a_permanent_error),
		T(received_is_the_date_of_the_from_line),
		T(content_length_is_believed_where_a_from_line_follows),
		T(content_length_is_believed_where_the_file_ends),
		T(content_length_is_not_believed_elsewhere),
		T(content_length_cannot_split_a_message_inside_of_a_line),
		T(mboxrd_takes_one_quote_from_each_line),
		T(mboxo_takes_a_single_quote),
		T(quoting_none_takes_nothing),
		T(a_change_of_the_quoting_makes_the_index_anew),
		T(the_pseudo_message_is_not_shown),
		T(only_a_first_message_is_a_pseudo_message),
		T(long_lines_and_runs_of_quotes_cross_every_limit),
	};

	return box_ready() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
