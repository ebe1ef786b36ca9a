/* Sessions of the tool router: /tool_router/session. A session is a user, what agents may do for him, and an MCP URL. */
#include "sandbox/paging.h"
#include "sandbox/router/router_config.h"
#include "sandbox/router/router_custom.h"
#include "sandbox/router/router_session.h"
#include "sandbox/routes.h"
#include "sandbox/tools/tool_call.h"

#define HISTORY_LIMIT_USUAL 20
#define HISTORY_LIMIT_MOST  100
/* From so many preloaded tools on the answer warns. */
#define PRELOAD_WARN 20

/* ---- reading ---- */

static bool not_found(struct call *call, struct error *err)
{
    return api_error_set(err, API_ROUTER_NOT_FOUND, "Session \"%.64s\" not found", call->values[0]);
}

bool router_session_find(struct call *call, struct router_session *out, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT id, user_id, config, version, created_at, updated_at FROM router_session "
                "WHERE id = $1 AND deleted = 0",
                DB_PARAMS(DB_TEXT(call->values[0])), &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return not_found(call, err);
    }
    *out = (struct router_session){.id = db_get_text(rows, 0, 0),
            .user_id = db_get_text(rows, 0, 1),
            .version = db_get_int(rows, 0, 3),
            .created_at = db_get_int(rows, 0, 4),
            .updated_at = db_get_int(rows, 0, 5)};
    return json_parse(call->memory, db_get_slice(rows, 0, 2), &out->config, err);
}

const char *router_session_url(struct call *call, const struct router_session *session)
{
    return mem_printf(
            call->memory, "%s/tool_router/%s/mcp", call->sandbox->public_url, session->id);
}

/* ---- writing ---- */

static void write_warnings(struct json_writer *json, size_t preloaded)
{
    json_write_name(json, "warnings");
    json_begin_array(json);
    if (preloaded >= PRELOAD_WARN) {
        json_begin_object(json);
        write_text_member(json, "code", "PRELOAD_TOOLS_HIGH_CONTEXT_USAGE");
        json_write_name(json, "message");
        json_write_printf(json,
                "Session preloads %zu tools; each preloaded tool adds to the agent context window",
                preloaded);
        json_end_object(json);
    }
    json_end_array(json);
}

/* `experimental` is what comes after its name, an object that is whole; NULL: none. */
static void session_write(
        struct call *call, const struct router_session *session, const struct buffer *experimental)
{
    struct json_writer *json = &call->json;
    struct router_tools shown = router_tools_shown(call, session);
    size_t preloaded = 0;
    json_begin_object(json);
    write_text_member(json, "session_id", session->id);
    json_write_name(json, "mcp");
    json_begin_object(json);
    write_text_member(json, "type", "http");
    write_text_member(json, "url", router_session_url(call, session));
    json_end_object(json);
    json_write_name(json, "tool_router_tools");
    json_begin_array(json);
    for (size_t i = 0; i < shown.count; i++) {
        preloaded += shown.items[i]->no_auth ? 0 : 1;
        json_write_text(json, shown.items[i]->slug);
    }
    json_end_array(json);
    json_write_name(json, "config");
    router_config_write(call, session->config);
    json_write_name(json, "config_version");
    json_write_int(json, session->version);
    if (experimental != NULL) {
        json_write_name(json, "experimental");
        json_write_raw(json, buffer_slice(experimental));
    }
    write_warnings(json, preloaded);
    json_end_object(json);
}

/* What an agent is told about its session. */
static const char *assistive_prompt(struct call *call, const struct router_session *session)
{
    const struct json *experimental = json_get(call->body, "experimental");
    const char *zone =
            json_text(json_get(json_get(experimental, "assistive_prompt_config"), "user_timezone"));
    bool search = router_flag(session, "search", "enable", true);
    bool connect = router_flag(session, "manage_connections", "enabled", true);
    return mem_printf(call->memory, "You act for a user through Composio's tools.%s%s%s%.64s%s",
            search ? " Find tools with COMPOSIO_SEARCH_TOOLS before you say that you have none."
                   : "",
            connect ? " Where a toolkit is not connected, call COMPOSIO_MANAGE_CONNECTIONS and "
                      "show the user the link."
                    : "",
            zone == NULL ? "" : " The user's time zone is ", zone == NULL ? "" : zone,
            zone == NULL ? "" : ".");
}

/* NULL prompt: without one. */
static struct buffer experimental_of(
        struct call *call, const char *prompt, const struct custom_tools *custom)
{
    struct buffer text;
    struct json_writer json;
    buffer_init(&text, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &text);
    json_begin_object(&json);
    if (prompt != NULL) {
        write_text_member(&json, "assistive_prompt", prompt);
    }
    custom_tools_write(&json, custom);
    json_end_object(&json);
    return text;
}

/* ---- POST /tool_router/session ---- */

bool router_session_create(struct call *call, struct error *err)
{
    struct router_session session = {.id = sandbox_new_id(call->memory, "trs_", 12), .version = 1};
    struct router_change change = {.body = call->body};
    struct custom_tools custom;
    const char *config;
    if (!field_required(call->body, "user_id", &session.user_id, err)) {
        return false;
    }
    change.user_id = session.user_id;
    if (!custom_tools_read(call, call->body, &custom, err) ||
            !router_config_make(call, &change, &config, err) ||
            !json_parse(call->memory, slice_of(config), &session.config, err)) {
        return false;
    }
    struct db_statement statement = {
            "INSERT INTO router_session (id, user_id, config, version, created_at, updated_at) "
            "VALUES ($1, $2, $3, 1, $4, $4)",
            DB_PARAMS(DB_TEXT(session.id), DB_TEXT(session.user_id), DB_TEXT(config),
                    DB_INT(call->now_ms))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, NULL, err)) {
        return false;
    }
    struct buffer experimental = experimental_of(call, assistive_prompt(call, &session), &custom);
    call->status = 201;
    session_write(call, &session, &experimental);
    return true;
}

/* ---- GET, DELETE /tool_router/session/{}, POST …/attach ---- */

bool router_session_get(struct call *call, struct error *err)
{
    struct router_session session;
    if (!router_session_find(call, &session, err)) {
        return false;
    }
    session_write(call, &session, NULL);
    return true;
}

bool router_session_attach(struct call *call, struct error *err)
{
    struct router_session session;
    struct custom_tools custom;
    if (!custom_tools_read(call, call->body, &custom, err) ||
            !router_session_find(call, &session, err)) {
        return false;
    }
    struct buffer experimental = experimental_of(call, NULL, &custom);
    session_write(call, &session, &experimental);
    return true;
}

/* Its files go with it. */
bool router_session_delete(struct call *call, struct error *err)
{
    const struct db_rows *rows[3];
    const char *id = call->values[0];
    struct db_statement statements[] = {
            {"UPDATE router_session SET deleted = 1, updated_at = $2 WHERE id = $1 AND deleted = 0",
                    DB_PARAMS(DB_TEXT(id), DB_INT(call->now_ms))},
            {"DELETE FROM router_file_url WHERE session_id = $1", DB_PARAMS(DB_TEXT(id))},
            {"DELETE FROM router_file WHERE session_id = $1", DB_PARAMS(DB_TEXT(id))},
    };
    if (!db_write(call->sandbox->db, call->memory, statements, 3, rows, err)) {
        return false;
    }
    if (db_rows_affected(rows[0]) == 0) {
        return not_found(call, err);
    }
    json_begin_object(&call->json);
    write_text_member(&call->json, "session_id", call->values[0]);
    write_bool_member(&call->json, "deleted", true);
    json_end_object(&call->json);
    return true;
}

/* ---- PATCH /tool_router/session/{} ---- */

/* From the version that was read to the next one. */
SUSPENDS static MUST_CHECK bool replace_config(struct call *call,
        const struct router_session *session, const char *config, struct error *err)
{
    const struct db_rows *rows[2];
    struct db_statement statements[] = {
            {"INSERT INTO router_config (session_id, version, config, archived_at) "
             "SELECT id, version, config, $3 FROM router_session "
             "WHERE id = $1 AND version = $2 AND deleted = 0",
                    DB_PARAMS(
                            DB_TEXT(session->id), DB_INT(session->version), DB_INT(call->now_ms))},
            {"UPDATE router_session SET config = $3, version = version + 1, updated_at = $4 "
             "WHERE id = $1 AND version = $2 AND deleted = 0",
                    DB_PARAMS(DB_TEXT(session->id), DB_INT(session->version), DB_TEXT(config),
                            DB_INT(call->now_ms))},
    };
    if (!db_write(call->sandbox->db, call->memory, statements, 2, rows, err)) {
        return false;
    }
    if (db_rows_affected(rows[1]) == 0) {
        return api_error_set(err, API_CONFLICT,
                "Session %s was changed meanwhile; read it again and repeat the change",
                session->id);
    }
    return true;
}

bool router_session_patch(struct call *call, struct error *err)
{
    struct router_session session;
    const char *config;
    if (!router_config_check_patch(call->body, err) || !router_session_find(call, &session, err)) {
        return false;
    }
    struct router_change change = {
            .user_id = session.user_id, .before = session.config, .body = call->body};
    if (!router_config_make(call, &change, &config, err) ||
            !replace_config(call, &session, config, err) ||
            !json_parse(call->memory, slice_of(config), &session.config, err)) {
        return false;
    }
    session.version++;
    session_write(call, &session, NULL);
    return true;
}

/* ---- GET …/config_history ---- */

static MUST_CHECK bool write_version(
        struct call *call, const struct db_rows *rows, size_t row, bool current, struct error *err)
{
    struct json_writer *json = &call->json;
    const struct json *config;
    if (!json_parse(call->memory, db_get_slice(rows, row, 1), &config, err)) {
        return false;
    }
    json_begin_object(json);
    write_int_member(json, "version", db_get_int(rows, row, 0));
    json_write_name(json, "created_at");
    json_write_time(json, db_get_int(rows, row, 2));
    json_write_name(json, "config");
    router_config_write(call, config);
    write_bool_member(json, "is_current", current);
    json_end_object(json);
    return true;
}

/* The current one is the newest, and so stands first on the first page. */
bool router_config_history(struct call *call, struct error *err)
{
    static const char sql[] =
            "SELECT version, config, time, count(*) OVER () FROM ("
            "SELECT version, config, updated_at AS time FROM router_session WHERE id = $1 "
            "UNION ALL SELECT version, config, archived_at FROM router_config "
            "WHERE session_id = $1) AS versions ORDER BY version DESC LIMIT $2 OFFSET $3";
    struct router_session session;
    struct paging paging;
    const struct db_rows *rows;
    if (!paging_by_cursor(call, HISTORY_LIMIT_USUAL, HISTORY_LIMIT_MOST, &paging, err) ||
            !router_session_find(call, &session, err)) {
        return false;
    }
    struct db_params params =
            DB_PARAMS(DB_TEXT(session.id), DB_INT(paging.limit), DB_INT(paging.offset));
    if (!db_read(call->sandbox->db, call->memory, sql, params, &rows, err)) {
        return false;
    }
    size_t count = db_row_count(rows);
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    for (size_t i = 0; i < count; i++) {
        if (!write_version(call, rows, i, paging.offset == 0 && i == 0, err)) {
            return false;
        }
    }
    json_end_array(&call->json);
    paging_write_cursor(call, &paging, count == 0 ? 0 : db_get_int(rows, 0, 3));
    json_end_object(&call->json);
    return true;
}
