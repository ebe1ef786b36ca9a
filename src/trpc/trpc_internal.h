/* What the files of trpc share. */
#pragma once

#include "trpc/trpc.h"

/* Of one call, or of a request as a whole. */
struct trpc_failure {
    struct error err;
    struct slice message;   /* instead of err.message, for which it is too long; data NULL: not */
    struct slice zod_error; /* JSON object of zod's flattened issues; data NULL: null */
};
/* Fail with a message that quotes the client, at any length. False. */
bool trpc_fail(void *owner, struct trpc_failure *failure, enum error_code code, const char *reason,
        const char *format, ...) PRINTF_LIKE(5, 6);

/* ---- request.c: what is asked for ---- */

struct trpc_item {
    struct slice name;                      /* percent-decoded; data not NULL */
    const struct trpc_procedure *procedure; /* NULL: no such */
};

struct trpc_batch {
    struct trpc_item *items; /* one when it is no batch */
    size_t count;
    bool is_batch, is_jsonl, is_get;
    bool is_subscription;          /* the one call is */
    const struct json *parameters; /* the connection's; NULL: none */
};

const char *trpc_type_name(enum trpc_type type);
/* The checks of the request as a whole. */
MUST_CHECK bool trpc_read_request(const struct trpc_options *options,
        const struct trpc_request *request, struct trpc_batch *batch_out,
        struct trpc_failure *failure);
/* A query parameter, decoded; data NULL: absent. False: a bad escape. */
MUST_CHECK bool trpc_query_parameter(
        const struct http_request *request, const char *name, struct slice *value_out);

/* ---- superjson.c: https://github.com/flightcontrolhq/superjson ---- */

/* What a client sent, out of its wrapping. `*value_out` NULL: undefined. */
MUST_CHECK bool trpc_superjson_unwrap(
        void *owner, const struct json *wrapped, const struct json **value_out, struct error *err);

/* The Dates of one value: members of `meta.values`, `"0.at":["Date"],…`. */
struct trpc_marks {
    struct buffer text;
    const char *prefix; /* where the handlers' value stands in what is wrapped; "": it is that */
    bool wanted;
    bool root; /* the value itself is a Date */
};
void trpc_marks_init(struct trpc_marks *marks, void *owner, bool superjson, const char *prefix);
/* `,"meta":{…}` behind the wrapped value; nothing when there is nothing to say. */
void trpc_marks_write(const struct trpc_marks *marks, struct buffer *out);

/* ---- input.c ---- */

/* Check an input against the fields. All issues are reported, in the words of zod 4. */
MUST_CHECK bool trpc_check_input(void *owner, const struct trpc_field *fields,
        const struct json *input, struct trpc_failure *failure);

/* ---- envelope.c ---- */

/* {"message":…,"code":…,"data":…}, wrapped for superjson. `path` data NULL: none. */
void trpc_write_error_shape(struct buffer *out, const struct trpc_failure *failure,
        struct slice path, const char *request_id, bool superjson);
/* The same within {"error":…}. */
void trpc_write_error(struct buffer *out, const struct trpc_failure *failure, struct slice path,
        const char *request_id, bool superjson);

/* ---- subscribe.c ---- */

/* A stream that is to be opened; `stream` NULL: none, the reply is all. */
struct trpc_opening {
    struct trpc_stream *stream;
    void (*closed)(void *argument);
    void *argument;
};
/* The id that the client sent, of the last event that it has; NULL: none. */
const char *trpc_last_event_id(struct http_request *request, const struct json *input);
/* How every stream begins, then what ended it before it was one. `failure` NULL: nothing has. */
void trpc_write_stream_head(struct buffer *out, const struct trpc_failure *failure,
        struct slice path, const char *request_id, bool superjson);
struct slice trpc_events_text(const struct trpc_events *events);
/* Instead of http_reply(). */
void trpc_open(const struct trpc_opening *opening, const struct trpc_request *request,
        const struct http_reply *reply);

/* ---- serve.c ---- */

/* All of trpc_serve() but the sending; the reply belongs to the request. */
SUSPENDS void trpc_answer(const struct trpc_options *options, const struct trpc_request *request,
        struct http_reply *reply_out, struct trpc_opening *opening_out);
