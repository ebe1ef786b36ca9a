#include "sandbox/mcp/mcp_methods.h"

#include "base/log.h"
#include "sandbox/paging.h"
#include "sandbox/tools/tool_call.h"

/* ---- messages ---- */

enum message_kind message_kind_of(const struct json *message)
{
    const struct json *id = json_get(message, "id");
    int64_t ignored;
    bool good_id = json_type(id) == JSON_STRING || json_int(id, &ignored);
    bool method = json_type(json_get(message, "method")) == JSON_STRING;
    if (!slice_is(json_string(json_get(message, "jsonrpc")), "2.0")) {
        return MESSAGE_INVALID;
    }
    if (method) {
        return id == NULL ? MESSAGE_NOTIFICATION : good_id ? MESSAGE_REQUEST : MESSAGE_INVALID;
    }
    bool result = json_type(json_get(message, "result")) == JSON_OBJECT;
    bool error = json_type(json_get(message, "error")) == JSON_OBJECT;
    return good_id && result != error ? MESSAGE_RESPONSE : MESSAGE_INVALID;
}

bool message_is_initialize(const struct json *message)
{
    return message_kind_of(message) == MESSAGE_REQUEST &&
           slice_is(json_string(json_get(message, "method")), "initialize");
}

static void begin_response(struct json_writer *json, const struct json *id)
{
    json_begin_object(json);
    json_write_name(json, "jsonrpc");
    json_write_text(json, "2.0");
    json_write_name(json, "id");
    json_write_value(json, id);
}

void message_write_error(
        struct json_writer *json, const struct json *id, enum rpc_code code, const char *text)
{
    begin_response(json, id);
    json_write_name(json, "error");
    json_begin_object(json);
    write_int_member(json, "code", code);
    write_text_member(json, "message", text);
    json_end_object(json);
    json_end_object(json);
}

/* ---- revisions ---- */

/* The newest first; it is what a client is offered that asks for one not served. */
static const char *const versions[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};
#define VERSION_COUNT (sizeof versions / sizeof versions[0])

const char *mcp_version_served(struct slice version)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        if (slice_is(version, versions[i])) {
            return versions[i];
        }
    }
    return NULL;
}

const char *mcp_versions_text(void *owner)
{
    struct buffer text;
    buffer_init(&text, owner, 256);
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        buffer_printf(&text, "%s%s", i == 0 ? "" : ", ", versions[i]);
    }
    return buffer_text(&text);
}

bool mcp_version_has_batches(const char *version)
{
    return strcmp(version, "2025-06-18") < 0; /* which took them out */
}

/* ---- the request that is answered ---- */

struct exchange {
    struct call *call;
    const struct mcp_view *view;
    const struct json *id, *params;
    struct json_writer *json;
    const char *version; /* agreed on by this request */
};

static void fail(struct exchange *exchange, enum rpc_code code, const char *text)
{
    message_write_error(exchange->json, exchange->id, code, text);
}

static void begin_result(struct exchange *exchange)
{
    begin_response(exchange->json, exchange->id);
    json_write_name(exchange->json, "result");
    json_begin_object(exchange->json);
}

static void end_result(struct exchange *exchange)
{
    json_end_object(exchange->json);
    json_end_object(exchange->json);
}

/* ---- initialize, ping ---- */

static void answer_initialize(struct exchange *exchange)
{
    struct json_writer *json = exchange->json;
    const struct json *client = json_get(exchange->params, "clientInfo");
    struct slice asked = json_string(json_get(exchange->params, "protocolVersion"));
    if (asked.data == NULL ||
            json_type(json_get(exchange->params, "capabilities")) != JSON_OBJECT ||
            json_string(json_get(client, "name")).data == NULL ||
            json_string(json_get(client, "version")).data == NULL) {
        fail(exchange, RPC_INVALID_PARAMS,
                "initialize: expected protocolVersion, capabilities and clientInfo");
        return;
    }
    exchange->version = mcp_version_served(asked);
    exchange->version = exchange->version == NULL ? versions[0] : exchange->version;
    begin_result(exchange);
    write_text_member(json, "protocolVersion", exchange->version);
    json_write_name(json, "capabilities");
    json_write_raw(json, SLICE("{\"tools\":{}}"));
    json_write_name(json, "serverInfo");
    json_begin_object(json);
    write_text_member(json, "name", exchange->view->server_name);
    write_text_member(json, "version", "1.0.0");
    json_end_object(json);
    if (exchange->view->instructions != NULL) {
        write_text_member(json, "instructions", exchange->view->instructions);
    }
    end_result(exchange);
}

static void answer_ping(struct exchange *exchange)
{
    begin_result(exchange);
    end_result(exchange);
}

/* ---- tools/list ---- */

static bool is_hint(struct slice tag)
{
    static const char ending[] = "Hint";
    size_t length = sizeof ending - 1;
    return tag.length > length && memcmp(tag.data + tag.length - length, ending, length) == 0;
}

static void write_annotations(struct json_writer *json, const struct mcp_tool *tool)
{
    json_write_name(json, "annotations");
    json_begin_object(json);
    if (tool->title != NULL) {
        write_text_member(json, "title", tool->title);
    }
    for (struct json_iterator i = json_iterate(tool->tags); json_next(&i);) {
        if (is_hint(json_string(i.value))) {
            json_write_name_slice(json, json_string(i.value));
            json_write_bool(json, true);
        }
    }
    json_end_object(json);
}

static void write_tool(struct json_writer *json, const struct mcp_tool *tool)
{
    json_begin_object(json);
    write_text_member(json, "name", tool->name);
    if (tool->title != NULL) {
        write_text_member(json, "title", tool->title);
    }
    write_text_member(json, "description", tool->description);
    json_write_name(json, "inputSchema");
    if (tool->input == NULL) {
        json_write_raw(json, SLICE("{\"type\":\"object\",\"properties\":{}}"));
    } else {
        json_write_value(json, tool->input);
    }
    write_annotations(json, tool);
    json_end_object(json);
}

/* False: not a cursor of this list. */
static bool read_cursor(const struct exchange *exchange, int64_t *page_out)
{
    const struct json *cursor = json_get(exchange->params, "cursor");
    int64_t page = 1, limit = MCP_PAGE_TOOLS;
    if (cursor != NULL &&
            (!cursor_decode(exchange->call->memory, json_string(cursor), &page, &limit) ||
                    limit != MCP_PAGE_TOOLS ||
                    (page - 1) * limit >= (int64_t)exchange->view->tool_count)) {
        return false;
    }
    *page_out = page;
    return true;
}

static void answer_tools_list(struct exchange *exchange)
{
    const struct mcp_view *view = exchange->view;
    int64_t page;
    if (!read_cursor(exchange, &page)) {
        fail(exchange, RPC_INVALID_PARAMS, "Invalid cursor");
        return;
    }
    size_t first = (size_t)(page - 1) * MCP_PAGE_TOOLS;
    size_t end = first + MCP_PAGE_TOOLS;
    begin_result(exchange);
    json_write_name(exchange->json, "tools");
    json_begin_array(exchange->json);
    for (size_t i = first; i < end && i < view->tool_count; i++) {
        write_tool(exchange->json, &view->tools[i]);
    }
    json_end_array(exchange->json);
    if (end < view->tool_count) {
        write_text_member(exchange->json, "nextCursor",
                cursor_encode(exchange->call->memory, page + 1, MCP_PAGE_TOOLS));
    }
    end_result(exchange);
}

/* ---- tools/call ---- */

static const struct mcp_tool *tool_named(const struct mcp_view *view, struct slice name)
{
    for (size_t i = 0; i < view->tool_count; i++) {
        if (slice_is(name, view->tools[i].name)) {
            return &view->tools[i];
        }
    }
    return NULL;
}

/* What the API refuses stands in the result, in the form that a failure of the provider has there. */
static struct mcp_result refusal_result(struct call *call, const struct error *err)
{
    struct buffer text;
    struct json_writer json;
    buffer_init(&text, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &text);
    json_begin_object(&json);
    json_write_name(&json, "data");
    json_begin_object(&json);
    write_int_member(&json, "status_code", api_error_row(err)->status);
    write_text_member(&json, "message", err->message);
    json_end_object(&json);
    write_text_member(&json, "error", err->message);
    write_bool_member(&json, "successful", false);
    json_end_object(&json);
    return (struct mcp_result){buffer_slice(&text), true};
}

/* False: the sandbox itself failed. */
SUSPENDS static bool run_tool(struct exchange *exchange, const struct mcp_tool *tool,
        const struct json *arguments, struct mcp_result *out)
{
    struct error err = {0};
    if (exchange->view->run(exchange->call, exchange->view, tool, arguments, out, &err)) {
        return true;
    }
    if (api_error_row(&err)->status >= 500 && api_error_row(&err)->status != 501) {
        log_warn("sandbox: MCP tool %s: %s (%s)", tool->name, err.message, err.detail);
        return false;
    }
    *out = refusal_result(exchange->call, &err);
    return true;
}

static void answer_tools_call(struct exchange *exchange)
{
    struct json_writer *json = exchange->json;
    const struct json *arguments = json_get(exchange->params, "arguments");
    struct slice name = json_string(json_get(exchange->params, "name"));
    struct mcp_result result = {0};
    if (name.data == NULL || (arguments != NULL && json_type(arguments) != JSON_OBJECT)) {
        fail(exchange, RPC_INVALID_PARAMS, "tools/call: expected name, and arguments as an object");
        return;
    }
    const struct mcp_tool *tool = tool_named(exchange->view, name);
    if (tool == NULL) {
        fail(exchange, RPC_INVALID_PARAMS,
                mem_printf(exchange->call->memory, "Tool %.*s not found",
                        (int)(name.length < 128 ? name.length : 128), name.data));
        return;
    }
    if (!run_tool(exchange, tool, arguments, &result)) {
        fail(exchange, RPC_INTERNAL, "Internal error");
        return;
    }
    begin_result(exchange);
    json_write_name(json, "content");
    json_begin_array(json);
    json_begin_object(json);
    write_text_member(json, "type", "text");
    json_write_name(json, "text");
    json_write_string(json, result.text);
    json_end_object(json);
    json_end_array(json);
    write_bool_member(json, "isError", result.failed);
    end_result(exchange);
}

/* ---- which method ---- */

void message_answer(struct call *call, const struct mcp_view *view, const struct json *request,
        struct json_writer *json, const char **version_out)
{
    static const struct {
        const char *name;
        void (*answer)(struct exchange *exchange);
    } methods[] = {
            {"initialize", answer_initialize},
            {"ping", answer_ping},
            {"tools/list", answer_tools_list},
            {"tools/call", answer_tools_call},
    };
    struct slice method = json_string(json_get(request, "method"));
    struct exchange exchange = {.call = call,
            .view = view,
            .id = json_get(request, "id"),
            .params = json_get(request, "params"),
            .json = json};
    if (exchange.params != NULL && json_type(exchange.params) != JSON_OBJECT) {
        fail(&exchange, RPC_INVALID_PARAMS, "params: expected an object");
        return;
    }
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (slice_is(method, methods[i].name)) {
            methods[i].answer(&exchange);
            *version_out = exchange.version == NULL ? *version_out : exchange.version;
            return;
        }
    }
    fail(&exchange, RPC_METHOD_NOT_FOUND, "Method not found");
}
