/* The ACTIVE accounts of one auth config at Composio, of all its users, for work that goes through many: a call for every
 * fifty instead of one for each. */
#pragma once

#include "core/core.h"

struct account_index {
    struct composio_account *list; /* by user, then id */
    size_t count;
    bool whole; /* all were read */
};

/* `pages_max`: pages of 50, the newest first; 0: all. */
SUSPENDS MUST_CHECK bool account_index_read(struct composio *composio, void *owner,
        const char *auth_config_id, int pages_max, struct account_index *out, struct error *err);
/* NULL: it is not among them. */
const struct composio_account *account_index_find(
        const struct account_index *index, const char *user_id, const char *id);
