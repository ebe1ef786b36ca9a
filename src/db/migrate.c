#include "base/clock.h"
#include "crypto/crypto.h"
#include "db/db_internal.h"

/* As Prisma Migrate makes it; both databases take the text. */
static const char create_sql[] = "CREATE TABLE IF NOT EXISTS \"_prisma_migrations\" ("
                                 " \"id\" VARCHAR(36) PRIMARY KEY NOT NULL,"
                                 " \"checksum\" VARCHAR(64) NOT NULL,"
                                 " \"finished_at\" TIMESTAMPTZ,"
                                 " \"migration_name\" VARCHAR(255) NOT NULL,"
                                 " \"logs\" TEXT,"
                                 " \"rolled_back_at\" TIMESTAMPTZ,"
                                 " \"started_at\" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,"
                                 " \"applied_steps_count\" INTEGER NOT NULL DEFAULT 0)";
static const char recorded_sql[] =
        "SELECT \"migration_name\", \"checksum\", \"finished_at\" FROM \"_prisma_migrations\""
        " WHERE \"rolled_back_at\" IS NULL";
static const char is_recorded_sql[] =
        "SELECT 1 FROM \"_prisma_migrations\" WHERE \"migration_name\" = $1"
        " AND \"rolled_back_at\" IS NULL";
/* Started and finished at once: that is what a transaction is for those who look on. */
static const char record_sql[] =
        "INSERT INTO \"_prisma_migrations\" (\"id\", \"checksum\", \"migration_name\","
        " \"started_at\", \"finished_at\", \"applied_steps_count\") VALUES ($1, $2, $3, $4, $4, 1)";

/* `*rows_out` stays NULL where nothing was ever applied. */
static bool read_recorded(
        struct db *db, void *memory, const struct db_rows **rows_out, struct error *err)
{
    const struct db_rows *tables = NULL;
    if (!db_read(db, memory, db->driver->table_exists_sql, DB_PARAMS(DB_TEXT("_prisma_migrations")),
                &tables, err)) {
        return false;
    }
    return db_row_count(tables) == 0 ||
           db_read(db, memory, recorded_sql, DB_NO_PARAMS, rows_out, err);
}

static const char *checksum(void *memory, const struct db *db, const struct db_migration *migration)
{
    return sha256_hex(memory, slice_of(db->driver->migration_text(migration)));
}

/* `recorded` may be NULL. */
static bool is_applied(const struct db *db, void *memory, const struct db_rows *recorded,
        const struct db_migration *migration, bool *applied_out, struct error *err)
{
    *applied_out = false;
    for (size_t i = 0; recorded != NULL && i < db_row_count(recorded); i++) {
        if (!slice_is(db_get_slice(recorded, i, 0), migration->name)) {
            continue;
        }
        if (db_is_null(recorded, i, 2)) {
            return error_set(err, ERROR_PRECONDITION_FAILED, "MIGRATION_FAILED",
                    "the migration %.100s failed half-way; see `prisma migrate resolve`",
                    migration->name);
        }
        if (!slice_is(db_get_slice(recorded, i, 1), checksum(memory, db, migration))) {
            return error_set(err, ERROR_PRECONDITION_FAILED, "MIGRATION_CHANGED",
                    "the migration %.100s is not the one that the database has: its text was"
                    " changed after it was applied",
                    migration->name);
        }
        *applied_out = true;
    }
    return true;
}

static bool check(struct db *db, void *memory, const struct db_migration *migrations,
        struct db_migration_state *state_out, struct error *err)
{
    const struct db_rows *recorded = NULL;
    if (!read_recorded(db, memory, &recorded, err)) {
        return false;
    }
    struct db_migration_state state = {0};
    for (; migrations->name != NULL; migrations++) {
        bool applied;
        if (!is_applied(db, memory, recorded, migrations, &applied, err)) {
            return false;
        }
        if (applied) {
            state.applied++;
        } else if (state.pending++ == 0) {
            state.first_pending = migrations->name;
        }
    }
    *state_out = state;
    return true;
}

bool db_migration_check(struct db *db, const struct db_migration *migrations,
        struct db_migration_state *state_out, struct error *err)
{
    void *memory = mem_scope_new(NULL, "db_migration_check");
    bool ok = check(db, memory, migrations, state_out, err);
    mem_free(memory);
    return ok;
}

/* `*count` grows when it was not there. */
static bool apply(struct db *db, void *memory, const struct db_migration *migration, size_t *count,
        struct error *err)
{
    char id[UUID_TEXT_SIZE];
    struct db_script script = {
            .before = create_sql,
            .unless = {is_recorded_sql, DB_PARAMS(DB_TEXT(migration->name))},
            .text = db->driver->migration_text(migration),
            .then = {record_sql,
                    DB_PARAMS(DB_TEXT(uuid_v4(id)), DB_TEXT(checksum(memory, db, migration)),
                            DB_TEXT(migration->name), DB_TIME(memory, clock_now_ms()))},
    };
    bool ran = false;
    if (!fiber_check(err) || !db->driver->run_script(db, &script, &ran, err)) {
        return error_prefix(err, "migration %.100s", migration->name);
    }
    *count += ran ? 1 : 0;
    return true;
}

static bool migrate(struct db *db, void *memory, const struct db_migration *migrations,
        size_t *applied_out, struct error *err)
{
    struct db_migration_state state = {0};
    size_t count = 0;
    if (!check(db, memory, migrations, &state, err)) {
        return false;
    }
    for (; state.pending > 0 && migrations[0].name != NULL; migrations++) {
        if (!apply(db, memory, migrations, &count, err)) {
            return false;
        }
    }
    *applied_out = count;
    return true;
}

bool db_migrate(struct db *db, const struct db_migration *migrations, size_t *applied_out,
        struct error *err)
{
    void *memory = mem_scope_new(NULL, "db_migrate");
    struct db_migration_state state;
    size_t applied = 0;
    /* And look again: another process may have applied another text of the same name meanwhile. */
    bool ok = migrate(db, memory, migrations, &applied, err) &&
              check(db, memory, migrations, &state, err);
    if (ok) {
        *applied_out = applied;
    }
    mem_free(memory);
    return ok;
}
