/* The exchanges of a connection: what is sent, in libpq's pipeline mode, and answered in the same order. So those under
 * way are a queue, and what comes belongs to its first. libpq flushes at each Sync before version 17. */
#include "base/clock.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "db/address_hash.h"
#include "db/postgres_internal.h"

#include <stdio.h>

#define CANCEL_EVERY_MS 500

struct postgres_statement {
    const char *sql; /* the key is the address */
    char name[48];
    unsigned number; /* at its end */
    bool prepared, unnamed;
    UT_hash_handle hh;
};

/* The digest of its text, so that in whatever session the name never means another statement; and a number, so that this
 * connection uses no name twice: a bouncer that knows prepared statements (1.21) takes a name whose statement was not
 * prepared, after an error before it, for one in use. */
static void name_anew(struct postgres_connection *connection, struct postgres_statement *statement)
{
    void *scratch = mem_scope_new(NULL, "name");
    statement->number = connection->names_given++;
    snprintf(statement->name, sizeof statement->name, "tenon_%.24s_%u",
            sha256_hex(scratch, slice_of(statement->sql)), statement->number);
    mem_free(scratch);
}

enum step_kind { STEP_ISOLATE, STEP_PREPARE, STEP_STATEMENT, STEP_SYNC };
struct postgres_step {
    enum step_kind kind;
    size_t statement; /* of STEP_STATEMENT */
    struct postgres_statement
            *prepared; /* of STEP_PREPARE, and of STEP_STATEMENT where it is used; else NULL */
    unsigned number;   /* of its name then */
};

static void finish(struct postgres_exchange *exchange)
{
    struct postgres_connection *connection = exchange->connection;
    STAILQ_REMOVE_HEAD(&connection->exchanges, link);
    exchange->connection = NULL;
    *(exchange->write ? &connection->writes_under_way : &connection->reads_under_way) -= 1;
    if (exchange->abandoned) {
        mem_free(exchange);
    } else {
        fiber_signal_set(&exchange->done);
    }
    fiber_condition_wake_one(&connection->db->changed);
}

void postgres_exchange_drop(struct postgres_exchange *exchange)
{
    if (exchange->connection == NULL) {
        mem_free(exchange);
    } else {
        exchange->abandoned = true;
    }
}

static void forget_statements(struct postgres_connection *connection)
{
    struct postgres_statement *statement, *next;
    HASH_ITER (hh, connection->statements, statement, next) {
        HASH_DEL(connection->statements, statement);
        mem_free(statement);
    }
}

void postgres_exchanges_lose(struct postgres_connection *connection, const struct error *lost)
{
    struct postgres_exchange *exchange;
    bool first = true;
    while ((exchange = STAILQ_FIRST(&connection->exchanges)) != NULL) {
        if (exchange->outcome == EXCHANGE_FAILED) {
            /* It is known to have, whatever came after. */
        } else if (connection->server_ended && !first) {
            /* The server answers in order: it ended before it came to this one. */
            exchange->outcome = EXCHANGE_FAILED;
            exchange->verdict = POSTGRES_AGAIN;
            exchange->err = *lost;
        } else {
            exchange->outcome = EXCHANGE_LOST;
        }
        first = false;
        finish(exchange);
    }
    connection->server_ended = connection->between = false;
    forget_statements(connection);
}

/* ---- what the server says ---- */

static void exchange_fail(struct postgres_exchange *exchange, const PGresult *result)
{
    if (exchange->outcome == EXCHANGE_FAILED) {
        return; /* the first reason is the reason */
    }
    exchange->outcome = EXCHANGE_FAILED;
    exchange->verdict = postgres_error(result, &exchange->err);
    const struct postgres_step *step = &exchange->steps[exchange->at];
    struct postgres_statement *prepared = step->prepared;
    if (exchange->verdict == POSTGRES_UNNAMED) {
        if (prepared == NULL || prepared->unnamed) {
            exchange->verdict = POSTGRES_FAILED;
        } else {
            prepared->unnamed = true;
        }
    } else if (exchange->verdict == POSTGRES_BOUNCER && prepared != NULL &&
               (!prepared->prepared || prepared->number != step->number)) {
        exchange->verdict =
                POSTGRES_AGAIN; /* the exchange that would have prepared it failed before */
    }
}

/* The step's statement was not prepared after all. What is under way behind it fails by its old name. */
static void not_prepared(struct postgres_connection *connection, const struct postgres_step *step)
{
    if (step->kind == STEP_PREPARE) {
        step->prepared->prepared = false;
        name_anew(connection, step->prepared);
    }
}

static void take_rows(struct postgres_exchange *exchange, const PGresult *result)
{
    const struct postgres_step *step = &exchange->steps[exchange->at];
    void *owner = exchange->owners == NULL ? exchange->owner : exchange->owners[step->statement];
    if (exchange->abandoned || !exchange->wanted || owner == NULL ||
            exchange->outcome == EXCHANGE_FAILED) {
        return;
    }
    if (!postgres_rows(&exchange->connection->db->builder, owner, result,
                &exchange->rows[step->statement], &exchange->err)) {
        /* What writes returns no such rows. */
        exchange->outcome = EXCHANGE_FAILED;
        exchange->verdict = POSTGRES_FAILED;
        exchange->unreadable = true;
    }
}

/* The error ends the connection, and leaves open what became of what is under way. */
static bool is_end(struct postgres_connection *connection, const struct postgres_step *step,
        const PGresult *result)
{
    struct slice state = slice_of(PQresultErrorField(result, PG_DIAG_SQLSTATE));
    struct slice severity = slice_of(PQresultErrorField(result, PG_DIAG_SEVERITY));
    if (state.length >= 3 && slice_starts(state, "57P")) {
        connection->server_ended = true;
        return step->kind == STEP_SYNC; /* while it committed: it may have done so */
    }
    /* Without SQLSTATE it is libpq's own word, and what else is fatal is PgBouncer's. */
    return state.data == NULL || slice_is(severity, "FATAL");
}

/* False: the connection cannot go on. */
static bool take_result(struct postgres_connection *connection, const PGresult *result)
{
    struct postgres_exchange *exchange = STAILQ_FIRST(&connection->exchanges);
    struct postgres_step *step = &exchange->steps[exchange->at];
    connection->between = true;
    switch ((int)PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
        connection->between = false;
        if (step->kind != STEP_SYNC) {
            return false;
        }
        connection->backoff_ms = 0;
        finish(exchange);
        return true;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (step->kind == STEP_STATEMENT) {
            take_rows(exchange, result);
        }
        return true;
    case PGRES_PIPELINE_ABORTED:
        not_prepared(connection, step);
        return true;
    case PGRES_EMPTY_QUERY: /* a text without a statement in it */
        exchange->outcome = EXCHANGE_FAILED;
        exchange->verdict = POSTGRES_FAILED;
        exchange->unreadable = true;
        return postgres_broken(&exchange->err, "not exactly one statement") || true;
    case PGRES_FATAL_ERROR:
        if (is_end(connection, step, result)) {
            return false;
        }
        exchange_fail(exchange, result);
        not_prepared(connection, step);
        return true;
    default:
        return false; /* COPY */
    }
}

bool postgres_exchanges_answer(struct postgres_connection *connection)
{
    struct postgres_exchange *exchange;
    bool idle = false;
    while ((exchange = STAILQ_FIRST(&connection->exchanges)) != NULL &&
            PQisBusy(connection->handle) == 0) {
        PGresult *result = PQgetResult(connection->handle);
        if (result != NULL) {
            idle = false;
            bool ok = take_result(connection, result);
            PQclear(result);
            if (!ok) {
                return false;
            }
        } else if (!connection->between) {
            if (idle) {
                return true; /* it has nothing for us */
            }
            idle = true; /* it turns to what was sent next */
        } else {
            connection->between = false;
            exchange->received = 0;
            /* An error of the commit stands at the Sync, which comes all the same. */
            if (exchange->steps[exchange->at].kind != STEP_SYNC) {
                exchange->at++;
            }
        }
    }
    return true;
}

/* ---- telling the server to stop ---- */

struct cancel_work {
    struct work work; /* first */
    PGcancel *cancel;
};

void postgres_cancel_all(void *context, struct work *list)
{
    (void)context;
    while (list != NULL) {
        struct cancel_work *cancel = (struct cancel_work *)list;
        char problem[256];
        list = list->next;
        if (PQcancel(cancel->cancel, problem, sizeof problem) != 1) {
            log_warn("the database was not told to stop a statement: %s", problem);
        }
        PQfreeCancel(cancel->cancel);
        mem_free(cancel);
    }
}

void postgres_connection_cancel(struct postgres_connection *connection)
{
    const struct postgres_exchange *running = STAILQ_FIRST(&connection->exchanges);
    int64_t now = clock_monotonic_ms();
    if (running == NULL || connection->state != POSTGRES_READY ||
            (running->deadline_ms > now && !running->too_large) ||
            now - connection->cancelled_ms < CANCEL_EVERY_MS) {
        return;
    }
    connection->cancelled_ms = now;
    struct cancel_work *cancel = mem_new(NULL, struct cancel_work);
    cancel->cancel = PQgetCancel(connection->handle);
    worker_post(connection->db->store->canceller, &cancel->work);
}

/* ---- sending ---- */

static struct postgres_statement *find(struct postgres_connection *connection, const char *sql)
{
    struct postgres_statement *statement = NULL;
    HASH_FIND_PTR(connection->statements, &sql, statement);
    if (statement == NULL) {
        statement = mem_new(connection, struct postgres_statement);
        statement->sql = sql;
        name_anew(connection, statement);
        HASH_ADD_PTR(connection->statements, sql, statement);
    }
    return statement;
}

static void add_step(struct postgres_exchange *exchange, enum step_kind kind, size_t statement,
        struct postgres_statement *prepared)
{
    exchange->steps[exchange->step_count++] = (struct postgres_step){
            kind, statement, prepared, prepared == NULL ? 0 : prepared->number};
}

static bool send_statement(struct postgres_connection *connection,
        struct postgres_exchange *exchange, size_t index, const struct db_statement *statement,
        const char *const *values)
{
    PGconn *handle = connection->handle;
    int count = (int)statement->params.count;
    if (!atomic_load(&connection->db->store->unnamed)) {
        struct postgres_statement *prepared = find(connection, statement->sql);
        if (!prepared->unnamed) {
            if (!prepared->prepared) {
                add_step(exchange, STEP_PREPARE, 0, prepared);
                prepared->prepared = true; /* for what is sent behind it */
                if (PQsendPrepare(handle, prepared->name, statement->sql, 0, NULL) != 1) {
                    return false;
                }
            }
            add_step(exchange, STEP_STATEMENT, index, prepared);
            return PQsendQueryPrepared(handle, prepared->name, count, values, NULL, NULL, 0) == 1;
        }
    }
    add_step(exchange, STEP_STATEMENT, index, NULL);
    return PQsendQueryParams(handle, statement->sql, count, NULL, values, NULL, NULL, 0) == 1;
}

static bool send_sync(PGconn *handle)
{
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    return PQsendPipelineSync(handle) == 1;
#else
    return PQpipelineSync(handle) == 1;
#endif
}

static bool send_all(struct postgres_connection *connection, struct postgres_exchange *exchange,
        const struct db_write *write, const char *const *const *values)
{
    /* Not SET TRANSACTION, of which the server warns here; it lasts as long as the transaction all the same. */
    static const struct db_statement alone = {
            "SET transaction_isolation TO 'serializable'", {NULL, 0}};
    if (write->alone) {
        add_step(exchange, STEP_ISOLATE, 0, NULL);
        if (PQsendQueryParams(connection->handle, alone.sql, 0, NULL, NULL, NULL, NULL, 0) != 1) {
            return false;
        }
    }
    for (size_t i = 0; i < write->count; i++) {
        if (!send_statement(connection, exchange, i, &write->statements[i], values[i])) {
            return false;
        }
    }
    add_step(exchange, STEP_SYNC, 0, NULL);
    return send_sync(connection->handle);
}

struct postgres_exchange *postgres_connection_send(struct postgres_connection *connection,
        void *owner, const struct db_write *write, bool reads, bool wanted, struct error *err)
{
    struct postgres_exchange *exchange = mem_new(NULL, struct postgres_exchange);
    *exchange = (struct postgres_exchange){
            .connection = connection,
            .count = write->count,
            .write = !reads,
            .wanted = wanted,
            .owner = owner,
            .deadline_ms = fiber_self() == NULL ? FIBER_NO_DEADLINE : fiber_deadline_ms(),
    };
    const char *const **values = mem_array(exchange, const char *const *, write->count);
    for (size_t i = 0; i < write->count; i++) {
        if (!postgres_params(exchange, write->statements[i].params, &values[i], err)) {
            mem_free(exchange);
            return NULL;
        }
    }
    exchange->rows = mem_array(exchange, const struct db_rows *, write->count);
    exchange->steps = mem_array(exchange, struct postgres_step, 2 * write->count + 2);
    STAILQ_INSERT_TAIL(&connection->exchanges, exchange, link);
    *(reads ? &connection->reads_under_way : &connection->writes_under_way) += 1;
    if (!send_all(connection, exchange, write, values)) {
        postgres_connection_lose(connection, PQerrorMessage(connection->handle));
    } else {
        postgres_connection_flush(connection);
    }
    return exchange;
}
