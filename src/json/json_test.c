#include "testing/test.h"
#include "json/json.h"

/* A slice of a literal that may hold NULs. */
#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static void *owner;

static const struct json *parse(struct slice text)
{
    const struct json *value = NULL;
    struct error err = {0};
    bool ok = json_parse(owner, text, &value, &err);
    ck_assert_msg(ok, "%s", err.message);
    return value;
}

static const struct json *parse_text(const char *text)
{
    return parse(slice_of(text));
}

static void assert_slice(struct slice got, struct slice wanted)
{
    ck_assert_msg(slice_equal(got, wanted), "got <%.*s>, wanted <%.*s>", SLICE_ARG(got),
            SLICE_ARG(wanted));
}

/* What goes through unchanged (written NULL), or is written in another form with the same meaning (RFC 8259). */
static const struct {
    const char *name;
    struct slice text;
    const char *written;
} passing[] = {
        {"null", TEXT("null"), NULL},
        {"true", TEXT("true"), NULL},
        {"false", TEXT("false"), NULL},
        {"blanks around", TEXT(" \t\r\n [ 1 , 2 ] \n"), "[1,2]"},
        {"empty array", TEXT("[]"), NULL},
        {"empty object", TEXT("{}"), NULL},
        {"empty string", TEXT("\"\""), NULL},
        {"empty name", TEXT("{\"\":1,\"\":{\"\":2}}"), NULL},
        {"empties in each other", TEXT("[[],{},[[]],{\"a\":{}},[]]"), NULL},
        {"20-digit integer", TEXT("[12345678901234567890,-98765432109876543210]"), NULL},
        {"trailing zero", TEXT("[1.10,2.00]"), NULL},
        {"huge exponent", TEXT("[1e400,1E-400,1e+5]"), NULL},
        {"minus zero", TEXT("[-0,-0.0,0e0]"), NULL},
        {"number of a thousand digits and more",
                TEXT("1234567890.12345678901234567890123456789e12"), NULL},
        {"duplicate names", TEXT("{\"a\":1,\"b\":2,\"a\":3,\"a\":[]}"), NULL},
        {"order of names", TEXT("{\"z\":1,\"a\":2,\"10\":3,\"9\":4}"), NULL},
        {"short escapes", TEXT("\"\\\"\\\\\\b\\f\\n\\r\\t\""), NULL},
        {"escaped slash", TEXT("\"a\\/b\""), "\"a/b\""},
        {"control bytes", TEXT("\"\\u0001\\u001f\\u000b\""), NULL},
        {"control bytes with short forms", TEXT("\"\\u0008\\u000A\\u000d\""), "\"\\b\\n\\r\""},
        {"NUL in a string", TEXT("[\"a\\u0000b\",\"\\u0000\"]"), NULL},
        {"NUL in a name", TEXT("{\"a\\u0000b\":1,\"a\":2}"), NULL},
        {"DEL is plain", TEXT("\"a\x7F\""), NULL},
        {"escaped letter", TEXT("\"\\u0041\\u00e9\\u20AC\""), "\"A\xC3\xA9\xE2\x82\xAC\""},
        {"every length of UTF-8",
                TEXT("\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80"
                     "\xF4\x8F\xBF\xBF\""),
                NULL},
        {"U+2028 stays raw", TEXT("\"\xE2\x80\xA8\xE2\x80\xA9\""), NULL},
        {"surrogate pair", TEXT("\"\\uD83D\\uDE00\""), "\"\xF0\x9F\x98\x80\""},
        {"lone high surrogate", TEXT("\"\\ud83d\""), NULL},
        {"lone low surrogate", TEXT("\"x\\udc00y\""), NULL},
        {"first and last surrogate", TEXT("[\"\\ud800\",\"\\udfff\",\"\\udbff\"]"), NULL},
        {"upper-case lone surrogate", TEXT("\"\\uDBFF\""), "\"\\udbff\""},
        {"reversed pair", TEXT("\"\\ude00\\ud83d\""), NULL},
        {"high, then a pair", TEXT("\"\\ud83d\\ud83d\\ude00\\ude00\""),
                "\"\\ud83d\xF0\x9F\x98\x80\\ude00\""},
        {"lone surrogate before another escape", TEXT("\"\\ud83d\\n\\ud83d\\\\\""), NULL},
        {"lone surrogate in a name", TEXT("{\"\\ud83d\":\"\\ud83d\",\"x\":1}"), NULL},
        {"an escaped backslash before ud800", TEXT("\"\\\\ud800\""), NULL},
        {"escaped backslash and a lone surrogate", TEXT("\"\\\\\\ud800\\\\\\\\ud800\""), NULL},
        {"lone surrogate beside raw UTF-8",
                TEXT("\"\xED\x9F\xBF\\ud800\xEE\x80\x80\xF0\x9F\x98\x80\""), NULL},
        {"special byte at every place of eight",
                TEXT("[\"\\n1234567\",\"1\\n234567\",\"1234567\\n\",\"12345678\\n\",\"1234\\\"567\","
                     "\"123456789\\\\0\",\"12345\xC3\xA9"
                     "6789012345678\"]"),
                NULL},
};

START_TEST(passing_row)
{
    owner = mem_scope_new(NULL, __func__);
    struct slice wanted =
            passing[_i].written == NULL ? passing[_i].text : slice_of(passing[_i].written);
    const struct json *value = parse(passing[_i].text);
    struct slice written = json_to_text(owner, value);
    assert_slice(written, wanted);
    const struct json *again = parse(written);
    ck_assert(json_equal(value, again));
    assert_slice(json_to_text(owner, again), written);
    mem_free(owner);
}
END_TEST

static const struct {
    const char *name;
    struct slice text;
    size_t at;        /* the byte that the message names */
    const char *what; /* in the message */
} refused[] = {
        {"nothing", TEXT(""), 0, "length is 0"},
        {"blanks only", TEXT("  "), 0, "empty"},
        {"byte order mark", TEXT("\xEF\xBB\xBF[]"), 0, "byte order mark"},
        {"trailing garbage", TEXT("[] x"), 3, "after document"},
        {"two values", TEXT("1 2"), 2, "after document"},
        {"trailing comma in an array", TEXT("[1,]"), 2, "trailing comma"},
        {"trailing comma in an object", TEXT("{\"a\":1,}"), 6, "trailing comma"},
        {"comment", TEXT("[/*x*/1]"), 1, "unexpected character"},
        {"comment behind", TEXT("[] //"), 3, "after document"},
        {"NaN", TEXT("[NaN]"), 1, "unexpected character"},
        {"Infinity", TEXT("[Infinity]"), 1, "unexpected character"},
        {"-Infinity", TEXT("[-Infinity]"), 2, "no digit after minus sign"},
        {"leading zero", TEXT("[01]"), 1, "leading zero"},
        {"leading plus", TEXT("[+1]"), 1, "unexpected character"},
        {"no digit behind the point", TEXT("[1.,2]"), 4, "decimal point"},
        {"no digit before the point", TEXT("[.1]"), 1, "unexpected character"},
        {"no digit in the exponent", TEXT("[1e,2]"), 4, "exponent"},
        {"single quotes", TEXT("['a']"), 1, "unexpected character"},
        {"name without quotes", TEXT("{a:1}"), 1, "unexpected character"},
        {"no colon", TEXT("{\"a\" 1}"), 5, "unexpected character"},
        {"array not closed", TEXT("[1"), 2, "unexpected end"},
        {"string not closed", TEXT("\"abc"), 4, "unexpected end"},
        {"wrong bracket", TEXT("[1}"), 2, "unexpected character"},
        {"raw newline in a string", TEXT("\"a\nb\""), 2, "control character"},
        {"raw NUL in a string", TEXT("\"a\0b\""), 2, "control character"},
        {"NUL behind", TEXT("1\0"), 1, "after document"},
        {"unknown escape", TEXT("\"\\x41\""), 2, "escape"},
        {"three hex digits", TEXT("\"\\u041\""), 1, "escape"},
        {"upper-case literal", TEXT("TRUE"), 0, "unexpected character"},
        {"stray continuation", TEXT("\"a\x80\""), 2, "UTF-8"},
        {"overlong", TEXT("\"\xC0\xAF\""), 1, "UTF-8"},
        {"overlong of three", TEXT("\"\xE0\x80\xAF\""), 1, "UTF-8"},
        {"beyond U+10FFFF", TEXT("\"\xF4\x90\x80\x80\""), 1, "UTF-8"},
        {"raw surrogate", TEXT("\"\xED\xA0\x80\""), 1, "UTF-8"},
        {"sequence cut by the quote", TEXT("\"\xE2\x82\""), 1, "UTF-8"},
        {"sequence cut by the end", TEXT("\"\xE2\x82"), 3, "unexpected end"},
        {"raw surrogate beside an escaped one", TEXT("[\"\\ud800\",\"\xED\xA0\x80\"]"), 11,
                "UTF-8"},
        {"raw surrogate before an escaped one", TEXT("\"\xED\xA0\x80\\udc00\""), 1, "UTF-8"},
        {"overlong beside an escaped surrogate", TEXT("\"\\ud800\xC0\xAF\""), 7, "UTF-8"},
        {"garbage behind lone surrogates", TEXT("[\"\\ud800\\udfff \\udfff\"] x"), 24,
                "after document"},
        {"garbage between lone surrogates", TEXT("[\"\\ud800\\ud800\" ?,\"\\ud800\"]"), 16,
                "unexpected character"},
        {"lone surrogate outside of strings", TEXT("[\\ud800]"), 1, "unexpected character"},
        {"escaped quote outside of strings", TEXT("[\\\"\\ud800\"]"), 1, "unexpected character"},
};

START_TEST(refused_row)
{
    owner = mem_scope_new(NULL, __func__);
    struct error err = {0};
    const struct json *value = NULL;
    ck_assert(!json_parse(owner, refused[_i].text, &value, &err));
    ck_assert_ptr_null(value);
    ck_assert_int_eq(err.code, ERROR_PARSE_ERROR);
    ck_assert_msg(strstr(err.message, refused[_i].what) != NULL, "%s", err.message);
    const char *at = strstr(err.message, "at byte ");
    ck_assert_ptr_nonnull(at);
    ck_assert_msg(strtoul(at + 8, NULL, 10) == refused[_i].at, "%s", err.message);
    /* Nothing of the attempt stays with the owner. */
    ck_assert_uint_eq(talloc_total_blocks(owner), 1);
    mem_free(owner);
}
END_TEST

START_TEST(depth_is_limited)
{
    static const struct {
        const char *open, *close;
    } brackets[] = {{"[", "]"}, {"{\"a[[\\\"[\":", "}"}, {"[0,\"\\\\\",", ",{}]"}};
    owner = mem_scope_new(NULL, __func__);
    for (size_t row = 0; row < sizeof brackets / sizeof brackets[0]; row++) {
        for (int depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
            struct buffer text;
            buffer_init(&text, owner, 100000);
            for (int i = 1; i < depth; i++) {
                buffer_add_text(&text, brackets[row].open);
            }
            size_t innermost = text.length;
            buffer_add_text(&text, "[]");
            for (int i = 1; i < depth; i++) {
                buffer_add_text(&text, brackets[row].close);
            }
            struct error err = {0};
            const struct json *value = NULL;
            bool ok = json_parse(owner, buffer_slice(&text), &value, &err);
            ck_assert_int_eq(ok, depth <= JSON_MAX_DEPTH);
            if (ok) {
                assert_slice(json_to_text(owner, value), buffer_slice(&text));
            } else {
                char *message = mem_printf(
                        owner, "this is not JSON: nested too deeply, at byte %zu", innermost);
                ck_assert_str_eq(err.message, message);
            }
        }
    }
    mem_free(owner);
}
END_TEST

START_TEST(a_million_brackets_are_refused)
{
    owner = mem_scope_new(NULL, __func__);
    size_t size = 2000000;
    char *text = mem_array(owner, char, size);
    memset(text, '[', size / 2);
    memset(text + size / 2, ']', size / 2);
    struct error err = {0};
    const struct json *value;
    ck_assert(!json_parse(owner, (struct slice){text, size}, &value, &err));
    ck_assert_str_eq(err.message, "this is not JSON: nested too deeply, at byte 64");
    mem_free(owner);
}
END_TEST

START_TEST(megabyte_strings_pass)
{
    static const char *const pieces[] = {"x", "\xC3\xA9", "\\n", "\\ud800", "\\ud83d ", "\\\\u"};
    owner = mem_scope_new(NULL, __func__);
    for (size_t row = 0; row < sizeof pieces / sizeof pieces[0]; row++) {
        struct buffer text;
        buffer_init(&text, owner, 8 << 20);
        buffer_add_char(&text, '"');
        while (text.length < 1 << 20) {
            buffer_add_text(&text, pieces[row]);
        }
        buffer_add_char(&text, '"');
        assert_slice(json_to_text(owner, parse(buffer_slice(&text))), buffer_slice(&text));
    }
    mem_free(owner);
}
END_TEST

/* A small generator of its own: the same sequence everywhere. */
static unsigned next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

static void add_random_value(struct buffer *out, uint64_t *state, int depth)
{
    static const char *const leaves[] = {"null", "true", "false", "0", "-0.50", "1e400",
            "18446744073709551616", "\"\"", "\"\\ud83d\"", "\"\\ude00\\ud83d\"", "\"\\u0000\"",
            "\"\xF0\x9F\x98\x80 \\\"quoted\\\" \\\\ \xE2\x80\xA8\"", "\"plain text, long enough\""};
    static const char *const names[] = {"\"\"", "\"a\"", "\"a\"", "\"\\udfff\"", "\"\\u0000\"",
            "\"a long name of 8s\"", "\"\\n\""};
    unsigned kind = next_random(state) % 4;
    if (depth == 0 || kind < 2) {
        buffer_add_text(out, leaves[next_random(state) % (sizeof leaves / sizeof leaves[0])]);
        return;
    }
    buffer_add_char(out, kind == 2 ? '[' : '{');
    unsigned count = next_random(state) % 6;
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            buffer_add_char(out, ',');
        }
        if (kind == 3) {
            buffer_add_text(out, names[next_random(state) % (sizeof names / sizeof names[0])]);
            buffer_add_char(out, ':');
        }
        add_random_value(out, state, depth - 1);
    }
    buffer_add_char(out, kind == 2 ? ']' : '}');
}

START_TEST(random_canonical_texts_pass_unchanged)
{
    uint64_t state = 1;
    for (int round = 0; round < 3000; round++) {
        owner = mem_scope_new(NULL, __func__);
        struct buffer text;
        buffer_init(&text, owner, 1 << 20);
        add_random_value(&text, &state, 5);
        const struct json *value = parse(buffer_slice(&text));
        assert_slice(json_to_text(owner, value), buffer_slice(&text));
        ck_assert(json_equal(value, parse(buffer_slice(&text))));
        mem_free(owner);
    }
}
END_TEST

/* Every text that is one byte off another: refused, or something that passes; never a crash or a change. */
START_TEST(mutilated_texts_are_refused_or_pass)
{
    static const char seed[] =
            "{\"a\\ud800\\\\\":[1.5e3,-0,\"\\ud83d\\ude00\",\"\xE2\x82\xAC\\u0000\"],\"a\":{\"\":tr"
            "ue}}";
    char text[sizeof seed];
    for (size_t at = 0; at < sizeof seed - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            owner = mem_scope_new(NULL, __func__);
            memcpy(text, seed, sizeof seed);
            text[at] = (char)byte;
            const struct json *value;
            struct error err = {0};
            if (json_parse(owner, (struct slice){text, sizeof seed - 1}, &value, &err)) {
                ck_assert(json_equal(value, parse(json_to_text(owner, value))));
            }
            mem_free(owner);
        }
    }
}
END_TEST

static const struct {
    const char *name, *text;
    bool whole;
    int64_t value;
} ints[] = {
        {"zero", "0", true, 0},
        {"minus zero", "-0", true, 0},
        {"seven", "7", true, 7},
        {"5.0", "5.0", true, 5},
        {"1e3", "1e3", true, 1000},
        {"1E+3", "1E+3", true, 1000},
        {"10e-1", "10e-1", true, 1},
        {"1.5e1", "1.5e1", true, 15},
        {"0.001e3", "0.001e3", true, 1},
        {"120.00e-1", "120.00e-1", true, 12},
        {"100200300", "100200300", true, 100200300},
        {"1.10", "1.10", false, 0},
        {"1e-1", "1e-1", false, 0},
        {"12e-1", "12e-1", false, 0},
        {"largest", "9223372036854775807", true, INT64_MAX},
        {"smallest", "-9223372036854775808", true, INT64_MIN},
        {"above the largest", "9223372036854775808", false, 0},
        {"below the smallest", "-9223372036854775809", false, 0},
        {"largest in decimals", "92233720368547758.070e2", true, INT64_MAX},
        {"1e18", "1e18", true, 1000000000000000000},
        {"1e19", "1e19", false, 0},
        {"2^64", "18446744073709551616", false, 0},
        {"2^65 + 5", "36893488147419103237", false, 0},
        {"1e400", "1e400", false, 0},
        {"0e400", "0e400", true, 0},
        {"0.0e-400", "0.0e-400", true, 0},
        {"1e-400", "1e-400", false, 0},
        {"exponent beyond int64", "1e99999999999999999999999", false, 0},
        {"negative exponent beyond int64", "1e-99999999999999999999999", false, 0},
        {"fifty zeros taken back", "100000000000000000000000000000000000000000000000000e-50", true,
                1},
        {"string", "\"5\"", false, 0},
        {"null", "null", false, 0},
        {"array", "[5]", false, 0},
};

START_TEST(int_row)
{
    owner = mem_scope_new(NULL, __func__);
    int64_t value = -77;
    ck_assert_int_eq(json_int(parse_text(ints[_i].text), &value), ints[_i].whole);
    ck_assert_int_eq(value, ints[_i].whole ? ints[_i].value : -77);
    mem_free(owner);
}
END_TEST

START_TEST(values_are_what_they_are)
{
    owner = mem_scope_new(NULL, __func__);
    const struct json *value = parse_text("{\"a\":1,\"s\":\"x\\u0000y\",\"t\":\"plain\",\"n\":null,"
                                          "\"b\":true,\"a\":[10,20,30],\"o\":{\"in\":\"side\"}}");
    ck_assert_int_eq(json_type(value), JSON_OBJECT);
    ck_assert_uint_eq(json_count(value), 7);
    ck_assert_uint_eq(json_count(json_get(value, "a")), 3);
    ck_assert_ptr_null(json_get(value, "absent"));
    ck_assert_ptr_null(json_get(json_get(value, "absent"), "more"));
    ck_assert_ptr_nonnull(json_get(value, "n"));
    ck_assert_int_eq(json_type(json_get(value, "n")), JSON_NULL);
    ck_assert_str_eq(json_text(json_get(json_get(value, "o"), "in")), "side");
    assert_slice(json_string(json_get(value, "s")), SLICE("x\0y"));
    ck_assert_ptr_null(json_text(json_get(value, "s")));
    ck_assert_str_eq(json_text(json_get(value, "t")), "plain");
    ck_assert_ptr_null(json_text(json_get(value, "b")));
    ck_assert(json_bool(json_get(value, "b"), false));
    ck_assert(json_bool(json_get(value, "n"), true));
    ck_assert_ptr_null(json_number(json_get(value, "t")).data);
    mem_free(owner);
}
END_TEST

START_TEST(null_is_null)
{
    int64_t number;
    ck_assert_int_eq(json_type(NULL), JSON_NULL);
    ck_assert_uint_eq(json_count(NULL), 0);
    ck_assert_ptr_null(json_get(NULL, "a"));
    ck_assert_ptr_null(json_text(NULL));
    ck_assert_ptr_null(json_string(NULL).data);
    ck_assert_ptr_null(json_number(NULL).data);
    ck_assert(!json_int(NULL, &number));
    ck_assert(json_bool(NULL, true));
    struct json_iterator i = json_iterate(NULL);
    ck_assert(!json_next(&i));
    ck_assert(json_equal(NULL, NULL));
}
END_TEST

START_TEST(iterates_in_order)
{
    owner = mem_scope_new(NULL, __func__);
    struct buffer seen;
    buffer_init(&seen, owner, 1000);
    const struct json *value = parse_text("{\"b\":[1,[],2],\"a\":{\"x\":{}},\"b\":3}");
    for (struct json_iterator i = json_iterate(value); json_next(&i);) {
        buffer_printf(&seen, "%zu%.*s ", i.index, SLICE_ARG(i.name));
        for (struct json_iterator j = json_iterate(i.value); json_next(&j);) {
            buffer_printf(&seen, "(%zu%s%d)", j.index, j.name.data == NULL ? "" : j.name.data,
                    (int)json_type(j.value));
        }
    }
    ck_assert_str_eq(buffer_text(&seen), "0b (02)(14)(22)1a (0x5)2b ");
    mem_free(owner);
}
END_TEST

static const struct {
    const char *name, *a, *b;
    bool equal;
} pairs[] = {
        {"same with blanks", "{\"a\": [1, \"x\"]}", "{\"a\":[1,\"\\u0078\"]}", true},
        {"other order", "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", false},
        {"other text of a number", "1.0", "1", false},
        {"more elements", "[1,2]", "[1,2,3]", false},
        {"true and false", "true", "false", false},
        {"other name", "{\"a\":1}", "{\"b\":1}", false},
        {"number and its text", "1", "\"1\"", false},
        {"array and object", "[]", "{}", false},
        {"NUL and behind", "\"a\\u0000b\"", "\"a\\u0000c\"", false},
        {"deep difference", "[[[[{\"a\":[0]}]]]]", "[[[[{\"a\":[1]}]]]]", false},
};

START_TEST(equal_row)
{
    owner = mem_scope_new(NULL, __func__);
    const struct json *a = parse_text(pairs[_i].a), *b = parse_text(pairs[_i].b);
    ck_assert_int_eq(json_equal(a, b), pairs[_i].equal);
    ck_assert_int_eq(json_equal(b, a), pairs[_i].equal);
    mem_free(owner);
}
END_TEST

START_TEST(writes_all_kinds)
{
    owner = mem_scope_new(NULL, __func__);
    struct buffer out;
    buffer_init(&out, owner, 10000);
    struct json_writer writer;
    json_writer_init(&writer, &out);
    json_begin_object(&writer);
    json_write_name(&writer, "list");
    json_begin_array(&writer);
    json_write_null(&writer);
    json_write_bool(&writer, true);
    json_write_int(&writer, INT64_MIN);
    json_write_text(&writer, "say \"hi\"");
    json_write_text(&writer, NULL);
    json_begin_object(&writer);
    json_end_object(&writer);
    json_begin_array(&writer);
    json_end_array(&writer);
    json_end_array(&writer);
    json_write_name_slice(&writer, SLICE("n\0n"));
    json_write_string(&writer, SLICE("\0"));
    json_write_name(&writer, "time");
    json_write_time(&writer, 0);
    json_write_name(&writer, "printf");
    json_write_printf(&writer, "%d\n%s", 7, "x");
    json_write_name(&writer, "value");
    json_write_value(&writer, parse_text("[1.10]"));
    json_write_name(&writer, "none");
    json_write_value(&writer, NULL);
    json_write_name(&writer, "raw");
    json_write_raw(&writer, SLICE("{\"a\":1}"));
    json_write_raw_members(&writer, SLICE("\"b\":2,\"c\":3"));
    json_write_name(&writer, "last");
    json_write_int(&writer, 4);
    json_end_object(&writer);
    ck_assert_str_eq(buffer_text(&out),
            "{\"list\":[null,true,-9223372036854775808,\"say \\\"hi\\\"\",null,{},[]],"
            "\"n\\u0000n\":\"\\u0000\",\"time\":\"1970-01-01T00:00:00.000Z\",\"printf\":\"7\\nx\","
            "\"value\":[1.10],\"none\":null,\"raw\":{\"a\":1},"
            "\"b\":2,\"c\":3,\"last\":4}");
    parse(buffer_slice(&out));
    mem_free(owner);
}
END_TEST

#define REPLACEMENT "\xEF\xBF\xBD"

static const struct {
    const char *name;
    struct slice text;
    const char *written;
} strings[] = {
        {"empty", {NULL, 0}, ""},
        {"lone surrogates", TEXT("\xED\xA0\x80|\xED\xBF\xBF"), "\\ud800|\\udfff"},
        {"stray continuation", TEXT("a\x80z"), "a" REPLACEMENT "z"},
        {"cut at the end", TEXT("a\xE2\x82"), "a" REPLACEMENT REPLACEMENT},
        {"cut surrogate", TEXT("\xED\xA0"), REPLACEMENT REPLACEMENT},
        {"cut, then plain", TEXT("\xE2(\xF0\x9F)"), REPLACEMENT "(" REPLACEMENT REPLACEMENT ")"},
        {"overlong", TEXT("\xC0\x80"), REPLACEMENT REPLACEMENT},
        {"never in UTF-8", TEXT("\xFF\xFE"), REPLACEMENT REPLACEMENT},
        {"beyond Unicode", TEXT("\xF5\x80\x80\x80"),
                REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT},
        {"0x1F and its neighbours in one word", TEXT("\x1F\x20\x21\x22\x23\x5B\x5C\x5D"),
                "\\u001f !\\\"#[\\\\]"},
        {"last byte of a word",
                TEXT("1234567\x1F"
                     "12345678\\"),
                "1234567\\u001f12345678\\\\"},
};

START_TEST(string_row)
{
    owner = mem_scope_new(NULL, __func__);
    struct buffer out;
    buffer_init(&out, owner, 10000);
    struct json_writer writer;
    json_writer_init(&writer, &out);
    json_write_string(&writer, strings[_i].text);
    ck_assert_str_eq(buffer_text(&out), mem_printf(owner, "\"%s\"", strings[_i].written));
    parse(buffer_slice(&out));
    mem_free(owner);
}
END_TEST

START_TEST(values_outlive_their_text)
{
    owner = mem_scope_new(NULL, __func__);
    char text[] = "{\"name\":[\"value\",12.5]}";
    const struct json *value = parse_text(text);
    memset(text, 'x', sizeof text);
    assert_slice(json_to_text(owner, value), SLICE("{\"name\":[\"value\",12.5]}"));
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, passing_row, passing);
    TEST_ADD_ROWS(suite, refused_row, refused);
    TEST_ADD(suite, depth_is_limited);
    TEST_ADD(suite, a_million_brackets_are_refused);
    TEST_ADD(suite, megabyte_strings_pass);
    TEST_ADD(suite, random_canonical_texts_pass_unchanged);
    TEST_ADD(suite, mutilated_texts_are_refused_or_pass);
    TEST_ADD_ROWS(suite, int_row, ints);
    TEST_ADD(suite, values_are_what_they_are);
    TEST_ADD(suite, null_is_null);
    TEST_ADD(suite, iterates_in_order);
    TEST_ADD_ROWS(suite, equal_row, pairs);
    TEST_ADD(suite, writes_all_kinds);
    TEST_ADD_ROWS(suite, string_row, strings);
    TEST_ADD(suite, values_outlive_their_text);
}

TEST_MAIN("json", cases)
