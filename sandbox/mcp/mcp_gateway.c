/* The URLs of MCP servers, and what answers at them: the server's tools, executed for the user whom the URL names. */
#include "sandbox/accounts/account.h"
#include "sandbox/mcp/mcp_helpers.h"
#include "sandbox/routes.h"
#include "sandbox/tools/execute.h"

/* ---- POST /mcp/servers/generate ---- */

const char *mcp_server_url(struct call *call, const char *id)
{
    return mem_printf(call->memory, "%s/v3/mcp/%s", call->sandbox->public_url, id);
}

/* "&name=a,b"; nothing for no values. */
static void add_parameter(struct buffer *url, const char *name, const struct texts *values)
{
    for (size_t i = 0; i < values->count; i++) {
        if (i == 0) {
            buffer_printf(url, "&%s=", name);
        } else {
            buffer_add_char(url, ',');
        }
        buffer_add_url_encoded(url, slice_of(values->items[i]));
    }
}

/* The plural is the service's own slip, which its transport then refuses; clients have to cope with it. */
static const char *selected_url(struct call *call, const char *base, bool helpers,
        const struct texts *accounts, const struct texts *users)
{
    struct buffer query, url;
    buffer_init(&query, call->memory, CALL_BYTES_MAX);
    buffer_add_text(&query, helpers ? "&include_composio_helper_actions=true" : "");
    add_parameter(&query, "connected_account_ids", accounts);
    add_parameter(&query, "user_id", users);
    buffer_init(&url, call->memory, CALL_BYTES_MAX);
    buffer_printf(&url, "%s?", base);
    buffer_add_slice(&url, slice_skip(buffer_slice(&query), 1));
    return buffer_text(&url);
}

bool mcp_server_generate(struct call *call, struct error *err)
{
    struct json_writer *json = &call->json;
    struct mcp_server server;
    struct texts users, accounts;
    const char *id;
    if (!field_required(call->body, "mcp_server_id", &id, err) ||
            !field_list(call->memory, call->body, "user_ids", &users, err) ||
            !field_list(call->memory, call->body, "connected_account_ids", &accounts, err) ||
            !mcp_server_find(call, id, &server, err)) {
        return false;
    }
    bool helpers = json_bool(json_get(call->body, "managed_auth_by_composio"), false);
    const char *base = mcp_server_url(call, server.id);
    json_begin_object(json);
    json_write_name(json, "mcp_url");
    json_write_text(json, base);
    json_write_name(json, "connected_account_urls");
    json_begin_array(json);
    for (size_t i = 0; i < accounts.count; i++) {
        const struct texts one = {&accounts.items[i], 1};
        json_write_text(json, selected_url(call, base, helpers, &one, &users));
    }
    json_end_array(json);
    json_write_name(json, "user_ids_url");
    json_begin_array(json);
    for (size_t i = 0; i < users.count; i++) {
        const struct texts one = {&users.items[i], 1};
        json_write_text(json, selected_url(call, base, helpers, &accounts, &one));
    }
    json_end_array(json);
    json_end_object(json);
    return true;
}

/* ---- the tools of a server ---- */

static bool allows(const struct mcp_server *server, const struct tool *tool)
{
    return tool_has_version(tool, NULL) &&
           (server->allowed_tools.count == 0 ? texts_have(&server->toolkits, tool->toolkit->slug)
                                             : texts_have(&server->allowed_tools, tool->slug));
}

static void add_tools(struct call *call, const struct mcp_server *server, bool with_helpers,
        struct mcp_view *view)
{
    const struct tool *tool = catalog_tools(call->sandbox->catalog);
    size_t count = 0;
    for (const struct tool *t = tool; t != NULL; t = t->next) {
        count += allows(server, t) ? 1 : 0;
    }
    struct mcp_tool *tools = mem_array(call->memory, struct mcp_tool, count + MCP_HELPERS);
    for (; tool != NULL; tool = tool->next) {
        if (allows(server, tool)) {
            tools[view->tool_count++] = (struct mcp_tool){.name = tool->slug,
                    .title = tool->name,
                    .description = tool->description,
                    .input = tool->input,
                    .tags = tool->tags};
        }
    }
    if (with_helpers) {
        mcp_helpers_write(call, &tools[view->tool_count]);
        view->tool_count += MCP_HELPERS;
    }
    view->tools = tools;
}

/* ---- for whom ---- */

struct gateway {
    struct mcp_server server;
    const char *user_id, *account_id; /* NULL: not said */
};

/* Of the server's auth configs those of the tool's toolkit; none: the server names the toolkit without one, so that any
 * account of it will do. */
SUSPENDS static MUST_CHECK bool auth_configs_for(struct call *call, const struct mcp_server *server,
        const char *toolkit, struct texts *out, struct error *err)
{
    const struct db_rows *rows;
    struct db_params params = DB_PARAMS(
            DB_TEXT(texts_json(call->memory, &server->auth_config_ids)), DB_TEXT(toolkit));
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT id FROM auth_config WHERE toolkit = $2 "
                "AND id IN (SELECT value FROM json_each($1))",
                params, &rows, err)) {
        return false;
    }
    out->count = db_row_count(rows);
    out->items = mem_array(call->memory, const char *, out->count);
    for (size_t i = 0; i < out->count; i++) {
        out->items[i] = db_get_text(rows, i, 0);
    }
    return true;
}

SUSPENDS static MUST_CHECK bool run_tool(struct call *call, const struct mcp_view *view,
        const struct mcp_tool *tool, const struct json *arguments, struct mcp_result *out,
        struct error *err)
{
    const struct gateway *gateway = view->context;
    struct execution execution = {.slug = tool->name,
            .user_id = gateway->user_id,
            .account_id = gateway->account_id,
            .arguments = arguments};
    struct account account;
    if (execution.user_id == NULL) {
        if (!account_find(call, execution.account_id, &account, err)) {
            return false;
        }
        execution.user_id = account.user_id;
    }
    if (tool->of != NULL) {
        return mcp_helper_run(call, &gateway->server, execution.user_id, tool, arguments, out, err);
    }
    const struct tool *found = catalog_tool(call->sandbox->catalog, tool->name);
    struct buffer text;
    struct json_writer json;
    bool successful;
    buffer_init(&text, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &text);
    if (!auth_configs_for(
                call, &gateway->server, found->toolkit->slug, &execution.auth_configs, err) ||
            !execution_run(call, &execution, &json, &successful, err)) {
        return false;
    }
    *out = (struct mcp_result){buffer_slice(&text), !successful};
    return true;
}

/* ---- /v3/mcp/{}, /v3/mcp/{}/mcp ---- */

bool mcp_gateway(struct call *call, struct error *err)
{
    struct gateway gateway = {.user_id = call_parameter(call, "user_id"),
            .account_id = call_parameter(call, "connected_account_id")};
    if (gateway.user_id == NULL && gateway.account_id == NULL) {
        return api_error_set(err, API_MCP_PARAMETER,
                "user_id or connected_account_id query parameter is required");
    }
    bool with_helpers;
    if (!call_parameter_bool(call, "include_composio_helper_actions", false, &with_helpers, err) ||
            !mcp_server_find(call, call->values[0], &gateway.server, err)) {
        return false;
    }
    struct mcp_view view = {.scope = mem_printf(call->memory, "server %s %s %s", gateway.server.id,
                                    gateway.account_id == NULL ? "" : gateway.account_id,
                                    gateway.user_id == NULL ? "" : gateway.user_id),
            .server_name = gateway.server.name,
            .run = run_tool,
            .context = &gateway};
    add_tools(call, &gateway.server, with_helpers, &view);
    return mcp_serve(call, &view);
}
