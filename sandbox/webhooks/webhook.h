/* Webhooks: the project's one subscription, and messages to it. A message is in the database before it is sent, and sent
 * again under the same webhook-id until the receiver answers 2xx or it was tried often enough: at least once, in no
 * order. The service's own retry schedule is not documented; this one goes by the sandbox's clock, so that tests move it. */
#pragma once

#include "sandbox/call.h"
#include "sandbox/webhooks/webhook_message.h"

struct webhook_subscription {
    const char *id, *url, *version, *secret;
    struct texts enabled_events;
    int64_t created_at, updated_at;
};

/* *found_out false: the project has none. webhook_subscriptions.c */
SUSPENDS MUST_CHECK bool webhook_subscription_find(
        struct call *call, struct webhook_subscription *out, bool *found_out, struct error *err);

/* ---- webhook_sender.c ---- */

/* The job that notices what expired and sends what is due, once a second and after webhooks_notice(). */
struct webhooks;
struct webhooks *webhooks_start(struct sandbox *sandbox, struct loop *loop);
/* The clock or a status was changed: keep the messages about what expired by it before this returns, and send what is due
 * soon. */
SUSPENDS MUST_CHECK bool webhooks_notice(struct call *call, struct error *err);
/* False: it still ran at the fiber's deadline. */
SUSPENDS MUST_CHECK bool webhooks_stop(struct webhooks *webhooks, struct error *err);

/* "msg_" and a UUID. */
const char *webhook_new_id(void *owner);
/* Keep a message, to be sent at `at_ms` (sandbox's clock). */
SUSPENDS MUST_CHECK bool webhook_store(struct call *call,
        const struct webhook_subscription *subscription, const struct webhook_event *event,
        int64_t at_ms, struct error *err);
/* Send a message once, now, and note what came of it. *found_out false: there is none, or its subscription is gone. */
SUSPENDS MUST_CHECK bool webhook_send(
        struct call *call, const char *id, bool *found_out, struct error *err);
