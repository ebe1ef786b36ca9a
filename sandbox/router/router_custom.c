#include "sandbox/router/router_custom.h"

#include "sandbox/tools/tool_call.h"

#include <ctype.h>

#define SLUG_MOST 60

static bool is_slug(const char *text)
{
    size_t length = strlen(text);
    bool good = length > 0 && length <= SLUG_MOST;
    for (size_t i = 0; good && i < length; i++) {
        good = isalnum((unsigned char)text[i]) || text[i] == '_' || text[i] == '-';
    }
    return good;
}

/* LOCAL_TOOL, LOCAL_TOOLKIT_TOOL */
static const char *local_slug(void *owner, const char *toolkit, const char *slug)
{
    char *name = toolkit == NULL ? mem_printf(owner, "LOCAL_%s", slug)
                                 : mem_printf(owner, "LOCAL_%s_%s", toolkit, slug);
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    return name;
}

static MUST_CHECK bool read_tool(struct call *call, const struct json *given, const char *toolkit,
        struct custom_tools *tools, struct error *err)
{
    struct custom_tool tool = {.toolkit = toolkit};
    if (!field_required(given, "slug", &tool.original_slug, err) ||
            !field_required(given, "name", &tool.name, err) ||
            !field_required(given, "description", &tool.description, err) ||
            !field_object(given, "input_schema", &tool.input, err) ||
            !field_object(given, "output_schema", &tool.output, err)) {
        return false;
    }
    if (toolkit == NULL) {
        if (!field_text(given, "extends_toolkit", &tool.toolkit, err)) {
            return false;
        }
        tool.extends = tool.toolkit != NULL;
    }
    if (tool.extends && catalog_toolkit(call->sandbox->catalog, tool.toolkit) == NULL) {
        return api_error_set(err, API_ROUTER_INVALID, "%s: extends_toolkit: unknown toolkit %.64s",
                "custom tool", tool.toolkit);
    }
    if (!slice_is(json_string(json_get(tool.input, "type")), "object") ||
            json_type(json_get(tool.input, "properties")) != JSON_OBJECT) {
        return api_error_set(err, API_ROUTER_INVALID,
                "Custom tool %.64s: input_schema: expected type object, and properties",
                tool.original_slug);
    }
    tool.slug = local_slug(call->memory, tool.toolkit, tool.original_slug);
    if (!is_slug(tool.original_slug) || strlen(tool.slug) > SLUG_MOST) {
        return api_error_set(err, API_ROUTER_INVALID,
                "Custom tool %.64s: expected a slug of letters, digits, _ and -, up to 60 "
                "characters with its prefix",
                tool.original_slug);
    }
    for (size_t i = 0; i < tools->count; i++) {
        if (strcmp(tools->items[i].slug, tool.slug) == 0) {
            return api_error_set(
                    err, API_ROUTER_INVALID, "Custom tool %s is there twice", tool.slug);
        }
    }
    if (tools->count == CUSTOM_TOOLS_MAX) {
        return api_error_set(
                err, API_ROUTER_INVALID, "More than %d custom tools", CUSTOM_TOOLS_MAX);
    }
    tools->items[tools->count++] = tool;
    return true;
}

static MUST_CHECK bool read_list(struct call *call, const struct json *list, const char *toolkit,
        struct custom_tools *tools, struct error *err)
{
    if (list != NULL && json_type(list) != JSON_ARRAY) {
        return api_error_set(err, API_ROUTER_INVALID, "custom tools: expected an array");
    }
    for (struct json_iterator i = json_iterate(list); json_next(&i);) {
        if (!read_tool(call, i.value, toolkit, tools, err)) {
            return false;
        }
    }
    return true;
}

static MUST_CHECK bool read_toolkit(
        struct call *call, const struct json *given, struct custom_tools *tools, struct error *err)
{
    const char *slug, *ignored;
    if (!field_required(given, "slug", &slug, err) ||
            !field_required(given, "name", &ignored, err) ||
            !field_required(given, "description", &ignored, err)) {
        return false;
    }
    if (!is_slug(slug) || catalog_toolkit(call->sandbox->catalog, slug) != NULL) {
        return api_error_set(
                err, API_ROUTER_INVALID, "Custom toolkit %.64s: the slug is taken, or none", slug);
    }
    return read_list(call, json_get(given, "tools"), slug, tools, err);
}

bool custom_tools_read(
        struct call *call, const struct json *body, struct custom_tools *out, struct error *err)
{
    const struct json *experimental;
    if (!field_object(body, "experimental", &experimental, err)) {
        return false;
    }
    *out = (struct custom_tools){
            .items = mem_array(call->memory, struct custom_tool, CUSTOM_TOOLS_MAX),
            .toolkits = json_get(experimental, "custom_toolkits")};
    if (!read_list(call, json_get(experimental, "custom_tools"), NULL, out, err)) {
        return false;
    }
    for (struct json_iterator i = json_iterate(out->toolkits); json_next(&i);) {
        if (!read_toolkit(call, i.value, out, err)) {
            return false;
        }
    }
    return true;
}

/* ---- writing ---- */

static void write_tool(struct json_writer *json, const struct custom_tool *tool)
{
    json_begin_object(json);
    write_text_member(json, "slug", tool->slug);
    write_text_member(json, "name", tool->name);
    write_text_member(json, "description", tool->description);
    json_write_name(json, "input_schema");
    json_write_value(json, tool->input);
    if (tool->output != NULL) {
        json_write_name(json, "output_schema");
        json_write_value(json, tool->output);
    }
    if (tool->extends) {
        write_text_member(json, "extends_toolkit", tool->toolkit);
    }
    write_text_member(json, "original_slug", tool->original_slug);
    json_end_object(json);
}

/* Those of one toolkit of the app's own, or for NULL those of none. */
static void write_list(struct json_writer *json, const char *name, const struct custom_tools *tools,
        const char *of)
{
    json_write_name(json, name);
    json_begin_array(json);
    for (size_t i = 0; i < tools->count; i++) {
        const struct custom_tool *tool = &tools->items[i];
        const char *own = tool->extends ? NULL : tool->toolkit;
        if (of == NULL ? own == NULL : own != NULL && strcmp(own, of) == 0) {
            write_tool(json, tool);
        }
    }
    json_end_array(json);
}

void custom_tools_write(struct json_writer *json, const struct custom_tools *tools)
{
    if (tools->count == 0) {
        return;
    }
    write_list(json, "custom_tools", tools, NULL);
    json_write_name(json, "custom_toolkits");
    json_begin_array(json);
    for (struct json_iterator i = json_iterate(tools->toolkits); json_next(&i);) {
        const char *slug = json_text(json_get(i.value, "slug"));
        json_begin_object(json);
        write_text_member(json, "slug", slug);
        write_text_member(json, "name", json_text(json_get(i.value, "name")));
        write_text_member(json, "description", json_text(json_get(i.value, "description")));
        write_list(json, "tools", tools, slug);
        json_end_object(json);
    }
    json_end_array(json);
}
