#include "sandbox/accounts/auth_config.h"

#include "sandbox/accounts/account.h"
#include "sandbox/paging.h"
#include "sandbox/routes.h"

#define LIST_LIMIT_USUAL 20
#define LIST_LIMIT_MOST  200

#define AUTH_CONFIG_COLUMNS                                                               \
    "c.id, c.uuid, c.toolkit, c.name, c.auth_scheme, c.status, c.credentials, "           \
    "c.tool_access, c.proxy_config, c.shared_credentials, c.managed, c.for_tool_router, " \
    "c.created_at, c.updated_at, "                                                        \
    "(SELECT count(*) FROM account a WHERE a.auth_config_id = c.id AND a.deleted = 0)"
#define AUTH_CONFIG_COLUMN_COUNT 15

static struct auth_config auth_config_read(const struct db_rows *rows, size_t row)
{
    return (struct auth_config){
            .id = db_get_text(rows, row, 0),
            .uuid = db_get_text(rows, row, 1),
            .toolkit = db_get_text(rows, row, 2),
            .name = db_get_text(rows, row, 3),
            .scheme = db_get_text(rows, row, 4),
            .status = db_get_text(rows, row, 5),
            .credentials = db_get_text(rows, row, 6),
            .tool_access = db_get_text(rows, row, 7),
            .proxy_config = db_get_text(rows, row, 8),
            .shared_credentials = db_get_text(rows, row, 9),
            .managed = db_get_bool(rows, row, 10),
            .for_tool_router = db_get_bool(rows, row, 11),
            .created_at = db_get_int(rows, row, 12),
            .updated_at = db_get_int(rows, row, 13),
            .connections = db_get_int(rows, row, 14),
    };
}

bool auth_config_not_found(const char *id, struct error *err)
{
    return api_error_set(err, API_AUTH_CONFIG_NOT_FOUND, "Auth config \"%s\" not found", id);
}

bool auth_config_find(struct call *call, const char *id, struct auth_config *out, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " AUTH_CONFIG_COLUMNS
                " FROM auth_config c WHERE c.id = $1 AND c.deleted = 0",
                DB_PARAMS(DB_TEXT(id)), &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return auth_config_not_found(id, err);
    }
    *out = auth_config_read(rows, 0);
    return true;
}

/* ---- writing ---- */

/* client_id and consumer_key pass, scopes too; whatever else is a secret. */
static void write_credentials(struct call *call, const struct auth_config *config)
{
    static const char *const open[] = {"client_id", "consumer_key", "scopes", "user_scopes",
            "oauth_redirect_uri", "base_url", "subdomain", "domain"};
    struct json_writer *json = &call->json;
    const struct json *credentials = NULL;
    struct error ignored = {0};
    json_begin_object(json);
    if (json_parse(call->memory, slice_of(config->credentials), &credentials, &ignored)) {
        for (struct json_iterator i = json_iterate(credentials); json_next(&i);) {
            bool shown = false;
            for (size_t k = 0; k < sizeof open / sizeof open[0]; k++) {
                shown = shown || slice_is(i.name, open[k]);
            }
            json_write_name_slice(json, i.name);
            if (shown || json_type(i.value) != JSON_STRING) {
                json_write_value(json, i.value);
            } else {
                json_write_text(json, "REDACTED");
            }
        }
    }
    json_end_object(json);
}

static void write_json_member(struct json_writer *json, const char *name, const char *text)
{
    json_write_name(json, name);
    if (text == NULL) {
        json_write_null(json);
    } else {
        json_write_raw(json, slice_of(text));
    }
}

static void write_toolkit(struct call *call, const char *slug)
{
    struct json_writer *json = &call->json;
    const struct toolkit *toolkit = catalog_toolkit(call->sandbox->catalog, slug);
    json_write_name(json, "toolkit");
    json_begin_object(json);
    json_write_name(json, "slug");
    json_write_text(json, slug);
    json_write_name(json, "logo");
    json_write_text(json, toolkit == NULL ? "" : toolkit->logo);
    json_end_object(json);
}

static void auth_config_write(struct call *call, const struct auth_config *config)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "id");
    json_write_text(json, config->id);
    json_write_name(json, "uuid");
    json_write_text(json, config->uuid);
    json_write_name(json, "type");
    json_write_text(json, config->managed ? "default" : "custom");
    write_toolkit(call, config->toolkit);
    json_write_name(json, "name");
    json_write_text(json, config->name);
    json_write_name(json, "auth_scheme");
    json_write_text(json, config->scheme);
    json_write_name(json, "is_composio_managed");
    json_write_bool(json, config->managed);
    json_write_name(json, "credentials");
    write_credentials(call, config);
    if (config->proxy_config != NULL || call->v31) { /* not nullable in v3 */
        write_json_member(json, "proxy_config", config->proxy_config);
    }
    json_write_name(json, "status");
    json_write_text(json, config->status);
    json_write_name(json, "created_by");
    json_write_text(json, "sandbox");
    json_write_name(json, "created_at");
    json_write_time(json, config->created_at);
    json_write_name(json, "last_updated_at");
    json_write_time(json, config->updated_at);
    json_write_name(json, "no_of_connections");
    json_write_int(json, config->connections);
    json_write_name(json, "expected_input_fields");
    json_begin_array(json);
    json_end_array(json);
    write_json_member(json, "tool_access_config", config->tool_access);
    if (config->shared_credentials != NULL) {
        write_json_member(json, "shared_credentials", config->shared_credentials);
    }
    json_write_name(json, "is_enabled_for_tool_router");
    json_write_bool(json, config->for_tool_router);
    json_end_object(json);
}

/* ---- GET /auth_configs, GET /auth_configs/{} ---- */

bool auth_config_list(struct call *call, struct error *err)
{
    static const char sql[] =
            "SELECT " AUTH_CONFIG_COLUMNS ", count(*) OVER () FROM auth_config c "
            "WHERE c.deleted = 0 "
            "AND ($1 IS NULL OR c.toolkit IN (SELECT value FROM json_each($1))) "
            "AND ($2 IS NULL OR c.managed = $2) AND ($3 = 1 OR c.status = 'ENABLED') "
            "AND ($4 IS NULL OR instr(lower(c.name), lower($4)) > 0 OR c.id = $4) "
            "AND ($7 IS NULL OR c.status = $7) AND ($8 IS NULL OR c.toolkit = $8) "
            "ORDER BY c.created_at DESC, c.seq DESC LIMIT $5 OFFSET $6";
    static const char *const statuses[] = {"ENABLED", "DISABLED", NULL};
    struct paging paging;
    const char *status = NULL;
    bool managed, disabled;
    if (!paging_by_cursor(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err) ||
            !call_parameter_bool(call, "is_composio_managed", false, &managed, err) ||
            !call_parameter_bool(call, "show_disabled", false, &disabled, err) ||
            !call_parameter_choice(call, "deprecated_status", statuses, &status, err)) {
        return false;
    }
    disabled = disabled || status != NULL;
    struct texts toolkits = call_parameter_list(call, "toolkit_slug");
    bool by_managed = call_parameter(call, "is_composio_managed") != NULL;
    const struct db_rows *rows;
    struct db_params params = DB_PARAMS(
            toolkits.count == 0 ? DB_NULL : DB_TEXT(texts_json(call->memory, &toolkits)),
            by_managed ? DB_BOOL(managed) : DB_NULL, DB_BOOL(disabled),
            DB_TEXT(call_parameter(call, "search")), DB_INT(paging.limit), DB_INT(paging.offset),
            DB_TEXT(status), DB_TEXT(call_parameter(call, "deprecated_app_id")));
    if (!db_read(call->sandbox->db, call->memory, sql, params, &rows, err)) {
        return false;
    }
    size_t count = db_row_count(rows);
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    for (size_t i = 0; i < count; i++) {
        struct auth_config config = auth_config_read(rows, i);
        auth_config_write(call, &config);
    }
    json_end_array(&call->json);
    paging_write_cursor(
            call, &paging, count == 0 ? 0 : db_get_int(rows, 0, AUTH_CONFIG_COLUMN_COUNT));
    json_end_object(&call->json);
    return true;
}

bool auth_config_get(struct call *call, struct error *err)
{
    struct auth_config config;
    if (!auth_config_find(call, call->values[0], &config, err)) {
        return false;
    }
    auth_config_write(call, &config);
    return true;
}

/* ---- POST /auth_configs ---- */

/* JSON text of an object member, `otherwise` when it is absent. */
static MUST_CHECK bool object_member(struct call *call, const struct json *object, const char *name,
        const char *otherwise, const char **out, struct error *err)
{
    const struct json *value;
    if (!field_object(object, name, &value, err)) {
        return false;
    }
    *out = value == NULL ? otherwise : json_to_text(call->memory, value).data;
    return true;
}

static MUST_CHECK bool read_scheme(const struct json *body, const struct toolkit *toolkit,
        struct auth_config *config, struct error *err)
{
    const char *type = NULL;
    if (!field_text(body, "type", &type, err)) {
        return false;
    }
    config->managed = type == NULL || strcmp(type, "use_composio_managed_auth") == 0;
    if (config->managed) {
        config->scheme = "OAUTH2";
        return true;
    }
    if (strcmp(type, "use_custom_auth") != 0) {
        return api_error_set(err, API_BAD_REQUEST,
                "auth_config.type: expected use_composio_managed_auth or use_custom_auth");
    }
    if (!field_required(body, "authScheme", &config->scheme, err)) {
        return false;
    }
    if (!toolkit_has_scheme(toolkit, config->scheme)) {
        return api_error_set(err, API_BAD_REQUEST,
                "auth_config.authScheme: toolkit %s does not support %s", toolkit->slug,
                config->scheme);
    }
    return true;
}

/* Of an OAuth app of one's own that names no redirect URI: the one that the version of the API has. */
static const char *with_redirect_uri(struct call *call, const char *credentials)
{
    const struct json *given = NULL, *added = NULL;
    struct error ignored = {0};
    const char *text = mem_printf(call->memory,
            "{\"oauth_redirect_uri\":\"https://backend.composio.dev/api/%s/toolkits/auth/callback\"}",
            call->v31 ? "v3.1" : "v3");
    bool good = json_parse(call->memory, slice_of(credentials), &given, &ignored) &&
                json_parse(call->memory, slice_of(text), &added, &ignored);
    return good && json_get(given, "oauth_redirect_uri") == NULL
                   ? object_merged(call->memory, credentials, added)
                   : credentials;
}

static MUST_CHECK bool read_new(struct call *call, const struct toolkit *toolkit,
        struct auth_config *config, struct error *err)
{
    const struct json *body;
    char uuid[UUID_TEXT_SIZE];
    config->id = sandbox_new_id(call->memory, "ac_", 12);
    config->uuid = mem_strdup(call->memory, uuid_v4(uuid));
    config->toolkit = toolkit->slug;
    if (!field_object(call->body, "auth_config", &body, err) ||
            !read_scheme(body, toolkit, config, err) ||
            !field_text(body, "name", &config->name, err) ||
            !object_member(call, body, "credentials", "{}", &config->credentials, err) ||
            !object_member(call, body, "tool_access_config", "{}", &config->tool_access, err) ||
            !object_member(call, body, "proxy_config", NULL, &config->proxy_config, err) ||
            !object_member(
                    call, body, "shared_credentials", NULL, &config->shared_credentials, err)) {
        return false;
    }
    if (!config->managed && scheme_is_oauth(config->scheme)) {
        config->credentials = with_redirect_uri(call, config->credentials);
    }
    config->for_tool_router = json_bool(json_get(body, "is_enabled_for_tool_router"), true);
    if (config->name == NULL || config->name[0] == '\0') {
        config->name = mem_printf(call->memory, "%s-auth", toolkit->slug);
    }
    return true;
}

static MUST_CHECK bool insert(
        struct call *call, const struct auth_config *config, struct error *err)
{
    struct db_statement statement = {
            "INSERT INTO auth_config (id, uuid, toolkit, name, managed, auth_scheme, status, "
            "credentials, tool_access, proxy_config, shared_credentials, for_tool_router, "
            "created_at, updated_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, 'ENABLED', $7, $8, $9, $10, $11, $12, $12)",
            DB_PARAMS(DB_TEXT(config->id), DB_TEXT(config->uuid), DB_TEXT(config->toolkit),
                    DB_TEXT(config->name), DB_BOOL(config->managed), DB_TEXT(config->scheme),
                    DB_TEXT(config->credentials), DB_TEXT(config->tool_access),
                    DB_TEXT(config->proxy_config), DB_TEXT(config->shared_credentials),
                    DB_BOOL(config->for_tool_router), DB_INT(call->now_ms))};
    return db_write(call->sandbox->db, call->memory, &statement, 1, NULL, err);
}

bool auth_config_create(struct call *call, struct error *err)
{
    struct auth_config config = {0};
    const struct json *toolkit_field;
    const char *slug;
    if (!field_object(call->body, "toolkit", &toolkit_field, err) ||
            !field_required(toolkit_field, "slug", &slug, err)) {
        return error_prefix(err, "toolkit");
    }
    const struct toolkit *toolkit = catalog_toolkit(call->sandbox->catalog, slug);
    if (toolkit == NULL) {
        return api_error_set(err, API_TOOLKIT_NOT_FOUND, "Toolkit %s not found", slug);
    }
    if (!read_new(call, toolkit, &config, err) || !insert(call, &config, err)) {
        return false;
    }
    struct json_writer *json = &call->json;
    call->status = 201;
    json_begin_object(json);
    json_write_name(json, "toolkit");
    json_begin_object(json);
    json_write_name(json, "slug");
    json_write_text(json, config.toolkit);
    json_end_object(json);
    json_write_name(json, "auth_config");
    json_begin_object(json);
    json_write_name(json, "id");
    json_write_text(json, config.id);
    json_write_name(json, "auth_scheme");
    json_write_text(json, config.scheme);
    json_write_name(json, "is_composio_managed");
    json_write_bool(json, config.managed);
    json_write_name(json, "restrict_to_following_tools");
    json_begin_array(json);
    json_end_array(json);
    json_end_object(json);
    json_end_object(json);
    return true;
}
