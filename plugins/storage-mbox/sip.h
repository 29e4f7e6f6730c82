/* sip.h - SipHash-2-4 with 128 bits (Aumasson, Bernstein: SipHash, a fast short-input PRF). Pure.
 */
#ifndef MBOX_SIP_H
#define MBOX_SIP_H

#include <stddef.h>
#include <stdint.h>

struct sip {
	uint64_t v[4];
	uint64_t len;
	unsigned char part[8]; /* len % 8 octets that wait for more */
};

void sip_start(struct sip *, const uint64_t key[2]);
void sip_add(struct sip *, const void *, size_t n);
void sip_end(struct sip *, uint8_t out[16]);

#endif
