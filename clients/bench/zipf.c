/* Rejection-inversion: W. Hörmann and G. Derflinger, "Rejection-inversion to
 * generate variates from monotone discrete distributions", ACM Transactions on
 * Modeling and Computer Simulation 6 (3), 1996. Exact for every exponent and
 * any number of ranks, without a table.
 *
 * Counting ranks from 1, the weights are the values of the falling curve
 * h(x) = x^-exponent at whole x. The area H under the curve can be inverted: a
 * point drawn evenly from the area between 1.5 and count + 0.5, with h(1) added
 * on the left for the first rank, gives an x that is rounded to a rank. The
 * strip from k - 0.5 to k + 0.5 has a little more area than h(k), as the curve
 * is hollow; a point in the surplus on the left is drawn again. Where the
 * surplus ends is kept for the first ranks; it only becomes smaller, so that
 * behind them it must be computed for few points.
 *
 * H is a logarithm for exponent 1. An exponent nearer to it than NEAR_1 counts
 * as 1, where the powers would lose their digits; no sample could tell. */
#include "clients/bench/zipf.h"

#include "base/check.h"

#include <float.h>
#include <math.h>

static const double NEAR_1 = 1e-7;

/* The curve. */
static double weight(const struct zipf *zipf, double x)
{
    return exp(-zipf->exponent * log(x));
}

/* The area under the curve from 1 to x, negative for x < 1. */
static double area(const struct zipf *zipf, double x)
{
    double l = log(x);
    return zipf->inverse == 0 ? l : (exp(zipf->slope * l) - 1) * zipf->inverse;
}

/* The x up to which there is so much area. */
static double area_end(const struct zipf *zipf, double a)
{
    if (zipf->inverse == 0) {
        return exp(a);
    }
    double power = 1 + a * zipf->slope;
    return exp(log(power > DBL_MIN ? power : DBL_MIN) * zipf->inverse);
}

void zipf_init(struct zipf *zipf, uint64_t count, double exponent)
{
    CHECK(count > 0);
    CHECK(exponent >= 0 && exponent <= ZIPF_EXPONENT_MAX);
    *zipf = (struct zipf){.count = count, .exponent = exponent};
    zipf->slope = 1 - exponent;
    zipf->inverse = fabs(zipf->slope) < NEAR_1 ? 0 : 1 / zipf->slope;
    zipf->from = area(zipf, 1.5) - 1;
    zipf->span = area(zipf, (double)count + 0.5) - zipf->from;
    for (int i = 0; i < ZIPF_ACCEPTED; i++) {
        double k = i + 1;
        double end = area(zipf, k + 0.5) - weight(zipf, k);
        zipf->accepted[i] = k - area_end(zipf, end);
    }
}

/* The rank, from 1, that is nearest to x. */
static uint64_t nearest(const struct zipf *zipf, double x)
{
    if (x >= (double)zipf->count) {
        return zipf->count;
    }
    return x < 1 ? 1 : (uint64_t)(x + 0.5);
}

uint64_t zipf_next(const struct zipf *zipf, struct random *random)
{
    if (zipf->exponent == 0) {
        return random_scale(random_next(random), zipf->count);
    }
    for (;;) {
        double a = zipf->from + random_real(random) * zipf->span;
        double x = area_end(zipf, a);
        uint64_t k = nearest(zipf, x);
        double middle = (double)k;
        uint64_t row = k <= ZIPF_ACCEPTED ? k - 1 : ZIPF_ACCEPTED - 1;
        if (middle - x <= zipf->accepted[row] ||
            a >= area(zipf, middle + 0.5) - weight(zipf, middle)) {
            return k - 1;
        }
    }
}
