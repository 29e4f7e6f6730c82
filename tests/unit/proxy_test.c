/* Headers of the PROXY protocol: good ones, each of them in pieces, and what is none.
 * (HAProxy's doc/proxy-protocol.txt; "section" is one of it.) */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "login/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4_ADDRESSES "\xc0\x00\x02\x01\xc6\x33\x64\x02\xc3\x50\x00\x6e"
#define V4 SIGNATURE "\x21\x11"

/* A literal's octets, NULs too. */
#define PARSE(text, out) parse(text, sizeof(text) - 1, out)

static enum proxy_result parse(const char *text, size_t n, struct proxy *out)
{
	const char *why;
	size_t used;
	enum proxy_result r = proxy_parse(text, n, out, &used, &why);

	assert_true((r == PROXY_BAD) == (why != NULL));
	if (r == PROXY_OK)
		assert_int_equal(used, n);
	/* In pieces: each one shorter is not yet a header, and never something else. */
	for (size_t i = 0; r == PROXY_OK && i < n; i++) {
		struct proxy piece;

		assert_int_equal(proxy_parse(text, i, &piece, &used, &why), PROXY_MORE);
	}
	return r;
}

static void assert_ip(const union proxy_address *a, const char *ip, unsigned port)
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = a->sa.sa_family == AF_INET;

	assert_non_null(inet_ntop(a->sa.sa_family,
		v4 ? (const void *)&a->in.sin_addr : &a->in6.sin6_addr, text, sizeof(text)));
	assert_string_equal(text, ip);
	assert_int_equal(ntohs(v4 ? a->in.sin_port : a->in6.sin6_port), port);
}

/* --- version 1, section 2.1 --- */

static void a_line_tells_both_ends(void **state)
{
	struct proxy p;

	(void)state;
	assert_int_equal(PARSE("PROXY TCP4 192.0.2.1 198.51.100.2 50000 110\r\n", &p), PROXY_OK);
	assert_ip(&p.from, "192.0.2.1", 50000);
	assert_ip(&p.to, "198.51.100.2", 110);
	assert_false(p.tls);
	assert_int_equal(PARSE("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", &p), PROXY_OK);
	assert_ip(&p.from, "2001:db8::1", 65535);
	assert_ip(&p.to, "::1", 0);
}

static void the_longest_line_of_the_specification_is_taken(void **state)
{
	struct proxy p;

	(void)state;
	assert_int_equal(PARSE("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
				 &p),
		PROXY_OK);
	assert_int_equal(PARSE("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
				 &p),
		PROXY_OK);
	assert_int_equal(PARSE("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 \r\n",
				 &p),
		PROXY_BAD);
}

static void an_unknown_line_tells_nothing(void **state)
{
	struct proxy p;

	(void)state;
	assert_int_equal(PARSE("PROXY UNKNOWN\r\n", &p), PROXY_OK);
	assert_int_equal(p.from.sa.sa_family, AF_UNSPEC);
	assert_int_equal(PARSE("PROXY UNKNOWN what ever\r\n", &p), PROXY_OK);
	assert_int_equal(p.from.sa.sa_family, AF_UNSPEC);
}

static void only_the_header_is_used(void **state)
{
	static const char text[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nCAPA\r\n";
	const char *why;
	struct proxy p;
	size_t used;

	(void)state;
	assert_int_equal(proxy_parse(text, sizeof(text) - 1, &p, &used, &why), PROXY_OK);
	assert_string_equal(text + used, "CAPA\r\n");
}

static void a_malformed_line_is_refused(void **state)
{
	static const char *const lines[] = {
		"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
		"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 123456 2\r\n",
		"PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
		"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
		"PROXY TCP4 ::1 ::1 1 2\r\n",
		"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY UNKNOWNX\r\n",
		"PROXY \r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
		"PROXY \n",
		"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
		"USER clara\r\n",
		"\r\n\r\nQUIT\r\n",
		"\x16\x03\x01",
		"\n",
	};
	struct proxy p;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(parse(lines[i], strlen(lines[i]), &p), PROXY_BAD);
}

static void a_line_without_an_end_is_not_read_for_ever(void **state)
{
	char text[108];
	struct proxy p;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "PROXY ", 6);
	assert_int_equal(parse(text, 106, &p), PROXY_MORE);
	assert_int_equal(parse(text, 107, &p), PROXY_BAD);
}

/* --- version 2, section 2.2 --- */

static void a_binary_header_tells_both_ends(void **state)
{
	struct proxy p;

	(void)state;
	assert_int_equal(PARSE(V4 "\x00\x0c" TCP4_ADDRESSES, &p), PROXY_OK);
	assert_ip(&p.from, "192.0.2.1", 50000);
	assert_ip(&p.to, "198.51.100.2", 110);
	assert_int_equal(PARSE(SIGNATURE "\x21\x21\x00\x24"
					 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
					 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
					 "\x00\x19\x00\x6e",
				 &p),
		PROXY_OK);
	assert_ip(&p.from, "2001:db8::1", 25);
	assert_ip(&p.to, "::1", 110);
}

static void a_local_or_foreign_connection_tells_nothing(void **state)
{
	static const char *const heads[] = {"\x20\x00\x00\x0c", /* LOCAL */
		"\x20\x11\x00\x0c", "\x20\x00\x00\x0c", "\x21\x12\x00\x0c"};
	struct proxy p;

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		char text[28] = SIGNATURE;

		memcpy(text + 12, heads[i], 2);
		text[15] = 12;
		memcpy(text + 16, TCP4_ADDRESSES, 12);
		assert_int_equal(parse(text, sizeof(text), &p), PROXY_OK);
		assert_int_equal(p.from.sa.sa_family, AF_UNSPEC);
	}
	assert_int_equal(PARSE(SIGNATURE "\x20\x00\x00\x00", &p), PROXY_OK);
	assert_int_equal(PARSE(SIGNATURE "\x21\x00\x00\x00", &p), PROXY_OK); /* AF_UNSPEC */
	assert_int_equal(p.from.sa.sa_family, AF_UNSPEC);
}

static void extensions_are_skipped(void **state)
{
	struct proxy p;

	(void)state;
	assert_int_equal(PARSE(V4 "\x00\x16" TCP4_ADDRESSES "\x04\x00\x02xx"
				  "\xea\x00\x02yy",
				 &p),
		PROXY_OK);
	assert_int_equal(PARSE(V4 "\x00\x0f" TCP4_ADDRESSES "\x04\x00\x00", &p), PROXY_OK);
	assert_ip(&p.from, "192.0.2.1", 50000);
}

static void the_tls_of_the_client_is_told(void **state)
{
	struct proxy p;

	(void)state;
	assert_int_equal(PARSE(V4 "\x00\x1e" TCP4_ADDRESSES "\x20\x00\x0f\x01\0\0\0\0"
				  "\x21\x00\x07TLSv1.3",
				 &p),
		PROXY_OK);
	assert_true(p.tls);
	assert_string_equal(p.version, "TLSv1.3");
	/* The extension without the bit: the client came without TLS. */
	assert_int_equal(
		PARSE(V4 "\x00\x14" TCP4_ADDRESSES "\x20\x00\x05\x06\0\0\0\0", &p), PROXY_OK);
	assert_false(p.tls);
	/* A version of a length that none has is left out. */
	assert_int_equal(PARSE(V4 "\x00\x27" TCP4_ADDRESSES "\x20\x00\x18\x01\0\0\0\0"
				  "\x21\x00\x10xxxxxxxxxxxxxxxx",
				 &p),
		PROXY_OK);
	assert_string_equal(p.version, "");
}

static void a_checksum_is_verified(void **state)
{
	/* From another implementation, which gives 0xe3069283 for "123456789". */
	char text[] = V4 "\x00\x13" TCP4_ADDRESSES "\x03\x00\x04\x00\x00\x00\x00";
	static const unsigned char sum[4] = {0x9e, 0x9c, 0x7a, 0x51};
	struct proxy p;

	(void)state;
	memcpy(text + sizeof(text) - 5, sum, 4);
	assert_int_equal(parse(text, sizeof(text) - 1, &p), PROXY_OK);
	for (size_t i = 16; i < sizeof(text) - 1; i++) {
		if (i >= 28 && i < 31) /* type and length of the extension itself */
			continue;
		text[i] ^= 1;
		assert_int_equal(parse(text, sizeof(text) - 1, &p), PROXY_BAD);
		text[i] ^= 1;
	}
}

static void a_malformed_header_is_refused(void **state)
{
	struct proxy p;

	(void)state;
	assert_int_equal(PARSE(SIGNATURE "\x11\x11\x00\x00", &p), PROXY_BAD); /* version 1 */
	assert_int_equal(PARSE(SIGNATURE "\x22\x11\x00\x00", &p), PROXY_BAD); /* no command */
	assert_int_equal(PARSE(SIGNATURE "\x21\x41\x00\x00", &p), PROXY_BAD); /* no family */
	assert_int_equal(PARSE(SIGNATURE "\x21\x13\x00\x00", &p), PROXY_BAD); /* no protocol */
	assert_int_equal(PARSE(SIGNATURE "\x21\x11\xff\xff", &p), PROXY_BAD); /* too long */
	assert_int_equal(PARSE(SIGNATURE "\x21\x11\x00\x0b"
					 "\xc0\x00\x02\x01\xc6\x33\x64\x02"
					 "\xc3\x50\x00",
				 &p),
		PROXY_BAD);
	assert_int_equal(PARSE(SIGNATURE "\x21\x31\x00\x04"
					 "abcd",
				 &p),
		PROXY_BAD);
	/* extensions that reach over the end */
	assert_int_equal(PARSE(V4 "\x00\x0e" TCP4_ADDRESSES "\x04\x00", &p), PROXY_BAD);
	assert_int_equal(PARSE(V4 "\x00\x10" TCP4_ADDRESSES "\x04\x00\x02x", &p), PROXY_BAD);
	assert_int_equal(
		PARSE(V4 "\x00\x13" TCP4_ADDRESSES "\x20\x00\x04\x01\0\0\0", &p), PROXY_BAD);
	assert_int_equal(PARSE(V4 "\x00\x17" TCP4_ADDRESSES "\x20\x00\x08\x01\0\0\0\0"
				  "\x21\x00\x01",
				 &p),
		PROXY_BAD);
	assert_int_equal(PARSE(V4 "\x00\x12" TCP4_ADDRESSES "\x03\x00\x03xxx", &p), PROXY_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_tells_both_ends),
		cmocka_unit_test(the_longest_line_of_the_specification_is_taken),
		cmocka_unit_test(an_unknown_line_tells_nothing),
		cmocka_unit_test(only_the_header_is_used),
		cmocka_unit_test(a_malformed_line_is_refused),
		cmocka_unit_test(a_line_without_an_end_is_not_read_for_ever),
		cmocka_unit_test(a_binary_header_tells_both_ends),
		cmocka_unit_test(a_local_or_foreign_connection_tells_nothing),
		cmocka_unit_test(extensions_are_skipped),
		cmocka_unit_test(the_tls_of_the_client_is_told),
		cmocka_unit_test(a_checksum_is_verified),
		cmocka_unit_test(a_malformed_header_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
