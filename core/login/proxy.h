/* The PROXY protocol, versions 1 and 2: what a load balancer says of a connection before the
 * client's first octet. Pure functions: no I/O, no state. */
#ifndef LOGIN_PROXY_H
#define LOGIN_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <netinet/in.h>

/* A header is refused when it is longer: version 1 has 107 octets at most, version 2 says how many
 * it has, and extensions take some hundred. */
enum { PROXY_MAX = 4096 };

union proxy_address {
	struct sockaddr sa; /* AF_UNSPEC = not told */
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct proxy {
	/* The ends of the client's connection to the proxy. Not told where the proxy itself is the
	 * client (a health check: LOCAL, UNKNOWN) or the addresses are none of the Internet. */
	union proxy_address from, to;
	bool tls;         /* the client's connection to the proxy is encrypted */
	char version[16]; /* of that TLS, "TLSv1.3"; "" = not told */
};

enum proxy_result { PROXY_OK, PROXY_MORE, PROXY_BAD };

/* Reads a header from the first n octets of a connection. PROXY_OK: *out is filled, and the header
 * took *used octets; PROXY_MORE: all n octets belong to a header that goes on; PROXY_BAD: this is
 * none, and *why, a constant text, says what is wrong with it. */
enum proxy_result proxy_parse(
	const void *p, size_t n, struct proxy *out, size_t *used, const char **why);

#endif
