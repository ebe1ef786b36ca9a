/* What needs no server: callback URLs, cursors, the catalog, arguments, faults, the journal. tests/ drives the whole. */
#include "sandbox/accounts/callback.h"
#include "sandbox/faults/faults.h"
#include "sandbox/faults/journal.h"
#include "sandbox/paging.h"
#include "sandbox/tools/catalog.h"
#include "sandbox/tools/tool_call.h"
#include "testing/test.h"

/* ---- callback URLs ---- */

static const struct {
    const char *name, *url, *built;
} callbacks[] = {
        {.name = "callback without a query",
                .url = "https://app.example/cb",
                .built = "https://app.example/cb?status=success&connected_account_id=ca_1"},
        {.name = "callback keeps its query",
                .url = "https://app.example/cb?state=a%20b&x=1",
                .built = "https://app.example/"
                         "cb?state=a%20b&x=1&status=success&connected_account_id=ca_1"},
        {.name = "callback with an empty query",
                .url = "https://app.example/cb?",
                .built = "https://app.example/cb?status=success&connected_account_id=ca_1"},
        {.name = "callback whose query ends in &",
                .url = "https://app.example/cb?a=1&",
                .built = "https://app.example/cb?a=1&status=success&connected_account_id=ca_1"},
        {.name = "callback with a fragment",
                .url = "https://app.example/#/done",
                .built = "https://app.example/?status=success&connected_account_id=ca_1#/done"},
        {.name = "callback with query and fragment that has a ?",
                .url = "https://app.example/cb?a=1#b?c",
                .built = "https://app.example/"
                         "cb?a=1&status=success&connected_account_id=ca_1#b?c"},
        {.name = "callback of an app",
                .url = "myapp://oauth",
                .built = "myapp://oauth?status=success&connected_account_id=ca_1"},
        {.name = "callback that is a script", .url = "javascript://x/%0aalert(1)"},
        {.name = "callback that is a script in capitals", .url = "JavaScript://x"},
        {.name = "callback of data", .url = "data://x"},
        {.name = "callback without a scheme", .url = "//app.example/cb"},
        {.name = "callback that is a path", .url = "/cb"},
        {.name = "callback without a host", .url = "https:///cb"},
        {.name = "callback with nothing but a scheme", .url = "https://"},
        {.name = "callback with a line break", .url = "https://app.example/\r\nX: y"},
        {.name = "callback with a blank", .url = "https://app.example/a b"},
        {.name = "empty callback", .url = ""},
};

START_TEST(callback_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    bool good = callback_acceptable(callbacks[_i].url);
    ck_assert_int_eq(good, callbacks[_i].built != NULL);
    if (good) {
        ck_assert_str_eq(
                callback_build(owner, callbacks[_i].url, true, "ca_1", NULL), callbacks[_i].built);
    }
    mem_free(owner);
}
END_TEST

START_TEST(callback_says_failed)
{
    void *owner = mem_scope_new(NULL, __func__);
    ck_assert_str_eq(callback_build(owner, "http://a/", false, "ca_2", NULL),
            "http://a/?status=failed&connected_account_id=ca_2");
    ck_assert_str_eq(callback_build(owner, "http://a/?x#y", true, "ca_2", "gmail"),
            "http://a/?x&status=success&connectedAccountId=ca_2&appName=gmail#y");
    mem_free(owner);
}
END_TEST

START_TEST(callback_of_a_verifier)
{
    void *owner = mem_scope_new(NULL, __func__);
    ck_assert_str_eq(callback_to_verifier(owner, "https://a/v?x=1#f", "urn:a&b"),
            "https://a/v?x=1&session_uri=urn%3Aa%26b#f");
    mem_free(owner);
}
END_TEST

/* ---- cursors ---- */

START_TEST(cursor_round_trip)
{
    static const int64_t pages[] = {1, 2, 7, 99, 12345, 1000000000};
    void *owner = mem_scope_new(NULL, __func__);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        for (int64_t limit = 1; limit <= 1000; limit += 37) {
            int64_t page = 0, read_limit = 0;
            char *cursor = cursor_encode(owner, pages[i], limit);
            ck_assert(cursor_decode(owner, slice_of(cursor), &page, &read_limit));
            ck_assert_int_eq(page, pages[i]);
            ck_assert_int_eq(read_limit, limit);
        }
    }
    mem_free(owner);
}
END_TEST

static const struct {
    const char *name, *text; /* of the cursor, before base64 */
} bad_cursors[] = {
        {.name = "cursor without a limit", .text = "2"},
        {.name = "cursor with an empty limit", .text = "2-"},
        {.name = "cursor of page 0", .text = "0-20"},
        {.name = "cursor with a sign", .text = "-2-20"},
        {.name = "cursor with letters", .text = "2-2o"},
        {.name = "cursor too large", .text = "99999999999999999999-20"},
        {.name = "empty cursor", .text = ""},
};

START_TEST(bad_cursor_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    int64_t page, limit;
    char *cursor = base64_encode(owner, slice_of(bad_cursors[_i].text));
    ck_assert(!cursor_decode(owner, slice_of(cursor), &page, &limit));
    mem_free(owner);
}
END_TEST

START_TEST(cursor_that_is_no_base64)
{
    void *owner = mem_scope_new(NULL, __func__);
    int64_t page, limit;
    ck_assert(!cursor_decode(owner, SLICE("%%%"), &page, &limit));
    mem_free(owner);
}
END_TEST

/* ---- the catalog ---- */

START_TEST(catalog_is_whole)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct catalog *catalog = catalog_load(owner);
    int toolkits = 0, tools = 0;
    for (const struct toolkit *kit = catalog_toolkits(catalog); kit != NULL; kit = kit->next) {
        ck_assert(kit->tool_count > 0);
        ck_assert(toolkit_has_scheme(kit, "OAUTH2"));
        toolkits++;
    }
    for (const struct tool *tool = catalog_tools(catalog); tool != NULL; tool = tool->next) {
        const struct json *properties = json_get(tool->input, "properties");
        for (struct json_iterator i = json_iterate(json_get(tool->input, "required"));
                json_next(&i);) {
            ck_assert_msg(json_get(properties, json_text(i.value)) != NULL, "%s requires %s",
                    tool->slug, json_text(i.value));
        }
        tools++;
    }
    ck_assert_int_eq(toolkits, 5);
    ck_assert_int_ge(tools, 70);
    mem_free(owner);
}
END_TEST

START_TEST(every_emulation_has_its_tool)
{
    static const struct emulation *const all[] = {gmail_emulations, googlecalendar_emulations,
            slack_emulations, notion_emulations, github_emulations};
    void *owner = mem_scope_new(NULL, __func__);
    struct catalog *catalog = catalog_load(owner);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (const struct emulation *emulation = all[i]; emulation->slug != NULL; emulation++) {
            ck_assert_msg(catalog_tool(catalog, emulation->slug) != NULL, "%s", emulation->slug);
        }
    }
    mem_free(owner);
}
END_TEST

START_TEST(versions)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct catalog *catalog = catalog_load(owner);
    const struct tool *old = catalog_tool(catalog, "GMAIL_FETCH_EMAILS");
    const struct tool *newer = catalog_tool(catalog, "SLACK_SEND_MESSAGE");
    ck_assert(tool_has_version(old, NULL) && tool_has_version(old, "latest"));
    ck_assert(tool_has_version(old, CATALOG_VERSION) && tool_has_version(old, "00000000_00"));
    ck_assert(!tool_has_version(old, "20990101_00"));
    ck_assert(tool_has_version(newer, CATALOG_VERSION) && !tool_has_version(newer, "00000000_00"));
    const struct tool *older = catalog_tool(catalog, "SLACK_FIND_USER_BY_EMAIL_ADDRESS");
    ck_assert(!tool_has_version(older, "latest") && tool_has_version(older, "00000000_00"));
    ck_assert(version_exists(NULL) && version_exists("latest") && !version_exists("1"));
    ck_assert_ptr_eq(catalog_tool(catalog, "GMAIL_SEARCH_EMAILS"), NULL);
    mem_free(owner);
}
END_TEST

/* ---- arguments ---- */

static const struct {
    const char *name, *arguments, *problem;
} arguments[] = {
        {.name = "arguments fit", .arguments = "{\"owner\":\"a\",\"repo\":\"b\",\"title\":\"c\"}"},
        {.name = "number where the schema has no type",
                .arguments = "{\"owner\":\"a\",\"repo\":\"b\",\"title\":7}"},
        {.name = "no arguments",
                .problem = "Invalid request data provided\n- Following fields are missing: "
                           "{'owner', 'repo', 'title'}"},
        {.name = "null is missing",
                .arguments = "{\"owner\":null,\"repo\":\"b\",\"title\":\"c\"}",
                .problem = "Invalid request data provided\n- Following fields are missing: "
                           "{'owner'}"},
        {.name = "wrong type",
                .arguments = "{\"owner\":1,\"repo\":\"b\",\"title\":\"c\"}",
                .problem = "Invalid request data provided\n- Input should be a valid string on "
                           "parameter `owner`"},
        {.name = "wrong type of an array",
                .arguments = "{\"owner\":\"a\",\"repo\":\"b\",\"title\":\"c\",\"labels\":\"x\"}",
                .problem = "Invalid request data provided\n- Input should be a valid array on "
                           "parameter `labels`"},
        {.name = "unknown arguments pass",
                .arguments = "{\"owner\":\"a\",\"repo\":\"b\",\"title\":\"c\",\"zz\":1}"},
};

START_TEST(arguments_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct error err = {0};
    const struct json *given = NULL;
    const struct tool *tool = catalog_tool(catalog_load(owner), "GITHUB_CREATE_AN_ISSUE");
    ck_assert(arguments[_i].arguments == NULL ||
              json_parse(owner, slice_of(arguments[_i].arguments), &given, &err));
    ck_assert_pstr_eq(arguments_problem(owner, tool->input, given), arguments[_i].problem);
    mem_free(owner);
}
END_TEST

/* ---- partial changes ---- */

static const struct {
    const char *name, *object, *patch, *merged;
} merges[] = {
        {.name = "what is left out stays",
                .object = "{\"a\":1,\"b\":\"x\"}",
                .patch = "{\"c\":[1]}",
                .merged = "{\"a\":1,\"b\":\"x\",\"c\":[1]}"},
        {.name = "what is given is set",
                .object = "{\"a\":1,\"b\":2}",
                .patch = "{\"a\":{\"n\":1.10}}",
                .merged = "{\"b\":2,\"a\":{\"n\":1.10}}"},
        {.name = "null, an empty text and an empty list clear",
                .object = "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}",
                .patch = "{\"a\":null,\"b\":\"\",\"c\":[]}",
                .merged = "{\"d\":4}"},
        {.name = "false and zero are values",
                .object = "{}",
                .patch = "{\"a\":false,\"b\":0}",
                .merged = "{\"a\":false,\"b\":0}"},
};

START_TEST(merge_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    const struct json *patch;
    struct error err = {0};
    ck_assert(json_parse(owner, slice_of(merges[_i].patch), &patch, &err));
    ck_assert_str_eq(object_merged(owner, merges[_i].object, patch), merges[_i].merged);
    mem_free(owner);
}
END_TEST

/* ---- faults ---- */

static void order(struct faults *faults, const char *text)
{
    const struct json *list;
    struct error err = {0};
    ck_assert(json_parse(faults, slice_of(text), &list, &err));
    ck_assert_msg(faults_add(faults, list, &err), "%s", err.message);
}

START_TEST(fault_of_the_nth_request)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct faults *faults = faults_new(owner);
    order(faults, "[{\"match\":{\"method\":\"POST\",\"path\":\"/tools/execute\",\"nth\":2},"
                  "\"fault\":{\"status\":503}}]");
    struct slice path = SLICE("/api/v3.1/tools/execute/GMAIL_SEND_EMAIL");
    ck_assert_int_eq(faults_match(faults, SLICE("POST"), path, NULL).kind, FAULT_NONE);
    ck_assert_int_eq(faults_match(faults, SLICE("GET"), path, NULL).kind, FAULT_NONE);
    ck_assert_int_eq(
            faults_match(faults, SLICE("POST"), SLICE("/api/v3/tools"), NULL).kind, FAULT_NONE);
    struct fault fault = faults_match(faults, SLICE("POST"), path, NULL);
    ck_assert_int_eq(fault.kind, FAULT_STATUS);
    ck_assert_int_eq(fault.status, 503);
    ck_assert_int_eq(faults_match(faults, SLICE("POST"), path, NULL).kind, FAULT_NONE);
    mem_free(owner);
}
END_TEST

START_TEST(fault_so_many_times)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct faults *faults = faults_new(owner);
    order(faults, "[{\"fault\":{\"garbage\":true,\"latency_ms\":5},\"times\":2},"
                  "{\"match\":{\"path\":\"/api/v3/\"},\"fault\":{\"reset\":true,\"after\":true}}]");
    struct slice path = SLICE("/api/v3/mcp/servers");
    ck_assert_int_eq(faults_match(faults, SLICE("GET"), path, NULL).kind, FAULT_GARBAGE);
    ck_assert_int_eq(faults_match(faults, SLICE("GET"), path, NULL).latency_ms, 5);
    ck_assert_int_eq(faults_match(faults, SLICE("GET"), path, NULL).kind, FAULT_RESET);
    ck_assert(faults_match(faults, SLICE("GET"), path, NULL).after);
    faults_clear(faults);
    ck_assert_int_eq(faults_match(faults, SLICE("GET"), path, NULL).kind, FAULT_NONE);
    mem_free(owner);
}
END_TEST

START_TEST(fault_of_a_user)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct faults *faults = faults_new(owner);
    struct slice path = SLICE("/api/v3.1/tools/execute/X");
    ck_assert(!faults_ask_for_users(faults));
    order(faults, "[{\"match\":{\"user\":\"ada\",\"nth\":2},"
                  "\"fault\":{\"drip_ms\":7,\"drip_bytes\":3}},"
                  "{\"match\":{\"user\":\"bob\"},\"fault\":{\"duplicate\":true}}]");
    ck_assert(faults_ask_for_users(faults));
    ck_assert_int_eq(faults_match(faults, SLICE("GET"), path, "ada").kind, FAULT_NONE);
    ck_assert_int_eq(faults_match(faults, SLICE("GET"), path, NULL).kind, FAULT_NONE);
    ck_assert_int_eq(faults_match(faults, SLICE("GET"), path, "bob").kind, FAULT_DUPLICATE);
    struct fault fault = faults_match(faults, SLICE("GET"), path, "ada");
    ck_assert_int_eq(fault.kind, FAULT_DRIP);
    ck_assert_int_eq(fault.drip_ms, 7);
    ck_assert_int_eq(fault.drip_bytes, 3);
    mem_free(owner);
}
END_TEST

START_TEST(faults_are_all_or_none)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct faults *faults = faults_new(owner);
    const struct json *list;
    struct error err = {0};
    ck_assert(json_parse(owner,
            SLICE("[{\"fault\":{\"reset\":true}},{\"fault\":{\"status\":200}}]"), &list, &err));
    ck_assert(!faults_add(faults, list, &err));
    ck_assert_str_eq(err.message, "[1]: status: expected a whole number from 400 to 599");
    ck_assert_int_eq(faults_match(faults, SLICE("GET"), SLICE("/"), NULL).kind, FAULT_NONE);
    mem_free(owner);
}
END_TEST

/* ---- the journal ---- */

START_TEST(journal_keeps_the_last)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct journal *journal = journal_new(owner);
    struct buffer out, large;
    struct json_writer json;
    const struct json *value;
    struct error err = {0};
    buffer_init(&large, owner, 10 * JOURNAL_BODY_BYTES);
    for (size_t i = 0; i < JOURNAL_BODY_BYTES + 1; i++) {
        buffer_add_char(&large, 'x');
    }
    int64_t first = journal_add(journal, 0, SLICE("GET"), SLICE("/first"), SLICE(""));
    for (int i = 0; i < JOURNAL_ENTRIES; i++) {
        journal_add(journal, 0, SLICE("POST"), SLICE("/later?x"), buffer_slice(&large));
    }
    journal_note(journal, first, 200, 3); /* it is gone: no harm */
    journal_note(journal, JOURNAL_ENTRIES + 1, 201, 7);
    buffer_init(&out, owner, 64 * 1024 * 1024);
    json_writer_init(&json, &out);
    journal_write(journal, 0, JOURNAL_ENTRIES, &json);
    ck_assert(json_parse(owner, buffer_slice(&out), &value, &err));
    const struct json *items = json_get(value, "items");
    ck_assert_uint_eq(json_count(items), JOURNAL_ENTRIES);
    int64_t number = 2, status;
    for (struct json_iterator i = json_iterate(items); json_next(&i); number++) {
        int64_t own;
        ck_assert(json_int(json_get(i.value, "number"), &own));
        ck_assert_int_eq(own, number);
        ck_assert_str_eq(json_text(json_get(i.value, "path")), "/later?x");
        ck_assert_uint_eq(json_string(json_get(i.value, "body")).length, JOURNAL_BODY_BYTES);
        ck_assert(json_bool(json_get(i.value, "body_cut"), false));
        ck_assert_int_eq(
                json_int(json_get(i.value, "status"), &status), number == JOURNAL_ENTRIES + 1);
    }
    ck_assert_int_eq(status, 201);
    mem_free(owner);
}
END_TEST

static size_t entries_after(struct journal *journal, int64_t after, int64_t limit)
{
    struct buffer out;
    struct json_writer json;
    const struct json *value;
    struct error err = {0};
    buffer_init(&out, journal, 1024 * 1024);
    json_writer_init(&json, &out);
    journal_write(journal, after, limit, &json);
    ck_assert(json_parse(journal, buffer_slice(&out), &value, &err));
    return json_count(json_get(value, "items"));
}

START_TEST(journal_gives_the_newest)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct journal *journal = journal_new(owner);
    for (int i = 0; i < 5; i++) {
        journal_add(journal, 0, SLICE("GET"), SLICE("/"), SLICE(""));
    }
    ck_assert_uint_eq(entries_after(journal, 0, JOURNAL_ENTRIES), 5);
    ck_assert_uint_eq(entries_after(journal, 3, JOURNAL_ENTRIES), 2);
    ck_assert_uint_eq(entries_after(journal, 3, 1), 1);
    ck_assert_uint_eq(entries_after(journal, 0, 0), 0);
    ck_assert_uint_eq(entries_after(journal, INT64_MAX, 5), 0);
    journal_clear(journal);
    ck_assert_uint_eq(entries_after(journal, 0, 5), 0);
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, callback_row, callbacks);
    TEST_ADD(suite, callback_says_failed);
    TEST_ADD(suite, callback_of_a_verifier);
    TEST_ADD(suite, cursor_round_trip);
    TEST_ADD_ROWS(suite, bad_cursor_row, bad_cursors);
    TEST_ADD(suite, cursor_that_is_no_base64);
    TEST_ADD(suite, catalog_is_whole);
    TEST_ADD(suite, every_emulation_has_its_tool);
    TEST_ADD(suite, versions);
    TEST_ADD_ROWS(suite, merge_row, merges);
    TEST_ADD_ROWS(suite, arguments_row, arguments);
    TEST_ADD(suite, fault_of_the_nth_request);
    TEST_ADD(suite, fault_so_many_times);
    TEST_ADD(suite, fault_of_a_user);
    TEST_ADD(suite, faults_are_all_or_none);
    TEST_ADD(suite, journal_keeps_the_last);
    TEST_ADD(suite, journal_gives_the_newest);
}
TEST_MAIN("sandbox", cases)
