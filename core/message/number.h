/* Numbers between text and machine form: integers exact to 64 bits, floats by shortest round trip.
 * No locale is asked. Threads: any. */
#ifndef NEAPI_MESSAGE_NUMBER_H
#define NEAPI_MESSAGE_NUMBER_H

#include "neap.h"

typedef struct neapi_number {
    bool is_float; /* its text has '.', 'e' or 'E' */
    union {
        int64_t integer;
        double real;
    };
} neapi_number;

/* A well-formed JSON number with a fraction or an exponent, rounded to the nearest double, ties to
 * even. `digits` and `exponent`: its first 19 significant digits and the power of ten that they
 * count; `cut`: there were more. Errors: false, it is beyond the largest double. */
bool neapi_float_read(neap_text number, uint64_t digits, int exponent, bool cut, double *value);

/* Bytes that the longest number takes. */
#define NEAPI_NUMBER_ROOM 32

/* Write without a terminator; return the bytes written. A float has the fewest digits that read
 * back as the same double, the nearest of those, and always '.' or 'e'. value: finite. */
size_t neapi_integer_write(int64_t value, char *text);
size_t neapi_float_write(double value, char *text);

#endif
