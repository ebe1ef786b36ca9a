#include "sandbox/accounts/account.h"

#include "sandbox/paging.h"
#include "sandbox/project.h"
#include "sandbox/routes.h"

#include <ctype.h>

#define LIST_LIMIT_USUAL 20
#define LIST_LIMIT_MOST  100

const char *const account_statuses[] = {
        "ACTIVE", "INITIALIZING", "INITIATED", "FAILED", "EXPIRED", "INACTIVE", "REVOKED", NULL};

bool account_status_known(const char *status)
{
    size_t i = 0;
    while (account_statuses[i] != NULL && strcmp(account_statuses[i], status) != 0) {
        i++;
    }
    return account_statuses[i] != NULL;
}

/* ---- reading ---- */

int64_t account_flow_limit(const struct call *call)
{
    return call->now_ms - SANDBOX_LINK_LIFE_MS;
}

struct account account_read(struct call *call, const struct db_rows *rows, size_t row)
{
    struct account account = {
            .id = db_get_text(rows, row, 0),
            .uuid = db_get_text(rows, row, 1),
            .user_id = db_get_text(rows, row, 2),
            .word_id = db_get_text(rows, row, 3),
            .status = db_get_text(rows, row, 4),
            .status_reason = db_get_text(rows, row, 5),
            .alias = db_get_text(rows, row, 6),
            .acl = db_get_text(rows, row, 7),
            .callback_url = db_get_text(rows, row, 8),
            .link_token = db_get_text(rows, row, 9),
            .email = db_get_text(rows, row, 10),
            .failure = db_get_text(rows, row, 11),
            .data = db_get_text(rows, row, 12),
            .shared = db_get_bool(rows, row, 13),
            .flow_started_at = db_get_int(rows, row, 14),
            .created_at = db_get_int(rows, row, 15),
            .updated_at = db_get_int(rows, row, 16),
            .auth_config.id = db_get_text(rows, row, 17),
            .auth_config.uuid = db_get_text(rows, row, 18),
            .auth_config.toolkit = db_get_text(rows, row, 19),
            .auth_config.scheme = db_get_text(rows, row, 20),
            .auth_config.managed = db_get_bool(rows, row, 21),
            .auth_config.disabled = db_get_bool(rows, row, 22),
    };
    bool flowing =
            strcmp(account.status, "INITIALIZING") == 0 || strcmp(account.status, "INITIATED") == 0;
    if (flowing && account.flow_started_at <= account_flow_limit(call)) {
        account.status = "EXPIRED";
        account.status_reason = "Connection initiation did not complete within 10 minutes";
        account.updated_at = account.flow_started_at + SANDBOX_LINK_LIFE_MS;
    }
    return account;
}

bool account_find(struct call *call, const char *id, struct account *out, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " ACCOUNT_COLUMNS ACCOUNT_TABLES "WHERE a.id = $1 AND a.deleted = 0",
                DB_PARAMS(DB_TEXT(id)), &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return api_error_set(err, API_ACCOUNT_NOT_FOUND, "Connected account \"%s\" not found", id);
    }
    *out = account_read(call, rows, 0);
    return true;
}

/* ---- writing ---- */

bool scheme_is_oauth(const char *scheme)
{
    return strcmp(scheme, "OAUTH2") == 0 || strcmp(scheme, "OAUTH1") == 0 ||
           strcmp(scheme, "DCR_OAUTH") == 0;
}

const char *account_link_url(struct call *call, const char *token)
{
    return mem_printf(call->memory, "%s/link/%s", call->sandbox->public_url, token);
}

static bool field_is_secret(struct slice name)
{
    static const char *const secrets[] = {"generic_api_key", "api_key", "bearer_token", "token",
            "password", "private_key", "credentials_json", "basic_encoded", "client_secret",
            "access_token", "refresh_token", "id_token", "oauth_token", "oauth_token_secret",
            "proxy_password", "consumer_secret"};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        if (slice_is(name, secrets[i])) {
            return true;
        }
    }
    return false;
}

/* Secrets of one's own are cut to four characters, short ones are hidden whole; unless the project says otherwise. */
static void write_given_field(
        struct json_writer *json, struct slice name, const struct json *value, bool masked)
{
    if (slice_is(name, "status")) {
        return;
    }
    json_write_name_slice(json, name);
    struct slice text = json_string(value);
    if (!masked || !field_is_secret(name) || text.data == NULL) {
        json_write_value(json, value);
    } else if (text.length <= 4) {
        json_write_text(json, "REDACTED");
    } else {
        json_write_printf(json, "%.4s...", text.data);
    }
}

/* Tokens of managed apps are never shown. */
static void write_token(struct call *call, const struct account *account, const char *name)
{
    const char *token = sha256_hex(
            call->memory, slice_of(mem_printf(call->memory, "%s %s", name, account->id)));
    json_write_name(&call->json, name);
    if (account->auth_config.managed) {
        json_write_text(&call->json, "REDACTED");
    } else if (call->sandbox->project->masks_secrets) {
        json_write_printf(&call->json, "%.4s...", token);
    } else {
        json_write_text(&call->json, token);
    }
}

static void write_tokens(struct call *call, const struct account *account)
{
    struct json_writer *json = &call->json;
    const struct toolkit *toolkit =
            catalog_toolkit(call->sandbox->catalog, account->auth_config.toolkit);
    write_token(call, account, "access_token");
    write_token(call, account, "refresh_token");
    json_write_name(json, "token_type");
    json_write_text(json, "Bearer");
    json_write_name(json, "expires_in");
    json_write_int(json, 3599);
    json_write_name(json, "scope");
    json_write_text(json, toolkit == NULL ? "" : toolkit->scopes);
}

static void write_time(struct json_writer *json, const char *name, int64_t ms)
{
    json_write_name(json, name);
    json_write_time(json, ms);
}

void account_write_val(struct call *call, const struct account *account)
{
    struct json_writer *json = &call->json;
    const char *status = account->status;
    const struct json *given = NULL;
    struct error ignored = {0};
    json_begin_object(json);
    json_write_name(json, "status");
    json_write_text(json, status);
    if (json_parse(call->memory, slice_of(account->data), &given, &ignored)) {
        for (struct json_iterator i = json_iterate(given); json_next(&i);) {
            write_given_field(json, i.name, i.value, call->sandbox->project->masks_secrets);
        }
    }
    if ((strcmp(status, "INITIALIZING") == 0 || strcmp(status, "INITIATED") == 0) &&
            account->link_token != NULL) {
        json_write_name(json, "redirectUrl");
        json_write_text(json, account_link_url(call, account->link_token));
        if (account->callback_url != NULL) {
            json_write_name(json, "callback_url");
            json_write_text(json, account->callback_url);
        }
    } else if (strcmp(status, "FAILED") == 0) {
        json_write_name(json, "error");
        json_write_text(json, account->failure == NULL ? "server_error" : account->failure);
        json_write_name(json, "error_description");
        json_write_text(json, account->status_reason == NULL ? "" : account->status_reason);
    } else if (strcmp(status, "EXPIRED") == 0) {
        write_time(json, "expired_at", account->updated_at);
    } else if (strcmp(status, "REVOKED") == 0) {
        write_time(json, "revoked_at", account->updated_at);
    } else if (scheme_is_oauth(account->auth_config.scheme) &&
               strcmp(status, "INITIALIZING") != 0 && strcmp(status, "INITIATED") != 0) {
        write_tokens(call, account);
    }
    json_end_object(json);
}

void account_write_experimental(struct json_writer *json, bool shared, const char *acl)
{
    json_write_name(json, "experimental");
    json_begin_object(json);
    json_write_name(json, "account_type");
    json_write_text(json, shared ? "SHARED" : "PRIVATE");
    if (acl != NULL) {
        json_write_name(json, "acl_config_for_shared");
        json_write_raw(json, slice_of(acl));
    }
    json_end_object(json);
}

const char *account_acl_normalized(void *owner, const struct json *acl)
{
    static const char *const lists[] = {"allowed_user_ids", "not_allowed_user_ids"};
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, owner, CALL_BYTES_MAX);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    json_write_name(&json, "allow_all_users");
    json_write_bool(&json, json_bool(json_get(acl, "allow_all_users"), false));
    for (size_t i = 0; i < 2; i++) {
        const struct json *list = json_get(acl, lists[i]);
        json_write_name(&json, lists[i]);
        if (json_type(list) == JSON_ARRAY) {
            json_write_value(&json, list);
        } else {
            json_begin_array(&json);
            json_end_array(&json);
        }
    }
    json_end_object(&json);
    return buffer_text(&out);
}

static void write_auth_config(struct call *call, const struct account *account)
{
    struct json_writer *json = &call->json;
    json_write_name(json, "auth_config");
    json_begin_object(json);
    json_write_name(json, "id");
    json_write_text(json, account->auth_config.id);
    json_write_name(json, "auth_scheme");
    json_write_text(json, account->auth_config.scheme);
    json_write_name(json, "is_composio_managed");
    json_write_bool(json, account->auth_config.managed);
    json_write_name(json, "is_disabled");
    json_write_bool(json, account->auth_config.disabled);
    if (!call->v31) {
        json_write_name(json, "deprecated");
        json_begin_object(json);
        json_write_name(json, "uuid");
        json_write_text(json, account->auth_config.uuid);
        json_end_object(json);
    }
    json_end_object(json);
}

static void write_identity(struct call *call, const struct account *account)
{
    struct json_writer *json = &call->json;
    json_write_name(json, "id");
    json_write_text(json, account->id);
    if (call->v31) {
        json_write_name(json, "word_id");
        json_write_text(json, account->word_id);
        json_write_name(json, "alias");
        json_write_text(json, account->alias);
    }
    json_write_name(json, "toolkit");
    json_begin_object(json);
    json_write_name(json, "slug");
    json_write_text(json, account->auth_config.toolkit);
    json_end_object(json);
    write_auth_config(call, account);
    json_write_name(json, "user_id");
    json_write_text(json, account->user_id);
    json_write_name(json, "status");
    json_write_text(json, account->status);
    json_write_name(json, "status_reason");
    json_write_text(json, account->status_reason);
    json_write_name(json, "is_disabled");
    json_write_bool(json, strcmp(account->status, "INACTIVE") == 0);
}

void account_write(struct call *call, const struct account *account, bool whole)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    write_identity(call, account);
    json_write_name(json, "state");
    json_begin_object(json);
    json_write_name(json, "authScheme");
    json_write_text(json, account->auth_config.scheme);
    json_write_name(json, "val");
    account_write_val(call, account);
    json_end_object(json);
    json_write_name(json, "data");
    account_write_val(call, account);
    if (whole) {
        json_write_name(json, "params");
        json_begin_object(json);
        json_end_object(json);
    }
    if (call->v31) {
        account_write_experimental(json, account->shared, account->acl);
    }
    write_time(json, "created_at", account->created_at);
    write_time(json, "updated_at", account->updated_at);
    if (!call->v31) {
        json_write_name(json, "deprecated");
        json_begin_object(json);
        json_write_name(json, "labels");
        json_begin_array(json);
        json_end_array(json);
        json_write_name(json, "uuid");
        json_write_text(json, account->uuid);
        json_end_object(json);
    }
    json_end_object(json);
}

/* ---- names ---- */

const char *account_word_id(void *owner, const char *toolkit, const char *id)
{
    static const char *const colours[] = {"red", "blue", "green", "amber", "ivory", "coral", "teal",
            "violet", "silver", "golden", "hazel", "indigo", "olive", "rosy", "snowy", "misty"};
    static const char *const places[] = {"castle", "river", "harbor", "meadow", "forest", "island",
            "bridge", "garden", "valley", "summit", "lantern", "orchard", "canyon", "lagoon",
            "tower", "prairie"};
    uint8_t digest[SHA256_SIZE];
    sha256(slice_of(id), digest);
    return mem_printf(owner, "%s_%s-%s", toolkit, colours[digest[0] % 16], places[digest[1] % 16]);
}

/* The user id as the local part of an address; a mark is added where something had to be changed. */
static const char *local_part(void *owner, const char *user_id)
{
    struct buffer local;
    buffer_init(&local, owner, 64);
    bool changed = false;
    for (const char *c = user_id; *c != '\0'; c++) {
        bool kept = isalnum((unsigned char)*c) || strchr("._-", *c) != NULL;
        changed = changed || !kept || local.length >= 40;
        if (local.length < 40) {
            buffer_add_char(&local, kept ? (char)tolower((unsigned char)*c) : '-');
        }
    }
    return changed ? mem_printf(owner, "%s-%.6s", buffer_text(&local),
                             sha256_hex(owner, slice_of(user_id)))
                   : buffer_text(&local);
}

static const char *email_of(void *owner, const char *user_id, int number)
{
    struct slice domain = slice_of(user_id);
    struct slice local = slice_split(&domain, '@');
    bool is_address = domain.length > 0 && local.length > 0 &&
                      strpbrk(user_id, " \t\r\n\"<>()") == NULL &&
                      memchr(domain.data, '@', domain.length) == NULL;
    if (!is_address) {
        local = slice_of(local_part(owner, user_id));
        domain = SLICE("example.com");
    }
    return number == 1
                   ? mem_printf(owner, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain))
                   : mem_printf(owner, "%.*s+%d@%.*s", SLICE_ARG(local), number, SLICE_ARG(domain));
}

bool account_default_email(
        struct call *call, const struct account *account, const char **out, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT a.email" ACCOUNT_TABLES
                "WHERE a.user_id = $1 AND c.toolkit = $2 AND a.id <> $3 AND a.status = 'ACTIVE' "
                "AND a.deleted = 0 AND a.email IS NOT NULL",
                DB_PARAMS(DB_TEXT(account->user_id), DB_TEXT(account->auth_config.toolkit),
                        DB_TEXT(account->id)),
                &rows, err)) {
        return false;
    }
    /* One of the first n + 1 names is not among n. */
    for (int number = 1;; number++) {
        const char *email = email_of(call->memory, account->user_id, number);
        bool taken = false;
        for (size_t i = 0; i < db_row_count(rows); i++) {
            taken = taken || strcasecmp(db_get_text(rows, i, 0), email) == 0;
        }
        if (!taken) {
            *out = email;
            return true;
        }
    }
}

/* ---- GET /connected_accounts, GET /connected_accounts/{} ---- */

/* The filters, over no columns but those of the index account_page. */
#define LIST_FILTERS(users)                                                                 \
    "FROM account a WHERE a.deleted = 0 AND " users                                         \
    " AND ($3 IS NULL OR a.auth_config_id IN (SELECT value FROM json_each($3)))"            \
    " AND ($4 IS NULL OR a.auth_config_id IN (SELECT id FROM auth_config WHERE toolkit IN " \
    "(SELECT value FROM json_each($4))))"                                                   \
    " AND ($5 IS NULL OR " ACCOUNT_STATUS(                                                  \
            "$1") " IN (SELECT value FROM json_each($5)))"                                  \
                  " AND ($6 IS NULL OR a.id IN (SELECT value FROM json_each($6)))"          \
                  " AND ($7 IS NULL OR a.shared = $7)"
#define LIST_FILTER_COUNT 7
/* `order` twice: a join keeps none. */
#define LIST_PAGE(users, order)                                                    \
    "SELECT " ACCOUNT_COLUMNS " FROM (SELECT a.seq " LIST_FILTERS(                 \
            users) " ORDER BY " order                                              \
                   " LIMIT $8 OFFSET $9) page JOIN account a ON a.seq = page.seq " \
                   "JOIN auth_config c ON c.id = a.auth_config_id ORDER BY " order
/* Texts of their own for users and orders, so that each goes by an index. */
#define LIST_PAGES(users)                                          \
    {                                                              \
        LIST_PAGE(users, "a.created_at DESC, a.seq DESC"),         \
                LIST_PAGE(users, "a.created_at, a.seq"),           \
                LIST_PAGE(users, "a.updated_at DESC, a.seq DESC"), \
                LIST_PAGE(users, "a.updated_at, a.seq"),           \
    }
#define OF_ALL   "$2 IS NULL"
#define OF_USERS "a.user_id IN (SELECT value FROM json_each($2))"

static struct db_value texts_filter(struct call *call, const struct texts *list)
{
    return list->count == 0 ? DB_NULL : DB_TEXT(texts_json(call->memory, list));
}

static struct db_value list_filter(struct call *call, const char *name)
{
    struct texts list = call_parameter_list(call, name);
    return texts_filter(call, &list);
}

/* Of all pages; asked only where the page does not say. `params` begin with those of the filters. */
SUSPENDS static MUST_CHECK bool list_total(struct call *call, struct db_params params,
        size_t on_page, const struct paging *paging, int64_t *out, struct error *err)
{
    const struct db_rows *rows;
    bool of_users = params.values[1].type != DB_TYPE_NULL;
    if ((int64_t)on_page < paging->limit && (on_page > 0 || paging->offset == 0)) {
        *out = paging->offset + (int64_t)on_page;
        return true;
    }
    params.count = LIST_FILTER_COUNT;
    if (!db_read(call->sandbox->db, call->memory,
                of_users ? "SELECT count(*) " LIST_FILTERS(OF_USERS)
                         : "SELECT count(*) " LIST_FILTERS(OF_ALL),
                params, &rows, err)) {
        return false;
    }
    *out = db_get_int(rows, 0, 0);
    return true;
}

static void write_list(
        struct call *call, const struct db_rows *rows, const struct paging *paging, int64_t total)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "items");
    json_begin_array(json);
    for (size_t i = 0; i < db_row_count(rows); i++) {
        struct account account = account_read(call, rows, i);
        account_write(call, &account, false);
    }
    json_end_array(json);
    paging_write_cursor(call, paging, total);
    json_end_object(json);
}

bool account_list(struct call *call, struct error *err)
{
    static const char *const orders[] = {"created_at", "updated_at", NULL};
    static const char *const directions[] = {"desc", "asc", NULL};
    static const char *const types[] = {"PRIVATE", "SHARED", "ALL", NULL};
    static const char *const of_all[] = LIST_PAGES(OF_ALL), *const of_users[] =
                                                                    LIST_PAGES(OF_USERS);
    struct paging paging;
    struct texts statuses;
    const char *order = "created_at", *direction = "desc", *type = "PRIVATE";
    if (!paging_by_cursor(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err) ||
            !call_parameter_choice(call, "order_by", orders, &order, err) ||
            !call_parameter_choice(call, "order_direction", directions, &direction, err) ||
            !call_parameter_choice(call, "account_type", types, &type, err) ||
            !call_parameter_choices(call, "statuses", account_statuses, &statuses, err)) {
        return false;
    }
    struct db_value users = list_filter(call, "user_ids");
    const struct db_rows *rows;
    int64_t total;
    struct db_params params = DB_PARAMS(DB_INT(account_flow_limit(call)), users,
            list_filter(call, "auth_config_ids"), list_filter(call, "toolkit_slugs"),
            texts_filter(call, &statuses), list_filter(call, "connected_account_ids"),
            strcmp(type, "ALL") == 0 ? DB_NULL : DB_BOOL(strcmp(type, "SHARED") == 0),
            DB_INT(paging.limit), DB_INT(paging.offset));
    size_t by = (strcmp(order, "updated_at") == 0 ? 2u : 0u) + (strcmp(direction, "asc") == 0);
    const char *sql = users.type == DB_TYPE_NULL ? of_all[by] : of_users[by];
    if (!db_read(call->sandbox->db, call->memory, sql, params, &rows, err) ||
            !list_total(call, params, db_row_count(rows), &paging, &total, err)) {
        return false;
    }
    write_list(call, rows, &paging, total);
    return true;
}

bool account_get(struct call *call, struct error *err)
{
    struct account account;
    if (!account_find(call, call->values[0], &account, err)) {
        return false;
    }
    account_write(call, &account, true);
    return true;
}

/* https://docs.composio.dev/reference/v3/api-reference/migration/getMigrationGetNanoid */
bool account_id_of_uuid(struct call *call, struct error *err)
{
    static const char *const tables[][2] = {
            {"CONNECTED_ACCOUNT", "SELECT id FROM account WHERE uuid = $1 AND deleted = 0"},
            {"AUTH_CONFIG", "SELECT id FROM auth_config WHERE uuid = $1 AND deleted = 0"},
    };
    const char *uuid = call_parameter(call, "uuid"), *type = call_parameter(call, "type");
    for (size_t i = 0; uuid != NULL && type != NULL && i < 2; i++) {
        const struct db_rows *rows;
        if (strcmp(type, tables[i][0]) != 0) {
            continue;
        }
        if (!db_read(call->sandbox->db, call->memory, tables[i][1], DB_PARAMS(DB_TEXT(uuid)), &rows,
                    err)) {
            return false;
        }
        if (db_row_count(rows) > 0) {
            json_begin_object(&call->json);
            json_write_name(&call->json, "nanoid");
            json_write_text(&call->json, db_get_text(rows, 0, 0));
            json_end_object(&call->json);
            return true;
        }
    }
    return api_error_set(err, API_BAD_REQUEST, "Invalid UUID or resource not found");
}
