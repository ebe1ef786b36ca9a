/* The second half of an attempt: the browser's return and the app's completion. connect.c says who holds which secret. */
#include "base/clock.h"
#include "base/log.h"
#include "core/attempt.h"
#include "crypto/crypto.h"

/* ---- callback ---- */

static const char *frontend_location(
        void *memory, const struct attempt *attempt, const char *code, bool success)
{
    struct buffer url;
    struct slice fragment, base = slice_of(attempt->redirect_uri);
    fragment = base;
    base = slice_split(&fragment, '#');
    buffer_init(&url, memory, 8192);
    buffer_add_slice(&url, base);
    buffer_add_char(&url, memchr(base.data, '?', base.length) == NULL ? '?' : '&');
    buffer_add_text(&url, "provider=");
    buffer_add_url_encoded(&url, slice_of(attempt->provider));
    buffer_add_text(&url, "&state=");
    buffer_add_url_encoded(&url, slice_of(attempt->state));
    if (code != NULL) {
        buffer_add_text(&url, "&code=");
        buffer_add_url_encoded(&url, slice_of(code));
    }
    buffer_add_text(&url, success ? "&status=success" : "&status=failed");
    if (fragment.data != NULL) {
        buffer_add_char(&url, '#');
        buffer_add_slice(&url, fragment);
    }
    return buffer_text(&url);
}

/* The code goes to the first browser only: NULL for a later one. */
static bool issue_code(struct core *core, void *memory, const struct attempt *attempt,
        const char **code_out, struct error *err)
{
    const char *code = random_token(memory, SECRET_BYTES);
    const struct db_rows *rows = NULL;
    struct db_statement update = {
            "UPDATE \"ConnectAttempt\" SET \"codeHash\" = $1, \"updatedAt\" = $2"
            " WHERE \"id\" = $3 AND \"codeHash\" IS NULL AND \"outcome\" = 'OPEN'",
            DB_PARAMS(DB_TEXT(sha256_hex(memory, slice_of(code))), DB_TIME(memory, clock_now_ms()),
                    DB_TEXT(attempt->id))};
    if (!db_write(core->db, memory, &update, 1, &rows, err)) {
        return false;
    }
    *code_out = db_rows_affected(rows) > 0 ? code : NULL;
    return true;
}

bool connections_callback(struct core *core, void *memory, const char *key, const char *account_id,
        struct callback_result *out, struct error *err)
{
    static const char sql[] =
            "SELECT " ATTEMPT_COLUMNS " FROM \"ConnectAttempt\" t JOIN \"OAuthState\" s"
            " ON s.\"state\" = t.\"state\" WHERE t.\"callbackHash\" = $1";
    struct attempt attempt;
    const char *code = NULL;
    if (!attempt_read(core, memory, sql, DB_PARAMS(DB_TEXT(sha256_hex(memory, slice_of(key)))),
                &attempt, err)) {
        return false;
    }
    if (account_id != NULL && strcmp(account_id, attempt.account_id) != 0) {
        log_warn("callback with another account than its link's %s", attempt.account_id);
        return error_set(err, ERROR_BAD_REQUEST, "STATE_INVALID",
                "This connection attempt is for another account; press Connect again.");
    }
    bool open = slice_is(attempt.outcome, "OPEN") && attempt.expires_at_ms > clock_now_ms();
    if (open && attempt.code_hash == NULL) {
        enum consent consent;
        struct composio_account account;
        if (!attempt_consent(core, memory, &attempt, &consent, &account, err)) {
            return false; /* nothing is lost: the same URL works when Composio answers again */
        }
        open = consent == CONSENT_GIVEN;
        /* A browser that comes before the consent is given is not the one that gave it: whoever tries keys out, or
         * polls, spends the attempt (lured victims, design §6). */
        if (open ? !issue_code(core, memory, &attempt, &code, err)
                 : !attempt_end(core, memory, &attempt, "FAILED", false, err)) {
            return false;
        }
    }
    out->location = frontend_location(memory, &attempt, code, open);
    return true;
}

/* ---- complete ---- */

static bool prove(const struct context *context, const struct attempt *attempt,
        const struct provider_row *row, const struct composio_account *account, bool *done_out,
        struct error *err)
{
    /* Each statement looks for the state, which the last one consumes: of two that race, one does all, one nothing. */
#define STATE_IS_THERE " EXISTS (SELECT 1 FROM \"OAuthState\" WHERE \"state\" = "
    void *memory = context->memory;
    int64_t now = clock_now_ms();
    char job_id[UUID_TEXT_SIZE], row_id[UUID_TEXT_SIZE];
    struct db_value user = DB_TEXT(attempt->user), name = DB_TEXT(attempt->provider),
                    time = DB_TIME(memory, now), id = DB_TEXT(attempt->account_id),
                    state = DB_TEXT(attempt->state);
    struct db_statement statements[] = {
            {REPLACED_SQL " AND" STATE_IS_THERE "$6)"
                          " ON CONFLICT (\"composioAccountId\") DO NOTHING"
                          " RETURNING \"composioAccountId\"",
                    DB_PARAMS(DB_TEXT(uuid_v7(now, job_id)), time, user, name, id, state)},
            {ACTIVATE_COLUMNS_SQL
                    " SELECT $1, $2, $3, $4, $5, $2, 'ACTIVE', $6, $6, $7, $6, $6 WHERE" STATE_IS_THERE
                    "$8)" ACTIVATE_UPDATE_SQL,
                    DB_PARAMS(DB_TEXT(uuid_v7(now, row_id)), user, DB_TEXT(row->mcp_server_id),
                            name, id, time, connection_metadata(memory, account->label), state)},
            {"UPDATE \"ConnectAttempt\" SET \"outcome\" = 'PROVEN', \"updatedAt\" = $1"
             " WHERE \"id\" = $2 AND" STATE_IS_THERE "$3)",
                    DB_PARAMS(time, DB_TEXT(attempt->id), state)},
            {"DELETE FROM \"OAuthState\" WHERE \"state\" = $1 RETURNING \"id\"", DB_PARAMS(state)},
    };
    const struct db_rows *results[4] = {0};
    if (!connections_write(context->core, memory, context->user, statements, 4, results, err)) {
        return false;
    }
    *done_out = db_row_count(results[3]) > 0;
    if (db_row_count(results[0]) > 0) {
        cleanup_account_later(context->core, db_get_text(results[0], 0, 0));
    }
    return true;
}

static bool denied(struct error *err)
{
    return error_set(err, ERROR_FORBIDDEN, "AUTHORIZATION_DENIED",
            "Access was not granted, or the provider refused; press Connect to try again.");
}

static bool state_expired(struct error *err)
{
    return error_set(err, ERROR_BAD_REQUEST, "STATE_EXPIRED",
            "The connection was not finished in time; press Connect to try again.");
}

/* The state was consumed: by this very call before (success again), or by anything else. */
static bool complete_again(const struct context *context, const struct attempt *attempt,
        struct connection *out, struct error *err)
{
    struct provider_row row;
    bool found = false;
    if (slice_is(attempt->outcome, "FAILED")) {
        return denied(err);
    }
    if (slice_is(attempt->outcome, "EXPIRED")) {
        return state_expired(err);
    }
    if (!provider_row_read(context, attempt->provider, &row, err)) {
        return false;
    }
    bool same = slice_is(attempt->outcome, "PROVEN") && row.connection_id != NULL &&
                row.status == CONNECTION_ACTIVE && strcmp(row.account_id, attempt->account_id) == 0;
    if (!same) {
        return error_set(err, ERROR_BAD_REQUEST, "STATE_INVALID",
                "This connection attempt is over; press Connect again.");
    }
    return connection_read(context, attempt->provider, &found, out, err);
}

static bool check_code(const struct context *context, const struct attempt *attempt,
        const char *code, struct error *err)
{
    if (!context->core->options.verify_browser || attempt->code_hash == NULL) {
        return true; /* without a callback yet, it is the consent that is looked at */
    }
    if (code == NULL) {
        return error_set(err, ERROR_FORBIDDEN, "CODE_REQUIRED",
                "Pass on the `code` that the callback page was given; or, where the frontend cannot, the operator may "
                "set CONNECT_VERIFICATION=state.");
    }
    const char *hash = sha256_hex(context->memory, slice_of(code));
    if (!equal_constant_time(slice_of(hash), slice_of(attempt->code_hash))) {
        return error_set(err, ERROR_FORBIDDEN, "CODE_INVALID",
                "The code does not belong to this connection attempt; press Connect again.");
    }
    return true;
}

/* What the consent as it stands means for the one who wants to complete. */
static bool check_consent(const struct context *context, const struct attempt *attempt,
        enum consent consent, struct error *err)
{
    struct core *core = context->core;
    switch (consent) {
    case CONSENT_REFUSED:
        return attempt_end(core, context->memory, attempt, "FAILED", true, err) && denied(err);
    case CONSENT_EXPIRED:
        return attempt_end(core, context->memory, attempt, "EXPIRED", true, err) &&
               state_expired(err);
    case CONSENT_DISABLED:
        return error_set(err, ERROR_PRECONDITION_FAILED, "ACCOUNT_DISABLED",
                "The account is disabled at Composio; its operator must enable it.");
    case CONSENT_GIVEN:
        if (!core->options.verify_browser || attempt->code_hash != NULL) {
            return true;
        }
        break; /* given, but no browser has come back to prove it */
    case CONSENT_PENDING:
        break;
    }
    return error_set(err, ERROR_PRECONDITION_FAILED, "AUTHORIZATION_PENDING",
            "The consent is not finished yet; ask again when the provider's page has been answered.");
}

bool connections_complete(const struct context *context, const char *provider, const char *state,
        const char *code, struct connection *out, struct error *err)
{
    static const char sql[] =
            "SELECT " ATTEMPT_COLUMNS " FROM \"ConnectAttempt\" t LEFT JOIN \"OAuthState\" s"
            " ON s.\"state\" = t.\"state\""
            " WHERE t.\"state\" = $1 AND t.\"userId\" = $2 AND t.\"provider\" = $3";
    struct core *core = context->core;
    struct attempt attempt;
    struct provider_row row;
    if (!provider_row_read(context, provider, &row, err) ||
            !attempt_read(core, context->memory, sql,
                    DB_PARAMS(DB_TEXT(state), DB_TEXT(context->user), DB_TEXT(provider)), &attempt,
                    err) ||
            !check_code(context, &attempt, code, err)) {
        return false;
    }
    if (attempt.redirect_uri == NULL) {
        return complete_again(context, &attempt, out, err);
    }
    if (!slice_is(attempt.outcome, "OPEN")) {
        return check_consent(context, &attempt,
                slice_is(attempt.outcome, "EXPIRED") ? CONSENT_EXPIRED : CONSENT_REFUSED, err);
    }
    if (attempt.expires_at_ms <= clock_now_ms()) {
        return check_consent(context, &attempt, CONSENT_EXPIRED, err);
    }
    enum consent consent;
    struct composio_account account;
    bool done = false, found = false;
    if (!attempt_consent(core, context->memory, &attempt, &consent, &account, err) ||
            !check_consent(context, &attempt, consent, err) ||
            !prove(context, &attempt, &row, &account, &done, err)) {
        return false;
    }
    if (!done) {
        /* Another request consumed the state meanwhile: read what became of the attempt. */
        return attempt_read(core, context->memory, sql,
                       DB_PARAMS(DB_TEXT(state), DB_TEXT(context->user), DB_TEXT(provider)),
                       &attempt, err) &&
               complete_again(context, &attempt, out, err);
    }
    log_info("%s: account %s connected", provider, attempt.account_id);
    return connection_read(context, provider, &found, out, err);
}
