/* What a request asks for: its calls, and the checks of it as a whole, in the order of the reference server. */
#include "trpc/trpc_internal.h"
#include "json/utf8.h"

#define DEFAULT_MAX_BATCH 20

bool trpc_query_parameter(
        const struct http_request *request, const char *name, struct slice *value_out)
{
    struct slice rest = request->query;
    *value_out = (struct slice){NULL, 0};
    while (rest.data != NULL) {
        struct slice value = slice_split(&rest, '&');
        struct slice key = slice_split(&value, '=');
        if (!slice_is(key, name)) {
            continue;
        }
        if (value.length == 0) {
            *value_out = SLICE("");
            return true;
        }
        bool is_plain = memchr(value.data, '%', value.length) == NULL &&
                        memchr(value.data, '+', value.length) == NULL;
        *value_out = value;
        return is_plain || http_url_decode(request->memory, value, true, value_out);
    }
    return true;
}

/* ---- the calls ---- */

static bool decode_path(
        const struct trpc_request *request, struct slice *path_out, struct trpc_failure *failure)
{
    struct slice path = request->path.length == 0 ? SLICE("") : request->path;
    if (path.length > 0 && path.data[path.length - 1] == '/') {
        path.length--;
    }
    *path_out = path;
    if (path.length == 0 || memchr(path.data, '%', path.length) == NULL) {
        return true;
    }
    struct slice decoded;
    if (!http_url_decode(request->http->memory, path, false, &decoded) ||
            utf8_valid_run(decoded) < decoded.length) {
        return trpc_fail(request->http->memory, failure, ERROR_BAD_REQUEST, "INVALID_PATH",
                "Invalid URL-encoding in path \"%.*s\"", SLICE_ARG(path));
    }
    *path_out = decoded;
    return true;
}

static const struct trpc_procedure *find(const struct trpc_options *options, struct slice name)
{
    for (size_t i = 0; i < options->procedure_count; i++) {
        if (slice_is(name, options->procedures[i].path)) {
            return &options->procedures[i];
        }
    }
    return NULL;
}

static size_t count_names(struct slice path)
{
    size_t count = 0;
    for (struct slice rest = path; rest.data != NULL; count++) {
        slice_split(&rest, ',');
    }
    return count;
}

static bool read_items(const struct trpc_options *options, const struct trpc_request *request,
        struct slice path, struct trpc_batch *batch, struct error *err)
{
    size_t max = (size_t)(options->max_batch > 0 ? options->max_batch : DEFAULT_MAX_BATCH);
    batch->count = batch->is_batch ? count_names(path) : 1;
    if (batch->count > max) {
        return error_set(
                err, ERROR_BAD_REQUEST, "BATCH_TOO_LARGE", "Batch call exceeds maximum size");
    }
    batch->items = mem_array(request->http->memory, struct trpc_item, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        struct slice name = batch->is_batch ? slice_split(&path, ',') : path;
        batch->items[i] = (struct trpc_item){name, find(options, name)};
    }
    return true;
}

/* ---- the checks ---- */

static bool check_content_type(const struct trpc_request *request, struct trpc_failure *failure)
{
    if (slice_is(request->http->method, "GET")) {
        return true;
    }
    struct slice type = http_request_header(request->http, "content-type");
    if (type.data == NULL) {
        return error_set(&failure->err, ERROR_UNSUPPORTED_MEDIA_TYPE, "CONTENT_TYPE",
                "Missing content-type header");
    }
    struct slice rest = type;
    if (slice_is_nocase(slice_trim(slice_split(&rest, ';')), "application/json")) {
        return true;
    }
    /* It is the reference server that leaves out the second quote. */
    return trpc_fail(request->http->memory, failure, ERROR_UNSUPPORTED_MEDIA_TYPE, "CONTENT_TYPE",
            "Unsupported content-type \"%.*s", SLICE_ARG(type));
}

const char *trpc_type_name(enum trpc_type type)
{
    static const char *const names[] = {
            [TRPC_QUERY] = "query",
            [TRPC_MUTATION] = "mutation",
            [TRPC_SUBSCRIPTION] = "subscription",
    };
    return names[type];
}

static bool check_types(const struct trpc_batch *batch, struct error *err)
{
    const struct trpc_procedure *first = NULL;
    for (size_t i = 0; i < batch->count; i++) {
        const struct trpc_procedure *procedure = batch->items[i].procedure;
        if (first != NULL && procedure != NULL && procedure->type != first->type) {
            return error_set(err, ERROR_BAD_REQUEST, "MIXED_BATCH",
                    "Cannot mix procedure types in call: %s, %s", trpc_type_name(first->type),
                    trpc_type_name(procedure->type));
        }
        first = first == NULL ? procedure : first;
    }
    return true;
}

/* Only subscriptions use them, but every client that sends bad ones is to hear of it. */
static bool read_connection_parameters(
        const struct trpc_request *request, const struct json **parameters_out, struct error *err)
{
    struct slice text;
    const struct json *parameters = NULL;
    struct error ignored;
    bool decoded = trpc_query_parameter(request->http, "connectionParams", &text);
    if (decoded && text.data == NULL) {
        return true;
    }
    if (!decoded || !json_parse(request->http->memory, text, &parameters, &ignored)) {
        return error_set(
                err, ERROR_PARSE_ERROR, "CONNECTION_PARAMS", "Not JSON-parsable query params");
    }
    bool fits = json_type(parameters) == JSON_NULL || json_type(parameters) == JSON_OBJECT;
    for (struct json_iterator i = json_iterate(parameters); json_next(&i);) {
        fits = fits && json_type(i.value) == JSON_STRING;
    }
    *parameters_out = json_type(parameters) == JSON_OBJECT ? parameters : NULL;
    return fits || error_set(err, ERROR_PARSE_ERROR, "CONNECTION_PARAMS",
                           "Invalid connection params shape");
}

static bool accepts_jsonl(const struct http_request *request)
{
    struct slice accept = http_request_header(request, "trpc-accept");
    if (accept.data != NULL) {
        return slice_is(accept, "application/jsonl");
    }
    accept = http_request_header(request, "accept");
    while (accept.data != NULL) {
        if (slice_is(slice_trim(slice_split(&accept, ',')), "application/jsonl")) {
            return true;
        }
    }
    return false;
}

bool trpc_read_request(const struct trpc_options *options, const struct trpc_request *request,
        struct trpc_batch *batch_out, struct trpc_failure *failure)
{
    struct slice path, batch;
    struct trpc_batch read = {
            .is_get = slice_is(request->http->method, "GET"),
            .is_jsonl = accepts_jsonl(request->http),
            .is_batch =
                    trpc_query_parameter(request->http, "batch", &batch) && slice_is(batch, "1"),
    };
    if (!decode_path(request, &path, failure) || !check_content_type(request, failure) ||
            !read_items(options, request, path, &read, &failure->err) ||
            !check_types(&read, &failure->err) ||
            !read_connection_parameters(request, &read.parameters, &failure->err)) {
        return false;
    }
    if (read.is_jsonl && !read.is_batch) {
        return error_set(&failure->err, ERROR_BAD_REQUEST, "STREAM_WITHOUT_BATCH",
                "Streaming requests must be batched (you can do a batch of 1)");
    }
    const struct trpc_procedure *first = read.items[0].procedure;
    read.is_subscription = !read.is_batch && first != NULL && first->type == TRPC_SUBSCRIPTION;
    *batch_out = read;
    return true;
}
