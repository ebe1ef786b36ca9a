/* The tRPC v11 wire over HTTP for a server: batches, superjson, envelopes, statuses, input validation. Knows nothing of
 * what the procedures do. Followed: @trpc/server 11.25, superjson 2.2, zod 4's issues.
 *
 * Checks come in the reference server's order: of the whole request (one error object), then of each call (one in each
 * call's place), authentication before input. */
#pragma once

#include "http/http.h"
#include "json/json.h"

enum trpc_type { TRPC_QUERY, TRPC_MUTATION };

/* A member of a procedure's input object. Members not named here are dropped, as zod does. */
struct trpc_field {
    const char *name; /* NULL ends the list */
    enum { TRPC_STRING, TRPC_ANY } type;
    bool optional;
    size_t min, max; /* of a string, in UTF-16 code units as JavaScript counts; max 0: no limit */
};

/* One call of a request, while its handler runs. */
struct trpc_call {
    void *context;                /* trpc_options.context */
    struct http_request *request; /* its memory is the call's too */
    const char *user;             /* trpc_options.authenticate's */
    const struct json *
            input; /* an object whose members fit the fields; NULL for a procedure without fields */
    struct json_writer *output; /* the handler writes one value */
    struct trpc_marks *marks;   /* the module's: what trpc_write_time() remembers */
};

/* True: one value was written to call->output. False: err is sent instead, whatever was written is dropped. */
typedef bool trpc_handler(struct trpc_call *call, struct error *err);

struct trpc_procedure {
    const char *path; /* "integrations.list" */
    enum trpc_type type;
    bool is_public;                  /* no authentication */
    const struct trpc_field *fields; /* NULL: takes no input */
    trpc_handler *handler;
};

/* Write a wall-clock time, negative: null. With superjson the client gets a Date: `path` (a format) says where the time
 * stands in the handler's value, member names and indexes joined by dots, "%zu.connection.connectedAt"; "" is the value
 * itself. */
void trpc_write_time(struct trpc_call *call, int64_t ms, const char *path, ...) PRINTF_LIKE(3, 4);

/* A string member of the checked input; NULL when it was left out. */
const char *trpc_input_text(const struct trpc_call *call, const char *name);

struct trpc_options {
    void *context;
    const struct trpc_procedure *procedures; /* outlive the server; as do all pointers here */
    size_t procedure_count;
    int max_batch;
    /* Once a request, when a call that is not public needs it. */
    bool (*authenticate)(
            void *context, struct http_request *request, const char **user_out, struct error *err);
    /* Each error that is about to be sent. */
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
SUSPENDS void trpc_serve(const struct trpc_options *options, const struct trpc_request *request);

/* The text of one error object, for what is refused outside of trpc_serve(). `path` may be NULL. */
struct slice trpc_error_text(void *owner, const struct error *err, const char *path,
        const char *request_id, bool superjson);
