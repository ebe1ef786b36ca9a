/* An attempt: one press of Connect, from the link at Composio to the row that says ACTIVE.
 *
 * Three secrets keep apart who may do what. The `state` goes to the app that began, and only its user may complete with
 * it. The callback key goes into the callback URL and so to the browser that ends the consent page. The `code` goes to
 * the first browser that brings the key after Composio said ACTIVE. So whoever lures a victim through a link of his own
 * holds the state without the code, and the victim holds a code whose state is not hers. Only hashes of key and code are
 * stored. */
#include "base/clock.h"
#include "base/log.h"
#include "core/core_internal.h"
#include "core/redirect.h"
#include "crypto/crypto.h"

#define STATE_LIFETIME_MS (10 * 60 * 1000)
#define CONNECT_TRIES     3 /* until a row was not changed by somebody else meanwhile */

/* ---- connect ---- */

static bool choose_redirect(const struct context *context, const char *redirect_uri,
        const char **out, struct error *err)
{
    const struct core_options *options = &context->core->options;
    if (redirect_uri == NULL) {
        *out = mem_printf(context->memory, "%s/oauth/callback", options->frontend_url);
        return true;
    }
    if (!redirect_allowed(options->frontend_url, options->redirect_uris, redirect_uri)) {
        return error_set(err, ERROR_BAD_REQUEST, "REDIRECT_NOT_ALLOWED",
                "redirectUri must be within FRONTEND_URL or one of this server's REDIRECT_URIS; its operator may add "
                "it there.");
    }
    *out = redirect_uri;
    return true;
}

bool connection_account_is_unproven(
        struct core *core, void *memory, const char *account_id, bool *out, struct error *err)
{
    static const char sql[] =
            "SELECT 1 FROM \"CleanupJob\" WHERE \"composioAccountId\" = $1 UNION ALL"
            " SELECT 1 FROM \"ConnectAttempt\" WHERE \"composioAccountId\" = $1"
            " AND \"outcome\" <> 'PROVEN'";
    const struct db_rows *rows = NULL;
    if (!db_read(core->db, memory, sql, DB_PARAMS(DB_TEXT(account_id)), &rows, err)) {
        return false;
    }
    *out = db_row_count(rows) > 0;
    return true;
}

/* The newest enabled ACTIVE account that the user already has for this auth config; id NULL: none. */
static bool find_account(const struct context *context, const struct provider_row *row,
        struct composio_account *out, struct error *err)
{
    struct composio_account *accounts = NULL;
    size_t count = 0;
    if (!composio_account_list(context->core->composio, context->memory, context->user,
                row->auth_config_id, &accounts, &count, err)) {
        return false;
    }
    *out = (struct composio_account){0};
    for (size_t i = 0; i < count; i++) {
        bool unproven = false;
        if (accounts[i].status != COMPOSIO_STATUS_ACTIVE || accounts[i].disabled ||
                (out->id != NULL && accounts[i].created_at_ms <= out->created_at_ms)) {
            continue;
        }
        /* Ours is read after Composio's list, so that a link made meanwhile is known. */
        if (!connection_account_is_unproven(
                    context->core, context->memory, accounts[i].id, &unproven, err)) {
            return false;
        }
        if (!unproven) {
            *out = accounts[i];
        }
    }
    return true;
}

bool connection_adopt(const struct context *context, const char *provider,
        const struct provider_row *row, const struct composio_account *account, bool *done_out,
        struct error *err)
{
    void *memory = context->memory;
    int64_t now = clock_now_ms();
    char job_id[UUID_TEXT_SIZE], row_id[UUID_TEXT_SIZE];
    struct db_value user = DB_TEXT(context->user), name = DB_TEXT(provider),
                    time = DB_TIME(memory, now), id = DB_TEXT(account->id),
                    seen = DB_TEXT(
                            row->updated_at == NULL ? "1970-01-01T00:00:00.000Z" : row->updated_at);
    struct db_statement statements[] = {
            {REPLACED_SQL " AND \"updatedAt\" = $6"
                          " ON CONFLICT (\"composioAccountId\") DO NOTHING"
                          " RETURNING \"composioAccountId\"",
                    DB_PARAMS(DB_TEXT(uuid_v7(now, job_id)), time, user, name, id, seen)},
            {ACTIVATE_COLUMNS_SQL
                    " VALUES ($1, $2, $3, $4, $5, $9, 'ACTIVE', $6, $6, $7, $6, $6)" ACTIVATE_UPDATE_SQL
                    " WHERE \"UserConnection\".\"updatedAt\" = $8",
                    DB_PARAMS(DB_TEXT(uuid_v7(now, row_id)), user, DB_TEXT(row->mcp_server_id),
                            name, id, time, connection_metadata(memory, account->label), seen,
                            DB_TEXT(account->user_id))},
    };
    const struct db_rows *results[2] = {0};
    if (!connections_write(context->core, memory, context->user, statements, 2, results, err)) {
        return false;
    }
    *done_out = db_rows_affected(results[1]) > 0;
    if (*done_out && db_row_count(results[0]) > 0) {
        cleanup_account_later(context->core, db_get_text(results[0], 0, 0));
    }
    return true;
}

/* Store the attempt before its URL is told to anybody. The row becomes PENDING unless it has an account that works, or
 * worked and may again: that one stays until the new one is proven. */
static bool store_attempt(const struct context *context, const char *provider,
        const struct provider_row *row, const char *redirect, const char *key,
        const struct composio_link *link, const struct connect_result *result, struct error *err)
{
    void *memory = context->memory;
    int64_t now = clock_now_ms();
    char ids[3][UUID_TEXT_SIZE];
    struct db_value user = DB_TEXT(context->user), name = DB_TEXT(provider),
                    time = DB_TIME(memory, now), expires = DB_TIME(memory, result->expires_at_ms),
                    state = DB_TEXT(result->state), account = DB_TEXT(link->account_id);
    struct db_statement statements[] = {
            {"INSERT INTO \"OAuthState\" (\"id\", \"state\", \"userId\", \"provider\","
             " \"redirectUri\", \"expiresAt\", \"createdAt\") VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    DB_PARAMS(DB_TEXT(uuid_v7(now, ids[0])), state, user, name, DB_TEXT(redirect),
                            expires, time)},
            {"INSERT INTO \"ConnectAttempt\" (\"id\", \"state\", \"callbackHash\", \"userId\","
             " \"provider\", \"authConfigId\", \"composioAccountId\", \"expiresAt\", \"createdAt\","
             " \"updatedAt\") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
                    DB_PARAMS(DB_TEXT(uuid_v7(now, ids[1])), state,
                            DB_TEXT(sha256_hex(memory, slice_of(key))), user, name,
                            DB_TEXT(row->auth_config_id), account, expires, time)},
            {"INSERT INTO \"UserConnection\" (\"id\", \"userId\", \"mcpServerId\", \"provider\","
             " \"composioAccountId\", \"composioEntityId\", \"status\", \"createdAt\","
             " \"updatedAt\") VALUES ($1, $2, $3, $4, $5, $2, 'PENDING', $6, $6)"
             " ON CONFLICT (\"userId\", \"provider\") DO UPDATE SET"
             " \"mcpServerId\" = excluded.\"mcpServerId\","
             " \"composioAccountId\" = excluded.\"composioAccountId\","
             " \"composioEntityId\" = excluded.\"composioEntityId\", \"status\" = 'PENDING',"
             " \"connectedAt\" = NULL, \"metadata\" = NULL,"
             " \"updatedAt\" = excluded.\"updatedAt\""
             " WHERE \"UserConnection\".\"status\" NOT IN ('ACTIVE', 'INACTIVE')",
                    DB_PARAMS(DB_TEXT(uuid_v7(now, ids[2])), user, DB_TEXT(row->mcp_server_id),
                            name, account, time)},
    };
    return connections_write(context->core, memory, context->user, statements, 3, NULL, err);
}

static bool begin_attempt(const struct context *context, const char *provider,
        const struct provider_row *row, const char *redirect, struct connect_result *out,
        struct error *err)
{
    void *memory = context->memory;
    const char *key = random_token(memory, SECRET_BYTES);
    const char *callback =
            mem_printf(memory, "%s/oauth/callback?key=%s", context->core->options.public_url, key);
    struct composio_link link;
    if (!composio_account_link(context->core->composio, memory, context->user, row->auth_config_id,
                callback, &link, err)) {
        return false;
    }
    int64_t expires = clock_now_ms() + STATE_LIFETIME_MS;
    struct connect_result result = {
            .auth_url = link.redirect_url,
            .state = random_token(memory, SECRET_BYTES),
            .expires_at_ms = link.expires_at_ms < expires ? link.expires_at_ms : expires,
    };
    if (!store_attempt(context, provider, row, redirect, key, &link, &result, err)) {
        return false; /* the link expires at Composio by itself: its URL was told to nobody */
    }
    log_info("%s: link made for account %s", provider, link.account_id);
    *out = result;
    return true;
}

bool connections_connect(const struct context *context, const char *provider,
        const char *redirect_uri, struct connect_result *out, struct error *err)
{
    const char *redirect = NULL;
    if (!choose_redirect(context, redirect_uri, &redirect, err)) {
        return false;
    }
    for (int try = 0; try < CONNECT_TRIES; try++) {
        struct provider_row row;
        struct composio_account account = {0};
        if (!provider_row_read(context, provider, &row, err)) {
            return false;
        }
        if (row.connection_id != NULL && row.status == CONNECTION_ACTIVE) {
            enum connection_status status;
            if (!connection_refresh(context, provider, &row, &status, &account, err)) {
                return false;
            }
            if (status == CONNECTION_ACTIVE) {
                *out = (struct connect_result){.connected = true};
                return true;
            }
            continue; /* the row was changed: look again */
        }
        if (!find_account(context, &row, &account, err)) {
            return false;
        }
        if (account.id == NULL) {
            return begin_attempt(context, provider, &row, redirect, out, err);
        }
        bool done = false;
        if (!connection_adopt(context, provider, &row, &account, &done, err)) {
            return false;
        }
        if (done) {
            log_info("%s: account %s adopted", provider, account.id);
            *out = (struct connect_result){.connected = true};
            return true;
        }
    }
    return error_set(err, ERROR_CONFLICT, "CHANGED_MEANWHILE",
            "This connection is being changed by another request; try again.");
}
