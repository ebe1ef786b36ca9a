/* Executions: a tool run on the user's own account, recorded before it is sent and after it is answered, and sent to
 * Composio at most once. Nobody who went away loses a record: an execution is a fiber of its own. */
#pragma once

#include "core/core.h"

struct execution_request {
    const char *provider, *tool;
    const struct json *arguments; /* an object; NULL: {} */
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
 *   what limits_begin() says
 *   ERROR_GATEWAY_TIMEOUT, ERROR_BAD_GATEWAY  OUTCOME_UNKNOWN: it may have run; look before you try again */
SUSPENDS MUST_CHECK bool executions_run(const struct context *context,
        const struct execution_request *request, struct execution_result *out, struct error *err);
