/* The hosted page of a link. */
#include "sandbox/accounts/link.h"

#include "sandbox/project.h"
#include "sandbox/routes.h"

#define BROWSER_COOKIE "sandbox_browser"
#define FIELD_BYTES    4096

bool link_find(
        struct call *call, const char *token, struct link *out, bool *usable_out, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " ACCOUNT_COLUMNS ", l.used_by IS NULL AND l.created_at > $2 "
                "AND a.link_token = l.token AND a.deleted = 0, l.browser, l.legacy" ACCOUNT_TABLES
                "JOIN link l ON l.account_id = a.id WHERE l.token = $1",
                DB_PARAMS(DB_TEXT(token), DB_INT(account_flow_limit(call))), &rows, err)) {
        return false;
    }
    bool known = db_row_count(rows) > 0;
    *usable_out = known && db_get_bool(rows, 0, ACCOUNT_COLUMN_COUNT);
    if (known) {
        *out = (struct link){.token = token,
                .account = account_read(call, rows, 0),
                .browser = db_get_text(rows, 0, ACCOUNT_COLUMN_COUNT + 1),
                .legacy = db_get_bool(rows, 0, ACCOUNT_COLUMN_COUNT + 2)};
        const char *status = out->account.status;
        *usable_out = *usable_out &&
                      (strcmp(status, "INITIALIZING") == 0 || strcmp(status, "INITIATED") == 0);
    }
    if (!*usable_out) {
        link_page_stale(call, known);
    }
    return true;
}

bool link_submitted(struct call *call, const char *token, struct link *out, bool *approved_out,
        bool *answered_out, struct error *err)
{
    const char *decision = form_field(call, "decision");
    bool usable;
    if (!link_find(call, token, out, &usable, err)) {
        return false;
    }
    *answered_out = !usable;
    *approved_out = decision != NULL && strcmp(decision, "approve") == 0;
    if (!usable || *approved_out || (decision != NULL && strcmp(decision, "deny") == 0)) {
        return true;
    }
    if (decision == NULL || strcmp(decision, "close") != 0) {
        return api_error_set(err, API_BAD_REQUEST, "decision: expected approve, deny or close");
    }
    link_page_left(call);
    *answered_out = true;
    return true;
}

/* ---- same-browser binding ---- */

/* The value of our cookie (RFC 6265 §5.4); data NULL: absent. */
static struct slice browser_cookie(struct call *call)
{
    struct slice rest = http_request_header(call->request, "cookie");
    while (rest.data != NULL) {
        struct slice value = slice_trim(slice_split(&rest, ';'));
        if (slice_is(slice_split(&value, '='), BROWSER_COOKIE)) {
            return value;
        }
    }
    return (struct slice){NULL, 0};
}

/* The first browser that opens the link is the one. */
static MUST_CHECK bool bind_browser(struct call *call, const struct link *link, struct error *err)
{
    struct slice cookie = browser_cookie(call);
    if (!call->sandbox->project->same_browser || link->browser != NULL) {
        return true;
    }
    if (cookie.length == 0) {
        const char *value = random_token(call->memory, 24);
        cookie = slice_of(value);
        call_add_header(call, "Set-Cookie",
                mem_printf(
                        call->memory, BROWSER_COOKIE "=%s; Path=/; HttpOnly; SameSite=Lax", value));
    }
    struct db_statement statement = {
            "UPDATE link SET browser = $2 WHERE token = $1 AND browser IS NULL",
            DB_PARAMS(DB_TEXT(link->token), DB_TEXT(sha256_hex(call->memory, cookie)))};
    return db_write(call->sandbox->db, call->memory, &statement, 1, NULL, err);
}

bool link_is_other_browser(struct call *call, const struct link *link)
{
    struct slice cookie = browser_cookie(call);
    return call->sandbox->project->same_browser &&
           (link->browser == NULL || cookie.data == NULL ||
                   strcmp(link->browser, sha256_hex(call->memory, cookie)) != 0);
}

/* ---- GET /link/{} ---- */

bool link_note_opened(struct call *call, const struct link *link, struct error *err)
{
    struct db_statement statement = {"UPDATE account SET status = 'INITIATED', updated_at = $2 "
                                     "WHERE id = $1 AND status = 'INITIALIZING' AND deleted = 0",
            DB_PARAMS(DB_TEXT(link->account.id), DB_INT(call->now_ms))};
    return (strcmp(link->account.status, "INITIALIZING") != 0 ||
                   db_write(call->sandbox->db, call->memory, &statement, 1, NULL, err)) &&
           bind_browser(call, link, err);
}

bool link_open(struct call *call, struct error *err)
{
    struct link link;
    bool usable;
    if (!link_find(call, call->values[0], &link, &usable, err) ||
            (usable && !link_note_opened(call, &link, err))) {
        return false;
    }
    if (!usable) {
        return true;
    }
    if (!scheme_is_oauth(link.account.auth_config.scheme)) {
        link_page_fields(call, &link, NULL);
        return true;
    }
    if (call->sandbox->consent_url != NULL) {
        page_redirect(call, 302,
                mem_printf(call->memory, "%s/consent/%s", call->sandbox->consent_url, link.token));
        return true;
    }
    return link_page_consent(call, &link, mem_printf(call->memory, "/link/%s", link.token), err);
}

/* ---- POST /link/{} ---- */

/* What was typed in, over what the account had. False: *problem_out says which field is missing. */
static bool fields_sent(struct call *call, const struct account *account, const char **data_out,
        const char **problem_out)
{
    const struct json *had = NULL;
    struct error ignored = {0};
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    if (json_parse(call->memory, slice_of(account->data), &had, &ignored)) {
        for (struct json_iterator i = json_iterate(had); json_next(&i);) {
            const char *name = mem_strndup(call->memory, i.name.data, i.name.length);
            if (form_field(call, link_field_name(call, name)) == NULL) {
                json_write_name(&json, name);
                json_write_value(&json, i.value);
            }
        }
    }
    const struct json *fields = link_fields(call, account);
    for (struct json_iterator i = json_iterate(fields); json_next(&i);) {
        const char *name = json_text(json_get(i.value, "name"));
        const char *value = form_field(call, link_field_name(call, name));
        bool empty = value == NULL || value[0] == '\0';
        if ((empty && json_bool(json_get(i.value, "required"), true)) ||
                (!empty && strlen(value) > FIELD_BYTES)) {
            *problem_out =
                    mem_printf(call->memory, "%s: %s", json_text(json_get(i.value, "displayName")),
                            empty ? "please fill it in." : "this is too long.");
            return false;
        }
        if (!empty) {
            json_write_name(&json, name);
            json_write_text(&json, value);
        }
    }
    json_end_object(&json);
    *data_out = buffer_text(&out);
    return true;
}

bool link_decide(struct call *call, struct error *err)
{
    struct link link;
    struct link_decision decision = {0};
    const char *problem;
    bool answered;
    if (!link_submitted(call, call->values[0], &link, &decision.approved, &answered, err)) {
        return false;
    }
    if (answered) {
        return true;
    }
    if (decision.approved && !scheme_is_oauth(link.account.auth_config.scheme) &&
            !fields_sent(call, &link.account, &decision.data, &problem)) {
        link_page_fields(call, &link, problem);
        call->status = 400;
        return true;
    }
    return link_picked_email(call, &link.account, &decision.email, err) &&
           link_finish(call, &link, &decision, err);
}
