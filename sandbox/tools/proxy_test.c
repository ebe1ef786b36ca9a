/* What proxied requests and texts turn into, without a server: the table of paths, and arguments out of texts.
 * tests/clients/sandbox-rest.test.mjs has the whole. */
#include "sandbox/tools/execute.h"
#include "sandbox/tools/proxy_routes.h"
#include "sandbox/tools/text_arguments.h"
#include "testing/test.h"

/* ---- the table ---- */

static size_t count_values(const char *pattern)
{
    size_t count = 0;
    for (const char *at = pattern; (at = strstr(at, "{}")) != NULL; at += 2) {
        count++;
    }
    return count;
}

static void check_route(
        const struct catalog *catalog, const char *toolkit, const struct proxy_route *route)
{
    const struct tool *tool = catalog_tool(catalog, route->tool);
    ck_assert_msg(tool != NULL, "%s", route->tool);
    ck_assert_str_eq(tool->toolkit->slug, toolkit);
    ck_assert_msg(tool_has_version(tool, NULL), "%s", route->tool);
    ck_assert_msg(route->run != NULL || execution_emulator(tool) != NULL, "%s", route->tool);
    size_t named = 0;
    const struct json *properties = json_get(tool->input, "properties");
    while (named < PROXY_PATH_VALUES_MAX && route->arguments[named] != NULL) {
        ck_assert_msg(json_get(properties, route->arguments[named]) != NULL, "%s of %s",
                route->arguments[named], route->tool);
        named++;
    }
    ck_assert_uint_eq(named, count_values(route->path));
    ck_assert(route->default_name == NULL || json_get(properties, route->default_name) != NULL);
}

START_TEST(every_path_has_its_tool)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct catalog *catalog = catalog_load(owner);
    for (const struct toolkit *kit = catalog_toolkits(catalog); kit != NULL; kit = kit->next) {
        const struct proxy_provider *provider = proxy_provider(kit->slug);
        ck_assert_msg(provider != NULL, "%s", kit->slug);
        for (const struct proxy_route *at = provider->routes; at->method != NULL; at++) {
            check_route(catalog, kit->slug, at);
        }
    }
    ck_assert_ptr_eq(proxy_provider("nothing"), NULL);
    mem_free(owner);
}
END_TEST

static const struct {
    const char *name, *toolkit, *method, *path, *tool, *value;
} paths[] = {
        {"a path", "github", "GET", "/user", "GITHUB_GET_THE_AUTHENTICATED_USER", NULL},
        {"HEAD is as GET", "github", "HEAD", "/user", "GITHUB_GET_THE_AUTHENTICATED_USER", NULL},
        {"another method", "github", "DELETE", "/user", NULL, NULL},
        {"a value decoded", "github", "GET", "/repos/a%20b/c", "GITHUB_GET_A_REPOSITORY", "a b"},
        {"a bad escape", "github", "GET", "/repos/a%2/c", NULL, NULL},
        {"a NUL", "github", "GET", "/repos/a%00/c", NULL, NULL},
        {"an empty value", "github", "GET", "/repos//c", NULL, NULL},
        {"too long", "github", "GET", "/user/repos", NULL, NULL},
        {"too short", "github", "GET", "/repos/a", NULL, NULL},
        {"a slash at the end", "github", "GET", "/user/", NULL, NULL},
        {"empty", "github", "GET", "", NULL, NULL},
        {"of another provider", "slack", "GET", "/user", NULL, NULL},
        {"any method", "slack", "POST", "/api/users.list", "SLACK_LIST_ALL_USERS", NULL},
};

START_TEST(path_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    const char *values[PROXY_PATH_VALUES_MAX] = {NULL};
    const struct proxy_route *route = proxy_route_find(owner, proxy_provider(paths[_i].toolkit),
            paths[_i].method, slice_of(paths[_i].path), values);
    ck_assert_pstr_eq(route == NULL ? NULL : route->tool, paths[_i].tool);
    if (paths[_i].value != NULL) {
        ck_assert_str_eq(values[0], paths[_i].value);
    }
    mem_free(owner);
}
END_TEST

/* ---- arguments out of a text ---- */

static const char schema[] = "{\"properties\":{\"query\":{\"type\":\"string\"},"
                             "\"max_results\":{\"type\":\"integer\"},"
                             "\"unread\":{\"type\":\"boolean\"},\"to\":{\"type\":\"array\"},"
                             "\"extra\":{\"type\":\"object\"},\"any\":{}}}";

static const struct {
    const char *name, *text, *arguments;
} texts[] = {
        {"nothing said", "Find my mails", "{}"},
        {"empty", "", "{}"},
        {"JSON, what is known of it", "{\"query\":\"a\",\"other\":1,\"max_results\":2.50}",
                "{\"query\":\"a\",\"max_results\":2.50}"},
        {"JSON that is no object", "[1]", "{}"},
        {"pairs", "query: invoices, max_results=5; unread = TRUE",
                "{\"query\":\"invoices\",\"max_results\":5,\"unread\":true}"},
        {"names with blanks, in any case", "Max Results: 7", "{\"max_results\":7}"},
        {"lines", "query: a b\nmax_results: 3", "{\"query\":\"a b\",\"max_results\":3}"},
        {"quoted values keep their commas", "query: \"a, b; c\", unread: false",
                "{\"query\":\"a, b; c\",\"unread\":false}"},
        {"a quote that is not closed", "query: \"a, b", "{\"query\":\"\\\"a\"}"},
        {"a list", "to: a@x.example, \"b\"; query: q",
                "{\"query\":\"q\",\"to\":[\"a@x.example\",\"b\"]}"},
        {"a list in JSON", "to: [\"a, b\", 1], query: q", "{\"query\":\"q\",\"to\":[\"a, b\",1]}"},
        {"an object in JSON", "extra: {\"a\":[\"}\"]}, any: x",
                "{\"extra\":{\"a\":[\"}\"]},\"any\":\"x\"}"},
        {"brackets that are not closed", "extra: {\"a\":1", "{\"extra\":\"{\\\"a\\\":1\"}"},
        {"brackets closed before they open", "extra: ]", "{\"extra\":\"]\"}"},
        {"what is no number stays a text", "max_results: 07", "{\"max_results\":\"07\"}"},
        {"a negative number", "max_results: -7", "{\"max_results\":-7}"},
        {"a sign alone", "max_results: -", "{\"max_results\":\"-\"}"},
        {"a name inside a word", "myquery: a, query_x: b", "{}"},
        {"a name without a value", "query:", "{\"query\":\"\"}"},
};

START_TEST(text_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    const struct json *parsed;
    struct error err = {0};
    ck_assert(json_parse(owner, SLICE(schema), &parsed, &err));
    const struct json *arguments = text_arguments(owner, parsed, slice_of(texts[_i].text));
    ck_assert_str_eq(json_to_text(owner, arguments).data, texts[_i].arguments);
    mem_free(owner);
}
END_TEST

START_TEST(text_as_deep_as_json_goes)
{
    static const char *const types[] = {"to", "extra"};
    void *owner = mem_scope_new(NULL, __func__);
    const struct json *parsed;
    struct error err = {0};
    ck_assert(json_parse(owner, SLICE(schema), &parsed, &err));
    for (int depth = JSON_MAX_DEPTH - 3; depth <= JSON_MAX_DEPTH + 1; depth++) {
        for (int i = 0; i < 2; i++) {
            struct buffer text;
            buffer_init(&text, owner, 4096);
            buffer_printf(&text, "%s: ", types[i]);
            for (int k = 0; k < depth; k++) {
                buffer_add_text(&text, i == 0 ? "[" : "{\"a\":");
            }
            buffer_add_text(&text, i == 0 ? "" : "1");
            for (int k = 0; k < depth; k++) {
                buffer_add_char(&text, i == 0 ? ']' : '}');
            }
            const struct json *arguments = text_arguments(owner, parsed, buffer_slice(&text));
            ck_assert_uint_eq(json_count(arguments), 1);
            enum json_type type = json_type(json_get(arguments, types[i]));
            bool fits = depth < JSON_MAX_DEPTH;
            ck_assert_int_eq(type, i == 0 ? JSON_ARRAY : fits ? JSON_OBJECT : JSON_STRING);
        }
    }
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, every_path_has_its_tool);
    TEST_ADD_ROWS(suite, path_row, paths);
    TEST_ADD_ROWS(suite, text_row, texts);
    TEST_ADD(suite, text_as_deep_as_json_goes);
}

TEST_MAIN("proxy", cases)
