/* Webhook subscriptions: what is sent, what is read of the answers. */
#include "composio/composio_stage.h"

static void show(struct stage *stage, const struct composio_webhook *webhook)
{
    buffer_printf(&stage->out, "%s|%s|%s|%s|", webhook->id, webhook->url, webhook->version,
            or_dash(webhook->secret));
    for (size_t i = 0; i < webhook->event_count; i++) {
        buffer_printf(&stage->out, "%s ", webhook->events[i]);
    }
    buffer_add_char(&stage->out, '\n');
}

static bool list(struct stage *stage, struct error *err)
{
    struct composio_webhook *webhooks;
    size_t count;
    bool ok = composio_webhook_list(stage->client, stage->owner, &webhooks, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        show(stage, &webhooks[i]);
    }
    return ok;
}

static const char *const events[] = {"composio.connected_account.expired"};
static const struct composio_webhook wanted = {.id = "ws/1",
        .url = "https://t.example/w",
        .events = events,
        .event_count = 1};

static bool create(struct stage *stage, struct error *err)
{
    struct composio_webhook out;
    bool ok = composio_webhook_create(stage->client, stage->owner, &wanted, &out, err);
    if (ok) {
        show(stage, &out);
    }
    return ok;
}

static bool update(struct stage *stage, struct error *err)
{
    struct composio_webhook out;
    bool ok = composio_webhook_update(stage->client, stage->owner, &wanted, &out, err);
    if (ok) {
        show(stage, &out);
    }
    return ok;
}

static bool rotate(struct stage *stage, struct error *err)
{
    const char *secret;
    bool ok = composio_webhook_rotate(stage->client, stage->owner, "ws_1", &secret, err);
    if (ok) {
        buffer_add_text(&stage->out, secret);
    }
    return ok;
}

#define BODY                                                                             \
    "{\"webhook_url\":\"https://t.example/w\",\"enabled_events\":[\"composio.connected_" \
    "account.expired\"],\"version\":\"V3\"}"
#define WEBHOOK                                                                              \
    "{\"id\":\"ws_1\",\"webhook_url\":\"https://a.example/\",\"version\":\"V2\",\"secret\":" \
    "\"whsec\",\"enabled_events\":[\"a\",\"b\"],\"created_at\":\"\",\"updated_at\":\"\"}"

static const struct row rows[] = {
        {.name = "list",
                .act = list,
                .replies = {{200,
                        "{\"items\":[" WEBHOOK ",{\"id\":\"ws_2\"}],\"next_cursor\":null}"}},
                .requests = "GET /api/v3.1/webhook_subscriptions?limit=50\n",
                .result = "ws_1|https://a.example/|V2|whsec|a b \nws_2|||-|\n"},
        {.name = "create",
                .act = create,
                .replies = {{201, WEBHOOK}},
                .requests = "POST /api/v3.1/webhook_subscriptions " BODY "\n",
                .result = "ws_1|https://a.example/|V2|whsec|a b \n"},
        {.name = "create where there is one",
                .act = create,
                .replies = {{409, "{\"error\":{\"message\":\"THEIR WORDS\"}}"}},
                .requests = "POST /api/v3.1/webhook_subscriptions " BODY "\n",
                .code = ERROR_BAD_REQUEST,
                .reason = "UPSTREAM_REJECTED"},
        {.name = "update",
                .act = update,
                .replies = {{503, "", NO_DELAY}, {200, WEBHOOK}},
                .requests = "PATCH /api/v3.1/webhook_subscriptions/ws%2F1 " BODY "\n"
                            "PATCH /api/v3.1/webhook_subscriptions/ws%2F1 " BODY "\n",
                .result = "ws_1|https://a.example/|V2|whsec|a b \n"},
        {.name = "update without an id in the answer",
                .act = update,
                .replies = {{200, "{}"}},
                .requests = "PATCH /api/v3.1/webhook_subscriptions/ws%2F1 " BODY "\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
        {.name = "rotate",
                .act = rotate,
                .replies = {{200, "{\"id\":\"ws_1\",\"secret\":\"new\"}"}},
                .requests = "POST /api/v3.1/webhook_subscriptions/ws_1/rotate_secret\n",
                .result = "new"},
        {.name = "rotate without a secret in the answer",
                .act = rotate,
                .replies = {{200, "{\"id\":\"ws_1\"}"}},
                .requests = "POST /api/v3.1/webhook_subscriptions/ws_1/rotate_secret\n",
                .code = ERROR_BAD_GATEWAY,
                .reason = "UPSTREAM_UNAVAILABLE"},
};

START_TEST(webhook_row)
{
    play(&rows[_i]);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, webhook_row, rows);
}
TEST_MAIN("composio_webhooks", cases)
