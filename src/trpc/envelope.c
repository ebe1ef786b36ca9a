#include "trpc/trpc_internal.h"

#define ERROR_TEXT_BYTES (64 * 1024)

bool trpc_fail(void *owner, struct trpc_failure *failure, enum error_code code, const char *reason,
        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    failure->message = slice_of(mem_vprintf(owner, format, arguments));
    va_end(arguments);
    return error_set(&failure->err, code, reason, "%s", failure->message.data);
}

static void write_message(struct json_writer *writer, const struct trpc_failure *failure)
{
    json_write_name(writer, "message");
    if (failure->err.code == ERROR_INTERNAL_SERVER_ERROR) {
        /* Nobody wrote the message with the caller in mind: it may tell of the inside. */
        json_write_text(writer,
                "Something went wrong on the server. Try again, and if it stays, report the "
                "request id.");
    } else if (failure->message.data != NULL) {
        json_write_string(writer, failure->message);
    } else {
        /* As the reference server has it of an error without a message. */
        json_write_text(writer, *failure->err.message != '\0' ? failure->err.message
                                                              : error_name(failure->err.code));
    }
}

/* The reference server's members in its order, then ours. */
static void write_data(struct json_writer *writer, const struct trpc_failure *failure,
        struct slice path, const char *request_id)
{
    const struct error *err = &failure->err;
    json_begin_object(writer);
    json_write_name(writer, "code");
    json_write_text(writer, error_name(err->code));
    json_write_name(writer, "httpStatus");
    json_write_int(writer, error_http_status(err->code));
    if (path.data != NULL) {
        json_write_name(writer, "path");
        json_write_string(writer, path);
    }
    json_write_name(writer, "zodError");
    if (failure->zod_error.data != NULL) {
        json_write_raw(writer, failure->zod_error);
    } else {
        json_write_null(writer);
    }
    if (err->reason != NULL) {
        json_write_name(writer, "reason");
        json_write_text(writer, err->reason);
    }
    if (request_id != NULL) {
        json_write_name(writer, "requestId");
        json_write_text(writer, request_id);
    }
    if (err->retry_after_s > 0) {
        json_write_name(writer, "retryAfter");
        json_write_int(writer, err->retry_after_s);
    }
    json_end_object(writer);
}

void trpc_write_error_shape(struct buffer *out, const struct trpc_failure *failure,
        struct slice path, const char *request_id, bool superjson)
{
    struct json_writer writer;
    buffer_add_text(out, superjson ? "{\"json\":" : "");
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    write_message(&writer, failure);
    json_write_name(&writer, "code");
    json_write_int(&writer, error_rpc_code(failure->err.code));
    json_write_name(&writer, "data");
    write_data(&writer, failure, path, request_id);
    json_end_object(&writer);
    buffer_add_text(out, superjson ? "}" : "");
}

void trpc_write_error(struct buffer *out, const struct trpc_failure *failure, struct slice path,
        const char *request_id, bool superjson)
{
    buffer_add_text(out, "{\"error\":");
    trpc_write_error_shape(out, failure, path, request_id, superjson);
    buffer_add_char(out, '}');
}

struct slice trpc_error_text(void *owner, const struct error *err, const char *path,
        const char *request_id, bool superjson)
{
    struct trpc_failure failure = {.err = *err};
    struct buffer text;
    buffer_init(&text, owner, ERROR_TEXT_BYTES);
    trpc_write_error(&text, &failure, slice_of(path), request_id, superjson);
    return buffer_slice(&text);
}
