/* Composio's webhooks (composio-api.md §6). An event is a hint, whoever sent it: the account it names is read again at
 * Composio, and only that changes a row. */
#pragma once

#include "core/core.h"

/* Whose deliveries `setup` subscribes to. */
#define WEBHOOK_PATH "/webhooks/composio"

/* Headers webhook-id, webhook-timestamp, webhook-signature (data NULL: absent), and the body as it came. */
struct webhook_delivery {
    struct slice id, timestamp, signature, body;
};

enum webhook_outcome {
    WEBHOOK_TAKEN,    /* the account is being read again */
    WEBHOOK_REPEATED, /* a delivery that was taken before */
    WEBHOOK_IGNORED,  /* another type of event, or an account that is nobody's here */
};

/* When true, the row of the account is marked to be read again, which a fiber of its own does at once and, failing that,
 * the reconciler later. Signed with core_options.webhook_secrets, or the secret that `setup` stored.
 *   ERROR_NOT_FOUND    WEBHOOKS_OFF        there is no secret to check with
 *   ERROR_UNAUTHORIZED SIGNATURE_MISSING   a header is absent or not of its form
 *   ERROR_UNAUTHORIZED TIMESTAMP_STALE     by more than 300 s
 *   ERROR_UNAUTHORIZED SIGNATURE_INVALID
 *   ERROR_BAD_REQUEST  INVALID_JSON */
SUSPENDS MUST_CHECK bool webhook_take(struct core *core, void *memory,
        const struct webhook_delivery *delivery, enum webhook_outcome *out, struct error *err);
