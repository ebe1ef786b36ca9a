/* A migration is many statements in one text, which libpq's pipeline mode does not take; it may wait for locks and take
 * long. So it has a connection of its own, on a thread of its own. One transaction from the look to the last statement:
 * behind PgBouncer that is one server's. */
#include "db/postgres_internal.h"

#include <stdio.h>

struct script_work {
    struct work work; /* first */
    const struct postgres_address *address;
    const struct db_script *script;
    void *memory;
    bool ran, ok;
    struct error err;
};

/* `result` is freed; NULL: err is set already. */
static bool check(PGresult *result, struct error *err)
{
    if (result == NULL) {
        return false;
    }
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok) {
        postgres_error(result, err);
    }
    PQclear(result);
    return ok;
}

static bool run_text(PGconn *handle, const char *sql, struct error *err)
{
    return check(PQexec(handle, sql), err);
}

static PGresult *run_statement(
        PGconn *handle, struct script_work *work, const struct db_statement *statement)
{
    const char *const *values = NULL;
    if (!postgres_params(work->memory, statement->params, &values, &work->err)) {
        return NULL;
    }
    return PQexecParams(
            handle, statement->sql, (int)statement->params.count, NULL, values, NULL, NULL, 0);
}

static bool is_done(PGconn *handle, struct script_work *work, bool *done_out)
{
    PGresult *result = run_statement(handle, work, &work->script->unless);
    *done_out = PQntuples(result) > 0;
    return check(result, &work->err);
}

static bool run(PGconn *handle, struct script_work *work)
{
    /* The number that Prisma Migrate locks while it works: so neither comes between the other's steps. */
    static const char lock_sql[] = "SELECT pg_advisory_xact_lock(72707369)";
    const struct db_script *script = work->script;
    bool done = false;
    if (!run_text(handle, "BEGIN", &work->err) || !run_text(handle, lock_sql, &work->err) ||
            !run_text(handle, script->before, &work->err) || !is_done(handle, work, &done)) {
        return false;
    }
    if (!done && (!run_text(handle, script->text, &work->err) ||
                         !check(run_statement(handle, work, &script->then), &work->err))) {
        return false;
    }
    work->ran = !done;
    return run_text(handle, "COMMIT", &work->err);
}

static void run_all(void *context, struct work *list)
{
    (void)context;
    struct script_work *work = (struct script_work *)list;
    PGconn *handle = PQconnectdbParams(work->address->names, work->address->values, 0);
    PQsetNoticeReceiver(handle, postgres_drop_notice, NULL);
    if (PQstatus(handle) == CONNECTION_OK) {
        /* What is not committed is undone by the end of the connection. */
        work->ok = run(handle, work);
    } else {
        postgres_unavailable(&work->err, PQerrorMessage(handle));
    }
    PQfinish(handle);
    work_finish(&work->work);
}

bool postgres_run_script(
        struct db *base, const struct db_script *script, bool *ran_out, struct error *err)
{
    struct postgres_db *db = (struct postgres_db *)base;
    struct script_work work = {
            .address = &db->store->address,
            .script = script,
            .memory = mem_scope_new(NULL, "script"),
    };
    struct worker *worker = worker_new(NULL, "db-script", run_all, NULL);
    worker_run(worker, &work.work);
    mem_free(worker);
    mem_free(work.memory);
    if (work.ok) {
        *ran_out = work.ran;
    } else {
        *err = work.err;
    }
    return work.ok;
}
