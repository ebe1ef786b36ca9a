#include "core/core.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/core_internal.h"
#include "core/tool_schemas.h"

struct core *core_new(void *owner, struct loop *loop, struct db *db, struct composio *composio,
        const struct catalog *catalog, const struct core_options *options)
{
    struct core *core = mem_new(owner, struct core);
    core->loop = loop;
    core->db = db;
    core->composio = composio;
    core->catalog = catalog;
    core->options = *options;
    core->tool_copies = tool_copies_new(core);
    return core;
}

void core_start_jobs(struct core *core)
{
    reconciler_start(core);
}

void core_task_begun(struct core *core)
{
    core->tasks_running++;
}

void core_task_ended(struct core *core)
{
    core->tasks_running--;
    fiber_condition_wake_all(&core->task_ended);
}

bool core_drain(struct core *core, struct error *err)
{
    while (core->tasks_running > 0) {
        if (!fiber_condition_wait(&core->task_ended, err)) {
            return false;
        }
    }
    return reconciler_stop(core, err);
}

static const char *const status_names[] = {
        [CONNECTION_PENDING] = "PENDING",
        [CONNECTION_ACTIVE] = "ACTIVE",
        [CONNECTION_INACTIVE] = "INACTIVE",
        [CONNECTION_FAILED] = "FAILED",
        [CONNECTION_REVOKED] = "REVOKED",
};

const char *connection_status_name(enum connection_status status)
{
    return status_names[status];
}

enum connection_status connection_status_parse(struct slice name)
{
    for (size_t i = 0; i < sizeof status_names / sizeof status_names[0]; i++) {
        if (slice_is(name, status_names[i])) {
            return (enum connection_status)i;
        }
    }
    return CONNECTION_FAILED; /* the database's own check allows no other word */
}

bool provider_row_read(const struct context *context, const char *provider,
        struct provider_row *out, struct error *err)
{
    static const char sql[] =
            "SELECT a.\"composioAuthId\", m.\"id\", a.\"allowedTools\", c.\"id\", c.\"status\","
            " c.\"composioAccountId\", c.\"composioEntityId\", c.\"updatedAt\""
            " FROM \"AuthConfig\" a JOIN \"MCPServer\" m ON m.\"authConfigId\" = a.\"id\""
            " LEFT JOIN \"UserConnection\" c ON c.\"userId\" = $1 AND c.\"provider\" = a.\"provider\""
            " WHERE a.\"provider\" = $2 ORDER BY a.\"createdAt\" DESC, m.\"createdAt\" DESC LIMIT 1";
    const struct db_rows *rows = NULL;
    if (!db_read(context->core->db, context->memory, sql,
                DB_PARAMS(DB_TEXT(context->user), DB_TEXT(provider)), &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        if (catalog_find(context->core->catalog, provider) == NULL) {
            return error_set(err, ERROR_NOT_FOUND, "PROVIDER_UNKNOWN",
                    "There is no integration \"%.64s\"; integrations.list names those there are.",
                    provider);
        }
        return error_set(err, ERROR_PRECONDITION_FAILED, "PROVIDER_NOT_CONFIGURED",
                "The integration \"%.64s\" is not set up on this server: its operator must give its auth "
                "config and run `tenon setup`.",
                provider);
    }
    *out = (struct provider_row){
            .auth_config_id = db_get_text(rows, 0, 0),
            .mcp_server_id = db_get_text(rows, 0, 1),
            .allowed_tools = db_get_slice(rows, 0, 2),
            .connection_id = db_get_text(rows, 0, 3),
            .status = connection_status_parse(db_get_slice(rows, 0, 4)),
            .account_id = db_get_text(rows, 0, 5),
            .entity_id = db_get_text(rows, 0, 6),
            .updated_at = db_get_text(rows, 0, 7),
    };
    return true;
}

bool connection_status_from_account(
        const struct composio_account *account, bool was_active, enum connection_status *out)
{
    static const char never_finished[] = "Connection initiation did not complete";
    switch (account->status) {
    case COMPOSIO_STATUS_INITIALIZING:
    case COMPOSIO_STATUS_INITIATED:
        /* Somebody called refresh on an account that worked: it needs a consent again. */
        *out = was_active ? CONNECTION_INACTIVE : CONNECTION_PENDING;
        return true;
    case COMPOSIO_STATUS_ACTIVE:
        *out = account->disabled ? CONNECTION_INACTIVE : CONNECTION_ACTIVE;
        return true;
    case COMPOSIO_STATUS_INACTIVE:
        *out = CONNECTION_INACTIVE;
        return true;
    case COMPOSIO_STATUS_EXPIRED:
        /* EXPIRED has two meanings: nobody consented in time, or the credentials died. */
        *out = was_active || (account->status_reason != NULL &&
                                     !slice_starts(
                                             slice_of(account->status_reason), never_finished))
                       ? CONNECTION_INACTIVE
                       : CONNECTION_FAILED;
        return true;
    case COMPOSIO_STATUS_FAILED:
        *out = CONNECTION_FAILED;
        return true;
    case COMPOSIO_STATUS_REVOKED:
        *out = CONNECTION_REVOKED;
        return true;
    case COMPOSIO_STATUS_UNKNOWN:
        break;
    }
    return false;
}

enum connection_status connection_status_after_read(const struct context *context,
        const struct provider_row *row, const struct composio_account *account)
{
    bool was_active = row->status == CONNECTION_ACTIVE || row->status == CONNECTION_INACTIVE;
    enum connection_status status = row->status;
    if (account->id == NULL) {
        return row->status == CONNECTION_PENDING ? CONNECTION_FAILED : CONNECTION_REVOKED;
    }
    if (strcmp(account->user_id, row->entity_id) != 0) {
        log_error(
                "account %s of user %s is another user's at Composio", account->id, context->user);
        return CONNECTION_REVOKED;
    }
    if (!connection_status_from_account(account, was_active, &status)) {
        log_warn("account %s has a status this program does not know", account->id);
        return row->status;
    }
    /* Only the proof of the consent makes a row ACTIVE that was not (design: invariant 2, lured victims). */
    return status == CONNECTION_ACTIVE && !was_active ? row->status : status;
}

bool connection_refresh(const struct context *context, const char *provider,
        const struct provider_row *row, enum connection_status *status_out,
        struct composio_account *account_out, struct error *err)
{
    /* Compare and set: a row that was changed while Composio was asked is left to whoever changed it. */
    static const char sql[] =
            "UPDATE \"UserConnection\" SET \"status\" = $1, \"lastSyncedAt\" = $2, \"updatedAt\" = $2"
            " WHERE \"id\" = $3 AND \"composioAccountId\" = $4 AND \"status\" = $5";
    struct composio_account account = {0};
    struct error read_error = {0};
    if (!composio_account_get(
                context->core->composio, context->memory, row->account_id, &account, &read_error)) {
        if (read_error.code != ERROR_NOT_FOUND) {
            *err = read_error;
            return false;
        }
        account = (struct composio_account){0};
    }
    enum connection_status status = connection_status_after_read(context, row, &account);
    if (status != row->status) {
        log_info("%s connection %s was %s, is %s", provider, row->connection_id,
                connection_status_name(row->status), connection_status_name(status));
    }
    struct db_statement update = {
            sql, DB_PARAMS(DB_TEXT(connection_status_name(status)),
                         DB_TIME(context->memory, clock_now_ms()), DB_TEXT(row->connection_id),
                         DB_TEXT(row->account_id), DB_TEXT(connection_status_name(row->status)))};
    if (!db_write(context->core->db, context->memory, &update, 1, NULL, err)) {
        return false;
    }
    if (status != row->status) {
        connections_changed(context->core, context->user);
    }
    *status_out = status;
    *account_out = account;
    return true;
}
