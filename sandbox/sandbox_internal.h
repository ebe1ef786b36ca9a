/* What the parts of the sandbox share. */
#pragma once

#include "db/db.h"
#include "http/http.h"
#include "sandbox/faults/faults.h"
#include "sandbox/faults/journal.h"
#include "sandbox/faults/trace.h"
#include "sandbox/mcp/mcp_session.h"
#include "sandbox/sandbox.h"
#include "sandbox/tools/catalog.h"

/* The auth configs that exist from the beginning are SANDBOX_AUTH_CONFIG_PREFIX and the toolkit's slug. */
#define SANDBOX_AUTH_CONFIG_PREFIX "ac_sandbox_"
/* How far the clock can be moved at a time: some thirty years. */
#define CLOCK_SECONDS_MAX 1000000000
/* The one project there is, and whose. */
#define SANDBOX_PROJECT_ID "pr_sandbox"
#define SANDBOX_ORG_ID     "ok_sandbox"
/* How long a link, and with it a connection in the making, lives. */
#define SANDBOX_LINK_LIFE_MS (10 * 60 * 1000)

struct sandbox {
    struct db_store *store;
    struct db *db;
    struct http_server *server;
    struct http_server *consent_server; /* NULL: the consent pages are at `server` too */
    const char *api_key;                /* NULL: any that begins with ak_ */
    const char *public_url;             /* no slash at the end */
    const char *consent_url;            /* no slash at the end; NULL: none of its own */
    const char *page_policy;            /* Content-Security-Policy of the pages */
    const struct catalog *catalog;
    struct journal *journal;
    struct faults *faults;
    struct trace *trace; /* NULL: none is kept */
    struct mcp_sessions *mcp_sessions;
    struct project *project;
    struct webhooks *webhooks;
    int64_t clock_offset_ms; /* as stored in meta */
    struct fiber_condition drips_ended;
    int drips;      /* answers that drip */
    int64_t window; /* the minute that `window_requests` counts */
    int rate_limit, window_requests;
    bool draining; /* so that nobody waits for what takes its time */
};

int64_t sandbox_now_ms(const struct sandbox *sandbox);
/* Forget everything: back to the auth configs of the beginning, the real time, no faults, no journal. */
SUSPENDS MUST_CHECK bool sandbox_reset(struct sandbox *sandbox, void *owner, struct error *err);
/* Move the clock by so much; kept over restarts. */
SUSPENDS MUST_CHECK bool sandbox_advance_clock(
        struct sandbox *sandbox, void *owner, int64_t milliseconds, struct error *err);

/* "ca_" and `length` letters and digits at random. */
char *sandbox_new_id(void *owner, const char *prefix, size_t length);

/* The handlers of the HTTP servers, with the sandbox as context: routes.c. */
http_handler sandbox_handle, sandbox_handle_consent;
/* Is a request with this Origin field from a page of the sandbox? */
bool sandbox_is_own_origin(const struct sandbox *sandbox, struct slice origin);
