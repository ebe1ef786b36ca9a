#include "sandbox/accounts/account_link.h"

#include "sandbox/accounts/account.h"
#include "sandbox/accounts/auth_config.h"
#include "sandbox/accounts/callback.h"
#include "sandbox/routes.h"

struct new_account {
    const char *id, *uuid, *user_id, *status;
    const char *alias, *acl, *callback_url, *email; /* NULL: none */
    const char *link_token;                         /* NULL: no consent needed */
    const char *data;                               /* a JSON object */
    bool shared;
    bool legacy; /* by the retired call, whose callback has its own spelling */
    const struct auth_config *auth_config;
};

/* ---- what both ways of creating read ---- */

/* alias, callback_url and experimental of `object`. */
static MUST_CHECK bool read_common(struct call *call, const struct json *object,
        struct new_account *account, struct error *err)
{
    const struct json *experimental, *acl;
    if (!field_text(object, "alias", &account->alias, err) ||
            !field_text(object, "callback_url", &account->callback_url, err) ||
            !field_object(object, "experimental", &experimental, err) ||
            !field_object(experimental, "acl_config_for_shared", &acl, err)) {
        return false;
    }
    if (account->alias != NULL && account->alias[0] == '\0') {
        account->alias = NULL;
    }
    if (account->callback_url != NULL && !callback_acceptable(account->callback_url)) {
        return api_error_set(
                err, API_ACCOUNT_BAD_REQUEST, "callback_url: expected an absolute URL");
    }
    const char *type = json_text(json_get(experimental, "account_type"));
    account->shared = type != NULL && strcmp(type, "SHARED") == 0;
    account->acl = acl == NULL ? NULL : account_acl_normalized(call->memory, acl);
    return true;
}

static MUST_CHECK bool check_enabled(const struct auth_config *config, struct error *err)
{
    if (strcmp(config->status, "DISABLED") == 0) {
        return api_error_set(
                err, API_ACCOUNT_BAD_REQUEST, "Auth config %s is disabled", config->id);
    }
    return true;
}

/* One row, and its link where it has one, in one step that fails when the alias is taken. */
static MUST_CHECK bool insert(
        struct call *call, const struct new_account *account, struct error *err)
{
    const struct auth_config *config = account->auth_config;
    struct db_statement statements[] = {
            {"INSERT INTO account (id, uuid, auth_config_id, user_id, status, word_id, alias, "
             "shared, acl, data, callback_url, link_token, email, flow_started_at, created_at, "
             "updated_at) "
             "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $14 "
             "WHERE $7 IS NULL OR NOT EXISTS (SELECT 1" ACCOUNT_TABLES
             "WHERE a.user_id = $4 AND a.alias = $7 AND c.toolkit = $15 AND a.deleted = 0)",
                    DB_PARAMS(DB_TEXT(account->id), DB_TEXT(account->uuid), DB_TEXT(config->id),
                            DB_TEXT(account->user_id), DB_TEXT(account->status),
                            DB_TEXT(account_word_id(call->memory, config->toolkit, account->id)),
                            DB_TEXT(account->alias), DB_BOOL(account->shared),
                            DB_TEXT(account->acl), DB_TEXT(account->data),
                            DB_TEXT(account->callback_url), DB_TEXT(account->link_token),
                            DB_TEXT(account->email), DB_INT(call->now_ms),
                            DB_TEXT(config->toolkit))},
            {"INSERT INTO link (token, account_id, created_at, legacy) "
             "SELECT link_token, id, created_at, $2 FROM account WHERE id = $1",
                    DB_PARAMS(DB_TEXT(account->id), DB_BOOL(account->legacy))},
    };
    const struct db_rows *rows[2];
    size_t count = account->link_token == NULL ? 1 : 2;
    if (!db_write(call->sandbox->db, call->memory, statements, count, rows, err)) {
        return false;
    }
    if (db_rows_affected(rows[0]) == 0) {
        return api_error_set(err, API_ACCOUNT_BAD_REQUEST,
                "Alias \"%s\" is already in use by another connection for this entity",
                account->alias);
    }
    return true;
}

static void new_identity(struct call *call, struct new_account *account)
{
    char uuid[UUID_TEXT_SIZE];
    account->id = sandbox_new_id(call->memory, "ca_", 12);
    account->uuid = mem_strdup(call->memory, uuid_v4(uuid));
    account->data = "{}";
}

/* ---- POST /connected_accounts/link ---- */

bool account_link_make(struct call *call, const struct link_request *request, struct link_made *out,
        struct error *err)
{
    struct new_account account = {.status = "INITIALIZING", .user_id = request->user_id};
    struct auth_config config;
    const struct json *data;
    new_identity(call, &account);
    if (!field_object(request->given, "connection_data", &data, err) ||
            !read_common(call, request->given, &account, err) ||
            !auth_config_find(call, request->auth_config_id, &config, err) ||
            !check_enabled(&config, err)) {
        return false;
    }
    if (data != NULL) {
        account.data = json_to_text(call->memory, data).data;
    }
    if (account.callback_url == NULL) {
        account.callback_url = request->callback_url;
    }
    account.auth_config = &config;
    account.link_token = sandbox_new_id(call->memory, "lk_", 12);
    if (!insert(call, &account, err)) {
        return false;
    }
    *out = (struct link_made){.token = account.link_token,
            .url = account_link_url(call, account.link_token),
            .account_id = account.id,
            .shared = account.shared,
            .acl = account.acl};
    return true;
}

bool account_link(struct call *call, struct error *err)
{
    struct link_request request = {.given = call->body};
    struct link_made link;
    if (!field_required(call->body, "auth_config_id", &request.auth_config_id, err) ||
            !field_required(call->body, "user_id", &request.user_id, err) ||
            !account_link_make(call, &request, &link, err)) {
        return false;
    }
    struct json_writer *json = &call->json;
    call->status = 201;
    json_begin_object(json);
    json_write_name(json, "link_token");
    json_write_text(json, link.token);
    json_write_name(json, "redirect_url");
    json_write_text(json, link.url);
    json_write_name(json, "expires_at");
    json_write_time(json, call->now_ms + SANDBOX_LINK_LIFE_MS);
    json_write_name(json, "connected_account_id");
    json_write_text(json, link.account_id);
    account_write_experimental(json, link.shared, link.acl);
    json_end_object(json);
    return true;
}

/* ---- POST /connected_accounts ---- */

static void write_created(struct call *call, const struct new_account *created)
{
    struct json_writer *json = &call->json;
    const struct auth_config *config = created->auth_config;
    struct account account = {.status = created->status,
            .data = created->data,
            .link_token = created->link_token,
            .callback_url = created->callback_url,
            .auth_config = {.toolkit = config->toolkit, .scheme = config->scheme}};
    const char *url =
            created->link_token == NULL ? NULL : account_link_url(call, created->link_token);
    call->status = 201;
    json_begin_object(json);
    json_write_name(json, "id");
    json_write_text(json, created->id);
    json_write_name(json, "connectionData");
    json_begin_object(json);
    json_write_name(json, "authScheme");
    json_write_text(json, config->scheme);
    json_write_name(json, "val");
    account_write_val(call, &account);
    json_end_object(json);
    json_write_name(json, "status");
    json_write_text(json, created->status);
    json_write_name(json, "redirect_url");
    json_write_text(json, url);
    json_write_name(json, "redirect_uri");
    json_write_text(json, url);
    json_write_name(json, "deprecated");
    json_begin_object(json);
    json_write_name(json, "uuid");
    json_write_text(json, created->uuid);
    json_write_name(json, "authConfigUuid");
    json_write_text(json, config->uuid);
    json_end_object(json);
    account_write_experimental(json, created->shared, created->acl);
    json_end_object(json);
}

/* What the scheme needs must be there: anything but a status. */
static MUST_CHECK bool check_credentials(
        const struct json *given, const struct auth_config *config, struct error *err)
{
    for (struct json_iterator i = json_iterate(given); json_next(&i);) {
        if (!slice_is(i.name, "status") && json_string(i.value).length > 0) {
            return true;
        }
    }
    if (strcmp(config->scheme, "NO_AUTH") == 0) {
        return true;
    }
    return api_error_set(err, API_ACCOUNT_BAD_REQUEST,
            "connection.state.val: the fields of %s are missing", config->scheme);
}

/* Custom OAuth goes through a link; all else is ready at once. */
static MUST_CHECK bool complete_new(
        struct call *call, struct new_account *account, const struct json *given, struct error *err)
{
    const struct auth_config *config = account->auth_config;
    if (given != NULL) {
        account->data = json_to_text(call->memory, given).data;
    }
    if (scheme_is_oauth(config->scheme)) {
        account->status = "INITIATED";
        account->link_token = sandbox_new_id(call->memory, "lk_", 12);
        return true;
    }
    account->status = "ACTIVE";
    struct account like = {
            .id = account->id, .user_id = account->user_id, .auth_config.toolkit = config->toolkit};
    return check_credentials(given, config, err) &&
           account_default_email(call, &like, &account->email, err);
}

bool account_create(struct call *call, struct error *err)
{
    struct new_account account = {.legacy = true};
    struct auth_config config;
    const struct json *config_field, *connection, *state, *val, *data;
    const char *config_id;
    new_identity(call, &account);
    if (!field_object(call->body, "auth_config", &config_field, err) ||
            !field_object(call->body, "connection", &connection, err) ||
            !field_required(config_field, "id", &config_id, err) ||
            !field_text(connection, "user_id", &account.user_id, err) ||
            !field_object(connection, "state", &state, err) ||
            !field_object(state, "val", &val, err) ||
            !field_object(connection, "data", &data, err) ||
            !read_common(call, connection, &account, err) ||
            !auth_config_find(call, config_id, &config, err) || !check_enabled(&config, err)) {
        return false;
    }
    if (config.managed && scheme_is_oauth(config.scheme)) {
        return api_error_set(err, API_ACCOUNT_CREATE_RETIRED,
                "Creating connections on this endpoint for Composio-managed OAuth auth configs is "
                "no longer supported. Use POST /api/v3/connected_accounts/link instead.");
    }
    account.auth_config = &config;
    if (account.user_id == NULL || account.user_id[0] == '\0') {
        account.user_id = "default";
    }
    if (!complete_new(call, &account, val == NULL ? data : val, err) ||
            !insert(call, &account, err)) {
        return false;
    }
    write_created(call, &account);
    return true;
}
