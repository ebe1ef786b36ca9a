/* Issues as zod 4.6.7 has them for the schema beside each list of fields, except where a row says ours. */
#include "testing/test.h"
#include "trpc/trpc_internal.h"

static const char *check_even(const struct json *value)
{
    int64_t number = 0;
    ck_assert(json_int(value, &number));
    return number % 2 == 0 ? NULL : "must be even";
}

static const char *check_lower(const struct json *value)
{
    return *json_text(value) == 'X' ? "must be lower case" : NULL;
}

static const char *const choices[] = {"a", "b", NULL};

/* z.object({ s: z.string().min(5).max(2).refine(…) }) */
static const struct trpc_field odd_string[] = {
        {.name = "s", .type = TRPC_STRING, .min = 5, .max = 2, .check = check_lower},
        {.name = NULL}};
/* z.object({ s: z.string().min(1).max(3), t: z.string().optional() }) */
static const struct trpc_field strings[] = {{.name = "s", .type = TRPC_STRING, .min = 1, .max = 3},
        {.name = "t", .type = TRPC_STRING, .optional = true}, {.name = NULL}};
/* z.object({ n: z.int().min(1).max(100).refine(…) }) */
static const struct trpc_field limited[] = {
        {.name = "n", .type = TRPC_INT, .min = 1, .max = 100, .check = check_even}, {.name = NULL}};
/* z.object({ n: z.int() }) */
static const struct trpc_field integer[] = {{.name = "n", .type = TRPC_INT}, {.name = NULL}};
/* z.object({ b: z.boolean(), e: z.enum(['a', 'b']), o: z.looseObject({}), a: z.any().optional() }) */
static const struct trpc_field others[] = {{.name = "b", .type = TRPC_BOOL},
        {.name = "e", .type = TRPC_ENUM, .choices = choices}, {.name = "o", .type = TRPC_OBJECT},
        {.name = "a", .type = TRPC_ANY}, {.name = NULL}};

#define WRONG_TYPE(expected, path, received)                                                    \
    "{\"expected\":\"" expected "\",\"code\":\"invalid_type\",\"path\":[" path "],\"message\":" \
    "\"Invalid input: expected " expected ", received " received "\"}"
#define FRACTION                                                                               \
    "{\"expected\":\"int\",\"format\":\"safeint\",\"code\":\"invalid_type\",\"path\":[\"n\"]," \
    "\"message\":\"Invalid input: expected int, received number\"}"
#define UNSAFE(code, bound, limit, words)                                                    \
    "{\"code\":\"" code "\",\"" bound "\":" limit ",\"note\":\"Integers must be within the " \
    "safe integer range.\",\"origin\":\"int\",\"inclusive\":true,\"path\":[\"n\"],"          \
    "\"message\":\"" words limit "\"}"
#define NO_CHOICE                                                            \
    "{\"code\":\"invalid_value\",\"values\":[\"a\",\"b\"],\"path\":[\"e\"]," \
    "\"message\":\"Invalid option: expected one of \\\"a\\\"|\\\"b\\\"\"}"
#define CUSTOM(path, message) \
    "{\"code\":\"custom\",\"path\":[\"" path "\"],\"message\":\"" message "\"}"

static const struct {
    const char *name;
    const struct trpc_field *fields;
    const char *input;  /* NULL: undefined */
    const char *issues; /* NULL: none */
    const char *flattened;
} rows[] = {
        {.name = "good strings", .fields = strings, .input = "{\"s\":\"abc\",\"t\":\"\",\"u\":1}"},
        {.name = "length in UTF-16 units",
                .fields = strings,
                .input = "{\"s\":\"\\ud83d\\ude00\\u00e9\"}"},
        {.name = "too many UTF-16 units",
                .fields = strings,
                .input = "{\"s\":\"\\ud83d\\ude00\\ud83d\\ude00\"}",
                .issues = "[{\"origin\":\"string\",\"code\":\"too_big\",\"maximum\":3,"
                          "\"inclusive\":true,\"path\":[\"s\"],\"message\":\"Too big: expected "
                          "string to have <=3 characters\"}]",
                .flattened = "{\"formErrors\":[],\"fieldErrors\":{\"s\":[\"Too big: expected "
                             "string to have <=3 characters\"]}}"},
        {.name = "every issue of every field",
                .fields = strings,
                .input = "{\"s\":\"\",\"t\":null}",
                .issues = "[{\"origin\":\"string\",\"code\":\"too_small\",\"minimum\":1,"
                          "\"inclusive\":true,\"path\":[\"s\"],\"message\":\"Too small: expected "
                          "string to have >=1 characters\"}," WRONG_TYPE(
                                  "string", "\"t\"", "null") "]",
                .flattened = "{\"formErrors\":[],\"fieldErrors\":{\"s\":[\"Too small: expected "
                             "string to have >=1 characters\"],\"t\":[\"Invalid input: expected "
                             "string, received null\"]}}"},
        {.name = "all issues of one field",
                .fields = odd_string,
                .input = "{\"s\":\"Xyz\"}",
                .issues = "[{\"origin\":\"string\",\"code\":\"too_small\",\"minimum\":5,"
                          "\"inclusive\":true,\"path\":[\"s\"],\"message\":\"Too small: expected "
                          "string to have >=5 characters\"},{\"origin\":\"string\",\"code\":"
                          "\"too_big\",\"maximum\":2,\"inclusive\":true,\"path\":[\"s\"],"
                          "\"message\":\"Too big: expected string to have <=2 "
                          "characters\"}," CUSTOM("s", "must be lower case") "]",
                .flattened = "{\"formErrors\":[],\"fieldErrors\":{\"s\":[\"Too small: expected "
                             "string to have >=5 characters\",\"Too big: expected string to have "
                             "<=2 characters\",\"must be lower case\"]}}"},
        {.name = "ours: NUL",
                .fields = strings,
                .input = "{\"s\":\"a\\u0000\"}",
                .issues = "[" CUSTOM("s", "Invalid input: a NUL character is not allowed") "]",
                .flattened = "{\"formErrors\":[],\"fieldErrors\":{\"s\":[\"Invalid input: a NUL "
                             "character is not allowed\"]}}"},
        {.name = "ours: a lone surrogate",
                .fields = strings,
                .input = "{\"s\":\"\\ud800\"}",
                .issues = "[" CUSTOM("s", "Invalid input: a lone surrogate is not allowed") "]",
                .flattened = "{\"formErrors\":[],\"fieldErrors\":{\"s\":[\"Invalid input: a lone "
                             "surrogate is not allowed\"]}}"},
        {.name = "input undefined",
                .fields = strings,
                .issues = "[" WRONG_TYPE("object", "", "undefined") "]",
                .flattened = "{\"formErrors\":[\"Invalid input: expected object, received "
                             "undefined\"],\"fieldErrors\":{}}"},
        {.name = "input null",
                .fields = strings,
                .input = "null",
                .issues = "[" WRONG_TYPE("object", "", "null") "]",
                .flattened = "{\"formErrors\":[\"Invalid input: expected object, received "
                             "null\"],\"fieldErrors\":{}}"},
        {.name = "input an array",
                .fields = strings,
                .input = "[]",
                .issues = "[" WRONG_TYPE("object", "", "array") "]",
                .flattened = "{\"formErrors\":[\"Invalid input: expected object, received "
                             "array\"],\"fieldErrors\":{}}"},
        {.name = "the last of a repeated name",
                .fields = strings,
                .input = "{\"s\":1,\"s\":\"a\"}"},
        {.name = "a good integer", .fields = limited, .input = "{\"n\":1e2}"},
        {.name = "a string for an integer",
                .fields = limited,
                .input = "{\"n\":\"1\"}",
                .issues = "[" WRONG_TYPE("number", "\"n\"", "string") "]"},
        {.name = "a fraction",
                .fields = limited,
                .input = "{\"n\":1.5}",
                .issues = "[" FRACTION "]"},
        {.name = "an integer too small",
                .fields = limited,
                .input = "{\"n\":0}",
                .issues = "[{\"origin\":\"number\",\"code\":\"too_small\",\"minimum\":1,"
                          "\"inclusive\":true,\"path\":[\"n\"],\"message\":\"Too small: expected "
                          "number to be >=1\"}]"},
        {.name = "an integer too big, and odd",
                .fields = limited,
                .input = "{\"n\":101}",
                .issues = "[{\"origin\":\"number\",\"code\":\"too_big\",\"maximum\":100,"
                          "\"inclusive\":true,\"path\":[\"n\"],\"message\":\"Too big: expected "
                          "number to be <=100\"}," CUSTOM("n", "must be even") "]"},
        {.name = "safe integers", .fields = integer, .input = "{\"n\":-9007199254740991}"},
        {.name = "an integer beyond the safe",
                .fields = integer,
                .input = "{\"n\":9007199254740993}",
                .issues = "[" UNSAFE("too_big", "maximum", "9007199254740991",
                        "Too big: expected int to be <=") "]"},
        {.name = "an integer beyond the safe, and the limits",
                .fields = limited,
                .input = "{\"n\":1e300}",
                .issues = "[" UNSAFE("too_big", "maximum", "9007199254740991",
                        "Too big: expected int to be <=") ",{\"origin\":\"number\",\"code\":"
                                                          "\"too_big\",\"maximum\":100,"
                                                          "\"inclusive\":true,\"path\":[\"n\"],"
                                                          "\"message\":\"Too big: expected "
                                                          "number to be <=100\"}]"},
        {.name = "an integer beyond 64 bits",
                .fields = integer,
                .input = "{\"n\":-1e300}",
                .issues = "[" UNSAFE("too_small", "minimum", "-9007199254740991",
                        "Too small: expected int to be >=") "]"},
        {.name = "a tiny fraction",
                .fields = integer,
                .input = "{\"n\":1e-300}",
                .issues = "[" FRACTION "]"},
        {.name = "the others, good",
                .fields = others,
                .input = "{\"b\":false,\"e\":\"b\",\"o\":{},\"a\":null}"},
        {.name = "the others, left out",
                .fields = others,
                .input = "{}",
                .issues = "[" WRONG_TYPE("boolean", "\"b\"",
                        "undefined") "," NO_CHOICE
                                     "," WRONG_TYPE("object", "\"o\"", "undefined") "]"},
        {.name = "the others, bad",
                .fields = others,
                .input = "{\"b\":1,\"e\":\"a\\u0000\",\"o\":[]}",
                .issues = "[" WRONG_TYPE("boolean", "\"b\"", "number") "," NO_CHOICE "," WRONG_TYPE(
                        "object", "\"o\"", "array") "]"},
};

START_TEST(check_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct trpc_failure failure = {.err = {.code = ERROR_NONE}};
    struct error err = {.code = ERROR_NONE};
    const struct json *input = NULL, *issues = NULL, *expected = NULL;
    ck_assert(rows[_i].input == NULL || json_parse(owner, slice_of(rows[_i].input), &input, &err));
    bool ok = trpc_check_input(owner, rows[_i].fields, input, &failure);
    if (rows[_i].issues == NULL) {
        ck_assert_pstr_eq(failure.message.data, NULL);
        ck_assert(ok);
    } else {
        ck_assert(!ok);
        ck_assert_int_eq(failure.err.code, ERROR_BAD_REQUEST);
        ck_assert_str_eq(failure.err.reason, "INVALID_INPUT");
        ck_assert(json_parse(owner, failure.message, &issues, &err));
        ck_assert(json_parse(owner, slice_of(rows[_i].issues), &expected, &err));
        ck_assert_str_eq(json_to_text(owner, issues).data, json_to_text(owner, expected).data);
        ck_assert(json_parse(owner, failure.zod_error, &issues, &err)); /* is JSON */
    }
    if (rows[_i].flattened != NULL) {
        ck_assert_str_eq(failure.zod_error.data, rows[_i].flattened);
    }
    mem_free(owner);
}
END_TEST

/* JSON.stringify(issues, null, 2), to the blank. */
START_TEST(indents_issues_by_two)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct trpc_failure failure = {.err = {.code = ERROR_NONE}};
    struct error err = {.code = ERROR_NONE};
    const struct json *input = NULL;
    ck_assert(json_parse(owner, SLICE("{\"b\":true}"), &input, &err));
    ck_assert(!trpc_check_input(owner, others, input, &failure));
    ck_assert_str_eq(failure.message.data,
            "[\n  {\n    \"code\": \"invalid_value\",\n    \"values\": [\n      \"a\",\n      "
            "\"b\"\n    ],\n    \"path\": [\n      \"e\"\n    ],\n    \"message\": \"Invalid "
            "option: expected one of \\\"a\\\"|\\\"b\\\"\"\n  },\n  {\n    \"expected\": "
            "\"object\",\n    \"code\": \"invalid_type\",\n    \"path\": [\n      \"o\"\n    ],\n "
            "   \"message\": \"Invalid input: expected object, received undefined\"\n  }\n]");
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, check_row, rows);
    TEST_ADD(suite, indents_issues_by_two);
}

TEST_MAIN("input", cases)
