/* Jobs outlive the process: they are rows. Doing one twice is harmless (what is gone upstream counts as done), so several
 * instances may look at the same time. */
#include "base/clock.h"
#include "base/log.h"
#include "core/core_internal.h"

#define JOBS_AT_ONCE   20
#define BACKOFF_MAX_MS (3600 * 1000)
#define JOB_TIMEOUT_MS 60000

static bool job_done(struct core *core, void *memory, const char *account_id, struct error *err)
{
    struct db_statement statements[] = {
            {"DELETE FROM \"CleanupJob\" WHERE \"composioAccountId\" = $1",
                    DB_PARAMS(DB_TEXT(account_id))},
            {"DELETE FROM \"ConnectAttempt\" WHERE \"composioAccountId\" = $1"
             " AND \"outcome\" NOT IN ('PROVEN', 'OPEN')",
                    DB_PARAMS(DB_TEXT(account_id))},
    };
    return db_write(core->db, memory, statements, 2, NULL, err);
}

static void job_failed(struct core *core, void *memory, const char *account_id)
{
    static const char sql[] =
            "UPDATE \"CleanupJob\" SET \"attempts\" = \"attempts\" + 1, \"notBefore\" = $1"
            " WHERE \"composioAccountId\" = $2";
    static const char attempts_sql[] =
            "SELECT \"attempts\" FROM \"CleanupJob\" WHERE \"composioAccountId\" = $1";
    struct error err = {0};
    const struct db_rows *rows = NULL;
    int64_t attempts = 0;
    if (db_read(core->db, memory, attempts_sql, DB_PARAMS(DB_TEXT(account_id)), &rows, &err) &&
            db_row_count(rows) > 0) {
        attempts = db_get_int(rows, 0, 0);
    }
    int64_t backoff = attempts < 11 ? 2000LL << attempts : BACKOFF_MAX_MS;
    backoff = backoff < BACKOFF_MAX_MS ? backoff : BACKOFF_MAX_MS;
    struct db_statement update = {
            sql, DB_PARAMS(DB_TIME(memory, clock_now_ms() + backoff), DB_TEXT(account_id))};
    if (!db_write(core->db, memory, &update, 1, NULL, &err)) {
        log_warn("cleanup of account %s not put off: %s", account_id, err.message);
    }
}

bool cleanup_account(struct core *core, const char *account_id)
{
    void *memory = mem_scope_new(NULL, "cleanup");
    struct error err = {0};
    bool done = composio_account_revoke(core->composio, account_id, &err) &&
                composio_account_delete(core->composio, account_id, &err) &&
                job_done(core, memory, account_id, &err);
    if (!done) {
        log_warn("account %s not cleaned up at Composio yet, will be tried again: %s", account_id,
                err.message);
        job_failed(core, memory, account_id);
    }
    mem_free(memory);
    return done;
}

struct later {
    struct core *core;
    char *account_id;
};

static void cleanup_later_main(void *argument)
{
    struct later *later = argument;
    (void)cleanup_account(later->core, later->account_id);
    core_task_ended(later->core);
    mem_free(later);
}

void cleanup_account_later(struct core *core, const char *account_id)
{
    struct later *later = mem_new(NULL, struct later);
    later->core = core;
    later->account_id = mem_strdup(later, account_id);
    core_task_begun(core);
    fiber_start(core->loop, "cleanup", cleanup_later_main, later,
            clock_monotonic_ms() + JOB_TIMEOUT_MS);
}

bool cleanup_due(struct core *core, void *memory, const bool *stopping, struct error *err)
{
    static const char sql[] = "SELECT \"composioAccountId\" FROM \"CleanupJob\""
                              " WHERE \"notBefore\" <= $1 ORDER BY \"notBefore\" LIMIT $2";
    const struct db_rows *rows = NULL;
    if (!db_read(core->db, memory, sql,
                DB_PARAMS(DB_TIME(memory, clock_now_ms()), DB_INT(JOBS_AT_ONCE)), &rows, err)) {
        return false;
    }
    for (size_t i = 0; i < db_row_count(rows) && !*stopping; i++) {
        fiber_set_deadline(clock_monotonic_ms() + JOB_TIMEOUT_MS);
        (void)cleanup_account(core, db_get_text(rows, i, 0));
    }
    return true;
}
