/* Composio's own identity verification (composio-api.md §2.5), where the project has it on: after the consent Composio sends
 * the browser to the verifier URL with a one-time `session_uri`, and makes the account ACTIVE only when told for which user
 * of ours that browser is signed in. So the session URI proves what our one-time code proves, and takes its place. */
#include "base/clock.h"
#include "core/attempt.h"
#include "crypto/crypto.h"

static bool find_attempt(const struct context *context, const char *session_hash, bool *found_out,
        struct attempt *out, struct error *err)
{
    static const char sql[] = "SELECT " ATTEMPT_COLUMNS " FROM \"ConnectAttempt\" t"
                              " LEFT JOIN \"OAuthState\" s ON s.\"state\" = t.\"state\""
                              " WHERE t.\"userId\" = $1 AND t.\"codeHash\" = $2";
    const struct db_rows *rows = NULL;
    if (!db_read(context->core->db, context->memory, sql,
                DB_PARAMS(DB_TEXT(context->user), DB_TEXT(session_hash)), &rows, err)) {
        return false;
    }
    *found_out = db_row_count(rows) > 0;
    if (*found_out) {
        *out = attempt_from_row(rows, 0);
    }
    return true;
}

/* Tell Composio who this is, and note that the attempt of the account it names is proven by the session. */
static bool prove_identity(const struct context *context, const char *session_uri,
        const char *session_hash, struct error *err)
{
    void *memory = context->memory;
    const char *account_id = NULL;
    struct error refusal = {0};
    if (!composio_complete_auth(context->core->composio, memory, session_uri, context->user,
                &account_id, &refusal)) {
        if (refusal.code == ERROR_NOT_FOUND) {
            return error_set(err, ERROR_BAD_REQUEST, "STATE_EXPIRED",
                    "The connection was not finished in time; press Connect to try again.");
        }
        if (refusal.code == ERROR_BAD_REQUEST) {
            return error_set(err, ERROR_FORBIDDEN, "AUTHORIZATION_DENIED",
                    "This connection was begun by somebody else; press Connect to make your own.");
        }
        *err = refusal;
        return false;
    }
    struct db_statement update = {
            "UPDATE \"ConnectAttempt\" SET \"codeHash\" = $1, \"updatedAt\" = $2"
            " WHERE \"composioAccountId\" = $3 AND \"userId\" = $4 AND \"codeHash\" IS NULL"
            " AND \"outcome\" = 'OPEN'",
            DB_PARAMS(DB_TEXT(session_hash), DB_TIME(memory, clock_now_ms()), DB_TEXT(account_id),
                    DB_TEXT(context->user))};
    return db_write(context->core->db, memory, &update, 1, NULL, err);
}

bool connections_verify(const struct context *context, const char *session_uri,
        const char **provider_out, struct connection *out, struct error *err)
{
    const char *hash = sha256_hex(context->memory, slice_of(session_uri));
    struct attempt attempt;
    bool found = false;
    /* Known already: the same call again, after an answer that was lost. */
    if (!find_attempt(context, hash, &found, &attempt, err) ||
            (!found && (!prove_identity(context, session_uri, hash, err) ||
                               !find_attempt(context, hash, &found, &attempt, err)))) {
        return false;
    }
    if (!found) {
        return error_set(err, ERROR_BAD_REQUEST, "STATE_INVALID",
                "This connection attempt is not known or is over; press Connect again.");
    }
    *provider_out = attempt.provider;
    return connections_complete(context, attempt.provider, attempt.state, session_uri, out, err);
}
