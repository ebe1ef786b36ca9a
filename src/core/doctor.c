#include "core/doctor.h"

#include "base/clock.h"
#include "core/account_index.h"
#include "core/core_internal.h"

#include <stdlib.h>

/* Composio signs webhooks, and auth providers sign tokens, with windows of minutes; the Date header counts seconds. */
#define SKEW_MAX_MS        30000
#define OVERDUE_MS         (5 * 60 * 1000) /* work that some instance's reconciler should have done */
#define ROWS_PER_READ      500
#define FINDINGS_PER_CHECK 20 /* of the same kind, one by one; the rest is counted */

struct doctor {
    struct core *core;
    const struct doctor_options *options;
    doctor_report *report;
    void *argument;
    void *memory; /* of the check that runs */
    size_t problems;
};

/* ---- findings ---- */

PRINTF_LIKE(5, 6)
static void find(struct doctor *doctor, enum doctor_verdict verdict, const char *check,
        const char *remedy, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct doctor_finding finding = {
            .verdict = verdict,
            .check = check,
            .what = mem_vprintf(doctor->memory, format, arguments),
            .remedy = remedy,
    };
    va_end(arguments);
    doctor->problems += verdict == DOCTOR_PROBLEM;
    doctor->report(doctor->argument, &finding);
}

/* A problem that can be mended: `fixed` says that it just was. */
PRINTF_LIKE(4, 5)
static void find_fixable(
        struct doctor *doctor, const char *check, bool fixed, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct doctor_finding finding = {
            .verdict = fixed ? DOCTOR_FIXED : DOCTOR_PROBLEM,
            .check = check,
            .what = mem_vprintf(doctor->memory, format, arguments),
            .remedy = fixed ? NULL : "run `tenon doctor --fix`",
            .fixable = true,
    };
    va_end(arguments);
    doctor->problems += !fixed;
    doctor->report(doctor->argument, &finding);
}

/* Something could not be looked at, or mended. */
static void find_error(struct doctor *doctor, const char *check, const struct error *err)
{
    find(doctor, DOCTOR_PROBLEM, check, NULL, "%s%s%s%s", err->message,
            *err->detail == '\0' ? "" : " (", err->detail, *err->detail == '\0' ? "" : ")");
}

/* ---- Composio ---- */

/* The key sees one project: what is in it tells whether it is the right one. False: nothing can be asked. */
static bool check_key(struct doctor *doctor)
{
    struct composio_auth_config *configs = NULL;
    size_t count = 0;
    struct error err = {0};
    if (!composio_auth_config_list(
                doctor->core->composio, doctor->memory, NULL, &configs, &count, &err)) {
        bool refused = err.reason != NULL && strcmp(err.reason, "UPSTREAM_KEY_REFUSED") == 0;
        find(doctor, DOCTOR_PROBLEM, "key",
                refused ? "set COMPOSIO_API_KEY to a key (ak_…) of your project, from Composio's dashboard"
                        : "see that COMPOSIO_BASE_URL can be reached from this machine",
                "%s (%s)", err.message, err.detail);
        return false;
    }
    find(doctor, DOCTOR_OK, "key", NULL,
            "Composio takes the API key; its project has %zu auth configs", count);
    return true;
}

static void check_clock(struct doctor *doctor)
{
    int64_t skew_ms = 0;
    if (!composio_clock_skew(doctor->core->composio, &skew_ms)) {
        find(doctor, DOCTOR_NOTE, "clock", NULL, "Composio does not say what time it is");
    } else if (skew_ms > SKEW_MAX_MS || skew_ms < -SKEW_MAX_MS) {
        find(doctor, DOCTOR_PROBLEM, "clock",
                "let this machine keep its time (timedatectl set-ntp true): tokens and webhooks are refused by it",
                "this machine's clock is %lld s %s Composio's", (long long)llabs(skew_ms) / 1000,
                skew_ms > 0 ? "behind" : "ahead of");
    } else {
        find(doctor, DOCTOR_OK, "clock", NULL, "agrees with Composio's");
    }
}

/* ---- set-up ---- */

/* Lines to be told once it is known whether what they say was mended. */
struct lines {
    void *memory;
    char **items;
    size_t count;
};

static void keep_line(void *argument, const char *line)
{
    struct lines *lines = argument;
    lines->items = mem_resize(lines->memory, lines->items, (lines->count + 1) * sizeof(char *));
    lines->items[lines->count++] = mem_strdup(lines->memory, line);
}

static void drop_line(void *argument, const char *line)
{
    (void)argument;
    (void)line;
}

static const char *setup_remedy(const struct error *err)
{
    static const struct {
        const char *reason, *remedy;
    } remedies[] = {
            {"AUTH_CONFIG_MISSING",
                    "set its COMPOSIO_AUTH_CONFIG_… to an id (ac_…) of this key's project"},
            {"AUTH_CONFIG_DISABLED", "enable it in Composio's dashboard"},
            {"AUTH_CONFIG_MISMATCH",
                    "set its COMPOSIO_AUTH_CONFIG_… to an auth config of the right toolkit"},
            {"TOOL_UNKNOWN", "update Tenon: Composio renamed or removed the tool"},
    };
    for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++) {
        if (err->reason != NULL && strcmp(err->reason, remedies[i].reason) == 0) {
            return remedies[i].remedy;
        }
    }
    return NULL;
}

static void check_setup(struct doctor *doctor, const struct setup_provider *provider)
{
    struct lines lines = {.memory = doctor->memory};
    struct error err = {0};
    bool needed = false, fixed = false;
    if (!setup_check(doctor->core, provider, keep_line, &lines, &needed, &err)) {
        find(doctor, DOCTOR_PROBLEM, "set-up", setup_remedy(&err), "%s", err.message);
        return;
    }
    if (!needed) {
        find(doctor, DOCTOR_OK, "set-up", NULL, "%s", provider->provider->provider);
        return;
    }
    if (doctor->options->fix) {
        fixed = setup_run(doctor->core, provider, 1, drop_line, NULL, &err);
    }
    for (size_t i = 0; i < lines.count; i++) {
        find_fixable(doctor, "set-up", fixed, "%s", lines.items[i]);
    }
    if (doctor->options->fix && !fixed) {
        find_error(doctor, "set-up", &err);
    }
}

static void check_webhooks(struct doctor *doctor)
{
    static const char check[] = "webhooks";
    const char *url = doctor->options->webhooks_to;
    struct error err = {0};
    bool needed = false, fixed = false;
    if (url == NULL) {
        find(doctor, DOCTOR_OK, check, NULL,
                "not wanted: what expires is found within SYNC_INTERVAL_MS");
        return;
    }
    if (!setup_webhooks_check(doctor->core, url, &needed, &err)) {
        find_error(doctor, check, &err);
        return;
    }
    if (!needed) {
        find(doctor, DOCTOR_OK, check, NULL, "Composio delivers them to %s", url);
        return;
    }
    if (doctor->options->fix) {
        fixed = setup_webhooks(doctor->core, url, drop_line, NULL, &err);
    }
    find_fixable(doctor, check, fixed, "Composio does not deliver them to %s", url);
    if (doctor->options->fix && !fixed) {
        find_error(doctor, check, &err);
    }
}

/* ---- background work ---- */

/* *overdue_out: jobs, attempts and executions that some instance's reconciler should long have seen to. */
static bool count_overdue(struct doctor *doctor, int64_t *overdue_out, struct error *err)
{
    static const char sql[] =
            "SELECT (SELECT COUNT(*) FROM \"CleanupJob\" WHERE \"notBefore\" < $1)"
            " + (SELECT COUNT(*) FROM \"ConnectAttempt\" WHERE \"outcome\" = 'OPEN'"
            " AND \"expiresAt\" < $1)"
            " + (SELECT COUNT(*) FROM \"OpenExecution\" WHERE \"closeAt\" < $1)";
    const struct db_rows *rows = NULL;
    if (!db_read(doctor->core->db, doctor->memory, sql,
                DB_PARAMS(DB_TIME(doctor->memory, clock_now_ms() - OVERDUE_MS)), &rows, err)) {
        return false;
    }
    *overdue_out = db_get_int(rows, 0, 0);
    return true;
}

static void check_background(struct doctor *doctor)
{
    static const char check[] = "background";
    struct core *core = doctor->core;
    struct error err = {0};
    int64_t overdue = 0, left = 0;
    if (!count_overdue(doctor, &overdue, &err)) {
        find_error(doctor, check, &err);
        return;
    }
    if (overdue == 0) {
        find(doctor, DOCTOR_OK, check, NULL,
                "no account waits to be deleted, no attempt or execution to be closed");
        return;
    }
    left = overdue;
    if (doctor->options->fix) {
        reconciler_turn_once(core);
        if (!count_overdue(doctor, &left, &err)) {
            find_error(doctor, check, &err);
            return;
        }
    }
    find_fixable(doctor, check, left == 0,
            "%lld accounts to be deleted at Composio, attempts or executions to be closed are overdue: no instance does it, or"
            " Composio refuses",
            (long long)overdue);
}

/* ---- accounts ---- */

/* Tells of one user's accounts, `count` of them at `first`, when more than one of them is there to stay. */
static bool check_user(struct doctor *doctor, const char *provider,
        const struct composio_account *first, size_t count, size_t *found, struct error *err)
{
    struct buffer ids;
    size_t staying = 0;
    buffer_init(&ids, doctor->memory, 1024);
    for (size_t i = 0; i < count; i++) {
        bool ours = false;
        if (!connection_account_is_unproven(
                    doctor->core, doctor->memory, first[i].id, &ours, err)) {
            return false;
        }
        if (!ours && !first[i].disabled) {
            buffer_printf(&ids, "%s%s", staying > 0 ? ", " : "", first[i].id);
            staying++;
        }
    }
    if (staying > 1 && ++*found <= FINDINGS_PER_CHECK) {
        find(doctor, DOCTOR_PROBLEM, "accounts",
                "Tenon uses the one in its row; delete the others in Composio's dashboard",
                "%s: user %s has %zu ACTIVE accounts at Composio: %s", provider, first->user_id,
                staying, ids.overflow ? "too many to name" : buffer_text(&ids));
    }
    return true;
}

static bool check_duplicates(struct doctor *doctor, const char *provider,
        const struct account_index *accounts, size_t *found, struct error *err)
{
    size_t end = 0;
    for (size_t start = 0; start < accounts->count; start = end) {
        const struct composio_account *first = &accounts->list[start];
        while (end < accounts->count && strcmp(accounts->list[end].user_id, first->user_id) == 0) {
            end++;
        }
        if (end - start > 1 && !check_user(doctor, provider, first, end - start, found, err)) {
            return false;
        }
    }
    return true;
}

/* ---- rows ---- */

struct row_check {
    struct doctor *doctor;
    const char *provider;
    const struct account_index *accounts;
    size_t found;
};

/* A disconnected account that lives on at Composio: to be deleted, unless that is already to be done. */
static bool check_revoked(struct row_check *check, const struct context *context,
        const struct provider_row *row, struct error *err)
{
    struct doctor *doctor = check->doctor;
    bool ours = false;
    if (account_index_find(check->accounts, row->entity_id, row->account_id) == NULL) {
        return true;
    }
    if (!connection_account_is_unproven(
                doctor->core, doctor->memory, row->account_id, &ours, err)) {
        return false;
    }
    if (!ours && ++check->found <= FINDINGS_PER_CHECK) {
        bool fixed = doctor->options->fix && cleanup_account(doctor->core, row->account_id);
        find_fixable(doctor, "connections", fixed,
                "%s: user %s disconnected account %s, which is still ACTIVE at Composio",
                check->provider, context->user, row->account_id);
    }
    return true;
}

/* The row against what Composio says of its account. */
static bool check_row(struct row_check *check, const struct context *context,
        const struct provider_row *row, struct error *err)
{
    struct doctor *doctor = check->doctor;
    const struct composio_account *listed =
            account_index_find(check->accounts, row->entity_id, row->account_id);
    struct composio_account account = {0};
    struct error read_error = {0};
    if (row->status == CONNECTION_PENDING || row->status == CONNECTION_FAILED) {
        return true; /* the reconciler follows them */
    }
    if (row->status == CONNECTION_REVOKED) {
        return check_revoked(check, context, row, err);
    }
    if (listed != NULL) {
        account = *listed;
    } else if (!composio_account_get(doctor->core->composio, context->memory, row->account_id,
                       &account, &read_error) &&
               read_error.code != ERROR_NOT_FOUND) {
        *err = read_error;
        return false;
    }
    enum connection_status status = connection_status_after_read(context, row, &account);
    if (status == row->status || ++check->found > FINDINGS_PER_CHECK) {
        return true;
    }
    bool fixed = doctor->options->fix &&
                 connection_refresh(context, check->provider, row, &status, &account, err);
    find_fixable(doctor, "connections", fixed,
            "%s: the connection of user %s says %s; by what Composio says of account %s it is %s",
            check->provider, context->user, connection_status_name(row->status), row->account_id,
            connection_status_name(status));
    return fixed || !doctor->options->fix;
}

static bool check_rows(struct row_check *check, struct error *err)
{
    static const char sql[] =
            "SELECT \"id\", \"userId\", \"status\", \"composioAccountId\", \"composioEntityId\""
            " FROM \"UserConnection\" WHERE \"provider\" = $1 AND \"id\" > $2"
            " ORDER BY \"id\" LIMIT $3";
    struct core *core = check->doctor->core;
    char *from = mem_strdup(check->doctor->memory, "");
    bool ok = true;
    size_t count = ROWS_PER_READ;
    while (ok && count == ROWS_PER_READ) {
        void *memory = mem_scope_new(check->doctor->memory, "rows");
        const struct db_rows *rows = NULL;
        ok = db_read(core->db, memory, sql,
                DB_PARAMS(DB_TEXT(check->provider), DB_TEXT(from), DB_INT(ROWS_PER_READ)), &rows,
                err);
        count = ok ? db_row_count(rows) : 0;
        for (size_t i = 0; ok && i < count; i++) {
            struct context context = {core, memory, db_get_text(rows, i, 1)};
            struct provider_row row = {
                    .connection_id = db_get_text(rows, i, 0),
                    .status = connection_status_parse(db_get_slice(rows, i, 2)),
                    .account_id = db_get_text(rows, i, 3),
                    .entity_id = db_get_text(rows, i, 4),
            };
            ok = check_row(check, &context, &row, err);
        }
        if (count > 0) {
            from = mem_strdup(check->doctor->memory, db_get_text(rows, count - 1, 0));
        }
        mem_free(memory);
    }
    return ok;
}

static void check_accounts(struct doctor *doctor, const struct setup_provider *provider)
{
    static const char check[] = "accounts";
    const char *name = provider->provider->provider;
    struct account_index accounts;
    struct row_check rows = {doctor, name, &accounts, 0};
    struct error err = {0};
    size_t several = 0;
    if (!account_index_read(doctor->core->composio, doctor->memory, provider->auth_config_id,
                doctor->options->pages_max, &accounts, &err) ||
            !check_duplicates(doctor, name, &accounts, &several, &err) ||
            !check_rows(&rows, &err)) {
        find_error(doctor, check, &err);
        return;
    }
    size_t untold = (several > FINDINGS_PER_CHECK ? several - FINDINGS_PER_CHECK : 0) +
                    (rows.found > FINDINGS_PER_CHECK ? rows.found - FINDINGS_PER_CHECK : 0);
    if (untold > 0) {
        find(doctor, DOCTOR_PROBLEM, check,
                doctor->options->fix ? "run `tenon doctor --fix` again"
                                     : "run `tenon doctor --fix`",
                "%s: %zu more of the kind", name, untold);
    }
    if (!accounts.whole) {
        find(doctor, DOCTOR_NOTE, check, "run `tenon doctor --all`",
                "%s: only the newest %zu accounts at Composio were looked at", name,
                accounts.count);
    }
    if (several + rows.found == 0) {
        find(doctor, DOCTOR_OK, check, NULL, "%s: %zu ACTIVE at Composio, rows agree", name,
                accounts.count);
    }
}

/* Two users of one account: one of them acts as the other. */
static void check_shared(struct doctor *doctor)
{
    static const char sql[] =
            "SELECT \"composioAccountId\", MIN(\"userId\"), MAX(\"userId\") FROM \"UserConnection\""
            " WHERE \"status\" <> 'REVOKED' GROUP BY \"composioAccountId\" HAVING COUNT(*) > 1"
            " ORDER BY \"composioAccountId\" LIMIT $1";
    const struct db_rows *rows = NULL;
    struct error err = {0};
    if (!db_read(doctor->core->db, doctor->memory, sql, DB_PARAMS(DB_INT(FINDINGS_PER_CHECK)),
                &rows, &err)) {
        find_error(doctor, "connections", &err);
        return;
    }
    for (size_t i = 0; i < db_row_count(rows); i++) {
        find(doctor, DOCTOR_PROBLEM, "connections",
                "find out whose it is, and disconnect the other: another program wrote that row",
                "account %s stands in the rows of two users, %s and %s", db_get_text(rows, i, 0),
                db_get_text(rows, i, 1), db_get_text(rows, i, 2));
    }
}

/* ---- all of it ---- */

size_t doctor_run(struct core *core, const struct doctor_options *options, doctor_report *report,
        void *argument)
{
    struct doctor doctor = {core, options, report, argument, mem_scope_new(NULL, "doctor"), 0};
    check_shared(&doctor);
    if (check_key(&doctor)) {
        check_clock(&doctor);
        check_background(&doctor);
        check_webhooks(&doctor);
        for (size_t i = 0; i < options->provider_count; i++) {
            void *whole = doctor.memory;
            doctor.memory = mem_scope_new(whole, "provider");
            check_setup(&doctor, &options->providers[i]);
            check_accounts(&doctor, &options->providers[i]);
            mem_free(doctor.memory);
            doctor.memory = whole;
        }
    }
    mem_free(doctor.memory);
    return doctor.problems;
}
