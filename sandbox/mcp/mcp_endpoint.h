/* An MCP endpoint over Streamable HTTP: the revisions with a handshake, up to 2025-11-25. It answers as a server of the
 * official TypeScript SDK does, which is what the service runs: requests are answered on an event stream that ends
 * with the last response, notifications with 202, refusals of the transport with a JSON-RPC error whose id is null.
 *
 * Knows tools and nothing else: no GET stream, as there is nothing to push. A session is opened by `initialize`, and
 * a request may do without one; a request that names one must name one that is alive. */
#pragma once

#include "sandbox/call.h"

/* Of tools/list. */
#define MCP_PAGE_TOOLS 100

struct mcp_tool {
    const char *name, *description;
    const char *title;        /* NULL: none */
    const struct json *input; /* JSON Schema of the arguments; NULL: there are none */
    const struct json *tags;  /* those that end in Hint become annotations; NULL: none */
    const void *of;           /* the view's own */
};

struct mcp_result {
    struct slice text; /* a JSON text */
    bool failed;       /* the tool says so itself */
};

struct mcp_view {
    const char *scope; /* what a session is good for: the same endpoint, server and user */
    const char *server_name;
    const char *instructions; /* NULL: none */
    const struct mcp_tool *tools;
    size_t tool_count;
    /* Execute a tool of the list; `arguments` is an object or NULL. False: err is set; a refusal of the API becomes the
     * tool's result, for a model to read, and anything of the sandbox itself a JSON-RPC error. */
    bool (*run)(struct call *call, const struct mcp_view *view, const struct mcp_tool *tool,
            const struct json *arguments, struct mcp_result *out, struct error *err);
    void *context; /* of `run` */
};

/* Answer the request, whatever its method. True always: refusals are answers too. */
SUSPENDS bool mcp_serve(struct call *call, const struct mcp_view *view);

/* Before the key is asked for: a page of another site must not reach the tools through the browser of whoever runs the
 * sandbox; pages on this machine may. */
MUST_CHECK bool mcp_check_origin(struct call *call, struct error *err);
/* Answer a browser's preflight. False: it is none. */
bool mcp_preflight(struct call *call);
