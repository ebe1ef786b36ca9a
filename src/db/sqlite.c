/* Reads run on the loop. Those of one round of fibers share a snapshot, since taking one costs half as much as reading a
 * row; none lasts while anybody waits, and no fiber of the round can have learnt of a later commit. Writes go to one thread, which is handed all that wait and puts
 * them into one transaction: the disk is waited for once. Each has a savepoint, so that one that fails takes nothing
 * of the others' with it. */
#include "base/clock.h"
#include "base/log.h"
#include "db/sqlite_internal.h"

#include <assert.h>
#include <pthread.h>

/* Beyond this many, writes are refused at once: they would wait longer than anybody. */
#define WRITES_WAITING_MAX 8192

struct sqlite_db {
    struct db db;
    struct sqlite_store *store;
    struct sqlite_connection *reader;
    struct loop_call end_snapshot;
};

/* On the stack of the fiber that waits for it. */
struct write_job {
    struct work work; /* first */
    const struct db_statement *statements;
    size_t count;
    void *memory;                   /* a tree of its own while the writer builds in it */
    const struct db_rows **rows;    /* `count` results; NULL: not wanted */
    const struct db_script *script; /* instead of statements */
    bool script_ran;
    bool ok;
    struct error err;
};

/* ---- on the writer's thread ---- */

static bool run(struct sqlite_connection *writer, const char *sql, struct error *err)
{
    return sqlite_connection_run(
            writer, NULL, &(struct db_statement){sql, DB_NO_PARAMS}, NULL, err);
}

static bool run_statements(struct sqlite_connection *writer, struct write_job *job)
{
    for (size_t i = 0; i < job->count; i++) {
        const struct db_rows **rows = job->rows == NULL ? NULL : &job->rows[i];
        if (!sqlite_connection_run(writer, job->memory, &job->statements[i], rows, &job->err)) {
            return false;
        }
    }
    return true;
}

static bool run_script(struct sqlite_connection *writer, struct write_job *job)
{
    const struct db_script *script = job->script;
    const struct db_rows *rows = NULL;
    if (!sqlite_connection_run_text(writer, script->before, &job->err) ||
            !sqlite_connection_run(writer, job->memory, &script->unless, &rows, &job->err)) {
        return false;
    }
    if (db_row_count(rows) > 0) {
        return true;
    }
    job->script_ran = true;
    return sqlite_connection_run_text(writer, script->text, &job->err) &&
           sqlite_connection_run(writer, NULL, &script->then, NULL, &job->err);
}

/* False: the transaction is gone or of no use any more, and job->err says why. */
static bool run_job(struct sqlite_connection *writer, struct write_job *job)
{
    job->ok = run(writer, "SAVEPOINT job", &job->err) &&
              (job->script == NULL ? run_statements : run_script)(writer, job) &&
              run(writer, "RELEASE job", &job->err);
    if (job->ok) {
        return true;
    }
    struct error ignored = {0};
    /* A full disk or a failing one makes SQLite roll all back by itself. */
    return sqlite_connection_in_transaction(writer) && run(writer, "ROLLBACK TO job", &ignored) &&
           run(writer, "RELEASE job", &ignored);
}

static void not_committed(struct write_job *job, const struct error *cause)
{
    job->ok = false;
    error_set(&job->err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
            "The database cannot be written right now; try again soon.");
    job->err.retry_after_s = 1;
    error_detail(&job->err, "%s", cause->detail);
}

static void run_all(void *context, struct work *list)
{
    struct sqlite_connection *writer = ((struct sqlite_store *)context)->writer;
    struct error err = {0};
    bool ok = run(writer, "BEGIN IMMEDIATE", &err);
    for (struct work *at = list; at != NULL; at = at->next) {
        struct write_job *job = (struct write_job *)at;
        job->ok = true;
        if (ok && !run_job(writer, job)) {
            err = job->err;
            ok = false;
        }
    }
    ok = ok && run(writer, "COMMIT", &err);
    if (!ok && sqlite_connection_in_transaction(writer)) {
        struct error ignored = {0};
        (void)!run(writer, "ROLLBACK", &ignored);
    }
    while (list != NULL) {
        struct write_job *job = (struct write_job *)list;
        list = list->next;
        if (!ok && job->ok) {
            not_committed(job, &err);
        }
        work_finish(&job->work); /* which may end the job's life */
    }
    sqlite_connection_checkpoint(writer);
}

/* ---- on the loop's thread ---- */

static bool submit(struct db *db, struct write_job *job, struct error *err)
{
    struct sqlite_store *store = ((struct sqlite_db *)db)->store;
    bool room = atomic_fetch_add(&store->waiting, 1) < WRITES_WAITING_MAX;
    if (room) {
        worker_run(store->worker, &job->work);
    }
    atomic_fetch_sub(&store->waiting, 1);
    if (!room) {
        error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
                "Too much is waiting to be written; try again soon.");
        err->retry_after_s = 1;
        return false;
    }
    if (!job->ok) {
        *err = job->err;
    }
    return job->ok;
}

/* All writes are alone with the one writer. */
static bool sqlite_write(struct db *db, void *owner, const struct db_write *write,
        const struct db_rows **rows_out, struct error *err)
{
    size_t count = write->count;
    struct write_job job = {.statements = write->statements, .count = count};
    if (rows_out != NULL) {
        job.memory = mem_scope_new(NULL, "db_write");
        job.rows = mem_array(job.memory, const struct db_rows *, count);
    }
    if (!submit(db, &job, err)) {
        mem_free(job.memory);
        return false;
    }
    if (rows_out != NULL) {
        mem_move(owner, job.memory);
    }
    for (size_t i = 0; rows_out != NULL && i < count; i++) {
        rows_out[i] = job.rows[i];
    }
    return true;
}

/* Asked of the writer's connection: to it, every commit that it did not make itself is another process's. */
static bool sqlite_version(struct db *db, int64_t *version_out, struct error *err)
{
    void *memory = mem_scope_new(NULL, "version");
    const struct db_rows *rows = NULL;
    struct db_statement ask = {"PRAGMA data_version", DB_NO_PARAMS};
    struct db_write write = {.statements = &ask, .count = 1};
    bool ok = sqlite_write(db, memory, &write, &rows, err);
    if (ok) {
        *version_out = db_get_int(rows, 0, 0);
    }
    mem_free(memory);
    return ok;
}

static bool sqlite_run_script(
        struct db *db, const struct db_script *script, bool *ran_out, struct error *err)
{
    struct write_job job = {.script = script, .memory = mem_scope_new(NULL, "db_script")};
    bool ok = submit(db, &job, err);
    mem_free(job.memory);
    if (ok) {
        *ran_out = job.script_ran;
    }
    return ok;
}

static void end_snapshot(void *argument)
{
    struct sqlite_connection *reader = argument;
    struct error err = {0};
    /* An error may have ended it already. */
    if (sqlite_connection_in_transaction(reader) && !run(reader, "COMMIT", &err)) {
        log_error("a snapshot did not end: %s %s", err.message, err.detail);
    }
}

/* Share this round's snapshot, or begin it. Where that fails, the statement that follows takes its own. */
static void share_snapshot(struct sqlite_db *db)
{
    struct error err = {0};
    if (!sqlite_connection_in_transaction(db->reader) && run(db->reader, "BEGIN", &err)) {
        db->end_snapshot = (struct loop_call){.function = end_snapshot, .argument = db->reader};
        loop_call_after_fibers(db->db.loop, &db->end_snapshot);
    }
}

static bool sqlite_read(struct db *db, void *owner, const char *sql, struct db_params params,
        const struct db_rows **rows_out, struct error *err)
{
    struct sqlite_connection *reader = ((struct sqlite_db *)db)->reader;
    struct db_statement statement = {sql, params};
    struct error failure = {0};
    int64_t until = INT64_MAX;
    share_snapshot((struct sqlite_db *)db);
    while (!sqlite_connection_run(reader, owner, &statement, rows_out, &failure)) {
        if (!sqlite_connection_was_busy(reader) || clock_monotonic_ms() >= until) {
            *err = failure;
            return false;
        }
        /* Hardly ever: a log that another process recovers, a file that it locked as a whole. */
        until = until == INT64_MAX ? clock_monotonic_ms() + SQLITE_BUSY_MS : until;
        if (!fiber_sleep(5, err)) {
            return false;
        }
    }
    return true;
}

/* ---- opening ---- */

static int store_end(struct sqlite_store *store)
{
    mem_free(store->worker); /* lets it finish: before its connection closes */
    mem_free(store->writer);
    return 0;
}

/* SQLite counts every allocation under a lock of the whole process unless told not to. */
static void configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static bool sqlite_store_open(
        void *owner, const char *url, struct db_store **store_out, struct error *err)
{
    static pthread_once_t configured = PTHREAD_ONCE_INIT;
    pthread_once(&configured, configure_once);
    struct sqlite_store *store = mem_new(owner, struct sqlite_store);
    store->store.driver = &db_driver_sqlite;
    const char *path = NULL;
    /* The writer's memory is a tree of its own: it belongs to the writer's thread. */
    if (!sqlite_file_path(store, url, &path, err) || !sqlite_file_create(path, err) ||
            !sqlite_connection_open(NULL, path, SQLITE_WRITER, &store->writer, err)) {
        mem_free(store);
        return false;
    }
    /* Absolute: readers find the same file after a change of directory. */
    store->path = mem_strdup(store, sqlite3_db_filename(store->writer->handle, "main"));
    store->worker = worker_new(NULL, "db-writer", run_all, store);
    mem_on_free(store, store_end);
    *store_out = &store->store;
    return true;
}

static void sqlite_set_connections(struct db_store *store, int per_loop)
{
    (void)store;
    (void)per_loop; /* one reads for each loop, one writes for all */
}

static int db_end(struct sqlite_db *db)
{
    loop_cancel_after_fibers(db->db.loop, &db->end_snapshot);
    return 0;
}

static bool sqlite_open(void *owner, struct db_store *store, struct loop *loop, struct db **db_out,
        struct error *err)
{
    struct sqlite_db *db = mem_new(owner, struct sqlite_db);
    db->db = (struct db){.driver = &db_driver_sqlite, .loop = loop};
    db->store = (struct sqlite_store *)store;
    if (!sqlite_connection_open(db, db->store->path, SQLITE_READER, &db->reader, err)) {
        mem_free(db);
        return false;
    }
    mem_on_free(db, db_end);
    *db_out = &db->db;
    return true;
}

static const char *sqlite_migration_text(const struct db_migration *migration)
{
    return migration->sqlite;
}

const struct db_driver db_driver_sqlite = {
        .store_open = sqlite_store_open,
        .set_connections = sqlite_set_connections,
        .open = sqlite_open,
        .read = sqlite_read,
        .write = sqlite_write,
        .run_script = sqlite_run_script,
        .version = sqlite_version,
        .table_exists_sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1",
        .migration_text = sqlite_migration_text,
};
