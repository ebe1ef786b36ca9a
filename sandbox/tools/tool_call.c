#include "sandbox/tools/tool_call.h"

bool tool_fail(struct tool_call *tool, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tool->failure = mem_vprintf(tool->memory, format, arguments);
    va_end(arguments);
    tool->failure_status = status;
    return true;
}

/* ---- arguments ---- */

const char *argument_text(const struct tool_call *tool, const char *name)
{
    const char *text = json_text(json_get(tool->arguments, name));
    return text == NULL || text[0] == '\0' ? NULL : text;
}

const char *argument_required(const struct tool_call *tool, const char *name)
{
    const char *text = argument_text(tool, name);
    return text == NULL ? "" : text;
}

int64_t argument_int(const struct tool_call *tool, const char *name, int64_t otherwise,
        int64_t least, int64_t most)
{
    int64_t number;
    if (!json_int(json_get(tool->arguments, name), &number)) {
        return otherwise;
    }
    return number < least ? least : number > most ? most : number;
}

bool argument_bool(const struct tool_call *tool, const char *name, bool otherwise)
{
    return json_bool(json_get(tool->arguments, name), otherwise);
}

struct texts argument_list(const struct tool_call *tool, const char *name)
{
    struct texts list = {0};
    struct error ignored = {0};
    const char *text = argument_text(tool, name);
    if (text != NULL) {
        const char **items = mem_array(tool->memory, const char *, 1);
        items[0] = text;
        return (struct texts){items, 1};
    }
    if (!field_list(tool->memory, tool->arguments, name, &list, &ignored)) {
        return (struct texts){0};
    }
    return list;
}

/* ---- checking them ---- */

static bool type_fits(const char *type, const struct json *value)
{
    int64_t number;
    switch (json_type(value)) {
    case JSON_NULL:
        return true; /* as if left out */
    case JSON_BOOL:
        return strcmp(type, "boolean") == 0;
    case JSON_NUMBER:
        return strcmp(type, "number") == 0 ||
               (strcmp(type, "integer") == 0 && json_int(value, &number));
    case JSON_STRING:
        return strcmp(type, "string") == 0;
    case JSON_ARRAY:
        return strcmp(type, "array") == 0;
    case JSON_OBJECT:
        return strcmp(type, "object") == 0;
    }
    return true;
}

const char *arguments_problem(void *owner, const struct json *schema, const struct json *arguments)
{
    struct buffer out;
    buffer_init(&out, owner, 64 * 1024);
    const struct json *required = json_get(schema, "required");
    for (struct json_iterator i = json_iterate(required); json_next(&i);) {
        const char *name = json_text(i.value);
        if (name != NULL && json_type(json_get(arguments, name)) == JSON_NULL) {
            buffer_printf(&out, "%s'%s'", out.length == 0 ? "" : ", ", name);
        }
    }
    if (out.length > 0) {
        return mem_printf(owner,
                "Invalid request data provided\n- Following fields are missing: {%s}",
                buffer_text(&out));
    }
    const struct json *properties = json_get(schema, "properties");
    for (struct json_iterator i = json_iterate(properties); json_next(&i);) {
        const char *name = mem_strndup(owner, i.name.data, i.name.length);
        const char *type = json_text(json_get(i.value, "type"));
        if (type != NULL && !type_fits(type, json_get(arguments, name))) {
            return mem_printf(owner,
                    "Invalid request data provided\n- Input should be a valid %s on parameter `%s`",
                    type, name);
        }
    }
    return NULL;
}

/* ---- writing ---- */

void write_text_member(struct json_writer *json, const char *name, const char *text)
{
    json_write_name(json, name);
    json_write_text(json, text);
}

void write_int_member(struct json_writer *json, const char *name, int64_t number)
{
    json_write_name(json, name);
    json_write_int(json, number);
}

void write_bool_member(struct json_writer *json, const char *name, bool value)
{
    json_write_name(json, name);
    json_write_bool(json, value);
}

void write_members_of(struct json_writer *json, const struct json *object)
{
    for (struct json_iterator i = json_iterate(object); json_next(&i);) {
        json_write_name_slice(json, i.name);
        json_write_value(json, i.value);
    }
}
