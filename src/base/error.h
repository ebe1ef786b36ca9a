/* Errors: a kind, a stable reason for programs, a message for the caller, a detail for the log.
 *
 * A function that can fail returns bool (true is good) and takes `struct error *err` last, never NULL. Success leaves
 * err alone, failure leaves the *_out parameters alone; so calls chain with || and the first failure stands. */
#pragma once

#include "base/mem.h"

#include <stdbool.h>

/* One row per kind: X(name, HTTP status, JSON-RPC code as in tRPC v11's codes). */
#define ERROR_TABLE(X)                     \
    X(PARSE_ERROR, 400, -32700)            \
    X(BAD_REQUEST, 400, -32600)            \
    X(UNAUTHORIZED, 401, -32001)           \
    X(FORBIDDEN, 403, -32003)              \
    X(NOT_FOUND, 404, -32004)              \
    X(METHOD_NOT_SUPPORTED, 405, -32005)   \
    X(TIMEOUT, 408, -32008)                \
    X(CONFLICT, 409, -32009)               \
    X(PRECONDITION_FAILED, 412, -32012)    \
    X(PAYLOAD_TOO_LARGE, 413, -32013)      \
    X(UNSUPPORTED_MEDIA_TYPE, 415, -32015) \
    X(UNPROCESSABLE_CONTENT, 422, -32022)  \
    X(TOO_MANY_REQUESTS, 429, -32029)      \
    X(CLIENT_CLOSED_REQUEST, 499, -32099)  \
    X(INTERNAL_SERVER_ERROR, 500, -32603)  \
    X(NOT_IMPLEMENTED, 501, -32603)        \
    X(BAD_GATEWAY, 502, -32603)            \
    X(SERVICE_UNAVAILABLE, 503, -32603)    \
    X(GATEWAY_TIMEOUT, 504, -32603)

enum error_code {
    ERROR_NONE,
#define X(name, status, rpc) ERROR_##name,
    ERROR_TABLE(X)
#undef X
};

struct error {
    enum error_code code;
    const char *
            reason; /* stable word for programs, such as "STATE_EXPIRED"; static storage; NULL for none */
    int retry_after_s; /* when trying again makes sense; 0: not said */
    char message
            [256]; /* for the API's caller, says what to do next: no secrets, no SQL, no upstream bodies */
    char detail[256]; /* for the log only; still no secrets */
};

/* All return false, so that `return error_set(…)` reads well. A text too long for its field is cut. */
bool error_set(struct error *err, enum error_code code, const char *reason, const char *format, ...)
        PRINTF_LIKE(4, 5);
bool error_detail(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
/* "context: " before the message. */
bool error_prefix(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

const char *error_name(enum error_code code); /* "NOT_FOUND" */
int error_http_status(enum error_code code);
int error_rpc_code(enum error_code code);
