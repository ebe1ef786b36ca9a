/* Connections: per user and provider at most one row, whose account id Composio returned for that user, auth config and
 * attempt, and which says ACTIVE only after Composio said so of that very account.
 *
 * An attempt is one press of Connect: a link at Composio, a `state` that the app completes it with, and a callback key
 * that only the browser which finishes the consent gets to see. The callback trades the key for the one-time code. */
#pragma once

#include "core/core.h"

enum connection_status {
    CONNECTION_PENDING,
    CONNECTION_ACTIVE,
    CONNECTION_INACTIVE,
    CONNECTION_FAILED,
    CONNECTION_REVOKED,
};
const char *connection_status_name(enum connection_status status);

/* Times in wall-clock milliseconds, -1 for none. */
struct connection {
    const char *id;
    enum connection_status status;
    const char *label; /* which account, in Composio's words; NULL when not known */
    int64_t connected_at_ms, last_used_at_ms, last_synced_at_ms;
};

struct integration {
    const char *provider;
    /* What everybody is shown of it, as members of a JSON object: provider, displayName, icon, description, requiredScopes,
     * allowedTools. Written once for all answers, of which it is most. */
    struct slice members;
    struct slice allowed_tools; /* JSON array of strings, as stored */
    bool has_connection;
    struct connection connection;
};

/* Every provider that is set up, in the order of set-up, with the user's connection. One query; what is shown of the
 * providers may be a second old, and is good until the caller suspends. */
SUSPENDS MUST_CHECK bool connections_list(const struct context *context,
        struct integration **list_out, size_t *count_out, struct error *err);

/* One provider's connection; `*found_out` false when there is none. A pending one is looked up at Composio first: it may
 * have failed or expired since.
 *   ERROR_NOT_FOUND PROVIDER_UNKNOWN */
SUSPENDS MUST_CHECK bool connections_status(const struct context *context, const char *provider,
        bool *found_out, struct connection *out, struct error *err);

struct connect_result {
    bool connected; /* nothing to do; the rest is not set */
    const char *auth_url, *state;
    int64_t expires_at_ms;
};
/* Begin to connect, or find that the user is connected already, here or at Composio.
 *
 * redirect_uri  where the callback sends the browser; NULL: FRONTEND_URL/oauth/callback
 *
 *   ERROR_NOT_FOUND           PROVIDER_UNKNOWN
 *   ERROR_PRECONDITION_FAILED PROVIDER_NOT_CONFIGURED  `tenon setup` has not been run for it
 *   ERROR_BAD_REQUEST         REDIRECT_NOT_ALLOWED     redirect.h */
SUSPENDS MUST_CHECK bool connections_connect(const struct context *context, const char *provider,
        const char *redirect_uri, struct connect_result *out, struct error *err);

/* Where the browser goes after the consent page. */
struct callback_result {
    const char *
            location; /* the frontend's URL, with provider, state, code (unless it failed) and status */
};
/* The browser came back from Composio. `key` is ours; `account_id` is Composio's word, checked against the attempt's.
 *   ERROR_BAD_REQUEST STATE_INVALID  no such attempt, over, or another account */
SUSPENDS MUST_CHECK bool connections_callback(struct core *core, void *memory, const char *key,
        const char *account_id, struct callback_result *out, struct error *err);

/* Finish what connections_connect() began. Repeated with the same state and code it succeeds again.
 *
 *   ERROR_BAD_REQUEST         STATE_INVALID          unknown, of another user or provider, consumed, disconnected since
 *   ERROR_BAD_REQUEST         STATE_EXPIRED
 *   ERROR_PRECONDITION_FAILED AUTHORIZATION_PENDING  the consent is not finished; the state is kept
 *   ERROR_FORBIDDEN           AUTHORIZATION_DENIED   refused or failed at the provider; the state is consumed
 *   ERROR_FORBIDDEN           CODE_REQUIRED, CODE_INVALID
 *   ERROR_PRECONDITION_FAILED ACCOUNT_DISABLED       disabled at Composio */
SUSPENDS MUST_CHECK bool connections_complete(const struct context *context, const char *provider,
        const char *state, const char *code, struct connection *out, struct error *err);

/* The same for a browser that Composio's identity verification brought (verify.c): the session URI is one-time, too.
 *
 *   what connections_complete() says, and
 *   ERROR_BAD_REQUEST         STATE_EXPIRED          Composio does not know the session, or no more
 *   ERROR_FORBIDDEN           AUTHORIZATION_DENIED   the account was begun for another user */
SUSPENDS MUST_CHECK bool connections_verify(const struct context *context, const char *session_uri,
        const char **provider_out, struct connection *out, struct error *err);

/* The row is REVOKED at once, the account revoked and deleted at Composio now or, when Composio cannot be reached, by a
 * job later. True also when nothing was connected.
 *   ERROR_NOT_FOUND PROVIDER_UNKNOWN */
SUSPENDS MUST_CHECK bool connections_disconnect(
        const struct context *context, const char *provider, struct error *err);
