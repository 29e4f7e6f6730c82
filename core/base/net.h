/* Networks in CIDR notation (RFC 4632): "192.0.2.0/24", "2001:db8::/32"; an address alone is a
 * network of one. */
#ifndef BASE_NET_H
#define BASE_NET_H

#include <stddef.h>

enum { NET_TEXT = 64 }; /* room for an address or network as text */

struct net {
	unsigned char ip[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;        /* 0..128 that count */
};

/* n octets of text. 0; -1: no network. Bits behind the prefix are cleared. */
int net_parse(const char *text, size_t n, struct net *);
/* Is the address (text, numeric) in the network? An IPv4 address mapped to IPv6 is the IPv4 one. 0
 * also for what is no address. */
int net_holds(const struct net *, const char *ip);
/* The same for a list with commas between its networks. */
int net_list_holds(const char *list, const char *ip);
/* NULL, or the first item of such a list that is no network. */
const char *net_list_wrong(const char *list);
/* "192.0.2.7", "2001:db8::/64" into NET_TEXT octets at to. */
void net_text(const struct net *, char *to);

#endif
