#include "sandbox/routes.h"

#include "base/clock.h"
#include "base/log.h"
#include "sandbox/faults/misbehave.h"
#include "sandbox/mcp/mcp_endpoint.h"
#include "sandbox/project.h"

#include <assert.h>
#include <stdio.h>

/* Where providers send browsers back to: under the API, yet for browsers. */
#define AUTH_CALLBACK "/toolkits/auth/callback"

static const struct route {
    enum route_area area;
    const char *method, *pattern; /* "*": any; {} matches one segment */
    route_handler *handler;
} routes[] = {
        {ROUTE_API, "GET", "/connected_accounts", account_list},
        {ROUTE_API, "POST", "/connected_accounts", account_create},
        {ROUTE_API, "POST", "/connected_accounts/link", account_link},
        {ROUTE_API, "GET", "/connected_accounts/{}", account_get},
        {ROUTE_API, "PATCH", "/connected_accounts/{}", account_update},
        {ROUTE_API, "DELETE", "/connected_accounts/{}", account_delete},
        {ROUTE_API, "PATCH", "/connected_accounts/{}/status", account_set_enabled},
        {ROUTE_API, "POST", "/connected_accounts/{}/revoke", account_revoke},
        {ROUTE_API, "POST", "/connected_accounts/{}/refresh", account_refresh},

        {ROUTE_API, "POST", "/connected_accounts/complete_auth", account_complete_auth},

        {ROUTE_API, "GET", "/org/project/config", project_config_get},
        {ROUTE_API, "PATCH", "/org/project/config", project_config_change},
        {ROUTE_API, "GET", "/migration/get-nanoid", account_id_of_uuid},

        {ROUTE_API, "POST", "/tools/execute/proxy", tool_proxy},
        {ROUTE_API, "POST", "/tools/execute/{}", tool_execute},
        {ROUTE_API, "POST", "/tools/execute/{}/input", tool_input},
        {ROUTE_API, "GET", "/tools", tool_list},
        {ROUTE_API, "GET", "/tools/enum", tool_enum},
        {ROUTE_API, "GET", "/tools/{}", tool_get},
        {ROUTE_API, "POST", "/tools/scopes/required", tool_scopes},
        {ROUTE_API, "GET", "/toolkits", toolkit_list},
        {ROUTE_API, "GET", "/toolkits/categories", toolkit_categories},
        {ROUTE_API, "GET", "/toolkits/changelog", toolkit_changelog},
        {ROUTE_API, "POST", "/toolkits/multi", toolkit_multi},
        {ROUTE_API, "GET", "/toolkits/{}", toolkit_get},

        {ROUTE_API, "GET", "/auth_configs", auth_config_list},
        {ROUTE_API, "POST", "/auth_configs", auth_config_create},
        {ROUTE_API, "GET", "/auth_configs/{}", auth_config_get},
        {ROUTE_API, "PATCH", "/auth_configs/{}", auth_config_update},
        {ROUTE_API, "PATCH", "/auth_configs/{}/{}", auth_config_set_status},
        {ROUTE_API, "DELETE", "/auth_configs/{}", auth_config_delete},

        {ROUTE_API, "GET", "/mcp/servers", mcp_server_list},
        {ROUTE_API, "POST", "/mcp/servers", mcp_server_create},
        {ROUTE_API, "POST", "/mcp/servers/custom", mcp_server_create_custom},
        {ROUTE_API, "POST", "/mcp/servers/generate", mcp_server_generate},
        {ROUTE_API, "GET", "/mcp/servers/{}/instances", mcp_instance_list},
        {ROUTE_API, "POST", "/mcp/servers/{}/instances", mcp_instance_create},
        {ROUTE_API, "DELETE", "/mcp/servers/{}/instances/{}", mcp_instance_delete},
        {ROUTE_API, "GET", "/mcp/app/{}", mcp_server_list_of_app},
        {ROUTE_MCP, "*", "/v3/mcp/{}", mcp_gateway},
        {ROUTE_MCP, "*", "/v3/mcp/{}/mcp", mcp_gateway},
        {ROUTE_API, "GET", "/mcp/{}", mcp_server_get},
        {ROUTE_API, "PATCH", "/mcp/{}", mcp_server_update},
        {ROUTE_API, "DELETE", "/mcp/{}", mcp_server_delete},

        {ROUTE_API, "GET", "/webhook_subscriptions", webhook_subscription_list},
        {ROUTE_API, "POST", "/webhook_subscriptions", webhook_subscription_create},
        {ROUTE_API, "GET", "/webhook_subscriptions/event_types", webhook_event_type_list},
        {ROUTE_API, "GET", "/webhook_subscriptions/{}", webhook_subscription_get},
        {ROUTE_API, "PATCH", "/webhook_subscriptions/{}", webhook_subscription_update},
        {ROUTE_API, "DELETE", "/webhook_subscriptions/{}", webhook_subscription_delete},
        {ROUTE_API, "POST", "/webhook_subscriptions/{}/rotate_secret", webhook_subscription_rotate},

        {ROUTE_API, "POST", "/tool_router/session", router_session_create},
        {ROUTE_API, "GET", "/tool_router/session/{}", router_session_get},
        {ROUTE_API, "PATCH", "/tool_router/session/{}", router_session_patch},
        {ROUTE_API, "DELETE", "/tool_router/session/{}", router_session_delete},
        {ROUTE_API_V31, "POST", "/tool_router/session/{}/attach", router_session_attach},
        {ROUTE_API_V31, "GET", "/tool_router/session/{}/config_history", router_config_history},
        {ROUTE_API, "POST", "/tool_router/session/{}/search", router_search},
        {ROUTE_API, "GET", "/tool_router/session/{}/tools", router_tool_list},
        {ROUTE_API, "GET", "/tool_router/session/{}/toolkits", router_toolkit_list},
        {ROUTE_API, "POST", "/tool_router/session/{}/execute", router_execute},
        {ROUTE_API, "POST", "/tool_router/session/{}/execute_meta", router_execute_meta},
        {ROUTE_API, "POST", "/tool_router/session/{}/proxy_execute", router_proxy_execute},
        {ROUTE_API, "POST", "/tool_router/session/{}/link", router_link},
        {ROUTE_API, "GET", "/tool_router/session/{}/mounts/{}/items", router_file_list},
        {ROUTE_API, "POST", "/tool_router/session/{}/mounts/{}/upload_url", router_file_upload_url},
        {ROUTE_API, "POST", "/tool_router/session/{}/mounts/{}/download_url",
                router_file_download_url},
        {ROUTE_API, "POST", "/tool_router/session/{}/mounts/{}/delete", router_file_delete},
        {ROUTE_MCP, "*", "/tool_router/{}/mcp", router_mcp},
        {ROUTE_PAGE, "PUT", "/files/{}", router_file_put},
        {ROUTE_PAGE, "GET", "/files/{}", router_file_get},

        {ROUTE_PAGE, "GET", "/", home_page},
        {ROUTE_PAGE, "POST", "/", home_act},
        {ROUTE_PAGE, "GET", "/link/{}", link_open},
        {ROUTE_PAGE, "POST", "/link/{}", link_decide},
        {ROUTE_PAGE, "GET", AUTH_CALLBACK, provider_callback},
        {ROUTE_CONSENT, "GET", "/consent/{}", provider_open},
        {ROUTE_CONSENT, "POST", "/consent/{}", provider_decide},

        {ROUTE_CONTROL, "GET", "/_sandbox/clock", control_clock_get},
        {ROUTE_CONTROL, "POST", "/_sandbox/clock", control_clock_advance},
        {ROUTE_CONTROL, "POST", "/_sandbox/accounts/{}", control_account_set},
        {ROUTE_CONTROL, "GET", "/_sandbox/project", control_project_get},
        {ROUTE_CONTROL, "POST", "/_sandbox/project", control_project_change},
        {ROUTE_CONTROL, "POST", "/_sandbox/seed", control_seed},
        {ROUTE_CONTROL, "POST", "/_sandbox/reset", control_reset},
        {ROUTE_CONTROL, "GET", "/_sandbox/requests", control_requests},
        {ROUTE_CONTROL, "POST", "/_sandbox/faults", control_faults_add},
        {ROUTE_CONTROL, "GET", "/_sandbox/faults", control_faults_list},
        {ROUTE_CONTROL, "DELETE", "/_sandbox/faults", control_faults_clear},
        {ROUTE_CONTROL, "GET", "/_sandbox/webhooks", control_webhooks},
        {ROUTE_CONTROL, "POST", "/_sandbox/webhooks", control_webhook_send},
        {ROUTE_CONTROL, "POST", "/_sandbox/webhooks/{}/redeliver", control_webhook_redeliver},
};

/* ---- finding the route ---- */

static enum route_area area_of(struct slice *path, bool *v31_out)
{
    *v31_out = slice_starts(*path, "/api/v3.1/");
    if (*v31_out || slice_starts(*path, "/api/v3/")) {
        *path = slice_skip(*path, strlen(*v31_out ? "/api/v3.1" : "/api/v3"));
        return slice_is(*path, AUTH_CALLBACK) ? ROUTE_PAGE : ROUTE_API;
    }
    if (slice_starts(*path, "/v3/mcp/") || slice_starts(*path, "/tool_router/")) {
        return ROUTE_MCP;
    }
    return slice_starts(*path, "/_sandbox/") ? ROUTE_CONTROL : ROUTE_PAGE;
}

/* Fills call->values, decoded. */
static bool pattern_matches(struct call *call, const char *pattern, struct slice path)
{
    struct slice wanted = slice_of(pattern);
    size_t count = 0;
    while (wanted.data != NULL && path.data != NULL) {
        struct slice expected = slice_split(&wanted, '/'), segment = slice_split(&path, '/');
        struct slice value;
        if (!slice_is(expected, "{}")) {
            if (!slice_equal(expected, segment)) {
                return false;
            }
            continue;
        }
        if (segment.length == 0 || !http_url_decode(call->memory, segment, false, &value) ||
                memchr(value.data, '\0', value.length) != NULL) {
            return false;
        }
        assert(count < CALL_VALUES_MAX);
        call->values[count++] = mem_strndup(call->memory, value.data, value.length);
    }
    return wanted.data == NULL && path.data == NULL;
}

static const struct route *find_route(struct call *call, enum route_area area, struct slice path)
{
    struct slice method = call->request->method;
    if (slice_is(method, "HEAD")) {
        method = SLICE("GET");
    }
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        bool any = strcmp(routes[i].method, "*") == 0;
        bool there = routes[i].area == area ||
                     (routes[i].area == ROUTE_API_V31 && area == ROUTE_API && call->v31);
        if (there && (any || slice_is(method, routes[i].method)) &&
                pattern_matches(call, routes[i].pattern, path)) {
            return &routes[i];
        }
    }
    return NULL;
}

/* ---- before the handler ---- */

/* MCP clients may send the project key as a bearer's too. */
static struct slice bearer_of(const struct http_request *request)
{
    struct slice value = http_request_header(request, "authorization");
    struct slice scheme = slice_split(&value, ' ');
    return slice_is_nocase(scheme, "Bearer") ? slice_trim(value) : (struct slice){NULL, 0};
}

static bool check_key(struct call *call, enum route_area area, struct error *err)
{
    const struct http_request *request = call->request;
    struct slice key = http_request_header(request, "x-api-key");
    struct slice user_key = http_request_header(request, "x-user-api-key");
    const char *wanted = call->sandbox->api_key;
    if (area == ROUTE_MCP && key.data == NULL) {
        key = bearer_of(request);
    }
    if (area == ROUTE_MCP && key.data == NULL && !call->sandbox->project->wants_mcp_key) {
        return true;
    }
    if (key.data != NULL && user_key.data != NULL) {
        return api_error_set(err, API_UNAUTHORIZED,
                "Multiple authentication modes were provided. Provide exactly one authentication "
                "mode per request. Provided: ApiKeyAuth via x-api-key, UserApiKeyAuth via "
                "x-user-api-key.");
    }
    if (key.length == 0) {
        return api_error_set(err, API_UNAUTHORIZED, "No API key provided in the x-api-key header");
    }
    if (wanted == NULL ? !slice_starts(key, "ak_") : !equal_constant_time(key, slice_of(wanted))) {
        return api_error_set(err, API_UNAUTHORIZED, "Invalid API key: ak_****");
    }
    return true;
}

/* Whatever name of this machine the browser knows the sandbox by. */
bool sandbox_is_own_origin(const struct sandbox *sandbox, struct slice origin)
{
    static const char *const names[] = {"http://127.0.0.1:", "http://localhost:", "http://[::1]:"};
    char port[16];
    snprintf(port, sizeof port, "%d", sandbox_port(sandbox));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_starts(origin, names[i]) &&
                slice_is(slice_skip(origin, strlen(names[i])), port)) {
            return true;
        }
    }
    return slice_is(origin, sandbox->public_url);
}

/* A page of another site must not drive the controls through the browser of whoever runs the sandbox. */
static bool check_origin(struct call *call, struct error *err)
{
    struct slice origin = http_request_header(call->request, "origin");
    return origin.data == NULL || sandbox_is_own_origin(call->sandbox, origin) ||
           api_error_set(err, API_FORBIDDEN, "not from another site");
}

/* Counts the request in its minute and says so in the headers, as the service does. */
static bool check_rate(struct call *call, struct error *err)
{
    struct sandbox *sandbox = call->sandbox;
    int64_t window = call->now_ms / 60000;
    if (window != sandbox->window) {
        sandbox->window = window;
        sandbox->window_requests = 0;
    }
    bool allowed = sandbox->window_requests < sandbox->rate_limit;
    sandbox->window_requests += allowed ? 1 : 0;
    call_add_header(call, "X-RateLimit", mem_printf(call->memory, "%d", sandbox->rate_limit));
    call_add_header(call, "X-RateLimit-Remaining",
            mem_printf(call->memory, "%d", sandbox->rate_limit - sandbox->window_requests));
    call_add_header(call, "X-RateLimit-Window-Size", "60s");
    if (allowed) {
        return true;
    }
    int64_t left_ms = (window + 1) * 60000 - call->now_ms;
    call_add_header(
            call, "Retry-After", mem_printf(call->memory, "%d", (int)((left_ms + 999) / 1000)));
    return api_error_set(err, API_TOO_MANY_REQUESTS,
            "Rate limit exceeded. Limit: %d requests per 1 minutes", sandbox->rate_limit);
}

static bool parse_body(struct call *call, enum route_area area, struct error *err)
{
    struct slice text = slice_trim(call->request->body);
    const struct json *body;
    if ((area != ROUTE_API && area != ROUTE_CONTROL) || text.length == 0) {
        return true;
    }
    if (!json_parse(call->memory, text, &body, err)) {
        return api_error_set(err, API_BAD_REQUEST, "The body is not JSON");
    }
    if (area == ROUTE_API && json_type(body) != JSON_OBJECT) {
        return api_error_set(err, API_BAD_REQUEST, "The body is not a JSON object");
    }
    call->body = body;
    return true;
}

/* Who may send it, and how often. */
static bool admit(struct call *call, enum route_area area, struct error *err)
{
    switch (area) {
    case ROUTE_MCP:
    case ROUTE_API:
    case ROUTE_API_V31:
        if (!check_key(call, area, err)) {
            if (area ==
                    ROUTE_MCP) { /* RFC 9110 §15.5.2; no metadata, so that no client starts OAuth */
                call_add_header(call, "WWW-Authenticate", "Bearer");
            }
            return false;
        }
        return check_rate(call, err);
    case ROUTE_CONTROL:
        return check_origin(call, err);
    case ROUTE_PAGE:
    case ROUTE_CONSENT:
        break;
    }
    return true;
}

/* ---- the whole ---- */

static void answer(struct call *call, enum route_area area, struct slice path)
{
    struct error err = {0};
    const struct route *route = find_route(call, area, path);
    bool good = area != ROUTE_MCP || mcp_check_origin(call, &err);
    if (good && area == ROUTE_MCP && mcp_preflight(call)) {
        return;
    }
    good = good && admit(call, area, &err);
    if (good && route == NULL) {
        good = api_error_set(&err, API_NOT_FOUND, "Cannot %.*s %.*s",
                SLICE_ARG(call->request->method), SLICE_ARG(call->request->path));
    }
    good = good && parse_body(call, area, &err) && route->handler(call, &err);
    if (good && call->out.overflow) {
        good = api_error_set(&err, API_INTERNAL, "The answer is too large; ask for fewer items");
    }
    if (!good) {
        if (err.detail[0] != '\0') { /* the database's, not an answer of the API */
            log_warn("sandbox: %s %s: %s (%s)", route == NULL ? "" : route->method,
                    route == NULL ? "" : route->pattern, err.message, err.detail);
        }
        call_answer_error(call, &err, 0);
    }
}

static bool takes_effect(const struct fault *fault)
{
    return fault->after || fault->kind == FAULT_NONE || fault->kind == FAULT_TRUNCATE ||
           fault->kind == FAULT_DRIP || fault->kind == FAULT_DUPLICATE;
}

/* The fault that is ordered for the request. False: the client went away while it waited. */
static MUST_CHECK bool find_fault(struct call *call, struct fault *out, struct error *err)
{
    const struct http_request *request = call->request;
    struct faults *faults = call->sandbox->faults;
    const char *user = NULL;
    if (faults_ask_for_users(faults) && !misbehave_user_of(call, &user, err)) {
        return false;
    }
    *out = faults_match(faults, request->method, request->path, user);
    return out->latency_ms == 0 || fiber_sleep(out->latency_ms, err);
}

static void trace_call(
        struct call *call, enum route_area area, const struct fault *fault, bool answered)
{
    if (call->sandbox->trace == NULL || area != ROUTE_API) {
        return;
    }
    const struct trace_answer answer = {.status = answered ? call->status : 0,
            .content_type = call->content_type,
            .body = buffer_slice(&call->out),
            .spoiled = fault->kind == FAULT_NONE ? NULL : fault_kind_name(fault->kind)};
    trace_add(call->sandbox->trace, call->now_ms, call->request, &answer);
}

static void handle(struct call *call, enum route_area area, struct slice path)
{
    struct sandbox *sandbox = call->sandbox;
    struct http_request *request = call->request;
    int64_t began_ms = clock_monotonic_ms();
    int64_t entry = journal_add(
            sandbox->journal, call->now_ms, request->method, request->target, request->body);
    struct fault fault = {0};
    struct error err = {0};
    if (!find_fault(call, &fault, &err)) {
        trace_call(call, area, &fault, false);
        return;
    }
    if (fault.kind == FAULT_DUPLICATE) {
        answer(call, area, path);
        bool v31 = call->v31;
        call_init(call, sandbox, request);
        call->v31 = v31;
    }
    call->echo = fault.echo;
    if (takes_effect(&fault)) {
        answer(call, area, path);
    }
    bool answered = misbehave_spoil(call, &fault);
    trace_call(call, area, &fault, answered); /* before anybody can have the answer and look */
    misbehave_send(call, &fault);
    journal_note(
            sandbox->journal, entry, answered ? call->status : 0, clock_monotonic_ms() - began_ms);
}

void sandbox_handle(void *context, struct http_request *request)
{
    struct call call;
    call_init(&call, context, request);
    struct slice path = request->path;
    enum route_area area = area_of(&path, &call.v31);
    if (area != ROUTE_CONTROL) {
        handle(&call, area, path);
        return;
    }
    answer(&call, area, path);
    call_answer(&call);
}

void sandbox_handle_consent(void *context, struct http_request *request)
{
    struct call call;
    call_init(&call, context, request);
    handle(&call, ROUTE_CONSENT, request->path);
}
