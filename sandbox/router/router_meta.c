#include "sandbox/router/router_meta.h"

#include "base/clock.h"
#include "sandbox/accounts/account_link.h"
#include "sandbox/router/router_search.h"
#include "sandbox/tools/execute.h"
#include "sandbox/tools/tool_call.h"
#include "sandbox/tools/tools.h"

#define MULTI_MOST    50
#define TOOLKITS_MOST 50
#define WAIT_MS       60000
#define WAIT_STEP_MS  100

struct meta {
    struct tool_call tool;
    const struct router_session *session;
    const struct router_execution *execution;
};
/* Writes `data`, or calls tool_fail(). False: a refusal of the API, or the sandbox itself failed. */
typedef bool meta_emulator(struct meta *meta, struct error *err);

static void write_workflow(struct meta *meta)
{
    const char *id = argument_text(&meta->tool, "session_id");
    if (id != NULL) {
        json_write_name(&meta->tool.json, "session");
        json_begin_object(&meta->tool.json);
        write_text_member(&meta->tool.json, "id", id);
        write_text_member(
                &meta->tool.json, "instructions", "Pass this id as session_id to the meta tools.");
        json_end_object(&meta->tool.json);
    }
}

/* ---- COMPOSIO_SEARCH_TOOLS ---- */

static bool search_tools(struct meta *meta, struct error *err)
{
    struct router_query query = {.queries = json_get(meta->tool.arguments, "queries"),
            .workflow = json_get(meta->tool.arguments, "session"),
            .custom = meta->execution->custom};
    return router_search_write(meta->tool.call, meta->session, &query, &meta->tool.json, err);
}

/* ---- COMPOSIO_GET_TOOL_SCHEMAS ---- */

static void write_schema(struct json_writer *json, const struct tool *tool, bool input, bool output)
{
    json_write_name(json, tool->slug);
    json_begin_object(json);
    write_text_member(json, "toolkit", tool->toolkit->slug);
    write_text_member(json, "tool_slug", tool->slug);
    write_text_member(json, "description", tool->description);
    if (input) {
        json_write_name(json, "input_schema");
        json_write_value(json, tool->input);
    }
    if (output) {
        json_write_name(json, "output_schema");
        json_write_raw(json, slice_of(tool_output_schema));
    }
    json_end_object(json);
}

static bool get_tool_schemas(struct meta *meta, struct error *err)
{
    (void)err;
    struct json_writer *json = &meta->tool.json;
    struct texts slugs = argument_list(&meta->tool, "tool_slugs");
    struct texts include = argument_list(&meta->tool, "include");
    struct texts missing = {mem_array(meta->tool.memory, const char *, slugs.count), 0};
    bool input = include.count == 0 || texts_have(&include, "input_schema");
    json_write_name(json, "tool_schemas");
    json_begin_object(json);
    for (size_t i = 0; i < slugs.count; i++) {
        const struct tool *tool = catalog_tool(meta->tool.call->sandbox->catalog, slugs.items[i]);
        if (tool == NULL || !router_allows_tool(meta->session, tool)) {
            missing.items[missing.count++] = slugs.items[i];
        } else {
            write_schema(json, tool, input, texts_have(&include, "output_schema"));
        }
    }
    json_end_object(json);
    write_bool_member(json, "success", missing.count == 0);
    json_write_name(json, "not_found");
    texts_write(json, &missing);
    if (missing.count > 0) {
        write_text_member(json, "not_found_message",
                "Some slugs are none of this session; search for the tools.");
    }
    return true;
}

/* ---- COMPOSIO_MULTI_EXECUTE_TOOL ---- */

/* What one of them refuses is its result, and the others go on. *good_out: it succeeded. */
SUSPENDS static MUST_CHECK bool run_one(
        struct meta *meta, const struct json *item, size_t index, bool *good_out, struct error *err)
{
    struct json_writer *json = &meta->tool.json;
    struct router_execution execution = {.slug = json_text(json_get(item, "tool_slug")),
            .arguments = json_get(item, "arguments"),
            .account = json_text(json_get(item, "account"))};
    struct error refused = {0};
    struct slice text = {NULL, 0};
    const struct json *result = NULL;
    bool ran = router_execute_app(
            meta->tool.call, meta->session, &execution, &text, good_out, &refused);
    if (!ran && api_error_row(&refused)->status >= 500) {
        *err = refused;
        return false;
    }
    if (ran && !json_parse(meta->tool.memory, text, &result, err)) {
        return false;
    }
    *good_out = ran && *good_out;
    json_begin_object(json);
    write_int_member(json, "index", (int64_t)index);
    write_text_member(json, "tool_slug", execution.slug);
    write_text_member(json, "error", ran ? json_text(json_get(result, "error")) : refused.message);
    json_write_name(json, "response");
    json_write_value(json, result);
    json_end_object(json);
    return true;
}

static bool multi_execute(struct meta *meta, struct error *err)
{
    struct json_writer *json = &meta->tool.json;
    const struct json *tools = json_get(meta->tool.arguments, "tools");
    size_t count = json_count(tools), good = 0;
    if (count < 1 || count > MULTI_MOST) {
        return api_error_set(err, API_META_INVALID, "tools: expected 1 to %d", MULTI_MOST);
    }
    for (struct json_iterator i = json_iterate(tools); json_next(&i);) {
        const struct json *arguments = json_get(i.value, "arguments");
        if (json_text(json_get(i.value, "tool_slug")) == NULL ||
                (arguments != NULL && json_type(arguments) != JSON_OBJECT)) {
            return api_error_set(err, API_META_INVALID,
                    "tools: expected tool_slug, and arguments as an object, in number %zu",
                    i.index + 1);
        }
    }
    json_write_name(json, "results");
    json_begin_array(json);
    for (struct json_iterator i = json_iterate(tools); json_next(&i);) {
        bool one = false;
        if (!run_one(meta, i.value, i.index, &one, err)) {
            return false;
        }
        good += one ? 1 : 0;
    }
    json_end_array(json);
    write_int_member(json, "total_count", (int64_t)count);
    write_int_member(json, "success_count", (int64_t)good);
    write_int_member(json, "error_count", (int64_t)(count - good));
    if (argument_bool(&meta->tool, "sync_response_to_workbench", false)) {
        write_text_member(json, "remote_file_info", NULL);
        write_text_member(json, "next_steps",
                "The sandbox has no workbench, so nothing was kept there: all is in the results.");
    }
    write_workflow(meta);
    return true;
}

/* ---- COMPOSIO_MANAGE_CONNECTIONS ---- */

struct tally {
    int64_t active, initiated, failed;
};

static void write_connection(struct json_writer *json, const struct account *account)
{
    write_text_member(json, "connected_account_id", account->id);
    write_text_member(json, "auth_config_id", account->auth_config.id);
    json_write_name(json, "created_at");
    json_write_time(json, account->created_at);
    json_write_name(json, "current_user_info");
    json_begin_object(json);
    write_text_member(json, "email", account->email);
    json_end_object(json);
    write_text_member(json, "account_type", account->shared ? "SHARED" : "PRIVATE");
}

static void write_failed(struct meta *meta, const char *why, struct tally *tally)
{
    tally->failed++;
    write_text_member(&meta->tool.json, "status", "failed");
    write_bool_member(&meta->tool.json, "has_active_connection", false);
    write_text_member(&meta->tool.json, "error_message", why);
}

/* The account is there already, unless a further one is wanted. */
SUSPENDS static MUST_CHECK bool add(struct meta *meta, const char *toolkit, const struct json *item,
        struct tally *tally, struct error *err)
{
    struct json_writer *json = &meta->tool.json;
    struct accounts accounts;
    struct link_made link;
    struct error refused = {0};
    bool again = argument_bool(&meta->tool, "reinitiate_all", false);
    bool several = json_type(item) == JSON_OBJECT &&
                   router_flag(meta->session, "multi_account", "enable", false);
    if (!router_accounts(meta->tool.call, meta->session, toolkit, &accounts, err)) {
        return false;
    }
    bool active = accounts.count > 0 && account_is_active(&accounts.items[0]);
    if (active && !again && !several) {
        tally->active++;
        write_text_member(json, "status", "active");
        write_bool_member(json, "has_active_connection", true);
        write_connection(json, &accounts.items[0]);
        return true;
    }
    int64_t most = INT64_MAX;
    json_int(json_get(json_get(meta->session->config, "multi_account"), "max_accounts_per_toolkit"),
            &most);
    if (several && !again && (int64_t)accounts.count >= most) {
        write_failed(meta, "The session has as many accounts of this toolkit as it may", tally);
        return true;
    }
    if (!router_link_make(meta->tool.call, meta->session, toolkit, NULL, &link, &refused)) {
        if (api_error_row(&refused)->status >= 500) {
            *err = refused;
            return false;
        }
        write_failed(meta, mem_strdup(meta->tool.memory, refused.message), tally);
        return true;
    }
    tally->initiated++;
    write_text_member(json, "status", "initiated");
    write_bool_member(json, "has_active_connection", active);
    write_text_member(json, "connected_account_id", link.account_id);
    write_text_member(json, "redirect_url", link.url);
    write_text_member(json, "instruction",
            "Show the redirect_url to the user as a link, and wait until he has approved.");
    write_bool_member(json, "was_reinitiated", again && active);
    return true;
}

SUSPENDS static MUST_CHECK bool list(
        struct meta *meta, const char *toolkit, struct tally *tally, struct error *err)
{
    struct json_writer *json = &meta->tool.json;
    struct accounts accounts;
    if (!router_accounts(meta->tool.call, meta->session, toolkit, &accounts, err)) {
        return false;
    }
    bool active = accounts.count > 0 && account_is_active(&accounts.items[0]);
    tally->active += active ? 1 : 0;
    write_text_member(json, "status", active ? "active" : "failed");
    write_bool_member(json, "has_active_connection", active);
    json_write_name(json, "accounts");
    json_begin_array(json);
    for (size_t i = 0; i < accounts.count; i++) {
        const struct account *account = &accounts.items[i];
        json_begin_object(json);
        write_text_member(json, "id", account->id);
        write_text_member(json, "word_id", account->word_id);
        write_text_member(json, "alias", account->alias);
        write_text_member(json, "status", account->status);
        write_bool_member(json, "is_default", i == 0);
        json_end_object(json);
    }
    json_end_array(json);
    return true;
}

/* rename and remove; only of the user's own accounts. */
SUSPENDS static MUST_CHECK bool change(struct meta *meta, const char *toolkit,
        const struct json *item, struct tally *tally, struct error *err)
{
    static const char rename_sql[] =
            "UPDATE account AS a SET alias = $3, updated_at = $4 WHERE a.id = $1 "
            "AND a.user_id = $2 AND a.deleted = 0 AND NOT EXISTS (SELECT 1 FROM account o "
            "JOIN auth_config oc ON oc.id = o.auth_config_id WHERE o.user_id = $2 AND o.alias = $3 "
            "AND oc.toolkit = $5 AND o.deleted = 0 AND o.id <> $1)";
    static const char remove_sql[] =
            "UPDATE account SET deleted = 1, updated_at = $3 WHERE id = $1 AND user_id = $2 "
            "AND deleted = 0";
    struct tool_call *tool = &meta->tool;
    const char *alias = json_text(json_get(item, "alias"));
    const char *user_id = meta->session->user_id, *named = json_text(json_get(item, "account_id"));
    bool remove = slice_is(json_string(json_get(item, "action")), "remove");
    struct account account;
    struct error refused = {0};
    const struct db_rows *rows;
    if (remove &&
            !router_flag(meta->session, "manage_connections", "enable_connection_removal", true)) {
        write_failed(meta, "Removing connections is off in this session", tally);
        return true;
    }
    if (named == NULL || (!remove && (alias == NULL || alias[0] == '\0')) ||
            !router_account_choose(tool->call, meta->session, toolkit, named, &account, &refused)) {
        write_failed(meta,
                refused.message[0] == '\0' ? "account_id, and alias for rename, are required"
                                           : mem_strdup(tool->memory, refused.message),
                tally);
        return true;
    }
    struct db_statement statements[] = {
            {rename_sql, DB_PARAMS(DB_TEXT(account.id), DB_TEXT(user_id), DB_TEXT(alias),
                                 DB_INT(tool->now_ms), DB_TEXT(toolkit))},
            {remove_sql, DB_PARAMS(DB_TEXT(account.id), DB_TEXT(user_id), DB_INT(tool->now_ms))},
    };
    if (!db_write(tool->call->sandbox->db, tool->memory, &statements[remove ? 1 : 0], 1, &rows,
                err)) {
        return false;
    }
    if (db_rows_affected(rows) == 0) {
        write_failed(meta, "The alias is taken, or the account is another user's", tally);
        return true;
    }
    tally->active++;
    write_text_member(&tool->json, "status", "active");
    write_bool_member(&tool->json, "has_active_connection", !remove);
    write_text_member(&tool->json, "connected_account_id", account.id);
    write_text_member(&tool->json, "instruction", remove ? "Removed" : "Renamed");
    return true;
}

SUSPENDS static MUST_CHECK bool manage_one(
        struct meta *meta, const struct json *item, struct tally *tally, struct error *err)
{
    const struct catalog *catalog = meta->tool.call->sandbox->catalog;
    const struct json *named = json_type(item) == JSON_OBJECT ? json_get(item, "name") : item;
    const char *action = json_text(json_get(item, "action")), *given = json_text(named);
    const struct toolkit *toolkit = given == NULL ? NULL : catalog_toolkit(catalog, given);
    bool good = true;
    if (given == NULL) {
        return api_error_set(err, API_META_INVALID, "toolkits: expected slugs of toolkits");
    }
    json_write_name(&meta->tool.json, toolkit == NULL ? given : toolkit->slug);
    json_begin_object(&meta->tool.json);
    write_text_member(&meta->tool.json, "toolkit", toolkit == NULL ? given : toolkit->slug);
    if (toolkit == NULL) {
        write_failed(meta, "There is no such toolkit", tally);
    } else if (action == NULL || strcmp(action, "add") == 0) {
        good = add(meta, toolkit->slug, item, tally, err);
    } else if (strcmp(action, "list") == 0) {
        good = list(meta, toolkit->slug, tally, err);
    } else if (strcmp(action, "rename") == 0 || strcmp(action, "remove") == 0) {
        good = change(meta, toolkit->slug, item, tally, err);
    } else {
        write_failed(meta, "action: expected add, list, rename or remove", tally);
    }
    json_end_object(&meta->tool.json);
    return good;
}

static bool manage_connections(struct meta *meta, struct error *err)
{
    struct json_writer *json = &meta->tool.json;
    const struct json *toolkits = json_get(meta->tool.arguments, "toolkits");
    struct tally tally = {0};
    if (json_count(toolkits) < 1 || json_count(toolkits) > TOOLKITS_MOST) {
        return api_error_set(err, API_META_INVALID, "toolkits: expected 1 to %d", TOOLKITS_MOST);
    }
    json_write_name(json, "results");
    json_begin_object(json);
    for (struct json_iterator i = json_iterate(toolkits); json_next(&i);) {
        if (!manage_one(meta, i.value, &tally, err)) {
            return false;
        }
    }
    json_end_object(json);
    write_text_member(json, "message",
            tally.initiated > 0 ? "Some connections wait for the user: show him their links"
            : tally.failed > 0  ? "Some toolkits could not be connected"
                                : "All is done");
    json_write_name(json, "summary");
    json_begin_object(json);
    write_int_member(json, "total_toolkits", (int64_t)json_count(toolkits));
    write_int_member(json, "active_connections", tally.active);
    write_int_member(json, "initiated_connections", tally.initiated);
    write_int_member(json, "failed_connections", tally.failed);
    json_end_object(json);
    write_workflow(meta);
    return true;
}

/* ---- COMPOSIO_WAIT_FOR_CONNECTIONS ---- */

/* The newest of the user for the toolkit, whatever its state: *found_out false: none. */
SUSPENDS static MUST_CHECK bool newest_account(struct meta *meta, const char *toolkit,
        struct account *out, bool *found_out, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(meta->tool.call->sandbox->db, meta->tool.memory,
                "SELECT " ACCOUNT_COLUMNS ACCOUNT_TABLES
                "WHERE a.user_id = $1 AND c.toolkit = lower($2) AND a.deleted = 0 "
                "AND a.shared = 0 ORDER BY a.created_at DESC, a.seq DESC LIMIT 1",
                DB_PARAMS(DB_TEXT(meta->session->user_id), DB_TEXT(toolkit)), &rows, err)) {
        return false;
    }
    *found_out = db_row_count(rows) > 0;
    if (*found_out) {
        *out = account_read(meta->tool.call, rows, 0);
    }
    return true;
}

/* As the tool has it: ACTIVE, INITIATED (pending), FAILED, NOT_FOUND. */
static const char *state_of(const struct account *account, bool found)
{
    if (!found) {
        return "NOT_FOUND";
    }
    bool pending = strcmp(account->status, "INITIALIZING") == 0 ||
                   strcmp(account->status, "INITIATED") == 0;
    return account_is_active(account) ? "ACTIVE" : pending ? "INITIATED" : "FAILED";
}

struct waited {
    struct account account;
    bool found;
};

/* *done_out: any or all are no longer pending. */
SUSPENDS static MUST_CHECK bool look(struct meta *meta, const struct texts *toolkits,
        struct waited *waited, bool *done_out, struct error *err)
{
    const char *mode = argument_text(&meta->tool, "mode");
    size_t pending = 0;
    meta->tool.call->now_ms = sandbox_now_ms(meta->tool.call->sandbox);
    for (size_t i = 0; i < toolkits->count; i++) {
        if (!newest_account(meta, toolkits->items[i], &waited[i].account, &waited[i].found, err)) {
            return false;
        }
        pending += strcmp(state_of(&waited[i].account, waited[i].found), "INITIATED") == 0 ? 1 : 0;
    }
    bool all = mode != NULL && strcmp(mode, "all") == 0;
    *done_out = all ? pending == 0 : pending < toolkits->count;
    return true;
}

static void write_waited(struct json_writer *json, const char *toolkit, const struct waited *waited)
{
    const char *state = state_of(&waited->account, waited->found);
    json_write_name(json, toolkit);
    json_begin_object(json);
    write_text_member(json, "toolkit", toolkit);
    write_text_member(json, "status", state);
    write_bool_member(json, "has_active_connection", strcmp(state, "ACTIVE") == 0);
    if (waited->found) {
        write_connection(json, &waited->account);
    }
    if (strcmp(state, "FAILED") == 0) {
        write_text_member(json, "error_message",
                waited->account.status_reason == NULL ? waited->account.status
                                                      : waited->account.status_reason);
    }
    json_end_object(json);
}

static bool wait_for_connections(struct meta *meta, struct error *err)
{
    struct json_writer *json = &meta->tool.json;
    struct texts toolkits = argument_list(&meta->tool, "toolkits");
    int64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    bool done = false;
    if (toolkits.count < 1 || toolkits.count > TOOLKITS_MOST) {
        return api_error_set(
                err, API_META_INVALID, "toolkits: expected 1 to %d slugs", TOOLKITS_MOST);
    }
    struct waited *waited = mem_array(meta->tool.memory, struct waited, toolkits.count);
    if (fiber_deadline_ms() < until_ms + 1000) { /* time is left to answer */
        until_ms = fiber_deadline_ms() - 1000;
    }
    while (true) {
        if (!look(meta, &toolkits, waited, &done, err)) {
            return false;
        }
        if (done || clock_monotonic_ms() >= until_ms || meta->tool.call->sandbox->draining) {
            break;
        }
        if (!fiber_sleep(WAIT_STEP_MS, err)) {
            return false;
        }
    }
    write_text_member(json, "message",
            done ? "The connections are decided" : "The user has not finished; wait again");
    json_write_name(json, "results");
    json_begin_object(json);
    for (size_t i = 0; i < toolkits.count; i++) {
        write_waited(json, toolkits.items[i], &waited[i]);
    }
    json_end_object(json);
    write_workflow(meta);
    return true;
}

/* ---- which one ---- */

static bool no_code_sandbox(struct meta *meta, struct error *err)
{
    return api_error_set(err, API_NOT_IMPLEMENTED,
            "The sandbox has no machine that runs code for %s", meta->tool.tool->slug);
}

static meta_emulator *emulator_of(const struct tool *tool)
{
    static const struct {
        const char *slug;
        meta_emulator *run;
    } emulators[] = {
            {"COMPOSIO_SEARCH_TOOLS", search_tools},
            {"COMPOSIO_GET_TOOL_SCHEMAS", get_tool_schemas},
            {"COMPOSIO_MULTI_EXECUTE_TOOL", multi_execute},
            {"COMPOSIO_MANAGE_CONNECTIONS", manage_connections},
            {"COMPOSIO_WAIT_FOR_CONNECTIONS", wait_for_connections},
    };
    for (size_t i = 0; i < sizeof emulators / sizeof emulators[0]; i++) {
        if (strcmp(emulators[i].slug, tool->slug) == 0) {
            return emulators[i].run;
        }
    }
    return no_code_sandbox;
}

bool router_meta_run(struct call *call, const struct router_session *session,
        const struct tool *tool, const struct router_execution *execution, struct slice *text_out,
        bool *successful_out, struct error *err)
{
    struct meta meta = {.tool = {.call = call,
                                .memory = call->memory,
                                .now_ms = call->now_ms,
                                .tool = tool,
                                .arguments = execution->arguments},
            .session = session,
            .execution = execution};
    struct buffer text;
    struct json_writer json;
    const char *problem = arguments_problem(call->memory, tool->input, execution->arguments);
    if (!router_has_meta_tool(session, tool)) {
        return api_error_set(
                err, API_ROUTER_TOOL_NOT_FOUND, "%s is off in session %s", tool->slug, session->id);
    }
    if (problem != NULL) {
        return api_error_set(err, API_META_INVALID, "%s", problem);
    }
    execution_begin(&meta.tool);
    buffer_init(&text, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &text);
    if (!emulator_of(tool)(&meta, err) || !execution_end(&meta.tool, &json, err)) {
        return false;
    }
    *text_out = buffer_slice(&text);
    *successful_out = meta.tool.failure == NULL;
    return true;
}
