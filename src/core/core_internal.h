/* What the files of core share. */
#pragma once

#include "core/connections.h"
#include "core/core.h"

/* Of a state, a callback key, a code: 256 bits (RFC 6749 §10.10 asks for 128 at least). */
#define SECRET_BYTES 32

struct core {
    struct loop *loop;
    struct db *db;
    struct composio *composio;
    const struct catalog *catalog;
    struct core_options options;
    int tasks_running; /* fibers that outlive the request that started them */
    struct fiber_condition task_ended;
    struct reconciler *reconciler;    /* NULL where this core does not run it */
    struct shown_integrations *shown; /* connections.c's; NULL: not read yet */
    struct tool_copies *tool_copies;  /* tool_schemas.c's */
    struct events *events;            /* events.c's; NULL: nobody has watched yet */
};

/* Around the life of a fiber that core_drain() must wait for. */
void core_task_begun(struct core *core);
void core_task_ended(struct core *core);

/* A provider as it is set up, with the user's row for it: what connecting and executing start from. */
struct provider_row {
    const char *auth_config_id; /* Composio's */
    const char *mcp_server_id;  /* of our MCPServer row */
    struct slice allowed_tools; /* JSON array of strings */
    const char *connection_id;  /* NULL: the user has no row, and what follows is not set */
    enum connection_status status;
    const char *account_id;
    const char *entity_id;  /* the user's id at Composio */
    const char *updated_at; /* as stored, to tell whether the row was changed meanwhile */
};
/* ERROR_NOT_FOUND PROVIDER_UNKNOWN, ERROR_PRECONDITION_FAILED PROVIDER_NOT_CONFIGURED */
SUSPENDS MUST_CHECK bool provider_row_read(const struct context *context, const char *provider,
        struct provider_row *out, struct error *err);

enum connection_status connection_status_parse(struct slice name);

/* The user's row; `*found_out` false when there is none. */
SUSPENDS MUST_CHECK bool connection_read(const struct context *context, const char *provider,
        bool *found_out, struct connection *out, struct error *err);

/* What Composio's word of an account means for a row (composio-api.md §2.3). `was_active`: the row says, or said, ACTIVE.
 * False: it means nothing, change nothing. */
bool connection_status_from_account(
        const struct composio_account *account, bool was_active, enum connection_status *out);

/* What the row should say after `account` (id NULL: gone at Composio) was read. */
enum connection_status connection_status_after_read(const struct context *context,
        const struct provider_row *row, const struct composio_account *account);

/* db_write() of what may change the user's connections as they are shown: whoever watches them is told (events.h). */
SUSPENDS MUST_CHECK bool connections_write(struct core *core, void *memory, const char *user,
        const struct db_statement *statements, size_t count, const struct db_rows **rows_out,
        struct error *err);
/* The telling alone. */
void connections_changed(struct core *core, const char *user);

/* Read the row's account again at Composio and write what follows from it; `*status_out` is the row's status after.
 * `*account_out` is the account where one was found (else its id is NULL). A failed read changes nothing. */
SUSPENDS MUST_CHECK bool connection_refresh(const struct context *context, const char *provider,
        const struct provider_row *row, enum connection_status *status_out,
        struct composio_account *account_out, struct error *err);

/* Statements that make a row ACTIVE, in two places: connect (adopting) and complete (proving). */
/* $1 job id, $2 now, $3 user, $4 provider, $5 the new account: the account that the row has now is to be deleted, unless
 * it belongs to another attempt of the user's that may still be completed. */
#define REPLACED_SQL                                                                        \
    "INSERT INTO \"CleanupJob\" (\"id\", \"composioAccountId\", \"reason\", \"notBefore\")" \
    " SELECT $1, \"composioAccountId\", 'REPLACED', $2 FROM \"UserConnection\""             \
    " WHERE \"userId\" = $3 AND \"provider\" = $4 AND \"composioAccountId\" <> $5"          \
    " AND \"status\" <> 'REVOKED' AND \"composioAccountId\" NOT IN"                         \
    " (SELECT \"composioAccountId\" FROM \"ConnectAttempt\""                                \
    " WHERE \"userId\" = $3 AND \"provider\" = $4 AND \"outcome\" = 'OPEN')"
#define ACTIVATE_COLUMNS_SQL                                                             \
    "INSERT INTO \"UserConnection\" (\"id\", \"userId\", \"mcpServerId\", \"provider\"," \
    " \"composioAccountId\", \"composioEntityId\", \"status\", \"connectedAt\","         \
    " \"lastSyncedAt\", \"metadata\", \"createdAt\", \"updatedAt\")"
#define ACTIVATE_UPDATE_SQL                                                                \
    " ON CONFLICT (\"userId\", \"provider\") DO UPDATE SET"                                \
    " \"mcpServerId\" = excluded.\"mcpServerId\","                                         \
    " \"composioAccountId\" = excluded.\"composioAccountId\","                             \
    " \"composioEntityId\" = excluded.\"composioEntityId\", \"status\" = 'ACTIVE',"        \
    " \"connectedAt\" = excluded.\"connectedAt\","                                         \
    " \"lastSyncedAt\" = excluded.\"lastSyncedAt\", \"metadata\" = excluded.\"metadata\"," \
    " \"updatedAt\" = excluded.\"updatedAt\""
/* Make the row ACTIVE with an account that the user has already at Composio, in place of the one it had, unless it was
 * changed since `row` was read: then *done_out is false. */
SUSPENDS MUST_CHECK bool connection_adopt(const struct context *context, const char *provider,
        const struct provider_row *row, const struct composio_account *account, bool *done_out,
        struct error *err);
/* *out: the account is a link of ours whose consent is not proven, or is about to be deleted. It must not be adopted. */
SUSPENDS MUST_CHECK bool connection_account_is_unproven(
        struct core *core, void *memory, const char *account_id, bool *out, struct error *err);
/* The `metadata` column for an account of that label; SQL NULL without one. */
struct db_value connection_metadata(void *memory, const char *label);

/* Cleaning: every account that is replaced, disconnected or never finished has a CleanupJob row until it is revoked and
 * deleted at Composio. */

/* Do the job of this account now. Best effort: what fails is logged, and done again later if there is a row. True: done. */
SUSPENDS bool cleanup_account(struct core *core, const char *account_id);
/* The same, in a fiber of its own. */
void cleanup_account_later(struct core *core, const char *account_id);
/* Do the jobs that are due, until `*stopping`. */
SUSPENDS MUST_CHECK bool cleanup_due(
        struct core *core, void *memory, const bool *stopping, struct error *err);

/* The background work of a process. */
void reconciler_start(struct core *core);
/* Returns when it has ended, or at the fiber's deadline. */
SUSPENDS MUST_CHECK bool reconciler_stop(struct core *core, struct error *err);
struct reconciler *reconciler_new(struct core *core);
/* What it does in one turn, if the lease is its own or nobody's. */
SUSPENDS void reconciler_turn(struct core *core);
/* One turn in a process that does not run it, if no other holds the lease. Leaves the fiber without a deadline. */
SUSPENDS void reconciler_turn_once(struct core *core);
