#include "core/catalog.h"
#include "testing/test.h"

START_TEST(the_catalog_is_whole)
{
    void *owner = mem_scope_new(NULL, __func__);
    const struct catalog *catalog = catalog_new(owner);
    static const char *const providers[] = {"gmail", "calendar", "slack", "notion", "github"};
    ck_assert_uint_eq(catalog->count, 5);
    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_provider *provider = catalog_find(catalog, providers[i]);
        ck_assert_ptr_eq(provider, &catalog->providers[i]);
        ck_assert_ptr_nonnull(provider->allowed_tools[0]);
    }
    ck_assert_str_eq(catalog_find(catalog, "calendar")->toolkit, "googlecalendar");
    ck_assert_ptr_null(catalog_find(catalog, "googlecalendar"));
    ck_assert(catalog_has_tool(&catalog->providers[0], "GMAIL_FETCH_EMAILS"));
    ck_assert(catalog_has_tool(&catalog->providers[0], "GMAIL_DELETE_MESSAGE"));
    ck_assert(!catalog_has_tool(&catalog->providers[0], "GMAIL_SEARCH_EMAILS"));
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, the_catalog_is_whole);
}
TEST_MAIN("catalog", cases)
