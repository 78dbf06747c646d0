#include "store/store_test.h"
int run_postgres_tests(void)
{
    return 0;
}
