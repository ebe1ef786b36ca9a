/* The JSON-RPC side of an MCP endpoint: one message at a time. mcp_endpoint.c has the HTTP side. */
#pragma once

#include "sandbox/mcp/mcp_endpoint.h"

enum rpc_code {
    RPC_PARSE_ERROR = -32700,
    RPC_INVALID_REQUEST = -32600,
    RPC_METHOD_NOT_FOUND = -32601,
    RPC_INVALID_PARAMS = -32602,
    RPC_INTERNAL = -32603,
    /* Of the official SDK's transport. */
    RPC_REFUSED = -32000,
    RPC_NO_SESSION = -32001,
};

enum message_kind { MESSAGE_INVALID, MESSAGE_REQUEST, MESSAGE_NOTIFICATION, MESSAGE_RESPONSE };

enum message_kind message_kind_of(const struct json *message);
bool message_is_initialize(const struct json *message);

/* The oldest revision that has batches; of a request that says no revision. */
#define MCP_VERSION_ASSUMED "2025-03-26"
/* As in the list of revisions served, or NULL. */
const char *mcp_version_served(struct slice version);
/* "2025-11-25, 2025-06-18 …" */
const char *mcp_versions_text(void *owner);
bool mcp_version_has_batches(const char *version);

/* The error object of a response, with everything around it; `id` NULL: null. */
void message_write_error(
        struct json_writer *json, const struct json *id, enum rpc_code code, const char *text);
/* Answer one request into `json`. *version_out is set by an `initialize` that succeeded. */
SUSPENDS void message_answer(struct call *call, const struct mcp_view *view,
        const struct json *request, struct json_writer *json, const char **version_out);
