#include "clients/bench/sizes.h"

#include "base/units.h"
#include "clients/bench/random.h"

/* Takes what stands before the first `mark` off `text`, or all of it. */
static struct slice take_until(struct slice *text, char mark)
{
    const char *end = text->len ? memchr(text->data, mark, text->len) : NULL;
    struct slice part = *text;
    if (end) {
        part.len = (size_t)(end - text->data);
    }
    *text = slice_after(*text, end ? part.len + 1 : part.len);
    return part;
}

static bool parse_len(struct slice text, size_t *len)
{
    uint64_t number;
    if (!units_parse_size(text, &number) || number > SIZES_LEN_MAX) {
        return false;
    }
    *len = (size_t)number;
    return true;
}

static bool parse_range(struct sizes *sizes, struct slice text)
{
    struct slice low = take_until(&text, '-');
    return parse_len(low, &sizes->min) && parse_len(text, &sizes->max) &&
           sizes->min <= sizes->max;
}

static void add_bounds(struct sizes *sizes, size_t len)
{
    sizes->min = sizes->count == 0 || len < sizes->min ? len : sizes->min;
    sizes->max = sizes->count == 0 || len > sizes->max ? len : sizes->max;
}

/* Reads `LEN:WEIGHT`; a length alone has weight 1. */
static bool parse_item(struct sizes *sizes, struct slice item)
{
    struct slice before = take_until(&item, ':');
    uint64_t weight = 1;
    size_t len;
    if (sizes->count == SIZES_COUNT_MAX || !parse_len(before, &len) ||
        (item.data != before.data + before.len &&
         !units_parse_number(item, &weight)) ||
        weight == 0 || weight > UINT32_MAX) {
        return false;
    }
    add_bounds(sizes, len);
    uint64_t sum = sizes->count ? sizes->weights[sizes->count - 1] : 0;
    sizes->lens[sizes->count] = len;
    sizes->weights[sizes->count] = sum + weight;
    sizes->count++;
    return true;
}

bool sizes_parse(struct sizes *sizes, struct slice text)
{
    *sizes = (struct sizes){0};
    if (text.len > 0 && memchr(text.data, '-', text.len)) {
        return parse_range(sizes, text);
    }
    bool is_more = true;
    while (is_more) {
        struct slice item = take_until(&text, ',');
        is_more = text.data != item.data + item.len;
        if (!parse_item(sizes, item)) {
            return false;
        }
    }
    return true;
}

size_t sizes_pick(const struct sizes *sizes, uint64_t bits)
{
    if (sizes->min == sizes->max) {
        return sizes->min;
    }
    if (sizes->count == 0) {
        uint64_t width = sizes->max - sizes->min + 1;
        return sizes->min + (size_t)random_scale(bits, width);
    }
    uint64_t at = random_scale(bits, sizes->weights[sizes->count - 1]);
    size_t i = 0;
    while (at >= sizes->weights[i]) {
        i++;
    }
    return sizes->lens[i];
}

double sizes_mean(const struct sizes *sizes)
{
    if (sizes->count == 0) {
        return ((double)sizes->min + (double)sizes->max) / 2;
    }
    double sum = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < sizes->count; i++) {
        uint64_t weight = sizes->weights[i] - before;
        sum += (double)sizes->lens[i] * (double)weight;
        before = sizes->weights[i];
    }
    return sum / (double)before;
}
