/* Changing and deleting auth configs. A change is compared and set: what it was computed from must still be there. */
#include "sandbox/accounts/account.h"
#include "sandbox/accounts/auth_config.h"
#include "sandbox/routes.h"

static void write_empty(struct call *call)
{
    json_begin_object(&call->json);
    json_end_object(&call->json);
}

/* ---- PATCH /auth_configs/{}: what is left out stays ---- */

/* A string or an array of strings. */
static MUST_CHECK bool check_scopes(const struct json *object, struct error *err)
{
    static const char *const names[] = {"scopes", "user_scopes"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct json *value = json_get(object, names[i]);
        bool good =
                value == NULL || json_type(value) == JSON_STRING || json_type(value) == JSON_ARRAY;
        for (struct json_iterator k = json_iterate(value); good && json_next(&k);) {
            good = json_type(k.value) == JSON_STRING;
        }
        if (!good) {
            return api_error_set(
                    err, API_BAD_REQUEST, "%s: expected a string or an array of strings", names[i]);
        }
    }
    return true;
}

/* `*text` with the members of the object called `name` in the body. */
static MUST_CHECK bool merge_member(
        struct call *call, const char *name, const char **text, struct error *err)
{
    const struct json *given;
    if (!field_object(call->body, name, &given, err)) {
        return false;
    }
    if (given != NULL) {
        *text = object_merged(call->memory, *text == NULL ? "{}" : *text, given);
    }
    return true;
}

/* Scopes: of custom ones among the credentials, of managed ones at the top. */
static MUST_CHECK bool patch_credentials(
        struct call *call, struct auth_config *config, struct error *err)
{
    static const char *const names[] = {"scopes", "user_scopes"};
    if (!config->managed) {
        return check_scopes(json_get(call->body, "credentials"), err) &&
               merge_member(call, "credentials", &config->credentials, err);
    }
    if (!check_scopes(call->body, err)) {
        return false;
    }
    struct buffer out;
    struct json_writer json;
    const struct json *patch;
    buffer_init(&out, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct json *value = json_get(call->body, names[i]);
        if (value != NULL) {
            json_write_name(&json, names[i]);
            json_write_value(&json, value);
        }
    }
    json_end_object(&json);
    if (!json_parse(call->memory, buffer_slice(&out), &patch, err)) {
        return false;
    }
    config->credentials = object_merged(call->memory, config->credentials, patch);
    return true;
}

static MUST_CHECK bool patch_proxy(struct call *call, struct auth_config *config, struct error *err)
{
    const struct json *proxy = json_get(call->body, "proxy_config");
    const char *url;
    if (config->managed || proxy == NULL) {
        return true;
    }
    if (json_type(proxy) == JSON_NULL) {
        config->proxy_config = NULL;
        return true;
    }
    if (!field_object(call->body, "proxy_config", &proxy, err) ||
            !field_required(proxy, "proxy_url", &url, err)) {
        return error_prefix(err, "proxy_config");
    }
    config->proxy_config = json_to_text(call->memory, proxy).data;
    return true;
}

static MUST_CHECK bool patch(struct call *call, struct auth_config *config, struct error *err)
{
    static const char *const types[] = {"custom", "default", NULL};
    const char *type, *name;
    const struct json *router = json_get(call->body, "is_enabled_for_tool_router");
    if (!field_required(call->body, "type", &type, err) ||
            !field_choice(call->body, "type", types, &type, err) ||
            !field_text(call->body, "name", &name, err)) {
        return false;
    }
    if (strcmp(type, config->managed ? "default" : "custom") != 0) {
        return api_error_set(err, API_BAD_REQUEST, "type: auth config %s is of type %s", config->id,
                config->managed ? "default" : "custom");
    }
    if (name != NULL && name[0] == '\0') {
        return api_error_set(err, API_BAD_REQUEST, "name: expected at least one character");
    }
    if (router != NULL && json_type(router) != JSON_BOOL) {
        return api_error_set(
                err, API_BAD_REQUEST, "is_enabled_for_tool_router: expected a boolean");
    }
    config->name = name == NULL ? config->name : name;
    config->for_tool_router = json_bool(router, config->for_tool_router);
    return patch_credentials(call, config, err) && patch_proxy(call, config, err) &&
           merge_member(call, "tool_access_config", &config->tool_access, err) &&
           merge_member(call, "shared_credentials", &config->shared_credentials, err);
}

bool auth_config_update(struct call *call, struct error *err)
{
    struct auth_config old, config;
    const struct db_rows *rows;
    if (!auth_config_find(call, call->values[0], &old, err)) {
        return false;
    }
    config = old;
    if (!patch(call, &config, err)) {
        return false;
    }
    struct db_statement statement = {
            "UPDATE auth_config SET name = $2, credentials = $3, tool_access = $4, "
            "proxy_config = $5, shared_credentials = $6, for_tool_router = $7, updated_at = $8 "
            "WHERE id = $1 AND deleted = 0 AND credentials = $9 AND tool_access = $10 "
            "AND shared_credentials IS $11",
            DB_PARAMS(DB_TEXT(config.id), DB_TEXT(config.name), DB_TEXT(config.credentials),
                    DB_TEXT(config.tool_access), DB_TEXT(config.proxy_config),
                    DB_TEXT(config.shared_credentials), DB_BOOL(config.for_tool_router),
                    DB_INT(call->now_ms), DB_TEXT(old.credentials), DB_TEXT(old.tool_access),
                    DB_TEXT(old.shared_credentials))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, &rows, err)) {
        return false;
    }
    if (db_rows_affected(rows) == 0) {
        return api_error_set(err, API_CONFLICT, "Auth config %s was changed meanwhile", config.id);
    }
    write_empty(call);
    return true;
}

/* ---- PATCH /auth_configs/{}/{} ---- */

bool auth_config_set_status(struct call *call, struct error *err)
{
    const char *status = call->values[1];
    const struct db_rows *rows;
    if (strcmp(status, "ENABLED") != 0 && strcmp(status, "DISABLED") != 0) {
        return api_error_set(err, API_BAD_REQUEST, "status: expected ENABLED or DISABLED");
    }
    struct db_statement statement = {
            "UPDATE auth_config SET status = $2, updated_at = $3 WHERE id = $1 AND deleted = 0",
            DB_PARAMS(DB_TEXT(call->values[0]), DB_TEXT(status), DB_INT(call->now_ms))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, &rows, err)) {
        return false;
    }
    if (db_rows_affected(rows) == 0) {
        return auth_config_not_found(call->values[0], err);
    }
    write_empty(call);
    return true;
}

/* ---- DELETE /auth_configs/{} ---- */

/* The connections under it stay, disabled; with revoke_on_delete they are revoked. */
bool auth_config_delete(struct call *call, struct error *err)
{
    bool revoke;
    const struct db_rows *rows[2];
    if (!call_parameter_bool(call, "revoke_on_delete", false, &revoke, err)) {
        return false;
    }
    struct db_statement statements[] = {
            {"UPDATE auth_config SET deleted = 1, status = 'DISABLED', updated_at = $2 "
             "WHERE id = $1 AND deleted = 0",
                    DB_PARAMS(DB_TEXT(call->values[0]), DB_INT(call->now_ms))},
            {ACCOUNT_REVOKE_SQL("auth_config_id"),
                    DB_PARAMS(DB_TEXT(call->values[0]), DB_INT(call->now_ms))},
    };
    if (!db_write(call->sandbox->db, call->memory, statements, revoke ? 2 : 1, rows, err)) {
        return false;
    }
    if (db_rows_affected(rows[0]) == 0) {
        return auth_config_not_found(call->values[0], err);
    }
    json_begin_object(&call->json);
    account_write_revoke_job(call, revoke);
    json_end_object(&call->json);
    return true;
}
