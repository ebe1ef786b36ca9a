#include "sandbox/mcp/mcp_helpers.h"

#include "sandbox/accounts/account.h"
#include "sandbox/accounts/account_link.h"
#include "sandbox/tools/execute.h"

struct helper {
    const char *name, *title, *description, *input, *tags;
    bool (*run)(struct tool_call *tool, const struct mcp_server *server, const char *user_id,
            struct error *err);
};

/* ---- COMPOSIO_CHECK_ACTIVE_CONNECTION ---- */

static void write_connection(struct tool_call *tool, const struct db_rows *rows)
{
    struct json_writer *json = &tool->json;
    bool active = db_row_count(rows) > 0;
    write_bool_member(json, "active_connection", active);
    json_write_name(json, "connection_details");
    json_begin_object(json);
    if (active) {
        struct account account = account_read(tool->call, rows, 0);
        write_text_member(json, "connected_account_id", account.id);
        write_text_member(json, "toolkit", account.auth_config.toolkit);
        write_text_member(json, "status", account.status);
    }
    json_end_object(json);
    json_write_name(json, "required_parameters_for_connection");
    if (active) {
        json_write_null(json);
    } else { /* consent is all it takes */
        json_begin_array(json);
        json_end_array(json);
    }
}

SUSPENDS static bool check_connection(struct tool_call *tool, const struct mcp_server *server,
        const char *user_id, struct error *err)
{
    static const char sql[] =
            "SELECT " ACCOUNT_COLUMNS ACCOUNT_TABLES "WHERE a.user_id = $1 AND a.deleted = 0 "
            "AND a.status = 'ACTIVE' AND c.toolkit IN (SELECT value FROM json_each($2)) "
            "AND ($3 IS NULL OR c.toolkit = lower($3)) AND ($4 IS NULL OR a.id = $4) "
            "ORDER BY a.created_at DESC, a.seq DESC LIMIT 1";
    const char *toolkit = argument_text(tool, "toolkit");
    const char *account = argument_text(tool, "connected_account_id");
    const struct db_rows *rows;
    if (toolkit == NULL && account == NULL) {
        return tool_fail(tool, 400, "Either toolkit or connected_account_id is required");
    }
    struct db_params params =
            DB_PARAMS(DB_TEXT(user_id), DB_TEXT(texts_json(tool->memory, &server->toolkits)),
                    DB_TEXT(toolkit), DB_TEXT(account));
    if (!db_read(tool->call->sandbox->db, tool->memory, sql, params, &rows, err)) {
        return false;
    }
    write_connection(tool, rows);
    return true;
}

/* ---- COMPOSIO_INITIATE_CONNECTION ---- */

/* The server's auth config of the toolkit, else the newest that needs nothing of the caller. *out NULL: none. */
SUSPENDS static MUST_CHECK bool find_auth_config(struct tool_call *tool,
        const struct mcp_server *server, const char *toolkit, const char **out, struct error *err)
{
    static const char sql[] =
            "SELECT id FROM auth_config WHERE toolkit = lower($1) AND deleted = 0 "
            "AND status = 'ENABLED' AND toolkit IN (SELECT value FROM json_each($2)) "
            "AND (managed = 1 OR id IN (SELECT value FROM json_each($3))) "
            "ORDER BY id IN (SELECT value FROM json_each($3)) DESC, seq DESC LIMIT 1";
    const struct db_rows *rows;
    struct db_params params =
            DB_PARAMS(DB_TEXT(toolkit), DB_TEXT(texts_json(tool->memory, &server->toolkits)),
                    DB_TEXT(texts_json(tool->memory, &server->auth_config_ids)));
    if (!db_read(tool->call->sandbox->db, tool->memory, sql, params, &rows, err)) {
        return false;
    }
    *out = db_row_count(rows) == 0 ? NULL : db_get_text(rows, 0, 0);
    return true;
}

SUSPENDS static bool initiate_connection(struct tool_call *tool, const struct mcp_server *server,
        const char *user_id, struct error *err)
{
    const char *toolkit = argument_required(tool, "toolkit"), *config;
    struct link_made link;
    struct json_writer *json = &tool->json;
    if (!find_auth_config(tool, server, toolkit, &config, err)) {
        return false;
    }
    if (config == NULL) {
        return tool_fail(tool, 404, "No auth config found for toolkit %s", toolkit);
    }
    struct link_request request = {.auth_config_id = config, .user_id = user_id};
    if (!account_link_make(tool->call, &request, &link, err)) {
        return false;
    }
    json_write_name(json, "response_data");
    json_begin_object(json);
    write_text_member(json, "connection_id", link.account_id);
    write_text_member(json, "redirect_url", link.url);
    write_text_member(json, "status", "initiated");
    write_text_member(json, "message", "Connection initiated; the user has to approve it");
    write_text_member(json, "instruction",
            "Show the redirect_url to the user and wait until the connection is active");
    write_bool_member(json, "success", true);
    json_end_object(json);
    return true;
}

/* ---- the two ---- */

static const struct helper helpers[MCP_HELPERS] = {
        {.name = "COMPOSIO_CHECK_ACTIVE_CONNECTION",
                .title = "Check active connection",
                .description = "Check whether the user has an active connection to a toolkit, or "
                               "whether a given connected account is active.",
                .input = "{\"type\":\"object\",\"properties\":{"
                         "\"toolkit\":{\"type\":\"string\",\"title\":\"Toolkit\","
                         "\"description\":\"Name of the toolkit to check\"},"
                         "\"connected_account_id\":{\"type\":\"string\","
                         "\"title\":\"Connected Account Id\","
                         "\"description\":\"Connected account to check\"}}}",
                .tags = "[\"readOnlyHint\"]",
                .run = check_connection},
        {.name = "COMPOSIO_INITIATE_CONNECTION",
                .title = "Initiate connection",
                .description = "Start connecting a toolkit for the user. Returns a link that the "
                               "user has to open and approve.",
                .input = "{\"type\":\"object\",\"required\":[\"toolkit\"],\"properties\":{"
                         "\"toolkit\":{\"type\":\"string\",\"title\":\"Toolkit\","
                         "\"description\":\"Name of the toolkit to connect\"},"
                         "\"parameters\":{\"type\":\"object\",\"title\":\"Parameters\","
                         "\"description\":\"Empty for the default OAuth flow\"}}}",
                .tags = "[]",
                .run = initiate_connection},
};

static const struct json *parse(void *owner, const char *text)
{
    const struct json *value = NULL;
    struct error ignored = {0};
    bool good = json_parse(owner, slice_of(text), &value, &ignored);
    return good ? value : NULL;
}

void mcp_helpers_write(struct call *call, struct mcp_tool tools[static MCP_HELPERS])
{
    for (size_t i = 0; i < MCP_HELPERS; i++) {
        tools[i] = (struct mcp_tool){.name = helpers[i].name,
                .title = helpers[i].title,
                .description = helpers[i].description,
                .input = parse(call->memory, helpers[i].input),
                .tags = parse(call->memory, helpers[i].tags),
                .of = &helpers[i]};
    }
}

bool mcp_helper_run(struct call *call, const struct mcp_server *server, const char *user_id,
        const struct mcp_tool *tool, const struct json *arguments, struct mcp_result *out,
        struct error *err)
{
    const struct helper *helper = tool->of;
    struct tool_call work = {
            .call = call, .memory = call->memory, .now_ms = call->now_ms, .arguments = arguments};
    struct buffer text;
    struct json_writer json;
    const char *problem = arguments_problem(call->memory, tool->input, arguments);
    execution_begin(&work);
    bool good = problem == NULL ? helper->run(&work, server, user_id, err)
                                : tool_fail(&work, 400, "%s", problem);
    buffer_init(&text, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &text);
    if (!good || !execution_end(&work, &json, err)) {
        return false;
    }
    *out = (struct mcp_result){buffer_slice(&text), work.failure != NULL};
    return true;
}
