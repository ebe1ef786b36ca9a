#include "json/schema.h"

#include "base/nearest.h"

#define DEPTH_MAX        64
#define WORK_MAX         1000000 /* members looked at, more or less; a few milliseconds */
#define PROBLEMS_TOLD    3
#define NAME_SHOWN_BYTES 40
#define CHOICES_SHOWN    6
#define CANDIDATES_MAX   200 /* for "did you mean" */

/* Where a value stands in the whole: a chain up to the root. */
struct path {
    const struct path *up;
    struct slice name; /* data NULL: an element, at `index` */
    size_t index;
};

struct check {
    void *owner;
    const struct json *root;
    int depth;
    int64_t work;
    int unknown; /* times that something was let pass for want of knowledge */
    int quiet;   /* above 0: nobody asks why */
    int problems;
    struct buffer report;
};

/* A keyword's rule, and the value that it is about. */
struct rule {
    const struct json *schema; /* that the keyword stands in */
    const struct json *rule;
    const struct json *value;
    const struct path *path; /* NULL: the root */
};

static bool fits(struct check *check, const struct json *schema, const struct json *value,
        const struct path *path);

/* Let pass what cannot be told. */
static bool pass_unknown(struct check *check)
{
    check->unknown++;
    return true;
}

static bool is_tired(const struct check *check)
{
    return check->work > WORK_MAX;
}

/* An object's member; looking costs work. */
static const struct json *member(struct check *check, const struct json *object, struct slice name)
{
    check->work += (int64_t)json_count(object);
    return json_get_slice(object, name);
}

/* ---- what is wrong ---- */

/* For "%.*s": as much of a name as is shown, whole characters. */
static struct slice shown(struct slice name)
{
    if (name.length > NAME_SHOWN_BYTES) {
        name.length = NAME_SHOWN_BYTES;
        while (name.length > 0 && ((unsigned char)name.data[name.length] & 0xC0) == 0x80) {
            name.length--;
        }
    }
    return name;
}

/* Whether a problem's text would be read. */
static bool is_asked_why(const struct check *check)
{
    return check->quiet == 0 && check->problems < PROBLEMS_TOLD;
}

static void add_path(struct buffer *out, const struct path *path)
{
    if (path->up != NULL) {
        add_path(out, path->up);
    }
    if (path->name.data == NULL) {
        buffer_printf(out, "[%zu]", path->index);
    } else {
        buffer_printf(out, "%s%.*s", path->up == NULL ? "" : ".", SLICE_ARG(shown(path->name)));
    }
}

PRINTF_LIKE(3, 4)
static bool misfit(struct check *check, const struct path *path, const char *format, ...)
{
    bool asked = is_asked_why(check);
    check->problems += check->quiet == 0;
    if (!asked) {
        return false;
    }
    buffer_add_text(&check->report, check->problems > 1 ? "; " : "");
    if (path != NULL) {
        add_path(&check->report, path);
        buffer_add_text(&check->report, ": ");
    }
    va_list arguments;
    va_start(arguments, format);
    buffer_add_text(&check->report, mem_vprintf(check->owner, format, arguments));
    va_end(arguments);
    return false;
}

/* ---- types ---- */

/* Bits of the words that `type` may have. */
enum {
    NULLS = 1,
    BOOLEANS = 2,
    INTEGERS = 4,
    NUMBERS = 8,
    STRINGS = 16,
    ARRAYS = 32,
    OBJECTS = 64
};

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

/* The types that a schema's `type` allows; 0: it does not say, or a word of it is none that we know. */
static unsigned allowed_types(const struct json *schema)
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

static unsigned types_of(const struct json *value)
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

static bool wrong_type(
        struct check *check, const struct path *path, unsigned allowed, const struct json *value)
{
    static const char *const kinds[] = {
            [JSON_NULL] = "null",
            [JSON_BOOL] = "a boolean",
            [JSON_NUMBER] = "a number",
            [JSON_STRING] = "a string",
            [JSON_ARRAY] = "an array",
            [JSON_OBJECT] = "an object",
    };
    if (!is_asked_why(check)) {
        return misfit(check, path, "wrong type");
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
    return misfit(check, path, "expected %s, not %s", buffer_text(&words),
            fraction ? "a fraction" : kinds[json_type(value)]);
}

static bool fits_type(struct check *check, const struct rule *at)
{
    unsigned allowed = allowed_types(at->schema);
    if (allowed == 0) {
        return pass_unknown(check);
    }
    return (allowed & types_of(at->value)) != 0 || wrong_type(check, at->path, allowed, at->value);
}

/* ---- any type ---- */

/* Equal as JSON Schema has it: 1 is 1.0, the order of members does not count. */
static bool same_value(struct check *check, const struct json *a, const struct json *b)
{
    check->work++;
    if (is_tired(check)) {
        return pass_unknown(check);
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
            const struct json *other = member(check, b, i.name);
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

static void add_choice(struct check *check, struct buffer *out, const struct json *choice)
{
    struct slice text = json_to_text(check->owner, choice);
    struct slice cut = shown(text);
    buffer_add_slice(out, cut);
    buffer_add_text(out, cut.length < text.length ? "…" : "");
}

static bool fits_enum(struct check *check, const struct rule *at)
{
    if (json_count(at->rule) == 0 || json_type(at->rule) != JSON_ARRAY) {
        return pass_unknown(check);
    }
    for (struct json_iterator i = json_iterate(at->rule); json_next(&i);) {
        if (same_value(check, i.value, at->value)) {
            return true;
        }
    }
    if (!is_asked_why(check)) {
        return misfit(check, at->path, "none of the choices");
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
    return misfit(check, at->path, "expected one of %s", buffer_text(&choices));
}

static bool fits_const(struct check *check, const struct rule *at)
{
    if (same_value(check, at->rule, at->value)) {
        return true;
    }
    if (!is_asked_why(check)) {
        return misfit(check, at->path, "another value");
    }
    struct buffer choice;
    buffer_init(&choice, check->owner, 1024);
    add_choice(check, &choice, at->rule);
    return misfit(check, at->path, "expected %s", buffer_text(&choice));
}

/* ---- numbers ---- */

/* `sign`: 1 for a least value, -1 for a most. */
static bool fits_limit(
        struct check *check, const struct rule *at, int sign, bool exclusive, const char *words)
{
    if (json_type(at->rule) != JSON_NUMBER) {
        return true;
    }
    int order = json_compare_numbers(at->value, at->rule) * sign;
    return order > 0 || (order == 0 && !exclusive) ||
           misfit(check, at->path, "must be %s %.*s", words,
                   SLICE_ARG(shown(json_number(at->rule))));
}

static bool fits_minimum(struct check *check, const struct rule *at)
{
    bool exclusive = json_bool(json_get(at->schema, "exclusiveMinimum"), false); /* draft 4 */
    return fits_limit(check, at, 1, exclusive, exclusive ? "more than" : "at least");
}

static bool fits_maximum(struct check *check, const struct rule *at)
{
    bool exclusive = json_bool(json_get(at->schema, "exclusiveMaximum"), false);
    return fits_limit(check, at, -1, exclusive, exclusive ? "less than" : "at most");
}

static bool fits_exclusive_minimum(struct check *check, const struct rule *at)
{
    return fits_limit(check, at, 1, true, "more than");
}

static bool fits_exclusive_maximum(struct check *check, const struct rule *at)
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
        struct check *check, const struct rule *at, int64_t count, const char *things)
{
    int64_t least;
    return !json_int(at->rule, &least) || count >= least ||
           misfit(check, at->path, "must have at least %lld %s%s", (long long)least, things,
                   least == 1 ? "" : "s");
}

static bool fits_most(struct check *check, const struct rule *at, int64_t count, const char *things)
{
    int64_t most;
    return !json_int(at->rule, &most) || count <= most ||
           misfit(check, at->path, "must have at most %lld %s%s", (long long)most, things,
                   most == 1 ? "" : "s");
}

static bool fits_min_length(struct check *check, const struct rule *at)
{
    return fits_least(check, at, code_points(json_string(at->value)), "character");
}

static bool fits_max_length(struct check *check, const struct rule *at)
{
    return fits_most(check, at, code_points(json_string(at->value)), "character");
}

static bool fits_min_items(struct check *check, const struct rule *at)
{
    return fits_least(check, at, (int64_t)json_count(at->value), "item");
}

static bool fits_max_items(struct check *check, const struct rule *at)
{
    return fits_most(check, at, (int64_t)json_count(at->value), "item");
}

/* Members of the same name count each. */
static bool fits_min_properties(struct check *check, const struct rule *at)
{
    return fits_least(check, at, (int64_t)json_count(at->value), "member");
}

static bool fits_max_properties(struct check *check, const struct rule *at)
{
    return fits_most(check, at, (int64_t)json_count(at->value), "member");
}

/* ---- arrays ---- */

/* The elements from `first` on against one schema. */
static bool fits_elements(struct check *check, const struct rule *at, size_t first)
{
    bool ok = true;
    for (struct json_iterator i = json_iterate(at->value); !is_tired(check) && json_next(&i);) {
        struct path path = {.up = at->path, .index = i.index};
        ok = (i.index < first || fits(check, at->rule, i.value, &path)) && ok;
    }
    return ok;
}

/* Each element against the schema in its place. */
static bool fits_tuple(struct check *check, const struct rule *at)
{
    bool ok = true;
    struct json_iterator schemas = json_iterate(at->rule), i = json_iterate(at->value);
    while (json_next(&schemas) && json_next(&i)) {
        struct path path = {.up = at->path, .index = i.index};
        ok = fits(check, schemas.value, i.value, &path) && ok;
    }
    return ok;
}

static bool fits_items(struct check *check, const struct rule *at)
{
    if (json_type(at->rule) == JSON_ARRAY) {
        return fits_tuple(check, at); /* up to draft 2019-09 */
    }
    const struct json *prefix = json_get(at->schema, "prefixItems");
    return fits_elements(check, at, json_type(prefix) == JSON_ARRAY ? json_count(prefix) : 0);
}

static bool fits_prefix_items(struct check *check, const struct rule *at)
{
    return json_type(at->rule) != JSON_ARRAY || fits_tuple(check, at);
}

/* ---- objects ---- */

static bool fits_required(struct check *check, const struct rule *at)
{
    bool ok = true;
    if (json_type(at->rule) != JSON_ARRAY) {
        return true; /* a boolean in draft 3 */
    }
    for (struct json_iterator i = json_iterate(at->rule); !is_tired(check) && json_next(&i);) {
        struct slice name = json_string(i.value);
        if (name.data != NULL && member(check, at->value, name) == NULL) {
            ok = misfit(check, at->path, "missing \"%.*s\"", SLICE_ARG(shown(name)));
        }
    }
    return ok;
}

static bool fits_properties(struct check *check, const struct rule *at)
{
    bool ok = true;
    if (json_type(at->rule) != JSON_OBJECT) {
        return true;
    }
    for (struct json_iterator i = json_iterate(at->rule); !is_tired(check) && json_next(&i);) {
        const struct json *value = member(check, at->value, i.name);
        struct path path = {.up = at->path, .name = i.name};
        bool counts = value != NULL && member(check, at->rule, i.name) == i.value; /* the last */
        ok = (!counts || fits(check, i.value, value, &path)) && ok;
    }
    return ok;
}

static bool unknown_property(struct check *check, const struct rule *at, struct slice name)
{
    if (!is_asked_why(check)) {
        return misfit(check, at->path, "unknown member");
    }
    const struct json *properties = json_get(at->schema, "properties");
    const char *names[CANDIDATES_MAX + 1] = {NULL};
    for (struct json_iterator i = json_iterate(properties); json_next(&i);) {
        if (i.index < CANDIDATES_MAX) {
            names[i.index] = mem_strndup(check->owner, i.name.data, i.name.length);
        }
    }
    const char *text = mem_strndup(check->owner, name.data, name.length);
    const char *near = nearest_text(text, names);
    if (near == NULL) {
        return misfit(check, at->path, "unknown \"%.*s\"", SLICE_ARG(shown(name)));
    }
    return misfit(check, at->path, "unknown \"%.*s\", did you mean \"%.*s\"?",
            SLICE_ARG(shown(name)), SLICE_ARG(shown(slice_of(near))));
}

static bool fits_additional_properties(struct check *check, const struct rule *at)
{
    const struct json *properties = json_get(at->schema, "properties");
    bool none = json_type(at->rule) == JSON_BOOL && !json_bool(at->rule, true);
    bool ok = true;
    if (json_get(at->schema, "patternProperties") != NULL) {
        return pass_unknown(check); /* which names the patterns match */
    }
    for (struct json_iterator i = json_iterate(at->value); !is_tired(check) && json_next(&i);) {
        struct path path = {.up = at->path, .name = i.name};
        if (member(check, properties, i.name) != NULL) {
            continue;
        }
        ok = (none ? unknown_property(check, at, i.name) : fits(check, at->rule, i.value, &path)) &&
             ok;
    }
    return ok;
}

/* ---- schemas made of others ---- */

static bool fits_quietly(struct check *check, const struct json *schema, const struct json *value)
{
    check->quiet++;
    bool ok = fits(check, schema, value, NULL);
    check->quiet--;
    return ok;
}

static bool fits_all_of(struct check *check, const struct rule *at)
{
    bool ok = true;
    if (json_type(at->rule) != JSON_ARRAY) {
        return true;
    }
    for (struct json_iterator i = json_iterate(at->rule); json_next(&i);) {
        ok = fits(check, i.value, at->value, at->path) && ok;
    }
    return ok;
}

/* Why none of the schemas fits: what the first says that is about values of this type, else the types there are. */
static bool none_fits(struct check *check, const struct rule *at)
{
    unsigned all = 0;
    if (check->quiet > 0) {
        return false;
    }
    for (struct json_iterator i = json_iterate(at->rule); json_next(&i);) {
        unsigned allowed = allowed_types(i.value);
        if (allowed == 0 || (allowed & types_of(at->value)) != 0) {
            return fits(check, i.value, at->value, at->path);
        }
        all |= allowed;
    }
    return wrong_type(check, at->path, all, at->value);
}

static bool fits_any_of(struct check *check, const struct rule *at)
{
    if (json_type(at->rule) != JSON_ARRAY || json_count(at->rule) == 0) {
        return true;
    }
    for (struct json_iterator i = json_iterate(at->rule); json_next(&i);) {
        if (fits_quietly(check, i.value, at->value)) {
            return true;
        }
    }
    return none_fits(check, at);
}

static bool fits_one_of(struct check *check, const struct rule *at)
{
    int fitting = 0, unknown = check->unknown;
    if (json_type(at->rule) != JSON_ARRAY || json_count(at->rule) == 0) {
        return true;
    }
    for (struct json_iterator i = json_iterate(at->rule); json_next(&i);) {
        fitting += fits_quietly(check, i.value, at->value);
    }
    if (fitting == 0) {
        return none_fits(check, at);
    }
    return fitting == 1 || check->unknown > unknown ||
           misfit(check, at->path, "fits %d of the forms allowed, and must fit one", fitting);
}

static bool fits_not(struct check *check, const struct rule *at)
{
    int unknown = check->unknown;
    return !fits_quietly(check, at->rule, at->value) || check->unknown > unknown ||
           misfit(check, at->path, "has a form that is not allowed");
}

/* RFC 6901 §4: "~1" is a slash, "~0" a tilde. */
static struct slice unescape_pointer(struct check *check, struct slice token)
{
    if (token.length == 0 || memchr(token.data, '~', token.length) == NULL) {
        return token;
    }
    check->work += (int64_t)token.length;
    char *text = mem_strndup(check->owner, token.data, token.length), *to = text;
    for (size_t i = 0; i < token.length; i++) {
        bool escape = token.data[i] == '~' && i + 1 < token.length;
        *to++ = escape ? (token.data[++i] == '1' ? '/' : '~') : token.data[i];
    }
    return (struct slice){text, (size_t)(to - text)};
}

/* What "#/$defs/…" leads to; NULL: nothing, or out of this text. */
static const struct json *find_reference(struct check *check, struct slice reference)
{
    const struct json *at = check->root;
    if (slice_is(reference, "#")) {
        return at;
    }
    if (!slice_starts(reference, "#/")) {
        return NULL;
    }
    for (struct slice rest = slice_skip(reference, 2); rest.data != NULL && at != NULL;) {
        at = member(check, at, unescape_pointer(check, slice_split(&rest, '/')));
    }
    return at;
}

static bool fits_reference(struct check *check, const struct rule *at)
{
    const struct json *target = find_reference(check, json_string(at->rule));
    return target == NULL ? pass_unknown(check) : fits(check, target, at->value, at->path);
}

/* ---- all keywords ---- */

static bool fits_unknown(struct check *check, const struct rule *at)
{
    (void)at;
    return pass_unknown(check);
}

#define ANY (NULLS | BOOLEANS | NUMBERS | STRINGS | ARRAYS | OBJECTS)
static const struct keyword {
    const char *name;
    unsigned types; /* that it says something about */
    bool (*fits)(struct check *check, const struct rule *at);
} keywords[] = {
        {"type", ANY,
                fits_type}, /* first: of a value of another type nothing else is worth saying */
        {"enum", ANY, fits_enum},
        {"const", ANY, fits_const},
        {"minimum", NUMBERS, fits_minimum},
        {"maximum", NUMBERS, fits_maximum},
        {"exclusiveMinimum", NUMBERS, fits_exclusive_minimum},
        {"exclusiveMaximum", NUMBERS, fits_exclusive_maximum},
        {"minLength", STRINGS, fits_min_length},
        {"maxLength", STRINGS, fits_max_length},
        {"prefixItems", ARRAYS, fits_prefix_items},
        {"items", ARRAYS, fits_items},
        {"minItems", ARRAYS, fits_min_items},
        {"maxItems", ARRAYS, fits_max_items},
        {"required", OBJECTS, fits_required},
        {"properties", OBJECTS, fits_properties},
        {"additionalProperties", OBJECTS, fits_additional_properties},
        {"minProperties", OBJECTS, fits_min_properties},
        {"maxProperties", OBJECTS, fits_max_properties},
        {"allOf", ANY, fits_all_of},
        {"anyOf", ANY, fits_any_of},
        {"oneOf", ANY, fits_one_of},
        {"not", ANY, fits_not},
        {"$ref", ANY, fits_reference},
        /* These could refuse, if they were looked at: `not` and oneOf must know. */
        {"$dynamicRef", ANY, fits_unknown},
        {"$recursiveRef", ANY, fits_unknown},
        {"if", ANY, fits_unknown},
        {"format", ANY, fits_unknown},
        {"multipleOf", NUMBERS, fits_unknown},
        {"pattern", STRINGS, fits_unknown},
        {"contains", ARRAYS, fits_unknown},
        {"uniqueItems", ARRAYS, fits_unknown},
        {"additionalItems", ARRAYS, fits_unknown},
        {"unevaluatedItems", ARRAYS, fits_unknown},
        {"patternProperties", OBJECTS, fits_unknown},
        {"propertyNames", OBJECTS, fits_unknown},
        {"dependencies", OBJECTS, fits_unknown},
        {"dependentRequired", OBJECTS, fits_unknown},
        {"dependentSchemas", OBJECTS, fits_unknown},
        {"unevaluatedProperties", OBJECTS, fits_unknown},
};
#define KEYWORD_COUNT (sizeof keywords / sizeof keywords[0])

static bool fits_keywords(struct check *check, const struct json *schema, const struct json *value,
        const struct path *path)
{
    unsigned types = types_of(value);
    bool ok = true;
    for (size_t i = 0; i < KEYWORD_COUNT; i++) {
        struct rule at = {schema, json_get(schema, keywords[i].name), value, path};
        if ((keywords[i].types & types) == 0 || at.rule == NULL) {
            continue;
        }
        ok = keywords[i].fits(check, &at) && ok;
        if (i == 0 && !ok) {
            break;
        }
    }
    return ok;
}

static bool fits(struct check *check, const struct json *schema, const struct json *value,
        const struct path *path)
{
    if (json_type(schema) == JSON_BOOL) {
        return json_bool(schema, true) || misfit(check, path, "not allowed");
    }
    check->work += 8 * (1 + (int64_t)json_count(schema)); /* a look for each keyword */
    if (json_type(schema) != JSON_OBJECT || check->depth >= DEPTH_MAX || is_tired(check)) {
        return pass_unknown(check);
    }
    /* OpenAPI 3.0: beside the type, which cannot say so there. */
    if (json_type(value) == JSON_NULL && json_bool(json_get(schema, "nullable"), false)) {
        return true;
    }
    check->depth++;
    bool ok = fits_keywords(check, schema, value, path);
    check->depth--;
    return ok;
}

bool json_fits_schema(void *owner, const struct json *schema, const struct json *value,
        struct json_misfit *misfit_out)
{
    struct check check = {.owner = owner, .root = schema};
    buffer_init(&check.report, owner, 16 * 1024);
    if (fits(&check, schema, value, NULL)) {
        return true;
    }
    *misfit_out = (struct json_misfit){check.problems, buffer_text(&check.report)};
    return false;
}
