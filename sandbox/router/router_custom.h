/* Tools that an app brings along with a request: the sandbox checks and names them, as the service does; they run in the
 * app. Kept nowhere: v3.1 wants them with every request. */
#pragma once

#include "sandbox/router/router_session.h"

#define CUSTOM_TOOLS_MAX 100

struct custom_tool {
    const char *slug; /* LOCAL_… */
    const char *original_slug, *name, *description;
    const char *toolkit; /* of its own, or one of Composio's that it extends; NULL: none */
    const struct json *input, *output; /* output NULL: none */
    bool extends;
};

struct custom_tools {
    struct custom_tool *items;
    size_t count;
    const struct json *toolkits; /* as given */
};

/* `experimental` of the body. False: ROUTER_INVALID. */
MUST_CHECK bool custom_tools_read(
        struct call *call, const struct json *body, struct custom_tools *out, struct error *err);
/* The members custom_tools and custom_toolkits of an answer. */
void custom_tools_write(struct json_writer *json, const struct custom_tools *tools);
