/* A provider's own REST API through Composio: which account, which URL, and what the provider answers. Nothing leaves the
 * machine: the paths of proxy_routes.c are answered from the account's world, any other as the provider does. */
#pragma once

#include "sandbox/accounts/account.h"

struct proxy_request {
    const char *method, *endpoint;
    const struct json *parameters; /* [{name, value, type}]; NULL: none */
    const struct json *body;       /* NULL: none */
};

/* endpoint, method, parameters and body of call->body. */
MUST_CHECK bool proxy_request_read(struct call *call, struct proxy_request *out, struct error *err);
/* Ask for the account and answer with {data, status, headers}.
 * False: EXECUTE_NOT_ACTIVE; PROXY_ORIGIN, as the URL is not of the toolkit's domain; or the sandbox failed. */
SUSPENDS MUST_CHECK bool proxy_run(struct call *call, const struct account *account,
        const struct proxy_request *request, struct error *err);
