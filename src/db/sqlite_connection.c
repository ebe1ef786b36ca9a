#include "db/address_hash.h"
#include "db/sqlite_internal.h"

#include <assert.h>

/* Pages in the log at which it is moved into the file: 4 MiB, SQLite's own measure. */
#define CHECKPOINT_PAGES 1000

struct sqlite_statement {
    const char *sql; /* the key is the address */
    sqlite3_stmt *handle;
    size_t value_count; /* that it takes: the highest N of its $N */
    UT_hash_handle hh;
    size_t parameter_count;
    size_t numbers
            []; /* the N of each parameter: SQLite counts $N as names, in the order in which they come */
};

/* ---- what errors mean ---- */

static bool broken(struct error *err, const char *detail)
{
    error_set(err, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_ERROR",
            "Something went wrong in the database; the log has more.");
    error_detail(err, "%s", detail);
    return false;
}

static bool is_passing(int code)
{
    static const int passing[] = {SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL, SQLITE_FULL,
            SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_NOMEM};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        if ((code & 0xff) == passing[i]) {
            return true;
        }
    }
    return false;
}

/* From the error that the connection had last. SQLite's texts name tables and columns, never values. */
static bool fail(const struct sqlite_connection *connection, struct error *err)
{
    int code = sqlite3_extended_errcode(connection->handle);
    const char *text = sqlite3_errmsg(connection->handle), *columns = NULL;
    if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
            code == SQLITE_CONSTRAINT_ROWID) {
        columns = strstr(text, ": "); /* "UNIQUE constraint failed: T.a, T.b" */
        error_set(err, ERROR_CONFLICT, "DATABASE_UNIQUE", "That exists already.");
    } else if (code == SQLITE_CONSTRAINT_FOREIGNKEY ||
               /* ON DELETE RESTRICT is a trigger inside SQLite. */
               (code == SQLITE_CONSTRAINT_TRIGGER && strstr(text, "FOREIGN KEY") != NULL)) {
        error_set(err, ERROR_CONFLICT, "DATABASE_FOREIGN_KEY",
                "That belongs to something that does not exist, or something still belongs to it.");
    } else if (is_passing(code)) {
        error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
                "The database cannot be used right now; try again soon.");
        err->retry_after_s = 1;
    } else {
        broken(err, "");
    }
    return columns != NULL ? error_detail(err, "%s", columns + 2)
                           : error_detail(err, "%s (SQLite %d)", text, code);
}

bool sqlite_connection_was_busy(const struct sqlite_connection *connection)
{
    return (sqlite3_errcode(connection->handle) & 0xff) == SQLITE_BUSY;
}

bool sqlite_connection_in_transaction(const struct sqlite_connection *connection)
{
    return sqlite3_get_autocommit(connection->handle) == 0;
}

/* ---- statements ---- */

/* The N of every "$N", into statement->numbers. */
static bool number_parameters(struct sqlite_statement *statement)
{
    for (size_t i = 0; i < statement->parameter_count; i++) {
        const char *name = sqlite3_bind_parameter_name(statement->handle, (int)i + 1);
        size_t number = 0;
        for (const char *at = name == NULL || *name != '$' ? "" : name + 1; *at != '\0'; at++) {
            number = *at >= '0' && *at <= '9' && number < 1000 ? number * 10 + (size_t)(*at - '0')
                                                               : SIZE_MAX / 10;
        }
        if (number < 1 || number > 999) {
            return false;
        }
        statement->numbers[i] = number;
        statement->value_count = number > statement->value_count ? number : statement->value_count;
    }
    return true;
}

/* NULL, with err set, when SQLite or we refuse it. */
static struct sqlite_statement *prepare(
        struct sqlite_connection *connection, const char *sql, struct error *err)
{
    sqlite3_stmt *handle = NULL;
    const char *tail = NULL;
    if (sqlite3_prepare_v3(connection->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle,
                &tail) != SQLITE_OK) {
        fail(connection, err);
        return NULL;
    }
    size_t parameters = (size_t)sqlite3_bind_parameter_count(handle);
    struct sqlite_statement *statement = mem_block(connection,
            sizeof(struct sqlite_statement) + parameters * sizeof(size_t), "sqlite_statement");
    statement->sql = sql;
    statement->handle = handle;
    statement->parameter_count = parameters;
    const char *problem = handle == NULL || *tail != '\0' ? "not exactly one statement"
                          : !number_parameters(statement) ? "parameters are not $1, $2 …"
                          : connection->use == SQLITE_READER && !sqlite3_stmt_readonly(handle)
                                  ? "a statement that changes something was given as one that reads"
                                  : NULL;
    if (problem != NULL) {
        sqlite3_finalize(handle);
        mem_free(statement);
        broken(err, problem);
        return NULL;
    }
    HASH_ADD_PTR(connection->statements, sql, statement);
    return statement;
}

/* NULL: not prepared yet. */
static struct sqlite_statement *find(const struct sqlite_connection *connection, const char *sql)
{
    struct sqlite_statement *statement = NULL;
    HASH_FIND_PTR(connection->statements, &sql, statement);
    if (statement != NULL) {
        /* Else: text that is not static, in whose memory there is another statement now. */
        assert(strcmp(sqlite3_sql(statement->handle), sql) == 0);
    }
    return statement;
}

static int bind_value(sqlite3_stmt *handle, int at, const struct db_value *value)
{
    switch (value->type) {
    case DB_TYPE_TEXT:
    case DB_TYPE_PROSE:
    case DB_TYPE_JSON:
    case DB_TYPE_LIST:
        /* Not copied: the statement is reset before the caller gets his values back. */
        return sqlite3_bind_text64(
                handle, at, value->text.data, value->text.length, SQLITE_STATIC, SQLITE_UTF8);
    case DB_TYPE_INT:
        return sqlite3_bind_int64(handle, at, value->integer);
    case DB_TYPE_REAL:
        return sqlite3_bind_double(handle, at, value->real);
    case DB_TYPE_NULL:
        break;
    }
    return sqlite3_bind_null(handle, at);
}

static bool bind(const struct sqlite_connection *connection,
        const struct sqlite_statement *statement, struct db_params params, struct error *err)
{
    if (params.count != statement->value_count) {
        return broken(err, "the statement takes another number of values");
    }
    for (size_t i = 0; i < statement->parameter_count; i++) {
        if (bind_value(statement->handle, (int)i + 1, &params.values[statement->numbers[i] - 1]) !=
                SQLITE_OK) {
            return fail(connection, err);
        }
    }
    return true;
}

static bool take_row(struct sqlite_connection *connection, sqlite3_stmt *handle, struct error *err)
{
    int columns = sqlite3_column_count(handle);
    for (int i = 0; i < columns; i++) {
        struct slice value = {NULL, 0};
        if (sqlite3_column_type(handle, i) != SQLITE_NULL) {
            value.data = (const char *)sqlite3_column_text(handle, i);
            value.length = (size_t)sqlite3_column_bytes(handle, i);
            if (value.data == NULL) {
                return fail(connection, err); /* out of memory */
            }
        }
        if (!db_rows_builder_add(&connection->builder, value)) {
            error_set(err, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_RESULT_TOO_LARGE",
                    "That is more than can be read at once; ask for less.");
            return error_detail(err, "more than %zu bytes in one result", DB_RESULT_BYTES_MAX);
        }
    }
    return true;
}

static bool step_to_end(
        struct sqlite_connection *connection, sqlite3_stmt *handle, bool wanted, struct error *err)
{
    int code;
    while ((code = sqlite3_step(handle)) == SQLITE_ROW) {
        if (wanted && !take_row(connection, handle, err)) {
            return false;
        }
    }
    return code == SQLITE_DONE || fail(connection, err);
}

bool sqlite_connection_run(struct sqlite_connection *connection, void *owner,
        const struct db_statement *statement, const struct db_rows **rows_out, struct error *err)
{
    struct sqlite_statement *prepared = find(connection, statement->sql);
    if (prepared == NULL) {
        prepared = prepare(connection, statement->sql, err);
    }
    if (prepared == NULL || !bind(connection, prepared, statement->params, err)) {
        return false;
    }
    int64_t before = sqlite3_total_changes64(connection->handle);
    bool ok = step_to_end(connection, prepared->handle, rows_out != NULL, err);
    sqlite3_reset(prepared->handle);
    if (ok && rows_out != NULL) {
        /* sqlite3_changes64() alone keeps the number of an earlier statement after one that changes no rows. */
        bool changed = sqlite3_total_changes64(connection->handle) != before;
        *rows_out = db_rows_builder_end(&connection->builder, owner,
                (size_t)sqlite3_column_count(prepared->handle),
                changed ? sqlite3_changes64(connection->handle) : 0);
    }
    db_rows_builder_clear(&connection->builder);
    return ok;
}

bool sqlite_connection_run_text(
        struct sqlite_connection *connection, const char *text, struct error *err)
{
    return sqlite3_exec(connection->handle, text, NULL, NULL, NULL) == SQLITE_OK ||
           fail(connection, err);
}

/* ---- the log ---- */

static int note_commit(void *context, sqlite3 *handle, const char *name, int pages)
{
    (void)handle;
    (void)name;
    ((struct sqlite_connection *)context)->wal_pages = pages;
    return SQLITE_OK;
}

void sqlite_connection_checkpoint(struct sqlite_connection *connection)
{
    if (connection->wal_pages >= CHECKPOINT_PAGES) {
        connection->wal_pages = 0;
        sqlite3_wal_checkpoint_v2(connection->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
}

/* ---- opening ---- */

static int connection_end(struct sqlite_connection *connection)
{
    struct sqlite_statement *statement, *next;
    HASH_ITER (hh, connection->statements, statement, next) {
        sqlite3_finalize(statement->handle);
    }
    HASH_CLEAR(hh, connection->statements);
    int code = sqlite3_close(connection->handle);
    assert(code == SQLITE_OK);
    return 0;
}

static bool open_failed(
        const struct sqlite_connection *connection, const char *path, struct error *err)
{
    static const struct {
        int code;
        const char *problem;
    } problems[] = {
            {SQLITE_NOTADB, "is not a database of SQLite's"},
            {SQLITE_CORRUPT, "is damaged; restore it from a backup"},
            {SQLITE_CANTOPEN, "cannot be opened: check who may write to it and to its directory"},
            {SQLITE_READONLY, "cannot be written: check who may write to it and to its directory"},
            {SQLITE_BUSY, "is held by another program"},
            {SQLITE_FULL, "cannot be written: the disk is full"},
    };
    int code = sqlite3_extended_errcode(connection->handle);
    const char *problem = "cannot be used";
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        if ((code & 0xff) == problems[i].code) {
            problem = problems[i].problem;
        }
    }
    error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE", "the database file %.150s %s",
            path, problem);
    return error_detail(err, "%s (SQLite %d)", sqlite3_errmsg(connection->handle), code);
}

/* The first to come changes the file to write-ahead logging. SQLite does not wait for locks while it does that, since
 * two could then wait for each other; so wait here. */
static bool begin_wal(struct sqlite_connection *connection, const char *path, struct error *err)
{
    struct db_statement statement = {"PRAGMA journal_mode = WAL", DB_NO_PARAMS};
    struct error ignored = {0};
    const struct db_rows *rows = NULL;
    for (int waited_ms = 0;
            !sqlite_connection_run(connection, connection, &statement, &rows, &ignored);
            waited_ms += 10) {
        if (!sqlite_connection_was_busy(connection) || waited_ms >= SQLITE_BUSY_MS) {
            return open_failed(connection, path, err);
        }
        sqlite3_sleep(10);
    }
    if (!slice_is(db_get_slice(rows, 0, 0), "wal")) {
        return error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
                "the database file %.150s is on a file system without shared memory; move it",
                path);
    }
    return true;
}

static bool configure(struct sqlite_connection *connection, const char *path, struct error *err)
{
    static const char common[] = "PRAGMA foreign_keys = ON;"
                                 "PRAGMA mmap_size = 0;" /* slower beside a writer */
                                 "PRAGMA temp_store = MEMORY;";
    static const char reader[] = "PRAGMA query_only = ON; SELECT count(*) FROM sqlite_schema";
    static const char writer[] = "PRAGMA synchronous = FULL;"
                                 "PRAGMA journal_size_limit = 67108864;";
    sqlite3 *handle = connection->handle;
    /* A misspelt "column" is an error, as in PostgreSQL, and not text. */
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_busy_timeout(handle, SQLITE_BUSY_MS);
    bool writes = connection->use == SQLITE_WRITER;
    if (writes && !begin_wal(connection, path, err)) {
        return false;
    }
    if (sqlite3_exec(handle, common, NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(handle, writes ? writer : reader, NULL, NULL, NULL) != SQLITE_OK) {
        return open_failed(connection, path, err);
    }
    if (writes) {
        sqlite3_wal_hook(handle, note_commit, connection);
    } else {
        sqlite3_busy_timeout(handle, 0); /* the fiber waits, not the loop */
    }
    return true;
}

bool sqlite_connection_open(void *owner, const char *path, enum sqlite_use use,
        struct sqlite_connection **out, struct error *err)
{
    struct sqlite_connection *connection = mem_new(owner, struct sqlite_connection);
    connection->use = use;
    db_rows_builder_init(&connection->builder, connection);
    mem_on_free(connection, connection_end);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    bool ok = sqlite3_open_v2(path, &connection->handle, flags, NULL) == SQLITE_OK ||
              open_failed(connection, path, err);
    /* SQLite opens for reading only what it may not write. */
    if (ok && sqlite3_db_readonly(connection->handle, "main") != 0) {
        ok = error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
                "the database file %.150s cannot be written: check who may write to it", path);
    }
    if (!ok || !configure(connection, path, err)) {
        mem_free(connection);
        return false;
    }
    *out = connection;
    return true;
}
