/* The endpoints under /webhook_subscriptions. */
#include "sandbox/paging.h"
#include "sandbox/routes.h"
#include "sandbox/webhooks/webhook.h"

#define LIST_LIMIT_USUAL 20
#define LIST_LIMIT_MOST  50
#define SECRET_BYTES     32

#define COLUMNS      "id, url, version, secret, enabled_events, created_at, updated_at"
#define COLUMN_COUNT 7

static struct webhook_subscription subscription_read(
        struct call *call, const struct db_rows *rows, size_t row)
{
    return (struct webhook_subscription){
            .id = db_get_text(rows, row, 0),
            .url = db_get_text(rows, row, 1),
            .version = db_get_text(rows, row, 2),
            .secret = db_get_text(rows, row, 3),
            .enabled_events = texts_parse(call->memory, db_get_text(rows, row, 4)),
            .created_at = db_get_int(rows, row, 5),
            .updated_at = db_get_int(rows, row, 6),
    };
}

bool webhook_subscription_find(
        struct call *call, struct webhook_subscription *out, bool *found_out, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " COLUMNS " FROM webhook_subscription WHERE deleted = 0", DB_NO_PARAMS,
                &rows, err)) {
        return false;
    }
    *found_out = db_row_count(rows) > 0;
    if (*found_out) {
        *out = subscription_read(call, rows, 0);
    }
    return true;
}

static void subscription_write(struct call *call, const struct webhook_subscription *subscription)
{
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "id");
    json_write_text(json, subscription->id);
    json_write_name(json, "webhook_url");
    json_write_text(json, subscription->url);
    json_write_name(json, "version");
    json_write_text(json, subscription->version);
    json_write_name(json, "enabled_events");
    texts_write(json, &subscription->enabled_events);
    json_write_name(json, "secret");
    json_write_text(json, subscription->secret);
    json_write_name(json, "created_at");
    json_write_time(json, subscription->created_at);
    json_write_name(json, "updated_at");
    json_write_time(json, subscription->updated_at);
    json_end_object(json);
}

static bool not_found(struct call *call, struct error *err)
{
    return api_error_set(
            err, API_NOT_FOUND, "Webhook subscription \"%s\" not found", call->values[0]);
}

/* Answer with the one row of a statement. False also for NOT_FOUND. */
static MUST_CHECK bool answer_row(struct call *call, const struct db_rows *rows, struct error *err)
{
    if (db_row_count(rows) == 0) {
        return not_found(call, err);
    }
    struct webhook_subscription subscription = subscription_read(call, rows, 0);
    subscription_write(call, &subscription);
    return true;
}

/* ---- what a caller may set ---- */

struct settings {
    const char *url, *version; /* NULL: not given */
    struct texts events;       /* none: not given */
};

static MUST_CHECK bool settings_read(struct call *call, struct settings *out, struct error *err)
{
    struct settings settings = {0};
    if (!field_text(call->body, "webhook_url", &settings.url, err) ||
            !field_choice(call->body, "version", webhook_versions, &settings.version, err) ||
            !field_list(call->memory, call->body, "enabled_events", &settings.events, err)) {
        return false;
    }
    if (settings.url != NULL && !webhook_url_acceptable(settings.url)) {
        return api_error_set(err, API_BAD_REQUEST,
                "webhook_url: expected an https URL of at most %d characters",
                WEBHOOK_URL_BYTES_MAX);
    }
    if (json_get(call->body, "enabled_events") != NULL && settings.events.count == 0) {
        return api_error_set(err, API_BAD_REQUEST, "enabled_events: expected at least one");
    }
    for (size_t i = 0; i < settings.events.count; i++) {
        if (webhook_event_type(settings.events.items[i]) == NULL) {
            return api_error_set(err, API_BAD_REQUEST, "enabled_events: there is no event type %s",
                    settings.events.items[i]);
        }
    }
    *out = settings;
    return true;
}

/* ---- POST, GET /webhook_subscriptions ---- */

bool webhook_subscription_create(struct call *call, struct error *err)
{
    struct settings settings;
    const char *url;
    if (!field_required(call->body, "webhook_url", &url, err) ||
            !settings_read(call, &settings, err)) {
        return false;
    }
    if (settings.events.count == 0) {
        return api_error_set(err, API_BAD_REQUEST, "enabled_events: required");
    }
    const struct db_rows *rows;
    struct db_statement statement = {
            "INSERT INTO webhook_subscription (id, url, version, enabled_events, secret, "
            "created_at, updated_at) SELECT $1, $2, $3, $4, $5, $6, $6 "
            "WHERE NOT EXISTS (SELECT 1 FROM webhook_subscription WHERE deleted = 0) "
            "RETURNING " COLUMNS,
            DB_PARAMS(DB_TEXT(sandbox_new_id(call->memory, "ws_", 12)), DB_TEXT(url),
                    DB_TEXT(settings.version == NULL ? "V3" : settings.version),
                    DB_TEXT(texts_json(call->memory, &settings.events)),
                    DB_TEXT(random_token(call->memory, SECRET_BYTES)), DB_INT(call->now_ms))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return api_error_set(err, API_CONFLICT,
                "A webhook subscription already exists for this project; change or delete it");
    }
    call->status = 201;
    return answer_row(call, rows, err);
}

bool webhook_subscription_list(struct call *call, struct error *err)
{
    struct paging paging;
    struct webhook_subscription subscription;
    bool found;
    if (!paging_by_cursor(call, LIST_LIMIT_USUAL, LIST_LIMIT_MOST, &paging, err) ||
            !webhook_subscription_find(call, &subscription, &found, err)) {
        return false;
    }
    json_begin_object(&call->json);
    json_write_name(&call->json, "items");
    json_begin_array(&call->json);
    if (found && paging.offset == 0) {
        subscription_write(call, &subscription);
    }
    json_end_array(&call->json);
    paging_write_cursor(call, &paging, found ? 1 : 0);
    json_end_object(&call->json);
    return true;
}

/* ---- GET, PATCH, DELETE /webhook_subscriptions/{}, POST …/rotate_secret ---- */

bool webhook_subscription_get(struct call *call, struct error *err)
{
    const struct db_rows *rows;
    return db_read(call->sandbox->db, call->memory,
                   "SELECT " COLUMNS " FROM webhook_subscription WHERE id = $1 AND deleted = 0",
                   DB_PARAMS(DB_TEXT(call->values[0])), &rows, err) &&
           answer_row(call, rows, err);
}

bool webhook_subscription_update(struct call *call, struct error *err)
{
    struct settings settings;
    const struct db_rows *rows;
    if (!settings_read(call, &settings, err)) {
        return false;
    }
    if (settings.url == NULL && settings.version == NULL && settings.events.count == 0) {
        return api_error_set(err, API_BAD_REQUEST,
                "Provide at least one of webhook_url, enabled_events and version");
    }
    struct db_statement statement = {
            "UPDATE webhook_subscription SET url = coalesce($2, url), "
            "version = coalesce($3, version), enabled_events = coalesce($4, enabled_events), "
            "updated_at = $5 WHERE id = $1 AND deleted = 0 RETURNING " COLUMNS,
            DB_PARAMS(DB_TEXT(call->values[0]), DB_TEXT(settings.url), DB_TEXT(settings.version),
                    settings.events.count == 0
                            ? DB_NULL
                            : DB_TEXT(texts_json(call->memory, &settings.events)),
                    DB_INT(call->now_ms))};
    return db_write(call->sandbox->db, call->memory, &statement, 1, &rows, err) &&
           answer_row(call, rows, err);
}

bool webhook_subscription_delete(struct call *call, struct error *err)
{
    const struct db_rows *rows;
    struct db_statement statement = {"UPDATE webhook_subscription SET deleted = 1, updated_at = $2 "
                                     "WHERE id = $1 AND deleted = 0",
            DB_PARAMS(DB_TEXT(call->values[0]), DB_INT(call->now_ms))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, &rows, err)) {
        return false;
    }
    if (db_rows_affected(rows) == 0) {
        return not_found(call, err);
    }
    json_begin_object(&call->json);
    json_write_name(&call->json, "success");
    json_write_bool(&call->json, true);
    json_end_object(&call->json);
    return true;
}

/* The old secret is gone at once: the next attempt is signed with the new one. */
bool webhook_subscription_rotate(struct call *call, struct error *err)
{
    const struct db_rows *rows;
    struct db_statement statement = {"UPDATE webhook_subscription SET secret = $2, updated_at = $3 "
                                     "WHERE id = $1 AND deleted = 0 RETURNING id, secret",
            DB_PARAMS(DB_TEXT(call->values[0]), DB_TEXT(random_token(call->memory, SECRET_BYTES)),
                    DB_INT(call->now_ms))};
    if (!db_write(call->sandbox->db, call->memory, &statement, 1, &rows, err)) {
        return false;
    }
    if (db_row_count(rows) == 0) {
        return not_found(call, err);
    }
    json_begin_object(&call->json);
    json_write_name(&call->json, "id");
    json_write_text(&call->json, db_get_text(rows, 0, 0));
    json_write_name(&call->json, "secret");
    json_write_text(&call->json, db_get_text(rows, 0, 1));
    json_end_object(&call->json);
    return true;
}

/* ---- GET /webhook_subscriptions/event_types ---- */

bool webhook_event_type_list(struct call *call, struct error *err)
{
    (void)err;
    struct json_writer *json = &call->json;
    json_begin_object(json);
    json_write_name(json, "items");
    json_begin_array(json);
    for (const struct webhook_event_type *type = webhook_event_types; type->type != NULL; type++) {
        json_begin_object(json);
        json_write_name(json, "event_type");
        json_write_text(json, type->type);
        json_write_name(json, "description");
        json_write_text(json, type->description);
        json_write_name(json, "supported_versions");
        json_begin_array(json);
        for (const char *const *version = type->versions; *version != NULL; version++) {
            json_write_text(json, *version);
        }
        json_end_array(json);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
    return true;
}
