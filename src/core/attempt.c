#include "core/attempt.h"

#include "base/clock.h"
#include "base/log.h"

struct attempt attempt_from_row(const struct db_rows *rows, size_t row)
{
    return (struct attempt){
            .id = db_get_text(rows, row, 0),
            .state = db_get_text(rows, row, 1),
            .user = db_get_text(rows, row, 2),
            .provider = db_get_text(rows, row, 3),
            .auth_config_id = db_get_text(rows, row, 4),
            .account_id = db_get_text(rows, row, 5),
            .outcome = db_get_slice(rows, row, 6),
            .code_hash = db_get_text(rows, row, 7),
            .redirect_uri = db_get_text(rows, row, 8),
            .expires_at_ms = db_get_time(rows, row, 9),
            .created_at_ms = db_get_time(rows, row, 10),
            .updated_at_ms = db_get_time(rows, row, 11),
    };
}

bool attempt_read(struct core *core, void *memory, const char *sql, struct db_params params,
        struct attempt *out, struct error *err)
{
    const struct db_rows *rows = NULL;
    if (!db_read(core->db, memory, sql, params, &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return error_set(err, ERROR_BAD_REQUEST, "STATE_INVALID",
                "This connection attempt is not known or is over; press Connect again.");
    }
    *out = attempt_from_row(rows, 0);
    return true;
}

bool attempt_end(struct core *core, void *memory, const struct attempt *attempt,
        const char *outcome, bool consume, struct error *err)
{
    struct db_value time = DB_TIME(memory, clock_now_ms());
    struct db_statement statements[] = {
            {"UPDATE \"ConnectAttempt\" SET \"outcome\" = $1, \"updatedAt\" = $2"
             " WHERE \"id\" = $3 AND \"outcome\" = 'OPEN'",
                    DB_PARAMS(DB_TEXT(outcome), time, DB_TEXT(attempt->id))},
            {"UPDATE \"UserConnection\" SET \"status\" = 'FAILED', \"updatedAt\" = $1"
             " WHERE \"userId\" = $2 AND \"provider\" = $3 AND \"composioAccountId\" = $4"
             " AND \"status\" = 'PENDING'",
                    DB_PARAMS(time, DB_TEXT(attempt->user), DB_TEXT(attempt->provider),
                            DB_TEXT(attempt->account_id))},
            {"DELETE FROM \"OAuthState\" WHERE \"state\" = $1", DB_PARAMS(DB_TEXT(attempt->state))},
    };
    return connections_write(core, memory, attempt->user, statements, consume ? 3 : 2, NULL, err);
}

bool attempt_consent(struct core *core, void *memory, const struct attempt *attempt,
        enum consent *out, struct composio_account *account_out, struct error *err)
{
    struct error read_error = {0};
    *account_out = (struct composio_account){0};
    if (!composio_account_get(
                core->composio, memory, attempt->account_id, account_out, &read_error)) {
        if (read_error.code != ERROR_NOT_FOUND) {
            *err = read_error;
            return false;
        }
        *out = CONSENT_REFUSED;
        return true;
    }
    if (strcmp(account_out->user_id, attempt->user) != 0 ||
            strcmp(account_out->auth_config_id, attempt->auth_config_id) != 0) {
        log_error("account %s is not of the user and auth config that its link was made for",
                attempt->account_id);
        *out = CONSENT_REFUSED;
        return true;
    }
    switch (account_out->status) {
    case COMPOSIO_STATUS_ACTIVE:
        *out = account_out->disabled ? CONSENT_DISABLED : CONSENT_GIVEN;
        return true;
    case COMPOSIO_STATUS_INACTIVE:
        *out = CONSENT_DISABLED;
        return true;
    case COMPOSIO_STATUS_INITIALIZING:
    case COMPOSIO_STATUS_INITIATED:
        *out = CONSENT_PENDING;
        return true;
    case COMPOSIO_STATUS_EXPIRED:
        *out = CONSENT_EXPIRED;
        return true;
    case COMPOSIO_STATUS_FAILED:
    case COMPOSIO_STATUS_REVOKED:
        *out = CONSENT_REFUSED;
        return true;
    case COMPOSIO_STATUS_UNKNOWN:
        break;
    }
    return error_set(err, ERROR_BAD_GATEWAY, "UPSTREAM_UNAVAILABLE",
            "Composio's answer was not understood; try again.");
}
