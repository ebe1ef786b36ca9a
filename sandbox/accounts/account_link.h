/* Making a link by which a user connects an account: POST /connected_accounts/link, and whatever else hands out links. */
#pragma once

#include "sandbox/call.h"

struct link_request {
    const char *auth_config_id, *user_id;
    const struct json *given; /* alias, callback_url, connection_data, experimental; NULL: none */
    const char *callback_url; /* when none is given; NULL: none. Checked already */
};

struct link_made {
    const char *token, *url, *account_id;
    bool shared;
    const char *acl; /* NULL: none */
};

/* Every call makes a new account. False: AUTH_CONFIG_NOT_FOUND, ACCOUNT_BAD_REQUEST: disabled auth config, alias taken,
 * callback_url no URL. */
SUSPENDS MUST_CHECK bool account_link_make(struct call *call, const struct link_request *request,
        struct link_made *out, struct error *err);
