/* pop3/vector.h - how much vector code the compiler may be given. The tests build every level. */
#ifndef POP3_VECTOR_H
#define POP3_VECTOR_H

/* 0: any machine. 1: SSE2, which every x86-64 has. 2: AVX2 too, where the processor has it. */
#ifndef VECTOR_LEVEL
#ifdef __x86_64__
#define VECTOR_LEVEL 2
#else
#define VECTOR_LEVEL 0
#endif
#endif

#endif
