/* net - networks and the addresses in them. Everything is compared as IPv6, where an IPv4 network
 * is a part of ::ffff:0:0/96. */
#include "base/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAPPED_BITS = 96 };
static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

/* The family, or 0. */
static int parse_ip(const char *text, unsigned char ip[16])
{
	memcpy(ip, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, ip + sizeof(mapped)) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, text, ip) == 1 ? AF_INET6 : 0;
}

static int parse_bits(const char *text, unsigned max, unsigned *bits)
{
	unsigned n = 0;

	if (*text == '\0')
		return -1;
	for (; *text >= '0' && *text <= '9' && n <= max; text++)
		n = n * 10 + (unsigned)(*text - '0');
	*bits = n;
	return *text == '\0' && n <= max ? 0 : -1;
}

static void clear_behind(struct net *net)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned first = i * 8;

		if (net->bits <= first)
			net->ip[i] = 0;
		else if (net->bits < first + 8)
			net->ip[i] &= (unsigned char)(0xff00u >> (net->bits - first));
	}
}

int net_parse(const char *text, size_t n, struct net *net)
{
	char copy[NET_TEXT], *slash;
	unsigned start = 0;

	if (n == 0 || n >= sizeof(copy))
		return -1;
	memcpy(copy, text, n);
	copy[n] = '\0';
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash++ = '\0';
	switch (parse_ip(copy, net->ip)) {
	case 0:
		return -1;
	case AF_INET:
		start = MAPPED_BITS;
		break;
	default:
		break;
	}
	net->bits = 128;
	if (slash != NULL) {
		if (parse_bits(slash, 128 - start, &net->bits) == -1)
			return -1;
		net->bits += start;
	}
	clear_behind(net);
	return 0;
}

int net_holds(const struct net *net, const char *ip)
{
	struct net address = {.bits = net->bits};

	if (parse_ip(ip, address.ip) == 0)
		return 0;
	clear_behind(&address);
	return memcmp(address.ip, net->ip, sizeof(net->ip)) == 0;
}

int net_list_holds(const char *list, const char *ip)
{
	for (const char *at = list; *at != '\0';) {
		size_t n = strcspn(at, ",");
		struct net net;

		if (net_parse(at, n, &net) == 0 && net_holds(&net, ip))
			return 1;
		at += n + (at[n] == ',');
	}
	return 0;
}

const char *net_list_wrong(const char *list)
{
	for (const char *at = list; *at != '\0';) {
		size_t n = strcspn(at, ",");
		struct net net;

		if (net_parse(at, n, &net) == -1 || strcmp(at + n, ",") == 0)
			return at;
		at += n + (at[n] == ',');
	}
	return NULL;
}

void net_text(const struct net *net, char *to)
{
	int v4 = net->bits >= MAPPED_BITS && memcmp(net->ip, mapped, sizeof(mapped)) == 0;
	char ip[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(
		v4 ? AF_INET : AF_INET6, v4 ? net->ip + sizeof(mapped) : net->ip, ip, sizeof(ip));
	if (net->bits == 128)
		snprintf(to, NET_TEXT, "%s", ip);
	else
		snprintf(to, NET_TEXT, "%s/%u", ip, net->bits - (v4 ? MAPPED_BITS : 0));
}
