/* The pure functions of storage-mbox: From_ lines, the search in vector code, unquoting, SipHash.
 * Built once for each level of vector code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lines.h"
#include "mbox.h"
#include "quote.h"
#include "sip.h"

static int64_t date_of(const char *line)
{
	int64_t date = -1;

	return from_line(line, strlen(line), &date) ? date : -1;
}

static void the_dates_of_mtas_are_understood(void **state)
{
	static const char *const lines[] = {
		"From user@host Mon Nov 23 01:30:09 2026\n",
		"From user@host  Mon Nov 23 01:30:09 2026\r\n",
		"From MAILER-DAEMON Mon Nov 23 01:30:09 2026 \n",
		"From  Mon Nov 23 01:30:09 2026\n",
		"From - Mon Nov 23 01:30:09 2026\n",
		"From \"a b Mon Nov\"@host Mon Nov 23 01:30:09 2026\n",
		"From user mon nov 23 1:30:09 2026\n",
		"From user Mon Nov 23 02:30:09 2026 +0100\n",
		"From user Sun Nov 22 20:30:09 -0500 2026\n",
		"From user Mon Nov 23 01:30:09 UTC 2026\n",
		"From user Mon Nov 23 01:30:09 MET DST 2026\n",
		"From user Mon Nov 23 01:30:09 2026 GMT\n",
		"From user Mon, 23 Nov 2026 01:30:09 +0000\n",
		"From user Mon Nov 23 01:30:09 2026 remote from host\n",
		"From host!user Mon Nov 23 01:30:09 2026 EST remote from host\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (date_of(lines[i]) != 1795397409)
			print_error("%s", lines[i]);
		assert_int_equal(date_of(lines[i]), 1795397409);
		assert_int_equal(from_line(lines[i], strlen(lines[i]), NULL), strlen(lines[i]));
	}
	assert_int_equal(date_of("From user Mon Nov 23 01:30 2026\n"), 1795397400);
	assert_int_equal(date_of("From user Thu Feb  29 23:59:60 1996 -0001\n"), 825638460);
}

static void what_has_no_date_is_no_from_line(void **state)
{
	static const char *const lines[] = {"", "F", "From", "From ", "From \n", "From here on\n",
		"from a Mon Nov 23 01:30:09 2026\n", "From: a Mon Nov 23 01:30:09 2026\n",
		"From\ta Mon Nov 23 01:30:09 2026\n", "From a Mon Nov 23 01:30:09 26\n",
		"From a Mon Nov 23 2026\n", "From a Nov 23 01:30:09 2026\n",
		"From a Mon Nov 0 01:30:09 2026\n", "From a Mon Nov 32 01:30:09 2026\n",
		"From a Mon Nov 23 24:30:09 2026\n", "From a Mon Nov 23 01:60:09 2026\n",
		"From a Mon Nov 23 01:30:61 2026\n", "From a Mon Nov 23 01:30:09 2026 and so on\n",
		"From a Mon Nov 23 01:30:09 20266\n", "From a Mon Nov 23 01:30:09 2026.\n",
		"From a xMon Nov 23 01:30:09 2026\n", "From a Mon Nox 23 01:30:09 2026\n",
		"From a Mon Nov 23 01:30:09 2026 remote from \n",
		"From a\n Mon Nov 23 01:30:09 2026\n", "From a Mon Nov 23 01:30:09 abcdef 2026\n",
		"From a Mon Nov 23 01:30:09 2026" /* may go on */};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (from_line(lines[i], strlen(lines[i]), NULL))
			print_error("%s", lines[i]);
		assert_int_equal(from_line(lines[i], strlen(lines[i]), NULL), 0);
	}
}

static void a_from_line_has_a_longest_length(void **state)
{
	char line[FROM_MAX + 1];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "From ", 5);
	memcpy(line + FROM_MAX - 26, " Mon Nov 23 01:30:09 2026\n", 26);
	assert_int_equal(from_line(line, sizeof(line), NULL), FROM_MAX);
	memcpy(line + FROM_MAX - 26, "x Mon Nov 23 01:30:09 2026\n", 27);
	assert_int_equal(from_line(line, sizeof(line), NULL), 0);
}

static const unsigned char *plainly(
	const unsigned char *p, const unsigned char *end, uint64_t *bare)
{
	for (; p < end; p++) {
		if (p[-1] == '\n' && strchr("F>.", *p) && *p)
			break;
		*bare += *p == '\n' && p[-1] != '\r';
	}
	return p;
}

static void vector_code_finds_what_plain_code_finds(void **state)
{
	static const char octets[] = "\n\n\n\r\rF>.ab\0";
	unsigned char text[1000];

	(void)state;
	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)rand() % (sizeof(text) - 1);
		int rare = round % 50 + 1; /* the rarer lines are, the longer the way */
		const unsigned char *p, *q;
		uint64_t bare = 0, plain = 0;

		for (size_t i = 0; i <= n; i++)
			text[i] = (unsigned char)(rand() % rare ? 'x' : octets[rand() % 11]);
		p = q = text + 1;
		while (p <= text + n) {
			p = lines_next(p, text + 1 + n, &bare);
			q = plainly(q, text + 1 + n, &plain);
			assert_ptr_equal(p, q);
			assert_int_equal(bare, plain);
			p++;
			q++;
		}
	}
}

/* Unquoting in pieces of each length gives what the whole gives. */
static void unquoting_does_not_depend_on_the_pieces(void **state)
{
	static const char quoted[] =
		">From \n>>From x\n>Fro\n>>\n>x\n\n>>>From >From \nFrom \n>From\n>";
	static const char *const expected[] = {
		"From \n>From x\n>Fro\n>>\n>x\n\n>>From >From \nFrom \n>From\n>",
		"From \n>>From x\n>Fro\n>>\n>x\n\n>>>From >From \nFrom \n>From\n>"};

	(void)state;
	for (int one = 0; one < 2; one++)
		for (size_t piece = 1; piece <= sizeof(quoted); piece++) {
			struct unquote u = {.one = one};
			char text[200], buffer[100];
			size_t len = 0;

			for (size_t at = 0; at < sizeof(quoted) - 1; at += piece) {
				size_t n = sizeof(quoted) - 1 - at;

				n = n < piece ? n : piece;
				memcpy(buffer + UNQUOTE_KEPT, quoted + at, n);
				n = unquote(&u, buffer, buffer + UNQUOTE_KEPT, n);
				memcpy(text + len, buffer, n);
				len += n;
			}
			len += unquote_end(&u, text + len);
			text[len] = '\0';
			assert_string_equal(text, expected[one]);
		}
}

/* vectors_sip128 of the authors' reference implementation */
static void siphash_gives_its_authors_test_vectors(void **state)
{
	static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	static const struct {
		size_t n;
		const char *hex;
	} vectors[] = {{0, "a3817f04ba25a8e66df67214c7550293"},
		{1, "da87c1d86b99af44347659119b22fc45"}, {15, "5493e99933b0a8117e08ec0f97cfc3d9"}};
	unsigned char text[15];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		for (size_t cut = 0; cut <= vectors[i].n; cut++) {
			uint8_t out[16];
			char hex[33];
			struct sip s;

			sip_start(&s, key);
			sip_add(&s, text, cut);
			sip_add(&s, text + cut, vectors[i].n - cut);
			sip_end(&s, out);
			for (int j = 0; j < 16; j++)
				snprintf(hex + 2 * j, 3, "%02x", out[j]);
			assert_string_equal(hex, vectors[i].hex);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dates_of_mtas_are_understood),
		cmocka_unit_test(what_has_no_date_is_no_from_line),
		cmocka_unit_test(a_from_line_has_a_longest_length),
		cmocka_unit_test(vector_code_finds_what_plain_code_finds),
		cmocka_unit_test(unquoting_does_not_depend_on_the_pieces),
		cmocka_unit_test(siphash_gives_its_authors_test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
