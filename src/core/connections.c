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
    return text.overflow ? DB_NULL : DB_JSON(buffer_slice(&text));
}

/* ---- list ---- */

/* What is set up changes when `tenon setup` runs, or somebody edits the rows; what is shown of it may be this old. Checks
 * (of allowed tools, say) never use it. */
#define SHOWN_MAX_AGE_MS 1000

/* The integrations that are set up, without anybody's connections. One of each core, made anew when it has aged. */
struct shown_integrations {
    struct integration *list;
    size_t count;
    int64_t read_ms; /* monotonic */
};

static struct slice write_members(void *owner, const struct db_rows *rows, size_t row)
{
    static const struct {
        const char *name;
        bool is_json;
    } columns[] = {{"provider", false}, {"displayName", false}, {"icon", false},
            {"description", false}, {"requiredScopes", true}, {"allowedTools", true}};
    struct buffer text;
    struct json_writer writer;
    buffer_init(&text, owner, SIZE_MAX / 2); /* of the operator's own rows */
    json_writer_init(&writer, &text);
    json_begin_object(&writer);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        struct slice value = db_get_slice(rows, row, i);
        json_write_name(&writer, columns[i].name);
        if (columns[i].is_json) {
            json_write_raw(&writer, value);
        } else if (value.data == NULL) {
            json_write_null(&writer);
        } else {
            json_write_string(&writer, value);
        }
    }
    json_end_object(&writer);
    return (struct slice){text.data + 1, text.length - 2};
}

/* Take a row in. A provider with several auth configs shows the newest, which is the one that connects. */
static void take_integration(
        struct shown_integrations *shown, const struct db_rows *rows, size_t row)
{
    const char *provider = db_get_text(rows, row, 0);
    size_t at = 0;
    while (at < shown->count && strcmp(shown->list[at].provider, provider) != 0) {
        at++;
    }
    shown->count += at == shown->count;
    shown->list[at] = (struct integration){
            .provider = provider,
            .members = write_members(shown, rows, row),
            .allowed_tools = db_get_slice(rows, row, 5),
    };
}

/* What is returned is good until the caller suspends. */
static bool read_shown(
        const struct context *context, const struct shown_integrations **out, struct error *err)
{
    static const char sql[] =
            "SELECT \"provider\", \"displayName\", \"icon\", \"description\", \"requiredScopes\","
            " \"allowedTools\" FROM \"AuthConfig\" ORDER BY \"createdAt\", \"id\"";
    struct core *core = context->core;
    int64_t now = clock_monotonic_ms();
    if (core->shown != NULL && now - core->shown->read_ms < SHOWN_MAX_AGE_MS) {
        *out = core->shown;
        return true;
    }
    struct shown_integrations *shown = mem_new(core, struct shown_integrations);
    const struct db_rows *rows = NULL;
    if (!db_read(core->db, shown, sql, DB_NO_PARAMS, &rows, err)) {
        mem_free(shown);
        return false;
    }
    shown->list = mem_array(shown, struct integration, db_row_count(rows));
    shown->read_ms = now;
    for (size_t row = 0; row < db_row_count(rows); row++) {
        take_integration(shown, rows, row);
    }
    mem_free(core->shown);
    *out = core->shown = shown;
    return true;
}

bool connections_list(const struct context *context, struct integration **list_out,
        size_t *count_out, struct error *err)
{
    static const char sql[] = "SELECT c.\"provider\", " CONNECTION_COLUMNS
                              " FROM \"UserConnection\" c WHERE c.\"userId\" = $1";
    void *memory = context->memory;
    const struct db_rows *rows = NULL;
    const struct shown_integrations *shown = NULL;
    if (!db_read(context->core->db, memory, sql, DB_PARAMS(DB_TEXT(context->user)), &rows, err) ||
            !read_shown(context, &shown, err)) {
        return false;
    }
    struct integration *list = mem_array(memory, struct integration, shown->count);
    memcpy(list, shown->list, shown->count * sizeof list[0]);
    for (size_t row = 0; row < db_row_count(rows); row++) {
        for (size_t i = 0; i < shown->count; i++) {
            if (slice_is(db_get_slice(rows, row, 0), list[i].provider)) {
                list[i].has_connection = true;
                list[i].connection = read_connection(memory, rows, row, 1);
            }
        }
    }
    *list_out = list;
    *count_out = shown->count;
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
    if (!connections_write(context->core, memory, context->user, statements, 5, results, err)) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        for (size_t job = 0; job < db_row_count(results[i]); job++) {
            (void)cleanup_account(context->core, db_get_text(results[i], job, 0));
        }
    }
    return true;
}
