/* What nobody waits for: rows brought in line with Composio, attempts that nobody will finish, accounts to be deleted,
 * schemas of tools to be read again, executions whose process died.
 * One instance does it for all, by a lease; another takes over when it dies. Nothing here needs the lease to be right:
 * every step is a compare and set, or harmless when done twice. */
#include "base/clock.h"
#include "base/log.h"
#include "core/attempt.h"
#include "core/execution_record.h"
#include "core/tool_schemas.h"
#include "crypto/crypto.h"

#include <assert.h>

#define TURN_EVERY_MS     10000
#define LEASE_LIFE_MS     (4 * TURN_EVERY_MS)
#define STEP_TIMEOUT_MS   60000
#define ATTEMPTS_PER_TURN 20
#define ROWS_PER_TURN     500 /* walked; of them, at most … */
#define READS_PER_TURN \
    20 /* … are read at Composio: 2 a second, of the 33 that its smallest plan allows */
#define FAILURES_PER_TURN 3 /* then Composio is left alone until the next */
#define FIRST_LOOK_MS     10000
/* Their signatures are good for minutes; Composio repeats for longer, under the same id. */
#define DELIVERIES_KEPT_MS (24 * 3600 * 1000LL)
#define PROVEN_KEPT_MS     (24 * 3600 * 1000LL) /* so that complete() repeated answers the same */

struct reconciler {
    struct fiber *fiber;
    bool stopping, running;
    struct fiber_condition ended;
    char holder[UUID_TEXT_SIZE];
    char *walked; /* id of the row that the walk has come to; "" at its beginning */
};

/* ---- the lease ---- */

static bool take_lease(struct core *core, void *memory, bool *held_out, struct error *err)
{
    static const char sql[] =
            "INSERT INTO \"Lease\" (\"name\", \"holder\", \"expiresAt\") VALUES ('reconciler', $1, $2)"
            " ON CONFLICT (\"name\") DO UPDATE SET \"holder\" = excluded.\"holder\","
            " \"expiresAt\" = excluded.\"expiresAt\""
            " WHERE \"Lease\".\"holder\" = excluded.\"holder\" OR \"Lease\".\"expiresAt\" < $3";
    int64_t now = clock_now_ms();
    const struct db_rows *rows = NULL;
    struct db_statement take = {
            sql, DB_PARAMS(DB_TEXT(core->reconciler->holder), DB_TIME(memory, now + LEASE_LIFE_MS),
                         DB_TIME(memory, now))};
    if (!db_write(core->db, memory, &take, 1, &rows, err)) {
        return false;
    }
    *held_out = db_rows_affected(rows) > 0;
    return true;
}

/* So that the next instance need not wait. */
static void give_lease_back(struct core *core)
{
    void *memory = mem_scope_new(NULL, "lease");
    struct error err = {0};
    struct db_statement drop = {
            "DELETE FROM \"Lease\" WHERE \"name\" = 'reconciler' AND \"holder\" = $1",
            DB_PARAMS(DB_TEXT(core->reconciler->holder))};
    if (!db_write(core->db, memory, &drop, 1, NULL, &err)) {
        log_warn("lease not given back: %s", err.message);
    }
    mem_free(memory);
}

/* ---- attempts ---- */

/* Attempts whose time is over: nobody will complete them, so their accounts go, and rows that waited for them fail. */
static bool close_expired(struct core *core, void *memory, struct error *err)
{
    int64_t now = clock_now_ms();
    struct db_value time = DB_TIME(memory, now);
    struct db_statement statements[] = {
            {"INSERT INTO \"CleanupJob\" (\"id\", \"composioAccountId\", \"reason\", \"notBefore\")"
             " SELECT \"id\", \"composioAccountId\", \"outcome\", $1 FROM \"ConnectAttempt\""
             " WHERE (\"outcome\" = 'OPEN' AND \"expiresAt\" < $1) OR \"outcome\" IN ('FAILED', 'EXPIRED')"
             " ON CONFLICT (\"composioAccountId\") DO NOTHING",
                    DB_PARAMS(time)},
            {"UPDATE \"UserConnection\" SET \"status\" = 'FAILED', \"updatedAt\" = $1"
             " WHERE \"status\" = 'PENDING' AND \"composioAccountId\" IN"
             " (SELECT \"composioAccountId\" FROM \"ConnectAttempt\""
             " WHERE \"outcome\" = 'OPEN' AND \"expiresAt\" < $1) RETURNING \"userId\"",
                    DB_PARAMS(time)},
            {"UPDATE \"ConnectAttempt\" SET \"outcome\" = 'EXPIRED', \"updatedAt\" = $1"
             " WHERE \"outcome\" = 'OPEN' AND \"expiresAt\" < $1",
                    DB_PARAMS(time)},
            {"DELETE FROM \"OAuthState\" WHERE \"expiresAt\" < $1",
                    DB_PARAMS(DB_TIME(memory, now - PROVEN_KEPT_MS))},
            {"DELETE FROM \"ConnectAttempt\" WHERE \"outcome\" = 'PROVEN' AND \"expiresAt\" < $1",
                    DB_PARAMS(DB_TIME(memory, now - PROVEN_KEPT_MS))},
            {"DELETE FROM \"WebhookDelivery\" WHERE \"receivedAt\" < $1",
                    DB_PARAMS(DB_TIME(memory, now - DELIVERIES_KEPT_MS))},
    };
    const struct db_rows *results[6] = {0};
    if (!db_write(core->db, memory, statements, 6, results, err)) {
        return false;
    }
    for (size_t i = 0; i < db_row_count(results[1]); i++) {
        connections_changed(core, db_get_text(results[1], i, 0));
    }
    return true;
}

/* The second look comes when an attempt's age has doubled since the first, and so on: often at the beginning, when
 * somebody sits before a consent page, rarely later. */
static bool is_due(const struct attempt *attempt, int64_t now)
{
    int64_t age = attempt->updated_at_ms - attempt->created_at_ms;
    return now - attempt->updated_at_ms >= (age > FIRST_LOOK_MS ? age : FIRST_LOOK_MS);
}

/* It may fail or expire here; only the proof of the consent makes it ACTIVE. */
static bool look_at_attempt(
        struct core *core, void *memory, const struct attempt *attempt, struct error *err)
{
    enum consent consent;
    struct composio_account account;
    struct db_statement looked = {
            "UPDATE \"ConnectAttempt\" SET \"updatedAt\" = $1 WHERE \"id\" = $2 AND \"outcome\" = 'OPEN'",
            DB_PARAMS(DB_TIME(memory, clock_now_ms()), DB_TEXT(attempt->id))};
    if (!attempt_consent(core, memory, attempt, &consent, &account, err)) {
        return false;
    }
    switch (consent) {
    case CONSENT_REFUSED:
        return attempt_end(core, memory, attempt, "FAILED", false, err);
    case CONSENT_EXPIRED:
        return attempt_end(core, memory, attempt, "EXPIRED", false, err);
    case CONSENT_GIVEN:
    case CONSENT_PENDING:
    case CONSENT_DISABLED:
        break;
    }
    return db_write(core->db, memory, &looked, 1, NULL, err);
}

static bool follow_attempts(struct core *core, void *memory, struct error *err)
{
    static const char sql[] = "SELECT " ATTEMPT_COLUMNS " FROM \"ConnectAttempt\" t"
                              " JOIN \"OAuthState\" s ON s.\"state\" = t.\"state\""
                              " WHERE t.\"outcome\" = 'OPEN' AND t.\"expiresAt\" >= $1"
                              " ORDER BY t.\"expiresAt\" LIMIT 500";
    const struct db_rows *rows = NULL;
    int64_t now = clock_now_ms();
    if (!db_read(core->db, memory, sql, DB_PARAMS(DB_TIME(memory, now)), &rows, err)) {
        return false;
    }
    int looked = 0, failures = 0;
    for (size_t i = 0; i < db_row_count(rows) && looked < ATTEMPTS_PER_TURN &&
                       failures < FAILURES_PER_TURN && !core->reconciler->stopping;
            i++) {
        struct attempt attempt = attempt_from_row(rows, i);
        struct error look_error = {0};
        if (!is_due(&attempt, now)) {
            continue;
        }
        looked++;
        fiber_set_deadline(clock_monotonic_ms() + STEP_TIMEOUT_MS);
        if (!look_at_attempt(core, memory, &attempt, &look_error)) {
            failures++;
            log_warn("attempt of account %s not looked at: %s", attempt.account_id,
                    look_error.message);
        }
    }
    return true;
}

/* ---- connections ---- */

/* A connection that was not read at Composio for a while is read again: it may have expired, been revoked or deleted
 * there without anybody telling us. */
static bool read_again(
        struct core *core, void *memory, const struct db_rows *rows, size_t i, struct error *err)
{
    struct context context = {core, memory, db_get_text(rows, i, 1)};
    struct provider_row row = {
            .connection_id = db_get_text(rows, i, 0),
            .status = connection_status_parse(db_get_slice(rows, i, 3)),
            .account_id = db_get_text(rows, i, 4),
            .entity_id = db_get_text(rows, i, 5),
    };
    enum connection_status status;
    struct composio_account account;
    return connection_refresh(&context, db_get_text(rows, i, 2), &row, &status, &account, err);
}

static bool is_stale(const struct db_rows *rows, size_t i, int64_t before_ms)
{
    struct slice status = db_get_slice(rows, i, 3);
    return (slice_is(status, "ACTIVE") || slice_is(status, "INACTIVE")) &&
           db_get_time(rows, i, 6) < before_ms;
}

static void walk_to(struct reconciler *reconciler, const char *id)
{
    mem_free(reconciler->walked);
    reconciler->walked = mem_strdup(reconciler, id);
}

/* Walks the table by its key, a piece each turn: no index on a time that every execution would have to write. */
static bool walk_connections(struct core *core, void *memory, struct error *err)
{
    static const char sql[] =
            "SELECT \"id\", \"userId\", \"provider\", \"status\", \"composioAccountId\","
            " \"composioEntityId\", \"lastSyncedAt\" FROM \"UserConnection\""
            " WHERE \"id\" > $1 ORDER BY \"id\" LIMIT $2";
    struct reconciler *reconciler = core->reconciler;
    const struct db_rows *rows = NULL;
    if (!db_read(core->db, memory, sql,
                DB_PARAMS(DB_TEXT(reconciler->walked), DB_INT(ROWS_PER_TURN)), &rows, err)) {
        return false;
    }
    /* Never read, or marked to be by a webhook, is stale even where nothing else is. */
    int64_t interval = core->options.sync_interval_ms;
    int64_t before = interval > 0 ? clock_now_ms() - interval : 0;
    size_t i = 0;
    int reads = 0, failures = 0;
    for (; i < db_row_count(rows) && reads < READS_PER_TURN && failures < FAILURES_PER_TURN &&
            !reconciler->stopping;
            i++) {
        struct error read_error = {0};
        if (!is_stale(rows, i, before)) {
            continue;
        }
        reads++;
        fiber_set_deadline(clock_monotonic_ms() + STEP_TIMEOUT_MS);
        if (!read_again(core, memory, rows, i, &read_error)) {
            failures++;
            log_warn("connection %s not read again: %s", db_get_text(rows, i, 0),
                    read_error.message);
        }
    }
    bool at_end = i == db_row_count(rows) && i < ROWS_PER_TURN;
    walk_to(reconciler, at_end ? "" : db_get_text(rows, i - 1, 0));
    return true;
}

/* ---- the turns ---- */

void reconciler_turn(struct core *core)
{
    void *memory = mem_scope_new(NULL, "reconciler");
    struct error err = {0};
    bool held = false;
    fiber_set_deadline(clock_monotonic_ms() + STEP_TIMEOUT_MS);
    if (!take_lease(core, memory, &held, &err) ||
            (held && (!close_expired(core, memory, &err) ||
                             !execution_records_close(core, memory, &err) ||
                             (core->options.executions_kept_ms > 0 &&
                                     !execution_records_expire(
                                             core, memory, &core->reconciler->stopping, &err)) ||
                             !cleanup_due(core, memory, &core->reconciler->stopping, &err) ||
                             !follow_attempts(core, memory, &err) ||
                             !walk_connections(core, memory, &err) ||
                             (core->options.tool_sync_interval_ms > 0 &&
                                     !tool_schemas_refresh_due(
                                             core, memory, &core->reconciler->stopping, &err))))) {
        log_warn("reconciling put off: %s", err.message);
    }
    mem_free(memory);
}

void reconciler_turn_once(struct core *core)
{
    assert(core->reconciler == NULL);
    core->reconciler = reconciler_new(core);
    reconciler_turn(core);
    fiber_set_deadline(FIBER_NO_DEADLINE);
    give_lease_back(core);
    mem_free(core->reconciler);
    core->reconciler = NULL;
}

static void reconciler_main(void *argument)
{
    struct core *core = argument;
    struct reconciler *reconciler = core->reconciler;
    struct error err = {0};
    do {
        reconciler_turn(core);
        fiber_set_deadline(FIBER_NO_DEADLINE);
    } while (!reconciler->stopping && fiber_sleep(TURN_EVERY_MS, &err));
    reconciler->running = false;
    fiber_condition_wake_all(&reconciler->ended);
}

struct reconciler *reconciler_new(struct core *core)
{
    struct reconciler *reconciler = mem_new(core, struct reconciler);
    uuid_v4(reconciler->holder);
    reconciler->walked = mem_strdup(reconciler, "");
    return reconciler;
}

void reconciler_start(struct core *core)
{
    core->reconciler = reconciler_new(core);
    core->reconciler->running = true;
    core->reconciler->fiber =
            fiber_start(core->loop, "reconciler", reconciler_main, core, FIBER_NO_DEADLINE);
}

bool reconciler_stop(struct core *core, struct error *err)
{
    struct reconciler *reconciler = core->reconciler;
    if (reconciler == NULL || !reconciler->running) {
        return true;
    }
    reconciler->stopping = true;
    fiber_cancel(reconciler->fiber);
    while (reconciler->running) {
        if (!fiber_condition_wait(&reconciler->ended, err)) {
            return false;
        }
    }
    give_lease_back(core);
    return true;
}
