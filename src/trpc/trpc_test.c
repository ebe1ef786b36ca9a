/* Requests against their replies, byte for byte: as captured from @trpc/server 11.25.2 with superjson 2.2.6 and zod
 * 4.6.7, plus the members that errors here have beside the reference server's. */
#include "testing/test.h"
#include "trpc/trpc_internal.h"

#define TIME_MS 1767323045678 /* 2026-01-02T03:04:05.678Z */

/* ---- the procedures ---- */

static void write_member(struct trpc_call *call, const char *name, const char *text)
{
    json_write_name(call->output, name);
    json_write_text(call->output, text);
}

static bool health(struct trpc_call *call, struct error *err)
{
    (void)err;
    ck_assert_ptr_null(call->user);
    json_write_text(call->output, "ok");
    return true;
}

static bool list(struct trpc_call *call, struct error *err)
{
    (void)err;
    ck_assert_str_eq(call->user, "u1");
    json_begin_array(call->output);
    json_begin_object(call->output);
    write_member(call, "provider", "gmail");
    json_write_name(call->output, "connectedAt");
    trpc_write_time(call, TIME_MS, "%d.connectedAt", 0);
    json_write_name(call->output, "lastUsedAt");
    trpc_write_time(call, -1, "%d.lastUsedAt", 0);
    json_end_object(call->output);
    json_end_array(call->output);
    return true;
}

static bool get(struct trpc_call *call, struct error *err)
{
    const char *provider = trpc_input_text(call, "provider");
    json_begin_object(call->output);
    write_member(call, "provider", provider);
    if (strcmp(provider, "nope") == 0) { /* with half of the output written */
        return error_set(err, ERROR_NOT_FOUND, NULL, "Unknown provider \"%s\"", provider);
    }
    json_end_object(call->output);
    return true;
}

static bool now(struct trpc_call *call, struct error *err)
{
    (void)err;
    trpc_write_time(call, 0, "%s", "");
    return true;
}

static bool nothing(struct trpc_call *call, struct error *err)
{
    (void)call;
    (void)err;
    return true;
}

static bool echo(struct trpc_call *call, struct error *err)
{
    (void)err;
    if (call->input != NULL) {
        json_write_value(call->output, call->input);
    }
    return true;
}

/* Fails as it is told to: with a time written before, to be taken back. */
static bool fail_(struct trpc_call *call, struct error *err)
{
    const char *how = trpc_input_text(call, "how");
    trpc_write_time(call, 0, "%s", "");
    error_set(err, ERROR_CONFLICT, "TAKEN", "Taken.");
    if (strcmp(how, "internal") == 0) {
        error_set(err, ERROR_INTERNAL_SERVER_ERROR, NULL, "table users has no column x");
        error_detail(err, "secret");
    } else if (strcmp(how, "busy") == 0) {
        error_set(err, ERROR_TOO_MANY_REQUESTS, "RATE_LIMITED", "Slower.");
        err->retry_after_s = 7;
    } else if (strcmp(how, "down") == 0) {
        error_set(err, ERROR_SERVICE_UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "Later.");
        err->retry_after_s = 30;
    } else if (strcmp(how, "gone") == 0) {
        error_set(err, ERROR_NOT_FOUND, NULL, "%s", "");
        err->retry_after_s = 5;
    }
    return false;
}

/* As many MiB as asked for. */
static bool large(struct trpc_call *call, struct error *err)
{
    (void)err;
    int64_t mib = 0;
    ck_assert(json_int(json_get(call->input, "limit"), &mib));
    char *text = mem_block(call->request->memory, 1024 * 1024, "text");
    memset(text, 'x', 1024 * 1024);
    json_begin_array(call->output);
    for (; mib > 0; mib--) {
        json_write_string(call->output, (struct slice){text, 1024 * 1024});
    }
    json_end_array(call->output);
    return true;
}

static const char *check_tool(const struct json *value)
{
    return strcmp(json_text(value), "BAD") == 0 ? "must be a tool" : NULL;
}

static const char *const orders[] = {"new", "o\"ld", NULL};
static const struct trpc_field provider_input[] = {
        {.name = "provider", .type = TRPC_STRING, .min = 2, .max = 8}, {.name = NULL}};
static const struct trpc_field tool_input[] = {
        {.name = "toolName", .type = TRPC_STRING, .check = check_tool},
        {.name = "parameters", .type = TRPC_ANY}, {.name = NULL}};
static const struct trpc_field search_input[] = {
        {.name = "limit", .type = TRPC_INT, .optional = true, .min = 1, .max = 100},
        {.name = "offset", .type = TRPC_INT, .optional = true},
        {.name = "exact", .type = TRPC_BOOL, .optional = true},
        {.name = "order", .type = TRPC_ENUM, .optional = true, .choices = orders},
        {.name = "filter", .type = TRPC_OBJECT, .optional = true}, {.name = NULL}};
static const struct trpc_field fail_input[] = {
        {.name = "how", .type = TRPC_STRING}, {.name = NULL}};

static const struct trpc_procedure procedures[] = {
        {"health", TRPC_QUERY, true, NULL, health},
        {"integrations.list", TRPC_QUERY, false, NULL, list},
        {"integrations.get", TRPC_QUERY, true, provider_input, get},
        {"integrations.connect", TRPC_MUTATION, false, provider_input, echo},
        {"integrations.refreshAll", TRPC_MUTATION, true, NULL, nothing},
        {"integrations.executeTool", TRPC_MUTATION, true, tool_input, echo},
        {"now", TRPC_QUERY, true, NULL, now},
        {"search", TRPC_QUERY, true, search_input, echo},
        {"fail", TRPC_QUERY, true, fail_input, fail_},
        {"large", TRPC_QUERY, true, search_input, large},
};

/* ---- a request, its reply ---- */

static int authentications, failures;
static char last_failure[2048];

static bool authenticate(void *context, struct http_request *request, const struct json *parameters,
        const char **user_out, struct error *err)
{
    ck_assert_ptr_eq(context, procedures);
    ck_assert_ptr_null(parameters); /* they are for subscriptions alone */
    authentications++;
    if (http_request_header(request, "authorization").data == NULL) {
        return error_set(err, ERROR_UNAUTHORIZED, NULL, "%s", "");
    }
    *user_out = "u1";
    return true;
}

static void failed(void *context, const struct http_request *request, const char *path,
        const struct error *err)
{
    ck_assert_ptr_eq(context, procedures);
    ck_assert_ptr_nonnull(request);
    failures++;
    snprintf(last_failure, sizeof last_failure, "%s: %s; %s", path == NULL ? "-" : path,
            err->message, err->detail);
}

struct exchange {
    const char *method, *target; /* behind the mount's slash; NULL: GET */
    const char *content_type, *accept, *trpc_accept;
    const char *body;
    bool superjson, anonymous;
    const char *request_id;
};

static struct http_reply answer(void *owner, const struct exchange *exchange)
{
    const char *names[] = {"Content-Type", "Accept", "trpc-accept", "Authorization"};
    const char *values[] = {exchange->content_type, exchange->accept, exchange->trpc_accept,
            exchange->anonymous ? NULL : "Bearer x"};
    struct http_header headers[4];
    struct slice query = slice_of(exchange->target);
    struct slice path = slice_split(&query, '?');
    struct http_request http = {
            .memory = owner,
            .method = slice_of(exchange->method == NULL ? "GET" : exchange->method),
            .path = path,
            .query = query,
            .headers = headers,
            .body = slice_of(exchange->body),
    };
    for (size_t i = 0; i < 4; i++) {
        if (values[i] != NULL) {
            headers[http.header_count++] =
                    (struct http_header){slice_of(names[i]), slice_of(values[i])};
        }
    }
    static const struct http_header extra = {{"x-extra", 7}, {"1", 1}};
    struct trpc_options options = {
            .context = (void *)(uintptr_t)procedures,
            .procedures = procedures,
            .procedure_count = sizeof procedures / sizeof procedures[0],
            .max_batch = 4,
            .authenticate = authenticate,
            .failed = failed,
    };
    struct trpc_request request = {
            .http = &http,
            .path = path,
            .superjson = exchange->superjson,
            .request_id = exchange->request_id,
            .headers = &extra,
            .header_count = 1,
    };
    struct http_reply reply;
    struct trpc_opening opening;
    trpc_answer(&options, &request, &reply, &opening);
    ck_assert_ptr_null(opening.stream);
    return reply;
}

static const char *header(void *owner, const struct http_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        if (slice_is(reply->headers[i].name, name)) {
            struct slice value = reply->headers[i].value;
            return mem_strndup(owner, value.data, value.length);
        }
    }
    return NULL;
}

static const char *body_of(void *owner, const struct http_reply *reply)
{
    return reply->body.data == NULL ? "" : mem_strndup(owner, reply->body.data, reply->body.length);
}

/* An error object; `data`: the members of data behind httpStatus. */
#define ERROR_OBJECT(message, rpc, code, status, data)                         \
    "{\"message\":\"" message "\",\"code\":" rpc ",\"data\":{\"code\":\"" code \
    "\",\"httpStatus\":" status "," data "}}"
#define PLAIN(message, rpc, code, status, data) \
    "{\"error\":" ERROR_OBJECT(message, rpc, code, status, data) "}"
#define WRAPPED(message, rpc, code, status, data) \
    "{\"error\":{\"json\":" ERROR_OBJECT(message, rpc, code, status, data) "}}"
#define AT(path)                 "\"path\":\"" path "\",\"zodError\":null"
#define AT_BECAUSE(path, reason) AT(path) ",\"reason\":\"" reason "\""
#define WHOLE(reason)            "\"zodError\":null,\"reason\":\"" reason "\""

#define NO_SUCH(path)                                                                  \
    PLAIN("No procedure found on path \\\"" path "\\\"", "-32004", "NOT_FOUND", "404", \
            AT_BECAUSE(path, "NO_SUCH_PROCEDURE"))
#define NOPE \
    PLAIN("Unknown provider \\\"nope\\\"", "-32004", "NOT_FOUND", "404", AT("integrations.get"))
#define UNAUTHORIZED_AT(path) PLAIN("UNAUTHORIZED", "-32001", "UNAUTHORIZED", "401", AT(path))
#define ITEM                                                                \
    "{\"provider\":\"gmail\",\"connectedAt\":\"2026-01-02T03:04:05.678Z\"," \
    "\"lastUsedAt\":null}"
#define JSON_TYPE "application/json"
#define UNDEFINED "{\"json\":null,\"meta\":{\"values\":[\"undefined\"],\"v\":1}}"

static const struct {
    const char *name;
    struct exchange exchange;
    int status; /* 0: 200 */
    const char *reply;
    const char *allow, *retry_after;
} rows[] = {
        /* URLs, methods, success */
        {.name = "a query with input",
                .exchange = {.target = "integrations.get?input=%7B%22provider%22%3A%22gmail%22%7D"},
                .reply = "{\"result\":{\"data\":{\"provider\":\"gmail\"}}}"},
        {.name = "a query without input",
                .exchange = {.target = "health"},
                .reply = "{\"result\":{\"data\":\"ok\"}}"},
        {.name = "a query with a content type",
                .exchange = {.target = "health", .content_type = "text/plain"},
                .reply = "{\"result\":{\"data\":\"ok\"}}"},
        {.name = "a mutation",
                .exchange = {.method = "POST",
                        .target = "integrations.connect",
                        .content_type = JSON_TYPE,
                        .body = "{\"provider\":\"gmail\"}"},
                .reply = "{\"result\":{\"data\":{\"provider\":\"gmail\"}}}"},
        {.name = "a void mutation",
                .exchange = {.method = "POST",
                        .target = "integrations.refreshAll",
                        .content_type = JSON_TYPE},
                .reply = "{\"result\":{}}"},
        {.name = "blanks as plus signs",
                .exchange = {.target = "search?input=%7B+%22offset%22:+1%7D"},
                .reply = "{\"result\":{\"data\":{\"offset\":1}}}"},
        {.name = "a trailing slash",
                .exchange = {.target = "health/"},
                .reply = "{\"result\":{\"data\":\"ok\"}}"},
        {.name = "an encoded path",
                .exchange = {.target = "integrations%2Elist"},
                .reply = "{\"result\":{\"data\":[" ITEM "]}}"},
        {.name = "HEAD",
                .exchange = {.method = "HEAD", .target = "no%such"},
                .status = 204,
                .reply = ""},
        /* One call's errors, in the order of the checks */
        {.name = "no such procedure",
                .exchange = {.target = "integrations.none"},
                .status = 404,
                .reply = NO_SUCH("integrations.none")},
        {.name = "a slash is no separator",
                .exchange = {.target = "integrations/list"},
                .status = 404,
                .reply = NO_SUCH("integrations/list")},
        {.name = "the router itself",
                .exchange = {.target = "integrations"},
                .status = 404,
                .reply = NO_SUCH("integrations")},
        {.name = "no path", .exchange = {.target = ""}, .status = 404, .reply = NO_SUCH("")},
        {.name = "a comma outside of a batch",
                .exchange = {.target = "health,health"},
                .status = 404,
                .reply = NO_SUCH("health,health")},
        {.name = "GET of a mutation, anonymous",
                .exchange = {.target = "integrations.connect", .anonymous = true},
                .status = 405,
                .allow = "POST",
                .reply = PLAIN("Unsupported GET-request to mutation procedure at path "
                               "\\\"integrations.connect\\\"",
                        "-32005", "METHOD_NOT_SUPPORTED", "405",
                        AT_BECAUSE("integrations.connect", "METHOD_NOT_SUPPORTED"))},
        {.name = "POST to a query",
                .exchange = {.method = "POST", .target = "health", .content_type = JSON_TYPE},
                .status = 405,
                .allow = "GET",
                .reply = PLAIN("Unsupported POST-request to query procedure at path "
                               "\\\"health\\\"",
                        "-32005", "METHOD_NOT_SUPPORTED", "405",
                        AT_BECAUSE("health", "METHOD_NOT_SUPPORTED"))},
        {.name = "PUT",
                .exchange = {.method = "PUT",
                        .target = "integrations.refreshAll",
                        .content_type = JSON_TYPE},
                .status = 405,
                .allow = "POST",
                .reply = PLAIN("Unsupported PUT-request to mutation procedure at path "
                               "\\\"integrations.refreshAll\\\"",
                        "-32005", "METHOD_NOT_SUPPORTED", "405",
                        AT_BECAUSE("integrations.refreshAll", "METHOD_NOT_SUPPORTED"))},
        {.name = "401 beats bad input",
                .exchange = {.method = "POST",
                        .target = "integrations.connect",
                        .content_type = JSON_TYPE,
                        .body = "{",
                        .anonymous = true},
                .status = 401,
                .reply = UNAUTHORIZED_AT("integrations.connect")},
        {.name = "input that is not read",
                .exchange = {.method = "POST",
                        .target = "integrations.refreshAll",
                        .content_type = JSON_TYPE,
                        .body = "{"},
                .reply = "{\"result\":{}}"},
        {.name = "a bad escape in the input",
                .exchange = {.target = "integrations.get?input=%7"},
                .status = 400,
                .reply = PLAIN("The input parameter has a bad percent-escape.", "-32600",
                        "BAD_REQUEST", "400", AT_BECAUSE("integrations.get", "INVALID_INPUT"))},
        {.name = "the handler's error",
                .exchange = {.target = "integrations.get?input=%7B%22provider%22:%22nope%22%7D"},
                .status = 404,
                .reply = NOPE},
        {.name = "an internal error is not told",
                .exchange = {.target = "fail?input={\"how\":\"internal\"}", .request_id = "r1"},
                .status = 500,
                .reply = PLAIN("Something went wrong on the server. Try again, and if it stays, "
                               "report the request id.",
                        "-32603", "INTERNAL_SERVER_ERROR", "500",
                        AT("fail") ",\"requestId\":\"r1\"")},
        {.name = "everything an error says",
                .exchange = {.target = "fail?input={\"how\":\"busy\"}", .request_id = "r1"},
                .status = 429,
                .retry_after = "7",
                .reply = PLAIN("Slower.", "-32029", "TOO_MANY_REQUESTS", "429",
                        AT_BECAUSE("fail", "RATE_LIMITED") ",\"requestId\":\"r1\","
                                                           "\"retryAfter\":7")},
        {.name = "503 says when to come again",
                .exchange = {.target = "fail?input={\"how\":\"down\"}"},
                .status = 503,
                .retry_after = "30",
                .reply = PLAIN("Later.", "-32603", "SERVICE_UNAVAILABLE", "503",
                        AT_BECAUSE("fail", "UPSTREAM_UNAVAILABLE") ",\"retryAfter\":30")},
        {.name = "no message, and no Retry-After on a 404",
                .exchange = {.target = "fail?input={\"how\":\"gone\"}"},
                .status = 404,
                .reply = PLAIN(
                        "NOT_FOUND", "-32004", "NOT_FOUND", "404", AT("fail") ",\"retryAfter\":5")},
        /* Batches */
        {.name = "a batch of two",
                .exchange = {.target = "integrations.list,integrations.get?batch=1&input="
                                       "%7B%221%22%3A%7B%22provider%22%3A%22gmail%22%7D%7D"},
                .reply = "[{\"result\":{\"data\":[" ITEM
                         "]}},{\"result\":{\"data\":{\"provider\":\"gmail\"}}}]"},
        {.name = "an encoded comma",
                .exchange = {.target = "health%2Cintegrations%2Elist?batch=1"},
                .reply = "[{\"result\":{\"data\":\"ok\"}},{\"result\":{\"data\":[" ITEM "]}}]"},
        {.name = "a batch of one",
                .exchange = {.target = "health?batch=1&input=%7B%7D"},
                .reply = "[{\"result\":{\"data\":\"ok\"}}]"},
        {.name = "a batch of mutations",
                .exchange = {.method = "POST",
                        .target = "integrations.connect,integrations.refreshAll?batch=1",
                        .content_type = JSON_TYPE,
                        .body = "{\"0\":{\"provider\":\"gmail\"},\"7\":1}"},
                .reply = "[{\"result\":{\"data\":{\"provider\":\"gmail\"}}},{\"result\":{}}]"},
        {.name = "only batch=1 is a batch",
                .exchange = {.target = "health,health?batch=true"},
                .status = 404,
                .reply = NO_SUCH("health,health")},
        {.name = "207 for a mixed outcome",
                .exchange = {.target = "health,integrations.get?batch=1&input="
                                       "%7B%221%22%3A%7B%22provider%22%3A%22nope%22%7D%7D"},
                .status = 207,
                .reply = "[{\"result\":{\"data\":\"ok\"}}," NOPE "]"},
        {.name = "one status when all have it",
                .exchange = {.target = "a,b?batch=1"},
                .status = 404,
                .reply = "[" NO_SUCH("a") "," NO_SUCH("b") "]"},
        {.name = "empty segments",
                .exchange = {.target = "health,?batch=1"},
                .status = 207,
                .reply = "[{\"result\":{\"data\":\"ok\"}}," NO_SUCH("") "]"},
        {.name = "401 for each of the calls",
                .exchange = {.target = "integrations.list,integrations.list?batch=1",
                        .anonymous = true},
                .status = 401,
                .reply = "[" UNAUTHORIZED_AT("integrations.list") "," UNAUTHORIZED_AT(
                        "integrations.list") "]"},
        {.name = "batch input that is an array, where it is read",
                .exchange = {.target = "integrations.get,health?batch=1&input=[]"},
                .status = 207,
                .reply = "[" PLAIN("\\\"input\\\" needs to be an object when doing a batch call",
                        "-32600", "BAD_REQUEST", "400",
                        AT_BECAUSE("integrations.get", "INVALID_INPUT")) ",{\"result\":{\"data\":"
                                                                         "\"ok\"}}]"},
        {.name = "the longest wait of a batch, if all wait",
                .exchange = {.target = "fail,fail?batch=1&input={\"0\":{\"how\":\"busy\"},"
                                       "\"1\":{\"how\":\"gone\"}}"},
                .status = 207,
                .reply = "[" PLAIN("Slower.", "-32029", "TOO_MANY_REQUESTS", "429",
                        AT_BECAUSE(
                                "fail", "RATE_LIMITED") ",\"retryAfter\":7") "," PLAIN("NOT_FOUND",
                        "-32004", "NOT_FOUND", "404", AT("fail") ",\"retryAfter\":5") "]"},
        {.name = "the fourth call of four",
                .exchange = {.target = "health,health,health,health?batch=1"},
                .reply = "[{\"result\":{\"data\":\"ok\"}},{\"result\":{\"data\":\"ok\"}},"
                         "{\"result\":{\"data\":\"ok\"}},{\"result\":{\"data\":\"ok\"}}]"},
        /* The request as a whole, in the order of the checks */
        {.name = "a bad escape in the path",
                .exchange = {.method = "POST", .target = "he%zzlth"},
                .status = 400,
                .reply = PLAIN("Invalid URL-encoding in path \\\"he%zzlth\\\"", "-32600",
                        "BAD_REQUEST", "400", WHOLE("INVALID_PATH"))},
        {.name = "a path that is not UTF-8",
                .exchange = {.target = "%FF"},
                .status = 400,
                .reply = PLAIN("Invalid URL-encoding in path \\\"%FF\\\"", "-32600", "BAD_REQUEST",
                        "400", WHOLE("INVALID_PATH"))},
        {.name = "no content type, and too large a batch",
                .exchange = {.method = "POST", .target = "a,b,c,d,e?batch=1"},
                .status = 415,
                .reply = PLAIN("Missing content-type header", "-32015", "UNSUPPORTED_MEDIA_TYPE",
                        "415", WHOLE("CONTENT_TYPE"))},
        {.name = "another content type",
                .exchange = {.method = "POST",
                        .target = "integrations.refreshAll",
                        .content_type = "text/plain"},
                .status = 415,
                .reply = PLAIN("Unsupported content-type \\\"text/plain", "-32015",
                        "UNSUPPORTED_MEDIA_TYPE", "415", WHOLE("CONTENT_TYPE"))},
        {.name = "a content type that begins like JSON",
                .exchange = {.method = "POST",
                        .target = "integrations.refreshAll",
                        .content_type = "application/jsonfoo"},
                .status = 415,
                .reply = PLAIN("Unsupported content-type \\\"application/jsonfoo", "-32015",
                        "UNSUPPORTED_MEDIA_TYPE", "415", WHOLE("CONTENT_TYPE"))},
        {.name = "a content type in capitals with a parameter",
                .exchange = {.method = "POST",
                        .target = "integrations.refreshAll",
                        .content_type = "Application/JSON ; charset=utf-8"},
                .reply = "{\"result\":{}}"},
        {.name = "too large a batch, and mixed",
                .exchange = {.target = "health,integrations.refreshAll,a,a,a?batch=1"},
                .status = 400,
                .reply = PLAIN("Batch call exceeds maximum size", "-32600", "BAD_REQUEST", "400",
                        WHOLE("BATCH_TOO_LARGE"))},
        {.name = "mixed types, the first first",
                .exchange = {.target = "none,integrations.refreshAll,health?batch=1"},
                .status = 400,
                .reply = PLAIN("Cannot mix procedure types in call: mutation, query", "-32600",
                        "BAD_REQUEST", "400", WHOLE("MIXED_BATCH"))},
        {.name = "connection parameters that are not JSON",
                .exchange = {.target = "health?connectionParams=x"},
                .status = 400,
                .reply = PLAIN("Not JSON-parsable query params", "-32700", "PARSE_ERROR", "400",
                        WHOLE("CONNECTION_PARAMS"))},
        {.name = "connection parameters that are not strings",
                .exchange = {.target = "health?connectionParams={\"a\":1}"},
                .status = 400,
                .reply = PLAIN("Invalid connection params shape", "-32700", "PARSE_ERROR", "400",
                        WHOLE("CONNECTION_PARAMS"))},
        {.name = "connection parameters",
                .exchange = {.target = "health?connectionParams={\"a\":\"b\"}"},
                .reply = "{\"result\":{\"data\":\"ok\"}}"},
        {.name = "JSON lines outside of a batch",
                .exchange = {.target = "health", .trpc_accept = "application/jsonl"},
                .status = 400,
                .reply = PLAIN("Streaming requests must be batched (you can do a batch of 1)",
                        "-32600", "BAD_REQUEST", "400", WHOLE("STREAM_WITHOUT_BATCH"))},
        /* Validation */
        {.name = "a missing member",
                .exchange = {.method = "POST",
                        .target = "integrations.executeTool",
                        .content_type = JSON_TYPE,
                        .body = "{}"},
                .status = 400,
                .reply = PLAIN(
                        "[\\n  {\\n    \\\"expected\\\": \\\"string\\\",\\n    \\\"code\\\": "
                        "\\\"invalid_type\\\",\\n    \\\"path\\\": [\\n      \\\"toolName\\\"\\n  "
                        "  ],\\n    \\\"message\\\": \\\"Invalid input: expected string, received "
                        "undefined\\\"\\n  }\\n]",
                        "-32600", "BAD_REQUEST", "400",
                        "\"path\":\"integrations.executeTool\",\"zodError\":{\"formErrors\":[],"
                        "\"fieldErrors\":{\"toolName\":[\"Invalid input: expected string, received "
                        "undefined\"]}},\"reason\":\"INVALID_INPUT\"")},
        {.name = "no input where there must be one",
                .exchange = {.method = "POST",
                        .target = "integrations.executeTool",
                        .content_type = JSON_TYPE,
                        .body = ""},
                .status = 400,
                .reply = PLAIN(
                        "[\\n  {\\n    \\\"expected\\\": \\\"object\\\",\\n    \\\"code\\\": "
                        "\\\"invalid_type\\\",\\n    \\\"path\\\": [],\\n    \\\"message\\\": "
                        "\\\"Invalid input: expected object, received undefined\\\"\\n  }\\n]",
                        "-32600", "BAD_REQUEST", "400",
                        "\"path\":\"integrations.executeTool\",\"zodError\":{\"formErrors\":["
                        "\"Invalid input: expected object, received undefined\"],\"fieldErrors\":{}"
                        "},\"reason\":\"INVALID_INPUT\"")},
        {.name = "any may be left out",
                .exchange = {.method = "POST",
                        .target = "integrations.executeTool",
                        .content_type = JSON_TYPE,
                        .body = "{\"toolName\":\"X\"}"},
                .reply = "{\"result\":{\"data\":{\"toolName\":\"X\"}}}"},
        {.name = "what passes keeps every digit and order",
                .exchange = {.method = "POST",
                        .target = "integrations.executeTool",
                        .content_type = JSON_TYPE,
                        .body = " {\"toolName\":\"X\", \"parameters\":{\"b\":1.10,\"a\":"
                                "12345678901234567890,\"b\":\"\\ud800\"}}"},
                .reply = "{\"result\":{\"data\":{\"toolName\":\"X\",\"parameters\":{\"b\":1.10,"
                         "\"a\":12345678901234567890,\"b\":\"\\ud800\"}}}}"},
        {.name = "input may be left out when all of it is optional",
                .exchange = {.target = "search"},
                .reply = "{\"result\":{}}"},
        {.name = "good input of every type",
                .exchange = {.target = "search?input={\"limit\":1e2,\"offset\":-9007199254740991,"
                                       "\"exact\":true,\"order\":\"new\",\"filter\":{}}"},
                .reply = "{\"result\":{\"data\":{\"limit\":1e2,\"offset\":-9007199254740991,"
                         "\"exact\":true,\"order\":\"new\",\"filter\":{}}}}"},
        /* superjson */
        {.name = "superjson: input",
                .exchange = {.superjson = true,
                        .target = "integrations.get?input={\"json\":{\"provider\":\"gmail\"}}"},
                .reply = "{\"result\":{\"data\":{\"json\":{\"provider\":\"gmail\"}}}}"},
        {.name = "superjson: no input",
                .exchange = {.superjson = true, .target = "search?input=" UNDEFINED},
                .reply = "{\"result\":{\"data\":" UNDEFINED "}}"},
        {.name = "superjson: nothing at all",
                .exchange = {.superjson = true, .target = "search?input={}"},
                .reply = "{\"result\":{\"data\":" UNDEFINED "}}"},
        {.name = "superjson: void",
                .exchange = {.superjson = true,
                        .method = "POST",
                        .target = "integrations.refreshAll",
                        .content_type = JSON_TYPE,
                        .body = UNDEFINED},
                .reply = "{\"result\":{\"data\":" UNDEFINED "}}"},
        {.name = "superjson: an error",
                .exchange = {.superjson = true, .target = "integrations.list", .anonymous = true},
                .status = 401,
                .reply = WRAPPED(
                        "UNAUTHORIZED", "-32001", "UNAUTHORIZED", "401", AT("integrations.list"))},
        {.name = "superjson: an error of the whole",
                .exchange = {.superjson = true,
                        .method = "POST",
                        .target = "integrations.refreshAll"},
                .status = 415,
                .reply = WRAPPED("Missing content-type header", "-32015", "UNSUPPORTED_MEDIA_TYPE",
                        "415", WHOLE("CONTENT_TYPE"))},
        {.name = "superjson: dates",
                .exchange = {.superjson = true, .target = "integrations.list"},
                .reply = "{\"result\":{\"data\":{\"json\":[" ITEM
                         "],\"meta\":{\"values\":{\"0.connectedAt\":[\"Date\"]},\"v\":1}}}}"},
        {.name = "superjson: a date alone",
                .exchange = {.superjson = true, .target = "now"},
                .reply = "{\"result\":{\"data\":{\"json\":\"1970-01-01T00:00:00.000Z\","
                         "\"meta\":{\"values\":[\"Date\"],\"v\":1}}}}"},
        {.name = "superjson: no mark of a date that was taken back",
                .exchange = {.superjson = true,
                        .target = "fail,now?batch=1&input={\"0\":{\"json\":{\"how\":\"x\"}}}"},
                .status = 207,
                .reply = "[" WRAPPED("Taken.", "-32009", "CONFLICT", "409",
                        AT_BECAUSE("fail", "TAKEN")) ",{\"result\":{\"data\":{\"json\":"
                                                     "\"1970-01-01T00:00:00.000Z\",\"meta\":{"
                                                     "\"values\":[\"Date\"],\"v\":1}}}}]"},
        {.name = "superjson: a batch",
                .exchange = {.superjson = true,
                        .method = "POST",
                        .target = "integrations.connect,integrations.refreshAll?batch=1",
                        .content_type = JSON_TYPE,
                        .body = "{\"0\":{\"json\":{\"provider\":\"gmail\"}},\"1\":" UNDEFINED "}"},
                .reply = "[{\"result\":{\"data\":{\"json\":{\"provider\":\"gmail\"}}}},"
                         "{\"result\":{\"data\":" UNDEFINED "}}]"},
        {.name = "superjson: input of one call is bad",
                .exchange = {.superjson = true,
                        .target = "search,search?batch=1&input={\"0\":{\"json\":{\"limit\":\"NaN\"}"
                                  ",\"meta\":{\"values\":{\"limit\":[\"number\"]}}}}"},
                .status = 207,
                .reply = "[" WRAPPED("NaN, Infinity and -0 have no form in JSON: leave them out.",
                        "-32600", "BAD_REQUEST", "400",
                        AT_BECAUSE("search", "INVALID_INPUT")) ",{\"result\":"
                                                               "{\"data\":" UNDEFINED "}}]"},
        /* JSON lines */
        {.name = "lines",
                .exchange = {.target = "health,integrations.get?batch=1&input={\"1\":{\"provider\":"
                                       "\"nope\"}}",
                        .trpc_accept = "application/jsonl"},
                .reply = "{\"0\":[[{\"result\":{\"data\":\"ok\"}}]],\"1\":[[" NOPE "]]}\n"},
        {.name = "lines: asked for in accept, void",
                .exchange = {.method = "POST",
                        .target = "integrations.refreshAll?batch=1",
                        .content_type = JSON_TYPE,
                        .body = "{}",
                        .accept = "text/html, application/jsonl"},
                .reply = "{\"0\":[[{\"result\":{}}]]}\n"},
        {.name = "lines: 401 is inside",
                .exchange = {.target = "integrations.list?batch=1",
                        .trpc_accept = "application/jsonl",
                        .anonymous = true},
                .reply = "{\"0\":[[" UNAUTHORIZED_AT("integrations.list") "]]}\n"},
        {.name = "lines: trpc-accept wins",
                .exchange = {.target = "health?batch=1",
                        .accept = "application/jsonl",
                        .trpc_accept = "application/json"},
                .reply = "[{\"result\":{\"data\":\"ok\"}}]"},
        {.name = "lines: superjson wraps the line",
                .exchange = {.superjson = true,
                        .target = "integrations.list,fail,now?batch=1&input={\"1\":{\"json\":"
                                  "{\"how\":\"x\"}}}",
                        .trpc_accept = "application/jsonl"},
                .reply = "{\"json\":{\"0\":[[{\"result\":{\"data\":[" ITEM "]}}]],\"1\":[[" PLAIN(
                        "Taken.", "-32009", "CONFLICT", "409",
                        AT_BECAUSE("fail",
                                "TAKEN")) "]],"
                                          "\"2\":[[{\"result\":{\"data\":\"1970-01-01T00:00:00.000Z\"}}]]},"
                                          "\"meta\":{\"values\":{\"0.0.0.result.data.0.connectedAt\":[\"Date\"],"
                                          "\"2.0.0.result.data\":[\"Date\"]},\"v\":1}}\n"},
        {.name = "lines: superjson and an error of the whole",
                .exchange = {.superjson = true,
                        .target = "he%zzlth?batch=1",
                        .trpc_accept = "application/jsonl"},
                .status = 400,
                .reply = WRAPPED("Invalid URL-encoding in path \\\"he%zzlth\\\"", "-32600",
                        "BAD_REQUEST", "400", WHOLE("INVALID_PATH"))},
};

START_TEST(reply_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct http_reply reply = answer(owner, &rows[_i].exchange);
    ck_assert_str_eq(body_of(owner, &reply), rows[_i].reply);
    ck_assert_int_eq(reply.status, rows[_i].status == 0 ? 200 : rows[_i].status);
    ck_assert_pstr_eq(header(owner, &reply, "allow"), rows[_i].allow);
    ck_assert_pstr_eq(header(owner, &reply, "retry-after"), rows[_i].retry_after);
    if (reply.status != 204) {
        ck_assert_str_eq(reply.content_type, "application/json");
        ck_assert_str_eq(header(owner, &reply, "vary"), "trpc-accept, accept, origin");
        ck_assert_str_eq(header(owner, &reply, "x-extra"), "1");
    }
    mem_free(owner);
}
END_TEST

/* ---- what a reply does not show ---- */

START_TEST(authenticates_once_and_only_where_needed)
{
    void *owner = mem_scope_new(NULL, __func__);
    authentications = 0;
    answer(owner, &(struct exchange){.target = "health,integrations.get?batch=1"});
    ck_assert_int_eq(authentications, 0);
    /* health asserts that it is told no user. */
    answer(owner,
            &(struct exchange){.target = "integrations.list,health,integrations.list?batch=1"});
    ck_assert_int_eq(authentications, 1);
    answer(owner, &(struct exchange){.target = "integrations.list,integrations.list?batch=1",
                          .anonymous = true});
    ck_assert_int_eq(authentications, 2);
    mem_free(owner);
}
END_TEST

START_TEST(tells_each_failure_with_its_detail)
{
    void *owner = mem_scope_new(NULL, __func__);
    failures = 0;
    answer(owner, &(struct exchange){.target = "health"});
    ck_assert_int_eq(failures, 0);
    answer(owner,
            &(struct exchange){.target = "none,fail?batch=1&input={\"1\":{\"how\":\"internal\"}}"});
    ck_assert_int_eq(failures, 2);
    ck_assert_str_eq(last_failure, "fail: table users has no column x; secret");
    answer(owner, &(struct exchange){.target = "%zz"});
    ck_assert_int_eq(failures, 3);
    ck_assert_str_eq(last_failure, "-: Invalid URL-encoding in path \"%zz\"; ");
    mem_free(owner);
}
END_TEST

/* A path is quoted whole, however long. */
START_TEST(quotes_long_paths)
{
    void *owner = mem_scope_new(NULL, __func__);
    char path[5001];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    struct http_reply reply = answer(owner, &(struct exchange){.target = path});
    ck_assert_str_eq(body_of(owner, &reply),
            mem_printf(owner,
                    PLAIN("No procedure found on path \\\"%s\\\"", "-32004", "NOT_FOUND", "404",
                            AT_BECAUSE("%s", "NO_SUCH_PROCEDURE")),
                    path, path));
    mem_free(owner);
}
END_TEST

START_TEST(refuses_an_output_over_the_limit)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct http_reply reply = answer(owner,
            &(struct exchange){.target = "large,large,health?batch=1&input={\"0\":{\"limit\":"
                                         "40},\"1\":{\"limit\":1}}"});
    ck_assert_int_eq(reply.status, 207);
    const char *body = body_of(owner, &reply);
    const char *error = "[{\"error\":{\"message\":\"The call was made, but its answer is too large "
                        "to send: ask for less at a time.\",\"code\":-32013,";
    const char *tail = "x\"]}},{\"result\":{\"data\":\"ok\"}}]";
    ck_assert(strncmp(body, error, strlen(error)) == 0);
    ck_assert_str_eq(body + strlen(body) - strlen(tail), tail);
    ck_assert_uint_gt(strlen(body), 1024 * 1024);
    ck_assert_uint_lt(strlen(body), 1024 * 1024 + 1024);
    mem_free(owner);
}
END_TEST

START_TEST(writes_errors_for_others)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct error err = {.code = ERROR_PAYLOAD_TOO_LARGE, .message = "Too large."};
    struct slice text = trpc_error_text(owner, &err, NULL, "r1", false);
    ck_assert_str_eq(text.data, PLAIN("Too large.", "-32013", "PAYLOAD_TOO_LARGE", "413",
                                        "\"zodError\":null,\"requestId\":\"r1\""));
    text = trpc_error_text(owner, &err, "a.b", NULL, true);
    ck_assert_str_eq(
            text.data, WRAPPED("Too large.", "-32013", "PAYLOAD_TOO_LARGE", "413", AT("a.b")));
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, reply_row, rows);
    TEST_ADD(suite, authenticates_once_and_only_where_needed);
    TEST_ADD(suite, tells_each_failure_with_its_detail);
    TEST_ADD(suite, quotes_long_paths);
    TEST_ADD(suite, refuses_an_output_over_the_limit);
    TEST_ADD(suite, writes_errors_for_others);
}

TEST_MAIN("trpc", cases)
