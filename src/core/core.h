/* The product: which user is connected to what, and tools executed on exactly that account. Its rules and its SQL are
 * all here; nothing here knows HTTP, tRPC or MCP.
 *
 * Every function that takes a context suspends (database, Composio) and ends at the fiber's deadline. Results belong
 * to context->memory. Besides the errors named with each, all can fail with what db.h and composio.h name. */
#pragma once

#include "composio/composio.h"
#include "core/catalog.h"
#include "core/limits.h"
#include "core/recording.h"
#include "db/db.h"

struct core;

struct core_options {
    const char *public_url;    /* where browsers reach Tenon, without a slash at the end */
    const char *frontend_url;  /* where the app lives, likewise */
    const char *redirect_uris; /* redirect.h's list; NULL for none */
    bool verify_browser; /* completing needs the one-time code that the callback gave the browser */
    int64_t execute_timeout_ms;
    int64_t executions_kept_ms; /* then their rows are deleted; 0: never */
    enum recording recording;   /* what the rows of executions hold of arguments and results */
    struct limits *limits;      /* of the process; must outlive the core. NULL: none */
    const char
            *webhook_secrets; /* webhook.h; with blanks between; NULL: the one that set-up stored */
    int64_t sync_interval_ms; /* a connection not read at Composio for so long is read again; 0: only one that was never */
    int64_t tool_sync_interval_ms; /* a tool's schema; 0: never */
    bool check_arguments;          /* against the tool's schema, before anything is sent */
};

/* One per loop. The options' strings must outlive it. */
struct core *core_new(void *owner, struct loop *loop, struct db *db, struct composio *composio,
        const struct catalog *catalog, const struct core_options *options);
/* Let executions that were begun finish and be recorded, background work stop. False: at the fiber's deadline some
 * still ran. */
SUSPENDS MUST_CHECK bool core_drain(struct core *core, struct error *err);
/* Start the background work of this process; once, on one of its loops. */
void core_start_jobs(struct core *core);

/* Who asks, on whose memory. */
struct context {
    struct core *core;
    void *memory;
    const char *user; /* as auth_verify() gives it */
};
