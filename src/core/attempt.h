/* An attempt as stored: what its callback, its completion and the reconciler share. connect.c says who holds which
 * secret. */
#pragma once

#include "core/core_internal.h"

struct attempt {
    const char *id, *state, *user, *provider, *auth_config_id, *account_id;
    struct slice outcome;
    const char *code_hash;    /* NULL: no browser has brought the key yet */
    const char *redirect_uri; /* NULL: the state is consumed */
    int64_t expires_at_ms, created_at_ms, updated_at_ms;
};

/* For a query of ConnectAttempt t joined with its OAuthState s. */
#define ATTEMPT_COLUMNS                                                           \
    "t.\"id\", t.\"state\", t.\"userId\", t.\"provider\", t.\"authConfigId\","    \
    " t.\"composioAccountId\", t.\"outcome\", t.\"codeHash\", s.\"redirectUri\"," \
    " COALESCE(s.\"expiresAt\", t.\"expiresAt\"), t.\"createdAt\", t.\"updatedAt\""
struct attempt attempt_from_row(const struct db_rows *rows, size_t row);
/* ERROR_BAD_REQUEST STATE_INVALID: the query found none. */
SUSPENDS MUST_CHECK bool attempt_read(struct core *core, void *memory, const char *sql,
        struct db_params params, struct attempt *out, struct error *err);

/* End an open attempt without success: `outcome` is FAILED or EXPIRED. A row that waited for it fails with it; its account
 * will be deleted at Composio. `consume`: the state goes too. */
SUSPENDS MUST_CHECK bool attempt_end(struct core *core, void *memory, const struct attempt *attempt,
        const char *outcome, bool consume, struct error *err);

enum consent { CONSENT_GIVEN, CONSENT_PENDING, CONSENT_REFUSED, CONSENT_EXPIRED, CONSENT_DISABLED };

/* What Composio says of the attempt's account now. False: it could not be read, nothing is known. */
SUSPENDS MUST_CHECK bool attempt_consent(struct core *core, void *memory,
        const struct attempt *attempt, enum consent *out, struct composio_account *account_out,
        struct error *err);
