#include "sandbox/mcp/mcp_endpoint.h"

#include "sandbox/mcp/mcp_methods.h"
#include "sandbox/mcp/mcp_session.h"

#define BATCH_MAX 100

/* ---- refusals ---- */

/* True, for `return refuse(…)`. */
static bool refuse(struct call *call, int status, enum rpc_code code, const char *text)
{
    call->status = status;
    message_write_error(&call->json, NULL, code, text);
    return true;
}

static bool answer_empty(struct call *call, int status)
{
    call->status = status;
    call->content_type = NULL;
    return true;
}

/* ---- browsers ---- */

/* http://localhost:6274, where the MCP Inspector's page is, and the like. */
static bool is_of_this_machine(struct slice origin)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
    bool tls = slice_starts(origin, "https://");
    if (!tls && !slice_starts(origin, "http://")) {
        return false;
    }
    struct slice host = slice_skip(origin, strlen(tls ? "https://" : "http://"));
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        size_t length = strlen(hosts[i]);
        if (slice_starts(host, hosts[i]) && (host.length == length || host.data[length] == ':')) {
            return true;
        }
    }
    return false;
}

bool mcp_check_origin(struct call *call, struct error *err)
{
    struct slice origin = http_request_header(call->request, "origin");
    if (origin.data == NULL) {
        return true;
    }
    if (!slice_is(origin, call->sandbox->public_url) && !is_of_this_machine(origin)) {
        return api_error_set(err, API_FORBIDDEN, "Invalid Origin header");
    }
    call_add_header(call, "Access-Control-Allow-Origin",
            mem_strndup(call->memory, origin.data, origin.length));
    call_add_header(call, "Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate");
    call_add_header(call, "Vary", "Origin");
    return true;
}

bool mcp_preflight(struct call *call)
{
    if (!slice_is(call->request->method, "OPTIONS")) {
        return false;
    }
    call_add_header(call, "Access-Control-Allow-Methods", "GET, POST, DELETE");
    call_add_header(call, "Access-Control-Allow-Headers",
            "Content-Type, Accept, Authorization, X-API-Key, MCP-Protocol-Version, "
            "Mcp-Session-Id, Last-Event-ID");
    return answer_empty(call, 204);
}

/* ---- what the headers say ---- */

/* Is the media type in the list? Parameters are passed over, wildcards do not count: the official server wants the
 * two types by name. */
static bool accepts(struct slice list, const char *type)
{
    while (list.data != NULL) {
        struct slice item = slice_split(&list, ',');
        if (slice_is_nocase(slice_trim(slice_split(&item, ';')), type)) {
            return true;
        }
    }
    return false;
}

/* False: refused. */
static bool check_media_types(struct call *call)
{
    struct slice accept = http_request_header(call->request, "accept");
    struct slice type = http_request_header(call->request, "content-type");
    if (!accepts(accept, "application/json") || !accepts(accept, "text/event-stream")) {
        refuse(call, 406, RPC_REFUSED,
                "Not Acceptable: Client must accept both application/json and text/event-stream");
        return false;
    }
    if (!slice_is_nocase(slice_trim(slice_split(&type, ';')), "application/json")) {
        refuse(call, 415, RPC_REFUSED,
                "Unsupported Media Type: Content-Type must be application/json");
        return false;
    }
    return true;
}

/* False: refused. *version_out is the revision by which the request is to be read. */
static bool check_session(
        struct call *call, const struct mcp_view *view, bool initialize, const char **version_out)
{
    struct slice id = http_request_header(call->request, "mcp-session-id");
    struct slice header = http_request_header(call->request, "mcp-protocol-version");
    const char *version = NULL;
    if (id.data != NULL) {
        version = mcp_session_version(call->sandbox->mcp_sessions, id, view->scope);
        if (version == NULL) {
            refuse(call, 404, RPC_NO_SESSION, "Session not found");
            return false;
        }
        if (initialize) {
            refuse(call, 400, RPC_INVALID_REQUEST, "Invalid Request: Server already initialized");
            return false;
        }
    }
    if (header.data != NULL && !initialize) {
        version = mcp_version_served(header);
        if (version == NULL) {
            refuse(call, 400, RPC_REFUSED,
                    mem_printf(call->memory,
                            "Bad Request: Unsupported protocol version (supported versions: %s)",
                            mcp_versions_text(call->memory)));
            return false;
        }
    }
    *version_out = version == NULL ? MCP_VERSION_ASSUMED : version;
    return true;
}

/* ---- what the body says ---- */

struct messages {
    const struct json **items;
    size_t count;
    bool batch, initialize;
    size_t requests;
};

/* False: refused. */
static bool read_messages(struct call *call, struct messages *out)
{
    struct error err = {0};
    const struct json *body;
    if (!json_parse(call->memory, call->request->body, &body, &err)) {
        refuse(call, 400, RPC_PARSE_ERROR, "Parse error: Invalid JSON");
        return false;
    }
    *out = (struct messages){.batch = json_type(body) == JSON_ARRAY};
    size_t count = out->batch ? json_count(body) : 1;
    if (count == 0 || count > BATCH_MAX) {
        refuse(call, 400, RPC_INVALID_REQUEST, "Invalid Request: expected 1 to 100 messages");
        return false;
    }
    out->items = mem_array(call->memory, const struct json *, count);
    out->items[0] = body;
    out->count = count;
    for (struct json_iterator i = json_iterate(out->batch ? body : NULL); json_next(&i);) {
        out->items[i.index] = i.value;
    }
    for (size_t i = 0; i < count; i++) {
        enum message_kind kind = message_kind_of(out->items[i]);
        if (kind == MESSAGE_INVALID) {
            refuse(call, 400, RPC_INVALID_REQUEST, "Invalid Request: no JSON-RPC 2.0 message");
            return false;
        }
        out->requests += kind == MESSAGE_REQUEST ? 1 : 0;
        out->initialize = out->initialize || message_is_initialize(out->items[i]);
    }
    return true;
}

/* False: refused. */
static bool check_batch(struct call *call, const struct messages *messages, const char *version)
{
    if (messages->initialize && messages->count > 1) {
        refuse(call, 400, RPC_INVALID_REQUEST,
                "Invalid Request: Only one initialization request is allowed");
        return false;
    }
    if (messages->batch && !messages->initialize && !mcp_version_has_batches(version)) {
        refuse(call, 400, RPC_INVALID_REQUEST,
                "Invalid Request: this revision of the protocol has no batches");
        return false;
    }
    return true;
}

/* ---- the methods of HTTP ---- */

SUSPENDS static void answer_requests(
        struct call *call, const struct mcp_view *view, const struct messages *messages)
{
    const char *agreed = NULL;
    call->content_type = "text/event-stream";
    call_add_header(call, "Cache-Control", "no-cache, no-transform");
    for (size_t i = 0; i < messages->count && !call->out.overflow; i++) {
        if (message_kind_of(messages->items[i]) != MESSAGE_REQUEST) {
            continue;
        }
        buffer_add_text(&call->out, "event: message\ndata: ");
        json_writer_init(&call->json, &call->out);
        message_answer(call, view, messages->items[i], &call->json, &agreed);
        buffer_add_text(&call->out, "\n\n");
    }
    if (agreed != NULL) {
        call_add_header(call, "Mcp-Session-Id",
                mcp_session_open(call->sandbox->mcp_sessions, call->memory, view->scope, agreed));
    }
}

SUSPENDS static bool serve_post(struct call *call, const struct mcp_view *view)
{
    struct messages messages;
    const char *version;
    if (!check_media_types(call) || !read_messages(call, &messages) ||
            !check_session(call, view, messages.initialize, &version) ||
            !check_batch(call, &messages, version)) {
        return true;
    }
    if (messages.requests == 0) {
        return answer_empty(call, 202);
    }
    answer_requests(call, view, &messages);
    return true;
}

static bool serve_delete(struct call *call, const struct mcp_view *view)
{
    struct slice id = http_request_header(call->request, "mcp-session-id");
    if (id.data == NULL) {
        return refuse(call, 400, RPC_REFUSED, "Bad Request: Mcp-Session-Id header is required");
    }
    if (!mcp_session_close(call->sandbox->mcp_sessions, id, view->scope)) {
        return refuse(call, 404, RPC_NO_SESSION, "Session not found");
    }
    return answer_empty(call, 200);
}

bool mcp_serve(struct call *call, const struct mcp_view *view)
{
    if (slice_is(call->request->method, "POST")) {
        return serve_post(call, view);
    }
    if (slice_is(call->request->method, "DELETE")) {
        return serve_delete(call, view);
    }
    call_add_header(call, "Allow", "POST, DELETE");
    return refuse(call, 405, RPC_REFUSED, "Method not allowed.");
}
