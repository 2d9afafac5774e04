#include "store_cases.h"
bool bench_collisions(bool s)
{
    return s || 1;
}
bool bench_scaling(bool s)
{
    return s || 1;
}
