/* Callback identity verification: POST /connected_accounts/complete_auth, by which the app's server says who is signed in in
 * the browser that gave the consent. A session is good once and for ten minutes, and used up by the wrong user too. */
#include "sandbox/accounts/account.h"
#include "sandbox/routes.h"

struct verification {
    const char *session_uri;
    struct account account;
    const char *email;
};

/* One that waits. False also for NOT_FOUND: unknown, used or older than ten minutes. */
SUSPENDS static MUST_CHECK bool verification_find(
        struct call *call, const char *session_uri, struct verification *out, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " ACCOUNT_COLUMNS ", v.email" ACCOUNT_TABLES
                "JOIN verification v ON v.account_id = a.id WHERE v.session_uri = $1 "
                "AND v.used_by IS NULL AND v.created_at > $2 AND a.deleted = 0 "
                "AND a.status = 'INITIATED'",
                DB_PARAMS(DB_TEXT(session_uri), DB_INT(account_flow_limit(call))), &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return api_error_set(err, API_VERIFICATION_NOT_FOUND,
                "The verification session was not found; it was used or has expired");
    }
    *out = (struct verification){.session_uri = session_uri,
            .account = account_read(call, rows, 0),
            .email = db_get_text(rows, 0, ACCOUNT_COLUMN_COUNT)};
    return true;
}

SUSPENDS static MUST_CHECK bool verification_use(struct call *call,
        const struct verification *verification, bool confirmed, struct error *err)
{
    char nonce[UUID_TEXT_SIZE];
    uuid_v4(nonce);
    struct db_statement statements[] = {
            {"UPDATE verification SET used_by = $2 WHERE session_uri = $1 AND used_by IS NULL",
                    DB_PARAMS(DB_TEXT(verification->session_uri), DB_TEXT(nonce))},
            {"UPDATE account SET status = $3, status_reason = $4, failure = $5, email = $6, "
             "updated_at = $7 WHERE deleted = 0 AND status = 'INITIATED' AND id = "
             "(SELECT account_id FROM verification WHERE session_uri = $1 AND used_by = $2)",
                    DB_PARAMS(DB_TEXT(verification->session_uri), DB_TEXT(nonce),
                            DB_TEXT(confirmed ? "ACTIVE" : "FAILED"),
                            DB_TEXT(confirmed ? NULL : "Callback identity verification failed"),
                            DB_TEXT(confirmed ? NULL : "identity_mismatch"),
                            DB_TEXT(confirmed ? verification->email : NULL), DB_INT(call->now_ms))},
    };
    const struct db_rows *rows[2];
    if (!db_write(call->sandbox->db, call->memory, statements, 2, rows, err)) {
        return false;
    }
    return db_rows_affected(rows[1]) > 0 ||
           api_error_set(err, API_VERIFICATION_NOT_FOUND,
                   "The verification session was not found; it was used or has expired");
}

/* The changelog documents two forms of the answer: the members of both are there. */
static void write_completed(struct call *call, const struct account *account)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "connected_account");
    account_write(call, account, false);
    json_write_name(json, "connected_account_id");
    json_write_text(json, account->id);
    json_write_name(json, "toolkit_slug");
    json_write_text(json, account->auth_config.toolkit);
    json_end_object(json);
}

bool account_complete_auth(struct call *call, struct error *err)
{
    const char *session_uri, *user_id;
    struct verification verification;
    if (!field_required(call->body, "session_uri", &session_uri, err) ||
            !field_required(call->body, "user_id", &user_id, err) ||
            !verification_find(call, session_uri, &verification, err)) {
        return false;
    }
    bool confirmed = strcmp(verification.account.user_id, user_id) == 0;
    if (!verification_use(call, &verification, confirmed, err)) {
        return false;
    }
    if (!confirmed) {
        return api_error_set(err, API_ACCOUNT_BAD_REQUEST,
                "user_id does not match the user that the connection was created for");
    }
    if (!account_find(call, verification.account.id, &verification.account, err)) {
        return false;
    }
    write_completed(call, &verification.account);
    return true;
}
