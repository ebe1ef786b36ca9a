#include "testing/test.h"
#include "trpc/trpc_internal.h"

static const struct {
    const char *name, *text, *value; /* value NULL: undefined */
    const char *error;
} rows[] = {
        {.name = "a value", .text = "{\"json\":{\"a\":1.0}}", .value = "{\"a\":1.0}"},
        {.name = "null", .text = "{\"json\":null}", .value = "null"},
        {.name = "nothing", .text = "{}"},
        {.name = "not wrapped", .text = "[1]"},
        {.name = "undefined",
                .text = "{\"json\":null,\"meta\":{\"values\":[\"undefined\"],\"v\":1}}"},
        {.name = "a Date alone",
                .text = "{\"json\":\"1970-01-01T00:00:00.000Z\",\"meta\":{\"values\":[\"Date\"]}}",
                .value = "\"1970-01-01T00:00:00.000Z\""},
        {.name = "a number alone",
                .text = "{\"json\":\"NaN\",\"meta\":{\"values\":[\"number\"]}}",
                .error = "NaN, Infinity and -0 have no form in JSON: leave them out."},
        {.name = "texts of Date, bigint, URL",
                .text = "{\"json\":{\"a\":\"x\",\"b\":\"12345678901234567890\",\"c\":\"u\"},"
                        "\"meta\":{\"values\":{\"a\":[\"Date\"],\"b\":[\"bigint\"],\"c\":[\"URL\"]}"
                        ",\"v\":1}}",
                .value = "{\"a\":\"x\",\"b\":\"12345678901234567890\",\"c\":\"u\"}"},
        {.name = "undefined members",
                .text = "{\"json\":{\"a\":null,\"b\":{\"c\":null,\"d\":1e2},\"e\":null},"
                        "\"meta\":{\"values\":{\"a\":[\"undefined\"],\"b.c\":[\"undefined\"]},"
                        "\"v\":1}}",
                .value = "{\"b\":{\"d\":1e2},\"e\":null}"},
        {.name = "undefined in arrays stays null, in objects in arrays not",
                .text = "{\"json\":[null,{\"a\":null,\"b\":2},\"\\ud800\"],\"meta\":{\"values\":{"
                        "\"0\":[\"undefined\"],\"1.a\":[\"undefined\"]},\"v\":1}}",
                .value = "[null,{\"b\":2},\"\\ud800\"]"},
        {.name = "all of a repeated name",
                .text = "{\"json\":{\"a\":1,\"a\":null},\"meta\":{\"values\":{\"a\":[\"undefined\"]"
                        "}}}",
                .value = "{}"},
        {.name = "dots and backslashes in names",
                .text = "{\"json\":{\"a.b\":null,\"c\\\\d\":null,\"e\":{\"\":null}},\"meta\":{"
                        "\"values\":{\"a\\\\.b\":[\"undefined\"],\"c\\\\\\\\d\":[\"undefined\"],"
                        "\"e.\":[\"undefined\"]},\"v\":1}}",
                .value = "{\"e\":{}}"},
        {.name = "backslashes before there was v",
                .text = "{\"json\":{\"a.b\":null,\"c\\\\d\":null},\"meta\":{\"values\":{"
                        "\"a\\\\.b\":[\"undefined\"],\"c\\\\d\":[\"undefined\"]}}}",
                .value = "{}"},
        {.name = "a bad escape",
                .text = "{\"json\":{},\"meta\":{\"values\":{\"a\\\\b\":[\"Date\"]},\"v\":1}}",
                .error = "invalid path"},
        {.name = "an escape at the end",
                .text = "{\"json\":{},\"meta\":{\"values\":{\"a\\\\\":[\"undefined\"]},\"v\":1}}",
                .error = "invalid path"},
        {.name = "paths that lead nowhere",
                .text = "{\"json\":{\"a\":[1],\"n\":null},\"meta\":{\"values\":{\"b\":[\"number\"],"
                        "\"a.1\":[\"number\"],\"a.x\":[\"number\"],\"a.0.z\":[\"number\"],"
                        "\"a.99999999999999999999\":[\"undefined\"],\"n.x\":[\"undefined\"]}}}",
                .value = "{\"a\":[1],\"n\":null}"},
        {.name = "a number inside",
                .text = "{\"json\":{\"a\":[\"-0\"]},\"meta\":{\"values\":{\"a.0\":[\"number\"]}}}",
                .error = "NaN, Infinity and -0 have no form in JSON: leave them out."},
        {.name = "the prototype, of whatever type",
                .text = "{\"json\":{},\"meta\":{\"values\":{\"a.__proto__.b\":[\"Date\"]}}}",
                .error = "__proto__ is not allowed as a property"},
        {.name = "the constructor",
                .text = "{\"json\":{},\"meta\":{\"values\":{\"constructor\":[\"undefined\"]}}}",
                .error = "constructor is not allowed as a property"},
        {.name = "the constructor's prototype",
                .text = "{\"json\":{},\"meta\":{\"values\":{\"x.prototype\":[\"undefined\"]}}}",
                .error = "prototype is not allowed as a property"},
        {.name = "marks inside of a map",
                .text = "{\"json\":{\"m\":[[\"k\",{\"u\":null,\"v\":1}]]},\"meta\":{\"values\":{"
                        "\"m\":[\"map\",{\"0.1.u\":[\"undefined\"],\"0.1.__proto\":[\"Date\"]}]}}}",
                .value = "{\"m\":[[\"k\",{\"v\":1}]]}"},
        {.name = "marks inside of a map that is all",
                .text = "{\"json\":[[1,{\"u\":null}]],\"meta\":{\"values\":[\"map\",{"
                        "\"0.1.u\":[\"undefined\"]}]}}",
                .value = "[[1,{}]]"},
        {.name = "a type of two words",
                .text = "{\"json\":[1],\"meta\":{\"values\":[[\"typed-array\",\"Uint8Array\"]]}}",
                .value = "[1]"},
        {.name = "meta that makes no sense",
                .text = "{\"json\":[1],\"meta\":{\"values\":{\"0\":7,\"1\":[],\"2\":[[\"number\"]]}"
                        ",\"v\":\"x\",\"referentialEqualities\":{\"0\":[\"1\"]}}}",
                .value = "[1]"},
};

START_TEST(unwrap_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct error err = {.code = ERROR_NONE};
    const struct json *wrapped = NULL, *value = NULL;
    ck_assert(json_parse(owner, slice_of(rows[_i].text), &wrapped, &err));
    bool ok = trpc_superjson_unwrap(owner, wrapped, &value, &err);
    ck_assert_str_eq(err.message, rows[_i].error == NULL ? "" : rows[_i].error);
    ck_assert_int_eq(ok, rows[_i].error == NULL);
    ck_assert_int_eq(err.code, ok ? ERROR_NONE : ERROR_BAD_REQUEST);
    if (rows[_i].value == NULL) {
        ck_assert_ptr_null(value);
    } else {
        const struct json *expected = NULL;
        ck_assert(json_parse(owner, slice_of(rows[_i].value), &expected, &err));
        ck_assert(json_equal(value, expected));
    }
    mem_free(owner);
}
END_TEST

/* { "a0": null, … }, all undefined. */
static const struct json *with_undefined(void *owner, int count)
{
    struct buffer text;
    struct error err = {.code = ERROR_NONE};
    const struct json *wrapped = NULL;
    buffer_init(&text, owner, 1024 * 1024);
    buffer_add_text(&text, "{\"json\":{\"kept\":1");
    for (int i = 0; i < count; i++) {
        buffer_printf(&text, ",\"a%d\":null", i);
    }
    buffer_add_text(&text, "},\"meta\":{\"values\":{\"kept\":[\"Date\"]");
    for (int i = 0; i < count; i++) {
        buffer_printf(&text, ",\"a%d\":[\"undefined\"]", i);
    }
    buffer_add_text(&text, "}}}");
    ck_assert(json_parse(owner, buffer_slice(&text), &wrapped, &err));
    return wrapped;
}

START_TEST(unwraps_up_to_256_undefined_members)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct error err = {.code = ERROR_NONE};
    const struct json *value = NULL;
    ck_assert(trpc_superjson_unwrap(owner, with_undefined(owner, 256), &value, &err));
    ck_assert_uint_eq(json_count(value), 1);
    ck_assert(!trpc_superjson_unwrap(owner, with_undefined(owner, 257), &value, &err));
    ck_assert_int_eq(err.code, ERROR_BAD_REQUEST);
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, unwrap_row, rows);
    TEST_ADD(suite, unwraps_up_to_256_undefined_members);
}

TEST_MAIN("superjson", cases)
