/* The thin layer over Check that every unit test uses: one executable a file, TAP on standard output.
 *
 *   static void cases(Suite *suite)
 *   {
 *       TEST_ADD(suite, parses_dates);
 *       TEST_ADD_ROWS(suite, date_row, rows);   rows have a member `name`; the test looks at rows[_i]
 *   }
 *   TEST_MAIN("clock", cases)
 */
#pragma once

#include <check.h>
#include <stdlib.h>

#define TEST_ADD(suite, test)                   \
    do {                                        \
        TCase *test_case = tcase_create(#test); \
        tcase_set_timeout(test_case, 60);       \
        tcase_add_test(test_case, test);        \
        suite_add_tcase((suite), test_case);    \
    } while (0)

#define TEST_ADD_ROWS(suite, test, rows)                                          \
    do {                                                                          \
        for (int row = 0; row < (int)(sizeof(rows) / sizeof((rows)[0])); row++) { \
            TCase *test_case = tcase_create((rows)[row].name);                    \
            tcase_set_timeout(test_case, 60);                                     \
            tcase_add_loop_test(test_case, test, row, row + 1);                   \
            suite_add_tcase((suite), test_case);                                  \
        }                                                                         \
    } while (0)

#define TEST_MAIN(name, add_cases)                        \
    int main(void)                                        \
    {                                                     \
        Suite *suite = suite_create(name);                \
        add_cases(suite);                                 \
        SRunner *runner = srunner_create(suite);          \
        srunner_set_tap(runner, "-");                     \
        srunner_run_all(runner, CK_SILENT);               \
        int failed = srunner_ntests_failed(runner);       \
        srunner_free(runner);                             \
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE; \
    }
