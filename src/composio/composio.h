/* Typed calls of the Composio API v3.1. No rules of ours: what an account is good for is core's to say.
 *
 * Reading requires no field that a call can do without, and no error body of any form: only the HTTP status counts, then
 * the error's slug. Reads, updates to the same value and deletes are tried again on 408, 409, 429, 5xx and lost
 * connections (not on timeouts), or as x-should-retry says: twice, after Retry-After, else after 0.5·2^n s less jitter.
 * Told to wait longer than 60 s, or past the deadline, they fail at once with retry_after_s. Link, MCP create and execute
 * are tried again only when they certainly did not arrive. The key travels in the x-api-key header and nowhere else.
 *
 * Every call suspends, ends at the fiber's deadline, and gives results that belong to `owner`. Errors of all calls:
 *   ERROR_NOT_FOUND            UPSTREAM_NOT_FOUND          404: no such thing at Composio
 *   ERROR_BAD_REQUEST          UPSTREAM_REJECTED           another 4xx; err->detail has status and slug
 *   ERROR_BAD_GATEWAY          UPSTREAM_KEY_REFUSED        401, 403: the operator's key
 *   ERROR_TOO_MANY_REQUESTS    UPSTREAM_BUSY               429, with retry_after_s
 *   ERROR_BAD_GATEWAY          UPSTREAM_UNAVAILABLE        5xx, or an answer that is not what the API promises
 *   ERROR_SERVICE_UNAVAILABLE  UPSTREAM_UNAVAILABLE        no connection
 *   ERROR_GATEWAY_TIMEOUT      UPSTREAM_TIMEOUT            no whole answer in time
 *   ERROR_CLIENT_CLOSED_REQUEST CANCELLED
 * and of composio_execute() more, below. Messages say what to do and quote no upstream body; details are for the log:
 * status, slug, code and request id.
 *
 * When Composio could not be reached for a while, calls fail with UPSTREAM_UNAVAILABLE and retry_after_s at
 * once, without being sent: breaker.h.
 *
 * Lists are read over all their pages; one of more than 100 pages of 50 is UPSTREAM_UNAVAILABLE. */
#pragma once

#include "fetch/fetch.h"
#include "json/json.h"

struct composio;

struct composio_options {
    const char *base_url; /* without /api/…, a slash at the end is dropped */
    const char *api_key;
    int64_t timeout_ms;  /* of one attempt; 0: 20 s */
    int64_t patience_ms; /* of failures alone, before calls are refused: breaker.h */
};

/* One per loop. Copies the options. */
struct composio *composio_new(
        void *owner, struct fetcher *fetcher, const struct composio_options *options);
/* Composio's clock less ours when its newest answer came, exact to a second or two. False: none came, or none with a date
 * (RFC 9110 §6.6.1). */
bool composio_clock_skew(const struct composio *client, int64_t *ms_out);

/* ---- auth configs: how users of a toolkit authenticate ---- */

struct composio_auth_config {
    const char *id, *name, *toolkit;
    const char *auth_scheme; /* "OAUTH2"; NULL when not said */
    bool enabled;
};
SUSPENDS MUST_CHECK bool composio_auth_config_get(struct composio *client, void *owner,
        const char *id, struct composio_auth_config *out, struct error *err);
/* `toolkit` NULL: all. Disabled ones too. */
SUSPENDS MUST_CHECK bool composio_auth_config_list(struct composio *client, void *owner,
        const char *toolkit, struct composio_auth_config **list_out, size_t *count_out,
        struct error *err);

/* ---- connected accounts ---- */

enum composio_status {
    COMPOSIO_STATUS_UNKNOWN, /* a word that this client does not know */
    COMPOSIO_STATUS_INITIALIZING,
    COMPOSIO_STATUS_INITIATED,
    COMPOSIO_STATUS_ACTIVE,
    COMPOSIO_STATUS_FAILED,
    COMPOSIO_STATUS_EXPIRED,
    COMPOSIO_STATUS_INACTIVE,
    COMPOSIO_STATUS_REVOKED,
};
struct composio_account {
    const char *id, *user_id, *auth_config_id, *toolkit; /* never NULL; "" when not said */
    enum composio_status status;
    const char *status_reason; /* NULL when not said */
    const char *label;         /* alias, else word_id; NULL when not said */
    bool disabled;             /* itself or by its auth config */
    int64_t created_at_ms;     /* 0 when not said */
};
SUSPENDS MUST_CHECK bool composio_account_get(struct composio *client, void *owner, const char *id,
        struct composio_account *out, struct error *err);
/* All accounts of the user under the auth config, whatever their status, newest first.
 * Checked to be of that very user and auth config: Composio's filters split at commas. */
SUSPENDS MUST_CHECK bool composio_account_list(struct composio *client, void *owner,
        const char *user_id, const char *auth_config_id, struct composio_account **list_out,
        size_t *count_out, struct error *err);
/* The ACTIVE accounts of all users under the auth config, disabled ones too, newest first: a page of them. `cursor` NULL:
 * the first; *next_out NULL: that was the last. */
SUSPENDS MUST_CHECK bool composio_account_page(struct composio *client, void *owner,
        const char *auth_config_id, const char *cursor, struct composio_account **list_out,
        size_t *count_out, const char **next_out, struct error *err);
/* The id of an account of which only the UUID is known, by which Composio's first versions named it.
 * ERROR_NOT_FOUND UPSTREAM_NOT_FOUND also when Composio says 400: its word for a UUID that it does not know. */
SUSPENDS MUST_CHECK bool composio_account_of_uuid(struct composio *client, void *owner,
        const char *uuid, const char **id_out, struct error *err);
struct composio_link {
    const char *account_id, *redirect_url;
    int64_t expires_at_ms; /* 10 minutes from now when not said */
};
SUSPENDS MUST_CHECK bool composio_account_link(struct composio *client, void *owner,
        const char *user_id, const char *auth_config_id, const char *callback_url,
        struct composio_link *out, struct error *err);
/* Identity verification: the browser of `session_uri` is signed in as `user_id`. *account_id_out is the account, ACTIVE from
 * now on. UPSTREAM_NOT_FOUND: no such session, or too late; UPSTREAM_REJECTED: another user's, and the account is FAILED. */
SUSPENDS MUST_CHECK bool composio_complete_auth(struct composio *client, void *owner,
        const char *session_uri, const char *user_id, const char **account_id_out,
        struct error *err);
/* Take the grant back at the provider. True also when there is nothing to revoke (400, 404, 409). */
SUSPENDS MUST_CHECK bool composio_account_revoke(
        struct composio *client, const char *id, struct error *err);
/* True also when it is gone already. */
SUSPENDS MUST_CHECK bool composio_account_delete(
        struct composio *client, const char *id, struct error *err);

/* ---- MCP servers ---- */

struct composio_mcp_server {
    const char *id, *name;
    const char **auth_config_ids, **allowed_tools;
    size_t auth_config_count, tool_count;
};
SUSPENDS MUST_CHECK bool composio_mcp_get(struct composio *client, void *owner, const char *id,
        struct composio_mcp_server *out, struct error *err);
/* Those whose name is `name`. NULL: all. */
SUSPENDS MUST_CHECK bool composio_mcp_list(struct composio *client, void *owner, const char *name,
        struct composio_mcp_server **list_out, size_t *count_out, struct error *err);
/* name  4–30 of letters, digits, blanks and hyphens; `server->id` is ignored */
SUSPENDS MUST_CHECK bool composio_mcp_create(struct composio *client, void *owner,
        const struct composio_mcp_server *server, struct composio_mcp_server *out,
        struct error *err);
/* Set name, auth configs and tools of `server->id`. */
SUSPENDS MUST_CHECK bool composio_mcp_update(struct composio *client, void *owner,
        const struct composio_mcp_server *server, struct composio_mcp_server *out,
        struct error *err);
/* The MCP URL of one user. */
SUSPENDS MUST_CHECK bool composio_mcp_generate(struct composio *client, void *owner, const char *id,
        const char *user_id, const char **url_out, struct error *err);

/* ---- webhooks: one subscription a project ---- */

struct composio_webhook {
    const char *id, *url;
    const char *version;       /* "V3"; "" when not said */
    const char *secret;        /* what deliveries are signed with; NULL when not said */
    const char *const *events; /* types, such as "composio.connected_account.expired" */
    size_t event_count;
};
SUSPENDS MUST_CHECK bool composio_webhook_list(struct composio *client, void *owner,
        struct composio_webhook **list_out, size_t *count_out, struct error *err);
/* Deliver `webhook->events` in version V3 to `webhook->url`, which must be https; the rest is ignored.
 * ERROR_BAD_REQUEST UPSTREAM_REJECTED: also when there is one already (409). */
SUSPENDS MUST_CHECK bool composio_webhook_create(struct composio *client, void *owner,
        const struct composio_webhook *webhook, struct composio_webhook *out, struct error *err);
/* Set the same of `webhook->id`. */
SUSPENDS MUST_CHECK bool composio_webhook_update(struct composio *client, void *owner,
        const struct composio_webhook *webhook, struct composio_webhook *out, struct error *err);
/* A new secret, for one that is not known: the one before is good no more. */
SUSPENDS MUST_CHECK bool composio_webhook_rotate(struct composio *client, void *owner,
        const char *id, const char **secret_out, struct error *err);

/* ---- toolkits and tools ---- */

struct composio_toolkit {
    const char *slug, *name, *description, *logo; /* the last two NULL when not said */
};
SUSPENDS MUST_CHECK bool composio_toolkit_get(struct composio *client, void *owner,
        const char *slug, struct composio_toolkit *out, struct error *err);
struct composio_tool {
    const char *slug, *name, *description, *toolkit, *version;
    const struct json *input_parameters, *output_parameters; /* JSON Schemas; NULL when not said */
    bool deprecated;
};
/* `version` NULL: latest. */
SUSPENDS MUST_CHECK bool composio_tool_get(struct composio *client, void *owner, const char *slug,
        const char *version, struct composio_tool *out, struct error *err);
/* All tools of a toolkit at its latest version. */
SUSPENDS MUST_CHECK bool composio_tool_list(struct composio *client, void *owner,
        const char *toolkit, struct composio_tool **list_out, size_t *count_out, struct error *err);

struct composio_execution {
    const char *tool, *version; /* version NULL: latest */
    const char *account_id, *user_id;
    struct slice arguments; /* the JSON text of an object, passed on byte for byte */
    int64_t timeout_ms;     /* 0: the client's */
};
struct composio_result {
    bool successful;
    const struct json *data; /* NULL when absent */
    const char *error;       /* the tool's own words; NULL when successful */
    const char *log_id;      /* NULL when not said */
};
/* Sent at most once. True: Composio answered, `successful` tells how the tool fared. More errors:
 *   ERROR_GATEWAY_TIMEOUT, ERROR_BAD_GATEWAY, ERROR_CLIENT_CLOSED_REQUEST
 *                              OUTCOME_UNKNOWN   it may have run: timeout, connection lost, cancelled, 5xx, garbage
 *   ERROR_BAD_GATEWAY          RESULT_TOO_LARGE  it ran; the answer has more than 24 MiB
 *   ERROR_PRECONDITION_FAILED  UPSTREAM_ACCOUNT_GONE     1810, 1803, 606: no such account for this user
 *   ERROR_PRECONDITION_FAILED  UPSTREAM_ACCOUNT_EXPIRED  1820
 *   ERROR_FORBIDDEN            UPSTREAM_ACCOUNT_MISMATCH 1812: the account is another user's
 *   ERROR_NOT_FOUND            UPSTREAM_TOOL_NOT_FOUND   1800, 2401, 410 without 1820 */
SUSPENDS MUST_CHECK bool composio_execute(struct composio *client, void *owner,
        const struct composio_execution *execution, struct composio_result *out, struct error *err);
