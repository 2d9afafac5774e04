#include "support/test.h"
static void none(void)
{
}
static const struct test_case cases[] = {TEST(none)};
SUITE(store_pieces, cases);
