/* Time that only goes forward. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some moment, unmoved by changes of the date. */
int64_t clock_ms(void);
/* The same clock in microseconds. */
int64_t clock_us(void);

#endif
