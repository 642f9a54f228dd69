/* How values are distributed, in fixed memory: exact up to 15, then eight buckets between a power
 * of two and the next, so that what is read off is at most 6.25 % away from the value. Times are
 * µs, up to nine minutes; what is longer counts as that. */
#ifndef NEAPI_BASE_HISTOGRAM_H
#define NEAPI_BASE_HISTOGRAM_H

#include "base/count.h"

#define NEAPI_HISTOGRAM_FINE    3  /* 2^3 buckets between two powers of two */
#define NEAPI_HISTOGRAM_LAST    28 /* the last power of two that has such */
#define NEAPI_HISTOGRAM_BUCKETS ((NEAPI_HISTOGRAM_LAST - NEAPI_HISTOGRAM_FINE + 2) << 3)

/* Zeroed memory is an empty one. Threads: one writes at a time, any reads. */
typedef struct neapi_histogram {
    neapi_count buckets[NEAPI_HISTOGRAM_BUCKETS];
    neapi_count sum;
    neapi_count highest;
} neapi_histogram;

/* Which bucket a value belongs to. */
static inline unsigned neapi_histogram_bucket(uint64_t value)
{
    if (value < 1u << NEAPI_HISTOGRAM_FINE)
        return (unsigned)value;
    unsigned power = 63u - (unsigned)__builtin_clzll(value);
    if (power > NEAPI_HISTOGRAM_LAST)
        return NEAPI_HISTOGRAM_BUCKETS - 1;
    unsigned shift = power - NEAPI_HISTOGRAM_FINE;
    return (shift << NEAPI_HISTOGRAM_FINE) + (unsigned)(value >> shift);
}

/* The smallest value of a bucket; of NEAPI_HISTOGRAM_BUCKETS: the smallest that is too large. */
uint64_t neapi_histogram_least(unsigned bucket);

/* A negative value counts as 0. Threads: the writer. */
static inline void neapi_histogram_record(neapi_histogram *histogram, int64_t value)
{
    uint64_t counted = value > 0 ? (uint64_t)value : 0;
    neapi_count_add(&histogram->buckets[neapi_histogram_bucket(counted)], 1);
    neapi_count_add(&histogram->sum, counted);
    if (counted > neapi_count_get(&histogram->highest))
        neapi_count_set(&histogram->highest, counted);
}

/* The same where several threads write. */
void neapi_histogram_record_shared(neapi_histogram *histogram, int64_t value);

/* What was read of one histogram, or of several together. */
typedef struct neapi_distribution {
    uint64_t buckets[NEAPI_HISTOGRAM_BUCKETS];
    uint64_t count, sum, highest;
} neapi_distribution;

/* Adds what the histogram holds now. */
void neapi_distribution_add(neapi_distribution *distribution, const neapi_histogram *histogram);
/* The value that `part` (0 … 1) of all values do not exceed, in the middle of its bucket; 0: there
 * are no values. */
uint64_t neapi_distribution_quantile(const neapi_distribution *distribution, double part);
/* How many values are below 2^power; exact. */
uint64_t neapi_distribution_below(const neapi_distribution *distribution, unsigned power);

#endif
