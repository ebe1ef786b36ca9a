#include "base/nearest.h"
#include "json/schema_internal.h"

#define DEPTH_MAX        64
#define WORK_MAX         1000000 /* members looked at, more or less; a few milliseconds */
#define PROBLEMS_TOLD    3
#define NAME_SHOWN_BYTES 40
#define CANDIDATES_MAX   200 /* for "did you mean" */

static bool fits(struct schema_check *check, const struct json *schema, const struct json *value,
        const struct schema_path *path);

bool schema_unknown(struct schema_check *check)
{
    check->unknown++;
    return true;
}

bool schema_is_tired(const struct schema_check *check)
{
    return check->work > WORK_MAX;
}

const struct json *schema_member(
        struct schema_check *check, const struct json *object, struct slice name)
{
    check->work += (int64_t)json_count(object);
    return json_get_slice(object, name);
}

/* ---- what is wrong ---- */

struct slice schema_shown(struct slice name)
{
    if (name.length > NAME_SHOWN_BYTES) {
        name.length = NAME_SHOWN_BYTES;
        while (name.length > 0 && ((unsigned char)name.data[name.length] & 0xC0) == 0x80) {
            name.length--;
        }
    }
    return name;
}

bool schema_is_asked_why(const struct schema_check *check)
{
    return check->quiet == 0 && check->problems < PROBLEMS_TOLD;
}

static void add_path(struct buffer *out, const struct schema_path *path)
{
    if (path->up != NULL) {
        add_path(out, path->up);
    }
    if (path->name.data == NULL) {
        buffer_printf(out, "[%zu]", path->index);
    } else {
        buffer_printf(
                out, "%s%.*s", path->up == NULL ? "" : ".", SLICE_ARG(schema_shown(path->name)));
    }
}

bool schema_misfit(
        struct schema_check *check, const struct schema_path *path, const char *format, ...)
{
    bool asked = schema_is_asked_why(check);
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

/* ---- arrays ---- */

/* The elements from `first` on against one schema. */
static bool fits_elements(struct schema_check *check, const struct schema_rule *at, size_t first)
{
    bool ok = true;
    for (struct json_iterator i = json_iterate(at->value);
            !schema_is_tired(check) && json_next(&i);) {
        struct schema_path path = {.up = at->path, .index = i.index};
        ok = (i.index < first || fits(check, at->rule, i.value, &path)) && ok;
    }
    return ok;
}

/* Each element against the schema in its place. */
static bool fits_tuple(struct schema_check *check, const struct schema_rule *at)
{
    bool ok = true;
    struct json_iterator schemas = json_iterate(at->rule), i = json_iterate(at->value);
    while (json_next(&schemas) && json_next(&i)) {
        struct schema_path path = {.up = at->path, .index = i.index};
        ok = fits(check, schemas.value, i.value, &path) && ok;
    }
    return ok;
}

static bool fits_items(struct schema_check *check, const struct schema_rule *at)
{
    if (json_type(at->rule) == JSON_ARRAY) {
        return fits_tuple(check, at); /* up to draft 2019-09 */
    }
    const struct json *prefix = json_get(at->schema, "prefixItems");
    return fits_elements(check, at, json_type(prefix) == JSON_ARRAY ? json_count(prefix) : 0);
}

static bool fits_prefix_items(struct schema_check *check, const struct schema_rule *at)
{
    return json_type(at->rule) != JSON_ARRAY || fits_tuple(check, at);
}

/* ---- objects ---- */

static bool fits_required(struct schema_check *check, const struct schema_rule *at)
{
    bool ok = true;
    if (json_type(at->rule) != JSON_ARRAY) {
        return true; /* a boolean in draft 3 */
    }
    for (struct json_iterator i = json_iterate(at->rule);
            !schema_is_tired(check) && json_next(&i);) {
        struct slice name = json_string(i.value);
        if (name.data != NULL && schema_member(check, at->value, name) == NULL) {
            ok = schema_misfit(check, at->path, "missing \"%.*s\"", SLICE_ARG(schema_shown(name)));
        }
    }
    return ok;
}

static bool fits_properties(struct schema_check *check, const struct schema_rule *at)
{
    bool ok = true;
    if (json_type(at->rule) != JSON_OBJECT) {
        return true;
    }
    for (struct json_iterator i = json_iterate(at->rule);
            !schema_is_tired(check) && json_next(&i);) {
        const struct json *value = schema_member(check, at->value, i.name);
        struct schema_path path = {.up = at->path, .name = i.name};
        bool counts =
                value != NULL && schema_member(check, at->rule, i.name) == i.value; /* the last */
        ok = (!counts || fits(check, i.value, value, &path)) && ok;
    }
    return ok;
}

static bool unknown_property(
        struct schema_check *check, const struct schema_rule *at, struct slice name)
{
    if (!schema_is_asked_why(check)) {
        return schema_misfit(check, at->path, "unknown member");
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
        return schema_misfit(check, at->path, "unknown \"%.*s\"", SLICE_ARG(schema_shown(name)));
    }
    return schema_misfit(check, at->path, "unknown \"%.*s\", did you mean \"%.*s\"?",
            SLICE_ARG(schema_shown(name)), SLICE_ARG(schema_shown(slice_of(near))));
}

static bool fits_additional_properties(struct schema_check *check, const struct schema_rule *at)
{
    const struct json *properties = json_get(at->schema, "properties");
    bool none = json_type(at->rule) == JSON_BOOL && !json_bool(at->rule, true);
    bool ok = true;
    if (json_get(at->schema, "patternProperties") != NULL) {
        return schema_unknown(check); /* which names the patterns match */
    }
    for (struct json_iterator i = json_iterate(at->value);
            !schema_is_tired(check) && json_next(&i);) {
        struct schema_path path = {.up = at->path, .name = i.name};
        if (schema_member(check, properties, i.name) != NULL) {
            continue;
        }
        ok = (none ? unknown_property(check, at, i.name) : fits(check, at->rule, i.value, &path)) &&
             ok;
    }
    return ok;
}

/* ---- schemas made of others ---- */

static bool fits_quietly(
        struct schema_check *check, const struct json *schema, const struct json *value)
{
    check->quiet++;
    bool ok = fits(check, schema, value, NULL);
    check->quiet--;
    return ok;
}

static bool fits_all_of(struct schema_check *check, const struct schema_rule *at)
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
static bool none_fits(struct schema_check *check, const struct schema_rule *at)
{
    unsigned all = 0;
    if (check->quiet > 0) {
        return false;
    }
    for (struct json_iterator i = json_iterate(at->rule); json_next(&i);) {
        unsigned allowed = schema_allowed_types(i.value);
        if (allowed == 0 || (allowed & schema_types_of(at->value)) != 0) {
            return fits(check, i.value, at->value, at->path);
        }
        all |= allowed;
    }
    return schema_wrong_type(check, at->path, all, at->value);
}

static bool fits_any_of(struct schema_check *check, const struct schema_rule *at)
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

static bool fits_one_of(struct schema_check *check, const struct schema_rule *at)
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
           schema_misfit(
                   check, at->path, "fits %d of the forms allowed, and must fit one", fitting);
}

static bool fits_not(struct schema_check *check, const struct schema_rule *at)
{
    int unknown = check->unknown;
    return !fits_quietly(check, at->rule, at->value) || check->unknown > unknown ||
           schema_misfit(check, at->path, "has a form that is not allowed");
}

/* RFC 6901 §4: "~1" is a slash, "~0" a tilde. */
static struct slice unescape_pointer(struct schema_check *check, struct slice token)
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
static const struct json *find_reference(struct schema_check *check, struct slice reference)
{
    const struct json *at = check->root;
    if (slice_is(reference, "#")) {
        return at;
    }
    if (!slice_starts(reference, "#/")) {
        return NULL;
    }
    for (struct slice rest = slice_skip(reference, 2); rest.data != NULL && at != NULL;) {
        at = schema_member(check, at, unescape_pointer(check, slice_split(&rest, '/')));
    }
    return at;
}

static bool fits_reference(struct schema_check *check, const struct schema_rule *at)
{
    const struct json *target = find_reference(check, json_string(at->rule));
    return target == NULL ? schema_unknown(check) : fits(check, target, at->value, at->path);
}

/* ---- all keywords ---- */

static bool fits_unknown(struct schema_check *check, const struct schema_rule *at)
{
    (void)at;
    return schema_unknown(check);
}

static const struct schema_keyword keywords[] = {
        {"prefixItems", ARRAYS, fits_prefix_items},
        {"items", ARRAYS, fits_items},
        {"required", OBJECTS, fits_required},
        {"properties", OBJECTS, fits_properties},
        {"additionalProperties", OBJECTS, fits_additional_properties},
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
        {NULL, 0, NULL},
};

/* `all`: go on behind the first that does not fit. */
static bool fits_keywords(struct schema_check *check, const struct schema_keyword *keyword,
        struct schema_rule at, bool all)
{
    unsigned types = schema_types_of(at.value);
    bool ok = true;
    for (; keyword->name != NULL && (ok || all); keyword++) {
        at.rule = json_get(at.schema, keyword->name);
        if ((keyword->types & types) != 0 && at.rule != NULL) {
            ok = keyword->fits(check, &at) && ok;
        }
    }
    return ok;
}

static bool fits(struct schema_check *check, const struct json *schema, const struct json *value,
        const struct schema_path *path)
{
    if (json_type(schema) == JSON_BOOL) {
        return json_bool(schema, true) || schema_misfit(check, path, "not allowed");
    }
    check->work += 8 * (1 + (int64_t)json_count(schema)); /* a look for each keyword */
    if (json_type(schema) != JSON_OBJECT || check->depth >= DEPTH_MAX || schema_is_tired(check)) {
        return schema_unknown(check);
    }
    /* OpenAPI 3.0: beside the type, which cannot say so there. */
    if (json_type(value) == JSON_NULL && json_bool(json_get(schema, "nullable"), false)) {
        return true;
    }
    check->depth++;
    /* Of a value that is wrong in itself, nothing else is worth saying. */
    struct schema_rule at = {.schema = schema, .value = value, .path = path};
    bool ok = fits_keywords(check, schema_value_keywords, at, false) &&
              fits_keywords(check, keywords, at, true);
    check->depth--;
    return ok;
}

bool json_fits_schema(void *owner, const struct json *schema, const struct json *value,
        struct json_misfit *misfit_out)
{
    struct schema_check check = {.owner = owner, .root = schema};
    buffer_init(&check.report, owner, 16 * 1024);
    if (fits(&check, schema, value, NULL)) {
        return true;
    }
    *misfit_out = (struct json_misfit){check.problems, buffer_text(&check.report)};
    return false;
}
