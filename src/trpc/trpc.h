/* The tRPC v11 wire over HTTP for a server: batches, superjson, envelopes, statuses, input validation, subscriptions over
 * server-sent events. Knows nothing of what the procedures do. Followed: @trpc/server 11.25, superjson 2.2, zod 4's issues.
 *
 * Checks come in the reference server's order: of the whole request (one error object), then of each call (one in each
 * call's place), authentication before input. */
#pragma once

#include "http/http.h"
#include "json/json.h"

enum trpc_type { TRPC_QUERY, TRPC_MUTATION, TRPC_SUBSCRIPTION };

enum trpc_value {
    TRPC_STRING, /* Unicode without NUL: so that trpc_input_text() gives all of it */
    TRPC_ANY,    /* whatever JSON there is, null too; never missed */
    TRPC_INT,    /* whole, within ±(2^53 - 1): so that json_int() never fails */
    TRPC_BOOL,
    TRPC_OBJECT, /* of any members */
    TRPC_ENUM,   /* one of the strings `choices` */
};

/* A member of a procedure's input object. Members not named here are dropped, as zod does. */
struct trpc_field {
    const char *name; /* NULL ends the list */
    enum trpc_value type;
    bool optional; /* may be left out, not null */
    /* Of a string: its length in UTF-16 code units, as JavaScript counts; max 0: no limit. Of an integer: its value;
     * both 0: no limits. */
    int64_t min, max;
    const char *const *choices; /* of an enum: NULL ends the list */
    /* Asked about a value of the right type: NULL, or what is wrong with it, in static storage. */
    const char *(*check)(const struct json *value);
};

/* One call of a request, while its handler runs. */
struct trpc_call {
    void *context;                /* trpc_options.context */
    struct http_request *request; /* its memory is the call's too */
    const char *user;             /* trpc_options.authenticate's; NULL in public procedures */
    /* An object whose members fit the fields. NULL: the procedure has no fields, or only optional ones and
     * nothing was sent. */
    const struct json *input;
    struct json_writer *output; /* the handler writes one value, or none: undefined */
    struct trpc_marks *marks;   /* the module's: what trpc_write_time() remembers */
    /* Of a subscription: the id of the last event that the client has; NULL: it has none. */
    const char *last_event_id;
    struct trpc_opening *opening; /* of a subscription; the module's */
};

/* In the request's fiber, after every check; may suspend. True: what was written to call->output is sent. False: err is
 * sent instead, whatever was written is dropped. A subscription's writes nothing, and calls trpc_stream_open(). */
typedef bool trpc_handler(struct trpc_call *call, struct error *err);

struct trpc_procedure {
    const char *path; /* "integrations.list" */
    enum trpc_type type;
    bool is_public;                  /* no authentication */
    const struct trpc_field *fields; /* NULL: takes no input, never looks at what was sent */
    trpc_handler *handler;
};

/* Write a wall-clock time, negative: null. With superjson the client gets a Date: `path` (a format) says where the time
 * stands in the handler's value, member names and indexes joined by dots, "%zu.connection.connectedAt"; an empty path
 * is the value itself. The names have no dot, quote or backslash in them; a path has up to 255 bytes. */
void trpc_write_time(struct trpc_call *call, int64_t ms, const char *path, ...) PRINTF_LIKE(3, 4);

/* A string member of the checked input; NULL when it was left out. */
const char *trpc_input_text(const struct trpc_call *call, const char *name);

/* ---- subscriptions: subscribe.c ---- */

/* Embedded in a struct of the handler's, which outlives the call. */
struct trpc_stream {
    struct http_stream http;
    bool superjson;
};
/* Once in a subscription's handler, which then returns true: the stream opens right behind, without suspending in between.
 * `closed` as http_stream_begin() has it; the stream is not to be used from then on. */
void trpc_stream_open(struct trpc_call *call, struct trpc_stream *stream,
        void (*closed)(void *argument), void *argument);

/* Events for a stream, collected to be sent at once: begin, write one value to the call's output, end, and so on. */
struct trpc_events;
struct trpc_events *trpc_events_new(void *owner, const struct trpc_stream *stream);
struct trpc_call *trpc_event_begin(struct trpc_events *events);
/* `id`: one line, not empty. */
void trpc_event_end(struct trpc_events *events, const char *id);
/* Never suspends. What is too large ends the stream, as a client does that is too slow. */
void trpc_stream_send(struct trpc_stream *stream, struct trpc_events *events);

struct trpc_options {
    void *context;
    const struct trpc_procedure *procedures; /* outlive the server; as do all pointers here */
    size_t procedure_count;
    int max_batch; /* calls in a request; 0: 20 */
    /* Once a request, when a call that is not public needs it; may suspend. `parameters` are the connection parameters
     * of a subscription, an object of strings: browsers cannot give it headers. NULL: there are none. */
    bool (*authenticate)(void *context, struct http_request *request, const struct json *parameters,
            const char **user_out, struct error *err);
    /* Each error that is about to be sent, with its detail. `path` is the call's, decoded; NULL when the whole request
     * failed. */
    void (*failed)(void *context, const struct http_request *request, const char *path,
            const struct error *err);
};

/* One request below a mount.
 *
 * path         what stands behind the mount's base and its slash, still percent-encoded
 * superjson    inputs, outputs and errors are wrapped in {json, meta}
 * request_id   goes into every error
 * headers      sent with the reply, whatever it is */
struct trpc_request {
    struct http_request *http;
    struct slice path;
    bool superjson;
    const char *request_id;
    const struct http_header *headers;
    size_t header_count;
};
/* Answer it with http_reply(), or with a stream. The calls of a batch run one after the other. OPTIONS is for the caller to answer
 * before. An error goes out with its code, message, reason and retry_after_s; but the message of an
 * INTERNAL_SERVER_ERROR was written for the log, and another is sent. */
SUSPENDS void trpc_serve(const struct trpc_options *options, const struct trpc_request *request);

/* The text of one error object, for what is refused outside of trpc_serve(). `path` may be NULL. */
struct slice trpc_error_text(void *owner, const struct error *err, const char *path,
        const char *request_id, bool superjson);
