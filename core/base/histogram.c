#include "base/histogram.h"

uint64_t neapi_histogram_least(unsigned bucket)
{
    if (bucket < 1u << NEAPI_HISTOGRAM_FINE)
        return bucket;
    unsigned shift = (bucket >> NEAPI_HISTOGRAM_FINE) - 1;
    return (uint64_t)(bucket - (shift << NEAPI_HISTOGRAM_FINE)) << shift;
}

void neapi_histogram_record_shared(neapi_histogram *histogram, int64_t value)
{
    uint64_t counted = value > 0 ? (uint64_t)value : 0;
    neapi_count_add_shared(&histogram->buckets[neapi_histogram_bucket(counted)], 1);
    neapi_count_add_shared(&histogram->sum, counted);
    uint64_t seen = neapi_count_get(&histogram->highest);
    while (counted > seen &&
           !atomic_compare_exchange_weak_explicit(&histogram->highest, &seen, counted,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

void neapi_distribution_add(neapi_distribution *distribution, const neapi_histogram *histogram)
{
    for (unsigned i = 0; i < NEAPI_HISTOGRAM_BUCKETS; i++) {
        uint64_t count = neapi_count_get(&histogram->buckets[i]);
        distribution->buckets[i] += count;
        distribution->count += count;
    }
    distribution->sum += neapi_count_get(&histogram->sum);
    uint64_t highest = neapi_count_get(&histogram->highest);
    if (highest > distribution->highest)
        distribution->highest = highest;
}

uint64_t neapi_distribution_quantile(const neapi_distribution *distribution, double part)
{
    double wanted = part * (double)distribution->count;
    uint64_t passed = 0;
    for (unsigned i = 0; i < NEAPI_HISTOGRAM_BUCKETS; i++) {
        passed += distribution->buckets[i];
        if (passed == 0 || (double)passed < wanted)
            continue;
        uint64_t least = neapi_histogram_least(i);
        uint64_t middle = least + (neapi_histogram_least(i + 1) - least) / 2;
        return middle < distribution->highest ? middle : distribution->highest;
    }
    return distribution->highest;
}

uint64_t neapi_distribution_below(const neapi_distribution *distribution, unsigned power)
{
    uint64_t below = 0;
    unsigned end = neapi_histogram_bucket((uint64_t)1 << power);
    for (unsigned i = 0; i < end; i++)
        below += distribution->buckets[i];
    return below;
}
