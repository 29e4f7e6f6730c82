/* lines.h - line ends and the first octets of lines, at the speed of memory. Pure functions. */
#ifndef MBOX_LINES_H
#define MBOX_LINES_H

#include <stddef.h>
#include <stdint.h>

/* How much vector code the compiler may be given. 0: any machine. 1: what the target has. 2: AVX2
 * too, where the processor has it. The tests build every level. */
#ifndef LINES_LEVEL
#ifdef __x86_64__
#define LINES_LEVEL 2
#else
#define LINES_LEVEL 1
#endif
#endif

/* The first octet of [p, end) that begins a line and is 'F', '>' or '.'; or end. p[-1] is in memory
 * (a line end, where p begins a line). *bare grows by the LFs before it that do not follow a CR. */
const unsigned char *lines_next(const unsigned char *p, const unsigned char *end, uint64_t *bare);

#endif
