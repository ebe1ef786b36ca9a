/* What the parts of the sandbox share. */
#pragma once

#include "db/db.h"
#include "http/http.h"
#include "sandbox/catalog.h"
#include "sandbox/faults.h"
#include "sandbox/journal.h"
#include "sandbox/mcp_session.h"
#include "sandbox/sandbox.h"

/* The auth configs that exist from the beginning are SANDBOX_AUTH_CONFIG_PREFIX and the toolkit's slug. */
#define SANDBOX_AUTH_CONFIG_PREFIX "ac_sandbox_"
/* How long a link, and with it a connection in the making, lives. */
#define SANDBOX_LINK_LIFE_MS (10 * 60 * 1000)

struct sandbox {
    struct db_store *store;
    struct db *db;
    struct http_server *server;
    const char *api_key;     /* NULL: any that begins with ak_ */
    const char *public_url;  /* no slash at the end */
    const char *page_policy; /* Content-Security-Policy of the pages */
    const struct catalog *catalog;
    struct journal *journal;
    struct faults *faults;
    struct mcp_sessions *mcp_sessions;
    int64_t clock_offset_ms; /* as stored in meta */
    int64_t window;          /* the minute that `window_requests` counts */
    int rate_limit, window_requests;
};

int64_t sandbox_now_ms(const struct sandbox *sandbox);
/* Forget everything: back to the auth configs of the beginning, the real time, no faults, no journal. */
SUSPENDS MUST_CHECK bool sandbox_reset(struct sandbox *sandbox, void *owner, struct error *err);
/* Move the clock by so much; kept over restarts. */
SUSPENDS MUST_CHECK bool sandbox_advance_clock(
        struct sandbox *sandbox, void *owner, int64_t milliseconds, struct error *err);

/* "ca_" and `length` letters and digits at random. */
char *sandbox_new_id(void *owner, const char *prefix, size_t length);

/* The handler of the HTTP server, with the sandbox as context: routes.c. */
http_handler sandbox_handle;
