#include "core/connections.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/core_internal.h"
#include "crypto/crypto.h"

/* Columns of a connection, in the order that read_connection() expects. */
#define CONNECTION_COLUMNS \
    "c.\"id\", c.\"status\", c.\"connectedAt\", c.\"lastUsedAt\", c.\"lastSyncedAt\", c.\"metadata\""

static struct connection read_connection(
        void *memory, const struct db_rows *rows, size_t row, size_t column)
{
    struct connection connection = {
            .id = db_get_text(rows, row, column),
            .status = connection_status_parse(db_get_slice(rows, row, column + 1)),
            .connected_at_ms = db_get_time(rows, row, column + 2),
            .last_used_at_ms = db_get_time(rows, row, column + 3),
            .last_synced_at_ms = db_get_time(rows, row, column + 4),
    };
    const struct json *metadata = NULL;
    struct error ignored = {0};
    if (!db_is_null(rows, row, column + 5) &&
            json_parse(memory, db_get_slice(rows, row, column + 5), &metadata, &ignored)) {
        connection.label = json_text(json_get(metadata, "accountLabel"));
    }
    return connection;
}

struct db_value connection_metadata(void *memory, const char *label)
{
    if (label == NULL) {
        return DB_NULL;
    }
    struct buffer text;
    struct json_writer writer;
    buffer_init(&text, memory, 4096);
    json_writer_init(&writer, &text);
    json_begin_object(&writer);
    json_write_name(&writer, "accountLabel");
    json_write_text(&writer, label);
    json_end_object(&writer);
    return text.overflow ? DB_NULL : DB_SLICE(buffer_slice(&text));
}

/* Before which integration of `list` one that was set up at `created_ms` stands. */
static size_t place_of(const struct integration *list, size_t count, int64_t created_ms)
{
    while (count > 0 && list[count - 1].created_at_ms > created_ms) {
        count--;
    }
    return count;
}

/* Take a row in, by time of set-up. A provider with several auth configs shows the newest, which is the one that
 * connects. */
static size_t take_integration(
        struct integration *list, size_t count, const struct integration *integration)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].provider, integration->provider) == 0) {
            if (list[i].created_at_ms < integration->created_at_ms) {
                list[i] = *integration;
            }
            return count;
        }
    }
    size_t at = place_of(list, count, integration->created_at_ms);
    memmove(&list[at + 1], &list[at], (count - at) * sizeof list[0]);
    list[at] = *integration;
    return count + 1;
}

bool connections_list(const struct context *context, struct integration **list_out,
        size_t *count_out, struct error *err)
{
    /* Sorted here: a handful of rows, which SQLite would copy twice to sort. */
    static const char sql[] =
            "SELECT a.\"provider\", a.\"displayName\", a.\"icon\", a.\"description\","
            " a.\"requiredScopes\", a.\"allowedTools\", a.\"createdAt\", " CONNECTION_COLUMNS
            " FROM \"AuthConfig\" a LEFT JOIN \"UserConnection\" c"
            " ON c.\"userId\" = $1 AND c.\"provider\" = a.\"provider\"";
    const struct db_rows *rows = NULL;
    if (!db_read(context->core->db, context->memory, sql, DB_PARAMS(DB_TEXT(context->user)), &rows,
                err)) {
        return false;
    }
    struct integration *list = mem_array(context->memory, struct integration, db_row_count(rows));
    size_t count = 0;
    for (size_t row = 0; row < db_row_count(rows); row++) {
        struct integration integration = {
                .provider = db_get_text(rows, row, 0),
                .display_name = db_get_text(rows, row, 1),
                .icon = db_get_text(rows, row, 2),
                .description = db_get_text(rows, row, 3),
                .required_scopes = db_get_slice(rows, row, 4),
                .allowed_tools = db_get_slice(rows, row, 5),
                .created_at_ms = db_get_time(rows, row, 6),
                .has_connection = !db_is_null(rows, row, 7),
        };
        if (integration.has_connection) {
            integration.connection = read_connection(context->memory, rows, row, 7);
        }
        count = take_integration(list, count, &integration);
    }
    *list_out = list;
    *count_out = count;
    return true;
}

bool connection_read(const struct context *context, const char *provider, bool *found_out,
        struct connection *out, struct error *err)
{
    static const char sql[] = "SELECT " CONNECTION_COLUMNS " FROM \"UserConnection\" c"
                              " WHERE c.\"userId\" = $1 AND c.\"provider\" = $2";
    const struct db_rows *rows = NULL;
    if (!db_read(context->core->db, context->memory, sql,
                DB_PARAMS(DB_TEXT(context->user), DB_TEXT(provider)), &rows, err)) {
        return false;
    }
    *found_out = db_row_count(rows) > 0;
    if (*found_out) {
        *out = read_connection(context->memory, rows, 0, 0);
    }
    return true;
}

bool connections_status(const struct context *context, const char *provider, bool *found_out,
        struct connection *out, struct error *err)
{
    struct provider_row row;
    if (!provider_row_read(context, provider, &row, err)) {
        return false;
    }
    if (row.connection_id != NULL && row.status == CONNECTION_PENDING) {
        enum connection_status status;
        struct composio_account account;
        struct error read_error = {0};
        if (!connection_refresh(context, provider, &row, &status, &account, &read_error)) {
            /* The row as it stands is a true answer; the look-up was a kindness. */
            log_warn("pending %s connection not looked up: %s", provider, read_error.message);
        }
    }
    return connection_read(context, provider, found_out, out, err);
}

bool connections_disconnect(const struct context *context, const char *provider, struct error *err)
{
    struct provider_row row;
    if (!provider_row_read(context, provider, &row, err)) {
        return false;
    }
    void *memory = context->memory;
    char job_id[UUID_TEXT_SIZE];
    int64_t now = clock_now_ms();
    struct db_value user = DB_TEXT(context->user), name = DB_TEXT(provider),
                    time = DB_TIME(memory, now);
    struct db_statement statements[] = {
            {"INSERT INTO \"CleanupJob\" (\"id\", \"composioAccountId\", \"reason\", \"notBefore\")"
             " SELECT $1, \"composioAccountId\", 'DISCONNECTED', $2 FROM \"UserConnection\""
             " WHERE \"userId\" = $3 AND \"provider\" = $4 AND \"status\" <> 'REVOKED'"
             " ON CONFLICT (\"composioAccountId\") DO NOTHING RETURNING \"composioAccountId\"",
                    DB_PARAMS(DB_TEXT(uuid_v7(now, job_id)), time, user, name)},
            /* Links not finished yet: an attempt's id serves as its job's. */
            {"INSERT INTO \"CleanupJob\" (\"id\", \"composioAccountId\", \"reason\", \"notBefore\")"
             " SELECT \"id\", \"composioAccountId\", 'ABANDONED', $1 FROM \"ConnectAttempt\""
             " WHERE \"userId\" = $2 AND \"provider\" = $3 AND \"outcome\" = 'OPEN'"
             " ON CONFLICT (\"composioAccountId\") DO NOTHING RETURNING \"composioAccountId\"",
                    DB_PARAMS(time, user, name)},
            {"UPDATE \"UserConnection\" SET \"status\" = 'REVOKED', \"updatedAt\" = $1"
             " WHERE \"userId\" = $2 AND \"provider\" = $3 AND \"status\" <> 'REVOKED'",
                    DB_PARAMS(time, user, name)},
            {"UPDATE \"ConnectAttempt\" SET \"outcome\" = 'ABANDONED', \"updatedAt\" = $1"
             " WHERE \"userId\" = $2 AND \"provider\" = $3 AND \"outcome\" = 'OPEN'",
                    DB_PARAMS(time, user, name)},
            {"DELETE FROM \"OAuthState\" WHERE \"userId\" = $1 AND \"provider\" = $2",
                    DB_PARAMS(user, name)},
    };
    const struct db_rows *results[5] = {0};
    if (!db_write(context->core->db, memory, statements, 5, results, err)) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        for (size_t job = 0; job < db_row_count(results[i]); job++) {
            cleanup_account(context->core, db_get_text(results[i], job, 0));
        }
    }
    return true;
}
