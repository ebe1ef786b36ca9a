/* The meta tools of tool router sessions: finding, executing and connecting, for an agent. */
#pragma once

#include "sandbox/router/router_execute.h"

/* As router_execute_any(), of a meta tool that is on in the session.
 * False: ROUTER_TOOL_NOT_FOUND: it is off. META_INVALID: arguments. NOT_IMPLEMENTED: it needs a code sandbox. */
SUSPENDS MUST_CHECK bool router_meta_run(struct call *call, const struct router_session *session,
        const struct tool *tool, const struct router_execution *execution, struct slice *text_out,
        bool *successful_out, struct error *err);
