#include "sandbox/mcp/mcp_server.h"

#include "sandbox/accounts/auth_config.h"
#include "sandbox/paging.h"
#include "sandbox/routes.h"

#include <ctype.h>

#define LIST_LIMIT_USUAL 10
#define LIST_LIMIT_MOST  100

#define MCP_COLUMNS                                                                         \
    "id, name, auth_config_ids, toolkits, allowed_tools, managed, created_at, updated_at, " \
    "(SELECT count(*) FROM mcp_instance i WHERE i.server_id = mcp_server.id AND i.deleted = 0)"
#define MCP_COLUMN_COUNT 9

static struct mcp_server mcp_server_read(struct call *call, const struct db_rows *rows, size_t row)
{
    return (struct mcp_server){
            .id = db_get_text(rows, row, 0),
            .name = db_get_text(rows, row, 1),
            .auth_config_ids = texts_parse(call->memory, db_get_text(rows, row, 2)),
            .toolkits = texts_parse(call->memory, db_get_text(rows, row, 3)),
            .allowed_tools = texts_parse(call->memory, db_get_text(rows, row, 4)),
            .managed = db_get_bool(rows, row, 5),
            .created_at = db_get_int(rows, row, 6),
            .updated_at = db_get_int(rows, row, 7),
            .instances = db_get_int(rows, row, 8),
    };
}

static bool not_found(const char *id, struct error *err)
{
    return api_error_set(err, API_MCP_NOT_FOUND, "MCP server \"%s\" not found", id);
}

bool mcp_server_find(struct call *call, const char *id, struct mcp_server *out, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " MCP_COLUMNS " FROM mcp_server WHERE id = $1 AND deleted = 0",
                DB_PARAMS(DB_TEXT(id)), &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return not_found(id, err);
    }
    *out = mcp_server_read(call, rows, 0);
    return true;
}

/* ---- writing ---- */

static void write_commands(struct call *call, const struct mcp_server *server)
{
    static const char *const clients[] = {"cursor", "claude", "windsurf"};
    struct json_writer *json = &call->json;
    json_write_name(json, "commands");
    json_begin_object(json);
    for (size_t i = 0; i < 3; i++) {
        json_write_name(json, clients[i]);
        json_write_printf(json, "npx @composio/mcp@latest setup \"%s\" \"%s\" --client %s",
                mcp_server_url(call, server->id), server->name, clients[i]);
    }
    json_end_object(json);
}

static void write_toolkits(struct call *call, const struct texts *toolkits)
{
    struct json_writer *json = &call->json;
    json_write_name(json, "toolkits");
    texts_write(json, toolkits);
    json_write_name(json, "toolkit_icons");
    json_begin_object(json);
    for (size_t i = 0; i < toolkits->count; i++) {
        const struct toolkit *toolkit = catalog_toolkit(call->sandbox->catalog, toolkits->items[i]);
        if (toolkit != NULL) {
            json_write_name(json, toolkit->slug);
            json_write_text(json, toolkit->logo);
        }
    }
    json_end_object(json);
}

/* All that an answer to POST /mcp/servers/custom has. */
static void write_basics(struct call *call, const struct mcp_server *server)
{
    struct json_writer *json = &call->json;
    json_write_name(json, "id");
    json_write_text(json, server->id);
    json_write_name(json, "name");
    json_write_text(json, server->name);
    json_write_name(json, "auth_config_ids");
    texts_write(json, &server->auth_config_ids);
    json_write_name(json, "allowed_tools");
    texts_write(json, &server->allowed_tools);
    json_write_name(json, "mcp_url");
    json_write_text(json, mcp_server_url(call, server->id));
    write_commands(call, server);
}

/* `by_id`: with `deleted`, as GET and PATCH by id have it. */
static void mcp_server_write(struct call *call, const struct mcp_server *server, bool by_id)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    write_basics(call, server);
    write_toolkits(call, &server->toolkits);
    json_write_name(json, "created_at");
    json_write_time(json, server->created_at);
    json_write_name(json, "updated_at");
    json_write_time(json, server->updated_at);
    json_write_name(json, "server_instance_count");
    json_write_int(json, server->instances);
    json_write_name(json, "managed_auth_via_composio");
    json_write_bool(json, server->managed);
    if (by_id) {
        json_write_name(json, "deleted");
        json_write_bool(json, false);
    }
    json_end_object(json);
}

/* ---- checks ---- */

/* 4–30 of letters, digits, blanks and hyphens. */
static MUST_CHECK bool check_name(const char *name, struct error *err)
{
    size_t length = strlen(name);
    bool good = length >= 4 && length <= 30;
    for (size_t i = 0; good && i < length; i++) {
        good = isalnum((unsigned char)name[i]) || name[i] == '-' || name[i] == ' ';
    }
    if (!good) {
        return api_error_set(
                err, API_MCP_INVALID, "name: expected 4 to 30 letters, digits, spaces and hyphens");
    }
    return true;
}

static MUST_CHECK bool check_tools(struct call *call, const struct texts *tools, struct error *err)
{
    for (size_t i = 0; i < tools->count; i++) {
        if (catalog_tool(call->sandbox->catalog, tools->items[i]) == NULL) {
            return api_error_set(err, API_MCP_TOOL_NOT_FOUND, "Tool %s not found", tools->items[i]);
        }
    }
    return true;
}

/* The toolkits of the auth configs, each once, behind those in `toolkits`. */
SUSPENDS static MUST_CHECK bool add_toolkits(
        struct call *call, const struct texts *configs, struct texts *toolkits, struct error *err)
{
    const char **items = mem_array(call->memory, const char *, toolkits->count + configs->count);
    struct texts all = {items, 0};
    for (size_t i = 0; i < toolkits->count; i++) {
        items[all.count++] = toolkits->items[i];
    }
    for (size_t i = 0; i < configs->count; i++) {
        struct auth_config config;
        if (!auth_config_find(call, configs->items[i], &config, err)) {
            return false;
        }
        if (!texts_have(&all, config.toolkit)) {
            items[all.count++] = config.toolkit;
        }
    }
    *toolkits = all;
    return true;
}

/* ---- POST /mcp/servers, POST /mcp/servers/custom ---- */

static MUST_CHECK bool insert(struct call *call, const struct mcp_server *server, struct error *err)
{
    void *memory = call->memory;
    struct db_statement statement = {
            "INSERT INTO mcp_server (id, name, auth_config_ids, toolkits, allowed_tools, managed, "
            "created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
            DB_PARAMS(DB_TEXT(server->id), DB_TEXT(server->name),
                    DB_TEXT(texts_json(memory, &server->auth_config_ids)),
                    DB_TEXT(texts_json(memory, &server->toolkits)),
                    DB_TEXT(texts_json(memory, &server->allowed_tools)), DB_BOOL(server->managed),
                    DB_INT(server->created_at))};
    return db_write(call->sandbox->db, memory, &statement, 1, NULL, err);
}

/* What both ways of creating have. `toolkits` is the member that names toolkits without an auth config. */
SUSPENDS static MUST_CHECK bool create(struct call *call, const char *toolkits,
        const char *older_tools, struct mcp_server *out, struct error *err)
{
    char uuid[UUID_TEXT_SIZE];
    struct mcp_server server = {.id = mem_strdup(call->memory, uuid_v4(uuid)),
            .created_at = call->now_ms,
            .updated_at = call->now_ms,
            .managed = json_bool(json_get(call->body, "managed_auth_via_composio"), false)};
    const char *tools =
            json_get(call->body, "allowed_tools") == NULL ? older_tools : "allowed_tools";
    if (!field_required(call->body, "name", &server.name, err) || !check_name(server.name, err) ||
            !field_list(
                    call->memory, call->body, "auth_config_ids", &server.auth_config_ids, err) ||
            !field_list(call->memory, call->body, toolkits, &server.toolkits, err) ||
            !field_list(call->memory, call->body, tools, &server.allowed_tools, err) ||
            !check_tools(call, &server.allowed_tools, err) ||
            !add_toolkits(call, &server.auth_config_ids, &server.toolkits, err) ||
            !insert(call, &server, err)) {
        return false;
    }
    *out = server;
    return true;
}

bool mcp_server_create(struct call *call, struct error *err)
{
    struct mcp_server server;
    if (json_type(json_get(call->body, "auth_config_ids")) != JSON_ARRAY) {
        return api_error_set(err, API_MCP_INVALID, "auth_config_ids: required");
    }
    if (!create(call, "no_auth_apps", "allowed_tools", &server, err)) {
        return false;
    }
    call->status = 201;
    mcp_server_write(call, &server, false);
    return true;
}

bool mcp_server_create_custom(struct call *call, struct error *err)
{
    struct mcp_server server;
    if (!create(call, "toolkits", "custom_tools", &server, err)) {
        return false;
    }
    call->status = 201;
    json_begin_object(&call->json);
    write_basics(call, &server);
    json_end_object(&call->json);
    return true;
}

/* ---- GET /mcp/servers, GET /mcp/app/{}, GET /mcp/{} ---- */

/* `toolkit`: only servers with it; NULL: all. */
SUSPENDS static MUST_CHECK bool write_list(
        struct call *call, const char *toolkit, struct error *err)
{
    static const char sql[] =
            "SELECT " MCP_COLUMNS ", count(*) OVER () FROM mcp_server "
            "WHERE deleted = 0 AND ($1 IS NULL OR instr(lower(name), lower($1)) > 0) "
            "AND ($2 IS NULL OR EXISTS (SELECT 1 FROM json_each(toolkits) t "
            "WHERE t.value IN (SELECT value FROM json_each($2)))) "
            "AND ($3 IS NULL OR EXISTS (SELECT 1 FROM json_each(auth_config_ids) c "
            "WHERE c.value IN (SELECT value FROM json_each($3)))) "
            "AND ($8 IS NULL OR $8 IN (SELECT value FROM json_each(toolkits))) "
            "ORDER BY $5 * CASE WHEN $4 = 1 THEN created_at ELSE updated_at END, $5 * seq "
            "LIMIT $6 OFFSET $7";
    struct paging paging;
    if (!paging_by_number(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err)) {
        return false;
    }
    struct texts toolkits = call_parameter_list(call, "toolkits");
    struct texts configs = call_parameter_list(call, "auth_config_ids");
    const char *order = call_parameter(call, "order_by");
    const char *direction = call_parameter(call, "order_direction");
    const struct db_rows *rows;
    struct db_params params = DB_PARAMS(DB_TEXT(call_parameter(call, "name")),
            toolkits.count == 0 ? DB_NULL : DB_TEXT(texts_json(call->memory, &toolkits)),
            configs.count == 0 ? DB_NULL : DB_TEXT(texts_json(call->memory, &configs)),
            DB_BOOL(order != NULL && strcmp(order, "created_at") == 0),
            DB_INT(direction != NULL && strcmp(direction, "asc") == 0 ? 1 : -1),
            DB_INT(paging.limit), DB_INT(paging.offset), DB_TEXT(toolkit));
    if (!db_read(call->sandbox->db, call->memory, sql, params, &rows, err)) {
        return false;
    }
    size_t count = db_row_count(rows);
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    for (size_t i = 0; i < count; i++) {
        struct mcp_server server = mcp_server_read(call, rows, i);
        mcp_server_write(call, &server, false);
    }
    json_end_array(&call->json);
    paging_write_number(call, &paging, count == 0 ? 0 : db_get_int(rows, 0, MCP_COLUMN_COUNT));
    json_end_object(&call->json);
    return true;
}

bool mcp_server_list(struct call *call, struct error *err)
{
    return write_list(call, NULL, err);
}

bool mcp_server_list_of_app(struct call *call, struct error *err)
{
    const struct toolkit *toolkit = catalog_toolkit(call->sandbox->catalog, call->values[0]);
    if (toolkit == NULL) {
        return api_error_set(err, API_TOOLKIT_NOT_FOUND, "Toolkit %s not found", call->values[0]);
    }
    return write_list(call, toolkit->slug, err);
}

bool mcp_server_get(struct call *call, struct error *err)
{
    struct mcp_server server;
    if (!mcp_server_find(call, call->values[0], &server, err)) {
        return false;
    }
    mcp_server_write(call, &server, true);
    return true;
}

/* ---- PATCH /mcp/{}, DELETE /mcp/{} ---- */

/* The members that the body has; the others stay. */
SUSPENDS static MUST_CHECK bool apply_patch(
        struct call *call, struct mcp_server *server, struct error *err)
{
    const struct json *body = call->body;
    const char *name = NULL;
    if (!field_text(body, "name", &name, err) || (name != NULL && !check_name(name, err))) {
        return false;
    }
    server->name = name == NULL ? server->name : name;
    if (json_get(body, "allowed_tools") != NULL &&
            (!field_list(call->memory, body, "allowed_tools", &server->allowed_tools, err) ||
                    !check_tools(call, &server->allowed_tools, err))) {
        return false;
    }
    if (json_get(body, "toolkits") != NULL &&
            !field_list(call->memory, body, "toolkits", &server->toolkits, err)) {
        return false;
    }
    if (json_get(body, "auth_config_ids") != NULL) {
        server->toolkits =
                json_get(body, "toolkits") == NULL ? (struct texts){0} : server->toolkits;
        if (!field_list(call->memory, body, "auth_config_ids", &server->auth_config_ids, err) ||
                !add_toolkits(call, &server->auth_config_ids, &server->toolkits, err)) {
            return false;
        }
    }
    server->managed = json_bool(json_get(body, "managed_auth_via_composio"), server->managed);
    server->updated_at = call->now_ms;
    return true;
}

bool mcp_server_update(struct call *call, struct error *err)
{
    void *memory = call->memory;
    struct mcp_server server;
    if (!mcp_server_find(call, call->values[0], &server, err) || !apply_patch(call, &server, err)) {
        return false;
    }
    struct db_statement statement = {
            "UPDATE mcp_server SET name = $2, auth_config_ids = $3, toolkits = $4, "
            "allowed_tools = $5, managed = $6, updated_at = $7 WHERE id = $1 AND deleted = 0",
            DB_PARAMS(DB_TEXT(server.id), DB_TEXT(server.name),
                    DB_TEXT(texts_json(memory, &server.auth_config_ids)),
                    DB_TEXT(texts_json(memory, &server.toolkits)),
                    DB_TEXT(texts_json(memory, &server.allowed_tools)), DB_BOOL(server.managed),
                    DB_INT(server.updated_at))};
    if (!db_write(call->sandbox->db, memory, &statement, 1, NULL, err)) {
        return false;
    }
    mcp_server_write(call, &server, true);
    return true;
}

bool mcp_server_delete(struct call *call, struct error *err)
{
    const struct db_rows *rows;
    struct db_statement statement = {
            "UPDATE mcp_server SET deleted = 1, updated_at = $2 WHERE id = $1 AND deleted = 0",
            DB_PARAMS(DB_TEXT(call->values[0]), DB_INT(call->now_ms))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, &rows, err)) {
        return false;
    }
    if (db_rows_affected(rows) == 0) {
        return not_found(call->values[0], err);
    }
    json_begin_object(&call->json);
    json_write_name(&call->json, "id");
    json_write_text(&call->json, call->values[0]);
    json_write_name(&call->json, "deleted");
    json_write_bool(&call->json, true);
    json_end_object(&call->json);
    return true;
}
