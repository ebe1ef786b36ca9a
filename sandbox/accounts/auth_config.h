/* An auth config as the sandbox stores it. */
#pragma once

#include "sandbox/call.h"

struct auth_config {
    const char *id, *uuid, *toolkit, *name, *scheme, *status;
    const char *credentials, *tool_access;         /* JSON objects */
    const char *proxy_config, *shared_credentials; /* JSON; NULL: none */
    bool managed, for_tool_router;
    int64_t created_at, updated_at, connections;
};

/* False, for `return auth_config_not_found(…)`. */
bool auth_config_not_found(const char *id, struct error *err);
/* False: AUTH_CONFIG_NOT_FOUND, also when it was deleted. */
SUSPENDS MUST_CHECK bool auth_config_find(
        struct call *call, const char *id, struct auth_config *out, struct error *err);
