/* The service's own tools for connecting, which an MCP URL with include_composio_helper_actions=true has beside the server's. */
#pragma once

#include "sandbox/mcp/mcp_endpoint.h"
#include "sandbox/mcp/mcp_server.h"

#define MCP_HELPERS 2

/* The tools, with `of` set: it tells them from a server's. */
void mcp_helpers_write(struct call *call, struct mcp_tool tools[static MCP_HELPERS]);
/* Execute one for the user. */
SUSPENDS MUST_CHECK bool mcp_helper_run(struct call *call, const struct mcp_server *server,
        const char *user_id, const struct mcp_tool *tool, const struct json *arguments,
        struct mcp_result *out, struct error *err);
