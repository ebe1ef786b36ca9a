/* What a record holds of values: exactly the same, or nothing secret. */
#include "core/recording.h"
#include "testing/test.h"

/* ---- what PostgreSQL's jsonb would not keep ---- */

static const struct {
    const char *name, *value, *column; /* column NULL: the value itself */
} kept[] = {
        {.name = "an integer of 20 digits", .value = "{\"n\":12345678901234567890}"},
        {.name = "a zero at the end of a fraction", .value = "[1.10,0.0,0]"},
        {.name = "a huge exponent", .value = "[1e400]", .column = "[{\"$json\":\"1e400\"}]"},
        {.name = "an exponent of nothing",
                .value = "{\"a\":1E0}",
                .column = "{\"a\":{\"$json\":\"1E0\"}}"},
        {.name = "negative zero",
                .value = "[-0,-0.0,-0.01]",
                .column = "[{\"$json\":\"-0\"},{\"$json\":\"-0.0\"},-0.01]"},
        {.name = "a NUL",
                .value = "{\"a\":[\"x\\u0000y\",\"z\"]}",
                .column = "{\"a\":[{\"$json\":\"\\\"x\\\\u0000y\\\"\"},\"z\"]}"},
        {.name = "a lone surrogate",
                .value = "[\"\\ud800\"]",
                .column = "[{\"$json\":\"\\\"\\\\ud800\\\"\"}]"},
        {.name = "a pair of them", .value = "[\"😀\"]"},
        {.name = "a NUL in a name",
                .value = "[{\"\\u0000\":1}]",
                .column = "[{\"$json\":\"{\\\"\\\\u0000\\\":1}\"}]"},
        {.name = "a name twice",
                .value = "{\"a\":{\"b\":1,\"c\":2,\"b\":3},\"d\":4}",
                .column = "{\"a\":{\"$json\":\"{\\\"b\\\":1,\\\"c\\\":2,\\\"b\\\":3}\"},\"d\":4}"},
        {.name = "a name twice, around what is escaped too",
                .value = "{\"b\":1e1,\"b\":\"\\u0000\"}",
                .column = "{\"$json\":\"{\\\"b\\\":1e1,\\\"b\\\":\\\"\\\\u0000\\\"}\"}"},
        {.name = "what looks like an escape",
                .value = "{\"$json\":\"1\"}",
                .column = "{\"$json\":\"{\\\"$json\\\":\\\"1\\\"}\"}"},
        {.name = "an empty name, an empty object, nothing",
                .value = "{\"\":{},\"a\":[],\"b\":null,\"c\":\"\"}"},
        {.name = "code points of every length, noncharacters, what is not assigned",
                .value =
                        "[\"aé€😀\",\"\xEF\xBF\xBE\xEF\xBF\xBF\",\"\xF4\x8F\xBF\xBF\",\"e\xCC\x81\","
                        "\"\xE2\x80\xAE\",\"\xEF\xBB\xBF\"]"},
        {.name = "a text", .value = "\"just so\""},
        {.name = "a NUL alone",
                .value = "\"\\u0000\"",
                .column = "{\"$json\":\"\\\"\\\\u0000\\\"\"}"},
};

START_TEST(value_is_kept)
{
    void *owner = mem_scope_new(NULL, __func__);
    const struct json *value = NULL;
    struct slice text = {NULL, 0};
    struct error err = {0};
    ck_assert_msg(json_parse(owner, slice_of(kept[_i].value), &value, &err), "%s", err.message);
    struct slice column = recording_text(owner, RECORDING_FULL, value);
    ck_assert_str_eq(mem_strndup(owner, column.data, column.length),
            kept[_i].column == NULL ? kept[_i].value : kept[_i].column);
    ck_assert(recording_value(owner, column, &text, &err));
    ck_assert_str_eq(mem_strndup(owner, text.data, text.length), kept[_i].value);
    mem_free(owner);
}
END_TEST

START_TEST(many_names_are_compared_in_time)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct buffer text;
    struct error err = {0};
    const struct json *value = NULL;
    buffer_init(&text, owner, 10000000);
    for (int i = 0; i < 300000; i++) {
        buffer_printf(&text, "%s\"%d\":0", i == 0 ? "{" : ",", i);
    }
    buffer_add_char(&text, '}');
    ck_assert(json_parse(owner, buffer_slice(&text), &value, &err));
    ck_assert(slice_equal(recording_text(owner, RECORDING_FULL, value), buffer_slice(&text)));
    mem_free(owner);
}
END_TEST

START_TEST(a_column_that_holds_no_record_is_refused)
{
    static const char *const columns[] = {"", "{", "{\"$json\":\"\"}", "[{\"$json\":\"{\"}]"};
    void *owner = mem_scope_new(NULL, __func__);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        struct slice text;
        struct error err = {0};
        ck_assert(!recording_value(owner, slice_of(columns[i]), &text, &err));
        ck_assert_str_eq(err.reason, "DATABASE_ERROR");
    }
    mem_free(owner);
}
END_TEST

/* ---- secrets ---- */

static const struct {
    const char *name, *value, *column;
} secrets[] = {
        {"names of secrets",
                "{\"password\":\"a\",\"Client-Secret\":\"b\",\"API_KEY\":7,\"refreshToken\":null,"
                "\"Authorization\":\"Bearer x\",\"x-api-key\":[1]}",
                "{\"password\":\"[redacted]\",\"Client-Secret\":\"[redacted]\",\"API_KEY\":\"[redacted]\","
                "\"refreshToken\":\"[redacted]\",\"Authorization\":\"[redacted]\","
                "\"x-api-key\":\"[redacted]\"}"},
        {"at any depth", "[{\"a\":[{\"b\":{\"secret\":{\"c\":1},\"d\":2}}]}]",
                "[{\"a\":[{\"b\":{\"secret\":\"[redacted]\",\"d\":2}}]}]"},
        {"inside of an escape", "{\"a\":1,\"a\":{\"token\":\"x\"}}",
                "{\"$json\":\"{\\\"a\\\":1,\\\"a\\\":{\\\"token\\\":\\\"[redacted]\\\"}}\"}"},
        {"what is none", "{\"subject\":\"password\",\"key\":\"k\"}",
                "{\"subject\":\"password\",\"key\":\"k\"}"},
};

START_TEST(secret_is_redacted)
{
    void *owner = mem_scope_new(NULL, __func__);
    const struct json *value = NULL;
    struct error err = {0};
    ck_assert(json_parse(owner, slice_of(secrets[_i].value), &value, &err));
    struct slice column = recording_text(owner, RECORDING_REDACTED, value);
    ck_assert_str_eq(mem_strndup(owner, column.data, column.length), secrets[_i].column);
    ck_assert(slice_is(recording_text(owner, RECORDING_METADATA, value), "null"));
    mem_free(owner);
}
END_TEST

START_TEST(errors_are_recorded_as_results_are)
{
    static const char text[] = "{\"token\":\"x\",\"why\":\"no\"}";
    void *owner = mem_scope_new(NULL, __func__);
    ck_assert_str_eq(recording_error(owner, RECORDING_FULL, text), text);
    ck_assert_str_eq(recording_error(owner, RECORDING_REDACTED, text),
            "{\"token\":\"[redacted]\",\"why\":\"no\"}");
    ck_assert_str_eq(
            recording_error(owner, RECORDING_REDACTED, "no such channel"), "no such channel");
    ck_assert_ptr_null(
            strstr(recording_error(owner, RECORDING_METADATA, "no such channel"), "channel"));
    ck_assert_ptr_null(recording_error(owner, RECORDING_METADATA, NULL));
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, value_is_kept, kept);
    TEST_ADD(suite, many_names_are_compared_in_time);
    TEST_ADD(suite, a_column_that_holds_no_record_is_refused);
    TEST_ADD_ROWS(suite, secret_is_redacted, secrets);
    TEST_ADD(suite, errors_are_recorded_as_results_are);
}
TEST_MAIN("recording", cases)
