#include "sandbox/accounts/link.h"

static const struct toolkit *toolkit_of(struct call *call, const struct account *account)
{
    return catalog_toolkit(call->sandbox->catalog, account->auth_config.toolkit);
}

static const char *toolkit_name(struct call *call, const struct account *account)
{
    const struct toolkit *toolkit = toolkit_of(call, account);
    return toolkit == NULL ? account->auth_config.toolkit : toolkit->name;
}

static void begin(struct call *call, const struct account *account)
{
    const char *name = toolkit_name(call, account);
    page_begin(call, mem_printf(call->memory, "Connect %s", name));
    page_html(call,
            "<main><h1>Connect %s</h1>"
            "<p class=\"dim\">This is the sandbox: nothing real is connected.</p>"
            "<p>The app wants to use %s for the user <strong>%s</strong>.</p>",
            name, name, account->user_id);
}

/* The first button is the one that Enter presses. */
static void end_with_buttons(struct call *call)
{
    page_html(call, "<div class=\"actions\">"
                    "<button class=\"go\" name=\"decision\" value=\"approve\">Approve</button>"
                    "<button name=\"decision\" value=\"deny\" formnovalidate>Deny</button>"
                    "<button name=\"decision\" value=\"close\" formnovalidate>Close</button>"
                    "</div></form>");
    page_end(call);
}

/* ---- OAuth ---- */

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

static void write_choice(struct call *call, const char *email, bool checked)
{
    page_html(call, "<label class=\"choice\"><input type=\"radio\" name=\"account\" value=\"%s\"",
            email);
    page_html(call, checked ? " checked> %s</label>" : "> %s</label>", email);
}

/* Whom the user may be there: first the usual answer, then those that she was before, then anybody else. */
static void write_choices(
        struct call *call, const char *name, const char *usual, const struct db_rows *rows)
{
    page_html(call, "<fieldset><legend>Account at %s</legend>", name);
    write_choice(call, usual, true);
    for (size_t i = 0; i < db_row_count(rows); i++) {
        const char *email = db_get_text(rows, i, 0);
        if (strcmp(email, usual) != 0) {
            write_choice(call, email, false);
        }
    }
    page_html(call, "<label class=\"choice\"><input type=\"radio\" name=\"account\" value=\"\" "
                    "id=\"another\"> Another account</label>"
                    "<div class=\"other\"><label for=\"other\">Its address</label>"
                    "<input id=\"other\" name=\"other\" type=\"email\" maxlength=\"254\" "
                    "autocomplete=\"off\"></div></fieldset>");
}

#define CHOICES_MAX 8

bool link_page_consent(
        struct call *call, const struct link *link, const char *action, struct error *err)
{
    const struct account *account = &link->account;
    const struct db_rows *rows;
    const char *usual = account->email;
    if ((usual == NULL && !account_default_email(call, account, &usual, err)) ||
            !db_read(call->sandbox->db, call->memory,
                    "SELECT a.email" ACCOUNT_TABLES "WHERE a.user_id = $1 AND c.toolkit = $2 "
                    "AND a.email IS NOT NULL GROUP BY a.email ORDER BY max(a.seq) DESC LIMIT $3",
                    DB_PARAMS(DB_TEXT(account->user_id), DB_TEXT(account->auth_config.toolkit),
                            DB_INT(CHOICES_MAX)),
                    &rows, err)) {
        return false;
    }
    begin(call, account);
    write_scopes(call, toolkit_of(call, account));
    page_html(call, "<form method=\"post\" action=\"%s\">", action);
    write_choices(call, toolkit_name(call, account), usual, rows);
    end_with_buttons(call);
    return true;
}

/* ---- other schemes ---- */

static const struct json *fields_of_scheme(const struct toolkit *toolkit, const char *scheme)
{
    const struct json *details =
            toolkit == NULL ? NULL : json_get(toolkit->json, "auth_config_details");
    for (struct json_iterator i = json_iterate(details); json_next(&i);) {
        const char *mode = json_text(json_get(i.value, "mode"));
        if (mode != NULL && strcmp(mode, scheme) == 0) {
            return json_get(i.value, "initiation_required");
        }
    }
    return NULL;
}

const struct json *link_fields(struct call *call, const struct account *account)
{
    return fields_of_scheme(toolkit_of(call, account), account->auth_config.scheme);
}

const char *link_field_name(struct call *call, const char *name)
{
    return mem_printf(call->memory, "val.%s", name);
}

static void write_field(struct call *call, const struct json *field, const struct json *had)
{
    const char *name = json_text(json_get(field, "name"));
    const char *known = json_text(json_get(had, name));
    bool secret = json_bool(json_get(field, "is_secret"), true);
    page_html(call,
            "<label for=\"%s\">%s</label><p class=\"dim hint\" id=\"about-%s\">%s</p>"
            "<input id=\"%s\" name=\"%s\" aria-describedby=\"about-%s\" maxlength=\"4096\" "
            "autocomplete=\"off\" value=\"%s\" type=\"%s\"",
            name, json_text(json_get(field, "displayName")), name,
            json_text(json_get(field, "description")), name, link_field_name(call, name), name,
            secret ? "" : known, secret ? "password" : "text");
    page_html(call, json_bool(json_get(field, "required"), true) ? " required>" : ">");
}

void link_page_fields(struct call *call, const struct link *link, const char *problem)
{
    const struct json *had = NULL;
    struct error ignored = {0};
    if (!json_parse(call->memory, slice_of(link->account.data), &had, &ignored)) {
        had = NULL;
    }
    begin(call, &link->account);
    if (problem != NULL) {
        page_html(call, "<p role=\"alert\">%s</p>", problem);
    }
    page_html(call, "<form method=\"post\" action=\"/link/%s\">", link->token);
    const struct json *fields = link_fields(call, &link->account);
    for (struct json_iterator i = json_iterate(fields); json_next(&i);) {
        write_field(call, i.value, had);
    }
    end_with_buttons(call);
}

/* ---- ends ---- */

static void write_notice(struct call *call, const char *title, const char *text)
{
    page_begin(call, title);
    page_html(call, "<main><h1>%s</h1><p>%s</p>", title, text);
}

void link_page_stale(struct call *call, bool known)
{
    call->status = known ? 410 : 400;
    page_begin(call, "Link not valid");
    page_html(call,
            "<main><h1>We couldn&#39;t verify the session associated with the link</h1>"
            "<p>The link was used already, or it is older than ten minutes. Go back to the app and "
            "connect again.</p>");
    page_end(call);
}

void link_page_decided(struct call *call, bool approved)
{
    write_notice(call, approved ? "Connected" : "Not connected",
            approved ? "You can close this window." : "You said no. You can close this window.");
    page_end(call);
}

void link_page_left(struct call *call)
{
    write_notice(call, "Nothing was decided",
            "You can close this window. The link stays good for ten minutes from its beginning.");
    page_close_window(call);
    page_end(call);
}

void link_page_other_browser(struct call *call)
{
    call->status = 403;
    write_notice(call, "This is another browser",
            "The connection was begun in another browser and can be finished only there. Nothing "
            "was connected.");
    page_end(call);
}
