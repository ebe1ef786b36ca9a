#include "core/redirect.h"
#include "testing/test.h"

static const char list[] = "https://admin.example.com/app, myapp://, exp://127.0.0.1:8081";

static const struct {
    const char *name, *uri;
    bool allowed;
} uris[] = {
        {"the frontend itself", "https://app.test", true},
        {"a path of it", "https://app.test/settings?tab=1#top", true},
        {"its query", "https://app.test?tab=1", true},
        {"an entry's path", "https://admin.example.com/app/done", true},
        {"an app's scheme", "myapp://oauth/done", true},
        {"an app's scheme alone", "myapp://", true},
        {"a scheme with a host", "exp://127.0.0.1:8081/--/oauth", true},
        {"beside an entry's path", "https://admin.example.com/", false},
        {"a longer path segment", "https://admin.example.com/apple", false},
        {"another host", "https://evil.test/", false},
        {"a longer host", "https://app.test.evil.test/", false},
        {"another port", "https://app.test:8443/", false},
        {"user information", "https://app.test@evil.test/", false},
        {"user information with a colon", "https://app.test:x@evil.test/", false},
        {"another scheme", "http://app.test/", false},
        {"no scheme", "//app.test/", false},
        {"a path alone", "/done", false},
        {"a script", "javascript:alert(1)", false},
        {"a script behind a comment", "javascript://app.test/%0aalert(1)", false},
        {"data", "data:text/html,x", false},
        {"a backslash", "https://app.test\\@evil.test/", false},
        {"a backslash in the path", "https://app.test/\\evil.test", false},
        {"a blank", "https://app.test/ x", false},
        {"a line end", "https://app.test/\r\nset-cookie: a=b", false},
        {"a letter that is not ASCII", "https://app.test/\xC3\xA9", false},
        {"out of the entry's path", "https://admin.example.com/app/../x", false},
        {"out of it, encoded", "https://admin.example.com/app/%2E%2e/x", false},
        {"out of it at the end", "https://admin.example.com/app/..", false},
        {"dots in a name", "https://app.test/a..b/...", true},
        {"dots in the query", "https://app.test/?a=/../b", true},
        {"another app", "yourapp://oauth", false},
        {"another port of the scheme's host", "exp://127.0.0.1:80810/", false},
        {"nothing", "", false},
};

START_TEST(uri)
{
    ck_assert_int_eq(redirect_allowed("https://app.test", list, uris[_i].uri), uris[_i].allowed);
}
END_TEST

static const struct {
    const char *name, *list;
    bool ok;
} lists[] = {
        {"none", NULL, true},
        {"several", list, true},
        {"one origin", "http://localhost:8081", true},
        {"two commas", "https://a.example,,myapp://", false},
        {"a host alone", "app.example.com", false},
        {"every web page", "https://", false},
        {"every web page of a port", "https://:443", false},
        {"a script", "javascript://", false},
        {"a script in capitals", "JavaScript://", false},
        {"files", "file://", false},
        {"user information", "https://a@b.example", false},
        {"a query", "https://a.example/?x", false},
        {"a pattern", "https://*.example.com", true}, /* harmless: a host of that very name */
        {"a blank inside", "https://a example", false},
        {"dots", "https://a.example/../b", false},
};

START_TEST(entries)
{
    struct error err = {0};
    ck_assert_int_eq(redirect_list_check(lists[_i].list, &err), lists[_i].ok);
    if (!lists[_i].ok) {
        ck_assert_str_eq(err.reason, "BAD_CONFIGURATION");
    }
}
END_TEST

START_TEST(the_longest_uri)
{
    char text[2100] = "https://app.test/";
    memset(text + strlen(text), 'a', 2048 - strlen(text));
    ck_assert(redirect_allowed("https://app.test", NULL, text));
    text[2048] = 'a';
    ck_assert(!redirect_allowed("https://app.test", NULL, text));
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, uri, uris);
    TEST_ADD_ROWS(suite, entries, lists);
    TEST_ADD(suite, the_longest_uri);
}
TEST_MAIN("redirect", cases)
