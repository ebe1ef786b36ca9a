/* Noticing and sending. An account says by `was_active` that its expiry, should it come, is to be told; taking that mark away
 * and keeping the message are one transaction, so a crash neither loses nor doubles it. */
#include "base/clock.h"
#include "base/log.h"
#include "fetch/fetch.h"
#include "sandbox/accounts/account.h"
#include "sandbox/webhooks/webhook.h"

#include <inttypes.h>

#define TURN_EVERY_MS   1000
#define TURN_TIMEOUT_MS 60000
#define SEND_TIMEOUT_MS 10000
#define REPLY_BYTES_MAX (64 * 1024)
#define PER_TURN        "100"
#define DELIVERIES_KEPT "1000" /* of those that are done with */

/* After the first attempt, and each of the next. */
static const int64_t pauses_ms[] = {5000, 30000, 120000, 600000, 1800000};
#define PAUSE_COUNT ((int64_t)(sizeof pauses_ms / sizeof pauses_ms[0]))

struct webhooks {
    struct sandbox *sandbox;
    struct fetcher *fetcher;
    struct fiber *fiber;
    struct fiber_signal woken;
    struct fiber_mutex noticing; /* one at a time, or both would tell */
    bool stopping, running;
    struct fiber_condition ended;
};

const char *webhook_new_id(void *owner)
{
    char uuid[UUID_TEXT_SIZE];
    return mem_printf(owner, "msg_%s", uuid_v4(uuid));
}

/* ---- keeping ---- */

#define INSERT_VALUES 7

static struct db_statement insert_of(struct call *call,
        const struct webhook_subscription *subscription, const struct webhook_event *event,
        int64_t at_ms, struct db_value values[INSERT_VALUES])
{
    values[0] = DB_TEXT(event->id);
    values[1] = DB_TEXT(subscription->id);
    values[2] = DB_TEXT(event->type);
    values[3] = DB_TEXT(subscription->version);
    values[4] = DB_TEXT(webhook_body(call->memory, subscription->version, event));
    values[5] = DB_INT(at_ms);
    values[6] = DB_INT(event->time_ms);
    return (struct db_statement){
            "INSERT INTO webhook_delivery (id, subscription_id, event_type, version, body, "
            "status, next_attempt_at, created_at, updated_at) "
            "VALUES ($1, $2, $3, $4, $5, 'PENDING', $6, $7, $7)",
            {values, INSERT_VALUES}};
}

static const struct db_statement forget_old = {
        "DELETE FROM webhook_delivery WHERE status <> 'PENDING' AND seq <= "
        "(SELECT max(seq) - " DELIVERIES_KEPT " FROM webhook_delivery)",
        {NULL, 0}};

bool webhook_store(struct call *call, const struct webhook_subscription *subscription,
        const struct webhook_event *event, int64_t at_ms, struct error *err)
{
    struct db_value values[INSERT_VALUES];
    struct db_statement statements[] = {
            insert_of(call, subscription, event, at_ms, values), forget_old};
    return db_write(call->sandbox->db, call->memory, statements, 2, NULL, err);
}

/* ---- sending ---- */

struct delivery {
    const char *id, *version, *body, *url, *secret;
};

static MUST_CHECK bool post(struct call *call, const struct delivery *delivery,
        struct fetch_reply *reply, struct error *err)
{
    /* Receivers compare it with their own clock: the real one, wherever the sandbox's was moved to. */
    const char *timestamp = mem_printf(call->memory, "%" PRId64, clock_now_ms() / 1000);
    struct slice body = slice_of(delivery->body);
    const struct fetch_header headers[] = {
            {"content-type", "application/json"},
            {"webhook-id", delivery->id},
            {"webhook-timestamp", timestamp},
            {"webhook-signature", webhook_signature(call->memory, delivery->secret, delivery->id,
                                          timestamp, body)},
            {"x-composio-webhook-version", delivery->version},
    };
    struct fetch_request request = {
            .method = "POST",
            .url = delivery->url,
            .headers = headers,
            .header_count = sizeof headers / sizeof headers[0],
            .body = body,
            .timeout_ms = SEND_TIMEOUT_MS,
            .max_reply_bytes = REPLY_BYTES_MAX,
    };
    return fetch(call->sandbox->webhooks->fetcher, call->memory, &request, reply, err);
}

/* What was delivered once stays so. */
SUSPENDS static MUST_CHECK bool note(struct call *call, const struct delivery *delivery,
        int64_t attempts, int status, const char *problem, struct error *err)
{
    bool delivered = problem == NULL, over = attempts > PAUSE_COUNT;
    int64_t now_ms = sandbox_now_ms(call->sandbox);
    struct db_statement statement = {
            "UPDATE webhook_delivery SET attempts = attempts + 1, http_status = $2, problem = $3, "
            "status = CASE WHEN status = 'DELIVERED' THEN status ELSE $4 END, "
            "next_attempt_at = CASE WHEN status = 'DELIVERED' THEN NULL ELSE $5 END, "
            "updated_at = $6 WHERE id = $1",
            DB_PARAMS(DB_TEXT(delivery->id), status == 0 ? DB_NULL : DB_INT(status),
                    DB_TEXT(problem),
                    DB_TEXT(delivered ? "DELIVERED"
                            : over    ? "FAILED"
                                      : "PENDING"),
                    delivered || over ? DB_NULL : DB_INT(now_ms + pauses_ms[attempts - 1]),
                    DB_INT(now_ms))};
    return db_write(call->sandbox->db, call->memory, &statement, 1, NULL, err);
}

bool webhook_send(struct call *call, const char *id, bool *found_out, struct error *err)
{
    const struct db_rows *rows;
    struct fetch_reply reply = {0};
    struct error failure = {0};
    const char *problem = NULL;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT d.id, d.version, d.body, s.url, s.secret, d.attempts + 1 "
                "FROM webhook_delivery d JOIN webhook_subscription s ON s.id = d.subscription_id "
                "WHERE d.id = $1 AND s.deleted = 0",
                DB_PARAMS(DB_TEXT(id)), &rows, err)) {
        return false;
    }
    *found_out = db_row_count(rows) > 0;
    if (!*found_out) {
        return true;
    }
    struct delivery delivery = {.id = db_get_text(rows, 0, 0),
            .version = db_get_text(rows, 0, 1),
            .body = db_get_text(rows, 0, 2),
            .url = db_get_text(rows, 0, 3),
            .secret = db_get_text(rows, 0, 4)};
    if (!post(call, &delivery, &reply, &failure)) {
        problem = failure.message;
    } else if (reply.status < 200 || reply.status > 299) {
        problem = "the receiver did not answer 2xx";
    }
    return note(call, &delivery, db_get_int(rows, 0, 5), reply.status, problem, err);
}

SUSPENDS static MUST_CHECK bool send_due(struct call *call, struct error *err)
{
    const struct db_rows *rows;
    bool found;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT d.id FROM webhook_delivery d "
                "JOIN webhook_subscription s ON s.id = d.subscription_id AND s.deleted = 0 "
                "WHERE d.status = 'PENDING' AND d.next_attempt_at <= $1 "
                "ORDER BY d.next_attempt_at, d.seq LIMIT " PER_TURN,
                DB_PARAMS(DB_INT(call->now_ms)), &rows, err)) {
        return false;
    }
    for (size_t i = 0; i < db_row_count(rows); i++) {
        fiber_set_deadline(clock_monotonic_ms() + TURN_TIMEOUT_MS);
        if (call->sandbox->webhooks->stopping ||
                !webhook_send(call, db_get_text(rows, i, 0), &found, err)) {
            return call->sandbox->webhooks->stopping;
        }
    }
    return true;
}

/* ---- noticing ---- */

static const struct json *expired_metadata(struct call *call)
{
    const struct json *metadata = NULL;
    struct error ignored = {0};
    (void)!json_parse(call->memory,
            SLICE("{\"project_id\":\"" SANDBOX_PROJECT_ID "\",\"org_id\":\"" SANDBOX_ORG_ID "\"}"),
            &metadata, &ignored);
    return metadata;
}

/* Take the mark away and keep the message in one step. `subscription` NULL: nobody is told. */
SUSPENDS static MUST_CHECK bool tell_expired(struct call *call, const struct account *account,
        const struct webhook_subscription *subscription, struct error *err)
{
    struct call scratch;
    struct webhook_event event = {.id = webhook_new_id(call->memory),
            .type = WEBHOOK_EXPIRED,
            .time_ms = call->now_ms,
            .metadata = expired_metadata(call)};
    call_init_own(&scratch, call->sandbox, call->memory);
    account_write(&scratch, account, false);
    event.data = buffer_slice(&scratch.out);
    struct db_value values[INSERT_VALUES];
    struct db_statement statements[] = {
            {"UPDATE account SET was_active = 0 WHERE id = $1", DB_PARAMS(DB_TEXT(account->id))},
            {0},
            forget_old,
    };
    if (subscription != NULL) {
        statements[1] = insert_of(call, subscription, &event, call->now_ms, values);
    }
    return db_write(
            call->sandbox->db, call->memory, statements, subscription == NULL ? 1 : 3, NULL, err);
}

SUSPENDS static MUST_CHECK bool notice_expired(struct call *call, struct error *err)
{
    const struct db_rows *rows;
    struct webhook_subscription subscription;
    bool found;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " ACCOUNT_COLUMNS ACCOUNT_TABLES
                "WHERE a.was_active = 1 AND a.status <> 'ACTIVE' AND a.deleted = 0 AND " ACCOUNT_STATUS(
                        "$1") " = 'EXPIRED' ORDER BY a.seq LIMIT " PER_TURN,
                DB_PARAMS(DB_INT(account_flow_limit(call))), &rows, err) ||
            (db_row_count(rows) > 0 &&
                    !webhook_subscription_find(call, &subscription, &found, err))) {
        return false;
    }
    for (size_t i = 0; i < db_row_count(rows); i++) {
        struct account account = account_read(call, rows, i);
        bool told = found && texts_have(&subscription.enabled_events, WEBHOOK_EXPIRED) &&
                    webhook_version_has(subscription.version, WEBHOOK_EXPIRED) &&
                    strcmp(account.auth_config.scheme, "OAUTH2") == 0;
        if (!tell_expired(call, &account, told ? &subscription : NULL, err)) {
            return false;
        }
    }
    return true;
}

SUSPENDS static MUST_CHECK bool notice(struct call *call, struct error *err)
{
    struct fiber_mutex *mutex = &call->sandbox->webhooks->noticing;
    if (!fiber_mutex_lock(mutex, err)) {
        return false;
    }
    bool good = notice_expired(call, err);
    fiber_mutex_unlock(mutex);
    return good;
}

bool webhooks_notice(struct call *call, struct error *err)
{
    call->now_ms = sandbox_now_ms(call->sandbox);
    bool good = notice(call, err);
    fiber_signal_set(&call->sandbox->webhooks->woken);
    return good;
}

/* ---- the job ---- */

static void turn(struct webhooks *webhooks)
{
    void *memory = mem_scope_new(NULL, "webhooks");
    struct call call;
    struct error err = {0};
    fiber_set_deadline(clock_monotonic_ms() + TURN_TIMEOUT_MS);
    call_init_own(&call, webhooks->sandbox, memory);
    if ((!notice(&call, &err) || !send_due(&call, &err)) && !webhooks->stopping) {
        log_warn("sandbox: webhooks put off: %s", err.message);
    }
    mem_free(memory);
}

static void webhooks_main(void *argument)
{
    struct webhooks *webhooks = argument;
    struct error ignored = {0};
    while (!webhooks->stopping) {
        turn(webhooks);
        fiber_set_deadline(clock_monotonic_ms() + TURN_EVERY_MS);
        (void)!fiber_signal_wait(&webhooks->woken, &ignored);
        webhooks->woken = (struct fiber_signal){0};
    }
    webhooks->running = false;
    fiber_condition_wake_all(&webhooks->ended);
}

struct webhooks *webhooks_start(struct sandbox *sandbox, struct loop *loop)
{
    static const struct fetch_options options = {.user_agent = "Composio"};
    struct webhooks *webhooks = mem_new(sandbox, struct webhooks);
    webhooks->sandbox = sandbox;
    webhooks->fetcher = fetcher_new(webhooks, loop, &options);
    webhooks->running = true;
    webhooks->fiber = fiber_start(loop, "webhooks", webhooks_main, webhooks, FIBER_NO_DEADLINE);
    return webhooks;
}

bool webhooks_stop(struct webhooks *webhooks, struct error *err)
{
    webhooks->stopping = true;
    if (webhooks->running) {
        fiber_cancel(webhooks->fiber);
    }
    while (webhooks->running) {
        if (!fiber_condition_wait(&webhooks->ended, err)) {
            return false;
        }
    }
    return true;
}
