/* Inputs checked against the fields of their procedure, with the issues that zod 4.6 would report. */
#include "trpc/trpc_internal.h"
#include "json/utf8.h"

#define ISSUES_MAX_BYTES (256 * 1024) /* they quote the fields only, nothing of the input */
#define SAFE_INTEGER_MAX 9007199254740991

/* ---- the report ---- */

struct issues {
    void *owner;
    struct buffer list;   /* what JSON.stringify(issues, null, 2) has between the brackets */
    struct buffer form;   /* messages about the input as a whole: elements */
    struct buffer fields; /* `"name":["message",…],…` */
    const char *field;    /* that `fields` ended with */
    int count;
};

static void add_string(struct buffer *out, const char *text)
{
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_write_text(&writer, text);
}

static void add_flattened(struct issues *issues, const char *name, const char *message)
{
    if (name == NULL) {
        add_string(&issues->form, message);
        return;
    }
    if (issues->field == name) {
        issues->fields.length--; /* open the list again */
        buffer_add_char(&issues->fields, ',');
    } else {
        buffer_add_text(&issues->fields, issues->fields.length > 0 ? "," : "");
        add_string(&issues->fields, name);
        buffer_add_text(&issues->fields, ":[");
    }
    add_string(&issues->fields, message);
    buffer_add_char(&issues->fields, ']');
    issues->field = name;
}

/* `name` NULL: of the whole input. `details`: the members before `path`, indented, each with a comma and a newline. */
static void add_issue(
        struct issues *issues, const char *name, const char *details, const char *message)
{
    struct buffer *list = &issues->list;
    buffer_add_text(list, issues->count++ == 0 ? "  {\n" : ",\n  {\n");
    buffer_add_text(list, details);
    buffer_add_text(list, "    \"path\": [");
    if (name != NULL) {
        buffer_add_text(list, "\n      ");
        add_string(list, name);
        buffer_add_text(list, "\n    ");
    }
    buffer_add_text(list, "],\n    \"message\": ");
    add_string(list, message);
    buffer_add_text(list, "\n  }");
    add_flattened(issues, name, message);
}

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

/* False: a wrong type leaves nothing else to check. */
static bool add_wrong_type(
        struct issues *issues, const char *name, const char *expected, const struct json *value)
{
    bool is_fraction = strcmp(expected, "int") == 0;
    add_issue(issues, name,
            mem_printf(issues->owner,
                    "    \"expected\": \"%s\",\n%s    \"code\": \"invalid_type\",\n", expected,
                    is_fraction ? "    \"format\": \"safeint\",\n" : ""),
            mem_printf(issues->owner, "Invalid input: expected %s, received %s", expected,
                    type_word(value)));
    return false;
}

static void add_out_of_range(struct issues *issues, const struct trpc_field *field, bool too_big)
{
    bool is_string = field->type == TRPC_STRING;
    long long limit = too_big ? field->max : field->min;
    const char *origin = is_string ? "string" : "number";
    add_issue(issues, field->name,
            mem_printf(issues->owner,
                    "    \"origin\": \"%s\",\n    \"code\": \"%s\",\n    \"%s\": %lld,\n"
                    "    \"inclusive\": true,\n",
                    origin, too_big ? "too_big" : "too_small", too_big ? "maximum" : "minimum",
                    limit),
            mem_printf(issues->owner, "Too %s: expected %s to %s %s%lld%s",
                    too_big ? "big" : "small", origin, is_string ? "have" : "be",
                    too_big ? "<=" : ">=", limit, is_string ? " characters" : ""));
}

static void add_unsafe_integer(struct issues *issues, const char *name, bool too_big)
{
    const char *limit = too_big ? "9007199254740991" : "-9007199254740991";
    add_issue(issues, name,
            mem_printf(issues->owner,
                    "    \"code\": \"%s\",\n    \"%s\": %s,\n"
                    "    \"note\": \"Integers must be within the safe integer range.\",\n"
                    "    \"origin\": \"int\",\n    \"inclusive\": true,\n",
                    too_big ? "too_big" : "too_small", too_big ? "maximum" : "minimum", limit),
            mem_printf(issues->owner, "Too %s: expected int to be %s%s", too_big ? "big" : "small",
                    too_big ? "<=" : ">=", limit));
}

static bool add_wrong_choice(struct issues *issues, const struct trpc_field *field)
{
    struct buffer details, message;
    buffer_init(&details, issues->owner, ISSUES_MAX_BYTES);
    buffer_init(&message, issues->owner, ISSUES_MAX_BYTES);
    buffer_add_text(&details, "    \"code\": \"invalid_value\",\n    \"values\": [");
    buffer_add_text(&message, "Invalid option: expected one of ");
    for (const char *const *choice = field->choices; *choice != NULL; choice++) {
        bool is_first = choice == field->choices;
        buffer_add_text(&details, is_first ? "\n      " : ",\n      ");
        add_string(&details, *choice);
        buffer_printf(&message, "%s\"%s\"", is_first ? "" : "|", *choice);
    }
    buffer_add_text(&details, "\n    ],\n");
    add_issue(issues, field->name, buffer_text(&details), buffer_text(&message));
    return false;
}

static void add_custom(struct issues *issues, const char *name, const char *message)
{
    add_issue(issues, name, "    \"code\": \"custom\",\n", message);
}

/* ---- the checks: false leaves nothing else to check ---- */

/* JavaScript's length: code points beyond U+FFFF count twice. */
static int64_t utf16_length(struct slice text)
{
    int64_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        length += (c & 0xC0) == 0x80 ? 0 : c >= 0xF0 ? 2 : 1;
    }
    return length;
}

static bool check_string(
        struct issues *issues, const struct trpc_field *field, const struct json *value)
{
    if (json_type(value) != JSON_STRING) {
        return add_wrong_type(issues, field->name, "string", value);
    }
    struct slice text = json_string(value);
    int64_t length = utf16_length(text);
    if (length < field->min) {
        add_out_of_range(issues, field, false);
    }
    if (field->max > 0 && length > field->max) {
        add_out_of_range(issues, field, true);
    }
    if (memchr(text.data, '\0', text.length) != NULL) {
        add_custom(issues, field->name, "Invalid input: a NUL character is not allowed");
    }
    if (utf8_valid_run(text) < text.length) {
        add_custom(issues, field->name, "Invalid input: a lone surrogate is not allowed");
    }
    return true;
}

static bool check_int(
        struct issues *issues, const struct trpc_field *field, const struct json *value)
{
    if (json_type(value) != JSON_NUMBER) {
        return add_wrong_type(issues, field->name, "number", value);
    }
    int64_t number;
    if (!json_int(value, &number)) {
        struct slice text = json_number(value);
        double about = strtod(mem_strndup(issues->owner, text.data, text.length), NULL);
        if (about < (double)SAFE_INTEGER_MAX && about > -(double)SAFE_INTEGER_MAX) {
            return add_wrong_type(issues, field->name, "int", value);
        }
        number = about > 0 ? INT64_MAX : INT64_MIN;
    }
    bool is_safe = number <= SAFE_INTEGER_MAX && number >= -SAFE_INTEGER_MAX;
    if (!is_safe) {
        add_unsafe_integer(issues, field->name, number > 0);
    }
    bool has_limits = field->min != 0 || field->max != 0;
    if (has_limits && number < field->min) {
        add_out_of_range(issues, field, false);
    }
    if (has_limits && number > field->max) {
        add_out_of_range(issues, field, true);
    }
    return is_safe;
}

static bool check_choice(
        struct issues *issues, const struct trpc_field *field, const struct json *value)
{
    const char *text = json_text(value);
    for (const char *const *choice = field->choices; *choice != NULL; choice++) {
        if (text != NULL && strcmp(text, *choice) == 0) {
            return true;
        }
    }
    return add_wrong_choice(issues, field);
}

static bool check_type(
        struct issues *issues, const struct trpc_field *field, const struct json *value)
{
    switch (field->type) {
    case TRPC_ANY:
        return true;
    case TRPC_STRING:
        return check_string(issues, field, value);
    case TRPC_INT:
        return check_int(issues, field, value);
    case TRPC_ENUM:
        return check_choice(issues, field, value);
    case TRPC_BOOL:
        return json_type(value) == JSON_BOOL ||
               add_wrong_type(issues, field->name, "boolean", value);
    case TRPC_OBJECT:
        return json_type(value) == JSON_OBJECT ||
               add_wrong_type(issues, field->name, "object", value);
    }
    return false;
}

static void check_field(
        struct issues *issues, const struct trpc_field *field, const struct json *value)
{
    if (value == NULL && (field->optional || field->type == TRPC_ANY)) {
        return;
    }
    if (check_type(issues, field, value) && field->check != NULL) {
        const char *problem = field->check(value);
        if (problem != NULL) {
            add_custom(issues, field->name, problem);
        }
    }
}

static bool report(struct issues *issues, struct trpc_failure *failure)
{
    failure->message = slice_of(mem_printf(issues->owner, "[\n%s\n]", buffer_text(&issues->list)));
    failure->zod_error =
            slice_of(mem_printf(issues->owner, "{\"formErrors\":[%s],\"fieldErrors\":{%s}}",
                    buffer_text(&issues->form), buffer_text(&issues->fields)));
    return error_set(&failure->err, ERROR_BAD_REQUEST, "INVALID_INPUT", "The input is not valid.");
}

static bool may_be_left_out(const struct trpc_field *fields)
{
    bool may = true;
    for (const struct trpc_field *field = fields; field->name != NULL; field++) {
        may = may && field->optional;
    }
    return may;
}

bool trpc_check_input(void *owner, const struct trpc_field *fields, const struct json *input,
        struct trpc_failure *failure)
{
    if (input == NULL && may_be_left_out(fields)) {
        return true;
    }
    struct issues issues = {.owner = owner};
    buffer_init(&issues.list, owner, ISSUES_MAX_BYTES);
    buffer_init(&issues.form, owner, ISSUES_MAX_BYTES);
    buffer_init(&issues.fields, owner, ISSUES_MAX_BYTES);
    if (json_type(input) != JSON_OBJECT) {
        add_wrong_type(&issues, NULL, "object", input);
        return report(&issues, failure);
    }
    for (const struct trpc_field *field = fields; field->name != NULL; field++) {
        check_field(&issues, field, json_get(input, field->name));
    }
    return issues.count == 0 || report(&issues, failure);
}
