#include "sandbox/tools/execute.h"

#include "sandbox/accounts/account.h"
#include "sandbox/routes.h"
#include "sandbox/tools/text_arguments.h"
#include "sandbox/world/world.h"

#include <assert.h>

/* ---- the request ---- */

static MUST_CHECK bool check_text(const char *text, struct error *err)
{
    if (text != NULL && strlen(text) > TEXT_ARGUMENTS_BYTES_MAX) {
        return api_error_set(
                err, API_BAD_REQUEST, "text: expected at most %d bytes", TEXT_ARGUMENTS_BYTES_MAX);
    }
    return true;
}

/* `*text_out` NULL: no text in place of arguments. */
static MUST_CHECK bool request_read(
        struct call *call, struct execution *out, const char **text_out, struct error *err)
{
    const char *entity, *text;
    if (!field_text(call->body, "user_id", &out->user_id, err) ||
            !field_text(call->body, "entity_id", &entity, err) ||
            !field_text(call->body, "connected_account_id", &out->account_id, err) ||
            !field_text(call->body, "version", &out->version, err) ||
            !field_text(call->body, "text", &text, err) ||
            !field_object(call->body, "arguments", &out->arguments, err)) {
        return false;
    }
    out->slug = call->values[0];
    out->user_id = out->user_id == NULL ? entity : out->user_id;
    out->version = version_or_usual(call, out->version);
    if (text != NULL && out->arguments != NULL) {
        return api_error_set(
                err, API_BAD_REQUEST, "Provide either text or arguments, but not both");
    }
    *text_out = text;
    return check_text(text, err);
}

bool execution_tool(struct call *call, const char *slug, const char *version,
        const struct tool **out, struct error *err)
{
    const struct tool *tool = catalog_tool(call->sandbox->catalog, slug);
    if (tool == NULL) {
        return api_error_set(err, API_EXECUTE_TOOL_NOT_FOUND, "Tool %s not found", slug);
    }
    if (!tool_has_version(tool, version)) {
        return api_error_set(err, API_EXECUTE_TOOL_NOT_FOUND,
                "Tool %s not found in version %s of toolkit %s", tool->slug, version,
                tool->toolkit->slug);
    }
    *out = tool;
    return true;
}

/* ---- the account ---- */

static bool account_missing(
        const struct execution *execution, const char *toolkit, struct error *err)
{
    if (execution->account_id != NULL) {
        return api_error_set(err, API_EXECUTE_ACCOUNT_NOT_FOUND,
                "No connected account found with ID %s for user ID %s for toolkit %s",
                execution->account_id, execution->user_id, toolkit);
    }
    return api_error_set(err, API_EXECUTE_ACCOUNT_NOT_FOUND,
            "No connected account found for user ID %s for toolkit %s", execution->user_id,
            toolkit);
}

#define OF_AUTH_CONFIGS(list) \
    "AND (" list " IS NULL OR c.id IN (SELECT value FROM json_each(" list "))) "

/* The one named; else the newest ACTIVE one of the user, else the newest. */
SUSPENDS static MUST_CHECK bool account_choose(struct call *call, const struct execution *execution,
        const char *toolkit, struct account *out, struct error *err)
{
    const struct db_rows *rows;
    bool named = execution->account_id != NULL;
    const char *sql =
            named ? "SELECT " ACCOUNT_COLUMNS ACCOUNT_TABLES
                    "WHERE a.id = $1 AND c.toolkit = $2 AND a.deleted = 0 " OF_AUTH_CONFIGS("$3")
                  : "SELECT " ACCOUNT_COLUMNS ACCOUNT_TABLES
                    "WHERE a.user_id = $1 AND c.toolkit = $2 AND a.deleted = 0 AND a.shared = 0 " OF_AUTH_CONFIGS(
                            "$3") "ORDER BY a.status = 'ACTIVE' DESC, a.created_at DESC, a.seq DESC LIMIT 1";
    const struct texts *configs = &execution->auth_configs;
    struct db_params params =
            DB_PARAMS(DB_TEXT(named ? execution->account_id : execution->user_id), DB_TEXT(toolkit),
                    configs->count == 0 ? DB_NULL : DB_TEXT(texts_json(call->memory, configs)));
    if (!db_read(call->sandbox->db, call->memory, sql, params, &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return account_missing(execution, toolkit, err);
    }
    *out = account_read(call, rows, 0);
    return true;
}

static MUST_CHECK bool account_check(const struct account *account, struct error *err)
{
    if (strcmp(account->status, "EXPIRED") == 0) {
        return api_error_set(
                err, API_EXECUTE_EXPIRED, "Connected account %s is in EXPIRED state", account->id);
    }
    if (strcmp(account->status, "ACTIVE") != 0) {
        return api_error_set(err, API_EXECUTE_NOT_ACTIVE,
                "Connected account %s is in %s state, not ACTIVE", account->id, account->status);
    }
    if (account->auth_config.disabled) {
        return api_error_set(err, API_EXECUTE_NOT_ACTIVE,
                "The auth config of connected account %s is disabled", account->id);
    }
    return true;
}

SUSPENDS static MUST_CHECK bool account_find_for(struct call *call,
        const struct execution *execution, const char *toolkit, struct account *out,
        struct error *err)
{
    if (execution->user_id == NULL || execution->user_id[0] == '\0') {
        return api_error_set(err, API_EXECUTE_USER_REQUIRED,
                execution->account_id == NULL ? "User ID is required."
                                              : "User ID is required with connected account.");
    }
    if (!account_choose(call, execution, toolkit, out, err)) {
        return false;
    }
    if (strcmp(out->user_id, execution->user_id) != 0) {
        return api_error_set(err, API_EXECUTE_USER_MISMATCH,
                "Connected account user ID does not match the provided user ID.");
    }
    return account_check(out, err);
}

/* ---- the tool ---- */

tool_emulator *execution_emulator(const struct tool *tool)
{
    static const struct {
        const char *toolkit;
        const struct emulation *emulations;
    } toolkits[] = {
            {"gmail", gmail_emulations},
            {"googlecalendar", googlecalendar_emulations},
            {"slack", slack_emulations},
            {"notion", notion_emulations},
            {"github", github_emulations},
    };
    for (size_t i = 0; i < sizeof toolkits / sizeof toolkits[0]; i++) {
        const struct emulation *emulation = toolkits[i].emulations;
        if (strcmp(toolkits[i].toolkit, tool->toolkit->slug) != 0) {
            continue;
        }
        for (; emulation->slug != NULL; emulation++) {
            if (strcmp(emulation->slug, tool->slug) == 0) {
                return emulation->run;
            }
        }
    }
    return NULL;
}

SUSPENDS static MUST_CHECK bool run(struct tool_call *tool, struct error *err)
{
    if (tool->call->echo) {
        write_members_of(&tool->json, tool->arguments);
        return true;
    }
    const char *problem = arguments_problem(tool->memory, tool->tool->input, tool->arguments);
    if (problem != NULL) {
        return tool_fail(tool, 400, "%s", problem);
    }
    tool_emulator *emulator = execution_emulator(tool->tool);
    if (emulator == NULL) {
        return tool_fail(tool, 501, "The sandbox has no emulation of %s", tool->tool->slug);
    }
    return world_open(tool, err) && emulator(tool, err);
}

static void write_result(struct json_writer *json, const struct tool_call *tool)
{
    bool successful = tool->failure == NULL;
    json_begin_object(json);
    json_write_name(json, "data");
    if (successful) {
        json_write_raw(json, buffer_slice(&tool->out));
    } else {
        json_begin_object(json);
        write_int_member(json, "status_code", tool->failure_status);
        write_text_member(json, "message", tool->failure);
        json_end_object(json);
    }
    write_text_member(json, "error", tool->failure);
    write_bool_member(json, "successful", successful);
    write_text_member(json, "session_info", NULL);
    write_text_member(json, "log_id", sandbox_new_id(tool->memory, "log_", 12));
    json_end_object(json);
}

void execution_begin(struct tool_call *tool)
{
    buffer_init(&tool->out, tool->memory, CALL_BYTES_MAX / 2);
    json_writer_init(&tool->json, &tool->out);
    json_begin_object(&tool->json);
}

bool execution_end(struct tool_call *tool, struct json_writer *json, struct error *err)
{
    if (tool->failure == NULL) {
        json_end_object(&tool->json);
    }
    if (tool->out.overflow) {
        return api_error_set(err, API_INTERNAL, "The tool's answer is too large");
    }
    write_result(json, tool);
    return true;
}

bool execution_run(struct call *call, const struct execution *execution, struct json_writer *json,
        bool *successful_out, struct error *err)
{
    struct account account = {0};
    struct tool_call tool = {.call = call, .memory = call->memory, .now_ms = call->now_ms};
    if (!execution_tool(call, execution->slug, execution->version, &tool.tool, err) ||
            !account_find_for(call, execution, tool.tool->toolkit->slug, &account, err)) {
        return false;
    }
    assert(account.email != NULL); /* whatever makes an account ACTIVE says who it is */
    tool.email = account.email;
    tool.world =
            world_id(call->memory, account.user_id, account.auth_config.toolkit, account.email);
    tool.arguments = execution->arguments;
    execution_begin(&tool);
    if (!run(&tool, err) || !execution_end(&tool, json, err)) {
        return false;
    }
    *successful_out = tool.failure == NULL;
    return true;
}

/* ---- POST /tools/execute/{} ---- */

bool tool_execute(struct call *call, struct error *err)
{
    struct execution execution = {0};
    const struct tool *tool;
    const char *text = NULL;
    bool ignored;
    if (!request_read(call, &execution, &text, err) ||
            !execution_tool(call, execution.slug, execution.version, &tool, err)) {
        return false;
    }
    if (text != NULL) {
        execution.arguments = text_arguments(call->memory, tool->input, slice_of(text));
    }
    return execution_run(call, &execution, &call->json, &ignored, err);
}

/* ---- POST /tools/execute/{}/input: the arguments that a text gives ---- */

bool tool_input(struct call *call, struct error *err)
{
    const struct tool *tool;
    const char *text = NULL, *version = NULL, *ignored;
    if (!field_required(call->body, "text", &text, err) || !check_text(text, err) ||
            !field_text(call->body, "custom_description", &ignored, err) ||
            !field_text(call->body, "system_prompt", &ignored, err) ||
            !field_text(call->body, "version", &version, err) ||
            !execution_tool(call, call->values[0], version, &tool, err)) {
        return false;
    }
    const struct json *arguments = text_arguments(call->memory, tool->input, slice_of(text));
    const char *problem = arguments_problem(call->memory, tool->input, arguments);
    json_begin_object(&call->json);
    if (problem == NULL) {
        json_write_name(&call->json, "arguments");
        json_write_value(&call->json, arguments);
    } else {
        write_text_member(&call->json, "error", problem);
    }
    json_end_object(&call->json);
    return true;
}
