/* One connection: libpq told by the loop what its socket can do. Connecting, what comes and goes, the end and the next
 * beginning.
 *
 * libpq resolves the names of hosts while it begins to connect, and the loop waits for that. */
#include "base/clock.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "db/postgres_internal.h"

#include <sys/ioctl.h>

/* Between tries to connect; so long at most is a server that is back not noticed. */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS   1000
/* So long may what the server was told to stop show. */
#define CANCELLED_FOR_MS 10000

static void watch(struct postgres_connection *connection);

static int64_t random_below(int64_t limit)
{
    uint32_t number;
    random_bytes(&number, sizeof number);
    return number % limit;
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
}

static void start_timer(struct postgres_connection *connection, int64_t ms)
{
    struct ev_loop *ev = loop_ev(connection->db->db.loop);
    ev_timer_stop(ev, &connection->timer);
    ev_now_update(ev);
    ev_timer_set(&connection->timer, (double)ms / 1000., 0.);
    ev_timer_start(ev, &connection->timer);
}

/* Later and later, until something is answered: a bouncer takes connections though it has no server. */
static void open_later(struct postgres_connection *connection)
{
    int64_t backoff =
            connection->backoff_ms < BACKOFF_FIRST_MS ? BACKOFF_FIRST_MS : connection->backoff_ms;
    connection->backoff_ms = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
    start_timer(connection, random_below(backoff) + backoff / 2);
}

void postgres_connection_lose(struct postgres_connection *connection, const char *why)
{
    struct error lost; /* before the handle goes, whose text `why` may be */
    postgres_unavailable(&lost, why);
    log_warn("a connection to the database was lost: %s", lost.detail);
    close_handle(connection);
    open_later(connection);
    postgres_exchanges_lose(connection, &lost);
}

/* ---- the socket ---- */

void postgres_connection_flush(struct postgres_connection *connection)
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
        if (!postgres_exchanges_answer(connection) || !alive ||
                PQstatus(connection->handle) == CONNECTION_BAD) {
            postgres_connection_lose(connection, PQerrorMessage(connection->handle));
            return;
        }
    }
    postgres_connection_flush(connection);
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
    open_later(connection);
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
        postgres_connection_flush(connection);
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
        postgres_connection_flush(connection);
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

/* A commit that was told to stop while it waited for the standby is done, with a warning (PostgreSQL's manual, 27.2.8.3);
 * Tenon's statements give none. */
static void hear_notice(void *context, const PGresult *result)
{
    const struct postgres_connection *connection = context;
    struct postgres_exchange *running = STAILQ_FIRST(&connection->exchanges);
    struct slice severity = slice_of(PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED));
    if (running != NULL && running->write && connection->cancelled_ms > 0 &&
            clock_monotonic_ms() - connection->cancelled_ms < CANCELLED_FOR_MS &&
            slice_is(severity, "WARNING")) {
        running->doubtful = true;
    }
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
    PQsetNoticeReceiver(connection->handle, hear_notice, connection);
    start_timer(connection, address->connect_timeout_ms);
    watch(connection);
    ev_io_start(loop_ev(connection->db->db.loop), &connection->writes);
}

/* ---- life ---- */

static int connection_end(struct postgres_connection *connection)
{
    struct error ended = {0};
    close_handle(connection);
    postgres_exchanges_lose(connection, &ended); /* nobody waits for any */
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
