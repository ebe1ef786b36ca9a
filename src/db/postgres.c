/* What a loop asks of PostgreSQL: which of its connections does it, and what is done again when it fails. */
#include "base/clock.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "db/postgres_internal.h"

#include <assert.h>

#define CONNECTIONS_DEFAULT 4
#define UNDER_WAY_MAX       128 /* exchanges of one connection; more wait for their turn here */
/* How long a statement waits for a connection, and is tried again when its server goes: one that starts anew, or another
 * that takes its place. */
#define PATIENCE_MS    5000
#define WRITE_MAX_MS   60000 /* until a write without deadline is given up */
#define WRITE_GRACE_MS 5000  /* for the server to say what became of it then */
/* A write waits for the disk and perhaps for locks, and holds up what comes behind it. */
#define WRITE_LOAD 16
#define LOAD_SHARED \
    16 /* reads on one connection before the next is used: they cost least together */
#define TRIES_LEAST 12 /* however long they take */
/* How soon changes by other programs are seen, where Tenon's are heard. */
#define VERSION_EVERY_MS 30000
#define RETRY_FIRST_MS   2
#define RETRY_MAX_MS     100

/* ---- which connection ---- */

static int load_of(const struct postgres_connection *connection)
{
    return connection->reads_under_way + WRITE_LOAD * connection->writes_under_way;
}

/* Reads go to the first that is not busy, writes to the last: so they meet only where there is much to do. NULL: none is
 * ready, or all are full. */
static struct postgres_connection *choose(const struct postgres_db *db, bool reads)
{
    struct postgres_connection *best = NULL;
    for (int i = 0; i < db->count; i++) {
        struct postgres_connection *at = db->connections[reads ? i : db->count - 1 - i];
        if (at->state != POSTGRES_READY ||
                at->reads_under_way + at->writes_under_way >= UNDER_WAY_MAX) {
            continue;
        }
        if (load_of(at) < (reads ? LOAD_SHARED : 1)) {
            return at;
        }
        best = best == NULL || load_of(at) < load_of(best) ? at : best;
    }
    return best;
}

/* One more, where there is more to do at once than there are. */
static void open_another(struct postgres_db *db)
{
    struct postgres_store *store = db->store;
    int limit = store->address.connection_limit;
    for (int i = 0; i < db->count; i++) {
        if (db->connections[i]->state != POSTGRES_READY) {
            return; /* one is on its way, or there is trouble */
        }
    }
    if (db->count >= store->per_loop) {
        return;
    }
    /* Each loop has one whatever the limit says: without, it could do nothing. */
    if (atomic_fetch_add(&store->connection_count, 1) >= limit && limit > 0 && db->count > 0) {
        atomic_fetch_sub(&store->connection_count, 1);
        return;
    }
    db->connections[db->count] = postgres_connection_new(db);
    postgres_connection_open(db->connections[db->count++]);
}

void postgres_open_spare(struct postgres_db *db)
{
    const struct postgres_connection *best = choose(db, false);
    if (best != NULL && load_of(best) > 0) {
        open_another(db);
    }
}

/* Wait until something changed, but not beyond `until`. */
static bool wait_for_change(struct postgres_db *db, int64_t until, struct error *err)
{
    int64_t deadline = fiber_deadline_ms();
    struct error ignored = {0};
    fiber_set_deadline(until < deadline ? until : deadline);
    db->waiting++;
    bool changed = fiber_condition_wait(&db->changed, &ignored);
    db->waiting--;
    fiber_set_deadline(deadline);
    if (changed || (clock_monotonic_ms() < until && fiber_check(err))) {
        return true;
    }
    if (!fiber_check(err)) {
        return false;
    }
    if (db->failure.code != ERROR_NONE) {
        *err = db->failure;
        return false;
    }
    return postgres_unavailable(err, "no connection was free in time");
}

bool postgres_take_connection(
        struct postgres_db *db, bool reads, struct postgres_connection **out, struct error *err)
{
    int64_t until = clock_monotonic_ms() + PATIENCE_MS;
    struct postgres_connection *found;
    while ((found = choose(db, reads)) == NULL) {
        if (db->waiting >= POSTGRES_WAITING_MAX) {
            return postgres_unavailable(err, "too many statements wait for a connection");
        }
        if (!wait_for_change(db, until, err)) {
            return false;
        }
    }
    if (load_of(found) > 0) {
        open_another(db);
    }
    *out = found;
    return true;
}

/* ---- one try ---- */

static bool wait_for_read(struct postgres_exchange *exchange, struct error *err)
{
    if (fiber_signal_wait(&exchange->done, err)) {
        return true;
    }
    if (exchange->connection != NULL) {
        postgres_connection_cancel(exchange->connection);
    }
    postgres_exchange_drop(exchange);
    return false;
}

void postgres_wait_for_write(struct postgres_exchange *exchange)
{
    int64_t latest = clock_monotonic_ms() + WRITE_MAX_MS;
    exchange->deadline_ms = exchange->deadline_ms < latest ? exchange->deadline_ms : latest;
    if (fiber_signal_wait_until(&exchange->done, exchange->deadline_ms)) {
        return;
    }
    postgres_connection_cancel(exchange->connection);
    if (!fiber_signal_wait_until(&exchange->done, exchange->deadline_ms + WRITE_GRACE_MS)) {
        postgres_connection_lose(exchange->connection, "a write was not answered");
    }
}

static enum postgres_result outcome_unknown(struct error *err)
{
    error_set(err, ERROR_SERVICE_UNAVAILABLE, "DATABASE_OUTCOME_UNKNOWN",
            "The database did not say in time whether this was saved: it may have been."
            " Look before you try again.");
    return POSTGRES_RESULT_FAILED;
}

enum postgres_result postgres_judge(struct postgres_db *db,
        const struct postgres_exchange *exchange, const struct db_rows **rows_out,
        struct error *err)
{
    switch (exchange->outcome) {
    case EXCHANGE_DONE:
        if (exchange->doubtful) {
            return outcome_unknown(err);
        }
        for (size_t i = 0; rows_out != NULL && i < exchange->count; i++) {
            rows_out[i] = exchange->rows[i];
        }
        return POSTGRES_RESULT_DONE;
    case EXCHANGE_LOST:
        if (exchange->write) {
            return outcome_unknown(err);
        }
        postgres_unavailable(err, "the connection broke");
        return POSTGRES_RESULT_AGAIN;
    case EXCHANGE_FAILED:
        break;
    }
    *err = exchange->err;
    if (exchange->too_large) {
        error_set(err, ERROR_INTERNAL_SERVER_ERROR, "DATABASE_RESULT_TOO_LARGE",
                "That is more than can be read at once; ask for less.");
        return POSTGRES_RESULT_FAILED;
    }
    switch (exchange->verdict) {
    case POSTGRES_BOUNCER:
        if (atomic_exchange(&db->store->unnamed, true)) {
            return POSTGRES_RESULT_AGAIN; /* sent before it was known */
        }
        log_info(
                "a bouncer without prepared statements stands before the database: they are not used"
                " any more; pgbouncer=true in DATABASE_URL says so from the start");
        return POSTGRES_RESULT_AGAIN_AT_ONCE;
    case POSTGRES_UNNAMED:
        return POSTGRES_RESULT_AGAIN_AT_ONCE;
    case POSTGRES_AGAIN:
        return POSTGRES_RESULT_AGAIN;
    case POSTGRES_FAILED:
        break;
    }
    return POSTGRES_RESULT_FAILED;
}

static enum postgres_result try_once(struct postgres_db *db, void *owner,
        const struct db_write *write, bool reads, const struct db_rows **rows_out,
        struct error *err)
{
    struct postgres_connection *connection = NULL;
    if (!postgres_take_connection(db, reads, &connection, err)) {
        return POSTGRES_RESULT_FAILED;
    }
    struct postgres_exchange *exchange =
            postgres_connection_send(connection, owner, write, reads, rows_out != NULL, err);
    if (exchange == NULL) {
        return POSTGRES_RESULT_FAILED;
    }
    if (!reads) {
        postgres_wait_for_write(exchange);
    } else if (!wait_for_read(exchange, err)) {
        return POSTGRES_RESULT_FAILED;
    }
    enum postgres_result result = postgres_judge(db, exchange, rows_out, err);
    mem_free(exchange);
    return result;
}

/* ---- trying again ---- */

/* Longer and longer, and never two the same: those that got in each other's way should not meet again. */
static bool pause_before(int try, struct error *err)
{
    int64_t limit = RETRY_FIRST_MS << (try < 8 ? try : 8);
    uint32_t number;
    random_bytes(&number, sizeof number);
    return fiber_sleep(number % (limit < RETRY_MAX_MS ? limit : RETRY_MAX_MS) + 1, err);
}

static bool run(struct db *base, void *owner, const struct db_write *write, bool reads,
        const struct db_rows **rows_out, struct error *err)
{
    struct postgres_db *db = (struct postgres_db *)base;
    int64_t patience_end = clock_monotonic_ms() + PATIENCE_MS;
    for (int try = 0;; try++) {
        struct error failure = {0};
        bool grouped = try == 0 && !reads && !write->alone;
        enum postgres_result result =
                grouped ? postgres_group_write(db, owner, write, rows_out, &failure)
                        : try_once(db, owner, write, reads, rows_out, &failure);
        if (result == POSTGRES_RESULT_DONE) {
            return true;
        }
        bool enough = try >= TRIES_LEAST && clock_monotonic_ms() >= patience_end;
        if (result == POSTGRES_RESULT_FAILED || enough) {
            *err = failure;
            return false;
        }
        /* At the deadline the server was told to stop: that is why it failed. */
        if (!fiber_check(err) || (result == POSTGRES_RESULT_AGAIN && !pause_before(try, err))) {
            return false;
        }
    }
}

/* A mistake of ours is found in the first test that comes by; a function that writes is not. */
static bool begins_like_a_write(const char *sql)
{
    static const char *const words[] = {"INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER",
            "TRUNCATE", "MERGE", "GRANT", "SET", "LOCK", "BEGIN"};
    size_t length = strspn(sql, " \n\t(");
    struct slice word = {sql + length, strcspn(sql + length, " \n\t(")};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (slice_is_nocase(word, words[i])) {
            return true;
        }
    }
    return false;
}

static bool postgres_read(struct db *db, void *owner, const char *sql, struct db_params params,
        const struct db_rows **rows_out, struct error *err)
{
    struct db_statement statement = {sql, params};
    struct db_write read = {.statements = &statement, .count = 1};
    if (begins_like_a_write(sql)) {
        return postgres_broken(
                err, "a statement that changes something was given as one that reads");
    }
    return run(db, owner, &read, true, rows_out, err);
}

static bool postgres_write(struct db *db, void *owner, const struct db_write *write,
        const struct db_rows **rows_out, struct error *err)
{
    return run(db, owner, write, false, rows_out, err);
}

/* ---- news ---- */

/* Nobody waits for it, and nobody is told when it fails. */
static void postgres_notify(struct db *base, const char *what)
{
    static const char sql[] = "SELECT pg_notify('" POSTGRES_CHANNEL "', $1)";
    struct postgres_db *db = (struct postgres_db *)base;
    struct postgres_connection *connection = choose(db, false);
    if (connection == NULL) {
        return;
    }
    void *memory = mem_scope_new(NULL, "notify");
    struct error err = {0};
    struct db_statement statement = {
            sql, DB_PARAMS(DB_TEXT(mem_printf(memory, "%s %s", db->store->id, what)))};
    struct db_write write = {.statements = &statement, .count = 1};
    struct postgres_exchange *exchange =
            postgres_connection_send(connection, memory, &write, false, false, &err);
    if (exchange != NULL) {
        postgres_exchange_drop(exchange);
    }
    mem_free(memory);
}

/* The next transaction's number moves with every write, whoever's. Where Tenon's own are heard it is for other programs', and
 * asked for now and then. */
static bool postgres_version(struct db *base, int64_t *version_out, struct error *err)
{
    static const char sql[] = "SELECT txid_snapshot_xmax(txid_current_snapshot())";
    struct postgres_db *db = (struct postgres_db *)base;
    int64_t now = clock_monotonic_ms();
    if (!postgres_hears(db->store) || db->version_ms == 0 ||
            now - db->version_ms >= VERSION_EVERY_MS) {
        void *memory = mem_scope_new(NULL, "version");
        const struct db_rows *rows = NULL;
        bool ok = postgres_read(base, memory, sql, DB_NO_PARAMS, &rows, err);
        if (ok) {
            db->version = db_get_int(rows, 0, 0);
            db->version_ms = now;
        }
        mem_free(memory);
        if (!ok) {
            return false;
        }
    }
    *version_out = db->version;
    return true;
}

/* ---- opening ---- */

static int store_end(struct postgres_store *store)
{
    mem_free(store->listener_owner); /* before what it tells */
    return 0;
}

static bool postgres_store_open(
        void *owner, const char *url, struct db_store **store_out, struct error *err)
{
    struct postgres_store *store = mem_new(owner, struct postgres_store);
    store->store.driver = &db_driver_postgres;
    if (!postgres_address_parse(store, url, &store->address, err)) {
        mem_free(store);
        return false;
    }
    store->listened = store->address;
    store->per_loop = CONNECTIONS_DEFAULT;
    atomic_init(&store->unnamed, store->address.bouncer);
    store->canceller = worker_new(store, "db-cancel", postgres_cancel_all, NULL);
    uuid_v4(store->id);
    store->listener_owner = mem_scope_new(NULL, "listener");
    mem_on_free(store, store_end);
    *store_out = &store->store;
    return true;
}

static void postgres_set_connections(struct db_store *base, int per_loop)
{
    struct postgres_store *store = (struct postgres_store *)base;
    store->per_loop = per_loop < POSTGRES_CONNECTIONS_MAX ? per_loop : POSTGRES_CONNECTIONS_MAX;
}

static bool postgres_set_direct(struct db_store *base, const char *url, struct error *err)
{
    struct postgres_store *store = (struct postgres_store *)base;
    store->direct = postgres_address_parse(store, url, &store->listened, err);
    return store->direct;
}

static int db_end(struct postgres_db *db)
{
    atomic_fetch_sub(&db->store->connection_count, db->count);
    return 0;
}

static bool postgres_open(void *owner, struct db_store *store, struct loop *loop,
        struct db **db_out, struct error *err)
{
    struct postgres_db *db = mem_new(owner, struct postgres_db);
    db->db = (struct db){.driver = &db_driver_postgres, .loop = loop};
    db->store = (struct postgres_store *)store;
    TAILQ_INIT(&db->group.waiting);
    db_rows_builder_init(&db->builder, db);
    mem_on_free(db, db_end);
    open_another(db);
    while (db->failure.code == ERROR_NONE && db->connections[0]->state != POSTGRES_READY) {
        if (!fiber_condition_wait(&db->changed, err)) {
            mem_free(db);
            return false;
        }
    }
    if (db->failure.code != ERROR_NONE) {
        *err = db->failure;
        mem_free(db);
        return false;
    }
    *db_out = &db->db;
    return true;
}

static const char *postgres_migration_text(const struct db_migration *migration)
{
    return migration->postgresql;
}

const struct db_driver db_driver_postgres = {
        .store_open = postgres_store_open,
        .set_connections = postgres_set_connections,
        .set_direct = postgres_set_direct,
        .open = postgres_open,
        .read = postgres_read,
        .write = postgres_write,
        .run_script = postgres_run_script,
        .version = postgres_version,
        .notify = postgres_notify,
        .listen = postgres_listen,
        .table_exists_sql = "SELECT 1 FROM pg_catalog.pg_tables"
                            " WHERE schemaname = current_schema() AND tablename = $1",
        .migration_text = postgres_migration_text,
};
