/* Set-up: the auth configs that the operator named become rows, each with an MCP server at Composio, and the
 * schemas of the allowed tools are read. Safe to run again: what is there is compared and changed only where it differs. */
#pragma once

#include "core/core.h"

struct setup_provider {
    const struct catalog_provider *provider;
    const char *auth_config_id; /* Composio's */
};

/* Called for each thing found or done, in plain words, for the operator. */
typedef void setup_report(void *argument, const char *line);

/* All or as much as goes: a provider that fails is reported and does not keep the others back.
 * False: at least one failed; err is the first one's.
 *   ERROR_PRECONDITION_FAILED AUTH_CONFIG_MISSING, AUTH_CONFIG_DISABLED, AUTH_CONFIG_MISMATCH (of another toolkit),
 *                             TOOL_UNKNOWN (Composio has no such tool; names the nearest) */
SUSPENDS MUST_CHECK bool setup_run(struct core *core, const struct setup_provider *providers,
        size_t count, setup_report *report, void *argument, struct error *err);

/* What setup_run() would change for one provider, without changing it: each thing is told to `report`. *needed_out: there
 * is something. False: as setup_run(), what it could not mend either. */
SUSPENDS MUST_CHECK bool setup_check(struct core *core, const struct setup_provider *provider,
        setup_report *report, void *argument, bool *needed_out, struct error *err);

/* Have Composio deliver its webhooks to `public_url` and webhook.h's path. The project's one subscription is made, or
 * changed where it differs: events that it has besides stay. Its secret is stored for the server, unless the operator has
 * given one (core_options.webhook_secrets); a new one is made when it cannot be known otherwise. Reports never say it.
 *   ERROR_PRECONDITION_FAILED NOT_CONFIGURED  `public_url` is NULL */
SUSPENDS MUST_CHECK bool setup_webhooks(struct core *core, const char *public_url,
        setup_report *report, void *argument, struct error *err);
/* *needed_out: setup_webhooks() would change something at Composio. Changes nothing. */
SUSPENDS MUST_CHECK bool setup_webhooks_check(
        struct core *core, const char *public_url, bool *needed_out, struct error *err);
