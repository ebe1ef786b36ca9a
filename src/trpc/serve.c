#include "trpc/trpc_internal.h"

#include <assert.h>

#define OUTPUT_MAX_BYTES   (32 * 1024 * 1024) /* of a whole reply */
#define OUTPUT_FIRST_BYTES 4000               /* a list of five integrations with their tools */

/* One request being answered. */
struct serving {
    const struct trpc_options *options;
    const struct trpc_request *request;
    void *memory;
    struct trpc_batch batch;

    bool authenticated; /* tried; how it went: */
    const char *user;
    struct error refusal; /* code 0: none */

    bool input_read;          /* tried; how it went: */
    const struct json *input; /* of the whole request; NULL: none */
    struct error input_error; /* code 0: none */

    struct buffer reply;
    int status; /* of the calls so far: 0 none, one that all share, or 207 */
    int retry_after_s;
    const char *allow; /* NULL: no call failed for its method */

    struct trpc_opening *opening;
};

/* ---- replies ---- */

static void make_reply(const struct serving *serving, int status, struct http_reply *reply)
{
    const struct trpc_request *request = serving->request;
    struct http_header *headers =
            mem_array(serving->memory, struct http_header, request->header_count + 5);
    size_t count = request->header_count;
    for (size_t i = 0; i < count; i++) {
        headers[i] = request->headers[i];
    }
    /* The origin, since `headers` may depend on it. */
    headers[count++] = (struct http_header){SLICE("vary"), SLICE("trpc-accept, accept, origin")};
    if (serving->allow != NULL) {
        headers[count++] = (struct http_header){SLICE("allow"), slice_of(serving->allow)};
    }
    if (serving->batch.is_subscription) {
        headers[count++] =
                (struct http_header){SLICE("cache-control"), SLICE("no-cache, no-transform")};
        headers[count++] = (struct http_header){SLICE("x-accel-buffering"), SLICE("no")};
    }
    if (serving->retry_after_s > 0 && (status == 429 || status == 503)) {
        headers[count++] = (struct http_header){SLICE("retry-after"),
                slice_of(mem_printf(serving->memory, "%d", serving->retry_after_s))};
    }
    *reply = (struct http_reply){
            .status = status,
            .content_type =
                    serving->batch.is_subscription ? "text/event-stream" : "application/json",
            .headers = headers,
            .header_count = count,
            .body = buffer_slice(&serving->reply),
    };
}

static void report(
        const struct serving *serving, const struct trpc_failure *failure, struct slice path)
{
    const struct trpc_options *options = serving->options;
    const char *path_text = mem_strndup(serving->memory, path.data, path.length);
    options->failed(options->context, serving->request->http, path_text, &failure->err);
}

static void write_failure(struct serving *serving, const struct trpc_failure *failure,
        struct slice path, bool superjson)
{
    report(serving, failure, path);
    if (failure->err.retry_after_s > serving->retry_after_s) {
        serving->retry_after_s = failure->err.retry_after_s;
    }
    trpc_write_error(&serving->reply, failure, path, serving->request->request_id, superjson);
}

/* ---- one call ---- */

static bool authenticate(struct serving *serving, struct error *err)
{
    if (!serving->authenticated) {
        serving->authenticated = true;
        (void)serving->options->authenticate(serving->options->context, serving->request->http,
                serving->batch.is_subscription ? serving->batch.parameters : NULL, &serving->user,
                &serving->refusal);
    }
    if (serving->refusal.code != ERROR_NONE) {
        *err = serving->refusal;
    }
    return serving->refusal.code == ERROR_NONE;
}

static bool read_input(const struct serving *serving, const struct json **input, struct error *err)
{
    struct slice text = serving->request->http->body;
    if (serving->batch.is_get && !trpc_query_parameter(serving->request->http, "input", &text)) {
        return error_set(err, ERROR_BAD_REQUEST, "INVALID_INPUT",
                "The input parameter has a bad percent-escape.");
    }
    if (text.length == 0) {
        return true;
    }
    if (!json_parse(serving->memory, text, input, err)) {
        err->code = ERROR_BAD_REQUEST;
        return false;
    }
    return !serving->batch.is_batch || json_type(*input) == JSON_OBJECT ||
           error_set(err, ERROR_BAD_REQUEST, "INVALID_INPUT",
                   "\"input\" needs to be an object when doing a batch call");
}

/* Read no earlier than the first call asks: a 401 beats a 400. */
static bool call_input(struct serving *serving, size_t index, const struct trpc_field *fields,
        const struct json **input_out, struct trpc_failure *failure)
{
    if (!serving->input_read) {
        serving->input_read = true;
        (void)read_input(serving, &serving->input, &serving->input_error);
    }
    if (serving->input_error.code != ERROR_NONE) {
        failure->err = serving->input_error;
        return false;
    }
    const struct json *input = serving->input;
    if (serving->batch.is_batch) {
        char name[24];
        snprintf(name, sizeof name, "%zu", index);
        input = json_get(input, name);
    }
    if (serving->request->superjson &&
            !trpc_superjson_unwrap(serving->memory, input, &input, &failure->err)) {
        return false;
    }
    *input_out = input;
    return trpc_check_input(serving->memory, fields, input, failure);
}

static bool check_method(
        struct serving *serving, const struct trpc_item *item, struct trpc_failure *failure)
{
    const char *wanted = item->procedure->type == TRPC_MUTATION ? "POST" : "GET";
    struct slice method = serving->request->http->method;
    if (slice_is(method, wanted)) {
        return true;
    }
    serving->allow = wanted;
    return trpc_fail(serving->memory, failure, ERROR_METHOD_NOT_SUPPORTED, "METHOD_NOT_SUPPORTED",
            "Unsupported %.*s-request to %s procedure at path \"%s\"", SLICE_ARG(method),
            trpc_type_name(item->procedure->type), item->procedure->path);
}

/* The checks of one call, then its handler. */
static bool run_call(
        struct serving *serving, size_t index, struct trpc_call *call, struct trpc_failure *failure)
{
    const struct trpc_item *item = &serving->batch.items[index];
    const struct trpc_procedure *procedure = item->procedure;
    if (procedure == NULL) {
        return trpc_fail(serving->memory, failure, ERROR_NOT_FOUND, "NO_SUCH_PROCEDURE",
                "No procedure found on path \"%.*s\"", SLICE_ARG(item->name));
    }
    if (!check_method(serving, item, failure)) {
        return false;
    }
    if (procedure->type == TRPC_SUBSCRIPTION && serving->batch.is_batch) {
        return error_set(&failure->err, ERROR_BAD_REQUEST, "SUBSCRIPTION_IN_BATCH",
                "Cannot batch subscription calls");
    }
    if ((!procedure->is_public && !authenticate(serving, &failure->err)) ||
            (procedure->fields != NULL &&
                    !call_input(serving, index, procedure->fields, &call->input, failure))) {
        return false;
    }
    call->user = procedure->is_public ? NULL : serving->user;
    if (procedure->type == TRPC_SUBSCRIPTION) {
        call->opening = serving->opening;
        call->last_event_id = trpc_last_event_id(serving->request->http, call->input);
    }
    if (!procedure->handler(call, &failure->err)) {
        return false;
    }
    assert(call->output->depth == 0);
    if (serving->reply.overflow || call->marks->text.overflow) {
        return error_set(&failure->err, ERROR_PAYLOAD_TOO_LARGE, "REPLY_TOO_LARGE",
                "The call was made, but its answer is too large to send: ask for less at a time.");
    }
    return true;
}

static void count_status(struct serving *serving, int status)
{
    serving->status = serving->status == 0 || serving->status == status ? status : 207;
}

/* Write one call's envelope, straight into the reply; on failure what is there of it is taken back. `wrap`: each
 * value is superjson of its own, rather than the line that it stands in. */
static void write_call(struct serving *serving, size_t index, struct trpc_marks *marks, bool wrap)
{
    struct buffer *reply = &serving->reply;
    struct trpc_failure failure = {.err = {.code = ERROR_NONE}};
    struct json_writer writer;
    struct trpc_call call = {
            .context = serving->options->context,
            .request = serving->request->http,
            .output = &writer,
            .marks = marks,
    };
    size_t start = reply->length, mark_start = marks->text.length;
    buffer_add_text(reply, wrap ? "{\"result\":{\"data\":{\"json\":" : "{\"result\":{\"data\":");
    size_t output_start = reply->length;
    json_writer_init(&writer, reply);
    reply->limit = OUTPUT_MAX_BYTES;
    bool ok = run_call(serving, index, &call, &failure);
    reply->limit = SIZE_MAX / 2; /* what else there is has no outside size */
    reply->overflow = marks->text.overflow = false;
    count_status(serving, ok ? 200 : error_http_status(failure.err.code));
    if (!ok) {
        reply->length = start;
        marks->text.length = mark_start;
        write_failure(serving, &failure, serving->batch.items[index].name, wrap);
    } else if (reply->length > output_start) {
        if (wrap) {
            trpc_marks_write(marks, reply);
        }
        buffer_add_text(reply, wrap ? "}}}" : "}}");
    } else {
        reply->length = start;
        buffer_add_text(reply,
                wrap ? "{\"result\":{\"data\":{\"json\":null,\"meta\":{\"values\":[\"undefined\"],"
                       "\"v\":1}}}}"
                     : "{\"result\":{}}");
    }
}

/* ---- all calls ---- */

static void write_calls(struct serving *serving)
{
    struct buffer *reply = &serving->reply;
    bool is_batch = serving->batch.is_batch, superjson = serving->request->superjson;
    if (is_batch) {
        buffer_add_char(reply, '[');
    }
    for (size_t i = 0; i < serving->batch.count; i++) {
        struct trpc_marks marks;
        trpc_marks_init(&marks, serving->memory, superjson, "");
        if (i > 0) {
            buffer_add_char(reply, ',');
        }
        write_call(serving, i, &marks, superjson);
    }
    if (is_batch) {
        buffer_add_char(reply, ']');
    }
}

/* JSON lines, in the form where all is in the first, which names the calls: `{"0":[[{"result":…}]],…}`. superjson
 * wraps the line as a whole. */
static void write_line(struct serving *serving)
{
    struct buffer *reply = &serving->reply;
    bool superjson = serving->request->superjson;
    struct trpc_marks marks;
    trpc_marks_init(&marks, serving->memory, superjson, "");
    buffer_add_text(reply, superjson ? "{\"json\":{" : "{");
    for (size_t i = 0; i < serving->batch.count; i++) {
        marks.prefix = mem_printf(serving->memory, "%zu.0.0.result.data", i);
        buffer_printf(reply, "%s\"%zu\":[[", i > 0 ? "," : "", i);
        write_call(serving, i, &marks, false);
        buffer_add_text(reply, "]]");
    }
    buffer_add_char(reply, '}');
    if (superjson) {
        trpc_marks_write(&marks, reply);
        buffer_add_char(reply, '}');
    }
    buffer_add_char(reply, '\n');
}

/* Status 200 whatever comes of it: the reference client reads the error of no other. */
static void write_subscription(struct serving *serving)
{
    struct trpc_failure failure = {.err = {.code = ERROR_NONE}};
    struct trpc_marks marks;
    struct json_writer writer;
    struct trpc_call call = {
            .context = serving->options->context,
            .request = serving->request->http,
            .output = &writer,
            .marks = &marks,
    };
    struct slice name = serving->batch.items[0].name;
    trpc_marks_init(&marks, serving->memory, false, "");
    json_writer_init(&writer, &serving->reply);
    bool ok = run_call(serving, 0, &call, &failure);
    assert(ok == (serving->opening->stream != NULL));
    if (!ok) {
        report(serving, &failure, name);
    }
    buffer_clear(&serving->reply);
    trpc_write_stream_head(&serving->reply, ok ? NULL : &failure, name,
            serving->request->request_id, serving->request->superjson);
}

void trpc_answer(const struct trpc_options *options, const struct trpc_request *request,
        struct http_reply *reply_out, struct trpc_opening *opening_out)
{
    struct serving serving = {.options = options,
            .request = request,
            .memory = request->http->memory,
            .opening = opening_out};
    struct trpc_failure failure = {.err = {.code = ERROR_NONE}};
    *opening_out = (struct trpc_opening){.stream = NULL};
    if (slice_is(request->http->method, "HEAD")) {
        *reply_out = (struct http_reply){.status = 204};
        return;
    }
    buffer_init(&serving.reply, serving.memory, SIZE_MAX / 2);
    buffer_reserve(&serving.reply, OUTPUT_FIRST_BYTES);
    if (!trpc_read_request(options, request, &serving.batch, &failure)) {
        /* One object whatever was asked for, which the client hands to every call. */
        write_failure(&serving, &failure, (struct slice){NULL, 0}, request->superjson);
        make_reply(&serving, error_http_status(failure.err.code), reply_out);
    } else if (serving.batch.is_subscription) {
        write_subscription(&serving);
        make_reply(&serving, 200, reply_out);
    } else if (serving.batch.is_jsonl) {
        write_line(&serving);
        make_reply(&serving, 200, reply_out);
    } else {
        write_calls(&serving);
        make_reply(&serving, serving.status, reply_out);
    }
}

void trpc_serve(const struct trpc_options *options, const struct trpc_request *request)
{
    struct http_reply reply;
    struct trpc_opening opening;
    trpc_answer(options, request, &reply, &opening);
    if (opening.stream != NULL) {
        trpc_open(&opening, request, &reply);
    } else {
        http_reply(request->http, &reply);
    }
}

const char *trpc_input_text(const struct trpc_call *call, const char *name)
{
    return json_text(json_get(call->input, name));
}
