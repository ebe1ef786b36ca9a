/* Webhook subscriptions (composio-api.md §6.1). */
#include "composio/client_internal.h"

static bool webhook_read(void *owner, const struct json *from, void *out)
{
    struct composio_webhook *webhook = out;
    webhook->id = member_text(from, "id", NULL);
    webhook->url = member_text(from, "webhook_url", "");
    webhook->version = member_text(from, "version", "");
    webhook->secret = member_text(from, "secret", NULL);
    webhook->events = texts_read(owner, json_get(from, "enabled_events"), &webhook->event_count);
    return webhook->id != NULL;
}

bool composio_webhook_list(struct composio *client, void *owner, struct composio_webhook **list_out,
        size_t *count_out, struct error *err)
{
    const struct list list = {.what = "webhook subscription",
            .path = "/webhook_subscriptions",
            .item_size = sizeof(struct composio_webhook),
            .read = webhook_read};
    void *items;
    if (!list_read(client, owner, &list, &items, count_out, err)) {
        return false;
    }
    *list_out = items;
    return true;
}

static struct slice webhook_body(void *owner, const struct composio_webhook *webhook)
{
    struct buffer body;
    struct json_writer writer;
    request_buffer_init(&body, owner);
    json_writer_init(&writer, &body);
    json_begin_object(&writer);
    json_write_name(&writer, "webhook_url");
    json_write_text(&writer, webhook->url);
    write_texts(&writer, "enabled_events", webhook->events, webhook->event_count);
    json_write_name(&writer, "version"); /* no other tells of accounts */
    json_write_text(&writer, "V3");
    json_end_object(&writer);
    return buffer_slice(&body);
}

static bool webhook_call(struct composio *client, void *owner, const struct call *call,
        struct composio_webhook *out, struct error *err)
{
    const struct json *object;
    struct composio_webhook webhook;
    if (!call_object(client, owner, call, &object, err)) {
        return false;
    }
    if (!webhook_read(owner, object, &webhook)) {
        return fail_promise(call->what, err);
    }
    *out = webhook;
    return true;
}

bool composio_webhook_create(struct composio *client, void *owner,
        const struct composio_webhook *webhook, struct composio_webhook *out, struct error *err)
{
    const struct call call = {.method = "POST",
            .what = "webhook subscription",
            .path = "/webhook_subscriptions",
            .body = webhook_body(owner, webhook),
            .once = true,
            .conflict_is_final = true};
    return webhook_call(client, owner, &call, out, err);
}

bool composio_webhook_update(struct composio *client, void *owner,
        const struct composio_webhook *webhook, struct composio_webhook *out, struct error *err)
{
    const struct call call = {.method = "PATCH",
            .what = "webhook subscription",
            .path = path_with(owner, "/webhook_subscriptions/", webhook->id),
            .body = webhook_body(owner, webhook)};
    return webhook_call(client, owner, &call, out, err);
}

bool composio_webhook_rotate(struct composio *client, void *owner, const char *id,
        const char **secret_out, struct error *err)
{
    const struct call call = {.method = "POST",
            .what = "webhook secret",
            .path = mem_printf(
                    owner, "%s/rotate_secret", path_with(owner, "/webhook_subscriptions/", id))};
    const struct json *object;
    if (!call_object(client, owner, &call, &object, err)) {
        return false;
    }
    const char *secret = member_text(object, "secret", NULL);
    if (secret == NULL) {
        return fail_promise(call.what, err);
    }
    *secret_out = secret;
    return true;
}
