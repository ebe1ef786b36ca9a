/* What a test wants to be there from the beginning, as one JSON object; docs/sandbox.md has the format for users.
 *
 *   {"clock": {"now": "2026-01-01T09:00:00Z"},                or {"advance_seconds": 3600}
 *    "project": {"require_mcp_api_key": false, …},            as POST /_sandbox/project
 *    "auth_configs": [{"id", "toolkit", "auth_scheme"?, "managed"?, "name"?, "status"?, "credentials"?}],
 *    "accounts": [{"id"?, "auth_config_id", "user_id", "status"?, "status_reason"?, "email"?, "alias"?, "data"?,
 *                  "created_at"?}],
 *    "worlds": [{"user_id", "toolkit", "email", "things": [{"kind", "id"?, "parent"?, "minutes"? or "at"?, "body"}]}],
 *    "faults": […]}                                           as POST /_sandbox/faults
 *
 * Everything is optional. The same ids again are replaced: a seed may be applied twice. Of each kind that it names, a world
 * has just what the seed says; the other kinds are furnished as usual. */
#pragma once

#include "sandbox/call.h"

#define SEED_BYTES_MAX (8 * 1024 * 1024)
#define SEED_ITEMS_MAX 10000

/* False: BAD_REQUEST names the place and what is wrong, and nothing was changed; or the database's. */
SUSPENDS MUST_CHECK bool seed_apply(
        struct sandbox *sandbox, void *owner, const struct json *seed, struct error *err);

/* ---- what its parts share ---- */

struct seeding {
    struct call call; /* without a request; its time is that of the seed */
    struct db_statement *statements;
    size_t statement_count;
};
/* One more statement for the one transaction; `values` are copied. */
void seeding_add(struct seeding *seeding, const char *sql, struct db_params params);
/* False: the object has a member that is not in `names`, which ends with NULL. */
MUST_CHECK bool seed_members(
        const struct json *object, const char *const names[], struct error *err);
/* A time in `name`; `otherwise` when absent. */
MUST_CHECK bool seed_time(const struct json *object, const char *name, int64_t otherwise,
        int64_t *out, struct error *err);

/* One of "worlds"; `checking` only looks whether it can be. seed_world.c. */
SUSPENDS MUST_CHECK bool seed_world(
        struct seeding *seeding, const struct json *world, bool checking, struct error *err);
