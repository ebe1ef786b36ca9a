/* The config of a tool router session: from the form of requests to the one that is stored and answered, in which
 * `enable` is `enabled`, slugs are spelled as the catalog has them, and defaults are written out. What is stored has
 * connected_accounts as arrays, as v3.1 has them, and `experimental` (permissions, link_url_overwrite) beside. */
#pragma once

#include "sandbox/call.h"

struct router_change {
    const char *user_id;
    const struct json *before; /* the stored config that is patched; NULL: a new session */
    const struct json *body;
};

/* *text_out is the stored form.
 * False: ROUTER_INVALID, ROUTER_TOOLKITS, ROUTER_AUTH_CONFIGS, ROUTER_ACCOUNTS, ROUTER_SHARED_ACCOUNTS; NOT_IMPLEMENTED for
 * permissions that ask somebody. */
SUSPENDS MUST_CHECK bool router_config_make(struct call *call, const struct router_change *change,
        const char **text_out, struct error *err);
/* A patch has no other members than sections, and so no user_id. False: ROUTER_INVALID. */
MUST_CHECK bool router_config_check_patch(const struct json *body, struct error *err);
/* As the version of the API that is called answers it. */
void router_config_write(struct call *call, const struct json *config);
