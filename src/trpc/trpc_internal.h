/* What the files of trpc share. */
#pragma once

#include "trpc/trpc.h"

/* The superjson marks of one call's output: `"path":["Date"],…`, each path behind `prefix`. */
struct trpc_marks {
    struct buffer text;
    struct slice prefix;
    bool wanted; /* the mount is superjson's */
};

/* A failure of one call. */
struct trpc_failure {
    struct error err;
    struct slice message;      /* instead of err.message: zod's issues are longer; data NULL: not */
    struct slice field_errors; /* JSON object of zod's flattened issues; data NULL: null */
    struct slice form_errors;  /* JSON array, with it */
};

/* envelope.c: {"error":{…}}, the error inside wrapped for superjson. */
void trpc_write_error(struct json_writer *writer, const struct trpc_failure *failure,
        const char *path, const char *request_id, bool superjson);

/* input.c */

/* The value that a client sent, out of its superjson wrapping. `*value_out` NULL: undefined. */
MUST_CHECK bool trpc_unwrap_input(
        void *owner, const struct json *wrapped, const struct json **value_out, struct error *err);
/* Check it against the fields; all issues are reported, as zod 4 words them. */
MUST_CHECK bool trpc_check_input(void *owner, const struct trpc_field *fields,
        const struct json *input, struct trpc_failure *failure);
