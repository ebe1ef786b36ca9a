#include "trpc/trpc_internal.h"

void trpc_write_error(struct json_writer *writer, const struct trpc_failure *failure,
        const char *path, const char *request_id, bool superjson)
{
    const struct error *err = &failure->err;
    json_begin_object(writer);
    json_write_name(writer, "error");
    if (superjson) {
        json_begin_object(writer);
        json_write_name(writer, "json");
    }
    json_begin_object(writer);
    json_write_name(writer, "message");
    json_write_string(
            writer, failure->message.data != NULL ? failure->message : slice_of(err->message));
    json_write_name(writer, "code");
    json_write_int(writer, error_rpc_code(err->code));
    json_write_name(writer, "data");
    json_begin_object(writer);
    json_write_name(writer, "code");
    json_write_text(writer, error_name(err->code));
    json_write_name(writer, "httpStatus");
    json_write_int(writer, error_http_status(err->code));
    if (path != NULL) {
        json_write_name(writer, "path");
        json_write_text(writer, path);
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
    json_write_name(writer, "zodError");
    if (failure->field_errors.data != NULL) {
        json_begin_object(writer);
        json_write_name(writer, "formErrors");
        json_write_raw(writer, failure->form_errors);
        json_write_name(writer, "fieldErrors");
        json_write_raw(writer, failure->field_errors);
        json_end_object(writer);
    } else {
        json_write_null(writer);
    }
    json_end_object(writer);
    json_end_object(writer);
    if (superjson) {
        json_end_object(writer);
    }
    json_end_object(writer);
}

struct slice trpc_error_text(void *owner, const struct error *err, const char *path,
        const char *request_id, bool superjson)
{
    struct trpc_failure failure = {.err = *err};
    struct buffer text;
    struct json_writer writer;
    buffer_init(&text, owner, 8192);
    json_writer_init(&writer, &text);
    trpc_write_error(&writer, &failure, path, request_id, superjson);
    return buffer_slice(&text);
}
