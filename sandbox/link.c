/* The hosted consent page of a link: opened once or more often, decided once, good for ten minutes. */
#include "sandbox/account.h"
#include "sandbox/callback.h"
#include "sandbox/page.h"
#include "sandbox/routes.h"

#define EMAIL_BYTES_MAX 254 /* RFC 5321 §4.5.3.1.3, without the brackets */

struct link {
    const char *token;
    struct account account;
    bool known; /* there was such a link once */
    bool usable;
};

SUSPENDS static MUST_CHECK bool link_find(struct call *call, struct link *out, struct error *err)
{
    const struct db_rows *rows;
    struct link link = {.token = call->values[0]};
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " ACCOUNT_COLUMNS ", l.used_by IS NULL AND l.created_at > $2 "
                "AND a.link_token = l.token AND a.deleted = 0" ACCOUNT_TABLES
                "JOIN link l ON l.account_id = a.id WHERE l.token = $1",
                DB_PARAMS(DB_TEXT(link.token), DB_INT(account_flow_limit(call))), &rows, err)) {
        return false;
    }
    link.known = db_row_count(rows) > 0;
    if (link.known) {
        link.account = account_read(call, rows, 0);
        link.usable = db_get_bool(rows, 0, ACCOUNT_COLUMN_COUNT) &&
                      (strcmp(link.account.status, "INITIALIZING") == 0 ||
                              strcmp(link.account.status, "INITIATED") == 0);
    }
    *out = link;
    return true;
}

static void page_stale(struct call *call, bool known)
{
    call->status = known ? 410 : 400;
    page_begin(call, "Link not valid");
    page_html(call,
            "<main><h1>We couldn&#39;t verify the session associated with the link</h1>"
            "<p>The link was used already, or it is older than ten minutes. Go back to the app and "
            "connect again.</p>");
    page_end(call);
}

/* ---- GET /link/{} ---- */

static void write_scopes(struct call *call, const struct toolkit *toolkit)
{
    struct slice rest = slice_of(toolkit == NULL ? "" : toolkit->scopes);
    if (rest.length == 0) {
        return;
    }
    page_html(call, "<p id=\"scopes\">It asks for these permissions:</p>"
                    "<ul aria-labelledby=\"scopes\">");
    while (rest.data != NULL) {
        struct slice scope = slice_split(&rest, ' ');
        page_html(call, "<li>%s</li>", mem_strndup(call->memory, scope.data, scope.length));
    }
    page_html(call, "</ul>");
}

static void page_consent(struct call *call, const struct link *link, const char *email)
{
    const struct account *account = &link->account;
    const struct toolkit *toolkit =
            catalog_toolkit(call->sandbox->catalog, account->auth_config.toolkit);
    const char *name = toolkit == NULL ? account->auth_config.toolkit : toolkit->name;
    page_begin(call, mem_printf(call->memory, "Connect %s", name));
    page_html(call,
            "<main><h1>Connect %s</h1>"
            "<p class=\"dim\">This is the sandbox: nothing real is connected.</p>"
            "<p>The app wants to use %s for the user <strong>%s</strong>.</p>",
            name, name, account->user_id);
    write_scopes(call, toolkit);
    page_html(call,
            "<form method=\"post\" action=\"/link/%s\">"
            "<label for=\"account\">Account at %s</label>"
            "<input id=\"account\" name=\"account\" type=\"email\" value=\"%s\" required "
            "maxlength=\"254\" autocomplete=\"off\">",
            link->token, name, email);
    if (!scheme_is_oauth(account->auth_config.scheme)) {
        page_html(call, "<label for=\"key\">API key</label>"
                        "<input id=\"key\" name=\"key\" autocomplete=\"off\">");
    }
    page_html(call, "<div class=\"actions\">"
                    "<button class=\"go\" name=\"decision\" value=\"approve\">Approve</button>"
                    "<button name=\"decision\" value=\"deny\" formnovalidate>Deny</button>"
                    "</div></form>");
    page_end(call);
}

bool link_open(struct call *call, struct error *err)
{
    struct link link;
    const char *email;
    if (!link_find(call, &link, err)) {
        return false;
    }
    if (!link.usable) {
        page_stale(call, link.known);
        return true;
    }
    struct db_statement statement = {"UPDATE account SET status = 'INITIATED', updated_at = $2 "
                                     "WHERE id = $1 AND status = 'INITIALIZING' AND deleted = 0",
            DB_PARAMS(DB_TEXT(link.account.id), DB_INT(call->now_ms))};
    if ((strcmp(link.account.status, "INITIALIZING") == 0 &&
                !db_write(call->sandbox->db, call->memory, &statement, 1, NULL, err)) ||
            !account_default_email(call, &link.account, &email, err)) {
        return false;
    }
    page_consent(call, &link, link.account.email == NULL ? email : link.account.email);
    return true;
}

/* ---- POST /link/{} ---- */

/* A field of the submitted form, in the query's encoding; NULL: absent or empty. */
static const char *form_field(struct call *call, const char *name)
{
    struct slice rest = call->request->body;
    while (rest.data != NULL) {
        struct slice value = slice_split(&rest, '&'), decoded;
        if (slice_is(slice_split(&value, '='), name) && value.length > 0 &&
                http_url_decode(call->memory, value, true, &decoded) &&
                memchr(decoded.data, '\0', decoded.length) == NULL) {
            return mem_strndup(call->memory, decoded.data, decoded.length);
        }
    }
    return NULL;
}

/* Use the link up and decide its account in one step: of two submissions, one does. *won_out false: the other did. */
SUSPENDS static MUST_CHECK bool decide(struct call *call, const struct link *link, bool approved,
        const char *email, const char *data, bool *won_out, struct error *err)
{
    char nonce[UUID_TEXT_SIZE];
    uuid_v4(nonce);
    struct db_statement statements[] = {
            {"UPDATE link SET used_by = $2 "
             "WHERE token = $1 AND used_by IS NULL AND created_at > $3",
                    DB_PARAMS(DB_TEXT(link->token), DB_TEXT(nonce),
                            DB_INT(account_flow_limit(call)))},
            {"UPDATE account SET status = $3, status_reason = $4, failure = $5, email = $6, "
             "data = $7, updated_at = $8 WHERE link_token = $1 AND deleted = 0 "
             "AND id = (SELECT account_id FROM link WHERE token = $1 AND used_by = $2) "
             "AND status IN ('INITIALIZING', 'INITIATED')",
                    DB_PARAMS(DB_TEXT(link->token), DB_TEXT(nonce),
                            DB_TEXT(approved ? "ACTIVE" : "FAILED"),
                            DB_TEXT(approved ? NULL
                                             : "OAuth callback failed during token exchange"),
                            DB_TEXT(approved ? NULL : "access_denied"), DB_TEXT(email),
                            DB_TEXT(data), DB_INT(call->now_ms))},
    };
    const struct db_rows *rows[2];
    if (!db_write(call->sandbox->db, call->memory, statements, 2, rows, err)) {
        return false;
    }
    *won_out = db_rows_affected(rows[1]) > 0;
    return true;
}

/* The account's data, with the API key typed in where there was one. */
static const char *data_with_key(struct call *call, const struct account *account)
{
    const char *key = form_field(call, "key");
    if (key == NULL || scheme_is_oauth(account->auth_config.scheme)) {
        return account->data;
    }
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    json_write_name(&json, "generic_api_key");
    json_write_text(&json, key);
    json_end_object(&json);
    return buffer_text(&out);
}

static void answer_decided(struct call *call, const struct account *account, bool approved)
{
    if (account->callback_url != NULL) {
        call->status = 302;
        call->content_type = NULL;
        call_add_header(call, "Location",
                callback_build(call->memory, account->callback_url, approved, account->id));
        call_add_header(call, "Cache-Control", "no-store");
        call_add_header(call, "Referrer-Policy", "no-referrer");
        return;
    }
    page_begin(call, approved ? "Connected" : "Not connected");
    page_html(call, approved ? "<main><h1>Connected</h1><p>You can close this window.</p>"
                             : "<main><h1>Not connected</h1><p>You said no. You can close this "
                               "window.</p>");
    page_end(call);
}

bool link_decide(struct call *call, struct error *err)
{
    struct link link;
    const char *email;
    bool won = false;
    if (!link_find(call, &link, err)) {
        return false;
    }
    const char *decision = form_field(call, "decision");
    bool approved = decision != NULL && strcmp(decision, "approve") == 0;
    if (!link.usable) {
        page_stale(call, link.known);
        return true;
    }
    if (!approved && (decision == NULL || strcmp(decision, "deny") != 0)) {
        return api_error_set(err, API_BAD_REQUEST, "decision: expected approve or deny");
    }
    if (!account_default_email(call, &link.account, &email, err)) {
        return false;
    }
    const char *typed = form_field(call, "account");
    bool usable = typed != NULL && strlen(typed) <= EMAIL_BYTES_MAX && strchr(typed, '@') != NULL;
    email = usable ? typed : link.account.email != NULL ? link.account.email : email;
    if (!decide(call, &link, approved, approved ? email : NULL, data_with_key(call, &link.account),
                &won, err)) {
        return false;
    }
    if (won) {
        answer_decided(call, &link.account, approved);
    } else {
        page_stale(call, true);
    }
    return true;
}
