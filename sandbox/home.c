/* The page at /: what this is, what is in it and what was asked of it; and the controls that one wants while looking. */
#include "base/clock.h"
#include "sandbox/accounts/account.h"
#include "sandbox/page.h"
#include "sandbox/routes.h"
#include "sandbox/webhooks/webhook.h"

#include <stdlib.h>

#define HOME_ACCOUNTS 100
#define HOME_REQUESTS 25

/* ---- writing ---- */

/* What the controls under /_sandbox would answer. */
static const struct json *parsed(struct call *call, struct buffer *text)
{
    const struct json *value = NULL;
    struct error ignored = {0};
    return json_parse(call->memory, buffer_slice(text), &value, &ignored) ? value : NULL;
}

/* "09:00:00.000" of a time as text. */
static const char *time_of_day(struct call *call, const char *time)
{
    struct slice rest = slice_of(time);
    slice_split(&rest, 'T');
    return mem_strndup(call->memory, rest.data, rest.length == 0 ? 0 : rest.length - 1);
}

static void write_clock(struct call *call)
{
    char text[CLOCK_TEXT_SIZE];
    const char *now = clock_format(call->now_ms, text);
    page_html(call,
            "<h2>Clock</h2><p><time datetime=\"%s\">%s, %s UTC</time></p>"
            "<form method=\"post\" action=\"/\" class=\"inline wrap\">"
            "<input type=\"hidden\" name=\"act\" value=\"advance\">"
            "<button name=\"seconds\" value=\"60\">Advance 1 minute</button>"
            "<button name=\"seconds\" value=\"600\">Advance 10 minutes</button>"
            "<button name=\"seconds\" value=\"86400\">Advance 1 day</button></form>",
            now, mem_strndup(call->memory, now, 10), time_of_day(call, now));
}

static void write_status_form(struct call *call, const struct account *account)
{
    page_html(call,
            "<form method=\"post\" action=\"/\" class=\"inline\">"
            "<input type=\"hidden\" name=\"act\" value=\"status\">"
            "<input type=\"hidden\" name=\"id\" value=\"%s\">"
            "<select name=\"status\" aria-label=\"Status of %s\">",
            account->id, account->id);
    for (size_t i = 0; account_statuses[i] != NULL; i++) {
        bool is = strcmp(account_statuses[i], account->status) == 0;
        page_html(call, is ? "<option selected>%s</option>" : "<option>%s</option>",
                account_statuses[i]);
    }
    page_html(call, "</select><button aria-label=\"Set status of %s\">Set</button></form>",
            account->id);
}

static void write_accounts(struct call *call, const struct db_rows *rows)
{
    page_html(call, "<h2 id=\"accounts\">Connected accounts</h2>");
    if (db_row_count(rows) == 0) {
        page_html(call, "<p class=\"dim\">No connected accounts yet.</p>");
        return;
    }
    page_html(call, "<table aria-labelledby=\"accounts\"><thead><tr><th scope=\"col\">Toolkit</th>"
                    "<th scope=\"col\">User</th><th scope=\"col\">Account</th>"
                    "<th scope=\"col\">Id</th><th scope=\"col\">Status</th></tr></thead><tbody>");
    for (size_t i = 0; i < db_row_count(rows); i++) {
        struct account account = account_read(call, rows, i);
        page_html(call,
                "<tr><td data-name=\"Toolkit\" class=\"short\">%s</td><td data-name=\"User\">%s</td>"
                "<td data-name=\"Account\">%s</td><td data-name=\"Id\" class=\"short\"><code>%s</code></td>"
                "<td>",
                account.auth_config.toolkit, account.user_id,
                account.email == NULL ? "–" : account.email, account.id);
        write_status_form(call, &account);
        page_html(call, "</td></tr>");
    }
    page_html(call, "</tbody></table>");
}

static const char *number_of(const struct json *value, const char *otherwise, struct call *call)
{
    struct slice text = json_number(value);
    return text.data == NULL ? otherwise : mem_strndup(call->memory, text.data, text.length);
}

static void write_faults(struct call *call)
{
    struct buffer text;
    struct json_writer json;
    buffer_init(&text, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &text);
    faults_write(call->sandbox->faults, &json);
    const struct json *faults = parsed(call, &text);
    page_html(call, "<h2 id=\"faults\">Faults</h2>");
    if (json_count(faults) == 0) {
        page_html(call, "<p class=\"dim\">None: every request is answered as it should be.</p>");
        return;
    }
    page_html(call, "<ul aria-labelledby=\"faults\">");
    for (struct json_iterator i = json_iterate(faults); json_next(&i);) {
        const char *method = json_text(json_get(i.value, "method"));
        const char *path = json_text(json_get(i.value, "path"));
        const char *user = json_text(json_get(i.value, "user"));
        page_html(call, "<li><strong>%s</strong> for <code>%s %s</code>",
                json_text(json_get(i.value, "kind")), method == NULL ? "any method" : method,
                path == NULL || *path == '\0' ? "any path" : path);
        if (user != NULL) {
            page_html(call, " of user %s", user);
        }
        page_html(call, ": %s matched, %s left</li>",
                number_of(json_get(i.value, "seen"), "0", call),
                number_of(json_get(i.value, "left"), "any number", call));
    }
    page_html(call, "</ul><form method=\"post\" action=\"/\">"
                    "<button name=\"act\" value=\"clear-faults\">Clear faults</button></form>");
}

static void write_request(struct call *call, const struct json *entry)
{
    bool running = json_number(json_get(entry, "duration_ms")).data == NULL;
    const char *status = number_of(json_get(entry, "status"), running ? "running" : "none", call);
    bool good = running || status[0] == '2' || status[0] == '3';
    const char *time = json_text(json_get(entry, "time"));
    page_html(call,
            "<tr><td data-name=\"Time\" class=\"short\"><time datetime=\"%s\">%s</time></td>"
            "<td data-name=\"Request\"><code>%s %s</code></td>",
            time, time_of_day(call, time), json_text(json_get(entry, "method")),
            json_text(json_get(entry, "path")));
    page_html(call,
            good ? "<td data-name=\"Status\" class=\"number\">%s</td>"
                 : "<td data-name=\"Status\" class=\"number bad\">%s</td>",
            status);
    page_html(call, "<td data-name=\"Milliseconds\" class=\"number\">%s</td></tr>",
            number_of(json_get(entry, "duration_ms"), "–", call));
}

static void write_requests(struct call *call)
{
    struct buffer text;
    struct json_writer json;
    buffer_init(&text, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &text);
    journal_write(call->sandbox->journal, 0, HOME_REQUESTS, &json);
    const struct json *items = json_get(parsed(call, &text), "items");
    size_t count = json_count(items);
    const struct json **newest = mem_array(call->memory, const struct json *, count + 1);
    for (struct json_iterator i = json_iterate(items); json_next(&i);) {
        newest[count - 1 - i.index] = i.value;
    }
    page_html(call,
            "<h2 id=\"requests\">Latest requests</h2><table aria-labelledby=\"requests\"><thead>"
            "<tr><th scope=\"col\">Time</th><th scope=\"col\">Request</th>"
            "<th scope=\"col\" class=\"number\">Status</th>"
            "<th scope=\"col\" class=\"number\">Milliseconds</th></tr></thead><tbody>");
    for (size_t i = 0; i < count; i++) {
        write_request(call, newest[i]);
    }
    page_html(call, "</tbody></table>");
}

/* ---- GET / ---- */

bool home_page(struct call *call, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " ACCOUNT_COLUMNS ACCOUNT_TABLES
                "WHERE a.deleted = 0 ORDER BY a.seq DESC LIMIT $1",
                DB_PARAMS(DB_INT(HOME_ACCOUNTS)), &rows, err)) {
        return false;
    }
    page_begin(call, "Composio sandbox");
    page_html(call,
            "<main class=\"wide\"><h1>Composio sandbox</h1>"
            "<p>An emulator of the Composio API that runs on this machine alone. Use it as "
            "<code>COMPOSIO_BASE_URL=%s</code> with any key that begins with <code>ak_</code>, "
            "unless one was set.</p>",
            call->sandbox->public_url);
    write_accounts(call, rows);
    write_clock(call);
    write_faults(call);
    write_requests(call);
    page_html(call, "<h2>Begin anew</h2><p class=\"dim\">Forgets all accounts, what the tools "
                    "changed, faults, requests and the clock.</p>"
                    "<form method=\"post\" action=\"/\">"
                    "<button name=\"act\" value=\"reset\">Reset everything</button></form>");
    page_end(call);
    return true;
}

/* ---- POST / ---- */

static MUST_CHECK bool advance(struct call *call, struct error *err)
{
    const char *text = form_field(call, "seconds");
    char *end = NULL;
    long seconds = text == NULL ? 0 : strtol(text, &end, 10);
    if (text == NULL || *text == '\0' || *end != '\0' || labs(seconds) > CLOCK_SECONDS_MAX) {
        return api_error_set(err, API_BAD_REQUEST, "seconds: expected a whole number");
    }
    return sandbox_advance_clock(call->sandbox, call->memory, (int64_t)seconds * 1000, err) &&
           webhooks_notice(call, err);
}

static MUST_CHECK bool set_status(struct call *call, struct error *err)
{
    const char *id = form_field(call, "id"), *status = form_field(call, "status");
    return account_force_status(
                   call, id == NULL ? "" : id, status == NULL ? "" : status, NULL, err) &&
           webhooks_notice(call, err);
}

static MUST_CHECK bool clear_faults(struct call *call, struct error *err)
{
    (void)err;
    faults_clear(call->sandbox->faults);
    return true;
}

static MUST_CHECK bool reset(struct call *call, struct error *err)
{
    return sandbox_reset(call->sandbox, call->memory, err);
}

/* A browser says where a form came from (Fetch §3.1 sends Origin with every POST): only our own pages may press. */
bool home_act(struct call *call, struct error *err)
{
    static const struct {
        const char *name;
        bool (*act)(struct call *call, struct error *err);
    } acts[] = {
            {"advance", advance},
            {"status", set_status},
            {"clear-faults", clear_faults},
            {"reset", reset},
    };
    struct slice origin = http_request_header(call->request, "origin");
    const char *name = form_field(call, "act");
    if (!sandbox_is_own_origin(call->sandbox, origin)) {
        return api_error_set(err, API_FORBIDDEN, "not from another site");
    }
    for (size_t i = 0; name != NULL && i < sizeof acts / sizeof acts[0]; i++) {
        if (strcmp(name, acts[i].name) == 0) {
            page_redirect(call, 303, "/");
            return acts[i].act(call, err);
        }
    }
    return api_error_set(err, API_BAD_REQUEST, "act: expected one of the buttons");
}
