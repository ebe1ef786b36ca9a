#include "sandbox/tools/proxy.h"

#include "sandbox/routes.h"
#include "sandbox/tools/execute.h"
#include "sandbox/tools/proxy_routes.h"
#include "sandbox/tools/text_arguments.h"
#include "sandbox/world/world.h"

#include <assert.h>

#define ENDPOINT_BYTES_MAX 4096

/* ---- the request ---- */

/* A string; or a number, as it stands. Data NULL: neither. */
static struct slice parameter_value(const struct json *parameter)
{
    const struct json *value = json_get(parameter, "value");
    return json_type(value) == JSON_NUMBER ? json_number(value) : json_string(value);
}

static MUST_CHECK bool check_parameters(const struct json *parameters, struct error *err)
{
    static const char *const types[] = {"header", "query", NULL};
    if (parameters != NULL && json_type(parameters) != JSON_ARRAY) {
        return api_error_set(err, API_BAD_REQUEST, "parameters: expected an array");
    }
    for (struct json_iterator i = json_iterate(parameters); json_next(&i);) {
        const char *name, *type;
        if (!field_required(i.value, "name", &name, err) ||
                !field_required(i.value, "type", &type, err) ||
                !field_choice(i.value, "type", types, &type, err)) {
            return error_prefix(err, "parameters[%zu]", i.index);
        }
        if (parameter_value(i.value).data == NULL) {
            return api_error_set(
                    err, API_BAD_REQUEST, "parameters[%zu].value: expected a string", i.index);
        }
    }
    return true;
}

bool proxy_request_read(struct call *call, struct proxy_request *out, struct error *err)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", NULL};
    struct proxy_request request = {
            .parameters = json_get(call->body, "parameters"), .body = json_get(call->body, "body")};
    if (!field_required(call->body, "endpoint", &request.endpoint, err) ||
            !field_required(call->body, "method", &request.method, err) ||
            !field_choice(call->body, "method", methods, &request.method, err) ||
            !check_parameters(request.parameters, err)) {
        return false;
    }
    if (strlen(request.endpoint) > ENDPOINT_BYTES_MAX) {
        return api_error_set(
                err, API_BAD_REQUEST, "endpoint: expected at most %d bytes", ENDPOINT_BYTES_MAX);
    }
    if (json_get(call->body, "binary_body") != NULL) {
        return api_error_set(err, API_NOT_IMPLEMENTED,
                "No path that the sandbox answers takes a binary body; send body");
    }
    if (json_get(call->body, "custom_connection_data") != NULL) {
        return api_error_set(err, API_NOT_IMPLEMENTED,
                "The sandbox's providers know connected accounts only; send connected_account_id");
    }
    *out = request;
    return true;
}

/* ---- where it goes ---- */

struct target {
    struct slice host, path, query;
};

/* Of an absolute URL of https. False: it is none. */
static bool target_read(struct slice url, struct target *out)
{
    if (!slice_starts(url, "https://")) {
        return false;
    }
    struct target target = {.host = slice_skip(url, strlen("https://"))};
    target.host.length = strcspn(target.host.data, "/?#\\");
    struct slice rest = slice_skip(target.host, target.host.length);
    rest.length = strcspn(rest.data, "#"); /* the URL ends with a NUL */
    target.path = slice_split(&rest, '?');
    target.query = rest;
    *out = target;
    return target.host.length > 0 && memchr(target.host.data, '@', target.host.length) == NULL;
}

/* The last two labels: none of the toolkits is under a longer public suffix. */
static struct slice registrable_domain(struct slice host)
{
    int dots = 0;
    size_t at = host.length;
    while (at > 0 && (host.data[at - 1] != '.' || ++dots < 2)) {
        at--;
    }
    return slice_skip(host, at);
}

/* The endpoint, a path being under the toolkit's base URL. False: PROXY_ORIGIN. `*known_out`: it is the API's own host. */
static MUST_CHECK bool target_find(struct call *call, const struct toolkit *toolkit,
        const char *endpoint, struct target *out, bool *known_out, struct error *err)
{
    const char *base_url = json_text(json_get(toolkit->json, "base_url"));
    bool absolute = strstr(endpoint, "://") != NULL || strncmp(endpoint, "//", 2) == 0;
    const char *url = absolute ? endpoint
                               : mem_printf(call->memory, "%s%s%s", base_url,
                                         endpoint[0] == '/' ? "" : "/", endpoint);
    struct target base;
    bool good = target_read(slice_of(base_url), &base);
    assert(good);
    if (!target_read(slice_of(url), out)) {
        return api_error_set(err, API_PROXY_ORIGIN,
                "endpoint: expected an https URL, or a path under %s", base_url);
    }
    const char *domain = mem_printf(call->memory, "%.*s", SLICE_ARG(registrable_domain(base.host)));
    if (!slice_is_nocase(registrable_domain(out->host), domain)) {
        return api_error_set(err, API_PROXY_ORIGIN,
                "The endpoint's host is not of %s, the domain of toolkit %s", domain,
                toolkit->slug);
    }
    *known_out =
            slice_is_nocase(out->host, mem_strndup(call->memory, base.host.data, base.host.length));
    return true;
}

/* ---- its arguments ---- */

static void write_argument(
        struct tool_call *tool, struct json_writer *json, struct slice name, struct slice value)
{
    const struct json *properties = json_get(tool->tool->input, "properties");
    const struct json *property =
            json_get(properties, mem_strndup(tool->memory, name.data, name.length));
    json_write_name_slice(json, name);
    text_value_write(tool->memory, json, json_text(json_get(property, "type")), value);
}

static void write_query(struct tool_call *tool, struct json_writer *json, struct slice query)
{
    while (query.data != NULL) {
        struct slice value = slice_split(&query, '&');
        struct slice name = slice_split(&value, '=');
        if (name.length > 0 && http_url_decode(tool->memory, name, true, &name) &&
                http_url_decode(tool->memory, value, true, &value)) {
            write_argument(tool, json, name, value);
        }
    }
}

/* The provider's defaults, the query, the body, the path: of members of one name the last counts. */
static MUST_CHECK bool build_arguments(struct tool_call *tool, const struct proxy_route *route,
        const struct proxy_request *request, struct slice query, const char *const *values,
        struct error *err)
{
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, tool->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    if (route->default_name != NULL) {
        write_int_member(&json, route->default_name, route->default_value);
    }
    write_query(tool, &json, query);
    for (struct json_iterator i = json_iterate(request->parameters); json_next(&i);) {
        if (slice_is(json_string(json_get(i.value, "type")), "query")) {
            write_argument(
                    tool, &json, json_string(json_get(i.value, "name")), parameter_value(i.value));
        }
    }
    if (json_type(request->body) == JSON_OBJECT) {
        write_members_of(&json, request->body);
    }
    for (size_t i = 0; i < PROXY_PATH_VALUES_MAX && route->arguments[i] != NULL; i++) {
        write_argument(tool, &json, slice_of(route->arguments[i]), slice_of(values[i]));
    }
    json_end_object(&json);
    if (out.overflow) {
        return api_error_set(err, API_BAD_REQUEST, "The request is too large");
    }
    return json_parse(tool->memory, buffer_slice(&out), &tool->arguments, err);
}

/* ---- the answer ---- */

static const char *renamed(const struct proxy_route *route, struct slice name)
{
    for (size_t i = 0; i < sizeof route->renames / sizeof route->renames[0]; i++) {
        if (route->renames[i].from != NULL && slice_is(name, route->renames[i].from)) {
            return route->renames[i].to;
        }
    }
    return NULL;
}

/* The tool's data as the provider has it. */
static void write_native(struct json_writer *json, const struct json *data,
        const struct proxy_provider *provider, const struct proxy_route *route)
{
    json_begin_object(json);
    for (struct json_iterator i = json_iterate(data); json_next(&i);) {
        const char *name = renamed(route, i.name);
        if (!provider->omits_null || json_type(i.value) != JSON_NULL) {
            json_write_name_slice(json, name == NULL ? i.name : slice_of(name));
            json_write_value(json, i.value);
        }
    }
    json_end_object(json);
}

/* {data, status, headers}; `data` NULL: the answer has no body. */
static void write_answer(struct call *call, struct slice data, int status)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    if (data.data != NULL) {
        json_write_name(json, "data");
        json_write_raw(json, data);
    }
    write_int_member(json, "status", status);
    json_write_name(json, "headers");
    json_begin_object(json);
    if (data.data != NULL) {
        write_text_member(json, "content-type", "application/json; charset=utf-8");
    }
    json_end_object(json);
    json_end_object(json);
}

static void answer_refusal(struct call *call, const struct proxy_provider *provider,
        const struct proxy_request *request, int status, const char *message)
{
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &out);
    status = provider->refuse(&json, status, message);
    bool bodiless = strcmp(request->method, "HEAD") == 0;
    write_answer(call, bodiless ? (struct slice){NULL, 0} : buffer_slice(&out), status);
}

static MUST_CHECK bool answer_data(struct call *call, struct tool_call *tool,
        const struct proxy_provider *provider, const struct proxy_route *route,
        const struct proxy_request *request, struct error *err)
{
    struct buffer out;
    struct json_writer json;
    const struct json *data;
    json_end_object(&tool->json);
    if (tool->out.overflow || !json_parse(call->memory, buffer_slice(&tool->out), &data, err)) {
        return api_error_set(err, API_INTERNAL, "The provider's answer is too large");
    }
    buffer_init(&out, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &out);
    write_native(&json, data, provider, route);
    bool bodiless = route->status == 204 || strcmp(request->method, "HEAD") == 0;
    write_answer(call, bodiless ? (struct slice){NULL, 0} : buffer_slice(&out),
            route->status == 0 ? 200 : route->status);
    return true;
}

SUSPENDS static MUST_CHECK bool run_route(
        struct tool_call *tool, const struct proxy_route *route, struct error *err)
{
    if (route->run == NULL) {
        const char *problem = arguments_problem(tool->memory, tool->tool->input, tool->arguments);
        if (problem != NULL) {
            return tool_fail(tool, 400, "%s", problem);
        }
    }
    tool_emulator *run = route->run == NULL ? execution_emulator(tool->tool) : route->run;
    return world_open(tool, err) && run(tool, err);
}

/* 422 for whatever state; 410 is not among the proxy's answers. */
static MUST_CHECK bool account_usable(const struct account *account, struct error *err)
{
    if (strcmp(account->status, "ACTIVE") != 0 || account->auth_config.disabled) {
        return api_error_set(err, API_EXECUTE_NOT_ACTIVE, "Connected account %s is in %s state%s",
                account->id, account->status,
                account->auth_config.disabled ? ", and its auth config is disabled" : "");
    }
    return true;
}

bool proxy_run(struct call *call, const struct account *account,
        const struct proxy_request *request, struct error *err)
{
    const struct catalog *catalog = call->sandbox->catalog;
    const struct toolkit *toolkit = catalog_toolkit(catalog, account->auth_config.toolkit);
    const struct proxy_provider *provider = proxy_provider(account->auth_config.toolkit);
    const char *values[PROXY_PATH_VALUES_MAX] = {NULL};
    struct target target;
    bool known = false;
    assert(toolkit != NULL && provider != NULL);
    if (!account_usable(account, err) ||
            !target_find(call, toolkit, request->endpoint, &target, &known, err)) {
        return false;
    }
    const struct proxy_route *route =
            known ? proxy_route_find(call->memory, provider, request->method, target.path, values)
                  : NULL;
    if (route == NULL) {
        answer_refusal(call, provider, request, 404, provider->not_found);
        return true;
    }
    assert(account->email != NULL); /* whatever makes an account ACTIVE says who it is */
    struct tool_call tool = {.call = call,
            .memory = call->memory,
            .now_ms = call->now_ms,
            .tool = catalog_tool(catalog, route->tool),
            .email = account->email,
            .world = world_id(call->memory, account->user_id, toolkit->slug, account->email)};
    execution_begin(&tool);
    if (!build_arguments(&tool, route, request, target.query, values, err) ||
            !run_route(&tool, route, err)) {
        return false;
    }
    if (tool.failure != NULL) {
        answer_refusal(call, provider, request, tool.failure_status, tool.failure);
        return true;
    }
    return answer_data(call, &tool, provider, route, request, err);
}

/* ---- POST /tools/execute/proxy ---- */

bool tool_proxy(struct call *call, struct error *err)
{
    struct proxy_request request;
    struct account account;
    const char *account_id;
    if (!proxy_request_read(call, &request, err) ||
            !field_text(call->body, "connected_account_id", &account_id, err)) {
        return false;
    }
    if (account_id == NULL) {
        return api_error_set(err, API_PROXY_NO_ACCOUNT,
                "connected_account_id: required, to know as whom to call");
    }
    return account_find(call, account_id, &account, err) && account_usable(&account, err) &&
           proxy_run(call, &account, &request, err);
}
