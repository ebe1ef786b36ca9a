/* What the outside can call: tRPC procedures, the OAuth callback, pages, health. Translates between the protocols and core,
 * has no rules of its own. Errors end here: each is logged once and answered in the form of its protocol, with the id
 * that the log line has too. */
#pragma once

#include "auth/auth.h"
#include "core/core.h"
#include "http/http.h"

struct api;

struct api_options {
    const char *
            frontend_url; /* whose origin may call from browsers (CORS), without a slash at the end */
    int max_batch;        /* calls in one tRPC request */
    const char *
            dev_user; /* development: GET /dev/session signs anybody on this machine in as this user; NULL: not */
};

/* One per loop. The options' strings must outlive it. */
struct api *api_new(void *owner, struct core *core, struct db *db, struct auth *auth,
        const struct api_options *options);

/* The http_handler; `context` is the api. Suspends. */
void api_handle(void *context, struct http_request *request);
/* http_options.refusal, likewise. */
struct slice api_refusal(void *context, void *owner, const struct error *err);
