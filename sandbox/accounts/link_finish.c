/* What was decided on a consent page takes effect, and the browser goes on. With callback identity verification the
 * account of an OAuth consent becomes ACTIVE only when the app's server has said whose browser it was. */
#include "sandbox/accounts/callback.h"
#include "sandbox/accounts/link.h"
#include "sandbox/project.h"

#define EMAIL_BYTES_MAX 254 /* RFC 5321 §4.5.3.1.3, without the brackets */

bool link_email_usable(const char *email)
{
    return email != NULL && strlen(email) <= EMAIL_BYTES_MAX && strchr(email, '@') != NULL;
}

bool link_picked_email(
        struct call *call, const struct account *account, const char **out, struct error *err)
{
    const char *picked = form_field(call, "account"), *other = form_field(call, "other");
    picked = link_email_usable(picked) ? picked : link_email_usable(other) ? other : account->email;
    *out = picked;
    return picked != NULL || account_default_email(call, account, out, err);
}

/* ---- one of two submissions decides ---- */

/* Use the link up: of several, the one with `nonce` gets it. */
static struct db_statement use_link(struct call *call, const struct link *link, const char *nonce)
{
    struct db_value *values = mem_array(call->memory, struct db_value, 3);
    values[0] = DB_TEXT(link->token);
    values[1] = DB_TEXT(nonce);
    values[2] = DB_INT(account_flow_limit(call));
    return (struct db_statement){"UPDATE link SET used_by = $2 "
                                 "WHERE token = $1 AND used_by IS NULL AND created_at > $3",
            {values, 3}};
}

#define OF_THE_LINK                                                             \
    "WHERE link_token = $1 AND deleted = 0 "                                    \
    "AND id = (SELECT account_id FROM link WHERE token = $1 AND used_by = $2) " \
    "AND status IN ('INITIALIZING', 'INITIATED')"

SUSPENDS static MUST_CHECK bool settle(struct call *call, const struct link *link,
        const struct link_decision *decision, bool *won_out, struct error *err)
{
    char nonce[UUID_TEXT_SIZE];
    bool approved = decision->approved;
    uuid_v4(nonce);
    struct db_statement statements[] = {
            use_link(call, link, nonce),
            {"UPDATE account SET status = $3, status_reason = $4, failure = $5, email = $6, "
             "data = coalesce($7, data), updated_at = $8 " OF_THE_LINK,
                    DB_PARAMS(DB_TEXT(link->token), DB_TEXT(nonce),
                            DB_TEXT(approved ? "ACTIVE" : "FAILED"),
                            DB_TEXT(approved ? NULL
                                             : "OAuth callback failed during token exchange"),
                            DB_TEXT(approved ? NULL : "access_denied"),
                            DB_TEXT(approved ? decision->email : NULL), DB_TEXT(decision->data),
                            DB_INT(call->now_ms))},
    };
    const struct db_rows *rows[2];
    if (!db_write(call->sandbox->db, call->memory, statements, 2, rows, err)) {
        return false;
    }
    *won_out = db_rows_affected(rows[1]) > 0;
    return true;
}

/* The link is used up, the account stays INITIATED for another ten minutes. *won_out false: another one decided. */
SUSPENDS static MUST_CHECK bool defer(struct call *call, const struct link *link, const char *email,
        const char *session_uri, bool *won_out, struct error *err)
{
    char nonce[UUID_TEXT_SIZE];
    uuid_v4(nonce);
    struct db_statement statements[] = {
            use_link(call, link, nonce),
            {"UPDATE account SET flow_started_at = $3, updated_at = $3 " OF_THE_LINK,
                    DB_PARAMS(DB_TEXT(link->token), DB_TEXT(nonce), DB_INT(call->now_ms))},
            {"INSERT INTO verification (session_uri, account_id, email, created_at) "
             "SELECT $3, account_id, $4, $5 FROM link WHERE token = $1 AND used_by = $2",
                    DB_PARAMS(DB_TEXT(link->token), DB_TEXT(nonce), DB_TEXT(session_uri),
                            DB_TEXT(email), DB_INT(call->now_ms))},
    };
    const struct db_rows *rows[3];
    if (!db_write(call->sandbox->db, call->memory, statements, 3, rows, err)) {
        return false;
    }
    *won_out = db_rows_affected(rows[1]) > 0;
    return true;
}

/* ---- where the browser goes ---- */

static void go_on(struct call *call, const struct link *link, bool approved)
{
    const struct account *account = &link->account;
    if (account->callback_url == NULL) {
        link_page_decided(call, approved);
        return;
    }
    page_redirect(call, 302,
            callback_build(call->memory, account->callback_url, approved, account->id,
                    link->legacy ? account->auth_config.toolkit : NULL));
}

bool link_finish(struct call *call, const struct link *link, const struct link_decision *decision,
        struct error *err)
{
    if (link_is_other_browser(call, link)) {
        link_page_other_browser(call);
        return true;
    }
    const char *verifier = mem_strdup(call->memory, call->sandbox->project->verifier_url);
    bool verify = verifier != NULL && decision->approved &&
                  scheme_is_oauth(link->account.auth_config.scheme);
    const char *session = mem_printf(
            call->memory, "urn:composio:session:%s", sandbox_new_id(call->memory, "", 32));
    bool won;
    if (verify ? !defer(call, link, decision->email, session, &won, err)
               : !settle(call, link, decision, &won, err)) {
        return false;
    }
    if (!won) {
        link_page_stale(call, true);
    } else if (verify) {
        page_redirect(call, 302, callback_to_verifier(call->memory, verifier, session));
    } else {
        go_on(call, link, decision->approved);
    }
    return true;
}
