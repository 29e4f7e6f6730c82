/* address - where a client comes from, small enough to keep with each. */
#define _GNU_SOURCE
#include "login/login.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

bool address_from(const struct sockaddr *sa, struct address *a)
{
	*a = (struct address){0};
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in4 = (const void *)sa;

		a->family = AF_INET;
		memcpy(a->ip, &in4->sin_addr, sizeof(in4->sin_addr));
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;
		bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		a->family = mapped ? AF_INET : AF_INET6;
		memcpy(a->ip, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
	}
	return a->family != 0;
}

void address_text(const struct address *a, char *to, size_t cap)
{
	if (a->family == 0 || inet_ntop(a->family, a->ip, to, (socklen_t)cap) == NULL)
		to[0] = '\0';
}

bool address_is_loopback(const struct address *a)
{
	return a->family == AF_INET ? a->ip[0] == 127
				    : a->family == AF_INET6 &&
					      memcmp(a->ip, &in6addr_loopback, sizeof(a->ip)) == 0;
}
