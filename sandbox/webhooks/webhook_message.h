/* What goes to a webhook: the events, their envelopes in each version, and the signature. No I/O. */
#pragma once

#include "json/json.h"

#define WEBHOOK_URL_BYTES_MAX 2048
#define WEBHOOK_EXPIRED       "composio.connected_account.expired"
#define WEBHOOK_TRIGGER       "composio.trigger.message"

struct webhook_event_type {
    const char *type, *description;
    const char *const *versions; /* that have it; ends with NULL */
};
/* All there are; ends with type NULL. */
extern const struct webhook_event_type webhook_event_types[];
/* "V1", "V2", "V3"; ends with NULL. */
extern const char *const webhook_versions[];

/* NULL: there is no such type. */
const struct webhook_event_type *webhook_event_type(const char *type);
/* Does `version` have an envelope for it? V3 has one for every type, known or not. */
bool webhook_version_has(const char *version, const char *type);

/* https, as the service wants it; or http to this machine, which is the sandbox's own, for tests. Without a user. */
bool webhook_url_acceptable(const char *url);

struct webhook_event {
    const char *id; /* "msg_…"; the webhook-id too */
    const char *type;
    int64_t time_ms;
    const struct json *metadata; /* an object */
    struct slice data;           /* JSON text of an object, however deep */
};
/* `version` has the event's type. */
const char *webhook_body(void *owner, const char *version, const struct webhook_event *event);

/* The value of webhook-signature: HMAC-SHA256 of "id.timestamp.body", the key being the bytes of the secret as it is (not
 * decoded from base64, unlike Standard Webhooks). `timestamp` is webhook-timestamp, unix seconds. */
const char *webhook_signature(
        void *owner, const char *secret, const char *id, const char *timestamp, struct slice body);
