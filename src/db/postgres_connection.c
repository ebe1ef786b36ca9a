/* One connection: libpq told by the loop what its socket can do. What it sends is answered in the same order, so the
 * exchanges under way are a queue, and what comes belongs to its first.
 *
 * libpq resolves the names of hosts while it begins to connect, and blocks the loop for that; and it flushes at each Sync
 * before version 17. */
#include "base/clock.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "db/address_hash.h"
#include "db/postgres_internal.h"

#include <assert.h>
#include <sys/ioctl.h>

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS   5000
#define CANCEL_EVERY_MS  500

struct postgres_statement {
    const char *sql; /* the key is the address */
    char name[32];
    bool prepared, unnamed;
    UT_hash_handle hh;
};

enum step_kind { STEP_ISOLATE, STEP_PREPARE, STEP_STATEMENT, STEP_SYNC };
struct postgres_step {
    enum step_kind kind;
    size_t statement; /* of STEP_STATEMENT */
    struct postgres_statement
            *prepared; /* of STEP_PREPARE, and of STEP_STATEMENT where it is used; else NULL */
};

static void watch(struct postgres_connection *connection);

static int64_t random_below(int64_t limit)
{
    uint32_t number;
    random_bytes(&number, sizeof number);
    return number % limit;
}

/* ---- the exchanges under way ---- */

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

static void close_handle(struct postgres_connection *connection)
{
    struct ev_loop *ev = loop_ev(connection->db->db.loop);
    ev_io_stop(ev, &connection->reads);
    ev_io_stop(ev, &connection->writes);
    ev_timer_stop(ev, &connection->timer);
    PQfinish(connection->handle);
    connection->handle = NULL;
    connection->state = POSTGRES_CLOSED;
    connection->between = false;
    forget_statements(connection);
}

static void start_timer(struct postgres_connection *connection, int64_t ms)
{
    struct ev_loop *ev = loop_ev(connection->db->db.loop);
    ev_timer_stop(ev, &connection->timer);
    ev_now_update(ev);
    ev_timer_set(&connection->timer, (double)ms / 1000., 0.);
    ev_timer_start(ev, &connection->timer);
}

void postgres_connection_lose(struct postgres_connection *connection, const char *why)
{
    struct postgres_exchange *exchange;
    struct error lost; /* before the handle goes, whose text `why` may be */
    postgres_unavailable(&lost, why);
    log_warn("a connection to the database was lost: %s", lost.detail);
    close_handle(connection);
    start_timer(connection, BACKOFF_FIRST_MS);
    bool first = true;
    while ((exchange = STAILQ_FIRST(&connection->exchanges)) != NULL) {
        if (exchange->outcome == EXCHANGE_FAILED) {
            /* It is known to have, whatever came after. */
        } else if (connection->server_ended && !first) {
            /* The server answers in order: it ended before it came to this one. */
            exchange->outcome = EXCHANGE_FAILED;
            exchange->verdict = POSTGRES_AGAIN;
            exchange->err = lost;
        } else {
            exchange->outcome = EXCHANGE_LOST;
        }
        first = false;
        finish(exchange);
    }
    connection->server_ended = false;
}

/* ---- what the server says ---- */

static void exchange_fail(struct postgres_exchange *exchange, const PGresult *result)
{
    if (exchange->outcome == EXCHANGE_FAILED) {
        return; /* the first reason is the reason */
    }
    exchange->outcome = EXCHANGE_FAILED;
    exchange->verdict = postgres_error(result, &exchange->err);
    struct postgres_statement *prepared = exchange->steps[exchange->at].prepared;
    if (exchange->verdict == POSTGRES_UNNAMED) {
        if (prepared == NULL || prepared->unnamed) {
            exchange->verdict = POSTGRES_FAILED;
        } else {
            prepared->unnamed = true;
        }
    } else if (exchange->verdict == POSTGRES_BOUNCER && prepared != NULL && !prepared->prepared) {
        exchange->verdict =
                POSTGRES_AGAIN; /* the exchange that would have prepared it failed before */
    }
}

/* The step's statement was not prepared after all. */
static void not_prepared(const struct postgres_step *step)
{
    if (step->kind == STEP_PREPARE) {
        step->prepared->prepared = false;
    }
}

static void take_rows(struct postgres_exchange *exchange, const PGresult *result)
{
    const struct postgres_step *step = &exchange->steps[exchange->at];
    if (exchange->abandoned || !exchange->wanted || exchange->outcome == EXCHANGE_FAILED) {
        return;
    }
    if (!postgres_rows(&exchange->connection->db->builder, exchange->owner, result,
                &exchange->rows[step->statement], &exchange->err)) {
        /* Of a write it is done all the same; what writes returns no such rows. */
        exchange->outcome = EXCHANGE_FAILED;
        exchange->verdict = POSTGRES_FAILED;
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
        finish(exchange);
        return true;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (step->kind == STEP_STATEMENT) {
            take_rows(exchange, result);
        }
        return true;
    case PGRES_PIPELINE_ABORTED:
        not_prepared(step);
        return true;
    case PGRES_EMPTY_QUERY: /* a text without a statement in it */
        exchange->outcome = EXCHANGE_FAILED;
        exchange->verdict = POSTGRES_FAILED;
        return postgres_broken(&exchange->err, "not exactly one statement") || true;
    case PGRES_FATAL_ERROR:
        if (is_end(connection, step, result)) {
            return false;
        }
        exchange_fail(exchange, result);
        not_prepared(step);
        return true;
    default:
        return false; /* COPY */
    }
}

static bool take_results(struct postgres_connection *connection)
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

/* ---- the socket ---- */

static void flush(struct postgres_connection *connection)
{
    int left = PQflush(connection->handle);
    if (left < 0) {
        postgres_connection_lose(connection, PQerrorMessage(connection->handle));
    } else if (left > 0) {
        ev_io_start(loop_ev(connection->db->db.loop), &connection->writes);
    } else {
        ev_io_stop(loop_ev(connection->db->db.loop), &connection->writes);
    }
}

static int waiting_bytes(const struct postgres_connection *connection)
{
    int bytes = 0;
    return ioctl(PQsocket(connection->handle), FIONREAD, &bytes) == 0 ? bytes : 0;
}

/* libpq collects a result as a whole, and does not say how much it has. So what it reads of one statement's is counted,
 * from the second time on, and where that is beyond what we take, the server is stopped. Its buffer takes 16 KiB at once
 * but for larger rows; what arrives meanwhile hides what it took. */
static bool consume(struct postgres_connection *connection)
{
    struct postgres_exchange *exchange = STAILQ_FIRST(&connection->exchanges);
    if (exchange == NULL || exchange->received == 0) {
        if (exchange != NULL) {
            exchange->received = 1;
        }
        return PQconsumeInput(connection->handle) == 1;
    }
    int before = waiting_bytes(connection);
    bool alive = PQconsumeInput(connection->handle) == 1;
    int taken = before - waiting_bytes(connection), least = before < 16384 ? before : 16384;
    exchange->received += (size_t)(taken > least ? taken : least);
    if (exchange->received > DB_RESULT_BYTES_MAX && !exchange->write) {
        exchange->too_large = true;
        postgres_connection_cancel(connection);
    }
    return alive;
}

static void work_ready(struct postgres_connection *connection, int events)
{
    if ((events & EV_READ) != 0) {
        bool alive = consume(connection);
        if (!take_results(connection) || !alive || PQstatus(connection->handle) == CONNECTION_BAD) {
            postgres_connection_lose(connection, PQerrorMessage(connection->handle));
            return;
        }
    }
    flush(connection);
}

/* ---- connecting ---- */

static void connect_failed(struct postgres_connection *connection, const char *why)
{
    struct postgres_db *db = connection->db;
    const char *place = db->store->address.place;
    struct error reason;
    postgres_unavailable(&reason, why);
    error_set(&db->failure, ERROR_SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE",
            "the database at %.120s cannot be reached or refuses us; see DATABASE_URL", place);
    error_detail(&db->failure, "%s", reason.detail);
    db->failure.retry_after_s = 1;
    log_warn("no connection to the database at %s: %s", place, db->failure.detail);
    close_handle(connection);
    int64_t backoff =
            connection->backoff_ms < BACKOFF_FIRST_MS ? BACKOFF_FIRST_MS : connection->backoff_ms;
    connection->backoff_ms = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
    start_timer(connection, random_below(backoff) + backoff / 2);
    fiber_condition_wake_all(&db->changed);
}

static void connected(struct postgres_connection *connection)
{
    struct postgres_db *db = connection->db;
    ev_timer_stop(loop_ev(db->db.loop), &connection->timer);
    if (PQenterPipelineMode(connection->handle) != 1) {
        connect_failed(connection, PQerrorMessage(connection->handle));
        return;
    }
    connection->state = POSTGRES_READY;
    connection->backoff_ms = 0;
    db->failure = (struct error){0};
    fiber_condition_wake_all(&db->changed);
}

/* Times as ISO 8601 in UTC, however server, database or role are set. PgBouncer carries these two from server to server. */
static void set_session(struct postgres_connection *connection)
{
    static const char sql[] = "SET datestyle TO 'ISO'; SET timezone TO 'UTC'";
    const char *style = PQparameterStatus(connection->handle, "DateStyle");
    const char *zone = PQparameterStatus(connection->handle, "TimeZone");
    PQsetnonblocking(connection->handle, 1);
    if (slice_starts(slice_of(style), "ISO") &&
            (slice_is(slice_of(zone), "UTC") || slice_is(slice_of(zone), "Etc/UTC"))) {
        connected(connection);
    } else if (PQsendQuery(connection->handle, sql) != 1) {
        connect_failed(connection, PQerrorMessage(connection->handle));
    } else {
        connection->state = POSTGRES_SETTING;
        flush(connection);
    }
}

static void setting_ready(struct postgres_connection *connection)
{
    if (PQconsumeInput(connection->handle) != 1) {
        connect_failed(connection, PQerrorMessage(connection->handle));
        return;
    }
    while (PQisBusy(connection->handle) == 0) {
        PGresult *result = PQgetResult(connection->handle);
        if (result == NULL) {
            connected(connection);
            return;
        }
        bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        if (!ok) {
            connect_failed(connection, PQerrorMessage(connection->handle));
            return;
        }
    }
}

static void connecting_ready(struct postgres_connection *connection)
{
    /* The socket may be another each time: it tries one address after another. */
    struct ev_loop *ev = loop_ev(connection->db->db.loop);
    ev_io_stop(ev, &connection->reads);
    ev_io_stop(ev, &connection->writes);
    PostgresPollingStatusType next = PQconnectPoll(connection->handle);
    if (next == PGRES_POLLING_FAILED) {
        connect_failed(connection, PQerrorMessage(connection->handle));
        return;
    }
    watch(connection);
    if (next == PGRES_POLLING_OK) {
        ev_io_start(ev, &connection->reads);
        set_session(connection);
    } else {
        ev_io_start(ev, next == PGRES_POLLING_READING ? &connection->reads : &connection->writes);
    }
}

static void socket_ready(struct ev_loop *ev, ev_io *io, int events)
{
    (void)ev;
    struct postgres_connection *connection = io->data;
    switch (connection->state) {
    case POSTGRES_CONNECTING:
        connecting_ready(connection);
        break;
    case POSTGRES_SETTING:
        flush(connection);
        if (connection->state == POSTGRES_SETTING) {
            setting_ready(connection);
        }
        break;
    case POSTGRES_READY:
        work_ready(connection, events);
        break;
    case POSTGRES_CLOSED:
        break;
    }
}

static void watch(struct postgres_connection *connection)
{
    int fd = PQsocket(connection->handle);
    ev_io_init(&connection->reads, socket_ready, fd, EV_READ);
    ev_io_init(&connection->writes, socket_ready, fd, EV_WRITE);
    connection->reads.data = connection->writes.data = connection;
}

static void timer_fired(struct ev_loop *ev, ev_timer *timer, int events)
{
    (void)ev;
    (void)events;
    struct postgres_connection *connection = timer->data;
    if (connection->state == POSTGRES_CLOSED) {
        postgres_connection_open(connection);
    } else {
        connect_failed(connection, "no answer in time");
    }
}

void postgres_drop_notice(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

void postgres_connection_open(struct postgres_connection *connection)
{
    const struct postgres_address *address = &connection->db->store->address;
    if (connection->state != POSTGRES_CLOSED) {
        return;
    }
    connection->state = POSTGRES_CONNECTING;
    connection->handle = PQconnectStartParams(address->names, address->values, 0);
    if (connection->handle == NULL || PQstatus(connection->handle) == CONNECTION_BAD) {
        connect_failed(connection, PQerrorMessage(connection->handle));
        return;
    }
    PQsetNoticeReceiver(connection->handle, postgres_drop_notice, NULL);
    start_timer(connection, address->connect_timeout_ms);
    watch(connection);
    ev_io_start(loop_ev(connection->db->db.loop), &connection->writes);
}

/* ---- sending ---- */

static struct postgres_statement *find(struct postgres_connection *connection, const char *sql)
{
    struct postgres_statement *statement = NULL;
    HASH_FIND_PTR(connection->statements, &sql, statement);
    if (statement == NULL) {
        statement = mem_new(connection, struct postgres_statement);
        statement->sql = sql;
        char *digest = sha256_hex(statement, slice_of(sql));
        snprintf(statement->name, sizeof statement->name, "tenon_%.24s", digest);
        mem_free(digest);
        HASH_ADD_PTR(connection->statements, sql, statement);
    }
    return statement;
}

static void add_step(struct postgres_exchange *exchange, enum step_kind kind, size_t statement,
        struct postgres_statement *prepared)
{
    exchange->steps[exchange->step_count++] = (struct postgres_step){kind, statement, prepared};
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
            .deadline_ms = fiber_deadline_ms(),
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
        flush(connection);
    }
    return exchange;
}

/* ---- life ---- */

static int connection_end(struct postgres_connection *connection)
{
    close_handle(connection);
    while (!STAILQ_EMPTY(&connection->exchanges)) {
        struct postgres_exchange *exchange = STAILQ_FIRST(&connection->exchanges);
        assert(exchange->abandoned);
        STAILQ_REMOVE_HEAD(&connection->exchanges, link);
        mem_free(exchange);
    }
    return 0;
}

struct postgres_connection *postgres_connection_new(struct postgres_db *db)
{
    struct postgres_connection *connection = mem_new(db, struct postgres_connection);
    connection->db = db;
    STAILQ_INIT(&connection->exchanges);
    ev_timer_init(&connection->timer, timer_fired, 0., 0.);
    connection->timer.data = connection;
    mem_on_free(connection, connection_end);
    return connection;
}
