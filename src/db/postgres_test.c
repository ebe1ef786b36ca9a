#include "db/test_internal.h"
static void cases(Suite *suite)
{
    (void)suite;
}
TEST_MAIN("postgres", cases)
