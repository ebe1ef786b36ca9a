/* How a subscription is answered, byte for byte as the reference server's streams begin and go on. */
#include "testing/test.h"
#include "trpc/trpc_internal.h"

/* ---- a subscription: opens, or fails as its input says ---- */

static struct trpc_stream the_stream;
static char last_id[64], parameter[64];

static void closed(void *argument)
{
    (void)argument;
}

static bool watch(struct trpc_call *call, struct error *err)
{
    ck_assert_str_eq(call->user, "u1");
    snprintf(last_id, sizeof last_id, "%s",
            call->last_event_id == NULL ? "none" : call->last_event_id);
    if (json_get(call->input, "full") != NULL) {
        return error_set(err, ERROR_TOO_MANY_REQUESTS, "TOO_MANY_STREAMS", "Close a page.");
    }
    trpc_stream_open(call, &the_stream, closed, NULL);
    return true;
}

static const struct trpc_field watch_input[] = {
        {.name = "lastEventId", .type = TRPC_ANY, .optional = true},
        {.name = "full", .type = TRPC_BOOL, .optional = true}, {.name = NULL}};
static const struct trpc_procedure procedures[] = {
        {"watch", TRPC_SUBSCRIPTION, false, watch_input, watch},
};

static bool authenticate(void *context, struct http_request *request, const struct json *parameters,
        const char **user_out, struct error *err)
{
    (void)context;
    const char *token = json_text(json_get(parameters, "token"));
    snprintf(parameter, sizeof parameter, "%s", token == NULL ? "none" : token);
    if (token == NULL && http_request_header(request, "authorization").data == NULL) {
        return error_set(err, ERROR_UNAUTHORIZED, "TOKEN_MISSING", "Sign in.");
    }
    *user_out = "u1";
    return true;
}

static void failed(void *context, const struct http_request *request, const char *path,
        const struct error *err)
{
    (void)context;
    (void)request;
    ck_assert_str_eq(path, "watch");
    ck_assert_int_ne(err->code, ERROR_NONE);
}

#define HEAD           "event: connected\ndata: {\"reconnectAfterInactivityMs\":40000}\n\n\n"
#define REFUSED(error) HEAD "event: serialized-error\ndata: " error "\n\n\n"
#define ERROR_OF(message, rpc, code, status, reason)                                         \
    "{\"message\":\"" message "\",\"code\":" rpc ",\"data\":{\"code\":\"" code               \
    "\",\"httpStatus\":" status ",\"path\":\"watch\",\"zodError\":null,\"reason\":\"" reason \
    "\"}}"

static const struct {
    const char *name, *method, *target; /* method NULL: GET */
    const char *last_event_id;          /* the header; NULL: none */
    bool anonymous, superjson;
    int status; /* 0: 200 */
    const char *body;
    const char *opened; /* the id it was given; NULL: no stream */
    const char *parameter;
} rows[] = {
        {.name = "opens", .target = "watch", .body = HEAD, .opened = "none"},
        {.name = "opens with superjson",
                .target = "watch",
                .superjson = true,
                .body = HEAD,
                .opened = "none"},
        {.name = "id from the header first",
                .target = "watch?lastEventId=query&input={\"lastEventId\":\"input\"}",
                .last_event_id = "header",
                .body = HEAD,
                .opened = "header"},
        {.name = "id from the query",
                .target = "watch?lastEventId=a%20b",
                .body = HEAD,
                .opened = "a b"},
        {.name = "id from the query's other name",
                .target = "watch?Last-Event-Id=x",
                .body = HEAD,
                .opened = "x"},
        {.name = "id from the input",
                .target = "watch?input={\"lastEventId\":\"input\"}",
                .body = HEAD,
                .opened = "input"},
        {.name = "id from the wrapped input",
                .target = "watch?input={\"json\":{\"lastEventId\":\"input\"}}",
                .superjson = true,
                .body = HEAD,
                .opened = "input"},
        {.name = "no id",
                .target = "watch?input={\"lastEventId\":null}",
                .body = HEAD,
                .opened = "none"},
        {.name = "token in the parameters",
                .target = "watch?connectionParams={\"token\":\"t1\"}",
                .anonymous = true,
                .body = HEAD,
                .opened = "none",
                .parameter = "t1"},
        {.name = "no token",
                .target = "watch",
                .anonymous = true,
                .body = REFUSED(
                        ERROR_OF("Sign in.", "-32001", "UNAUTHORIZED", "401", "TOKEN_MISSING"))},
        {.name = "refused by the procedure",
                .target = "watch?input={\"full\":true}",
                .body = REFUSED(ERROR_OF("Close a page.", "-32029", "TOO_MANY_REQUESTS", "429",
                        "TOO_MANY_STREAMS"))},
        {.name = "refused with superjson",
                .target = "watch?input={\"json\":{\"full\":true}}",
                .superjson = true,
                .body = REFUSED("{\"json\":" ERROR_OF("Close a page.", "-32029",
                        "TOO_MANY_REQUESTS", "429", "TOO_MANY_STREAMS") "}")},
        {.name = "posted",
                .method = "POST",
                .target = "watch",
                .body = REFUSED(ERROR_OF(
                        "Unsupported POST-request to subscription procedure at path \\\"watch\\\"",
                        "-32005", "METHOD_NOT_SUPPORTED", "405", "METHOD_NOT_SUPPORTED"))},
        {.name = "in a batch",
                .target = "watch?batch=1",
                .status = 400,
                .body = "[{\"error\":" ERROR_OF("Cannot batch subscription calls", "-32600",
                        "BAD_REQUEST", "400", "SUBSCRIPTION_IN_BATCH") "}]"},
        {.name = "asked for the head",
                .method = "HEAD",
                .target = "watch",
                .status = 204,
                .body = ""},
};

START_TEST(opening_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct slice query = slice_of(rows[_i].target);
    struct slice path = slice_split(&query, '?');
    struct http_header headers[3];
    size_t count = 0;
    headers[count++] = (struct http_header){SLICE("content-type"), SLICE("application/json")};
    if (!rows[_i].anonymous) {
        headers[count++] = (struct http_header){SLICE("authorization"), SLICE("Bearer x")};
    }
    if (rows[_i].last_event_id != NULL) {
        headers[count++] =
                (struct http_header){SLICE("last-event-id"), slice_of(rows[_i].last_event_id)};
    }
    struct http_request http = {.memory = owner,
            .method = slice_of(rows[_i].method == NULL ? "GET" : rows[_i].method),
            .path = path,
            .query = query,
            .headers = headers,
            .header_count = count};
    struct trpc_options options = {.procedures = procedures,
            .procedure_count = 1,
            .authenticate = authenticate,
            .failed = failed};
    struct trpc_request request = {.http = &http, .path = path, .superjson = rows[_i].superjson};
    struct http_reply reply;
    struct trpc_opening opening;
    trpc_answer(&options, &request, &reply, &opening);
    ck_assert_int_eq(reply.status, rows[_i].status == 0 ? 200 : rows[_i].status);
    ck_assert_str_eq(
            reply.body.data == NULL ? "" : mem_strndup(owner, reply.body.data, reply.body.length),
            rows[_i].body);
    if (reply.status == 200) {
        ck_assert_str_eq(reply.content_type, "text/event-stream");
    }
    ck_assert_int_eq(opening.stream != NULL, rows[_i].opened != NULL);
    if (rows[_i].opened != NULL) {
        ck_assert_ptr_eq(opening.stream, &the_stream);
        ck_assert_str_eq(last_id, rows[_i].opened);
        ck_assert_str_eq(parameter, rows[_i].parameter == NULL ? "none" : rows[_i].parameter);
    }
    mem_free(owner);
}
END_TEST

/* ---- events ---- */

static const char *two_events(void *owner, bool superjson)
{
    struct trpc_stream stream = {.superjson = superjson};
    struct trpc_events *events = trpc_events_new(owner, &stream);
    struct trpc_call *call = trpc_event_begin(events);
    json_begin_object(call->output);
    json_write_name(call->output, "at");
    trpc_write_time(call, 0, "at");
    json_write_name(call->output, "raw");
    json_write_raw(call->output, SLICE("[1,\r\n2]"));
    json_end_object(call->output);
    trpc_event_end(events, "i-1");
    call = trpc_event_begin(events);
    json_write_text(call->output, "two\nlines");
    trpc_event_end(events, "i-2");
    struct slice text = trpc_events_text(events);
    return mem_strndup(owner, text.data, text.length);
}

START_TEST(events_are_one_line_each_with_its_id)
{
    void *owner = mem_scope_new(NULL, __func__);
    ck_assert_str_eq(two_events(owner, false),
            "data: {\"at\":\"1970-01-01T00:00:00.000Z\",\"raw\":[1,  2]}\nid: i-1\n\n\n"
            "data: \"two\\nlines\"\nid: i-2\n\n\n");
    ck_assert_str_eq(two_events(owner, true),
            "data: {\"json\":{\"at\":\"1970-01-01T00:00:00.000Z\",\"raw\":[1,  2]},"
            "\"meta\":{\"values\":{\"at\":[\"Date\"]},\"v\":1}}\nid: i-1\n\n\n"
            "data: {\"json\":\"two\\nlines\"}\nid: i-2\n\n\n");
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, opening_row, rows);
    TEST_ADD(suite, events_are_one_line_each_with_its_id);
}

TEST_MAIN("subscribe", cases)
