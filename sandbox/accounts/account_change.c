#include "sandbox/accounts/account.h"
#include "sandbox/accounts/callback.h"
#include "sandbox/routes.h"

/* Set status and reason, if the account still has the status that was decided on. False also for CONFLICT. */
static MUST_CHECK bool set_status(struct call *call, const struct account *account,
        const char *status, const char *reason, struct error *err)
{
    const struct db_rows *rows;
    struct db_statement statement = {
            "UPDATE account AS a SET status = $2, status_reason = $3, updated_at = $4 "
            "WHERE id = $1 AND deleted = 0 AND " ACCOUNT_STATUS("$6") " = $5",
            DB_PARAMS(DB_TEXT(account->id), DB_TEXT(status), DB_TEXT(reason), DB_INT(call->now_ms),
                    DB_TEXT(account->status), DB_INT(account_flow_limit(call)))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, &rows, err)) {
        return false;
    }
    if (db_rows_affected(rows) == 0) {
        return api_error_set(
                err, API_CONFLICT, "Connected account %s was changed meanwhile", account->id);
    }
    return true;
}

bool account_force_status(struct call *call, const char *id, const char *status, const char *reason,
        struct error *err)
{
    struct account account;
    const char *email;
    if (!account_status_known(status)) {
        return api_error_set(err, API_BAD_REQUEST, "status: %s is none", status);
    }
    if (!account_find(call, id, &account, err) ||
            !account_default_email(call, &account, &email, err)) {
        return false;
    }
    struct db_statement statement = {
            "UPDATE account SET status = $2, status_reason = $3, updated_at = $4, "
            "flow_started_at = $4, email = coalesce(email, $5) WHERE id = $1",
            DB_PARAMS(DB_TEXT(id), DB_TEXT(status), DB_TEXT(reason), DB_INT(call->now_ms),
                    DB_TEXT(email))};
    return db_write(call->sandbox->db, call->memory, &statement, 1, NULL, err);
}

static void write_success(struct call *call)
{
    json_begin_object(&call->json);
    json_write_name(&call->json, "success");
    json_write_bool(&call->json, true);
    json_end_object(&call->json);
}

/* ---- PATCH /connected_accounts/{}/status ---- */

bool account_set_enabled(struct call *call, struct error *err)
{
    struct account account;
    const struct json *enabled = json_get(call->body, "enabled");
    if (json_type(enabled) != JSON_BOOL) {
        return api_error_set(err, API_BAD_REQUEST, "enabled: expected a boolean");
    }
    if (!account_find(call, call->values[0], &account, err)) {
        return false;
    }
    const char *wanted = json_bool(enabled, false) ? "ACTIVE" : "INACTIVE";
    if (strcmp(account.status, "ACTIVE") != 0 && strcmp(account.status, "INACTIVE") != 0) {
        return api_error_set(err, API_ACCOUNT_BAD_REQUEST,
                "Connected account %s is in %s state and cannot be enabled or disabled", account.id,
                account.status);
    }
    if (strcmp(account.status, wanted) != 0 &&
            !set_status(call, &account, wanted, "Connection status updated by user", err)) {
        return false;
    }
    write_success(call);
    return true;
}

/* ---- POST /connected_accounts/{}/revoke ---- */

bool account_revoke(struct call *call, struct error *err)
{
    struct account account;
    if (!account_find(call, call->values[0], &account, err)) {
        return false;
    }
    bool already = strcmp(account.status, "REVOKED") == 0;
    if (!scheme_is_oauth(account.auth_config.scheme)) {
        return api_error_set(err, API_ACCOUNT_BAD_REQUEST,
                "Revocation is not supported for auth scheme %s", account.auth_config.scheme);
    }
    if (!already && strcmp(account.status, "ACTIVE") != 0) {
        return api_error_set(err, API_CONFLICT,
                "Connected account %s is in %s state and cannot be revoked", account.id,
                account.status);
    }
    if (!already && !set_status(call, &account, "REVOKED",
                            "Revoked via user-initiated revoke endpoint", err)) {
        return false;
    }
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "revoked_tokens");
    json_begin_array(json);
    if (!already) {
        json_write_text(json, "access_token");
        json_write_text(json, "refresh_token");
    }
    json_end_array(json);
    json_write_name(json, "connected_account");
    json_begin_object(json);
    json_write_name(json, "id");
    json_write_text(json, account.id);
    json_write_name(json, "status");
    json_write_text(json, "REVOKED");
    json_end_object(json);
    json_end_object(json);
    return true;
}

/* ---- POST /connected_accounts/{}/refresh: consent again, on a new link ---- */

static MUST_CHECK bool check_refreshable(const struct account *account, struct error *err)
{
    if (!scheme_is_oauth(account->auth_config.scheme)) {
        return api_error_set(err, API_CONFLICT, "Auth scheme %s cannot be refreshed",
                account->auth_config.scheme);
    }
    static const char *const never[] = {"REVOKED", "FAILED", "INACTIVE"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        if (strcmp(account->status, never[i]) == 0) {
            return api_error_set(err, API_UNPROCESSABLE,
                    "Connected account %s is in %s state and cannot be refreshed", account->id,
                    account->status);
        }
    }
    return true;
}

bool account_refresh(struct call *call, struct error *err)
{
    struct account account;
    const char *callback = NULL;
    if (!field_text(call->body, "redirect_url", &callback, err) ||
            !account_find(call, call->values[0], &account, err) ||
            !check_refreshable(&account, err)) {
        return false;
    }
    callback = callback == NULL ? call_parameter(call, "redirect_url") : callback;
    if (callback != NULL && !callback_acceptable(callback)) {
        return api_error_set(err, API_BAD_REQUEST, "redirect_url: expected an absolute URL");
    }
    const char *token = sandbox_new_id(call->memory, "lk_", 12);
    struct db_statement statements[] = {
            {"UPDATE account SET status = 'INITIATED', status_reason = NULL, link_token = $2, "
             "callback_url = coalesce($3, callback_url), flow_started_at = $4, updated_at = $4 "
             "WHERE id = $1 AND deleted = 0",
                    DB_PARAMS(DB_TEXT(account.id), DB_TEXT(token), DB_TEXT(callback),
                            DB_INT(call->now_ms))},
            {"INSERT INTO link (token, account_id, created_at) VALUES ($1, $2, $3)",
                    DB_PARAMS(DB_TEXT(token), DB_TEXT(account.id), DB_INT(call->now_ms))},
    };
    if (!db_write(call->sandbox->db, call->memory, statements, 2, NULL, err)) {
        return false;
    }
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "id");
    json_write_text(json, account.id);
    json_write_name(json, "status");
    json_write_text(json, "INITIATED");
    json_write_name(json, "redirect_url");
    json_write_text(json, account_link_url(call, token));
    json_end_object(json);
    return true;
}

/* ---- PATCH /connected_accounts/{} ---- */

/* New credentials, of a scheme that keeps its own; *data stays as it is without any. */
static MUST_CHECK bool patch_credentials(
        struct call *call, const struct account *account, const char **data, struct error *err)
{
    static const char *const schemes[] = {"BEARER_TOKEN", "API_KEY", "BASIC", "BASIC_WITH_JWT",
            "GOOGLE_SERVICE_ACCOUNT", "SERVICE_ACCOUNT", NULL};
    const struct json *connection, *state, *val;
    const char *scheme;
    if (!field_object(call->body, "connection", &connection, err)) {
        return false;
    }
    if (connection == NULL) {
        return true;
    }
    if (!field_object(connection, "state", &state, err) ||
            !field_required(state, "authScheme", &scheme, err) ||
            !field_choice(state, "authScheme", schemes, &scheme, err) ||
            !field_object(state, "val", &val, err)) {
        return error_prefix(err, "connection.state");
    }
    if (strcmp(scheme, account->auth_config.scheme) != 0) {
        return api_error_set(err, API_ACCOUNT_BAD_REQUEST,
                "connection.state.authScheme: connected account %s is of %s, not %s", account->id,
                account->auth_config.scheme, scheme);
    }
    for (struct json_iterator i = json_iterate(val); json_next(&i);) {
        if (json_type(i.value) != JSON_STRING && json_type(i.value) != JSON_NULL) {
            return api_error_set(err, API_ACCOUNT_BAD_REQUEST,
                    "connection.state.val.%.64s: expected a string or null",
                    mem_strndup(call->memory, i.name.data, i.name.length));
        }
    }
    *data = object_merged(call->memory, *data, val);
    return true;
}

static MUST_CHECK bool patch_acl(
        struct call *call, const struct account *account, const char **acl, struct error *err)
{
    const struct json *experimental, *given;
    if (!field_object(call->body, "experimental", &experimental, err) ||
            !field_object(experimental, "acl_config_for_shared", &given, err)) {
        return false;
    }
    if (given != NULL && !account->shared) {
        return api_error_set(err, API_ACCOUNT_BAD_REQUEST,
                "experimental.acl_config_for_shared: connected account %s is PRIVATE", account->id);
    }
    *acl = given == NULL ? *acl : account_acl_normalized(call->memory, given);
    return true;
}

/* In one step that fails when the alias is taken, or the credentials were changed meanwhile. */
SUSPENDS static MUST_CHECK bool store_patch(struct call *call, const struct account *account,
        const char *alias, const char *data, const char *acl, struct error *err)
{
    const struct db_rows *rows;
    struct db_statement statement = {
            "UPDATE account SET alias = $2, data = $3, acl = $4, updated_at = $5 "
            "WHERE id = $1 AND deleted = 0 AND data = $6 AND ($2 IS NULL OR NOT EXISTS "
            "(SELECT 1" ACCOUNT_TABLES "WHERE a.user_id = $7 AND a.alias = $2 "
            "AND c.toolkit = $8 AND a.deleted = 0 AND a.id <> $1))",
            DB_PARAMS(DB_TEXT(account->id), DB_TEXT(alias), DB_TEXT(data), DB_TEXT(acl),
                    DB_INT(call->now_ms), DB_TEXT(account->data), DB_TEXT(account->user_id),
                    DB_TEXT(account->auth_config.toolkit))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, &rows, err)) {
        return false;
    }
    if (db_rows_affected(rows) == 0 && alias != NULL) {
        return api_error_set(err, API_ACCOUNT_BAD_REQUEST,
                "Alias \"%s\" is already in use by another connection for this entity", alias);
    }
    if (db_rows_affected(rows) == 0) {
        return api_error_set(
                err, API_CONFLICT, "Connected account %s was changed meanwhile", account->id);
    }
    return true;
}

bool account_update(struct call *call, struct error *err)
{
    struct account account;
    const char *alias;
    if (!field_text(call->body, "alias", &alias, err) ||
            !account_find(call, call->values[0], &account, err)) {
        return false;
    }
    const char *data = account.data, *acl = account.acl;
    alias = alias == NULL ? account.alias : alias[0] == '\0' ? NULL : alias;
    if (!patch_credentials(call, &account, &data, err) || !patch_acl(call, &account, &acl, err) ||
            !store_patch(call, &account, alias, data, acl, err)) {
        return false;
    }
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "success");
    json_write_bool(json, true);
    json_write_name(json, "id");
    json_write_text(json, account.id);
    json_write_name(json, "status");
    json_write_text(json, account.status);
    json_end_object(json);
    return true;
}

/* ---- DELETE /connected_accounts/{} ---- */

void account_write_revoke_job(struct call *call, bool started)
{
    if (started) { /* done when it is answered: there is no provider to wait for */
        json_write_name(&call->json, "revoke_job_id");
        json_write_text(&call->json, sandbox_new_id(call->memory, "rj_", 12));
    }
}

bool account_delete(struct call *call, struct error *err)
{
    bool revoke;
    const struct db_rows *rows[2];
    if (!call_parameter_bool(call, "revoke_on_delete", false, &revoke, err)) {
        return false;
    }
    struct db_statement remove = {
            "UPDATE account SET deleted = 1, updated_at = $2 WHERE id = $1 AND deleted = 0",
            DB_PARAMS(DB_TEXT(call->values[0]), DB_INT(call->now_ms))};
    struct db_statement statements[] = {{ACCOUNT_REVOKE_SQL("id"), remove.params}, remove};
    size_t skipped = revoke ? 0 : 1;
    if (!db_write(call->sandbox->db, call->memory, statements + skipped, 2 - skipped,
                rows + skipped, err)) {
        return false;
    }
    if (db_rows_affected(rows[1]) == 0) {
        return api_error_set(
                err, API_ACCOUNT_NOT_FOUND, "Connected account \"%s\" not found", call->values[0]);
    }
    json_begin_object(&call->json);
    json_write_name(&call->json, "success");
    json_write_bool(&call->json, true);
    account_write_revoke_job(call, revoke);
    json_end_object(&call->json);
    return true;
}
