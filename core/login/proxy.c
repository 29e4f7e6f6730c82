/* proxy - headers of the PROXY protocol (the specification is HAProxy's doc/proxy-protocol.txt,
 * version of 2020/03/05; "section" below is one of it).
 *
 * Both versions are read as strictly as they are written down: who sends such a header is a
 * program, and what differs was not meant to be one. */
#define _GNU_SOURCE
#include "login/proxy.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

enum {
	V1_MAX = 107, /* section 2.1, CRLF included */
	V2_HEAD = 16,
	V2_LOCAL = 0x20, /* version 2 in the upper half, the command in the lower */
	V2_PROXY = 0x21,
	TCP4 = 0x11,
	TCP6 = 0x21,
	TCP4_LEN = 12,
	TCP6_LEN = 36,
	UNIX_LEN = 216,
	TLV_CRC32C = 0x03,
	TLV_SSL = 0x20,
	TLV_SSL_VERSION = 0x21,
	CLIENT_SSL = 1, /* a bit of the first octet of TLV_SSL */
	SSL_HEAD = 5
};

static const unsigned char signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static enum proxy_result bad(const char **why, const char *text)
{
	*why = text;
	return PROXY_BAD;
}

/* --- version 1: a line --- */

struct words {
	char *at;
};

/* The next word, ended by exactly one space or the end; NULL where there is none. */
static char *next_word(struct words *w)
{
	char *word = w->at, *space;

	if (word == NULL || *word == '\0' || *word == ' ')
		return NULL;
	space = strchr(word, ' ');
	w->at = space != NULL ? space + 1 : NULL;
	if (space != NULL)
		*space = '\0';
	return word;
}

static bool get_port(const char *word, in_port_t *port)
{
	uint32_t n = 0;
	size_t i;

	if (word == NULL)
		return false;
	for (i = 0; i < 5 && word[i] >= '0' && word[i] <= '9'; i++)
		n = n * 10 + (uint32_t)(word[i] - '0');
	*port = htons((uint16_t)n);
	return i > 0 && word[i] == '\0' && n <= UINT16_MAX && (word[0] != '0' || i == 1);
}

static bool get_host(const char *word, sa_family_t family, union proxy_address *a)
{
	a->sa.sa_family = family;
	return word != NULL &&
	       inet_pton(family, word,
		       family == AF_INET ? (void *)&a->in.sin_addr : &a->in6.sin6_addr) == 1;
}

static in_port_t *port_of(union proxy_address *a)
{
	return a->sa.sa_family == AF_INET ? &a->in.sin_port : &a->in6.sin6_port;
}

static bool v1_line(char *line, struct proxy *out)
{
	struct words w = {line};
	const char *protocol;
	sa_family_t family;

	if (strncmp(line, "PROXY UNKNOWN", 13) == 0 && (line[13] == '\0' || line[13] == ' '))
		return true; /* whatever follows */
	(void)next_word(&w); /* PROXY */
	protocol = next_word(&w);
	if (protocol == NULL)
		return false;
	if (strcmp(protocol, "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(protocol, "TCP6") == 0)
		family = AF_INET6;
	else
		return false;
	return get_host(next_word(&w), family, &out->from) &&
	       get_host(next_word(&w), family, &out->to) &&
	       get_port(next_word(&w), port_of(&out->from)) &&
	       get_port(next_word(&w), port_of(&out->to)) && w.at == NULL;
}

static enum proxy_result v1(
	const char *p, size_t n, struct proxy *out, size_t *used, const char **why)
{
	const char *lf = memchr(p, '\n', n < V1_MAX ? n : V1_MAX);
	char line[V1_MAX + 1];
	size_t len;

	if (lf == NULL)
		return n < V1_MAX ? PROXY_MORE : bad(why, "a PROXY line without an end");
	len = (size_t)(lf - p);
	if (len == 0 || p[len - 1] != '\r' || memchr(p, '\0', len) != NULL)
		return bad(why, "a PROXY line that does not end with CRLF");
	memcpy(line, p, len - 1);
	line[len - 1] = '\0';
	*used = len + 1;
	return v1_line(line, out) ? PROXY_OK : bad(why, "a malformed PROXY line");
}

/* --- version 2: octets --- */

static size_t get16(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* RFC 9260 appendix A, of the whole header with the field itself as zeros. */
static uint32_t crc32c(const unsigned char *p, size_t n, size_t field)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= i - field < 4 ? 0 : p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~crc;
}

/* Length of the value of the TLV at p + at, when it and its value are inside n; else -1. */
static ptrdiff_t tlv(const unsigned char *p, size_t at, size_t n)
{
	if (n - at < 3 || get16(p + at + 1) > n - at - 3)
		return -1;
	return (ptrdiff_t)get16(p + at + 1);
}

/* What the proxy says of its client's TLS: a bit that it is there, and details. */
static bool read_ssl(const unsigned char *p, size_t n, struct proxy *out)
{
	ptrdiff_t len;

	if (n < SSL_HEAD)
		return false;
	out->tls = (p[0] & CLIENT_SSL) != 0;
	for (size_t at = SSL_HEAD; at < n; at += 3 + (size_t)len) {
		len = tlv(p, at, n);
		if (len == -1)
			return false;
		if (p[at] != TLV_SSL_VERSION || (size_t)len >= sizeof(out->version))
			continue;
		memcpy(out->version, p + at + 3, (size_t)len);
		out->version[len] = '\0';
	}
	return true;
}

/* p, n: the whole header; from at on its extensions. */
static enum proxy_result read_tlvs(
	const unsigned char *p, size_t at, size_t n, struct proxy *out, const char **why)
{
	for (ptrdiff_t len; at < n; at += 3 + (size_t)len) {
		const unsigned char *value = p + at + 3;

		len = tlv(p, at, n);
		if (len == -1)
			return bad(why, "a PROXY header whose extensions overlap its end");
		if (p[at] == TLV_SSL && !read_ssl(value, (size_t)len, out))
			return bad(why, "a PROXY header with a malformed TLS extension");
		if (p[at] == TLV_CRC32C &&
			(len != 4 || crc32c(p, n, at + 3) != ((uint32_t)get16(value) << 16 |
								     (uint32_t)get16(value + 2))))
			return bad(why, "a PROXY header with a wrong checksum");
	}
	return PROXY_OK;
}

static void get_v4(const unsigned char *ip, const unsigned char *port, union proxy_address *a)
{
	a->in.sin_family = AF_INET;
	memcpy(&a->in.sin_addr, ip, 4);
	memcpy(&a->in.sin_port, port, 2);
}

static void get_v6(const unsigned char *ip, const unsigned char *port, union proxy_address *a)
{
	a->in6.sin6_family = AF_INET6;
	memcpy(&a->in6.sin6_addr, ip, 16);
	memcpy(&a->in6.sin6_port, port, 2);
}

/* The length of the addresses (section 2.2), -1 where there is no room for them in n. */
static ptrdiff_t read_addresses(
	const unsigned char *p, size_t n, unsigned family, struct proxy *out)
{
	size_t len = family == TCP4     ? TCP4_LEN
		     : family == TCP6   ? TCP6_LEN
		     : family >> 4 == 0 ? 0 /* AF_UNSPEC */
		     : family >> 4 == 1 ? TCP4_LEN
		     : family >> 4 == 2 ? TCP6_LEN
					: UNIX_LEN;

	if (n < len)
		return -1;
	if (family == TCP4) {
		get_v4(p, p + 8, &out->from);
		get_v4(p + 4, p + 10, &out->to);
	} else if (family == TCP6) {
		get_v6(p, p + 32, &out->from);
		get_v6(p + 16, p + 34, &out->to);
	}
	return (ptrdiff_t)len;
}

static enum proxy_result v2(
	const unsigned char *p, size_t n, struct proxy *out, size_t *used, const char **why)
{
	ptrdiff_t addresses;
	size_t len;

	if (n < V2_HEAD)
		return PROXY_MORE;
	if (p[12] != V2_LOCAL && p[12] != V2_PROXY)
		return bad(why, "a PROXY header of an unknown version or command");
	if (p[13] >> 4 > 3 || (p[13] & 15) > 2)
		return bad(why, "a PROXY header of an unknown family or protocol");
	len = V2_HEAD + get16(p + 14);
	if (len > PROXY_MAX)
		return bad(why, "a PROXY header that is too long");
	if (n < len)
		return PROXY_MORE;
	*used = len;
	if (p[12] == V2_LOCAL) /* section 2.2: skip what it has */
		return PROXY_OK;
	addresses = read_addresses(p + V2_HEAD, len - V2_HEAD, p[13], out);
	if (addresses == -1)
		return bad(why, "a PROXY header that is too short for its addresses");
	return read_tlvs(p, V2_HEAD + (size_t)addresses, len, out, why);
}

enum proxy_result proxy_parse(
	const void *p, size_t n, struct proxy *out, size_t *used, const char **why)
{
	static const char line[6] = "PROXY ";
	size_t seen = n < sizeof(line) ? n : sizeof(line);

	memset(out, 0, sizeof(*out));
	*used = 0;
	*why = NULL;
	if (memcmp(p, line, seen) == 0)
		return n < sizeof(line) ? PROXY_MORE : v1(p, n, out, used, why);
	seen = n < sizeof(signature) ? n : sizeof(signature);
	if (memcmp(p, signature, seen) == 0)
		return v2(p, n, out, used, why);
	return bad(why, "no PROXY header");
}
