#include "core/webhook.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/core_internal.h"
#include "crypto/crypto.h"

#define TIMESTAMP_AGE_MAX_S 300
#define ID_LENGTH_MAX       255
#define REREAD_TIMEOUT_MS   60000

/* ---- who sent it (composio-api.md §6.3) ---- */

static bool signature_missing(struct error *err)
{
    return error_set(err, ERROR_UNAUTHORIZED, "SIGNATURE_MISSING",
            "A delivery has the headers webhook-id, webhook-timestamp and webhook-signature.");
}

static bool check_timestamp(struct slice timestamp, struct error *err)
{
    int64_t seconds = 0;
    if (timestamp.length == 0 || timestamp.length > 12) {
        return signature_missing(err);
    }
    for (size_t i = 0; i < timestamp.length; i++) {
        if (timestamp.data[i] < '0' || timestamp.data[i] > '9') {
            return signature_missing(err);
        }
        seconds = seconds * 10 + (timestamp.data[i] - '0');
    }
    int64_t age_s = clock_now_ms() / 1000 - seconds;
    return (age_s <= TIMESTAMP_AGE_MAX_S && age_s >= -TIMESTAMP_AGE_MAX_S) ||
           error_set(err, ERROR_UNAUTHORIZED, "TIMESTAMP_STALE",
                   "The delivery was signed more than %d s ago or ahead; check the clocks.",
                   TIMESTAMP_AGE_MAX_S);
}

/* The operator's, with blanks between, or the one that set-up stored. */
static bool read_secrets(struct core *core, void *memory, struct slice **secrets_out,
        size_t *count_out, struct error *err)
{
    static const char sql[] = "SELECT \"secret\" FROM \"WebhookSubscription\"";
    const struct db_rows *rows = NULL;
    struct slice rest = slice_of(core->options.webhook_secrets), *secrets;
    size_t count = 0;
    if (rest.data == NULL && !db_read(core->db, memory, sql, DB_NO_PARAMS, &rows, err)) {
        return false;
    }
    secrets = mem_array(memory, struct slice, rest.length + 1 + (rows ? db_row_count(rows) : 0));
    while (rest.data != NULL) {
        struct slice secret = slice_split(&rest, ' ');
        secrets[count] = secret;
        count += secret.length > 0;
    }
    for (size_t i = 0; rows != NULL && i < db_row_count(rows); i++) {
        secrets[count++] = db_get_slice(rows, i, 0);
    }
    *secrets_out = secrets;
    *count_out = count;
    return count > 0 ||
           error_set(err, ERROR_NOT_FOUND, "WEBHOOKS_OFF",
                   "This server takes no webhooks: its operator must run `tenon setup` with an https "
                   "PUBLIC_URL, or set COMPOSIO_WEBHOOK_SECRET.");
}

/* Any of the `v1` entries of the list, each "v1," and base64. */
static bool is_among(struct slice list, struct slice expected)
{
    bool found = false;
    while (list.data != NULL) {
        struct slice entry = slice_split(&list, ' ');
        if (slice_starts(entry, "v1,") && equal_constant_time(slice_skip(entry, 3), expected)) {
            found = true;
        }
    }
    return found;
}

static bool is_signed(void *memory, const struct webhook_delivery *delivery,
        const struct slice *secrets, size_t count)
{
    struct buffer message;
    bool found = false;
    buffer_init(&message, memory, SIZE_MAX / 2); /* http bounds the body */
    buffer_add_slice(&message, delivery->id);
    buffer_add_char(&message, '.');
    buffer_add_slice(&message, delivery->timestamp);
    buffer_add_char(&message, '.');
    buffer_add_slice(&message, delivery->body);
    for (size_t i = 0; i < count; i++) {
        uint8_t mac[SHA256_SIZE];
        hmac_sha256(secrets[i], buffer_slice(&message), mac); /* the key is the text itself */
        struct slice bytes = {(const char *)mac, sizeof mac};
        found = is_among(delivery->signature, slice_of(base64_encode(memory, bytes))) || found;
    }
    return found;
}

static bool check_signature(
        struct core *core, void *memory, const struct webhook_delivery *delivery, struct error *err)
{
    struct slice *secrets = NULL;
    size_t count = 0;
    if (!read_secrets(core, memory, &secrets, &count, err)) {
        return false;
    }
    if (delivery->id.length == 0 || delivery->id.length > ID_LENGTH_MAX ||
            delivery->signature.length == 0) {
        return signature_missing(err);
    }
    return check_timestamp(delivery->timestamp, err) &&
           (is_signed(memory, delivery, secrets, count) ||
                   error_set(err, ERROR_UNAUTHORIZED, "SIGNATURE_INVALID",
                           "The signature is not one of this server's subscription."));
}

/* ---- what it hints at ---- */

/* The account to be read again; NULL: none. */
static const char *account_of(const struct json *event)
{
    struct slice type = json_string(json_get(event, "type"));
    const char *id = NULL;
    if (slice_starts(type, "composio.connected_account.")) {
        id = json_text(json_get(json_get(event, "data"), "id"));
    } else if (slice_is(type, "composio.trigger.disabled")) {
        id = json_text(json_get(json_get(event, "metadata"), "connected_account_id"));
    }
    return id != NULL && strlen(id) <= ID_LENGTH_MAX ? id : NULL;
}

/* A row to be read again, in a fiber of its own: Composio wants its answer fast. */
struct reread {
    struct core *core;
    const char *user, *provider;
    struct provider_row row;
};

static void reread_main(void *argument)
{
    struct reread *reread = argument;
    struct core *core = reread->core;
    struct context context = {core, reread, reread->user};
    enum connection_status status;
    struct composio_account account;
    struct error err = {0};
    if (!connection_refresh(&context, reread->provider, &reread->row, &status, &account, &err)) {
        log_warn("connection %s not read again yet, will be by the reconciler: %s",
                reread->row.connection_id, err.message);
    }
    mem_free(reread);
    core_task_ended(core);
}

static void reread_later(struct core *core, const struct db_rows *rows, size_t i)
{
    struct reread *reread = mem_new(NULL, struct reread);
    reread->core = core;
    reread->user = mem_strdup(reread, db_get_text(rows, i, 1));
    reread->provider = mem_strdup(reread, db_get_text(rows, i, 2));
    reread->row = (struct provider_row){
            .connection_id = mem_strdup(reread, db_get_text(rows, i, 0)),
            .status = connection_status_parse(db_get_slice(rows, i, 3)),
            .account_id = mem_strdup(reread, db_get_text(rows, i, 4)),
            .entity_id = mem_strdup(reread, db_get_text(rows, i, 5)),
    };
    core_task_begun(core);
    fiber_start(
            core->loop, "webhook", reread_main, reread, clock_monotonic_ms() + REREAD_TIMEOUT_MS);
}

/* In one transaction: a delivery counts as taken only if its row is marked. A row that is PENDING is followed anyway, by
 * its attempt. */
static bool mark(struct core *core, void *memory, struct slice delivery_id, const char *account_id,
        enum webhook_outcome *out, struct error *err)
{
    struct db_value time = DB_TIME(memory, clock_now_ms());
    struct db_statement statements[] = {
            {"UPDATE \"UserConnection\" SET \"lastSyncedAt\" = NULL, \"updatedAt\" = $1"
             " WHERE \"composioAccountId\" = $2 AND \"status\" IN ('ACTIVE', 'INACTIVE')"
             " AND NOT EXISTS (SELECT 1 FROM \"WebhookDelivery\" WHERE \"id\" = $3)"
             " RETURNING \"id\", \"userId\", \"provider\", \"status\", \"composioAccountId\","
             " \"composioEntityId\"",
                    DB_PARAMS(time, DB_TEXT(account_id), DB_SLICE(delivery_id))},
            {"INSERT INTO \"WebhookDelivery\" (\"id\", \"receivedAt\") VALUES ($1, $2)"
             " ON CONFLICT (\"id\") DO NOTHING",
                    DB_PARAMS(DB_SLICE(delivery_id), time)},
    };
    const struct db_rows *results[2] = {0};
    if (!db_write(core->db, memory, statements, 2, results, err)) {
        return false;
    }
    for (size_t i = 0; i < db_row_count(results[0]); i++) {
        reread_later(core, results[0], i);
    }
    *out = db_rows_affected(results[1]) == 0 ? WEBHOOK_REPEATED
           : db_row_count(results[0]) == 0   ? WEBHOOK_IGNORED
                                             : WEBHOOK_TAKEN;
    return true;
}

bool webhook_take(struct core *core, void *memory, const struct webhook_delivery *delivery,
        enum webhook_outcome *out, struct error *err)
{
    const struct json *event = NULL;
    if (!check_signature(core, memory, delivery, err)) {
        return false;
    }
    if (!json_parse(memory, delivery->body, &event, err)) {
        err->code = ERROR_BAD_REQUEST;
        return false;
    }
    const char *account_id = account_of(event);
    if (account_id == NULL) {
        *out = WEBHOOK_IGNORED;
        return true;
    }
    return mark(core, memory, delivery->id, account_id, out, err);
}
