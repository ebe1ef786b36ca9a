/* The wire of MCP endpoints, against a list of tools made here: what is refused and how, revisions, batches, pages, sessions.
 * tests/clients/sandbox-mcp.test.mjs has the official client against the whole. */
#include "sandbox/mcp/mcp_endpoint.h"
#include "sandbox/mcp/mcp_session.h"
#include "testing/test.h"

#define LISTED 250
#define BOTH   "application/json, text/event-stream"

/* ---- a server of 250 tools, and one request to it ---- */

struct probe {
    void *owner;
    struct sandbox sandbox;
    struct mcp_tool *tools;
    struct mcp_view view;
    struct http_request request;
    struct http_header headers[8];
    struct call call;
    int runs;
};

static bool run(struct call *call, const struct mcp_view *view, const struct mcp_tool *tool,
        const struct json *arguments, struct mcp_result *out, struct error *err)
{
    struct probe *probe = view->context;
    probe->runs++;
    if (strcmp(tool->name, "TOOL_1") == 0) {
        return api_error_set(
                err, API_EXECUTE_EXPIRED, "Connected account ca_1 is in EXPIRED state");
    }
    if (strcmp(tool->name, "TOOL_2") == 0) {
        return error_set(err, ERROR_INTERNAL_SERVER_ERROR, "DATABASE", "disk full");
    }
    if (strcmp(tool->name, "TOOL_3") == 0) {
        *out = (struct mcp_result){SLICE("{\"successful\":false}"), true};
        return true;
    }
    *out = (struct mcp_result){
            .text = arguments == NULL ? SLICE("{}") : json_to_text(call->memory, arguments)};
    return true;
}

static void open_probe(struct probe *probe)
{
    *probe = (struct probe){.owner = mem_scope_new(NULL, "probe")};
    probe->sandbox.public_url = "https://sandbox.example";
    probe->sandbox.mcp_sessions = mcp_sessions_new(probe->owner);
    probe->tools = mem_array(probe->owner, struct mcp_tool, LISTED);
    for (int i = 0; i < LISTED; i++) {
        probe->tools[i] = (struct mcp_tool){
                .name = mem_printf(probe->owner, "TOOL_%d", i), .description = "A tool"};
    }
    probe->view = (struct mcp_view){.scope = "one",
            .server_name = "probe",
            .tools = probe->tools,
            .tool_count = LISTED,
            .run = run,
            .context = probe};
}

/* NULL takes a header away. */
static void set_header(struct probe *probe, const char *name, const char *value)
{
    struct http_request *request = &probe->request;
    size_t at = 0;
    while (at < request->header_count && !slice_is(probe->headers[at].name, name)) {
        at++;
    }
    if (value == NULL) {
        ck_assert_uint_lt(at, request->header_count);
        probe->headers[at] = probe->headers[--request->header_count];
        return;
    }
    ck_assert_uint_lt(at, sizeof probe->headers / sizeof probe->headers[0]);
    probe->headers[at] = (struct http_header){slice_of(name), slice_of(value)};
    request->header_count += at == request->header_count ? 1 : 0;
    request->headers = probe->headers;
}

static void begin_request(struct probe *probe, const char *method, const char *body)
{
    probe->request = (struct http_request){
            .memory = probe->owner, .method = slice_of(method), .body = slice_of(body)};
    set_header(probe, "accept", BOTH);
    set_header(probe, "content-type", "application/json");
}

static void serve(struct probe *probe)
{
    call_init(&probe->call, &probe->sandbox, &probe->request);
    ck_assert(mcp_serve(&probe->call, &probe->view));
}

static void post(struct probe *probe, const char *body)
{
    begin_request(probe, "POST", body);
    serve(probe);
}

/* The header of the answer; NULL: none. */
static const char *answer_header(const struct probe *probe, const char *name)
{
    for (size_t i = 0; i < probe->call.header_count; i++) {
        if (slice_is_nocase(probe->call.headers[i].name, name)) {
            return probe->call.headers[i].value.data;
        }
    }
    return NULL;
}

/* The message number `index` of the event stream, or the refusal's. */
static const struct json *message(struct probe *probe, size_t index)
{
    static const char frame[] = "event: message\ndata: ";
    const char *at = buffer_text(&probe->call.out);
    size_t length = strlen(at);
    if (probe->call.status == 200) {
        ck_assert_str_eq(probe->call.content_type, "text/event-stream");
        for (size_t i = 0; i <= index; i++) {
            at = strstr(at, frame);
            ck_assert_msg(at != NULL, "there is no message %zu", i);
            at += strlen(frame);
        }
        length = (size_t)(strstr(at, "\n\n") - at);
    }
    const struct json *value;
    struct error err = {0};
    ck_assert_msg(json_parse(probe->owner, (struct slice){at, length}, &value, &err), "%s", at);
    ck_assert(slice_is(json_string(json_get(value, "jsonrpc")), "2.0"));
    return value;
}

static int error_code(const struct json *message)
{
    int64_t code = 0;
    json_int(json_get(json_get(message, "error"), "code"), &code);
    return (int)code;
}

/* ---- initialize ---- */

#define INITIALIZE(version)                                                                   \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"                    \
    "\"protocolVersion\":\"" version "\",\"capabilities\":{},\"clientInfo\":{\"name\":\"t\"," \
    "\"version\":\"1\"}}}"

static const struct {
    const char *name, *asked, *agreed;
} negotiations[] = {
        {"initialize 2025-11-25", INITIALIZE("2025-11-25"), "2025-11-25"},
        {"initialize 2025-06-18", INITIALIZE("2025-06-18"), "2025-06-18"},
        {"initialize 2025-03-26", INITIALIZE("2025-03-26"), "2025-03-26"},
        {"initialize 2024-11-05", INITIALIZE("2024-11-05"), "2024-11-05"},
        {"initialize with a revision of the future", INITIALIZE("2026-07-28"), "2025-11-25"},
        {"initialize with nonsense", INITIALIZE("x"), "2025-11-25"},
};

START_TEST(negotiation_row)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, negotiations[_i].asked);
    const struct json *result = json_get(message(&probe, 0), "result");
    ck_assert_str_eq(json_text(json_get(result, "protocolVersion")), negotiations[_i].agreed);
    ck_assert_str_eq(json_text(json_get(json_get(result, "serverInfo"), "name")), "probe");
    ck_assert_int_eq(json_type(json_get(json_get(result, "capabilities"), "tools")), JSON_OBJECT);
    ck_assert_ptr_nonnull(answer_header(&probe, "mcp-session-id"));
    mem_free(probe.owner);
}
END_TEST

/* ---- one message, one answer ---- */

#define REQUEST(method, params) \
    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" method "\",\"params\":" params "}"

static const struct {
    const char *name, *body;
    int status, code; /* code 0: a result */
} bodies[] = {
        {"ping", REQUEST("ping", "{}"), 200, 0},
        {"ping with an id of text", "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\"}", 200,
                0},
        {"tools/list", REQUEST("tools/list", "{}"), 200, 0},
        {"tools/call", REQUEST("tools/call", "{\"name\":\"TOOL_5\",\"arguments\":{}}"), 200, 0},
        {"tools/call without arguments", REQUEST("tools/call", "{\"name\":\"TOOL_5\"}"), 200, 0},
        {"tools/call of a tool not listed", REQUEST("tools/call", "{\"name\":\"tool_5\"}"), 200,
                -32602},
        {"tools/call without a name", REQUEST("tools/call", "{}"), 200, -32602},
        {"tools/call with a list of arguments",
                REQUEST("tools/call", "{\"name\":\"TOOL_5\",\"arguments\":[]}"), 200, -32602},
        {"tools/call with arguments null",
                REQUEST("tools/call", "{\"name\":\"TOOL_5\",\"arguments\":null}"), 200, -32602},
        {"tools/call when the sandbox fails", REQUEST("tools/call", "{\"name\":\"TOOL_2\"}"), 200,
                -32603},
        {"parameters by position", REQUEST("tools/list", "[]"), 200, -32602},
        {"cursor of no list", REQUEST("tools/list", "{\"cursor\":\"x\"}"), 200, -32602},
        {"cursor that is empty", REQUEST("tools/list", "{\"cursor\":\"\"}"), 200, -32602},
        {"cursor that is a number", REQUEST("tools/list", "{\"cursor\":2}"), 200, -32602},
        {"cursor behind the end", REQUEST("tools/list", "{\"cursor\":\"NC0xMDA=\"}"), 200, -32602},
        {"cursor of other pages", REQUEST("tools/list", "{\"cursor\":\"Mi0xMA==\"}"), 200, -32602},
        {"resources/list", REQUEST("resources/list", "{}"), 200, -32601},
        {"prompts/list", REQUEST("prompts/list", "{}"), 200, -32601},
        {"logging/setLevel", REQUEST("logging/setLevel", "{}"), 200, -32601},
        {"a method with a NUL", REQUEST("ping\\u0000", "{}"), 200, -32601},
        {"initialize without parameters",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}", 200, -32602},
        {"initialize without a client",
                REQUEST("initialize", "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}}"),
                200, -32602},
        {"empty body", "", 400, -32700},
        {"no JSON", "{\"jsonrpc\":", 400, -32700},
        {"JSON and more", REQUEST("ping", "{}") "x", 400, -32700},
        {"a text", "\"ping\"", 400, -32600},
        {"null", "null", 400, -32600},
        {"no version", "{\"id\":1,\"method\":\"ping\"}", 400, -32600},
        {"version 1.0", "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", 400, -32600},
        {"version as a number", "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}", 400, -32600},
        {"id null", "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", 400, -32600},
        {"id with a fraction", "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", 400, -32600},
        {"id that is an object", "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", 400,
                -32600},
        {"method that is a number", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}", 400, -32600},
        {"neither method nor result", "{\"jsonrpc\":\"2.0\",\"id\":1}", 400, -32600},
        {"result and error", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{}}", 400,
                -32600},
        {"empty batch", "[]", 400, -32600},
        {"batch with nonsense in it", "[" REQUEST("ping", "{}") ",1]", 400, -32600},
        {"initialize in a batch", "[" INITIALIZE("2025-03-26") "," REQUEST("ping", "{}") "]", 400,
                -32600},
};

START_TEST(body_row)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, bodies[_i].body);
    const struct json *answer = message(&probe, 0);
    ck_assert_int_eq(probe.call.status, bodies[_i].status);
    ck_assert_int_eq(error_code(answer), bodies[_i].code);
    ck_assert_int_eq(json_get(answer, "result") != NULL, bodies[_i].code == 0);
    /* A refusal of the transport has no id to name, anything else names the request's. */
    ck_assert_int_eq(json_type(json_get(answer, "id")) == JSON_NULL, bodies[_i].status == 400);
    mem_free(probe.owner);
}
END_TEST

static const struct {
    const char *name, *body;
} silent[] = {
        {"a notification", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"},
        {"an unknown notification", "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":{}}"},
        {"a notification named as a request", "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\","
                                              "\"params\":{\"name\":\"TOOL_5\"}}"},
        {"a response", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"},
        {"a response that is an error", "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1}}"},
        {"a batch of both", "[{\"jsonrpc\":\"2.0\",\"method\":\"x\"},"
                            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}]"},
};

START_TEST(silent_row)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, silent[_i].body);
    ck_assert_int_eq(probe.call.status, 202);
    ck_assert_uint_eq(probe.call.out.length, 0);
    ck_assert_ptr_null(probe.call.content_type);
    ck_assert_int_eq(probe.runs, 0);
    mem_free(probe.owner);
}
END_TEST

START_TEST(ping_is_an_empty_object)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, "{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"method\":\"ping\"}");
    ck_assert_str_eq(buffer_text(&probe.call.out),
            "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"result\":{}}\n\n");
    mem_free(probe.owner);
}
END_TEST

/* ---- headers ---- */

static const struct {
    const char *name, *header, *value; /* value NULL: without it */
    int status, code;
} headers[] = {
        {"no accept", "accept", NULL, 406, -32000},
        {"accept of JSON only", "accept", "application/json", 406, -32000},
        {"accept of streams only", "accept", "text/event-stream", 406, -32000},
        {"accept of anything", "accept", "*/*", 406, -32000},
        {"accept in capitals, with weights", "accept",
                "Text/Event-Stream;q=0.5 ,Application/JSON; q=1", 200, 0},
        {"no content type", "content-type", NULL, 415, -32000},
        {"content type of text", "content-type", "text/plain", 415, -32000},
        {"content type of another JSON", "content-type", "application/json-patch", 415, -32000},
        {"content type with a charset", "content-type", "application/json ; charset=utf-8", 200, 0},
        {"revision of now", "mcp-protocol-version", "2025-11-25", 200, 0},
        {"revision of the future", "mcp-protocol-version", "2026-07-28", 400, -32000},
        {"revision that is nonsense", "mcp-protocol-version", "1", 400, -32000},
        {"empty revision", "mcp-protocol-version", "", 400, -32000},
        {"session unknown", "mcp-session-id", "00000000-0000-4000-8000-000000000000", 404, -32001},
        {"session empty", "mcp-session-id", "", 404, -32001},
};

START_TEST(header_row)
{
    struct probe probe;
    open_probe(&probe);
    begin_request(&probe, "POST", REQUEST("ping", "{}"));
    set_header(&probe, headers[_i].header, headers[_i].value);
    serve(&probe);
    ck_assert_int_eq(probe.call.status, headers[_i].status);
    ck_assert_int_eq(error_code(message(&probe, 0)), headers[_i].code);
    mem_free(probe.owner);
}
END_TEST

START_TEST(initialize_may_come_with_any_revision)
{
    struct probe probe;
    open_probe(&probe);
    begin_request(&probe, "POST", INITIALIZE("2025-06-18"));
    set_header(&probe, "mcp-protocol-version", "2026-07-28");
    serve(&probe);
    ck_assert_int_eq(probe.call.status, 200);
    ck_assert_int_eq(error_code(message(&probe, 0)), 0);
    mem_free(probe.owner);
}
END_TEST

/* ---- batches ---- */

#define TWO                                                              \
    "[" REQUEST("ping", "{}") ",{\"jsonrpc\":\"2.0\",\"method\":\"x\"}," \
                              "{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"method\":\"none\"}]"

START_TEST(batch_of_the_revision_that_has_them)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, TWO); /* without a header it is 2025-03-26 */
    ck_assert_int_eq(error_code(message(&probe, 0)), 0);
    ck_assert_int_eq(error_code(message(&probe, 1)), -32601);
    ck_assert_str_eq(json_text(json_get(message(&probe, 1), "id")), "b");
    ck_assert_ptr_null(strstr(strstr(buffer_text(&probe.call.out), "\"b\""), "event:"));
    mem_free(probe.owner);
}
END_TEST

START_TEST(batch_of_later_revisions)
{
    static const char *const revisions[] = {"2025-06-18", "2025-11-25"};
    struct probe probe;
    open_probe(&probe);
    for (size_t i = 0; i < 2; i++) {
        begin_request(&probe, "POST", TWO);
        set_header(&probe, "mcp-protocol-version", revisions[i]);
        serve(&probe);
        ck_assert_int_eq(probe.call.status, 400);
        ck_assert_int_eq(error_code(message(&probe, 0)), -32600);
    }
    mem_free(probe.owner);
}
END_TEST

START_TEST(batch_in_a_session_of_a_later_revision)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, INITIALIZE("2025-11-25"));
    const char *session = answer_header(&probe, "mcp-session-id");
    begin_request(&probe, "POST", TWO);
    set_header(&probe, "mcp-session-id", session);
    serve(&probe);
    ck_assert_int_eq(probe.call.status, 400);
    ck_assert_int_eq(error_code(message(&probe, 0)), -32600);
    mem_free(probe.owner);
}
END_TEST

START_TEST(batch_of_too_many)
{
    struct probe probe;
    struct buffer body;
    open_probe(&probe);
    buffer_init(&body, probe.owner, 64 * 1024);
    buffer_add_text(&body, "[" REQUEST("ping", "{}"));
    for (int i = 0; i < 100; i++) {
        buffer_add_text(&body, "," REQUEST("ping", "{}"));
    }
    buffer_add_text(&body, "]");
    post(&probe, buffer_text(&body));
    ck_assert_int_eq(probe.call.status, 400);
    ck_assert_int_eq(error_code(message(&probe, 0)), -32600);
    mem_free(probe.owner);
}
END_TEST

/* ---- tools ---- */

START_TEST(pages_have_every_tool_once)
{
    struct probe probe;
    char seen[LISTED] = {0};
    size_t pages = 0;
    open_probe(&probe);
    const char *parameters = "{}";
    while (parameters != NULL) {
        post(&probe, mem_printf(probe.owner,
                             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
                             "\"params\":%s}",
                             parameters));
        const struct json *result = json_get(message(&probe, 0), "result");
        for (struct json_iterator i = json_iterate(json_get(result, "tools")); json_next(&i);) {
            seen[atoi(json_text(json_get(i.value, "name")) + strlen("TOOL_"))]++;
            const struct json *schema = json_get(i.value, "inputSchema");
            ck_assert_str_eq(json_text(json_get(schema, "type")), "object");
        }
        const char *cursor = json_text(json_get(result, "nextCursor"));
        parameters = cursor == NULL ? NULL : mem_printf(probe.owner, "{\"cursor\":\"%s\"}", cursor);
        ck_assert_uint_lt(pages++, 4);
    }
    ck_assert_uint_eq(pages, 3);
    for (int i = 0; i < LISTED; i++) {
        ck_assert_int_eq(seen[i], 1);
    }
    mem_free(probe.owner);
}
END_TEST

START_TEST(list_of_no_tools)
{
    struct probe probe;
    open_probe(&probe);
    probe.view.tool_count = 0;
    post(&probe, REQUEST("tools/list", "{}"));
    const struct json *result = json_get(message(&probe, 0), "result");
    ck_assert_int_eq(json_type(json_get(result, "tools")), JSON_ARRAY);
    ck_assert_uint_eq(json_count(json_get(result, "tools")), 0);
    ck_assert_ptr_null(json_get(result, "nextCursor"));
    mem_free(probe.owner);
}
END_TEST

START_TEST(tags_become_annotations)
{
    struct probe probe;
    struct error err = {0};
    open_probe(&probe);
    ck_assert(json_parse(probe.owner, SLICE("[\"important\",\"readOnlyHint\",\"Hint\",1]"),
            &probe.tools[0].tags, &err));
    probe.tools[0].title = "First";
    post(&probe, REQUEST("tools/list", "{}"));
    const struct json *tools = json_get(json_get(message(&probe, 0), "result"), "tools");
    struct json_iterator first = json_iterate(tools);
    ck_assert(json_next(&first));
    struct slice text = json_to_text(probe.owner, json_get(first.value, "annotations"));
    ck_assert(slice_is(text, "{\"title\":\"First\",\"readOnlyHint\":true}"));
    mem_free(probe.owner);
}
END_TEST

/* The text of a tool's result, which must be JSON; *failed_out is its isError. */
static const struct json *call_tool(struct probe *probe, const char *parameters, bool *failed_out)
{
    post(probe, mem_printf(probe->owner,
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":%s}",
                        parameters));
    const struct json *result = json_get(message(probe, 0), "result"), *value;
    struct json_iterator content = json_iterate(json_get(result, "content"));
    struct error err = {0};
    ck_assert(json_next(&content));
    ck_assert_str_eq(json_text(json_get(content.value, "type")), "text");
    ck_assert(json_parse(probe->owner, json_string(json_get(content.value, "text")), &value, &err));
    *failed_out = json_bool(json_get(result, "isError"), false);
    return value;
}

START_TEST(arguments_reach_the_tool_and_lines_keep_the_frame)
{
    struct probe probe;
    bool failed;
    open_probe(&probe);
    const struct json *value =
            call_tool(&probe, "{\"name\":\"TOOL_9\",\"arguments\":{\"a\":\"1\\n\\n2\"}}", &failed);
    ck_assert_str_eq(json_text(json_get(value, "a")), "1\n\n2");
    ck_assert(!failed);
    mem_free(probe.owner);
}
END_TEST

START_TEST(refusal_of_the_api_is_a_result)
{
    struct probe probe;
    bool failed;
    int64_t status = 0;
    open_probe(&probe);
    const struct json *value = call_tool(&probe, "{\"name\":\"TOOL_1\"}", &failed);
    ck_assert(failed);
    ck_assert(!json_bool(json_get(value, "successful"), true));
    ck_assert_str_eq(
            json_text(json_get(value, "error")), "Connected account ca_1 is in EXPIRED state");
    json_int(json_get(json_get(value, "data"), "status_code"), &status);
    ck_assert_int_eq(status, 410);
    mem_free(probe.owner);
}
END_TEST

START_TEST(failure_of_the_provider_is_an_error)
{
    struct probe probe;
    bool failed;
    open_probe(&probe);
    call_tool(&probe, "{\"name\":\"TOOL_3\"}", &failed);
    ck_assert(failed);
    mem_free(probe.owner);
}
END_TEST

START_TEST(failure_of_the_sandbox_says_nothing_of_it)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, REQUEST("tools/call", "{\"name\":\"TOOL_2\"}"));
    ck_assert_ptr_null(strstr(buffer_text(&probe.call.out), "disk"));
    mem_free(probe.owner);
}
END_TEST

/* ---- sessions ---- */

static int status_in_session(struct probe *probe, const char *method, const char *session)
{
    begin_request(probe, method, REQUEST("ping", "{}"));
    if (session != NULL) {
        set_header(probe, "mcp-session-id", session);
    }
    serve(probe);
    return probe->call.status;
}

START_TEST(session_lives_until_it_is_ended)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, INITIALIZE("2025-11-25"));
    const char *session = answer_header(&probe, "mcp-session-id");
    ck_assert_int_eq(status_in_session(&probe, "POST", session), 200);
    ck_assert_ptr_null(answer_header(&probe, "mcp-session-id"));
    ck_assert_int_eq(status_in_session(&probe, "DELETE", session), 200);
    ck_assert_uint_eq(probe.call.out.length, 0);
    ck_assert_int_eq(status_in_session(&probe, "POST", session), 404);
    ck_assert_int_eq(status_in_session(&probe, "DELETE", session), 404);
    ck_assert_int_eq(status_in_session(&probe, "DELETE", NULL), 400);
    mem_free(probe.owner);
}
END_TEST

START_TEST(session_is_not_initialized_twice)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, INITIALIZE("2025-11-25"));
    const char *session = answer_header(&probe, "mcp-session-id");
    begin_request(&probe, "POST", INITIALIZE("2025-11-25"));
    set_header(&probe, "mcp-session-id", session);
    serve(&probe);
    ck_assert_int_eq(probe.call.status, 400);
    ck_assert_int_eq(error_code(message(&probe, 0)), -32600);
    mem_free(probe.owner);
}
END_TEST

START_TEST(session_is_of_one_endpoint)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, INITIALIZE("2025-11-25"));
    const char *session = answer_header(&probe, "mcp-session-id");
    probe.view.scope = "other";
    ck_assert_int_eq(status_in_session(&probe, "POST", session), 404);
    ck_assert_int_eq(status_in_session(&probe, "DELETE", session), 404);
    probe.view.scope = "one";
    ck_assert_int_eq(status_in_session(&probe, "POST", session), 200);
    mem_free(probe.owner);
}
END_TEST

START_TEST(failed_initialize_opens_no_session)
{
    struct probe probe;
    open_probe(&probe);
    post(&probe, REQUEST("initialize", "{}"));
    ck_assert_ptr_null(answer_header(&probe, "mcp-session-id"));
    mem_free(probe.owner);
}
END_TEST

START_TEST(oldest_session_makes_room)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct mcp_sessions *sessions = mcp_sessions_new(owner);
    const char *first = mcp_session_open(sessions, owner, "s", "2025-11-25");
    const char *second = mcp_session_open(sessions, owner, "s", "2025-11-25");
    for (int i = 0; i < MCP_SESSIONS_MAX - 1; i++) {
        mcp_session_open(sessions, owner, "s", "2025-11-25");
    }
    ck_assert_ptr_null(mcp_session_version(sessions, slice_of(first), "s"));
    ck_assert_str_eq(mcp_session_version(sessions, slice_of(second), "s"), "2025-11-25");
    mcp_sessions_clear(sessions);
    ck_assert_ptr_null(mcp_session_version(sessions, slice_of(second), "s"));
    mem_free(owner);
}
END_TEST

/* ---- other methods, and browsers ---- */

START_TEST(no_stream_to_get)
{
    static const char *const methods[] = {"GET", "PUT", "HEAD", "PATCH"};
    struct probe probe;
    open_probe(&probe);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        ck_assert_int_eq(status_in_session(&probe, methods[i], NULL), 405);
        ck_assert_str_eq(answer_header(&probe, "allow"), "POST, DELETE");
        ck_assert_int_eq(error_code(message(&probe, 0)), -32000);
    }
    mem_free(probe.owner);
}
END_TEST

static const struct {
    const char *name, *origin;
    bool good;
} origins[] = {
        {"no origin", NULL, true},
        {"our own origin", "https://sandbox.example", true},
        {"a page on this machine", "http://localhost:6274", true},
        {"a page on this machine without a port", "https://localhost", true},
        {"a page on this machine by number", "http://127.0.0.1:5173", true},
        {"a page on this machine by IPv6", "http://[::1]:5173", true},
        {"another site", "https://evil.example", false},
        {"a name that begins with this machine's", "http://localhost.evil.example", false},
        {"an address that begins with this machine's", "http://127.0.0.1.evil.example", false},
        {"our name on another port", "https://sandbox.example:444", false},
        {"a file", "null", false},
        {"no scheme", "localhost", false},
        {"an extension", "chrome-extension://localhost", false},
        {"empty origin", "", false},
};

START_TEST(origin_row)
{
    struct probe probe;
    struct error err = {0};
    open_probe(&probe);
    begin_request(&probe, "POST", REQUEST("ping", "{}"));
    if (origins[_i].origin != NULL) {
        set_header(&probe, "origin", origins[_i].origin);
    }
    call_init(&probe.call, &probe.sandbox, &probe.request);
    ck_assert_int_eq(mcp_check_origin(&probe.call, &err), origins[_i].good);
    const char *allowed = answer_header(&probe, "access-control-allow-origin");
    if (origins[_i].good && origins[_i].origin != NULL) {
        ck_assert_str_eq(allowed, origins[_i].origin);
    } else {
        ck_assert_ptr_null(allowed);
    }
    mem_free(probe.owner);
}
END_TEST

START_TEST(preflight_is_answered)
{
    struct probe probe;
    open_probe(&probe);
    begin_request(&probe, "OPTIONS", "");
    call_init(&probe.call, &probe.sandbox, &probe.request);
    ck_assert(mcp_preflight(&probe.call));
    ck_assert_int_eq(probe.call.status, 204);
    ck_assert_ptr_nonnull(
            strstr(answer_header(&probe, "access-control-allow-headers"), "Mcp-Session-Id"));
    begin_request(&probe, "POST", "");
    ck_assert(!mcp_preflight(&probe.call));
    mem_free(probe.owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, negotiation_row, negotiations);
    TEST_ADD_ROWS(suite, body_row, bodies);
    TEST_ADD_ROWS(suite, silent_row, silent);
    TEST_ADD(suite, ping_is_an_empty_object);
    TEST_ADD_ROWS(suite, header_row, headers);
    TEST_ADD(suite, initialize_may_come_with_any_revision);
    TEST_ADD(suite, batch_of_the_revision_that_has_them);
    TEST_ADD(suite, batch_of_later_revisions);
    TEST_ADD(suite, batch_in_a_session_of_a_later_revision);
    TEST_ADD(suite, batch_of_too_many);
    TEST_ADD(suite, pages_have_every_tool_once);
    TEST_ADD(suite, list_of_no_tools);
    TEST_ADD(suite, tags_become_annotations);
    TEST_ADD(suite, arguments_reach_the_tool_and_lines_keep_the_frame);
    TEST_ADD(suite, refusal_of_the_api_is_a_result);
    TEST_ADD(suite, failure_of_the_provider_is_an_error);
    TEST_ADD(suite, failure_of_the_sandbox_says_nothing_of_it);
    TEST_ADD(suite, session_lives_until_it_is_ended);
    TEST_ADD(suite, session_is_not_initialized_twice);
    TEST_ADD(suite, session_is_of_one_endpoint);
    TEST_ADD(suite, failed_initialize_opens_no_session);
    TEST_ADD(suite, oldest_session_makes_room);
    TEST_ADD(suite, no_stream_to_get);
    TEST_ADD_ROWS(suite, origin_row, origins);
    TEST_ADD(suite, preflight_is_answered);
}

TEST_MAIN("mcp", cases)
