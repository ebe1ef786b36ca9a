/* Executing a tool on a user's account: what POST /tools/execute/{} and the MCP endpoints have in common. */
#pragma once

#include "sandbox/tools/tool_call.h"

struct execution {
    const char *slug;
    const char *user_id, *account_id; /* NULL: not said; see execution_run() */
    const char *version;              /* NULL: the latest */
    const struct json *arguments;     /* an object or NULL */
    struct texts auth_configs;        /* the account is of one of these; none: of any */
};

/* Choose the account, execute, and write {data, error, successful, session_info, log_id}. Without an account_id it is the
 * newest ACTIVE one of the user, else the newest. *successful_out is what the provider says.
 * False: a refusal of the API; nothing was written. */
SUSPENDS MUST_CHECK bool execution_run(struct call *call, const struct execution *execution,
        struct json_writer *json, bool *successful_out, struct error *err);

/* The tool in that version. False: EXECUTE_TOOL_NOT_FOUND. */
MUST_CHECK bool execution_tool(struct call *call, const char *slug, const char *version,
        const struct tool **out, struct error *err);
/* What emulates the tool; NULL: nothing. */
tool_emulator *execution_emulator(const struct tool *tool);

/* For tools that run on no account: make `data` ready for writing, then write the whole result, whatever came of it.
 * False: `data` grew too large. */
void execution_begin(struct tool_call *tool);
MUST_CHECK bool execution_end(struct tool_call *tool, struct json_writer *json, struct error *err);
