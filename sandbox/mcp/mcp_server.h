/* An MCP server as the sandbox stores it. */
#pragma once

#include "sandbox/call.h"

struct mcp_server {
    const char *id, *name;
    struct texts auth_config_ids, toolkits;
    struct texts allowed_tools; /* none: all of the toolkits */
    bool managed;
    int64_t created_at, updated_at, instances;
};

/* False: MCP_NOT_FOUND, also when it was deleted. */
SUSPENDS MUST_CHECK bool mcp_server_find(
        struct call *call, const char *id, struct mcp_server *out, struct error *err);
/* Without saying whose. */
const char *mcp_server_url(struct call *call, const char *id);
