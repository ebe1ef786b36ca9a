/* The refusals of the Composio API: HTTP status, number and slug, as its clients branch on them. */
#pragma once

#include "base/error.h"

/* X(name, HTTP status, number, slug, suggested fix). Numbers and slugs as observed at the service; where none is known
 * the HTTP status behind 10, as in 10401. */
#define API_ERROR_TABLE(X)                                                                        \
    X(BAD_REQUEST, 400, 10400, "HTTP_BadRequest", "Check the request against the API reference.") \
    X(UNAUTHORIZED, 401, 10401, "HTTP_Unauthorized",                                              \
            "Send a valid project key in the x-api-key header.")                                  \
    X(FORBIDDEN, 403, 10403, "HTTP_Forbidden", "Use a key that may do this.")                     \
    X(NOT_FOUND, 404, 10404, "HTTP_NotFound", "Check the path and the id.")                       \
    X(CONFLICT, 409, 10409, "HTTP_Conflict", "Read the object again.")                            \
    X(UNPROCESSABLE, 422, 10422, "HTTP_UnprocessableEntity", "Read the object again.")            \
    X(TOO_MANY_REQUESTS, 429, 10429, "HTTP_TooManyRequests", "Wait as Retry-After says.")         \
    X(INTERNAL, 500, 10500, "HTTP_InternalServerError", "Try again.")                             \
    X(NOT_IMPLEMENTED, 501, 10501, "HTTP_NotImplemented", "Use the real service for this.")       \
    X(UNAVAILABLE, 503, 10503, "HTTP_ServiceUnavailable", "Try again.")                           \
    X(AUTH_CONFIG_NOT_FOUND, 404, 10404, "AuthConfig_ResourceNotFound",                           \
            "List the auth configs of the project and use one of their ids.")                     \
    X(TOOLKIT_NOT_FOUND, 404, 10404, "Toolkit_ResourceNotFound", "List the toolkits.")            \
    X(ACCOUNT_BAD_REQUEST, 400, 600, "ConnectedAccount_BadRequest",                               \
            "Check the request against the API reference.")                                       \
    X(ACCOUNT_CREATE_RETIRED, 400, 600, "ConnectedAccount_BadRequest",                            \
            "Call POST /api/v3/connected_accounts/link with the same auth_config_id and user_id " \
            "to get a redirect URL for the end user.")                                            \
    X(ACCOUNT_NOT_FOUND, 404, 606, "ConnectedAccount_ResourceNotFound",                           \
            "Check the id; a deleted account cannot be read.")                                    \
    X(VERIFICATION_NOT_FOUND, 404, 10404, "ConnectedAccount_VerificationSessionNotFound",         \
            "Let the user connect again; a session is good once and for ten minutes.")            \
    X(MCP_INVALID, 400, 1142, "MCP_ValidationError",                                              \
            "Check the request against the API reference.")                                       \
    X(MCP_TOOL_NOT_FOUND, 400, 1147, "MCP_ToolNotFound", "List the tools of the toolkits.")       \
    X(MCP_PARAMETER, 400, 1149, "MCP_InvalidParameter",                                           \
            "Add user_id or connected_account_id to the MCP URL.")                                \
    X(MCP_NOT_CONNECTED, 403, 10403, "HTTP_Forbidden",                                            \
            "Connect an account of the user for every auth config of the server.")                \
    X(MCP_INSTANCE_EXISTS, 409, 10409, "HTTP_Conflict", "Use the instance that exists.")          \
    X(MCP_NOT_FOUND, 404, 10404, "MCP_ResourceNotFound", "List the MCP servers.")                 \
    X(EXECUTE_TOOL_NOT_FOUND, 404, 1800, "ActionExecute_ToolNotFound",                            \
            "Check the slug, and that the version has it.")                                       \
    X(EXECUTE_ACCOUNT_NOT_FOUND, 404, 1810, "ActionExecute_ConnectedAccountNotFound",             \
            "Connect an account for this user and toolkit.")                                      \
    X(EXECUTE_USER_REQUIRED, 400, 1811, "ActionExecute_ConnectedAccountEntityIdRequired",         \
            "Send the user_id that owns the connected account.")                                  \
    X(EXECUTE_USER_MISMATCH, 400, 1812, "ActionExecute_ConnectedAccountEntityIdMismatch",         \
            "The connected_account_id you provided belongs to a different entity.")               \
    X(EXECUTE_NOT_ACTIVE, 422, 10422, "ActionExecute_ConnectedAccountNotActive",                  \
            "Let the user finish connecting, or connect again.")                                  \
    X(EXECUTE_EXPIRED, 410, 1820, "ActionExecute_ConnectedAccountExpired",                        \
            "Ask the user to connect again.")                                                     \
    X(PROXY_ORIGIN, 400, 10400, "OriginMismatch", "Call the toolkit's own API.")                  \
    X(PROXY_NO_ACCOUNT, 400, 10400, "MissingAuthContext", "Send a connected_account_id.")         \
    X(TOOL_NOT_FOUND, 404, 2401, "Tool_ToolNotFound", "Check your input.")                        \
    X(META_INVALID, 400, 3702, "ComposioTools_ValidationError",                                   \
            "Send arguments that fit the tool's schema.")                                         \
    X(META_NOT_FOUND, 404, 3703, "ComposioTools_ToolNotFound",                                    \
            "Use one of the session's tool_router_tools.")                                        \
    X(ROUTER_INVALID, 400, 4300, "ToolRouterV2_BadRequest",                                       \
            "Check the request against the API reference.")                                       \
    X(ROUTER_TOOL_NOT_FOUND, 404, 4301, "ToolRouterV2_ToolNotFound",                              \
            "Use a tool that the session's config allows.")                                       \
    X(ROUTER_NOT_CONNECTED, 400, 4302, "ToolRouterV2_NoActiveConnection",                         \
            "Link an account of the user for this toolkit.")                                      \
    X(ROUTER_NO_MANAGED_AUTH, 400, 4308, "ToolRouterV2_NoManagedAuth",                            \
            "Create an auth config for the toolkit.")                                             \
    X(ROUTER_NO_AUTH, 400, 4326, "ToolRouterV2_ToolkitsIsNoAuth",                                 \
            "Execute its tools without connecting.")                                              \
    X(ROUTER_SHARED_ACCOUNTS, 400, 4347, "ToolRouterV2_MultipleSharedAccountsPerToolkit",         \
            "Pin at most one SHARED account for a toolkit.")                                      \
    X(ROUTER_TOOLKITS, 400, 10400, "ToolRouterV2_InvalidToolkitSlugs", "List the toolkits.")      \
    X(ROUTER_AUTH_CONFIGS, 400, 10400, "ToolRouterV2_InvalidAuthConfigIds",                       \
            "Use enabled auth configs of their toolkits.")                                        \
    X(ROUTER_ACCOUNTS, 400, 10400, "ToolRouterV2_InvalidConnectedAccountIds",                     \
            "Pin accounts that the session's user may use.")                                      \
    X(ROUTER_NOT_FOUND, 404, 10404, "ToolRouterV2_SessionNotFound",                               \
            "Create a session; a deleted one cannot be used.")                                    \
    X(ROUTER_FILE_NOT_FOUND, 404, 10404, "ToolRouterV2_FileNotFound",                             \
            "List the files of the session's mount.")

enum api_error {
#define X(name, status, number, slug, fix) API_##name,
    API_ERROR_TABLE(X)
#undef X
};

struct api_error_row {
    const char *name; /* the `reason` of an error set by api_error_set() */
    int status, number;
    const char *slug, *fix;
};

/* False. */
bool api_error_set(struct error *err, enum api_error kind, const char *format, ...)
        PRINTF_LIKE(3, 4);
/* The row of an error: its own, or of its HTTP status, or INTERNAL. */
const struct api_error_row *api_error_row(const struct error *err);
const struct api_error_row *api_error_row_of(enum api_error kind);
