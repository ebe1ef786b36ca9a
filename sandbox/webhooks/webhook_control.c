/* /_sandbox/webhooks, for tests of receivers:
 *
 *   GET /_sandbox/webhooks                   {"items": [oldest first: {id, event_type, version, status, attempts,
 *                                            http_status, problem, next_attempt_at, created_at, updated_at, body}]}
 *   POST /_sandbox/webhooks                  make any event and send it: {"type": "composio.…", "data": {…},
 *                                            "metadata": {…}, "connected_account_id": "ca_…"}, all but the type
 *                                            optional; it goes out whether or not the subscription has it enabled
 *   POST /_sandbox/webhooks/{id}/redeliver   send it again now, under the same webhook-id
 *
 * Both POSTs answer with the message as GET has it, after the receiver did. */
#include "sandbox/accounts/account.h"
#include "sandbox/routes.h"
#include "sandbox/tools/tool_call.h"
#include "sandbox/webhooks/webhook.h"

#define COLUMNS                                                                          \
    "id, event_type, version, status, attempts, http_status, problem, next_attempt_at, " \
    "created_at, updated_at, body"

static void write_time(struct json_writer *json, const char *name, int64_t ms)
{
    json_write_name(json, name);
    json_write_time(json, ms);
}

static void delivery_write(struct json_writer *json, const struct db_rows *rows, size_t row)
{
    static const char *const texts[] = {"id", "event_type", "version", "status"};
    json_begin_object(json);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_write_name(json, texts[i]);
        json_write_text(json, db_get_text(rows, row, i));
    }
    json_write_name(json, "attempts");
    json_write_int(json, db_get_int(rows, row, 4));
    json_write_name(json, "http_status");
    if (db_is_null(rows, row, 5)) {
        json_write_null(json);
    } else {
        json_write_int(json, db_get_int(rows, row, 5));
    }
    json_write_name(json, "problem");
    json_write_text(json, db_get_text(rows, row, 6));
    if (db_is_null(rows, row, 7)) {
        json_write_name(json, "next_attempt_at");
        json_write_null(json);
    } else {
        write_time(json, "next_attempt_at", db_get_int(rows, row, 7));
    }
    write_time(json, "created_at", db_get_int(rows, row, 8));
    write_time(json, "updated_at", db_get_int(rows, row, 9));
    json_write_name(json, "body");
    json_write_text(json, db_get_text(rows, row, 10));
    json_end_object(json);
}

bool control_webhooks(struct call *call, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " COLUMNS " FROM webhook_delivery ORDER BY seq", DB_NO_PARAMS, &rows,
                err)) {
        return false;
    }
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    for (size_t i = 0; i < db_row_count(rows); i++) {
        delivery_write(&call->json, rows, i);
    }
    json_end_array(&call->json);
    json_end_object(&call->json);
    return true;
}

SUSPENDS static MUST_CHECK bool send_and_answer(
        struct call *call, const char *id, struct error *err)
{
    const struct db_rows *rows;
    bool found;
    if (!webhook_send(call, id, &found, err) ||
            !db_read(call->sandbox->db, call->memory,
                    "SELECT " COLUMNS " FROM webhook_delivery WHERE id = $1",
                    DB_PARAMS(DB_TEXT(id)), &rows, err)) {
        return false;
    }
    if (!found || db_row_count(rows) == 0) {
        return api_error_set(err, API_NOT_FOUND, "Webhook message \"%s\" not found", id);
    }
    delivery_write(&call->json, rows, 0);
    return true;
}

bool control_webhook_redeliver(struct call *call, struct error *err)
{
    return send_and_answer(call, call->values[0], err);
}

/* ---- any event ---- */

/* What the service says of an event: for a trigger's, whose it is; the given members win. `account` NULL: none. */
static const char *metadata_of(struct call *call, const char *type, const struct account *account,
        const struct json *given)
{
    struct buffer out;
    struct json_writer json;
    buffer_init(&out, call->memory, CALL_BYTES_MAX);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    if (strcmp(type, WEBHOOK_TRIGGER) != 0) {
        write_text_member(&json, "project_id", SANDBOX_PROJECT_ID);
        write_text_member(&json, "org_id", SANDBOX_ORG_ID);
    } else {
        write_text_member(&json, "log_id", sandbox_new_id(call->memory, "log_", 12));
        write_text_member(&json, "trigger_slug", "GMAIL_NEW_GMAIL_MESSAGE");
        write_text_member(&json, "trigger_id", sandbox_new_id(call->memory, "ti_", 12));
        write_text_member(&json, "connected_account_id", account == NULL ? "" : account->id);
        write_text_member(&json, "auth_config_id", account == NULL ? "" : account->auth_config.id);
        write_text_member(&json, "user_id", account == NULL ? "" : account->user_id);
    }
    json_end_object(&json);
    return given == NULL ? buffer_text(&out)
                         : object_merged(call->memory, buffer_text(&out), given);
}

/* The data of the body, else the account's object, else nothing. */
static MUST_CHECK bool data_of(
        struct call *call, const struct account *account, struct slice *out, struct error *err)
{
    struct call scratch;
    const struct json *given;
    if (!field_object(call->body, "data", &given, err)) {
        return false;
    }
    if (given != NULL) {
        *out = json_to_text(call->memory, given);
    } else if (account == NULL) {
        *out = SLICE("{}");
    } else {
        call_init_own(&scratch, call->sandbox, call->memory);
        account_write(&scratch, account, false);
        *out = buffer_slice(&scratch.out);
    }
    return true;
}

bool control_webhook_send(struct call *call, struct error *err)
{
    struct webhook_event event = {.id = webhook_new_id(call->memory), .time_ms = call->now_ms};
    struct webhook_subscription subscription;
    struct account account;
    const struct json *given;
    const char *account_id;
    bool found;
    if (!field_required(call->body, "type", &event.type, err) ||
            !field_object(call->body, "metadata", &given, err) ||
            !field_text(call->body, "connected_account_id", &account_id, err) ||
            (account_id != NULL && !account_find(call, account_id, &account, err)) ||
            !webhook_subscription_find(call, &subscription, &found, err)) {
        return false;
    }
    if (!found) {
        return api_error_set(err, API_NOT_FOUND, "The project has no webhook subscription");
    }
    if (!webhook_version_has(subscription.version, event.type)) {
        return api_error_set(err, API_BAD_REQUEST, "type: version %s has no %s",
                subscription.version, event.type);
    }
    const struct account *whose = account_id == NULL ? NULL : &account;
    const char *metadata = metadata_of(call, event.type, whose, given);
    /* Due only after the attempt made here: the job is not to send it at the same time. */
    int64_t at_ms = call->now_ms + 60000;
    return json_parse(call->memory, slice_of(metadata), &event.metadata, err) &&
           data_of(call, whose, &event.data, err) &&
           webhook_store(call, &subscription, &event, at_ms, err) &&
           send_and_answer(call, event.id, err);
}
