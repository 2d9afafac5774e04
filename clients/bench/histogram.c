/* The layout is the one that G. Tene's HdrHistogram made known: log-linear.
 *
 *   index     0 ......... 2047 | 2048 ..... 3071 | 3072 ..... 4095 | ...
 *   time      0 ......... 2047 | 2048 ..... 4095 | 4096 ..... 8191 | ...
 *   a step             1       |        2        |        4        | ...
 *
 * An index is the time's highest eleven bits, moved up by 1,024 for each bit
 * that they leave out. */
#include "clients/bench/histogram.h"

#include <math.h>

uint64_t histogram_highest(unsigned index)
{
    if (index < 2 * HISTOGRAM_HALF) {
        return index;
    }
    unsigned shift = index / HISTOGRAM_HALF - 1;
    uint64_t high = index - shift * HISTOGRAM_HALF;
    return ((high + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_COUNTERS; i++) {
        histogram->counters[i] += from->counters[i];
    }
    histogram->count += from->count;
    histogram->sum += from->sum;
    if (from->max > histogram->max) {
        histogram->max = from->max;
    }
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    double wanted = ceil((double)histogram->count * percent / 100);
    double seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_COUNTERS; i++) {
        seen += (double)histogram->counters[i];
        if (seen >= wanted && seen > 0) {
            uint64_t highest = histogram_highest(i);
            return highest < histogram->max ? highest : histogram->max;
        }
    }
    return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->count ? histogram->sum / (double)histogram->count : 0;
}
