/* The users of an MCP server: /mcp/servers/{}/instances. An instance is named by its user. */
#include "sandbox/mcp/mcp_server.h"
#include "sandbox/paging.h"
#include "sandbox/routes.h"
#include "sandbox/tools/tool_call.h"

#define LIST_LIMIT_USUAL 20
#define LIST_LIMIT_MOST  100

static void instance_write(struct call *call, const char *id, const char *user_id,
        const char *server_id, int64_t created_at, int64_t updated_at)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    write_text_member(json, "id", id);
    write_text_member(json, "instance_id", user_id);
    write_text_member(json, "mcp_server_id", server_id);
    json_write_name(json, "created_at");
    json_write_time(json, created_at);
    json_write_name(json, "updated_at");
    json_write_time(json, updated_at);
    json_end_object(json);
}

/* ---- GET /mcp/servers/{}/instances ---- */

bool mcp_instance_list(struct call *call, struct error *err)
{
    static const char sql[] =
            "SELECT id, user_id, created_at, updated_at, count(*) OVER () FROM mcp_instance "
            "WHERE server_id = $1 AND deleted = 0 "
            "AND ($2 IS NULL OR instr(lower(user_id), lower($2)) > 0) "
            "ORDER BY $4 * CASE WHEN $3 = 1 THEN created_at ELSE updated_at END, $4 * seq "
            "LIMIT $5 OFFSET $6";
    struct paging paging;
    struct mcp_server server;
    const struct db_rows *rows;
    if (!paging_by_number(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err) ||
            !mcp_server_find(call, call->values[0], &server, err)) {
        return false;
    }
    const char *order = call_parameter(call, "order_by");
    const char *direction = call_parameter(call, "order_direction");
    struct db_params params = DB_PARAMS(DB_TEXT(server.id), DB_TEXT(call_parameter(call, "search")),
            DB_BOOL(order != NULL && strcmp(order, "created_at") == 0),
            DB_INT(direction != NULL && strcmp(direction, "asc") == 0 ? 1 : -1),
            DB_INT(paging.limit), DB_INT(paging.offset));
    if (!db_read(call->sandbox->db, call->memory, sql, params, &rows, err)) {
        return false;
    }
    size_t count = db_row_count(rows);
    json_begin_object(&call->json);
    json_write_name(&call->json, "instances");
    json_begin_array(&call->json);
    for (size_t i = 0; i < count; i++) {
        instance_write(call, db_get_text(rows, i, 0), db_get_text(rows, i, 1), server.id,
                db_get_int(rows, i, 2), db_get_int(rows, i, 3));
    }
    json_end_array(&call->json);
    write_text_member(&call->json, "server_id", server.id);
    write_text_member(&call->json, "server_name", server.name);
    paging_write_number(call, &paging, count == 0 ? 0 : db_get_int(rows, 0, 4));
    json_end_object(&call->json);
    return true;
}

/* ---- POST /mcp/servers/{}/instances ---- */

/* Has the user an ACTIVE account of every auth config of the server? */
SUSPENDS static MUST_CHECK bool check_connected(
        struct call *call, const struct mcp_server *server, const char *user_id, struct error *err)
{
    const struct db_rows *rows;
    struct db_params params = DB_PARAMS(
            DB_TEXT(user_id), DB_TEXT(texts_json(call->memory, &server->auth_config_ids)));
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT value FROM json_each($2) WHERE NOT EXISTS (SELECT 1 FROM account a "
                "WHERE a.user_id = $1 AND a.auth_config_id = value AND a.deleted = 0 "
                "AND a.status = 'ACTIVE') LIMIT 1",
                params, &rows, err)) {
        return false;
    }
    if (db_row_count(rows) > 0) {
        return api_error_set(err, API_MCP_NOT_CONNECTED,
                "User %s has no connected account for auth config %s", user_id,
                db_get_text(rows, 0, 0));
    }
    return true;
}

bool mcp_instance_create(struct call *call, struct error *err)
{
    struct mcp_server server;
    const char *user_id;
    const struct db_rows *rows;
    char uuid[UUID_TEXT_SIZE];
    if (!field_required(call->body, "user_id", &user_id, err) ||
            !mcp_server_find(call, call->values[0], &server, err) ||
            !check_connected(call, &server, user_id, err)) {
        return false;
    }
    uuid_v4(uuid);
    struct db_statement statement = {
            "INSERT INTO mcp_instance (id, server_id, user_id, created_at, updated_at) "
            "VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING",
            DB_PARAMS(DB_TEXT(uuid), DB_TEXT(server.id), DB_TEXT(user_id), DB_INT(call->now_ms))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, &rows, err)) {
        return false;
    }
    if (db_rows_affected(rows) == 0) {
        return api_error_set(err, API_MCP_INSTANCE_EXISTS,
                "An instance for user %s already exists on MCP server %s", user_id, server.id);
    }
    call->status = 201;
    instance_write(call, uuid, user_id, server.id, call->now_ms, call->now_ms);
    return true;
}

/* ---- DELETE /mcp/servers/{}/instances/{} ---- */

bool mcp_instance_delete(struct call *call, struct error *err)
{
    struct mcp_server server;
    const char *user_id = call->values[1];
    const struct db_rows *rows[2];
    if (!mcp_server_find(call, call->values[0], &server, err)) {
        return false;
    }
    struct db_statement statements[] = {
            /* First, as it looks at the instance: nothing is deleted for a user who has none. */
            {"UPDATE account SET deleted = 1, updated_at = $3 WHERE user_id = $2 AND deleted = 0 "
             "AND auth_config_id IN (SELECT value FROM json_each($4)) "
             "AND EXISTS (SELECT 1 FROM mcp_instance WHERE server_id = $1 AND user_id = $2 "
             "AND deleted = 0)",
                    DB_PARAMS(DB_TEXT(server.id), DB_TEXT(user_id), DB_INT(call->now_ms),
                            DB_TEXT(texts_json(call->memory, &server.auth_config_ids)))},
            {"UPDATE mcp_instance SET deleted = 1, updated_at = $3 "
             "WHERE server_id = $1 AND user_id = $2 AND deleted = 0",
                    DB_PARAMS(DB_TEXT(server.id), DB_TEXT(user_id), DB_INT(call->now_ms))},
    };
    if (!db_write(call->sandbox->db, call->memory, statements, 2, rows, err)) {
        return false;
    }
    if (db_rows_affected(rows[1]) == 0) {
        return api_error_set(err, API_MCP_NOT_FOUND,
                "MCP server instance \"%s\" not found on server \"%s\"", user_id, server.id);
    }
    json_begin_object(&call->json);
    write_text_member(&call->json, "message", "MCP server instance deleted successfully");
    write_int_member(&call->json, "deleted_connected_accounts", db_rows_affected(rows[0]));
    json_end_object(&call->json);
    return true;
}
