/* Executions: a tool run on the user's own account, recorded before it is sent and after it is answered, and sent to
 * Composio at most once. Nobody who went away loses a record: an execution is a fiber of its own. */
#pragma once

#include "core/core.h"

/* Of a result's JSON text. */
#define EXECUTION_RESULT_BYTES_MAX (10 * 1024 * 1024)

struct execution_request {
    const char *provider, *tool;
    const struct json *arguments; /* an object; NULL: {} */
    /* A repeated call with the same key, provider, tool and arguments within 24 hours is given the first one's outcome, for
     * which it waits; what the record does not hold (core_options.recording) it is not given. NULL: none */
    const char *idempotency_key;
    int64_t timeout_ms; /* of the call; 0, or more than core_options.execute_timeout_ms: that */
};

struct execution_result {
    const char *id;        /* of the ToolExecution row */
    bool successful;       /* what the row's status says */
    struct slice response; /* JSON text as the tool gave it; data NULL when it gave none */
    const char *error;     /* the tool's own words; NULL when successful */
    int64_t duration_ms;
};

/* True: Composio answered; a tool that failed is a result, not an error.
 *
 *   ERROR_NOT_FOUND           PROVIDER_UNKNOWN, TOOL_UNKNOWN
 *   ERROR_FORBIDDEN           TOOL_NOT_ALLOWED
 *   ERROR_BAD_REQUEST         ARGUMENTS_NOT_AN_OBJECT, ARGUMENTS_INVALID (they do not fit the tool's schema)
 *   ERROR_PRECONDITION_FAILED NOT_CONNECTED, RECONNECT_REQUIRED
 *   ERROR_CONFLICT            TOOL_CHANGED            Composio runs another version now; nothing was run: read its schema again
 *   ERROR_NOT_FOUND           TOOL_REMOVED, UPSTREAM_TOOL_NOT_FOUND  Composio has no such tool; nothing was run
 *   ERROR_CONFLICT            IDEMPOTENCY_KEY_REUSED
 *   what limits_begin() says
 *   ERROR_GATEWAY_TIMEOUT     STILL_RUNNING: the first call with this key; ask again
 *   ERROR_BAD_GATEWAY         RESULT_TOO_LARGE: it ran, and its result was dropped
 *   ERROR_GATEWAY_TIMEOUT, ERROR_BAD_GATEWAY  OUTCOME_UNKNOWN: it may have run; look before you try again */
SUSPENDS MUST_CHECK bool executions_run(const struct context *context,
        const struct execution_request *request, struct execution_result *out, struct error *err);

/* ---- history ---- */

#define HISTORY_LIMIT_MAX   100
#define HISTORY_ERROR_CHARS 2000

struct history_query {
    const char *provider, *tool, *status; /* NULL: any */
    int64_t limit;                        /* 1 to HISTORY_LIMIT_MAX */
    const char *cursor;                   /* a page's next_cursor; NULL: the newest */
};
struct history_item {
    const char *id, *provider, *tool, *status;
    const char *error;                   /* up to HISTORY_ERROR_CHARS; NULL: none */
    int64_t executed_at_ms, duration_ms; /* duration -1: not known */
};
/* The user's executions, newest first. *next_cursor_out NULL: those were all. Costs the same however many there are: a page
 * that looked at many rows for few that fit is shorter than its limit, even empty, and has a cursor to go on with.
 *   ERROR_BAD_REQUEST CURSOR_INVALID */
SUSPENDS MUST_CHECK bool executions_history(const struct context *context,
        const struct history_query *query, struct history_item **items_out, size_t *count_out,
        const char **next_cursor_out, struct error *err);
