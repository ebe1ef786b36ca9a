/* What fits a schema: rows in the manner of the official JSON-Schema-Test-Suite, most of them its very cases; then what
 * the messages say, and what is let pass. */
#include "json/schema.h"

#include "testing/test.h"

static void *owner;

static const struct json *parse(const char *text)
{
    const struct json *value = NULL;
    struct error err = {0};
    ck_assert_msg(json_parse(owner, slice_of(text), &value, &err), "%s: %s", text, err.message);
    return value;
}

static bool check(const char *schema, const char *value, struct json_misfit *misfit)
{
    return json_fits_schema(owner, parse(schema), parse(value), misfit);
}

#define NO           false
#define YES          true
#define ENUM_OF_MANY "{\"enum\":[6,\"foo\",[],true,{\"foo\":12}]}"
#define BAR_IS_INTEGER \
    "{\"$defs\":{\"n\":{\"type\":\"integer\"}},\"properties\":{\"bar\":{\"$ref\":\"#/$defs/n\"}}}"

static const struct {
    const char *name, *schema, *value;
    bool fits;
} rows[] = {
        {"true fits all", "true", "{\"a\":1}", YES},
        {"false fits nothing", "false", "null", NO},
        {"empty schema", "{}", "[1,{}]", YES},

        {"integer", "{\"type\":\"integer\"}", "1", YES},
        {"integer with zero fraction", "{\"type\":\"integer\"}", "1.0", YES},
        {"integer as power", "{\"type\":\"integer\"}", "1e30", YES},
        {"integer of forty digits", "{\"type\":\"integer\"}",
                "1234567890123456789012345678901234567890", YES},
        {"fraction is no integer", "{\"type\":\"integer\"}", "1.1", NO},
        {"small power is no integer", "{\"type\":\"integer\"}", "1e-1", NO},
        {"zero of any form is an integer", "{\"type\":\"integer\"}", "0.00e-5", YES},
        {"string is no integer even if it looks like one", "{\"type\":\"integer\"}", "\"1\"", NO},
        {"object is no integer", "{\"type\":\"integer\"}", "{}", NO},
        {"null is no integer", "{\"type\":\"integer\"}", "null", NO},
        {"number", "{\"type\":\"number\"}", "1.1", YES},
        {"integer is a number", "{\"type\":\"number\"}", "1", YES},
        {"boolean is no number", "{\"type\":\"number\"}", "true", NO},
        {"string", "{\"type\":\"string\"}", "\"\"", YES},
        {"number is no string", "{\"type\":\"string\"}", "1", NO},
        {"array is no string", "{\"type\":\"string\"}", "[]", NO},
        {"object", "{\"type\":\"object\"}", "{}", YES},
        {"array is no object", "{\"type\":\"object\"}", "[]", NO},
        {"array", "{\"type\":\"array\"}", "[]", YES},
        {"object is no array", "{\"type\":\"array\"}", "{}", NO},
        {"boolean", "{\"type\":\"boolean\"}", "false", YES},
        {"zero is no boolean", "{\"type\":\"boolean\"}", "0", NO},
        {"null", "{\"type\":\"null\"}", "null", YES},
        {"empty string is no null", "{\"type\":\"null\"}", "\"\"", NO},
        {"one of two types", "{\"type\":[\"integer\",\"string\"]}", "\"a\"", YES},
        {"other of two types", "{\"type\":[\"integer\",\"string\"]}", "1", YES},
        {"none of two types", "{\"type\":[\"integer\",\"string\"]}", "null", NO},
        {"nullable of OpenAPI", "{\"type\":\"string\",\"nullable\":true}", "null", YES},
        {"nullable keeps the type", "{\"type\":\"string\",\"nullable\":true}", "1", NO},
        {"not nullable", "{\"type\":\"string\",\"nullable\":false}", "null", NO},
        {"nullable enum", "{\"enum\":[\"a\"],\"nullable\":true}", "null", YES},

        {"enum member", "{\"enum\":[1,2,3]}", "1", YES},
        {"no enum member", "{\"enum\":[1,2,3]}", "4", NO},
        {"enum of many kinds: array", ENUM_OF_MANY, "[]", YES},
        {"enum of many kinds: object", ENUM_OF_MANY, "{\"foo\":12.0}", YES},
        {"enum of many kinds: another object", ENUM_OF_MANY, "{\"foo\":false}", NO},
        {"enum of many kinds: more members", ENUM_OF_MANY, "{\"foo\":12,\"boo\":42}", NO},
        {"enum with false", "{\"enum\":[false]}", "0", NO},
        {"enum with [false]", "{\"enum\":[[false]]}", "[0]", NO},
        {"enum with escape", "{\"enum\":[\"foo\\nbar\"]}", "\"foo\\u000abar\"", YES},
        {"enum with NUL", "{\"enum\":[\"hello\\u0000there\"]}", "\"hello\"", NO},
        {"const", "{\"const\":2}", "2", YES},
        {"const 2 is 2.0", "{\"const\":2}", "2.0", YES},
        {"const 1e2 is 100", "{\"const\":1e2}", "100", YES},
        {"const is another number", "{\"const\":2}", "5", NO},
        {"const object in another order", "{\"const\":{\"a\":1,\"b\":[2]}}", "{\"b\":[2],\"a\":1}",
                YES},
        {"const null", "{\"const\":null}", "0", NO},
        {"const of twenty digits", "{\"const\":9007199254740993}", "9007199254740992", NO},
        {"const minus zero", "{\"const\":-0.0}", "0", YES},

        {"minimum", "{\"minimum\":1.1}", "2.6", YES},
        {"minimum itself", "{\"minimum\":1.1}", "1.10", YES},
        {"below minimum", "{\"minimum\":1.1}", "0.6", NO},
        {"minimum is not about strings", "{\"minimum\":1.1}", "\"x\"", YES},
        {"negative minimum", "{\"minimum\":-2}", "-2.0001", NO},
        {"between negatives", "{\"minimum\":-2}", "-1", YES},
        {"minimum in another form", "{\"minimum\":1e3}", "999.999", NO},
        {"maximum", "{\"maximum\":3.0}", "2.6", YES},
        {"above maximum", "{\"maximum\":3.0}", "3.5", NO},
        {"maximum of big numbers", "{\"maximum\":18446744073709551615}", "18446744073709551616",
                NO},
        {"big maximum itself", "{\"maximum\":18446744073709551615}", "18446744073709551615", YES},
        {"beyond doubles", "{\"maximum\":1e400}", "1e401", NO},
        {"last of forty digits", "{\"minimum\":0.1234567890123456789012345678901234567891}",
                "0.1234567890123456789012345678901234567890", NO},
        {"exclusive minimum", "{\"exclusiveMinimum\":1.1}", "1.1", NO},
        {"above exclusive minimum", "{\"exclusiveMinimum\":1.1}", "1.2", YES},
        {"exclusive maximum", "{\"exclusiveMaximum\":3.0}", "3", NO},
        {"exclusive minimum of draft 4", "{\"minimum\":1,\"exclusiveMinimum\":true}", "1", NO},
        {"exclusive maximum of draft 4", "{\"maximum\":1,\"exclusiveMaximum\":true}", "1", NO},
        {"not exclusive in draft 4", "{\"maximum\":1,\"exclusiveMaximum\":false}", "1", YES},

        {"minLength", "{\"minLength\":2}", "\"fo\"", YES},
        {"too short", "{\"minLength\":2}", "\"f\"", NO},
        {"one supplementary code point is too short", "{\"minLength\":2}", "\"\\ud83d\\udca9\"",
                NO},
        {"maxLength", "{\"maxLength\":2}", "\"fo\"", YES},
        {"too long", "{\"maxLength\":2}", "\"foo\"", NO},
        {"two supplementary code points", "{\"maxLength\":2}", "\"\\ud83d\\udca9\\ud83d\\udca9\"",
                YES},
        {"length of a number", "{\"maxLength\":2}", "100", YES},
        {"maxLength as decimal", "{\"maxLength\":2.0}", "\"foo\"", NO},
        {"a lone surrogate is one", "{\"maxLength\":1}", "\"\\ud800\"", YES},

        {"items", "{\"items\":{\"type\":\"integer\"}}", "[1,2,3]", YES},
        {"a wrong item", "{\"items\":{\"type\":\"integer\"}}", "[1,\"x\"]", NO},
        {"items of no array", "{\"items\":{\"type\":\"integer\"}}", "{\"foo\":\"bar\"}", YES},
        {"items false", "{\"items\":false}", "[1]", NO},
        {"items false, none there", "{\"items\":false}", "[]", YES},
        {"items of items", "{\"items\":{\"items\":{\"type\":\"number\"}}}", "[[1],[2,[]]]", NO},
        {"prefixItems", "{\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}",
                "[1,\"foo\"]", YES},
        {"prefixItems turned round",
                "{\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "[\"foo\",1]",
                NO},
        {"items behind prefixItems", "{\"prefixItems\":[{}],\"items\":{\"type\":\"integer\"}}",
                "[\"a\",1]", YES},
        {"wrong item behind prefixItems", "{\"prefixItems\":[{}],\"items\":false}", "[1,2]", NO},
        {"tuple of draft 7", "{\"items\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "[1,2]",
                NO},
        {"tuple cut short", "{\"items\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", "[1]",
                YES},
        {"minItems", "{\"minItems\":1}", "[1]", YES},
        {"too few items", "{\"minItems\":1}", "[]", NO},
        {"minItems is not about strings", "{\"minItems\":1}", "\"\"", YES},
        {"maxItems", "{\"maxItems\":2}", "[1,2]", YES},
        {"too many items", "{\"maxItems\":2}", "[1,2,3]", NO},

        {"required", "{\"required\":[\"foo\"]}", "{\"foo\":1}", YES},
        {"required is null", "{\"required\":[\"foo\"]}", "{\"foo\":null}", YES},
        {"required is missing", "{\"required\":[\"foo\"]}", "{\"bar\":1}", NO},
        {"required of no object", "{\"required\":[\"foo\"]}", "[]", YES},
        {"required with escapes", "{\"required\":[\"foo\\nbar\"]}", "{\"foo\\nbar\":1}", YES},
        {"required names of Object.prototype", "{\"required\":[\"__proto__\",\"toString\"]}", "{}",
                NO},
        {"properties", "{\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{\"a\":1,\"b\":[]}",
                YES},
        {"a wrong property", "{\"properties\":{\"a\":{\"type\":\"integer\"}}}", "{\"a\":\"x\"}",
                NO},
        {"the last of a name counts", "{\"properties\":{\"a\":{\"type\":\"integer\"}}}",
                "{\"a\":\"x\",\"a\":1}", YES},
        {"the last schema of a name counts",
                "{\"properties\":{\"a\":{\"type\":\"integer\"},\"a\":{\"type\":\"string\"}}}",
                "{\"a\":\"x\"}", YES},
        {"property false", "{\"properties\":{\"a\":false}}", "{\"a\":1}", NO},
        {"no additional property", "{\"properties\":{\"foo\":{}},\"additionalProperties\":false}",
                "{\"foo\":1}", YES},
        {"an additional property", "{\"properties\":{\"foo\":{}},\"additionalProperties\":false}",
                "{\"foo\":1,\"quux\":2}", NO},
        {"additionalProperties alone", "{\"additionalProperties\":false}", "{\"a\":1}", NO},
        {"additionalProperties of no object", "{\"additionalProperties\":false}", "[1]", YES},
        {"additional properties with a schema",
                "{\"properties\":{\"foo\":{}},\"additionalProperties\":{\"type\":\"boolean\"}}",
                "{\"foo\":1,\"bar\":12}", NO},
        {"additional properties that fit theirs",
                "{\"properties\":{\"foo\":{}},\"additionalProperties\":{\"type\":\"boolean\"}}",
                "{\"foo\":1,\"bar\":true}", YES},
        {"additionalProperties does not look into allOf",
                "{\"allOf\":[{\"properties\":{\"foo\":{}}}],\"additionalProperties\":false}",
                "{\"foo\":1}", NO},
        {"minProperties", "{\"minProperties\":1}", "{}", NO},
        {"maxProperties", "{\"maxProperties\":1}", "{\"a\":1,\"b\":2}", NO},

        {"allOf", "{\"allOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
                "{\"a\":1,\"b\":2}", YES},
        {"one of allOf not", "{\"allOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
                "{\"a\":1}", NO},
        {"allOf with a base", "{\"maximum\":30,\"allOf\":[{\"minimum\":20}]}", "35", NO},
        {"anyOf first", "{\"anyOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "1", YES},
        {"anyOf second", "{\"anyOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "2.5", YES},
        {"anyOf neither", "{\"anyOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "1.5", NO},
        {"anyOf all false", "{\"anyOf\":[false,false]}", "1", NO},
        {"oneOf first", "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "1", YES},
        {"oneOf both", "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "3", NO},
        {"oneOf neither", "{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":2}]}", "1.5", NO},
        {"not", "{\"not\":{\"type\":\"integer\"}}", "\"foo\"", YES},
        {"not fits", "{\"not\":{\"type\":\"integer\"}}", "1", NO},
        {"not not", "{\"not\":{\"not\":{}}}", "1", YES},

        {"reference", BAR_IS_INTEGER, "{\"bar\":3}", YES},
        {"reference that does not fit", BAR_IS_INTEGER, "{\"bar\":true}", NO},
        {"reference to definitions",
                "{\"definitions\":{\"s\":{\"maxItems\":2}},\"items\":{\"$ref\":\"#/definitions/s\"}}",
                "[[1,2,3]]", NO},
        {"reference to the root",
                "{\"properties\":{\"foo\":{\"$ref\":\"#\"}},\"additionalProperties\":false}",
                "{\"foo\":{\"foo\":{}}}", YES},
        {"reference to the root, deep inside",
                "{\"properties\":{\"foo\":{\"$ref\":\"#\"}},\"additionalProperties\":false}",
                "{\"foo\":{\"bar\":false}}", NO},
        {"escaped pointer",
                "{\"$defs\":{\"til~de\":{\"a/b\":{\"type\":\"integer\"}}},\"$ref\":\"#/$defs/til~0de/a~1b\"}",
                "\"x\"", NO},
        {"reference through a reference",
                "{\"$defs\":{\"a\":{\"type\":\"integer\"},\"b\":{\"$ref\":\"#/$defs/a\"}},\"$ref\":\"#/$defs/b\"}",
                "\"x\"", NO},
        {"what stands beside a reference counts",
                "{\"$defs\":{\"a\":{\"type\":\"array\"}},\"$ref\":\"#/$defs/a\",\"maxItems\":2}",
                "[1,2,3]", NO},

        /* A schema that is broken, or says what is not looked at, refuses nothing. */
        {"a schema that is no schema", "7", "1", YES},
        {"an unknown type", "{\"type\":\"file\"}", "1", YES},
        {"an unknown type among others", "{\"type\":[\"string\",\"file\"]}", "1", YES},
        {"type that is no type", "{\"type\":{}}", "1", YES},
        {"enum that is no list", "{\"enum\":\"abc\"}", "1", YES},
        {"empty enum", "{\"enum\":[]}", "1", YES},
        {"required of draft 3", "{\"required\":true}", "{}", YES},
        {"required with a number", "{\"required\":[5]}", "{}", YES},
        {"minimum that is a string", "{\"minimum\":\"5\"}", "1", YES},
        {"minLength that is a string", "{\"minLength\":\"5\"}", "\"a\"", YES},
        {"properties that are a list", "{\"properties\":[]}", "{\"a\":1}", YES},
        {"items that are a number", "{\"items\":5}", "[1]", YES},
        {"anyOf that is an object", "{\"anyOf\":{}}", "1", YES},
        {"empty anyOf", "{\"anyOf\":[]}", "1", YES},
        {"empty oneOf", "{\"oneOf\":[]}", "1", YES},
        {"reference to nowhere", "{\"$ref\":\"#/$defs/none\"}", "1", YES},
        {"reference to elsewhere", "{\"$ref\":\"https://example.com/schema\"}", "1", YES},
        {"reference to an anchor", "{\"$ref\":\"#a\"}", "1", YES},
        {"reference to itself", "{\"$ref\":\"#\"}", "1", YES},
        {"references in a ring",
                "{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}},\"$ref\":\"#/$defs/a\"}",
                "1", YES},
        {"anyOf of itself", "{\"anyOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}", "1", YES},
        {"not of itself", "{\"not\":{\"$ref\":\"#\"}}", "1", YES},
        {"unknown keyword", "{\"x-secret\":true,\"title\":5}", "1", YES},
        {"pattern", "{\"pattern\":\"^a\"}", "\"b\"", YES},
        {"not of a pattern", "{\"not\":{\"pattern\":\"^a\"}}", "\"b\"", YES},
        {"not of a broken reference", "{\"not\":{\"$ref\":\"#/x\"}}", "1", YES},
        {"oneOf of two patterns", "{\"oneOf\":[{\"pattern\":\"^a\"},{\"pattern\":\"^b\"}]}",
                "\"b\"", YES},
        {"additional properties beside patterns",
                "{\"patternProperties\":{\"^x-\":{}},\"additionalProperties\":false}",
                "{\"x-a\":1}", YES},
};

START_TEST(schema_row)
{
    struct json_misfit misfit = {0};
    owner = mem_scope_new(NULL, __func__);
    bool fits = check(rows[_i].schema, rows[_i].value, &misfit);
    ck_assert_msg(fits == rows[_i].fits, "%s", fits ? "fits" : misfit.text);
    ck_assert(fits || (misfit.count > 0 && misfit.text[0] != '\0'));
    mem_free(owner);
}
END_TEST

#define MAIL                                                                                        \
    "{\"type\":\"object\",\"required\":[\"to\",\"subject\"],\"additionalProperties\":false,"        \
    "\"properties\":{\"to\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\"}},"   \
    "\"subject\":{\"type\":\"string\",\"maxLength\":3},\"format\":{\"enum\":[\"full\",\"raw\",7]}," \
    "\"page\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1},{\"type\":\"null\"}]},"              \
    "\"kind\":{\"type\":\"string\",\"enum\":[\"a\"]},"                                              \
    "\"n\":{\"type\":\"integer\",\"exclusiveMaximum\":5},"                                          \
    "\"deep\":{\"properties\":{\"er\":{\"items\":{\"const\":\"x\"}}}}}}"

static const struct {
    const char *name, *value;
    int count;
    const char *text;
} texts[] = {
        {"missing", "{}", 2, "missing \"to\"; missing \"subject\""},
        {"type", "{\"to\":\"me\",\"subject\":\"s\"}", 1, "to: expected an array, not a string"},
        {"element", "{\"to\":[\"a\",5],\"subject\":\"s\"}", 1,
                "to[1]: expected a string, not a number"},
        {"too few", "{\"to\":[],\"subject\":\"s\"}", 1, "to: must have at least 1 item"},
        {"too long, not quoted", "{\"to\":[\"a\"],\"subject\":\"a secret\"}", 1,
                "subject: must have at most 3 characters"},
        {"misspelt", "{\"to\":[\"a\"],\"subjects\":\"s\",\"subject\":\"\"}", 1,
                "unknown \"subjects\", did you mean \"subject\"?"},
        {"unknown", "{\"to\":[\"a\"],\"subject\":\"\",\"zzzzzzzz\":1}", 1, "unknown \"zzzzzzzz\""},
        {"choices", "{\"to\":[\"a\"],\"subject\":\"\",\"format\":\"html\"}", 1,
                "format: expected one of \"full\", \"raw\", 7"},
        {"type before choices", "{\"to\":[\"a\"],\"subject\":\"\",\"kind\":7}", 1,
                "kind: expected a string, not a number"},
        {"any of, type", "{\"to\":[\"a\"],\"subject\":\"\",\"page\":\"1\"}", 1,
                "page: expected an integer or null, not a string"},
        {"any of, the one it means", "{\"to\":[\"a\"],\"subject\":\"\",\"page\":0}", 1,
                "page: must be at least 1"},
        {"fraction", "{\"to\":[\"a\"],\"subject\":\"\",\"n\":1.5}", 1,
                "n: expected an integer, not a fraction"},
        {"limit", "{\"to\":[\"a\"],\"subject\":\"\",\"n\":5}", 1, "n: must be less than 5"},
        {"path", "{\"to\":[\"a\"],\"subject\":\"\",\"deep\":{\"er\":[\"x\",\"y\"]}}", 1,
                "deep.er[1]: expected \"x\""},
        {"more than are told", "{\"a1\":1,\"b1\":2,\"subject\":5,\"n\":\"\"}", 5,
                "missing \"to\"; subject: expected a string, not a number; "
                "n: expected an integer, not a string"},
        {"a long name is cut between characters",
                "{\"to\":[\"a\"],\"subject\":\"\",\"123456789012345678901234567890123456789\xc3\xa9\":1}",
                1, "unknown \"123456789012345678901234567890123456789\""},
};

START_TEST(text_row)
{
    struct json_misfit misfit = {0};
    owner = mem_scope_new(NULL, __func__);
    ck_assert(!check(MAIL, texts[_i].value, &misfit));
    ck_assert_str_eq(misfit.text, texts[_i].text);
    ck_assert_int_eq(misfit.count, texts[_i].count);
    mem_free(owner);
}
END_TEST

/* A value and a schema that together would take hours are given up, and fit. */
START_TEST(work_is_limited)
{
    owner = mem_scope_new(NULL, __func__);
    struct json_misfit misfit = {0};
    /* Twenty levels, each of which looks at the next in four ways. */
    struct buffer schema;
    buffer_init(&schema, owner, 1024 * 1024);
    buffer_add_text(&schema, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    for (int i = 0; i < 20; i++) {
        buffer_printf(&schema,
                "\"d%d\":{\"oneOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"},"
                "{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]},",
                i, i + 1, i + 1, i + 1, i + 1);
    }
    buffer_add_text(&schema, "\"d20\":{\"type\":\"string\"}}}");
    ck_assert(check(buffer_text(&schema), "5", &misfit));

    /* Every name that is required looked for among as many others. */
    struct buffer names, members;
    buffer_init(&names, owner, 16 * 1024 * 1024);
    buffer_init(&members, owner, 16 * 1024 * 1024);
    buffer_add_text(&names, "{\"additionalProperties\":false,\"required\":[");
    buffer_add_text(&members, "{");
    for (int i = 0; i < 100000; i++) {
        buffer_printf(&names, "%s\"%d\"", i == 0 ? "" : ",", i);
        buffer_printf(&members, "%s\"%d\":0", i == 0 ? "" : ",", 99999 - i);
    }
    buffer_add_text(&names, "]}");
    buffer_add_text(&members, "}");
    ck_assert(check(buffer_text(&names), buffer_text(&members), &misfit));
    mem_free(owner);
}
END_TEST

/* Whatever stands in a schema: it is looked at without harm. */
START_TEST(mutilated_schemas_do_no_harm)
{
    static const char seed[] = MAIL, bytes[] = "{}[]\":,0-1tn#/~a ";
    static const char *const values[] = {"{\"to\":[\"a\",5],\"page\":0,\"x\":{}}", "[]", "1e400"};
    char text[sizeof seed];
    int schemas = 0;
    for (size_t at = 0; at < sizeof seed - 1; at++) {
        for (const char *byte = bytes; *byte != '\0'; byte++) {
            const struct json *schema;
            struct json_misfit misfit = {0};
            struct error err = {0};
            owner = mem_scope_new(NULL, __func__);
            memcpy(text, seed, sizeof seed);
            text[at] = *byte;
            if (json_parse(owner, (struct slice){text, sizeof seed - 1}, &schema, &err)) {
                schemas++;
                for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
                    bool fits = json_fits_schema(owner, schema, parse(values[i]), &misfit);
                    ck_assert(fits || misfit.count > 0);
                }
            }
            mem_free(owner);
        }
    }
    ck_assert_int_gt(schemas, 1000);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, schema_row, rows);
    TEST_ADD_ROWS(suite, text_row, texts);
    TEST_ADD(suite, work_is_limited);
    TEST_ADD(suite, mutilated_schemas_do_no_harm);
}
TEST_MAIN("schema", cases)
