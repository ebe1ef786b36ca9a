/* Rules about a value without what is in it. */
#include "json/schema_internal.h"

#define CHOICES_SHOWN 6

/* ---- types ---- */

static const struct type_word {
    const char *word, *with_article;
    unsigned bit;
} type_words[] = {
        {"string", "a string", STRINGS},
        {"integer", "an integer", INTEGERS},
        {"number", "a number", NUMBERS},
        {"boolean", "a boolean", BOOLEANS},
        {"array", "an array", ARRAYS},
        {"object", "an object", OBJECTS},
        {"null", "null", NULLS},
};
#define TYPE_WORD_COUNT (sizeof type_words / sizeof type_words[0])

static unsigned type_bit(const struct json *word)
{
    for (size_t i = 0; i < TYPE_WORD_COUNT; i++) {
        if (slice_is(json_string(word), type_words[i].word)) {
            return type_words[i].bit;
        }
    }
    return 0;
}

unsigned schema_allowed_types(const struct json *schema)
{
    const struct json *type = json_get(schema, "type");
    if (json_type(type) != JSON_ARRAY) {
        return type_bit(type);
    }
    unsigned bits = 0;
    for (struct json_iterator i = json_iterate(type); json_next(&i);) {
        unsigned bit = type_bit(i.value);
        if (bit == 0) {
            return 0;
        }
        bits |= bit;
    }
    return bits;
}

unsigned schema_types_of(const struct json *value)
{
    switch (json_type(value)) {
    case JSON_NULL:
        return NULLS;
    case JSON_BOOL:
        return BOOLEANS;
    case JSON_NUMBER:
        return json_is_whole(value) ? INTEGERS | NUMBERS : NUMBERS;
    case JSON_STRING:
        return STRINGS;
    case JSON_ARRAY:
        return ARRAYS;
    case JSON_OBJECT:
        break;
    }
    return OBJECTS;
}

bool schema_wrong_type(struct schema_check *check, const struct schema_path *path, unsigned allowed,
        const struct json *value)
{
    static const char *const kinds[] = {
            [JSON_NULL] = "null",
            [JSON_BOOL] = "a boolean",
            [JSON_NUMBER] = "a number",
            [JSON_STRING] = "a string",
            [JSON_ARRAY] = "an array",
            [JSON_OBJECT] = "an object",
    };
    if (!schema_is_asked_why(check)) {
        return schema_misfit(check, path, "wrong type");
    }
    struct buffer words;
    buffer_init(&words, check->owner, 256);
    for (size_t i = 0; i < TYPE_WORD_COUNT; i++) {
        if ((allowed & type_words[i].bit) != 0) {
            buffer_add_text(&words, words.length == 0 ? "" : " or ");
            buffer_add_text(&words, type_words[i].with_article);
        }
    }
    bool fraction = json_type(value) == JSON_NUMBER && (allowed & INTEGERS) != 0;
    return schema_misfit(check, path, "expected %s, not %s", buffer_text(&words),
            fraction ? "a fraction" : kinds[json_type(value)]);
}

static bool fits_type(struct schema_check *check, const struct schema_rule *at)
{
    unsigned allowed = schema_allowed_types(at->schema);
    if (allowed == 0) {
        return schema_unknown(check);
    }
    return (allowed & schema_types_of(at->value)) != 0 ||
           schema_wrong_type(check, at->path, allowed, at->value);
}

/* ---- any type ---- */

/* Equal as JSON Schema has it: 1 is 1.0, the order of members does not count. */
static bool same_value(struct schema_check *check, const struct json *a, const struct json *b)
{
    check->work++;
    if (schema_is_tired(check)) {
        return schema_unknown(check);
    }
    if (json_type(a) != json_type(b) || json_count(a) != json_count(b)) {
        return false;
    }
    switch (json_type(a)) {
    case JSON_NUMBER:
        return json_compare_numbers(a, b) == 0;
    case JSON_ARRAY: {
        struct json_iterator in_a = json_iterate(a), in_b = json_iterate(b);
        while (json_next(&in_a) && json_next(&in_b)) {
            if (!same_value(check, in_a.value, in_b.value)) {
                return false;
            }
        }
        return true;
    }
    case JSON_OBJECT:
        for (struct json_iterator i = json_iterate(a); json_next(&i);) {
            const struct json *other = schema_member(check, b, i.name);
            if (other == NULL || !same_value(check, i.value, other)) {
                return false;
            }
        }
        return true;
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_STRING:
        break;
    }
    return json_equal(a, b);
}

static void add_choice(struct schema_check *check, struct buffer *out, const struct json *choice)
{
    struct slice text = json_to_text(check->owner, choice);
    struct slice cut = schema_shown(text);
    buffer_add_slice(out, cut);
    buffer_add_text(out, cut.length < text.length ? "…" : "");
}

static bool fits_enum(struct schema_check *check, const struct schema_rule *at)
{
    if (json_count(at->rule) == 0 || json_type(at->rule) != JSON_ARRAY) {
        return schema_unknown(check);
    }
    for (struct json_iterator i = json_iterate(at->rule); json_next(&i);) {
        if (same_value(check, i.value, at->value)) {
            return true;
        }
    }
    if (!schema_is_asked_why(check)) {
        return schema_misfit(check, at->path, "none of the choices");
    }
    struct buffer choices;
    buffer_init(&choices, check->owner, 1024);
    for (struct json_iterator i = json_iterate(at->rule); json_next(&i);) {
        if (i.index == CHOICES_SHOWN) {
            buffer_add_text(&choices, ", …");
            break;
        }
        buffer_add_text(&choices, i.index == 0 ? "" : ", ");
        add_choice(check, &choices, i.value);
    }
    return schema_misfit(check, at->path, "expected one of %s", buffer_text(&choices));
}

static bool fits_const(struct schema_check *check, const struct schema_rule *at)
{
    if (same_value(check, at->rule, at->value)) {
        return true;
    }
    if (!schema_is_asked_why(check)) {
        return schema_misfit(check, at->path, "another value");
    }
    struct buffer choice;
    buffer_init(&choice, check->owner, 1024);
    add_choice(check, &choice, at->rule);
    return schema_misfit(check, at->path, "expected %s", buffer_text(&choice));
}

/* ---- numbers ---- */

/* `sign`: 1 for a least value, -1 for a most. */
static bool fits_limit(struct schema_check *check, const struct schema_rule *at, int sign,
        bool exclusive, const char *words)
{
    if (json_type(at->rule) != JSON_NUMBER) {
        return true;
    }
    int order = json_compare_numbers(at->value, at->rule) * sign;
    return order > 0 || (order == 0 && !exclusive) ||
           schema_misfit(check, at->path, "must be %s %.*s", words,
                   SLICE_ARG(schema_shown(json_number(at->rule))));
}

static bool fits_minimum(struct schema_check *check, const struct schema_rule *at)
{
    bool exclusive = json_bool(json_get(at->schema, "exclusiveMinimum"), false); /* draft 4 */
    return fits_limit(check, at, 1, exclusive, exclusive ? "more than" : "at least");
}

static bool fits_maximum(struct schema_check *check, const struct schema_rule *at)
{
    bool exclusive = json_bool(json_get(at->schema, "exclusiveMaximum"), false);
    return fits_limit(check, at, -1, exclusive, exclusive ? "less than" : "at most");
}

static bool fits_exclusive_minimum(struct schema_check *check, const struct schema_rule *at)
{
    return fits_limit(check, at, 1, true, "more than");
}

static bool fits_exclusive_maximum(struct schema_check *check, const struct schema_rule *at)
{
    return fits_limit(check, at, -1, true, "less than");
}

/* ---- strings, and how many there are of anything ---- */

static int64_t code_points(struct slice text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.length; i++) {
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    return count;
}

static bool fits_least(
        struct schema_check *check, const struct schema_rule *at, int64_t count, const char *things)
{
    int64_t least;
    return !json_int(at->rule, &least) || count >= least ||
           schema_misfit(check, at->path, "must have at least %lld %s%s", (long long)least, things,
                   least == 1 ? "" : "s");
}

static bool fits_most(
        struct schema_check *check, const struct schema_rule *at, int64_t count, const char *things)
{
    int64_t most;
    return !json_int(at->rule, &most) || count <= most ||
           schema_misfit(check, at->path, "must have at most %lld %s%s", (long long)most, things,
                   most == 1 ? "" : "s");
}

static bool fits_min_length(struct schema_check *check, const struct schema_rule *at)
{
    return fits_least(check, at, code_points(json_string(at->value)), "character");
}

static bool fits_max_length(struct schema_check *check, const struct schema_rule *at)
{
    return fits_most(check, at, code_points(json_string(at->value)), "character");
}

static bool fits_min_items(struct schema_check *check, const struct schema_rule *at)
{
    return fits_least(check, at, (int64_t)json_count(at->value), "item");
}

static bool fits_max_items(struct schema_check *check, const struct schema_rule *at)
{
    return fits_most(check, at, (int64_t)json_count(at->value), "item");
}

/* Members of the same name count each. */
static bool fits_min_properties(struct schema_check *check, const struct schema_rule *at)
{
    return fits_least(check, at, (int64_t)json_count(at->value), "member");
}

static bool fits_max_properties(struct schema_check *check, const struct schema_rule *at)
{
    return fits_most(check, at, (int64_t)json_count(at->value), "member");
}

/* ---- all of them ---- */

const struct schema_keyword schema_value_keywords[] = {
        {"type", ANY, fits_type},
        {"enum", ANY, fits_enum},
        {"const", ANY, fits_const},
        {"minimum", NUMBERS, fits_minimum},
        {"maximum", NUMBERS, fits_maximum},
        {"exclusiveMinimum", NUMBERS, fits_exclusive_minimum},
        {"exclusiveMaximum", NUMBERS, fits_exclusive_maximum},
        {"minLength", STRINGS, fits_min_length},
        {"maxLength", STRINGS, fits_max_length},
        {"minItems", ARRAYS, fits_min_items},
        {"maxItems", ARRAYS, fits_max_items},
        {"minProperties", OBJECTS, fits_min_properties},
        {"maxProperties", OBJECTS, fits_max_properties},
        {NULL, 0, NULL},
};
