#include "trpc/trpc_internal.h"

#include <stdarg.h>

#define REPLY_MAX_BYTES (64 * 1024 * 1024)

/* One request being served. */
struct serving {
    const struct trpc_options *options;
    const struct trpc_request *request;
    void *memory;
    bool is_batch, is_jsonl, is_get;
    struct slice names[101]; /* of the calls, percent-decoded; one more than any batch may have */
    int count;
    bool authenticated, refused; /* once tried */
    const char *user;
    struct error refusal;
    bool input_read;          /* once tried */
    const struct json *input; /* of the whole request; NULL: none */
    struct error input_error; /* code 0: it could be read */
    struct buffer reply;
    struct json_writer writer;
    int status; /* of the calls so far: 0 none, one that all share, or 207 */
    int retry_after_s;
};

/* ---- replies ---- */

static void send(const struct serving *serving, int status, struct slice body, const char *allow)
{
    const struct trpc_request *request = serving->request;
    struct http_header headers[16];
    size_t count = 0;
    for (size_t i = 0; i < request->header_count && count < 12; i++) {
        headers[count++] = request->headers[i];
    }
    headers[count++] = (struct http_header){SLICE("vary"), SLICE("trpc-accept, accept, origin")};
    if (allow != NULL) {
        headers[count++] = (struct http_header){SLICE("allow"), slice_of(allow)};
    }
    if (serving->retry_after_s > 0) {
        headers[count++] = (struct http_header){SLICE("retry-after"),
                slice_of(mem_printf(serving->memory, "%d", serving->retry_after_s))};
    }
    struct http_reply reply = {
            .status = status,
            .content_type = "application/json",
            .headers = headers,
            .header_count = count,
            .body = body,
    };
    http_reply(request->http, &reply);
}

/* The request as a whole is refused: one object, which the client hands to every call. */
static void refuse(struct serving *serving, const struct error *err)
{
    serving->options->failed(serving->options->context, serving->request->http, NULL, err);
    serving->retry_after_s = err->retry_after_s;
    send(serving, error_http_status(err->code),
            trpc_error_text(serving->memory, err, NULL, serving->request->request_id,
                    serving->request->superjson),
            NULL);
}

/* ---- the request as a whole ---- */

static bool is_json(struct slice content_type)
{
    return slice_is_nocase(slice_trim(slice_split(&content_type, ';')), "application/json");
}

static bool check_content_type(const struct serving *serving, struct error *err)
{
    if (serving->is_get) {
        return true;
    }
    struct slice type = http_request_header(serving->request->http, "content-type");
    if (type.data == NULL) {
        return error_set(
                err, ERROR_UNSUPPORTED_MEDIA_TYPE, "CONTENT_TYPE", "Missing content-type header");
    }
    /* The missing quote is the reference server's (trpc-wire.md §9). */
    return is_json(type) || error_set(err, ERROR_UNSUPPORTED_MEDIA_TYPE, "CONTENT_TYPE",
                                    "Unsupported content-type \"%.*s", SLICE_ARG(type));
}

static bool accepts_jsonl(const struct http_request *request)
{
    struct slice accept = http_request_header(request, "accept");
    if (slice_is(http_request_header(request, "trpc-accept"), "application/jsonl")) {
        return true;
    }
    while (accept.data != NULL) {
        if (slice_is(slice_trim(slice_split(&accept, ',')), "application/jsonl")) {
            return true;
        }
    }
    return false;
}

static const struct trpc_procedure *find(const struct serving *serving, struct slice name)
{
    for (size_t i = 0; i < serving->options->procedure_count; i++) {
        if (slice_is(name, serving->options->procedures[i].path)) {
            return &serving->options->procedures[i];
        }
    }
    return NULL;
}

/* Split the path into the calls' names. */
static bool read_names(struct serving *serving, struct error *err)
{
    struct slice path = serving->request->path;
    const char *batch = http_request_parameter(serving->request->http, "batch");
    serving->is_batch = batch != NULL && strcmp(batch, "1") == 0;
    if (path.length > 0 && memchr(path.data, '%', path.length) != NULL) {
        struct slice encoded = path;
        if (!http_url_decode(serving->memory, encoded, false, &path)) {
            return error_set(err, ERROR_BAD_REQUEST, "PATH",
                    "Invalid URL-encoding in path \"%.*s\"", SLICE_ARG(encoded));
        }
    }
    if (path.length > 0 && path.data[path.length - 1] == '/') {
        path.length--;
    }
    if (!serving->is_batch) {
        serving->names[0] = path;
        serving->count = 1;
        return true;
    }
    int max = serving->options->max_batch < 100 ? serving->options->max_batch : 100;
    path.data = path.data == NULL ? "" : path.data;
    while (path.data != NULL && serving->count <= max) {
        serving->names[serving->count++] = slice_split(&path, ',');
    }
    return serving->count <= max ||
           error_set(err, ERROR_BAD_REQUEST, "BATCH_TOO_LARGE", "Batch call exceeds maximum size");
}

static bool check_types(const struct serving *serving, struct error *err)
{
    const struct trpc_procedure *first = NULL;
    for (int i = 0; i < serving->count; i++) {
        const struct trpc_procedure *procedure = find(serving, serving->names[i]);
        if (first != NULL && procedure != NULL && procedure->type != first->type) {
            return error_set(err, ERROR_BAD_REQUEST, "MIXED_BATCH",
                    "Cannot mix procedure types in call: query, mutation");
        }
        first = first == NULL ? procedure : first;
    }
    return true;
}

static bool check_request(struct serving *serving, struct error *err)
{
    struct http_request *http = serving->request->http;
    serving->is_get = slice_is(http->method, "GET");
    serving->is_jsonl = accepts_jsonl(http);
    if (!serving->is_get && !slice_is(http->method, "POST")) {
        return error_set(err, ERROR_METHOD_NOT_SUPPORTED, "METHOD_NOT_SUPPORTED",
                "Queries are sent with GET, mutations with POST.");
    }
    if (!read_names(serving, err) || !check_content_type(serving, err) ||
            !check_types(serving, err)) {
        return false;
    }
    return !serving->is_jsonl || serving->is_batch ||
           error_set(err, ERROR_BAD_REQUEST, "STREAM_WITHOUT_BATCH",
                   "Streaming requests must be batched (you can do a batch of 1)");
}

/* ---- one call ---- */

static bool authenticate(struct serving *serving, struct error *err)
{
    if (!serving->authenticated && !serving->refused) {
        serving->authenticated = serving->options->authenticate(serving->options->context,
                serving->request->http, &serving->user, &serving->refusal);
        serving->refused = !serving->authenticated;
    }
    if (serving->refused) {
        *err = serving->refusal;
    }
    return serving->authenticated;
}

/* The text that holds the inputs; data NULL: none. Read when the first call needs it: a 401 beats a 400. */
static void read_input(struct serving *serving)
{
    serving->input_read = true;
    struct slice text = serving->request->http->body;
    if (serving->is_get) {
        text = slice_of(http_request_parameter(serving->request->http, "input"));
    }
    if (text.length == 0) {
        return;
    }
    if (!json_parse(serving->memory, text, &serving->input, &serving->input_error)) {
        serving->input_error.code = ERROR_BAD_REQUEST;
    } else if (serving->is_batch && json_type(serving->input) != JSON_OBJECT) {
        error_set(&serving->input_error, ERROR_BAD_REQUEST, "INVALID_INPUT",
                "\"input\" needs to be an object when doing a batch call");
    }
}

static bool call_input(struct serving *serving, int index, const struct trpc_field *fields,
        const struct json **out, struct trpc_failure *failure)
{
    char name[12];
    snprintf(name, sizeof name, "%d", index);
    if (!serving->input_read) {
        read_input(serving);
    }
    if (serving->input_error.code != ERROR_NONE) {
        failure->err = serving->input_error;
        return false;
    }
    const struct json *input = serving->is_batch ? json_get(serving->input, name) : serving->input;
    if (serving->request->superjson && input != NULL &&
            !trpc_unwrap_input(serving->memory, input, &input, &failure->err)) {
        return false;
    }
    *out = input;
    return trpc_check_input(serving->memory, fields, input, failure);
}

static bool check_method(
        const struct serving *serving, const struct trpc_procedure *procedure, struct error *err)
{
    bool fits = (procedure->type == TRPC_QUERY) == serving->is_get;
    return fits || error_set(err, ERROR_METHOD_NOT_SUPPORTED, "METHOD_NOT_SUPPORTED",
                           "Unsupported %s-request to %s procedure at path \"%s\"",
                           serving->is_get ? "GET" : "POST",
                           procedure->type == TRPC_QUERY ? "query" : "mutation", procedure->path);
}

/* The checks of one call, then its handler. */
static bool run_call(struct serving *serving, int index, const struct trpc_procedure *procedure,
        struct trpc_marks *marks, struct trpc_failure *failure)
{
    struct error *err = &failure->err;
    struct trpc_call call = {
            .context = serving->options->context,
            .request = serving->request->http,
            .output = &serving->writer,
            .marks = marks,
    };
    if (procedure == NULL) {
        return error_set(err, ERROR_NOT_FOUND, "NO_SUCH_PROCEDURE",
                "No procedure found on path \"%.*s\"", SLICE_ARG(serving->names[index]));
    }
    if (!check_method(serving, procedure, err) ||
            (!procedure->is_public && !authenticate(serving, err)) ||
            (procedure->fields != NULL &&
                    !call_input(serving, index, procedure->fields, &call.input, failure))) {
        return false;
    }
    call.user = serving->user;
    return procedure->handler(&call, err);
}

static void count_status(struct serving *serving, int status)
{
    serving->status = serving->status == 0 || serving->status == status ? status : 207;
}

/* Write one call's envelope; on failure what its handler wrote is taken back. `marks` gets its Dates. */
static void write_call(struct serving *serving, int index, struct trpc_marks *marks)
{
    const struct trpc_procedure *procedure = find(serving, serving->names[index]);
    bool wrap = serving->request->superjson && !serving->is_jsonl;
    size_t start = serving->reply.length;
    struct json_writer before = serving->writer;
    struct trpc_failure failure = {0};
    json_begin_object(&serving->writer);
    json_write_name(&serving->writer, "result");
    json_begin_object(&serving->writer);
    json_write_name(&serving->writer, "data");
    if (wrap) {
        json_begin_object(&serving->writer);
        json_write_name(&serving->writer, "json");
    }
    bool ok = run_call(serving, index, procedure, marks, &failure);
    if (ok && serving->reply.overflow) {
        ok = error_set(&failure.err, ERROR_INTERNAL_SERVER_ERROR, "REPLY_TOO_LARGE",
                "The answer is too large to send; ask for less.");
    }
    if (!ok) {
        serving->reply.length = start;
        serving->reply.overflow = false;
        serving->writer = before;
        marks->text.length = 0;
        const char *path = mem_strndup(
                serving->memory, serving->names[index].data, serving->names[index].length);
        serving->options->failed(
                serving->options->context, serving->request->http, path, &failure.err);
        if (failure.err.retry_after_s > serving->retry_after_s) {
            serving->retry_after_s = failure.err.retry_after_s;
        }
        trpc_write_error(&serving->writer, &failure, path, serving->request->request_id, wrap);
        count_status(serving, error_http_status(failure.err.code));
        return;
    }
    if (wrap) {
        if (marks->text.length > 0) {
            json_write_name(&serving->writer, "meta");
            json_write_raw(&serving->writer,
                    slice_of(mem_printf(serving->memory, "{\"values\":{%s},\"v\":1}",
                            buffer_text(&marks->text))));
        }
        json_end_object(&serving->writer);
    }
    json_end_object(&serving->writer);
    json_end_object(&serving->writer);
    count_status(serving, 200);
}

void trpc_write_time(struct trpc_call *call, int64_t ms, const char *path, ...)
{
    if (ms < 0) {
        json_write_null(call->output);
        return;
    }
    json_write_time(call->output, ms);
    if (!call->marks->wanted) {
        return;
    }
    struct buffer *text = &call->marks->text;
    va_list arguments;
    va_start(arguments, path);
    char where[256];
    vsnprintf(where, sizeof where, path, arguments);
    va_end(arguments);
    buffer_printf(text, "%s\"%.*s%s\":[\"Date\"]", text->length > 0 ? "," : "",
            SLICE_ARG(call->marks->prefix), where);
}

const char *trpc_input_text(const struct trpc_call *call, const char *name)
{
    return json_text(json_get(call->input, name));
}

/* ---- all calls ---- */

static void marks_init(const struct serving *serving, struct trpc_marks *marks, const char *prefix)
{
    *marks = (struct trpc_marks){.wanted = serving->request->superjson, .prefix = slice_of(prefix)};
    buffer_init(&marks->text, serving->memory, 1024 * 1024);
}

static void serve_calls(struct serving *serving)
{
    if (serving->is_batch) {
        json_begin_array(&serving->writer);
    }
    for (int i = 0; i < serving->count; i++) {
        struct trpc_marks marks;
        marks_init(serving, &marks, "");
        write_call(serving, i, &marks);
    }
    if (serving->is_batch) {
        json_end_array(&serving->writer);
    }
    const char *allow = serving->status == 405 ? (serving->is_get ? "POST" : "GET") : NULL;
    send(serving, serving->status, buffer_slice(&serving->reply), allow);
}

/* JSON lines, all in the head: `{"0":[[{"result":…}]],…}`; superjson wraps the whole line (trpc-wire.md §6). */
static void serve_jsonl(struct serving *serving)
{
    bool wrap = serving->request->superjson;
    struct buffer all_marks;
    buffer_init(&all_marks, serving->memory, 4 * 1024 * 1024);
    if (wrap) {
        json_begin_object(&serving->writer);
        json_write_name(&serving->writer, "json");
    }
    json_begin_object(&serving->writer);
    for (int i = 0; i < serving->count; i++) {
        struct trpc_marks marks;
        marks_init(serving, &marks, mem_printf(serving->memory, "%d.0.0.result.data.", i));
        json_write_name(&serving->writer, mem_printf(serving->memory, "%d", i));
        json_begin_array(&serving->writer);
        json_begin_array(&serving->writer);
        write_call(serving, i, &marks);
        json_end_array(&serving->writer);
        json_end_array(&serving->writer);
        if (marks.text.length > 0) {
            buffer_add_text(&all_marks, all_marks.length > 0 ? "," : "");
            buffer_add_slice(&all_marks, buffer_slice(&marks.text));
        }
    }
    json_end_object(&serving->writer);
    if (wrap) {
        if (all_marks.length > 0) {
            json_write_name(&serving->writer, "meta");
            json_write_raw(&serving->writer,
                    slice_of(mem_printf(serving->memory, "{\"values\":{%s},\"v\":1}",
                            buffer_text(&all_marks))));
        }
        json_end_object(&serving->writer);
    }
    buffer_add_char(&serving->reply, '\n');
    send(serving, 200, buffer_slice(&serving->reply), NULL);
}

void trpc_serve(const struct trpc_options *options, const struct trpc_request *request)
{
    struct serving serving = {
            .options = options, .request = request, .memory = request->http->memory};
    struct error err = {0};
    if (slice_is(request->http->method, "HEAD")) {
        struct http_reply reply = {.status = 204};
        http_reply(request->http, &reply);
        return;
    }
    if (!check_request(&serving, &err)) {
        refuse(&serving, &err);
        return;
    }
    buffer_init(&serving.reply, serving.memory, REPLY_MAX_BYTES);
    json_writer_init(&serving.writer, &serving.reply);
    if (serving.is_jsonl) {
        serve_jsonl(&serving);
    } else {
        serve_calls(&serving);
    }
}
