#include "sandbox/webhooks/webhook_message.h"

#include "crypto/crypto.h"

#include <assert.h>
#include <ctype.h>

const char *const webhook_versions[] = {"V1", "V2", "V3", NULL};
static const char *const newest_version[] = {"V3", NULL};

const struct webhook_event_type webhook_event_types[] = {
        {WEBHOOK_TRIGGER, "A trigger fired", webhook_versions},
        {WEBHOOK_EXPIRED, "A connected account expired and needs a new consent", newest_version},
        {"composio.trigger.disabled", "A trigger was disabled", newest_version},
        {NULL, NULL, NULL},
};

const struct webhook_event_type *webhook_event_type(const char *type)
{
    const struct webhook_event_type *found = webhook_event_types;
    while (found->type != NULL && strcmp(found->type, type) != 0) {
        found++;
    }
    return found->type == NULL ? NULL : found;
}

bool webhook_version_has(const char *version, const char *type)
{
    return strcmp(version, "V3") == 0 || strcmp(type, WEBHOOK_TRIGGER) == 0;
}

/* ---- where to ---- */

static bool is_loopback(struct slice authority)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        size_t length = strlen(hosts[i]);
        if (slice_starts(authority, hosts[i]) &&
                (authority.length == length || authority.data[length] == ':')) {
            return true;
        }
    }
    return false;
}

bool webhook_url_acceptable(const char *url)
{
    struct slice text = slice_of(url);
    bool secure = slice_starts(text, "https://");
    if (text.length > WEBHOOK_URL_BYTES_MAX || (!secure && !slice_starts(text, "http://"))) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    struct slice authority = slice_skip(text, strlen(secure ? "https://" : "http://"));
    authority.length = strcspn(authority.data, "/?#\\");
    return authority.length > 0 && memchr(authority.data, '@', authority.length) == NULL &&
           (secure || is_loopback(authority));
}

/* ---- envelopes ---- */

static void write_member(
        struct json_writer *json, const char *name, const struct json *object, const char *member)
{
    const char *text = json_text(json_get(object, member));
    json_write_name(json, name);
    json_write_text(json, text == NULL ? "" : text);
}

static void write_v1(struct json_writer *json, const struct webhook_event *event)
{
    write_member(json, "trigger_name", event->metadata, "trigger_slug");
    write_member(json, "connection_id", event->metadata, "connected_account_id");
    write_member(json, "trigger_id", event->metadata, "trigger_id");
    json_write_name(json, "payload");
    json_write_raw(json, event->data);
    write_member(json, "log_id", event->metadata, "log_id");
}

/* The trigger's slug in lower case stands for the type, and its payload among the ids. */
static void write_v2(void *owner, struct json_writer *json, const struct webhook_event *event)
{
    const char *slug = json_text(json_get(event->metadata, "trigger_slug"));
    char *type = mem_strdup(owner, slug == NULL ? "" : slug);
    for (char *c = type; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    json_write_name(json, "type");
    json_write_text(json, type);
    json_write_name(json, "timestamp");
    json_write_time(json, event->time_ms);
    write_member(json, "log_id", event->metadata, "log_id");
    json_write_name(json, "data");
    json_begin_object(json);
    write_member(json, "connection_id", event->metadata, "connected_account_id");
    write_member(json, "connection_nano_id", event->metadata, "connected_account_id");
    write_member(json, "trigger_nano_id", event->metadata, "trigger_id");
    write_member(json, "trigger_id", event->metadata, "trigger_id");
    write_member(json, "user_id", event->metadata, "user_id");
    const struct json *payload = NULL;
    struct error ignored = {0};
    (void)!json_parse(owner, event->data, &payload, &ignored);
    for (struct json_iterator i = json_iterate(payload); json_next(&i);) {
        json_write_name_slice(json, i.name);
        json_write_value(json, i.value);
    }
    json_end_object(json);
}

static void write_v3(struct json_writer *json, const struct webhook_event *event)
{
    json_write_name(json, "id");
    json_write_text(json, event->id);
    json_write_name(json, "timestamp");
    json_write_time(json, event->time_ms);
    json_write_name(json, "type");
    json_write_text(json, event->type);
    json_write_name(json, "metadata");
    json_write_value(json, event->metadata);
    json_write_name(json, "data");
    json_write_raw(json, event->data);
}

const char *webhook_body(void *owner, const char *version, const struct webhook_event *event)
{
    struct buffer out;
    struct json_writer json;
    assert(webhook_version_has(version, event->type));
    buffer_init(&out, owner, 8 * 1024 * 1024);
    json_writer_init(&json, &out);
    json_begin_object(&json);
    if (strcmp(version, "V1") == 0) {
        write_v1(&json, event);
    } else if (strcmp(version, "V2") == 0) {
        write_v2(owner, &json, event);
    } else {
        write_v3(&json, event);
    }
    json_end_object(&json);
    return buffer_text(&out);
}

/* ---- the signature ---- */

const char *webhook_signature(
        void *owner, const char *secret, const char *id, const char *timestamp, struct slice body)
{
    uint8_t mac[SHA256_SIZE];
    const char *message = mem_printf(owner, "%s.%s.%.*s", id, timestamp, SLICE_ARG(body));
    hmac_sha256(slice_of(secret), slice_of(message), mac);
    return mem_printf(
            owner, "v1,%s", base64_encode(owner, (struct slice){(const char *)mac, sizeof mac}));
}
