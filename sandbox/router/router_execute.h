/* Executing a tool of a tool router session, whoever asks: REST, its MCP URL, or a meta tool. */
#pragma once

#include "sandbox/router/router_custom.h"
#include "sandbox/router/router_session.h"

struct router_execution {
    const char *slug;
    const struct json *arguments;      /* an object or NULL */
    const char *account;               /* id, word id or alias; NULL: as the session chooses */
    const struct custom_tools *custom; /* brought along, for searching; NULL: none */
};

/* An app's tool, on an account: *text_out is {data, error, successful, …}, as execution_run() writes it.
 * False: a refusal of the API: ROUTER_TOOL_NOT_FOUND, and as router_account_choose(). */
SUSPENDS MUST_CHECK bool router_execute_app(struct call *call, const struct router_session *session,
        const struct router_execution *execution, struct slice *text_out, bool *successful_out,
        struct error *err);
/* An app's tool or a meta tool. */
SUSPENDS MUST_CHECK bool router_execute_any(struct call *call, const struct router_session *session,
        const struct router_execution *execution, struct slice *text_out, bool *successful_out,
        struct error *err);
