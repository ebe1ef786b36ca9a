#include "crypto/crypto.h"
#include "db/test_internal.h"

#include <sys/wait.h>

/* Of the same text for both. */
#define MIGRATION(name, sql) \
    {                        \
        name, sql, sql       \
    }
#define FIRST \
    MIGRATION("1_one", "CREATE TABLE one (a TEXT); INSERT INTO one VALUES ('first; ''quoted''');")

static const struct db_migration two[] = {
        FIRST,
        MIGRATION("2_two",
                "ALTER TABLE one ADD COLUMN b TEXT;\n-- a comment;\nUPDATE one SET b = a;\n"),
        {NULL, NULL, NULL},
};
static const struct db_migration first_only[] = {FIRST, {NULL, NULL, NULL}};
static const struct db_migration changed[] = {
        MIGRATION("1_one", "CREATE TABLE one (a TEXT);"),
        {NULL, NULL, NULL},
};
static const struct db_migration second_fails[] = {
        FIRST,
        MIGRATION("2_bad",
                "CREATE TABLE two (a TEXT); INSERT INTO one VALUES ('x'); SELECT nonsense;"),
        {NULL, NULL, NULL},
};

static struct db_migration_state check_ok(struct db *db, const struct db_migration *migrations)
{
    struct db_migration_state state = {0};
    struct error err = {0};
    ck_assert_msg(db_migration_check(db, migrations, &state, &err), "%s", err.message);
    return state;
}

static size_t migrate_ok(struct db *db, const struct db_migration *migrations)
{
    size_t applied = 0;
    struct error err = {0};
    ck_assert_msg(db_migrate(db, migrations, &applied, &err), "%s (%s)", err.message, err.detail);
    return applied;
}

static void refused(struct db *db, const struct db_migration *migrations, const char *reason)
{
    struct db_migration_state state = {.applied = 99};
    size_t applied = 99;
    struct error err = {0};
    ck_assert(!db_migration_check(db, migrations, &state, &err));
    ck_assert_int_eq(err.code, ERROR_PRECONDITION_FAILED);
    ck_assert_str_eq(err.reason, reason);
    ck_assert_ptr_nonnull(strstr(err.message, "1_one"));
    err = (struct error){0};
    ck_assert(!db_migrate(db, migrations, &applied, &err));
    ck_assert_str_eq(err.reason, reason);
    ck_assert_uint_eq(state.applied, 99);
    ck_assert_uint_eq(applied, 99);
}

static void fresh_and_again(struct scene *scene)
{
    struct db *db = scene->db;
    struct db_migration_state state = check_ok(db, two);
    ck_assert_uint_eq(state.applied, 0);
    ck_assert_uint_eq(state.pending, 2);
    ck_assert_str_eq(state.first_pending, "1_one");
    ck_assert_uint_eq(migrate_ok(db, first_only), 1);
    state = check_ok(db, two);
    ck_assert_uint_eq(state.applied, 1);
    ck_assert_uint_eq(state.pending, 1);
    ck_assert_str_eq(state.first_pending, "2_two");
    ck_assert_uint_eq(migrate_ok(db, two), 1);
    ck_assert_uint_eq(migrate_ok(db, two), 0);
    state = check_ok(db, two);
    ck_assert_uint_eq(state.pending, 0);
    ck_assert_ptr_null(state.first_pending);
    /* A program that is older than the database */
    ck_assert_uint_eq(check_ok(db, first_only).pending, 0);
    const struct db_rows *rows = read_ok(db, "SELECT a, b FROM one", DB_NO_PARAMS);
    ck_assert_str_eq(db_get_text(rows, 0, 0), "first; 'quoted'");
    ck_assert_str_eq(db_get_text(rows, 0, 1), "first; 'quoted'");
}

START_TEST(pending_migrations_are_applied_once)
{
    in_database(fresh_and_again);
}
END_TEST

static void bookkeeping(struct scene *scene)
{
    struct db *db = scene->db;
    int64_t before = clock_now_ms();
    migrate_ok(db, two);
    const struct db_rows *rows = read_ok(db,
            "SELECT id, checksum, finished_at, migration_name, logs, rolled_back_at, started_at,"
            " applied_steps_count FROM \"_prisma_migrations\" ORDER BY migration_name",
            DB_NO_PARAMS);
    ck_assert_uint_eq(db_row_count(rows), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(db_get_slice(rows, i, 0).length, 36);
        ck_assert_str_eq(
                db_get_text(rows, i, 1), sha256_hex(fiber_memory(), slice_of(two[i].postgresql)));
        ck_assert_int_ge(db_get_time(rows, i, 2), db_get_time(rows, i, 6));
        ck_assert_str_eq(db_get_text(rows, i, 3), two[i].name);
        ck_assert(db_is_null(rows, i, 4));
        ck_assert(db_is_null(rows, i, 5));
        ck_assert_int_ge(db_get_time(rows, i, 6), before);
        ck_assert_int_eq(db_get_int(rows, i, 7), 1);
    }
}

START_TEST(bookkeeping_is_prismas)
{
    in_database(bookkeeping);
}
END_TEST

static void changed_and_failed(struct scene *scene)
{
    struct db *db = scene->db;
    migrate_ok(db, first_only);
    refused(db, changed, "MIGRATION_CHANGED");
    write_ok(db, "UPDATE \"_prisma_migrations\" SET finished_at = NULL", DB_NO_PARAMS);
    refused(db, first_only, "MIGRATION_FAILED");
    /* As `prisma migrate resolve --rolled-back` leaves it */
    write_ok(db, "UPDATE \"_prisma_migrations\" SET rolled_back_at = started_at", DB_NO_PARAMS);
    ck_assert_uint_eq(check_ok(db, first_only).pending, 1);
    write_ok(db, "DROP TABLE one", DB_NO_PARAMS);
    ck_assert_uint_eq(migrate_ok(db, first_only), 1);
    ck_assert_uint_eq(check_ok(db, first_only).pending, 0);
}

START_TEST(changed_and_failed_migrations_are_refused)
{
    in_database(changed_and_failed);
}
END_TEST

static void fails_whole(struct scene *scene)
{
    struct db *db = scene->db;
    size_t applied = 99;
    struct error err = {0};
    ck_assert(!db_migrate(db, second_fails, &applied, &err));
    ck_assert_str_eq(err.reason, "DATABASE_ERROR");
    ck_assert_ptr_nonnull(strstr(err.message, "2_bad"));
    ck_assert_ptr_nonnull(strstr(err.detail, "nonsense"));
    ck_assert_uint_eq(applied, 99);
    ck_assert_int_eq(read_int(db, "SELECT count(*) FROM one"), 1);
    write_ok(db, "CREATE TABLE two (a TEXT)", DB_NO_PARAMS);
    struct db_migration_state state = check_ok(db, second_fails);
    ck_assert_uint_eq(state.applied, 1);
    ck_assert_uint_eq(state.pending, 1);
}

START_TEST(a_failing_migration_leaves_nothing)
{
    in_database(fails_whole);
}
END_TEST

/* ---- several processes ---- */

static size_t applied_here;

static void migrates(struct scene *scene)
{
    applied_here = migrate_ok(scene->db, two);
}

static void is_migrated(struct scene *scene)
{
    ck_assert_uint_eq(check_ok(scene->db, two).applied, 2);
    ck_assert_int_eq(read_int(scene->db, "SELECT count(*) FROM one"), 1);
    ck_assert_int_eq(read_int(scene->db, "SELECT count(*) FROM \"_prisma_migrations\""), 2);
}

START_TEST(ten_processes_migrate_a_fresh_database_at_once)
{
    struct scene scene;
    scene_begin(&scene);
    pid_t children[10];
    for (int i = 0; i < 10; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            scene_play(&scene, migrates);
            _exit((int)applied_here);
        }
    }
    int applied = 0;
    for (int i = 0; i < 10; i++) {
        int status;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) <= 2, "child %d failed", i);
        applied += WEXITSTATUS(status);
    }
    ck_assert_int_eq(applied, 2);
    scene_play(&scene, is_migrated);
    scene_end(&scene);
}
END_TEST

/* ---- prisma/migrations ---- */

/* "name" at the beginning of `text`; data NULL when there is none. */
static struct slice quoted_name(struct slice text)
{
    if (!slice_starts(text, "\"")) {
        return (struct slice){NULL, 0};
    }
    struct slice rest = slice_skip(text, 1);
    return slice_split(&rest, '"');
}

static void has(struct db *db, const char *sql, struct slice table, struct slice name)
{
    const struct db_rows *rows = read_ok(db, sql, DB_PARAMS(DB_SLICE(table), DB_SLICE(name)));
    ck_assert_msg(db_row_count(rows) == 1, "SQLite has no %.*s of %.*s", SLICE_ARG(name),
            SLICE_ARG(table));
}

/* Every table, column and index of migration.sql is in the database that migration.sqlite.sql made. */
static int compare(struct db *db, const char *postgresql)
{
    static const char column_sql[] = "SELECT 1 FROM pragma_table_info($1) WHERE name = $2";
    static const char index_sql[] = "SELECT 1 FROM sqlite_schema WHERE type = 'index'"
                                    " AND tbl_name = $1 AND name = $2";
    struct slice rest = slice_of(postgresql), table = {NULL, 0};
    int compared = 0;
    while (rest.data != NULL) {
        struct slice line = slice_split(&rest, '\n');
        if (slice_starts(line, "CREATE TABLE ")) {
            table = quoted_name(slice_skip(line, strlen("CREATE TABLE ")));
        } else if (slice_starts(line, "    \"")) {
            has(db, column_sql, table, quoted_name(slice_skip(line, 4)));
            compared++;
        } else if (slice_starts(line, "CREATE INDEX ") ||
                   slice_starts(line, "CREATE UNIQUE INDEX ")) {
            struct slice name = line;
            slice_split(&name, '"');
            struct slice on = name;
            name = slice_split(&on, '"');
            slice_split(&on, '"');
            has(db, index_sql, slice_split(&on, '"'), name);
            compared++;
        }
    }
    return compared;
}

static void makes_the_contract(struct scene *scene)
{
    struct db *db = scene->db;
    size_t count = 0;
    int compared = 0;
    while (db_migrations[count].name != NULL) {
        count++;
    }
    ck_assert_uint_ge(count, 1);
    ck_assert_uint_eq(migrate_ok(db, db_migrations), count);
    for (size_t i = 0; i < count; i++) {
        ck_assert(i == 0 || strcmp(db_migrations[i - 1].name, db_migrations[i].name) < 0);
        compared += compare(db, db_migrations[i].postgresql);
    }
    ck_assert_int_ge(compared, 80);
    ck_assert_uint_eq(db_row_count(read_ok(db, "PRAGMA foreign_key_check", DB_NO_PARAMS)), 0);
}

START_TEST(both_texts_make_the_same_tables)
{
    in_database(makes_the_contract);
}
END_TEST

/* What the database fills in by itself. */
static void has_defaults(struct scene *scene)
{
    struct db *db = scene->db;
    migrate_ok(db, db_migrations);
    write_ok(db,
            "INSERT INTO \"CleanupJob\" (\"id\", \"composioAccountId\", \"reason\", \"notBefore\")"
            " VALUES ('1', 'a', 'TEST', $1)",
            DB_PARAMS(DB_TIME(fiber_memory(), 5)));
    const struct db_rows *rows = read_ok(db,
            "SELECT \"notBefore\", \"createdAt\", \"attempts\" FROM \"CleanupJob\"", DB_NO_PARAMS);
    ck_assert_str_eq(db_get_text(rows, 0, 0), "1970-01-01T00:00:00.005Z");
    ck_assert_uint_eq(db_get_slice(rows, 0, 1).length, CLOCK_TEXT_SIZE - 1);
    ck_assert_int_ge(db_get_time(rows, 0, 1), clock_now_ms() - 60000);
    ck_assert_int_eq(db_get_int(rows, 0, 2), 0);
}

START_TEST(defaults_are_alike)
{
    in_database(has_defaults);
}
END_TEST

#define CONNECTION(id, server, user, status)                                                \
    "INSERT INTO \"UserConnection\" (\"id\", \"userId\", \"mcpServerId\", \"provider\","    \
    " \"composioAccountId\", \"composioEntityId\", \"status\", \"updatedAt\") VALUES ('" id \
    "', '" user "', '" server "', 'gmail', 'account', 'entity', '" status "', '2026-01-01')"

static void keeps_the_contract(struct scene *scene)
{
    static const struct {
        const char *sql, *reason;
    } rows[] = {
            {"INSERT INTO \"AuthConfig\" (\"id\", \"provider\", \"composioAuthId\","
             " \"displayName\", \"updatedAt\") VALUES ('a', 'gmail', 'ac', 'Gmail', '2026-01-01')",
                    NULL},
            {"INSERT INTO \"MCPServer\" (\"id\", \"authConfigId\", \"composioServerId\", \"name\","
             " \"updatedAt\") VALUES ('m', 'a', 'cs', 'Gmail', '2026-01-01')",
                    NULL},
            {CONNECTION("1", "m", "user", "ACTIVE"), NULL},
            {CONNECTION("2", "m", "user", "PENDING"), "DATABASE_UNIQUE"},
            {CONNECTION("3", "x", "other", "PENDING"), "DATABASE_FOREIGN_KEY"},
            {CONNECTION("4", "m", "other", "WAITING"), "DATABASE_ERROR"},
            {"DELETE FROM \"MCPServer\"", "DATABASE_FOREIGN_KEY"},
            {"UPDATE \"MCPServer\" SET \"id\" = 'n'", NULL},
    };
    migrate_ok(scene->db, db_migrations);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = {0};
        struct db_statement statement = {rows[i].sql, DB_NO_PARAMS};
        bool ok = db_write(scene->db, fiber_memory(), &statement, 1, NULL, &err);
        ck_assert_msg(ok == (rows[i].reason == NULL), "%s: %s", rows[i].sql, err.detail);
        ck_assert_pstr_eq(err.reason, rows[i].reason);
    }
    const struct db_rows *cascaded = read_ok(scene->db,
            "SELECT c.\"mcpServerId\", m.\"isChatAuth\" FROM \"UserConnection\" c"
            " JOIN \"MCPServer\" m ON m.\"id\" = c.\"mcpServerId\"",
            DB_NO_PARAMS);
    ck_assert_str_eq(db_get_text(cascaded, 0, 0), "n");
    ck_assert(db_get_bool(cascaded, 0, 1));
}

START_TEST(the_contract_is_enforced)
{
    in_database(keeps_the_contract);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD(suite, pending_migrations_are_applied_once);
    TEST_ADD(suite, bookkeeping_is_prismas);
    TEST_ADD(suite, changed_and_failed_migrations_are_refused);
    TEST_ADD(suite, a_failing_migration_leaves_nothing);
    TEST_ADD(suite, ten_processes_migrate_a_fresh_database_at_once);
    if (!test_on_postgres()) {
        TEST_ADD(suite, both_texts_make_the_same_tables);
    }
    TEST_ADD(suite, defaults_are_alike);
    TEST_ADD(suite, the_contract_is_enforced);
}
TEST_MAIN("migrate", cases)
