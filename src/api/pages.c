/* What browsers are served: the plain page, health, the way back from Composio's consent page. */
#include "api/api_internal.h"
#include "base/clock.h"
#include "core/connections.h"

/* web/plain, embedded by the build. */
extern const char index_html[], callback_html[], app_js[], client_js[], callback_js[], app_css[];
extern const size_t index_html_size, callback_html_size, app_js_size, client_js_size,
        callback_js_size, app_css_size;

#define CONTENT_SECURITY_POLICY                                                                    \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' " \
    "https://logos.composio.dev; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

static const struct http_header page_headers[] = {
        {{"content-security-policy", 23},
                {CONTENT_SECURITY_POLICY, sizeof CONTENT_SECURITY_POLICY - 1}},
        {{"x-content-type-options", 22}, {"nosniff", 7}},
        /* The callback's URL has secrets in it: no other page may be told it. */
        {{"referrer-policy", 15}, {"no-referrer", 11}},
        {{"cache-control", 13}, {"no-cache", 8}},
};
#define PAGE_HEADER_COUNT (sizeof page_headers / sizeof page_headers[0])

static void reply_page(
        struct http_request *request, int status, const char *content_type, struct slice body)
{
    struct http_reply reply = {
            .status = status,
            .content_type = content_type,
            .headers = page_headers,
            .header_count = PAGE_HEADER_COUNT,
            .body = body,
    };
    http_reply(request, &reply);
}

static void reply_json(struct http_request *request, int status, struct slice body)
{
    struct http_header no_store = {SLICE("cache-control"), SLICE("no-store")};
    struct http_reply reply = {
            .status = status,
            .content_type = "application/json",
            .headers = &no_store,
            .header_count = 1,
            .body = body,
    };
    http_reply(request, &reply);
}

/* ---- the way back ---- */

static void add_escaped(struct buffer *html, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("<>&\"'", *text) != NULL) {
            buffer_printf(html, "&#%d;", *text);
        } else {
            buffer_add_char(html, *text);
        }
    }
}

/* A page of its own: the browser is between two sites and has no app around it. */
static void reply_callback_error(
        struct http_request *request, const char *request_id, const struct error *err)
{
    struct buffer html;
    buffer_init(&html, request->memory, 16 * 1024);
    buffer_add_text(&html,
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            "<title>Not connected</title><link rel=\"stylesheet\" href=\"/app.css\">"
            "<main class=\"notice\"><h1>Not connected</h1><p role=\"alert\">");
    add_escaped(&html, err->message);
    buffer_add_text(&html, "</p><p>");
    if (error_http_status(err->code) >= 500) {
        /* The same URL works again when Composio does. */
        buffer_add_text(&html, "<a href=\"");
        add_escaped(
                &html, mem_strndup(request->memory, request->target.data, request->target.length));
        buffer_add_text(&html, "\">Try again</a>");
    } else {
        buffer_add_text(&html, "You can close this window.");
    }
    buffer_add_text(&html, "</p><p class=\"muted\">Request ");
    add_escaped(&html, request_id);
    buffer_add_text(&html, "</p></main></html>");
    reply_page(
            request, error_http_status(err->code), "text/html; charset=utf-8", buffer_slice(&html));
}

/* To a URL that has secrets in it. */
static void reply_redirect(struct http_request *request, const char *location)
{
    struct http_header headers[] = {
            {SLICE("location"), slice_of(location)},
            {SLICE("referrer-policy"), SLICE("no-referrer")},
            {SLICE("cache-control"), SLICE("no-store")},
    };
    struct http_reply reply = {.status = 302, .headers = headers, .header_count = 3};
    http_reply(request, &reply);
}

/* Who is signed in in this browser, only the frontend knows: it calls integrations.verify (core/verify.c). */
static void serve_verification(
        struct api *api, struct http_request *request, const char *session_uri)
{
    struct buffer location;
    buffer_init(&location, request->memory, 16 * 1024);
    buffer_add_text(&location, api->options.frontend_url);
    buffer_add_text(&location, "/oauth/callback?verify=1&session_uri=");
    buffer_add_url_encoded(&location, slice_of(session_uri));
    reply_redirect(request, buffer_text(&location));
}

static void serve_callback(struct api *api, struct http_request *request, const char *request_id)
{
    /* With FRONTEND_URL on this very origin, the frontend's page has the path too: what we send there names the
     * provider, or says "verify". */
    if (http_request_parameter(request, "provider") != NULL ||
            http_request_parameter(request, "verify") != NULL) {
        reply_page(request, 200, "text/html; charset=utf-8",
                (struct slice){callback_html, callback_html_size});
        return;
    }
    const char *session_uri = http_request_parameter(request, "session_uri");
    if (session_uri != NULL) {
        serve_verification(api, request, session_uri);
        return;
    }
    struct error err = {0};
    struct callback_result result;
    const char *key = http_request_parameter(request, "key");
    /* Composio spells the parameter in two ways (composio-api.md §2.5). */
    const char *account_id = http_request_parameter(request, "connected_account_id");
    if (account_id == NULL) {
        account_id = http_request_parameter(request, "connectedAccountId");
    }
    if (!connections_callback(
                api->core, request->memory, key == NULL ? "" : key, account_id, &result, &err)) {
        api_log_error(request, NULL, &err);
        reply_callback_error(request, request_id, &err);
        return;
    }
    reply_redirect(request, result.location);
}

/* ---- health ---- */

static void serve_health(struct api *api, struct http_request *request, const char *request_id)
{
    (void)request_id;
    (void)api;
    reply_json(request, 200, SLICE("{\"status\":\"ok\"}"));
}

static void serve_ready(struct api *api, struct http_request *request, const char *request_id)
{
    (void)request_id;
    struct error err = {0};
    struct db_migration_state state;
    if (!db_migration_check(api->db, db_migrations, &state, &err)) {
        api_log_error(request, NULL, &err);
        reply_json(request, 503, SLICE("{\"status\":\"database unavailable\"}"));
    } else if (state.pending > 0) {
        reply_json(request, 503, SLICE("{\"status\":\"migrations pending\"}"));
    } else {
        reply_json(request, 200, SLICE("{\"status\":\"ready\"}"));
    }
}

/* ---- development ---- */

/* The Host field names this machine: a page elsewhere whose name was made to resolve here (DNS rebinding) does not. */
static bool is_loopback_host(struct slice host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i]);
        if (slice_starts(host, names[i]) && (host.length == length || host.data[length] == ':')) {
            return true;
        }
    }
    return false;
}

static void serve_dev_session(struct api *api, struct http_request *request, const char *request_id)
{
    const char *user = api->options.dev_user;
    if (user == NULL || !is_loopback_host(http_request_header(request, "host"))) {
        struct error err = {0};
        error_set(&err, ERROR_NOT_FOUND, "NO_SUCH_PAGE", "There is nothing here.");
        api_reply_error(request, request_id, &err);
        return;
    }
    const char *token = auth_sign(api->auth, request->memory, user, clock_now_ms(), 24 * 3600);
    struct buffer body;
    struct json_writer writer;
    buffer_init(&body, request->memory, 4096);
    json_writer_init(&writer, &body);
    json_begin_object(&writer);
    json_write_name(&writer, "token");
    json_write_text(&writer, token);
    json_write_name(&writer, "user");
    json_write_text(&writer, user);
    json_end_object(&writer);
    reply_json(request, 200, buffer_slice(&body));
}

/* ---- which page ---- */

static bool serve_file(struct http_request *request)
{
    static const struct {
        const char *path, *content_type, *data;
        const size_t *size;
    } files[] = {
            {"/", "text/html; charset=utf-8", index_html, &index_html_size},
            {"/app.js", "text/javascript; charset=utf-8", app_js, &app_js_size},
            {"/client.js", "text/javascript; charset=utf-8", client_js, &client_js_size},
            {"/callback.js", "text/javascript; charset=utf-8", callback_js, &callback_js_size},
            {"/app.css", "text/css; charset=utf-8", app_css, &app_css_size},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (slice_is(request->path, files[i].path)) {
            reply_page(request, 200, files[i].content_type,
                    (struct slice){files[i].data, *files[i].size});
            return true;
        }
    }
    return false;
}

bool api_serve_page(struct api *api, struct http_request *request, const char *request_id)
{
    static const struct {
        const char *path;
        void (*serve)(struct api *api, struct http_request *request, const char *request_id);
    } pages[] = {
            {"/healthz", serve_health},
            {"/readyz", serve_ready},
            {"/oauth/callback", serve_callback},
            {"/dev/session", serve_dev_session},
    };
    if (!slice_is(request->method, "GET") && !slice_is(request->method, "HEAD")) {
        return false;
    }
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (slice_is(request->path, pages[i].path)) {
            pages[i].serve(api, request, request_id);
            return true;
        }
    }
    return serve_file(request);
}
