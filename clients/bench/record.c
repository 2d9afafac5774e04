#include "clients/bench/record.h"

#include <string.h>

void record_add(struct record *record, const struct record *from)
{
    record->gets += from->gets;
    record->sets += from->sets;
    record->hits += from->hits;
    record->misses += from->misses;
    record->wrong += from->wrong;
    record->errors += from->errors;
    record->refills += from->refills;
    record->reads += from->reads;
    if (!record->error[0]) {
        memcpy(record->error, from->error, sizeof record->error);
    }
    histogram_add(&record->get_ns, &from->get_ns);
    histogram_add(&record->set_ns, &from->set_ns);
    histogram_add(&record->late_ns, &from->late_ns);
}
