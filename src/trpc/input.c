/* What clients send: superjson's wrapping taken off, members checked. */
#include "trpc/trpc_internal.h"
#include "json/utf8.h"

/* ---- superjson ---- */

/* Whether superjson would refuse a path: it has a key that reaches into every object's prototype. */
static bool is_forbidden_path(struct slice path)
{
    while (path.data != NULL) {
        struct slice key = slice_split(&path, '.');
        if (slice_is(key, "__proto__") || slice_is(key, "constructor") ||
                slice_is(key, "prototype")) {
            return true;
        }
    }
    return false;
}

/* A path's next key, with `\.` and `\\` taken back; *rest data NULL behind the last. */
static struct slice next_key(void *owner, struct slice *rest)
{
    char *key = mem_block(owner, rest->length + 1, "key");
    size_t length = 0, at = 0;
    for (; at < rest->length && rest->data[at] != '.'; at++) {
        if (rest->data[at] == '\\' && at + 1 < rest->length) {
            at++;
        }
        key[length++] = rest->data[at];
    }
    *rest = at < rest->length ? slice_skip(*rest, at + 1) : (struct slice){NULL, 0};
    return (struct slice){key, length};
}

/* Copy `value` without the member that `path` leads to. A path that leads nowhere changes nothing. */
static void write_without(
        void *owner, struct json_writer *writer, const struct json *value, struct slice path)
{
    struct slice rest = path;
    struct slice key = next_key(owner, &rest);
    if (json_type(value) != JSON_OBJECT) {
        json_write_value(writer, value); /* undefined in an array stands there as null already */
        return;
    }
    json_begin_object(writer);
    for (struct json_iterator i = json_iterate(value); json_next(&i);) {
        bool here = slice_equal(i.name, key);
        if (here && rest.data == NULL) {
            continue;
        }
        json_write_name_slice(writer, i.name);
        if (here) {
            write_without(owner, writer, i.value, rest);
        } else {
            json_write_value(writer, i.value);
        }
    }
    json_end_object(writer);
}

static bool drop_member(
        void *owner, const struct json **value, struct slice path, struct error *err)
{
    struct buffer text;
    struct json_writer writer;
    buffer_init(&text, owner, SIZE_MAX / 4); /* no longer than the input, which has its limit */
    json_writer_init(&writer, &text);
    write_without(owner, &writer, *value, path);
    return json_parse(owner, buffer_slice(&text), value, err);
}

/* The type that a mark names first: ["Date"], ["undefined"], ["map", …]. */
static struct slice mark_type(const struct json *mark)
{
    struct json_iterator i = json_iterate(mark);
    return json_type(mark) == JSON_ARRAY && json_next(&i) ? json_string(i.value)
                                                          : (struct slice){NULL, 0};
}

static bool refuse_number(struct error *err)
{
    return error_set(err, ERROR_BAD_REQUEST, "INVALID_INPUT",
            "NaN, Infinity and -0 cannot be passed on as JSON; leave them out.");
}

bool trpc_unwrap_input(
        void *owner, const struct json *wrapped, const struct json **value_out, struct error *err)
{
    const struct json *value = json_get(wrapped, "json");
    const struct json *marks = json_get(json_get(wrapped, "meta"), "values");
    if (json_type(marks) == JSON_ARRAY) { /* of the root */
        if (slice_is(mark_type(marks), "number")) {
            return refuse_number(err);
        }
        *value_out = slice_is(mark_type(marks), "undefined") ? NULL : value;
        return true;
    }
    if (json_count(marks) > 100) {
        return error_set(err, ERROR_BAD_REQUEST, "INVALID_INPUT", "The input has too many marks.");
    }
    for (struct json_iterator i = json_iterate(marks); json_next(&i);) {
        if (is_forbidden_path(i.name)) {
            return error_set(err, ERROR_BAD_REQUEST, "INVALID_INPUT",
                    "__proto__, constructor and prototype are not allowed as properties.");
        }
        struct slice type = mark_type(i.value);
        if (slice_is(type, "number")) {
            return refuse_number(err);
        }
        if (slice_is(type, "undefined") && !drop_member(owner, &value, i.name, err)) {
            return false;
        }
    }
    *value_out = value;
    return true;
}

/* ---- zod ---- */

static const char *type_word(const struct json *value)
{
    static const char *const words[] = {
            [JSON_NULL] = "null",
            [JSON_BOOL] = "boolean",
            [JSON_NUMBER] = "number",
            [JSON_STRING] = "string",
            [JSON_ARRAY] = "array",
            [JSON_OBJECT] = "object",
    };
    return value == NULL ? "undefined" : words[json_type(value)];
}

/* JavaScript's length: code points beyond U+FFFF count twice. */
static size_t utf16_length(struct slice text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        length += (c & 0xC0) == 0x80 ? 0 : c >= 0xF0 ? 2 : 1;
    }
    return length;
}

struct issues {
    struct buffer text; /* the array's elements, indented by two */
    struct buffer fields_text;
    struct json_writer fields;
    int count;
};

/* One issue. `path` NULL: of the whole input. `details`: the members before `path`, in zod's order. */
static void add_issue(
        struct issues *issues, const char *path, const char *details, const char *message)
{
    struct json_writer text;
    buffer_add_text(&issues->text, issues->count++ == 0 ? "\n" : ",\n");
    buffer_printf(&issues->text, "  {\n%s    \"path\": ", details);
    if (path == NULL) {
        buffer_add_text(&issues->text, "[]");
    } else {
        buffer_printf(&issues->text, "[\n      \"%s\"\n    ]", path);
        json_write_name(&issues->fields, path);
        json_begin_array(&issues->fields);
        json_write_text(&issues->fields, message);
        json_end_array(&issues->fields);
    }
    buffer_add_text(&issues->text, ",\n    \"message\": ");
    json_writer_init(&text, &issues->text);
    json_write_text(&text, message);
    buffer_add_text(&issues->text, "\n  }");
}

static void wrong_type(void *owner, struct issues *issues, const char *path, const char *expected,
        const struct json *value)
{
    add_issue(issues, path,
            mem_printf(owner, "    \"expected\": \"%s\",\n    \"code\": \"invalid_type\",\n",
                    expected),
            mem_printf(
                    owner, "Invalid input: expected %s, received %s", expected, type_word(value)));
}

static void wrong_length(void *owner, struct issues *issues, const char *path, const char *code,
        const char *bound, size_t limit, const char *words)
{
    add_issue(issues, path,
            mem_printf(owner,
                    "    \"origin\": \"string\",\n    \"code\": \"%s\",\n    \"%s\": %zu,\n"
                    "    \"inclusive\": true,\n",
                    code, bound, limit),
            mem_printf(owner, "%s%zu characters", words, limit));
}

static void check_field(void *owner, struct issues *issues, const struct trpc_field *field,
        const struct json *value)
{
    if ((value == NULL && field->optional) || field->type == TRPC_ANY) {
        return;
    }
    if (json_type(value) != JSON_STRING) {
        wrong_type(owner, issues, field->name, "string", value);
        return;
    }
    size_t length = utf16_length(json_string(value));
    if (length < field->min) {
        wrong_length(owner, issues, field->name, "too_small", "minimum", field->min,
                "Too small: expected string to have >=");
    }
    if (field->max > 0 && length > field->max) {
        wrong_length(owner, issues, field->name, "too_big", "maximum", field->max,
                "Too big: expected string to have <=");
    }
    if (json_text(value) == NULL) {
        add_issue(issues, field->name, "    \"code\": \"custom\",\n",
                "Invalid input: a NUL character is not allowed");
    }
}

bool trpc_check_input(void *owner, const struct trpc_field *fields, const struct json *input,
        struct trpc_failure *failure)
{
    struct issues issues = {.count = 0};
    buffer_init(&issues.text, owner, 64 * 1024);
    buffer_init(&issues.fields_text, owner, 64 * 1024);
    json_writer_init(&issues.fields, &issues.fields_text);
    bool is_object = json_type(input) == JSON_OBJECT;
    if (!is_object) {
        wrong_type(owner, &issues, NULL, "object", input);
    }
    json_begin_object(&issues.fields);
    for (const struct trpc_field *field = fields; is_object && field->name != NULL; field++) {
        check_field(owner, &issues, field, json_get(input, field->name));
    }
    json_end_object(&issues.fields);
    if (issues.count == 0) {
        return true;
    }
    error_set(&failure->err, ERROR_BAD_REQUEST, "INVALID_INPUT", "The input is not valid.");
    failure->message = slice_of(mem_printf(owner, "[%s\n]", buffer_text(&issues.text)));
    failure->field_errors = buffer_slice(&issues.fields_text);
    failure->form_errors = is_object ? SLICE("[]")
                                     : slice_of(mem_printf(owner,
                                               "[\"Invalid input: expected object, received %s\"]",
                                               type_word(input)));
    return false;
}
