#include "sandbox/tools/text_arguments.h"

#include <assert.h>
#include <ctype.h>

#define BYTES_MAX (64 * 1024 * 1024) /* every escape of the longest text in every parameter */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static struct slice trim(struct slice text)
{
    while (text.length > 0 && isspace((unsigned char)text.data[0])) {
        text = slice_skip(text, 1);
    }
    while (text.length > 0 && isspace((unsigned char)text.data[text.length - 1])) {
        text.length--;
    }
    return text;
}

/* `text` begins with the name, blanks for its underscores: how long it is there; 0: it does not. */
static size_t name_length(struct slice text, struct slice name)
{
    if (text.length < name.length) {
        return 0;
    }
    for (size_t i = 0; i < name.length; i++) {
        char c = text.data[i] == ' ' ? '_' : text.data[i];
        if (tolower((unsigned char)c) != tolower((unsigned char)name.data[i])) {
            return 0;
        }
    }
    return name.length;
}

/* What stands behind `name:`; data NULL: nothing says it. */
static struct slice find_value(struct slice text, struct slice name)
{
    for (size_t i = 0; i < text.length; i++) {
        struct slice rest = slice_skip(text, i);
        size_t length = name_length(rest, name);
        if (length == 0 || (i > 0 && is_word(text.data[i - 1]))) {
            continue;
        }
        rest = slice_skip(rest, length);
        while (rest.length > 0 && (rest.data[0] == ' ' || rest.data[0] == '"')) {
            rest = slice_skip(rest, 1);
        }
        if (rest.length > 0 && (rest.data[0] == ':' || rest.data[0] == '=')) {
            return trim(slice_skip(rest, 1));
        }
    }
    return (struct slice){NULL, 0};
}

/* A list or an object in JSON at the beginning of `text`, as long as its brackets say. */
static struct slice cut_json(struct slice text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '[' || c == '{')) {
            depth++;
        } else if (!quoted && (c == ']' || c == '}') && --depth == 0) {
            return (struct slice){text.data, i + 1};
        }
    }
    return text;
}

/* The value at the beginning of `text`. */
static struct slice cut_value(struct slice text, bool list)
{
    const char *end = NULL;
    if (!list && text.length > 0 && (text.data[0] == '"' || text.data[0] == '\'')) {
        end = memchr(text.data + 1, text.data[0], text.length - 1);
        if (end != NULL) {
            return (struct slice){text.data + 1, (size_t)(end - text.data) - 1};
        }
    }
    if (text.length > 0 && (text.data[0] == '[' || text.data[0] == '{')) {
        return cut_json(text);
    }
    size_t length = 0;
    while (length < text.length && strchr(list ? ";\n" : ",;\n", text.data[length]) == NULL) {
        length++;
    }
    return trim((struct slice){text.data, length});
}

/* ---- typed ---- */

static bool is_number(struct slice value)
{
    size_t i = value.length > 0 && value.data[0] == '-' ? 1 : 0;
    bool digits = i < value.length;
    for (; i < value.length && digits; i++) {
        digits = isdigit((unsigned char)value.data[i]);
    }
    size_t first = value.length > 0 && value.data[0] == '-' ? 1 : 0;
    /* RFC 8259 §6: no leading zero. */
    return digits && (value.data[first] != '0' || value.length == first + 1);
}

static void write_list(struct json_writer *json, struct slice value)
{
    json_begin_array(json);
    while (value.data != NULL) {
        struct slice item = trim(slice_split(&value, ','));
        if (item.length > 1 && item.data[0] == '"' && item.data[item.length - 1] == '"') {
            item = (struct slice){item.data + 1, item.length - 2};
        }
        if (item.length > 0) {
            json_write_string(json, item);
        }
    }
    json_end_array(json);
}

/* JSON that was written where a list or an object is wanted. Read inside brackets, as it is to stand inside an object: so
 * that it is not too deep there. */
static bool write_json(
        void *owner, struct json_writer *json, struct slice value, enum json_type wanted)
{
    const struct json *parsed;
    struct error ignored = {0};
    const char *text = mem_printf(owner, "[%.*s]", SLICE_ARG(value));
    if (!json_parse(owner, slice_of(text), &parsed, &ignored) || json_count(parsed) != 1) {
        return false;
    }
    struct json_iterator first = json_iterate(parsed);
    if (!json_next(&first) || json_type(first.value) != wanted) {
        return false;
    }
    json_write_value(json, first.value);
    return true;
}

void text_value_write(void *owner, struct json_writer *json, const char *type, struct slice value)
{
    type = type == NULL ? "string" : type;
    bool number = strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
    bool yes = slice_is_nocase(value, "true"), no = slice_is_nocase(value, "false");
    if (number && is_number(value)) {
        json_write_raw(json, value);
    } else if (strcmp(type, "boolean") == 0 && (yes || no)) {
        json_write_bool(json, yes);
    } else if (strcmp(type, "array") == 0) {
        if (!write_json(owner, json, value, JSON_ARRAY)) {
            write_list(json, value);
        }
    } else if (strcmp(type, "object") != 0 || !write_json(owner, json, value, JSON_OBJECT)) {
        json_write_string(json, value);
    }
}

/* ---- the whole ---- */

const struct json *text_arguments(void *owner, const struct json *schema, struct slice text)
{
    assert(text.length <= TEXT_ARGUMENTS_BYTES_MAX);
    struct buffer out;
    struct json_writer json;
    const struct json *given = NULL, *arguments = NULL;
    struct error ignored = {0};
    bool whole = json_parse(owner, text, &given, &ignored) && json_type(given) == JSON_OBJECT;
    buffer_init(&out, owner, BYTES_MAX);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    for (struct json_iterator i = json_iterate(json_get(schema, "properties")); json_next(&i);) {
        const char *type = json_text(json_get(i.value, "type"));
        const struct json *member = json_get(given, mem_strndup(owner, i.name.data, i.name.length));
        struct slice value = whole ? (struct slice){NULL, 0} : find_value(text, i.name);
        if (member != NULL || value.data != NULL) {
            json_write_name_slice(&json, i.name);
        }
        if (member != NULL) {
            json_write_value(&json, member);
        } else if (value.data != NULL) {
            bool list = type != NULL && strcmp(type, "array") == 0;
            text_value_write(owner, &json, type, cut_value(value, list));
        }
    }
    json_end_object(&json);
    bool good = json_parse(owner, buffer_slice(&out), &arguments, &ignored);
    assert(good);
    return arguments;
}
